// What close() takes: of descriptors that were opened through libc, and of such that were opened by
// the bare instruction, of which an agent that hooks libc knows nothing.
#include <jni.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kBatch = 512 };

static int RawDup(int fd) {
  long result = SYS_dup;
  __asm__ volatile("syscall" : "+a"(result) : "D"((long)fd) : "rcx", "r11", "memory");
  return (int)result;
}

static jlong Now(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * (jlong)1000000000 + now.tv_nsec;
}

// Opens and closes one batch. Adds to totals[0] and totals[1] what the closing took, by the clock
// and of the processor, in nanoseconds; the answer is how many were closed.
JNIEXPORT jint JNICALL Java_org_fdorigin_bench_Close_batch(JNIEnv* env, jclass type, jboolean raw,
                                                           jlongArray totals) {
  (void)type;
  int fds[kBatch];
  for (int i = 0; i < kBatch; ++i) fds[i] = raw ? RawDup(0) : dup(0);
  const jlong processor = Now(CLOCK_THREAD_CPUTIME_ID);
  const jlong begin = Now(CLOCK_MONOTONIC);
  int closed = 0;
  for (int i = 0; i < kBatch; ++i) closed += close(fds[i]) == 0;
  const jlong wall = Now(CLOCK_MONOTONIC) - begin;
  jlong sums[2];
  (*env)->GetLongArrayRegion(env, totals, 0, 2, sums);
  sums[0] += wall;
  sums[1] += Now(CLOCK_THREAD_CPUTIME_ID) - processor;
  (*env)->SetLongArrayRegion(env, totals, 0, 2, sums);
  return closed;
}
