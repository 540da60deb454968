/* Natives of org.fdorigin.apps.probes.Labyrinth, and the record of where they were.
 *
 * Each thread notes, for every native part of its stack, which functions were entered, by their own
 * word, and the return addresses that libgcc's unwinder finds there. Of the agent it knows nothing.
 */
#include "labyrinth.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <unwind.h>

enum { kMostParts = 48, kMostNames = 16, kMostFrames = 40 };

typedef struct Part {
  int names;
  const char* name[kMostNames];
  int frames;
  void* return_address[kMostFrames];
} Part;

typedef struct Path {
  int parts;
  Part part[kMostParts];
  int fd;
  long tid;
  int parks;
} Path;

static __thread Path* path;

/* The last path that has come to its end, and those that wait there. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static Path* arrived;
static int released;

static JavaVM* vm;
static jclass labyrinth;
static jclass nesting;
static jmethodID on, run, made, fail, begin;

static void Require(int holds, const char* what) {
  if (holds) return;
  perror(what);
  abort();
}

void labyrinth_begin(void) {
  Require(path->parts < kMostParts, "more native parts than there is room for");
  path->part[path->parts++].names = 0;
}
void labyrinth_end(void) { --path->parts; }
void labyrinth_enter(const char* name) {
  Part* part = &path->part[path->parts - 1];
  Require(part->names < kMostNames, "more functions than there is room for");
  part->name[part->names++] = name;
}
void labyrinth_leave(void) { --path->part[path->parts - 1].names; }

static _Unwind_Reason_Code Visit(struct _Unwind_Context* context, void* argument) {
  Part* part = argument;
  void* pc = (void*)_Unwind_GetIP(context);
  Dl_info info;
  if (part->frames == kMostFrames || dladdr(pc, &info) == 0) return _URC_END_OF_STACK;
  part->return_address[part->frames++] = pc;
  return _URC_NO_REASON;
}

/* The return addresses of this part, from the caller's on. */
static void Look(void) {
  Part* part = &path->part[path->parts - 1];
  part->frames = 0;
  _Unwind_Backtrace(Visit, part);
  --part->frames; /* this function's */
  memmove(part->return_address, part->return_address + 1,
          sizeof(part->return_address[0]) * (size_t)part->frames);
}

/* Where the way ends. The thread stays until that was noted, and longer if it is one that parks. */
static void Rest(int fd) {
  pthread_mutex_lock(&mutex);
  path->fd = fd;
  arrived = path;
  pthread_cond_broadcast(&changed);
  while (arrived == path || (path->parks && !released)) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

/* The functions between. */

static void Ash(Walk* walk) {
  labyrinth_enter("Ash");
  NextStep(walk)(walk);
  labyrinth_leave();
}
/* As much stack as is known only when it runs. */
static void Birch(Walk* walk) {
  labyrinth_enter("Birch");
  volatile char room[16 + walk->route % 1000];
  room[0] = 1;
  NextStep(walk)(walk);
  (void)room[0];
  labyrinth_leave();
}
/* Whose stack is aligned, so that its caller's is told by an expression. */
static void Cedar(Walk* walk) {
  labyrinth_enter("Cedar");
  volatile _Alignas(64) char room[64 + walk->route % 100];
  volatile _Alignas(128) char more[128];
  room[0] = more[0] = 1;
  NextStep(walk)(walk);
  (void)(room[0] + more[0]);
  labyrinth_leave();
}
static void Dogwood(Walk* walk) {
  labyrinth_enter("Dogwood");
  volatile char room[20000];
  room[0] = 1;
  NextStep(walk)(walk);
  (void)room[0];
  labyrinth_leave();
}

Step labyrinth_steps[kSteps] = {Ash, Birch, Cedar, Dogwood};

/* The ends that go up. */

static void UpToStatic(Walk* walk) {
  labyrinth_enter("UpToStatic");
  Look();
  (*walk->env)->CallStaticVoidMethod(walk->env, labyrinth, on, walk->nesting);
  labyrinth_leave();
}
static void UpToVirtual(Walk* walk) {
  labyrinth_enter("UpToVirtual");
  Look();
  (*walk->env)->CallVoidMethod(walk->env, walk->nesting, run);
  labyrinth_leave();
}
static void UpToNonvirtual(Walk* walk) {
  labyrinth_enter("UpToNonvirtual");
  jvalue none[1];
  memset(none, 0, sizeof(none));
  Look();
  (*walk->env)->CallNonvirtualVoidMethodA(walk->env, walk->nesting, nesting, run, none);
  labyrinth_leave();
}
static void UpToConstructor(Walk* walk) {
  labyrinth_enter("UpToConstructor");
  Look();
  (*walk->env)->NewObject(walk->env, nesting, made, walk->nesting);
  labyrinth_leave();
}
static void UpAfterException(Walk* walk) {
  labyrinth_enter("UpAfterException");
  (*walk->env)->CallStaticVoidMethod(walk->env, labyrinth, fail);
  Require((*walk->env)->ExceptionCheck(walk->env), "the exception");
  (*walk->env)->ExceptionClear(walk->env);
  jvalue argument;
  argument.l = walk->nesting;
  Look();
  (*walk->env)->CallStaticVoidMethodA(walk->env, labyrinth, on, &argument);
  labyrinth_leave();
}
static void UpToForeign(Walk* walk) {
  labyrinth_enter("UpToForeign");
  Look();
  (void)walk->up((int)walk->route);
  labyrinth_leave();
}

/* The ends that open. */

#define OPENER(Name, expression) \
  static void Name(Walk* walk) { \
    (void)walk;                  \
    labyrinth_enter(#Name);      \
    Look();                      \
    const int fd = (expression); \
    Require(fd >= 0, #Name);     \
    Rest(fd);                    \
    labyrinth_leave();           \
  }

OPENER(DigSocket, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
OPENER(DigEventfd, eventfd(0, EFD_CLOEXEC))
OPENER(DigEpoll, epoll_create1(EPOLL_CLOEXEC))
OPENER(DigFile, open("/dev/null", O_RDONLY | O_CLOEXEC))
OPENER(DigInotify, inotify_init1(IN_CLOEXEC))
OPENER(DigMemory, memfd_create("labyrinth", MFD_CLOEXEC))
OPENER(DigTimer, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))
OPENER(DigCopy, fcntl(0, F_DUPFD_CLOEXEC, 3))

const Step labyrinth_ends[] = {UpToStatic,       UpToVirtual, UpToNonvirtual, UpToConstructor,
                               UpAfterException, UpToForeign, DigSocket,      DigEventfd,
                               DigEpoll,         DigFile,     DigInotify,     DigMemory,
                               DigTimer,         DigCopy};

/* By the foreign function interface. */

void labyrinth_descend(int (*up)(int), int route, int steps, int end);
void labyrinth_descend(int (*up)(int), int route, int steps, int end) {
  labyrinth_begin();
  labyrinth_enter("labyrinth_descend");
  Walk walk = {NULL, NULL, up, (unsigned)route, steps, end};
  NextStep (&walk)(&walk);
  labyrinth_leave();
  labyrinth_end();
}

/* By JNI. */

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Labyrinth_throughC(JNIEnv* env, jclass self,
                                                                        jint route, jint steps,
                                                                        jint end, jobject caller) {
  (void)self;
  labyrinth_begin();
  labyrinth_enter("Java_org_fdorigin_apps_probes_Labyrinth_throughC");
  Walk walk = {env, caller, NULL, (unsigned)route, steps, end};
  NextStep (&walk)(&walk);
  labyrinth_leave();
  labyrinth_end();
}

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Labyrinth_init(JNIEnv* env, jclass self,
                                                                    jclass inner) {
  (*env)->GetJavaVM(env, &vm);
  labyrinth = (*env)->NewGlobalRef(env, self);
  nesting = (*env)->NewGlobalRef(env, inner);
  const char* type = "(Lorg/fdorigin/apps/probes/Labyrinth$Nesting;)V";
  on = (*env)->GetStaticMethodID(env, self, "on", type);
  begin = (*env)->GetStaticMethodID(env, self, "begin", type);
  fail = (*env)->GetStaticMethodID(env, self, "fail", "()V");
  run = (*env)->GetMethodID(env, inner, "run", "()V");
  made = (*env)->GetMethodID(env, inner, "<init>", type);
  Require(on != NULL && begin != NULL && fail != NULL && run != NULL && made != NULL, "a method");
}

/* This thread's path begins; at its end the thread waits for release(), if it parks. */
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Labyrinth_start(JNIEnv* env, jclass self,
                                                                     jboolean parks) {
  (void)env, (void)self;
  /* A thread of our own has one from its first function on. */
  if (path == NULL || path->parts != 1) path = calloc(1, sizeof(Path));
  path->parks = parks;
  path->tid = syscall(SYS_gettid);
}

/* The end of a path that the JDK's own code has opened at. */
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Labyrinth_rest(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  Rest(-1);
}

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Labyrinth_release(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  pthread_mutex_lock(&mutex);
  released = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static void Write(FILE* out, const Path* found) {
  fprintf(out, "opened\t%d\t%ld\n", found->fd, found->tid);
  for (int i = found->parts - 1; i >= 0; --i) {
    const Part* part = &found->part[i];
    fputs("part", out);
    for (int name = part->names - 1; name >= 0; --name) fprintf(out, "\t%s", part->name[name]);
    fputs("\nreturns", out);
    for (int frame = 0; frame < part->frames; ++frame) {
      Dl_info info;
      void* pc = part->return_address[frame];
      Require(dladdr(pc, &info) != 0, "dladdr");
      fprintf(out, "\t%s+%lx", info.dli_fname, (unsigned long)((char*)pc - (char*)info.dli_fbase));
    }
    fputs("\n", out);
  }
}

/* Waits until a path has come to its end. What was noted on it: "opened", number (-1 where that is
 * not known) and thread; then for each native part, innermost first, "part" and the names of its
 * functions, "returns" and the addresses. */
JNIEXPORT jstring JNICALL Java_org_fdorigin_apps_probes_Labyrinth_await(JNIEnv* env, jclass self) {
  (void)self;
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  Require(out != NULL, "open_memstream");
  pthread_mutex_lock(&mutex);
  while (arrived == NULL) pthread_cond_wait(&changed, &mutex);
  Write(out, arrived);
  arrived = NULL;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  fclose(out);
  jstring answer = (*env)->NewStringUTF(env, text);
  free(text);
  return answer;
}

/* A thread that the JVM did not start. */
static void* Stranger(void* argument) {
  path = calloc(1, sizeof(Path));
  labyrinth_begin();
  labyrinth_enter("Stranger");
  JNIEnv* env = NULL;
  JavaVMAttachArgs arguments = {JNI_VERSION_1_6, "stranger", NULL};
  Require((*vm)->AttachCurrentThread(vm, (void**)&env, &arguments) == JNI_OK, "attach");
  Look();
  (*env)->CallStaticVoidMethod(env, labyrinth, begin, (jobject)argument);
  (*env)->DeleteGlobalRef(env, (jobject)argument);
  (*vm)->DetachCurrentThread(vm);
  labyrinth_leave();
  return NULL;
}

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Labyrinth_onStranger(JNIEnv* env, jclass self,
                                                                          jobject caller) {
  (void)self;
  pthread_t thread;
  jobject argument = (*env)->NewGlobalRef(env, caller);
  Require(pthread_create(&thread, NULL, Stranger, argument) == 0, "pthread_create");
  pthread_detach(thread);
}
