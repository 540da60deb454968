/* Asks the agent for reports: through its C interface, on threads of every kind and at odd times,
 * and by signals. For org.fdorigin.apps.probes.Courier.
 *
 * It is an agent, too. With the option "signal=N" it has a handler for that signal before the agent
 * comes; with "early=AGENT;PATH" it asks for a report while the VM is not there yet. */
#include <dlfcn.h>
#include <errno.h>
#include <jni.h>
#include <jvmti.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int (*dump)(const char* path);
static atomic_int handler_runs;
static atomic_int child_signals;
static char late_path[4096];

static void find(const char* agent) {
  void* library = dlopen(agent, RTLD_NOW | RTLD_NOLOAD);
  if (library != NULL) dump = (int (*)(const char*))dlsym(library, "fdorigin_dump");
}

static void count_run(int signal) {
  (void)signal;
  atomic_fetch_add(&handler_runs, 1);
}

static void count_child(int signal) {
  (void)signal;
  atomic_fetch_add(&child_signals, 1);
}

static void handle(int signal, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, NULL);
}

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void* reserved) {
  (void)vm;
  (void)reserved;
  if (strncmp(options, "signal=", 7) == 0) {
    handle(atoi(options + 7), &count_run);
  } else if (strncmp(options, "early=", 6) == 0) {
    char* path = strchr(options, ';');
    *path++ = '\0';
    find(options + 6);
    fprintf(stderr, "early: %d\n", dump == NULL ? -99 : dump(path));
  }
  return JNI_OK;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void* reserved) {
  (void)vm;
  (void)reserved;
  handle(SIGCHLD, &count_child);
  return JNI_VERSION_1_6;
}

#define COURIER(result, name) JNIEXPORT result JNICALL Java_org_fdorigin_apps_probes_Courier_##name

static void copy(JNIEnv* jni, jstring text, char* to, size_t size) {
  const char* from = (*jni)->GetStringUTFChars(jni, text, NULL);
  snprintf(to, size, "%s", from);
  (*jni)->ReleaseStringUTFChars(jni, text, from);
}

COURIER(void, find)(JNIEnv* jni, jclass type, jstring agent) {
  (void)type;
  char path[4096];
  copy(jni, agent, path, sizeof(path));
  find(path);
}

COURIER(jint, dump)(JNIEnv* jni, jclass type, jstring to) {
  (void)type;
  char path[4096];
  copy(jni, to, path, sizeof(path));
  return dump(*path == '\0' ? NULL : path);
}

static void* dump_there(void* path) {
  pthread_setname_np(pthread_self(), "stranger");
  return (void*)(long)dump(path);
}

COURIER(jint, dumpOnThread)(JNIEnv* jni, jclass type, jstring to) {
  (void)type;
  char path[4096];
  void* result = NULL;
  pthread_t thread;
  copy(jni, to, path, sizeof(path));
  if (pthread_create(&thread, NULL, &dump_there, path) != 0) return -99;
  pthread_join(thread, &result);
  return (jint)(long)result;
}

COURIER(jint, dumpInChild)(JNIEnv* jni, jclass type, jstring to) {
  (void)type;
  char path[4096];
  int status = 0;
  copy(jni, to, path, sizeof(path));
  const pid_t child = fork();
  if (child == 0) _exit(-dump(path));
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? -WEXITSTATUS(status) : -99;
}

static void dump_late(void) { fprintf(stderr, "late: %d\n", dump(late_path)); }

/* When the VM has ended, and the process has not. */
COURIER(jint, dumpAtExit)(JNIEnv* jni, jclass type, jstring to) {
  (void)type;
  copy(jni, to, late_path, sizeof(late_path));
  return atexit(&dump_late);
}

COURIER(jint, childSignals)(JNIEnv* jni, jclass type) {
  (void)jni;
  (void)type;
  return atomic_load(&child_signals);
}

/* errno, or 0 where there was a child to wait for. */
COURIER(jint, waitForAny)(JNIEnv* jni, jclass type) {
  (void)jni;
  (void)type;
  return waitpid(-1, NULL, WNOHANG | __WALL) < 0 ? errno : 0;
}

COURIER(jint, handled)(JNIEnv* jni, jclass type) {
  (void)jni;
  (void)type;
  return atomic_load(&handler_runs);
}

static atomic_bool storm_ends;

/* Is inside malloc as often as can be. */
static void* churn(void* argument) {
  (void)argument;
  void* blocks[64] = {NULL};
  for (unsigned i = 0; !atomic_load(&storm_ends); ++i) {
    free(blocks[i % 64]);
    blocks[i % 64] = malloc(16 + i % 200000);
  }
  for (int i = 0; i < 64; ++i) free(blocks[i]);
  return NULL;
}

/* Sends SIGUSR1 to a thread that allocates, each time when the one before has arrived. */
COURIER(jint, storm)(JNIEnv* jni, jclass type, jint times) {
  (void)jni;
  (void)type;
  pthread_t thread;
  atomic_store(&storm_ends, 0);
  if (pthread_create(&thread, NULL, &churn, NULL) != 0) return -1;
  int sent = 0;
  for (; sent < times; ++sent) {
    const int before = atomic_load(&handler_runs);
    pthread_kill(thread, SIGUSR1);
    while (atomic_load(&handler_runs) == before) sched_yield();
  }
  atomic_store(&storm_ends, 1);
  pthread_join(thread, NULL);
  return sent;
}
