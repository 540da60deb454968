/* A JVMTI agent that goes before another one on the command line and hears which events that one
 * enables and disables: all environments share HotSpot's one table of functions, in which it puts
 * itself before the VM. When the VM ends it prints, with the numbers of the events,
 *
 *   wiretap: enabled N N N
 *   wiretap: ever N N N
 *
 * those that are enabled then, and those that ever were. */
#include <jvmti.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define EVENTS 128

static jvmtiEnv* own;
static int enabled[EVENTS];
static int ever[EVENTS];

static jvmtiError(JNICALL* original)(jvmtiEnv*, jvmtiEventMode, jvmtiEvent, jthread, ...);

static jvmtiError JNICALL heard(jvmtiEnv* env, jvmtiEventMode mode, jvmtiEvent event,
                                jthread thread, ...) {
  jvmtiError error = original(env, mode, event, thread);
  if (error == JVMTI_ERROR_NONE && env != own && event >= 0 && event < EVENTS) {
    /* Environments that enable the same event count. */
    __atomic_fetch_add(&enabled[event], mode == JVMTI_ENABLE ? 1 : -1, __ATOMIC_SEQ_CST);
    if (mode == JVMTI_ENABLE) __atomic_store_n(&ever[event], 1, __ATOMIC_SEQ_CST);
  }
  return error;
}

static void print(const char* what, const int* events) {
  fprintf(stderr, "wiretap: %s", what);
  for (int i = 0; i < EVENTS; ++i) {
    if (events[i] > 0) fprintf(stderr, " %d", i);
  }
  fprintf(stderr, "\n");
}

static void JNICALL vm_death(jvmtiEnv* env, JNIEnv* jni) {
  (void)env, (void)jni;
  print("enabled", enabled);
  print("ever", ever);
}

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void* reserved) {
  (void)options, (void)reserved;
  jvmtiEventCallbacks callbacks = {0};
  if ((*vm)->GetEnv(vm, (void**)&own, JVMTI_VERSION_1_2) != JNI_OK) return JNI_ERR;
  callbacks.VMDeath = vm_death;
  if ((*own)->SetEventCallbacks(own, &callbacks, sizeof(callbacks)) != JVMTI_ERROR_NONE ||
      (*own)->SetEventNotificationMode(own, JVMTI_ENABLE, JVMTI_EVENT_VM_DEATH, NULL) !=
          JVMTI_ERROR_NONE) {
    return JNI_ERR;
  }
  struct jvmtiInterface_1_* table = (struct jvmtiInterface_1_*)*own;
  uintptr_t page = (uintptr_t)table & -(uintptr_t)sysconf(_SC_PAGESIZE);
  if (mprotect((void*)page, (uintptr_t)(table + 1) - page, PROT_READ | PROT_WRITE) != 0) {
    return JNI_ERR;
  }
  original = table->SetEventNotificationMode;
  table->SetEventNotificationMode = heard;
  return JNI_OK;
}
