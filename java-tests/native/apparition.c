/* Makes a socket while it is loaded and another while it is unloaded, both under the dynamic
 * linker's lock. haunt.c loads it. */
#include <stddef.h>
#include <sys/socket.h>

int apparition_constructed = -1;
/* Where the destructor leaves its socket; in memory that outlives the library. */
int* apparition_destroyed = NULL;

__attribute__((constructor)) void apparition_appear(void);
__attribute__((constructor)) void apparition_appear(void) {
  apparition_constructed = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

__attribute__((destructor)) void apparition_vanish(void);
__attribute__((destructor)) void apparition_vanish(void) {
  if (apparition_destroyed == NULL) return;
  *apparition_destroyed = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}
