/* Natives of org.fdorigin.apps.probes.Ferryman: a socket, calls back into Java, and a library that
 * is gone when its socket still is there. */
#include <dlfcn.h>
#include <jni.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void Require(int holds, const char* what) {
  if (holds) return;
  perror(what);
  abort();
}

int ferryman_socket(void);
int ferryman_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  __asm__ volatile("" : "+r"(fd) : : "memory");
  return fd;
}

/* For the foreign function interface. */
int ferryman_hoist(int (*up)(int), int floor);
int ferryman_hoist(int (*up)(int), int floor) {
  int reached = up(floor);
  __asm__ volatile("" : "+r"(reached) : : "memory");
  return reached;
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Ferryman_cross(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  return ferryman_socket();
}

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Ferryman_carry(JNIEnv* env, jclass self,
                                                                    jobject passenger) {
  (void)self;
  jclass type = (*env)->GetObjectClass(env, passenger);
  jmethodID run = (*env)->GetMethodID(env, type, "run", "()V");
  Require(run != NULL, "run()");
  (*env)->CallVoidMethod(env, passenger, run);
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Ferryman_visit(JNIEnv* env, jclass self,
                                                                    jstring library,
                                                                    jstring function) {
  (void)self;
  const char* path = (*env)->GetStringUTFChars(env, library, NULL);
  const char* name = (*env)->GetStringUTFChars(env, function, NULL);
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  Require(handle != NULL, path);
  int (*opener)(void) = (int (*)(void))dlsym(handle, name);
  Require(opener != NULL, name);
  int fd = opener();
  Require(dlclose(handle) == 0, "dlclose");
  Require(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL, "the library stays");
  (*env)->ReleaseStringUTFChars(env, function, name);
  (*env)->ReleaseStringUTFChars(env, library, path);
  return fd;
}

/* Compiled code calls the second of the two, in JVMs that know of such functions (11 to 17),
 * without a change of the thread's state in some. The answer's lowest bit says which it was. */
JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Ferryman_dash(JNIEnv* env, jclass self,
                                                                   jboolean opens) {
  (void)env, (void)self;
  return opens ? ferryman_socket() << 1 : 0;
}
JNIEXPORT jint JNICALL JavaCritical_org_fdorigin_apps_probes_Ferryman_dash(jboolean opens);
JNIEXPORT jint JNICALL JavaCritical_org_fdorigin_apps_probes_Ferryman_dash(jboolean opens) {
  return opens ? ferryman_socket() << 1 | 1 : 1;
}
