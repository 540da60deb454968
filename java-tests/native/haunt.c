/* Natives of org.fdorigin.apps.probes.Haunt, and a JVMTI agent beside: makes sockets where programs
 * seldom do, each by a function of its own name, and keeps them. It knows of each which function
 * made it, and on which thread. */
#include <dlfcn.h>
#include <errno.h>
#include <jni.h>
#include <jvmti.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kRoom = 64, kSignalStack = 16 * 1024, kPatienceSeconds = 20 };

struct opening {
  const char* function;
  int fd;
  int tid;
};
static struct opening openings[kRoom];
/* Counted without a lock: signal handlers come here. An opening counts when it is whole. */
static atomic_int begun;
static atomic_int noted;
static int taken;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static JavaVM* vm;
static jvmtiEnv* jvmti;
static jclass haunt_class;
static pthread_key_t key;

static void Require(bool holds, const char* what) {
  if (holds) return;
  perror(what);
  abort();
}

static void Note(const char* function, int fd) {
  Require(fd >= 0, function);
  int at = atomic_fetch_add(&begun, 1);
  Require(at < kRoom, "room");
  openings[at] = (struct opening){function, fd, (int)gettid()};
  atomic_fetch_add(&noted, 1);
}

static int Socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  __asm__ volatile("" : "+r"(fd) : : "memory");
  return fd;
}

/* The socket is made by the named function itself. */
#define OPENER(name)                                         \
  void haunt_##name(void);                                   \
  void haunt_##name(void) {                                  \
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); \
    __asm__ volatile("" : "+r"(fd) : : "memory");            \
    Note("haunt_" #name, fd);                                \
  }

OPENER(plainly)
OPENER(in_signal_handler)
OPENER(on_small_signal_stack)
OPENER(in_interrupted_java)
OPENER(in_key_destructor_of_guest)
OPENER(in_thread_destructor_of_guest)
OPENER(in_key_destructor_of_java_thread)
OPENER(in_thread_destructor_of_java_thread)
OPENER(on_unattached_thread)
OPENER(on_daemon)
OPENER(called_back)
OPENER(in_collection_start)
OPENER(in_collection_finish)
OPENER(in_compiled_load)
OPENER(in_repeated_compiled_load)
OPENER(in_agent_on_load)
OPENER(in_vm_start)
OPENER(in_vm_init)

/* Tells those who wait; not from signal handlers. */
static void Announce(void) {
  pthread_mutex_lock(&lock);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static struct timespec Deadline(void) {
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += kPatienceSeconds;
  return deadline;
}

/* Until a counter has this value; an end to patience ends the process. */
static void Await(atomic_int* counter, int value) {
  const struct timespec deadline = Deadline();
  pthread_mutex_lock(&lock);
  while (atomic_load(counter) < value) {
    Require(pthread_cond_timedwait(&changed, &lock, &deadline) == 0, "what was awaited");
  }
  pthread_mutex_unlock(&lock);
}

static void Run(void* (*body)(void*), void* argument) {
  pthread_t thread;
  Require(pthread_create(&thread, NULL, body, argument) == 0, "pthread_create");
  Require(pthread_join(thread, NULL) == 0, "pthread_join");
}

/* ---- Signal handlers ---- */

static int TheSignal(void) { return SIGRTMIN + 3; }

static atomic_int handled;

static void Handle(int signal) {
  (void)signal;
  haunt_in_signal_handler();
}
static void HandleOnSmallStack(int signal) {
  (void)signal;
  haunt_on_small_signal_stack();
}
static void HandleInJava(int signal) {
  (void)signal;
  haunt_in_interrupted_java();
  atomic_fetch_add(&handled, 1);
}

static void Listen(void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | flags};
  Require(sigaction(TheSignal(), &action, NULL) == 0, "sigaction");
}

static void InSignalHandler(void) {
  Listen(&Handle, 0);
  Require(pthread_kill(pthread_self(), TheSignal()) == 0, "pthread_kill");
}

static void OnSmallSignalStack(void) {
  Listen(&HandleOnSmallStack, SA_ONSTACK);
  stack_t small = {.ss_sp = malloc(kSignalStack), .ss_size = kSignalStack};
  stack_t before;
  Require(small.ss_sp != NULL && sigaltstack(&small, &before) == 0, "sigaltstack");
  Require(pthread_kill(pthread_self(), TheSignal()) == 0, "pthread_kill");
  Require(sigaltstack(&before, NULL) == 0, "sigaltstack");
  free(small.ss_sp);
}

static pthread_t victim;

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Haunt_becomeVictim(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  victim = pthread_self();
}

/* On another thread than the victim, which runs Java code and no native. */
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Haunt_interruptVictim(JNIEnv* env,
                                                                           jclass self) {
  (void)env, (void)self;
  Listen(&HandleInJava, 0);
  Require(pthread_kill(victim, TheSignal()) == 0, "pthread_kill");
  while (atomic_load(&handled) == 0) sched_yield();
}

/* ---- The ends of threads ---- */

int __cxa_thread_atexit_impl(void (*destructor)(void*), void* object, void* dso);
extern void* __dso_handle;

static void DestroyKey(void* opener) {
  ((void (*)(void))opener)();
  Announce();
}

static void ArmThreadEnd(void (*in_key)(void), void (*in_thread)(void)) {
  Require(pthread_setspecific(key, (void*)in_key) == 0, "pthread_setspecific");
  Require(__cxa_thread_atexit_impl(&DestroyKey, (void*)in_thread, &__dso_handle) == 0,
          "__cxa_thread_atexit_impl");
}

static void* BeGuest(void* nothing) {
  void* env;
  Require((*vm)->AttachCurrentThread(vm, &env, NULL) == JNI_OK, "AttachCurrentThread");
  ArmThreadEnd(&haunt_in_key_destructor_of_guest, &haunt_in_thread_destructor_of_guest);
  Require((*vm)->DetachCurrentThread(vm) == JNI_OK, "DetachCurrentThread");
  return nothing;
}

static void AtEndOfGuest(void) { Run(&BeGuest, NULL); }

static void BeforeEndOfJavaThread(void) {
  ArmThreadEnd(&haunt_in_key_destructor_of_java_thread, &haunt_in_thread_destructor_of_java_thread);
}

/* ---- Threads of which the JVM knows nothing, or little ---- */

static void* BeUnattached(void* nothing) {
  haunt_on_unattached_thread();
  return nothing;
}

static void OnUnattachedThread(void) { Run(&BeUnattached, NULL); }

static void* BeDaemon(void* nothing) {
  void* found;
  JavaVMAttachArgs arguments = {.version = JNI_VERSION_1_6, .name = "haunt-daemon"};
  Require((*vm)->AttachCurrentThreadAsDaemon(vm, &found, &arguments) == JNI_OK,
          "AttachCurrentThreadAsDaemon");
  JNIEnv* env = found;
  haunt_on_daemon();
  jmethodID call = (*env)->GetStaticMethodID(env, haunt_class, "callBackSeventyEight", "()V");
  Require(call != NULL, "callBackSeventyEight");
  (*env)->CallStaticVoidMethod(env, haunt_class, call);
  Require((*vm)->DetachCurrentThread(vm) == JNI_OK, "DetachCurrentThread");
  return nothing;
}

static void OnDaemon(void) { Run(&BeDaemon, NULL); }

/* ---- Events of the JVM ---- */

static atomic_bool collections_wanted;
static atomic_int repeating_tid;
static atomic_bool compilation_met;
static atomic_bool compilation_seen;

static void JNICALL OnCollectionStart(jvmtiEnv* env) {
  (void)env;
  if (atomic_load(&collections_wanted)) haunt_in_collection_start();
}
static void JNICALL OnCollectionFinish(jvmtiEnv* env) {
  (void)env;
  if (atomic_exchange(&collections_wanted, false)) haunt_in_collection_finish();
}

static void JNICALL OnCompiledLoad(jvmtiEnv* env, jmethodID method, jint size, const void* address,
                                   jint count, const jvmtiAddrLocationMap* map, const void* info) {
  (void)env, (void)method, (void)size, (void)address, (void)count, (void)map, (void)info;
  int expected = (int)gettid();
  if (atomic_load(&repeating_tid) != expected) {
    if (atomic_exchange(&compilation_met, true)) return;
    haunt_in_compiled_load();
    atomic_store(&compilation_seen, true);
  } else if (atomic_compare_exchange_strong(&repeating_tid, &expected, -1)) {
    haunt_in_repeated_compiled_load();
  }
}

static void JNICALL OnVmStart(jvmtiEnv* env, JNIEnv* jni) {
  (void)env, (void)jni;
  haunt_in_vm_start();
}
static void JNICALL OnVmInit(jvmtiEnv* env, JNIEnv* jni, jthread thread) {
  (void)env, (void)jni, (void)thread;
  haunt_in_vm_init();
}

static atomic_bool vm_is_dead;
static void JNICALL OnVmDeath(jvmtiEnv* env, JNIEnv* jni) {
  (void)env, (void)jni;
  atomic_store(&vm_is_dead, true);
}

static void Enable(jvmtiEvent event) {
  Require((*jvmti)->SetEventNotificationMode(jvmti, JVMTI_ENABLE, event, NULL) == JVMTI_ERROR_NONE,
          "SetEventNotificationMode");
}

static void BeforeCollection(void) {
  atomic_store(&collections_wanted, true);
  Enable(JVMTI_EVENT_GARBAGE_COLLECTION_START);
  Enable(JVMTI_EVENT_GARBAGE_COLLECTION_FINISH);
}

/* The compiler's own events come on a thread of the JVM's; Java works until one has. */
static void BeforeCompilation(void) { Enable(JVMTI_EVENT_COMPILED_METHOD_LOAD); }

JNIEXPORT jboolean JNICALL Java_org_fdorigin_apps_probes_Haunt_compilationSeen(JNIEnv* env,
                                                                               jclass self) {
  (void)env, (void)self;
  return atomic_load(&compilation_seen);
}

/* The same events once more, on this thread. */
static void AtRepeatedCompilation(void) {
  atomic_store(&repeating_tid, (int)gettid());
  Require((*jvmti)->GenerateEvents(jvmti, JVMTI_EVENT_COMPILED_METHOD_LOAD) == JVMTI_ERROR_NONE,
          "GenerateEvents");
}

static void TakeJvmti(void) {
  if (jvmti != NULL) return;
  void* found;
  Require((*vm)->GetEnv(vm, &found, JVMTI_VERSION_1_2) == JNI_OK, "JVMTI");
  jvmti = found;
  jvmtiCapabilities wanted;
  memset(&wanted, 0, sizeof(wanted));
  wanted.can_generate_garbage_collection_events = 1;
  wanted.can_generate_compiled_method_load_events = 1;
  Require((*jvmti)->AddCapabilities(jvmti, &wanted) == JVMTI_ERROR_NONE, "AddCapabilities");
  jvmtiEventCallbacks callbacks = {.VMStart = &OnVmStart,
                                   .VMInit = &OnVmInit,
                                   .VMDeath = &OnVmDeath,
                                   .GarbageCollectionStart = &OnCollectionStart,
                                   .GarbageCollectionFinish = &OnCollectionFinish,
                                   .CompiledMethodLoad = &OnCompiledLoad};
  Require((*jvmti)->SetEventCallbacks(jvmti, &callbacks, sizeof(callbacks)) == JVMTI_ERROR_NONE,
          "SetEventCallbacks");
  Enable(JVMTI_EVENT_VM_DEATH);
}

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* java_vm, char* options, void* reserved) {
  (void)options, (void)reserved;
  vm = java_vm;
  TakeJvmti();
  Enable(JVMTI_EVENT_VM_START);
  Enable(JVMTI_EVENT_VM_INIT);
  haunt_in_agent_on_load();
  return JNI_OK;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* java_vm, void* reserved) {
  (void)reserved;
  vm = java_vm;
  Require(pthread_key_create(&key, &DestroyKey) == 0, "pthread_key_create");
  TakeJvmti();
  return JNI_VERSION_1_6;
}

/* ---- After the VM's death ---- */

static atomic_int opened_after_death;

static void OpenAndClose(void) {
  bool dead = atomic_load(&vm_is_dead);
  int fd = Socket();
  Require(fd >= 0, "socket");
  Require(close(fd) == 0, "close");
  if (dead && atomic_fetch_add(&opened_after_death, 1) % 64 == 0) Announce();
}

static void* GoOnForEver(void* nothing) {
  for (;;) OpenAndClose();
  return nothing;
}

/* On a Java thread, which never comes back. It may have to stop where the VM wants it to. */
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Haunt_goOnForEver(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  for (;;) {
    int fd = Socket();
    if (fd >= 0) close(fd);
  }
}

static void AtExit(void) {
  Await(&opened_after_death, 200);
  int before = atomic_load(&opened_after_death);
  int fd = Socket();
  Require(fd >= 0, "socket at exit");
  Await(&opened_after_death, before + 200);
  FILE* file = fopen("outlived.txt", "w");
  Require(file != NULL, "outlived.txt");
  fprintf(file, "%d\n", atomic_load(&opened_after_death));
  Require(fclose(file) == 0, "outlived.txt");
}

static void Outlive(void) {
  pthread_t thread;
  Require(atexit(&AtExit) == 0, "atexit");
  Require(pthread_create(&thread, NULL, &GoOnForEver, NULL) == 0, "pthread_create");
  Require(pthread_detach(thread) == 0, "pthread_detach");
}

/* ---- A library with a constructor and a destructor ---- */

static void AroundLibrary(void) {
  Dl_info self;
  Require(dladdr((void*)&AroundLibrary, &self) != 0, "dladdr");
  char path[4096];
  const char* slash = strrchr(self.dli_fname, '/');
  Require(slash != NULL, "the folder");
  snprintf(path, sizeof(path), "%.*s/libapparition.so", (int)(slash - self.dli_fname),
           self.dli_fname);
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  Require(library != NULL, path);
  const int* constructed = dlsym(library, "apparition_constructed");
  int** destroyed = dlsym(library, "apparition_destroyed");
  Require(constructed != NULL && destroyed != NULL, "its variables");
  Note("apparition_appear", *constructed);
  int fd = -1;
  *destroyed = &fd;
  Require(dlclose(library) == 0, "dlclose");
  Require(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL, "the library stays");
  Note("apparition_vanish", fd);
}

/* ---- Doors ---- */

struct door {
  const char* name;
  void (*enter)(void);
};

static const struct door kDoors[] = {
    {"plain", &haunt_plainly},
    {"signal", &InSignalHandler},
    {"small-stack", &OnSmallSignalStack},
    {"guest-end", &AtEndOfGuest},
    {"java-end", &BeforeEndOfJavaThread},
    {"unattached", &OnUnattachedThread},
    {"daemon", &OnDaemon},
    {"called-back", &haunt_called_back},
    {"collection", &BeforeCollection},
    {"compilation", &BeforeCompilation},
    {"repeated-compilation", &AtRepeatedCompilation},
    {"library", &AroundLibrary},
    {"outlive", &Outlive},
};

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Haunt_enter(JNIEnv* env, jclass self,
                                                                 jstring name) {
  if (haunt_class == NULL) haunt_class = (*env)->NewGlobalRef(env, self);
  const char* text = (*env)->GetStringUTFChars(env, name, NULL);
  Require(text != NULL, "GetStringUTFChars");
  const struct door* door = NULL;
  for (size_t i = 0; i < sizeof(kDoors) / sizeof(kDoors[0]); ++i) {
    if (strcmp(kDoors[i].name, text) == 0) door = &kDoors[i];
  }
  (*env)->ReleaseStringUTFChars(env, name, text);
  errno = EINVAL;
  Require(door != NULL, "a door of that name");
  door->enter();
}

/* Waits until `count` sockets are there that were not told before, and tells them:
 * FUNCTION:FD:TID, with commas between. */
JNIEXPORT jstring JNICALL Java_org_fdorigin_apps_probes_Haunt_opened(JNIEnv* env, jclass self,
                                                                     jint count) {
  (void)self;
  Await(&noted, taken + count);
  char text[kRoom * 64] = "";
  int size = 0;
  int end = atomic_load(&noted);
  for (; taken < end; ++taken) {
    const struct opening* one = &openings[taken];
    size += snprintf(text + size, sizeof(text) - (size_t)size, "%s%s:%d:%d", size > 0 ? "," : "",
                     one->function, one->fd, one->tid);
  }
  return (*env)->NewStringUTF(env, text);
}
