/* Natives of org.fdorigin.apps.probes.Hatchery: children that are forked from a JVM, start no
 * program, close what they inherited and end in one of two ways. Each answers with its exit status,
 * or with minus the signal that ended it. */
#include <fcntl.h>
#include <jni.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kLostPatience = 30 };

static int is_child;

/* Runs in exit(), when much of the process has been taken down already. */
static void LeaveSomethingOpen(void) {
  if (is_child && socket(AF_UNIX, SOCK_STREAM, 0) < 0) _exit(99);
}

/* What a daemon does first. */
static void CloseAllAndOpen(void) {
  alarm(kLostPatience);
  if (close_range(3, ~0u, 0) != 0) _exit(97);
  if (open("/dev/null", O_RDONLY) != 3) _exit(98);
}

static jint Raise(int in_order) {
  pid_t child = fork();
  if (child == 0) {
    is_child = 1;
    CloseAllAndOpen();
    if (in_order) exit(8);
    _exit(7);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 96;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void* reserved) {
  (void)vm, (void)reserved;
  return atexit(LeaveSomethingOpen) == 0 ? JNI_VERSION_1_8 : JNI_ERR;
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Hatchery_leaveAtOnce(JNIEnv* env,
                                                                          jclass self) {
  (void)env, (void)self;
  return Raise(0);
}

JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Hatchery_leaveInOrder(JNIEnv* env,
                                                                           jclass self) {
  (void)env, (void)self;
  return Raise(1);
}
