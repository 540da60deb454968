/* Natives of org.fdorigin.apps.probes.Metronome: a thread that opens and closes a file without a
 * pause, in C, so that it never waits for the VM, and has the kernel count what else it waited for
 * and how long each open kept a processor. */
#include <fcntl.h>
#include <jni.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static atomic_long beats;
static atomic_int halted;

static void Beat(void) {
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || close(fd) != 0) {
    perror("metronome");
    abort();
  }
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

/* Until Metronome.halt(): {waits, the longest beat, beats of more than `long_ns`}. */
JNIEXPORT jlongArray JNICALL Java_org_fdorigin_apps_probes_Metronome_run(JNIEnv* env, jclass self,
                                                                         jlong long_ns) {
  (void)self;
  enum { kWarmUp = 1000 }; /* the pages that it needs are there then */
  jlong answer[3] = {0, 0, 0};
  for (int i = 0; i < kWarmUp; ++i) Beat();
  long waits = Waits();
  while (!atomic_load(&halted)) {
    long begin = ProcessorNs();
    Beat();
    long took = ProcessorNs() - begin;
    if (took > answer[1]) answer[1] = took;
    if (took > long_ns) ++answer[2];
    atomic_fetch_add(&beats, 1);
  }
  answer[0] = Waits() - waits;
  jlongArray array = (*env)->NewLongArray(env, 3);
  if (array != NULL) (*env)->SetLongArrayRegion(env, array, 0, 3, answer);
  return array;
}

JNIEXPORT jlong JNICALL Java_org_fdorigin_apps_probes_Metronome_beats(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  return atomic_load(&beats);
}

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Metronome_halt(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  atomic_store(&halted, 1);
}
