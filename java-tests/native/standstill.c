/* Natives of org.fdorigin.apps.probes.Standstill: one Java thread opens, or lets malloc open, while
 * another, which may be the VM thread at a safepoint, waits for it. */
#include <errno.h>
#include <fcntl.h>
#include <jni.h>
#include <jvmti.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

enum { kBlocks = 160, kBlockSize = 100 * 1024, kPatienceSeconds = 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
enum state { kIdle, kReady, kOpening, kDone };
static enum state state;
static bool came;

static void Require(bool holds, const char* what) {
  if (holds) return;
  perror(what);
  abort();
}

/* With the lock held: until the state is that, or patience ends. */
static bool Await(enum state wanted) {
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += kPatienceSeconds;
  while (state != wanted) {
    if (pthread_cond_timedwait(&changed, &lock, &deadline) == ETIMEDOUT) return false;
  }
  return true;
}

/* With the lock held. */
static void Enter(enum state next) {
  state = next;
  pthread_cond_broadcast(&changed);
}

/* Lets the other thread open, and waits for it. */
static void LetGo(void) {
  pthread_mutex_lock(&lock);
  if (state == kReady) {
    Enter(kOpening);
    came = Await(kDone);
  }
  pthread_mutex_unlock(&lock);
}

/* On the VM thread, while all Java threads are stopped or in native code. */
static void JNICALL OnCollectionStart(jvmtiEnv* env) {
  (void)env;
  LetGo();
}

/* The same without a safepoint. */
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Standstill_letGo(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  LetGo();
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void* reserved) {
  (void)reserved;
  void* found;
  Require((*vm)->GetEnv(vm, &found, JVMTI_VERSION_1_2) == JNI_OK, "JVMTI");
  jvmtiEnv* jvmti = found;
  jvmtiCapabilities wanted;
  memset(&wanted, 0, sizeof(wanted));
  wanted.can_generate_garbage_collection_events = 1;
  jvmtiEventCallbacks callbacks = {.GarbageCollectionStart = &OnCollectionStart};
  Require(
      (*jvmti)->AddCapabilities(jvmti, &wanted) == JVMTI_ERROR_NONE &&
          (*jvmti)->SetEventCallbacks(jvmti, &callbacks, sizeof(callbacks)) == JVMTI_ERROR_NONE &&
          (*jvmti)->SetEventNotificationMode(
              jvmti, JVMTI_ENABLE, JVMTI_EVENT_GARBAGE_COLLECTION_START, NULL) == JVMTI_ERROR_NONE,
      "events");
  return JNI_VERSION_1_6;
}

static void AwaitLeave(void) {
  pthread_mutex_lock(&lock);
  Enter(kReady);
  Require(Await(kOpening), "leave to open");
  pthread_mutex_unlock(&lock);
}

static void Finish(void) {
  pthread_mutex_lock(&lock);
  Enter(kDone);
  pthread_mutex_unlock(&lock);
}

int standstill_open(void);
int standstill_open(void) {
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  __asm__ volatile("" : "+r"(fd) : : "memory");
  return fd;
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Standstill_open(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  AwaitLeave();
  int fd = standstill_open();
  Finish();
  return fd;
}

void standstill_release(void* block);
void standstill_release(void* block) { free(block); }

/* Sees malloc's open; made by another thread, whose stack may be walked meanwhile. */
static int watch = -1;

/* How often the watched file was opened, by whomever. */
static int Opens(void) {
  char events[4096];
  ssize_t size = read(watch, events, sizeof(events));
  if (size < 0) return 0;
  return (int)((size_t)size / sizeof(struct inotify_event));
}

/* Many blocks in this thread's own arena become one at its top, which is given back: before that,
 * once per process, malloc reads a setting of the kernel's, with the arena's lock held. The answer
 * says whether the kernel has seen that. */
JNIEXPORT jboolean JNICALL Java_org_fdorigin_apps_probes_Standstill_release(JNIEnv* env,
                                                                            jclass self) {
  (void)env, (void)self;
  static void* blocks[kBlocks];
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = malloc(kBlockSize);
    Require(blocks[i] != NULL, "malloc");
  }
  for (int i = 0; i < kBlocks - 1; ++i) free(blocks[i]);
  AwaitLeave();
  standstill_release(blocks[kBlocks - 1]);
  Finish();
  return Opens() > 0;
}

/* Until the other thread waits for leave to open; then the file is watched. */
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Standstill_awaitReady(JNIEnv* env,
                                                                           jclass self) {
  (void)env, (void)self;
  pthread_mutex_lock(&lock);
  Require(Await(kReady), "the other thread");
  pthread_mutex_unlock(&lock);
  watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  Require(watch >= 0, "inotify_init1");
  Require(inotify_add_watch(watch, "/proc/sys/vm/overcommit_memory", IN_OPEN) >= 0, "the watch");
}

/* Whether it came through while it was waited for. */
JNIEXPORT jboolean JNICALL Java_org_fdorigin_apps_probes_Standstill_cameThrough(JNIEnv* env,
                                                                                jclass self) {
  (void)env, (void)self;
  pthread_mutex_lock(&lock);
  bool result = came;
  pthread_mutex_unlock(&lock);
  return result;
}
