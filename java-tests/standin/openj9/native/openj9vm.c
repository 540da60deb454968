// libopenj9vm.so: stands for what OpenJ9's VM does when a checkpoint is asked for. The native
// method is bound by name in the ordinary way, so that JVMTI's NativeMethodBind event is delivered,
// in the order of steps that the method has in OpenJ9. In place of criu there is a look at the
// sockets: what criu would refuse is refused with its code, and nothing is dumped.
//
// The system property standin.vm takes "events" for the extension events (vm_events.h), joined by
// '+' with "hooks" for an early build, which ran the hooks of a restore after a failed dump, too.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <jvmti.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm_events.h"

// libcriu's -EBADE: the dump itself failed (criu's lib/c/criu.c).
enum { kDumpFailed = -52 };

typedef struct {
  jstring image_dir;
  jstring log_file;
  jstring work_dir;  // null: the image's
  bool external_unix;
  bool tcp_established;
} DumpOptions;

static void CallHooks(JNIEnv* env, const char* method) {
  jclass hooks = (*env)->FindClass(env, "openj9/internal/criu/CheckpointHooks");
  jmethodID id = hooks == NULL ? NULL : (*env)->GetStaticMethodID(env, hooks, method, "()V");
  if (id != NULL) (*env)->CallStaticVoidMethod(env, hooks, id);
}

static int OpenDirectory(JNIEnv* env, jstring path) {
  const char* text = (*env)->GetStringUTFChars(env, path, NULL);
  if (text == NULL) return -1;
  int fd = open(text, O_DIRECTORY);
  (*env)->ReleaseStringUTFChars(env, path, text);
  return fd;
}

static FILE* OpenLog(JNIEnv* env, const DumpOptions* options, int dir) {
  const char* name = (*env)->GetStringUTFChars(env, options->log_file, NULL);
  if (name == NULL) return NULL;
  int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  (*env)->ReleaseStringUTFChars(env, options->log_file, name);
  return fd < 0 ? NULL : fdopen(fd, "w");
}

static bool Refuses(int fd, const DumpOptions* options, FILE* log) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  if (getpeername(fd, (struct sockaddr*)&peer, &size) != 0) return false;
  if (peer.ss_family == AF_INET || peer.ss_family == AF_INET6) {
    int type = 0;
    socklen_t type_size = sizeof(type);
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size);
    if (type != SOCK_STREAM || options->tcp_established) return false;
    if (log != NULL) fprintf(log, "Error: inet: a connected TCP socket: %d\n", fd);
    return true;
  }
  struct ucred credentials;
  socklen_t credentials_size = sizeof(credentials);
  if (peer.ss_family != AF_UNIX || options->external_unix ||
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &credentials_size) != 0 ||
      credentials.pid == getpid()) {
    return false;
  }
  if (log != NULL) fprintf(log, "Error: unix: the other end is not dumped: %d\n", fd);
  return true;
}

// 0, or the code of criu_dump().
static int Dump(JNIEnv* env, const DumpOptions* options, int dir) {
  FILE* log = OpenLog(env, options, dir);
  bool refused = false;
  DIR* all = opendir("/proc/self/fd");
  struct dirent* entry;
  while (all != NULL && (entry = readdir(all)) != NULL) {
    char* end;
    long fd = strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && *end == '\0') refused |= Refuses((int)fd, options, log);
  }
  if (all != NULL) closedir(all);
  if (log != NULL) fclose(log);
  return refused ? kDumpFailed : 0;
}

static void Throw(JNIEnv* env, const char* type_name, const char* text, jint code) {
  jclass type = (*env)->FindClass(env, type_name);
  jmethodID init =
      type == NULL ? NULL : (*env)->GetMethodID(env, type, "<init>", "(Ljava/lang/String;I)V");
  jstring message = init == NULL ? NULL : (*env)->NewStringUTF(env, text);
  if (message == NULL) return;
  jobject exception = (*env)->NewObject(env, type, init, message, code);
  if (exception != NULL) (*env)->Throw(env, exception);
}

static void Checkpoint(JNIEnv* env, const DumpOptions* options) {
  int image = OpenDirectory(env, options->image_dir);
  int work = options->work_dir != NULL ? OpenDirectory(env, options->work_dir) : -1;
  if (image < 0 || (options->work_dir != NULL && work < 0)) {
    Throw(env, "openj9/internal/criu/JVMCheckpointException", "Failed to open directory", 0);
    return;
  }
  CallHooks(env, "runPreCheckpointAlone");
  if (!(*env)->ExceptionCheck(env)) {
    PostVmCheckpoint(env);
    int result = Dump(env, options, work >= 0 ? work : image);
    PostVmRestore(env);  // after a failure too
    if (result == 0 || VmWants("hooks")) CallHooks(env, "runPostRestoreAlone");
    if (result < 0 && !(*env)->ExceptionCheck(env)) {
      char text[64];
      snprintf(text, sizeof(text), "Could not dump the JVM processes, err=%d", result);
      Throw(env, "openj9/internal/criu/SystemCheckpointException", text, result);
    }
  }
  if (work >= 0) close(work);
  close(image);
}

JNIEXPORT void JNICALL Java_openj9_internal_criu_InternalCRIUSupport_checkpointJVMImpl(
    JNIEnv* env, jclass type, jstring image_dir, jboolean leave_running, jboolean shell_job,
    jboolean external_unix, jint log_level, jstring log_file, jboolean file_locks, jstring work_dir,
    jboolean tcp_established, jboolean auto_dedup, jboolean track_memory, jboolean unprivileged,
    jstring options_file, jstring env_file, jlong ghost_file_limit, jboolean tcp_close,
    jboolean tcp_skip_in_flight) {
  (void)type, (void)leave_running, (void)shell_job, (void)file_locks, (void)auto_dedup;
  (void)track_memory, (void)unprivileged, (void)options_file, (void)env_file;
  // Of arguments that are handed on in the wrong place these would not be what they are.
  if (log_level != 2 || ghost_file_limit != -1 || tcp_close || tcp_skip_in_flight) abort();
  const DumpOptions options = {image_dir, log_file, work_dir, external_unix, tcp_established};
  Checkpoint(env, &options);
}

// The form of builds before 2024.
JNIEXPORT void JNICALL Java_org_eclipse_openj9_criu_CRIUSupport_checkpointJVMImpl(
    JNIEnv* env, jclass type, jstring image_dir, jboolean leave_running, jboolean shell_job,
    jboolean external_unix, jint log_level, jstring log_file, jboolean file_locks, jstring work_dir,
    jboolean tcp_established, jboolean auto_dedup, jboolean track_memory, jboolean unprivileged,
    jstring options_file, jstring env_file) {
  (void)type, (void)leave_running, (void)shell_job, (void)file_locks, (void)auto_dedup;
  (void)track_memory;
  if (log_level != 2 || work_dir != NULL || unprivileged || options_file != NULL) abort();
  if ((*env)->GetStringLength(env, env_file) != (jsize)strlen("early")) abort();
  const DumpOptions options = {image_dir, log_file, work_dir, external_unix, tcp_established};
  Checkpoint(env, &options);
}

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void* reserved) {
  (void)options;
  (void)reserved;
  SetUpVmEvents(vm);
  return JNI_OK;
}
