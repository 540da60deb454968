/* Natives of org.fdorigin.apps.probes.Carousel: opens, copies, replaces and closes descriptors in a
 * random order through functions with names of their own, and knows of each descriptor that is
 * left which function made it. A function's name is carousel_CALL_N. */
#include <fcntl.h>
#include <jni.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* `from` is a descriptor of the caller's to be copied, `to` one to be replaced. */
typedef int (*maker)(int from, int to);
struct path {
  const char* name;
  maker make;
};

#define KEEP(result) __asm__ volatile("" : "+r"(result) : : "memory")
#define DEFINE(call, n, expression)             \
  int carousel_##call##_##n(int from, int to);  \
  int carousel_##call##_##n(int from, int to) { \
    (void)from, (void)to;                       \
    int result = (expression);                  \
    KEEP(result);                               \
    return result;                              \
  }
#define ROW(call, n, expression) {"carousel_" #call "_" #n, carousel_##call##_##n},
#define FOUR(X, call, expression) \
  X(call, 0, expression) X(call, 1, expression) X(call, 2, expression) X(call, 3, expression)

#define MAKERS(X)                                          \
  FOUR(X, socket, socket(AF_UNIX, SOCK_STREAM, 0))         \
  FOUR(X, open, open("/dev/null", O_RDONLY))               \
  FOUR(X, openat, openat(AT_FDCWD, "/dev/null", O_RDONLY)) \
  FOUR(X, eventfd, eventfd(0, EFD_CLOEXEC))                \
  FOUR(X, epoll_create1, epoll_create1(0))
#define COPIERS(X)        \
  FOUR(X, dup, dup(from)) \
  FOUR(X, fcntl, fcntl(from, F_DUPFD_CLOEXEC, 0))
#define REPLACERS(X)            \
  FOUR(X, dup2, dup2(from, to)) \
  FOUR(X, dup3, dup3(from, to, O_CLOEXEC))

MAKERS(DEFINE)
COPIERS(DEFINE)
REPLACERS(DEFINE)
static const struct path kMakers[] = {MAKERS(ROW)};
static const struct path kCopiers[] = {COPIERS(ROW)};
static const struct path kReplacers[] = {REPLACERS(ROW)};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { kHeld = 4 };
struct held {
  int fd;
  const char* path;
};
static __thread struct held held[kHeld];
static __thread int held_count;
static __thread uint64_t random_state;

static uint32_t Random(size_t below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)((random_state >> 16) % below);
}

static void Require(int result, const char* what) {
  if (result >= 0) return;
  perror(what);
  abort();
}

static void Hold(const struct path* path, int from) {
  struct held* new_one = &held[held_count++];
  new_one->fd = path->make(from, -1);
  new_one->path = path->name;
  Require(new_one->fd, path->name);
}

static void Drop(void) {
  uint32_t at = Random((size_t)held_count);
  Require(close(held[at].fd), "close");
  held[at] = held[--held_count];
}

static void Turn(void) {
  uint32_t what = Random(4);
  if (held_count < 2 || (what == 0 && held_count < kHeld)) {
    Hold(&kMakers[Random(COUNT(kMakers))], -1);
  } else if (what == 1 && held_count < kHeld) {
    Hold(&kCopiers[Random(COUNT(kCopiers))], held[Random((size_t)held_count)].fd);
  } else if (what == 2) {
    uint32_t from = Random((size_t)held_count);
    uint32_t to = (from + 1) % (uint32_t)held_count;
    const struct path* path = &kReplacers[Random(COUNT(kReplacers))];
    Require(path->make(held[from].fd, held[to].fd), path->name);
    held[to].path = path->name;
  } else {
    Drop();
  }
}

/* Turns so often on the calling thread, then says what that thread holds: FD:FUNCTION:TID, with
 * commas between. */
JNIEXPORT jstring JNICALL Java_org_fdorigin_apps_probes_Carousel_turn(JNIEnv* env, jclass self,
                                                                      jint seed, jint times) {
  (void)self;
  if (random_state == 0) random_state = 0x9e3779b97f4a7c15u * (uint64_t)(seed + 1);
  for (jint i = 0; i < times; ++i) Turn();
  char text[kHeld * 64] = "";
  int size = 0;
  for (int i = 0; i < held_count; ++i) {
    size += snprintf(text + size, sizeof(text) - (size_t)size, "%s%d:%s:%d", i > 0 ? "," : "",
                     held[i].fd, held[i].path, (int)gettid());
  }
  return (*env)->NewStringUTF(env, text);
}
