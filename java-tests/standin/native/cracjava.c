// libcracjava.so: stands for libjava. The native methods of the stand-in's classes, bound by name
// in the ordinary way so that JVMTI's NativeMethodBind event is delivered. JVM_Checkpoint is an
// undefined import here, reached through the PLT, as it is in a CRaC JDK's libjava.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <jvmti.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cracvm.h"

#if STANDIN_GENERATION == 0
JNIEXPORT jobjectArray JNICALL Java_jdk_crac_Core_checkpointRestore0(JNIEnv* env, jclass core) {
  (void)core;
  return JVM_Checkpoint(env);
}
#elif STANDIN_GENERATION == 1
JNIEXPORT jobjectArray JNICALL Java_jdk_crac_Core_checkpointRestore0(JNIEnv* env, jclass core,
                                                                     jboolean dry_run,
                                                                     jlong jcmd_stream) {
  (void)core;
  return JVM_Checkpoint(env, dry_run, jcmd_stream);
}
#else
JNIEXPORT jobjectArray JNICALL Java_jdk_internal_crac_mirror_Core_checkpointRestore0(
    JNIEnv* env, jclass core, jintArray claimed, jobjectArray objects, jboolean dry_run,
    jlong jcmd_stream) {
  (void)core;
  jobjectArray (*pointer)(JNIEnv*, jintArray, jobjectArray, jboolean, jlong) =
      StandinCheckpointPointer();
  if (pointer != NULL) return pointer(env, claimed, objects, dry_run, jcmd_stream);
  return JVM_Checkpoint(env, claimed, objects, dry_run, jcmd_stream);
}
#endif

// ---- jdk.internal.standin.Vm: what the stand-in's Java half cannot see from Java. ----

// Tags used while live objects are looked up.
enum { kWantedClass = 1, kFoundObject = 2 };

static jint JNICALL OnLiveObject(jlong class_tag, jlong size, jlong* tag, jint length,
                                 void* user_data) {
  (void)class_tag;
  (void)size;
  (void)length;
  (void)user_data;
  *tag = kFoundObject;
  return JVMTI_VISIT_OBJECTS;
}

// Tags every loaded class that is one of `bases` or a subclass of one.
static void TagWantedClasses(JNIEnv* env, jvmtiEnv* jvmti, jobjectArray bases) {
  jint class_count;
  jclass* classes;
  if ((*jvmti)->GetLoadedClasses(jvmti, &class_count, &classes) != JVMTI_ERROR_NONE) return;
  jsize base_count = (*env)->GetArrayLength(env, bases);
  for (jsize i = 0; i < base_count; ++i) {
    jclass base = (*env)->GetObjectArrayElement(env, bases, i);
    for (jint j = 0; j < class_count; ++j) {
      if ((*env)->IsAssignableFrom(env, classes[j], base)) {
        (*jvmti)->SetTag(jvmti, classes[j], kWantedClass);
      }
    }
    (*env)->DeleteLocalRef(env, base);
  }
  (*jvmti)->Deallocate(jvmti, (unsigned char*)classes);
}

static jobjectArray ToArray(JNIEnv* env, jobject* objects, jint count) {
  jclass object_class = (*env)->FindClass(env, "java/lang/Object");
  if (object_class == NULL) return NULL;
  jobjectArray array = (*env)->NewObjectArray(env, count, object_class, NULL);
  for (jint i = 0; array != NULL && i < count; ++i) {
    (*env)->SetObjectArrayElement(env, array, i, objects[i]);
  }
  return array;
}

// A JVMTI environment of its own for each look-up: its tags go with it.
JNIEXPORT jobjectArray JNICALL Java_jdk_internal_standin_Vm_liveInstances(JNIEnv* env,
                                                                          jclass vm_class,
                                                                          jobjectArray bases) {
  (void)vm_class;
  JavaVM* vm;
  jvmtiEnv* jvmti;
  jvmtiCapabilities capabilities = {.can_tag_objects = 1};
  if ((*env)->GetJavaVM(env, &vm) != JNI_OK ||
      (*vm)->GetEnv(vm, (void**)&jvmti, JVMTI_VERSION_11) != JNI_OK) {
    return NULL;
  }
  // Thousands of local references are made below; they must not outlive this call.
  if ((*env)->PushLocalFrame(env, 64) != 0) return NULL;
  jobjectArray result = NULL;
  if ((*jvmti)->AddCapabilities(jvmti, &capabilities) == JVMTI_ERROR_NONE) {
    TagWantedClasses(env, jvmti, bases);
    jvmtiHeapCallbacks callbacks = {.heap_iteration_callback = OnLiveObject};
    (*jvmti)->IterateThroughHeap(jvmti, JVMTI_HEAP_FILTER_CLASS_UNTAGGED, NULL, &callbacks, NULL);
    const jlong tag = kFoundObject;
    jint count;
    jobject* objects;
    if ((*jvmti)->GetObjectsWithTags(jvmti, 1, &tag, &count, &objects, NULL) == JVMTI_ERROR_NONE) {
      result = ToArray(env, objects, count);
      (*jvmti)->Deallocate(jvmti, (unsigned char*)objects);
    }
  }
  (*jvmti)->DisposeEnvironment(jvmti);
  return (*env)->PopLocalFrame(env, result);
}

JNIEXPORT jintArray JNICALL Java_jdk_internal_standin_Vm_openDescriptors(JNIEnv* env,
                                                                         jclass vm_class) {
  (void)vm_class;
  size_t count = 0;
  size_t capacity = 256;
  jint* fds = malloc(capacity * sizeof(*fds));
  DIR* dir = opendir("/proc/self/fd");
  struct dirent* entry;
  while (dir != NULL && fds != NULL && (entry = readdir(dir)) != NULL) {
    char* end;
    long fd = strtol(entry->d_name, &end, 10);
    if (end == entry->d_name || *end != '\0' || fd == dirfd(dir)) continue;
    if (count == capacity) {
      capacity *= 2;
      jint* grown = realloc(fds, capacity * sizeof(*fds));
      if (grown == NULL) break;
      fds = grown;
    }
    fds[count++] = (jint)fd;
  }
  if (dir != NULL) closedir(dir);
  jintArray result = (*env)->NewIntArray(env, (jsize)count);
  if (result != NULL && fds != NULL) {
    (*env)->SetIntArrayRegion(env, result, 0, (jsize)count, fds);
  }
  free(fds);
  return result;
}

static bool ReadLink(int fd, char* buffer, size_t size) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  ssize_t length = readlink(path, buffer, size - 1);
  if (length < 0) return false;
  buffer[length] = '\0';
  return true;
}

JNIEXPORT jstring JNICALL Java_jdk_internal_standin_Vm_link(JNIEnv* env, jclass vm_class, jint fd) {
  (void)vm_class;
  char text[PATH_MAX];
  return ReadLink(fd, text, sizeof(text)) ? (*env)->NewStringUTF(env, text) : NULL;
}

static const char* FamilyName(int family) {
  switch (family) {
    case AF_UNIX:
      return "AF_UNIX";
    case AF_INET:
      return "AF_INET";
    case AF_INET6:
      return "AF_INET6";
    case AF_NETLINK:
      return "AF_NETLINK";
    default:
      return "unknown";
  }
}

static const char* SocketTypeName(int type) {
  switch (type) {
    case SOCK_STREAM:
      return "SOCK_STREAM";
    case SOCK_DGRAM:
      return "SOCK_DGRAM";
    case SOCK_RAW:
      return "SOCK_RAW";
    case SOCK_SEQPACKET:
      return "SOCK_SEQPACKET";
    default:
      return "unknown";
  }
}

static void FormatHex(const void* bytes, size_t length, char* text) {
  for (size_t i = 0; i < length; ++i) {
    sprintf(text + 2 * i, "%02x", ((const unsigned char*)bytes)[i]);
  }
  text[2 * length] = '\0';
}

// What OpenJDK CRaC's FileDescriptor says of a descriptor that has no better owner:
// "regular: /x", "socket: family=AF_INET type=SOCK_STREAM localaddr=<hex> remoteaddr=<hex>".
JNIEXPORT jstring JNICALL Java_jdk_internal_standin_Vm_describe(JNIEnv* env, jclass vm_class,
                                                                jint fd) {
  (void)vm_class;
  struct stat st;
  if (fstat(fd, &st) != 0) return NULL;
  char text[PATH_MAX + 64];
  if (S_ISSOCK(st.st_mode)) {
    struct sockaddr_storage address;
    char local[2 * sizeof(address) + 1] = "";
    char remote[2 * sizeof(address) + 1] = "";
    int type = 0;
    socklen_t type_size = sizeof(type);
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size);
    socklen_t size = sizeof(address);
    address.ss_family = AF_UNSPEC;
    if (getsockname(fd, (struct sockaddr*)&address, &size) == 0) FormatHex(&address, size, local);
    int family = address.ss_family;
    size = sizeof(address);
    if (getpeername(fd, (struct sockaddr*)&address, &size) == 0) FormatHex(&address, size, remote);
    snprintf(text, sizeof(text), "socket: family=%s type=%s localaddr=%s remoteaddr=%s",
             FamilyName(family), SocketTypeName(type), local, remote);
    return (*env)->NewStringUTF(env, text);
  }
  const char* type = S_ISREG(st.st_mode)    ? "regular"
                     : S_ISDIR(st.st_mode)  ? "directory"
                     : S_ISCHR(st.st_mode)  ? "character"
                     : S_ISBLK(st.st_mode)  ? "block"
                     : S_ISFIFO(st.st_mode) ? "fifo"
                                            : "unknown";
  char link[PATH_MAX];
  if (!ReadLink(fd, link, sizeof(link))) return NULL;
  snprintf(text, sizeof(text), "%s: %s", type, link);
  return (*env)->NewStringUTF(env, text);
}

JNIEXPORT jint JNICALL Java_jdk_internal_standin_Vm_openNull(JNIEnv* env, jclass vm_class) {
  (void)env;
  (void)vm_class;
  return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

JNIEXPORT void JNICALL Java_jdk_internal_standin_Vm_close(JNIEnv* env, jclass vm_class, jint fd) {
  (void)env;
  (void)vm_class;
  close(fd);
}

JNIEXPORT void JNICALL Java_jdk_internal_standin_Vm_exempt(JNIEnv* env, jclass vm_class,
                                                           jintArray fds) {
  (void)vm_class;
  StandinExempt(env, fds);
}
