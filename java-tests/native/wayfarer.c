/* Natives of org.fdorigin.apps.probes.Wayfarer: loads libraries in the ways that the dynamic linker
 * knows, from a library with an RPATH or a RUNPATH of its own, and calls their functions. */
#include <dlfcn.h>
#include <jni.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Of a library that the dynamic linker loads together with this one. */
extern int inn_needed_socket(void);

static void Require(int holds, const char* what) {
  if (holds) return;
  const char* error = dlerror();
  fprintf(stderr, "%s: %s\n", what, error == NULL ? "" : error);
  abort();
}

int wayfarer_socket(void);
int wayfarer_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  __asm__ volatile("" : "+r"(fd) : : "memory");
  return fd;
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Wayfarer_own(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  return wayfarer_socket();
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Wayfarer_needed(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  return inn_needed_socket();
}

static void* Load(const char* name, const char* how) {
  if (strcmp(how, "deepbind") == 0) return dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (strcmp(how, "namespace") == 0) return dlmopen(LM_ID_NEWLM, name, RTLD_NOW | RTLD_LOCAL);
  if (strcmp(how, "global") == 0) return dlopen(name, RTLD_LAZY | RTLD_GLOBAL);
  return dlopen(name, RTLD_LAZY | RTLD_LOCAL);
}

JNIEXPORT jlong JNICALL Java_org_fdorigin_apps_probes_Wayfarer_load(JNIEnv* env, jclass self,
                                                                    jstring name, jstring how) {
  (void)self;
  const char* path = (*env)->GetStringUTFChars(env, name, NULL);
  const char* way = (*env)->GetStringUTFChars(env, how, NULL);
  void* library = Load(path, way);
  Require(library != NULL, path);
  (*env)->ReleaseStringUTFChars(env, how, way);
  (*env)->ReleaseStringUTFChars(env, name, path);
  return (jlong)(intptr_t)library;
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Wayfarer_call(JNIEnv* env, jclass self,
                                                                   jlong library, jstring name) {
  (void)self;
  const char* text = (*env)->GetStringUTFChars(env, name, NULL);
  int (*function)(void) = (int (*)(void))dlsym((void*)(intptr_t)library, text);
  Require(function != NULL, text);
  (*env)->ReleaseStringUTFChars(env, name, text);
  return function();
}

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Wayfarer_unload(JNIEnv* env, jclass self,
                                                                     jlong library) {
  (void)env, (void)self;
  Require(dlclose((void*)(intptr_t)library) == 0, "dlclose");
}
