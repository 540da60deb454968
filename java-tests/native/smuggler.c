/* Natives of org.fdorigin.apps.probes.Smuggler: system calls by an instruction of the library's
 * own, as static binaries and runtimes such as Go's make them, past every hook. */
#include <jni.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static long RawCall(long number, long a, long b, long c) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
#else
#error "which instruction calls the kernel here?"
#endif
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Smuggler_rawSocket(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  return (jint)RawCall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Smuggler_rawClose(JNIEnv* env, jclass self,
                                                                       jint fd) {
  (void)env, (void)self;
  return (jint)RawCall(SYS_close, fd, 0, 0);
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Smuggler_libcSocket(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  return socket(AF_INET, SOCK_DGRAM, 0);
}
