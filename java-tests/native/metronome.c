/* Natives of org.fdorigin.apps.probes.Metronome: a thread that closes and opens files without a
 * pause, in C, so that it never waits for the VM, and has the kernel count what else it waited for
 * and how long each beat kept a processor. */
#include <fcntl.h>
#include <jni.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* The oldest of so many makes room for a new one, so that each number is open nearly all the time
 * and a report meets them all. */
enum { kFiles = 16 };

enum { kDearest = 8 };

static atomic_long beats;
static atomic_int halted;
static int files[kFiles];

static void Check(int good) {
  if (good) return;
  perror("metronome");
  abort();
}

static void Open(int file) {
  files[file] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  Check(files[file] >= 0);
}

static void Close(int file) { Check(close(files[file]) == 0); }

static void Beat(long beat) {
  Close(beat % kFiles);
  Open(beat % kFiles);
}

static long Waits(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

/* What this thread has had of a processor: waiting for one does not count. */
static long ProcessorNs(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * 1000000000L + used.tv_nsec;
}

/* Puts what a beat took among the dearest of all, which descend. */
static void Keep(jlong took, jlong* dearest) {
  int at = kDearest;
  for (; at > 0 && dearest[at - 1] < took; --at) {
    if (at < kDearest) dearest[at] = dearest[at - 1];
  }
  if (at < kDearest) dearest[at] = took;
}

/* Until halt(): waits, and ns of processor that each of the dearest beats took. */
JNIEXPORT jlongArray JNICALL Java_org_fdorigin_apps_probes_Metronome_run(JNIEnv* env, jclass self) {
  (void)self;
  enum { kWarmUp = 1000 }; /* the pages that it needs are there then */
  jlong answer[1 + kDearest] = {0};
  for (int i = 0; i < kFiles; ++i) Open(i);
  for (int i = 0; i < kWarmUp; ++i) Beat(i);
  long waits = Waits();
  while (!atomic_load(&halted)) {
    long begin = ProcessorNs();
    Beat(atomic_fetch_add(&beats, 1));
    Keep(ProcessorNs() - begin, answer + 1);
  }
  answer[0] = Waits() - waits;
  for (int i = 0; i < kFiles; ++i) Close(i);
  jlongArray array = (*env)->NewLongArray(env, 1 + kDearest);
  if (array != NULL) (*env)->SetLongArrayRegion(env, array, 0, 1 + kDearest, answer);
  return array;
}

/* Since ready(). */
JNIEXPORT jlong JNICALL Java_org_fdorigin_apps_probes_Metronome_beats(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  return atomic_load(&beats);
}

/* Before run(), which does not run. */
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Metronome_ready(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  atomic_store(&beats, 0);
  atomic_store(&halted, 0);
}

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Metronome_halt(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  atomic_store(&halted, 1);
}
