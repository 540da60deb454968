// The pair of system calls whose price is measured, with nothing around it but JNI.
#include <jni.h>
#include <sys/socket.h>
#include <unistd.h>

JNIEXPORT jint JNICALL Java_org_fdorigin_bench_OpenAndClose_socketAndClose(JNIEnv* env,
                                                                           jclass type) {
  (void)env;
  (void)type;
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return fd < 0 ? -1 : close(fd);
}
