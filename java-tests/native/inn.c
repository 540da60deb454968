/* A library that makes sockets by a function which is named after how the library was found or
 * loaded: INN_SOCKET. wayfarer.c loads it. */
#include <sys/socket.h>

int INN_SOCKET(void);
int INN_SOCKET(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  __asm__ volatile("" : "+r"(fd) : : "memory");
  return fd;
}
