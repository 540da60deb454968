/* Native of org.fdorigin.apps.probes.Derelict: a JVM that never leaves its safepoint. */
#include <jni.h>
#include <jvmti.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* On the VM thread, with all Java threads stopped: nobody is answered ever again. */
static void JNICALL OnCollectionStart(jvmtiEnv* env) {
  (void)env;
  static const char line[] = "READY stuck=true\n";
  if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0) abort();
  for (;;) pause();
}

/* From here on the next collection is the last thing that happens. */
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Derelict_armCollections(JNIEnv* env,
                                                                             jclass self) {
  (void)self;
  JavaVM* vm;
  void* found;
  jvmtiCapabilities wanted;
  jvmtiEventCallbacks callbacks = {.GarbageCollectionStart = &OnCollectionStart};
  memset(&wanted, 0, sizeof(wanted));
  wanted.can_generate_garbage_collection_events = 1;
  if ((*env)->GetJavaVM(env, &vm) != JNI_OK ||
      (*vm)->GetEnv(vm, &found, JVMTI_VERSION_1_2) != JNI_OK) {
    abort();
  }
  jvmtiEnv* jvmti = found;
  if ((*jvmti)->AddCapabilities(jvmti, &wanted) != JVMTI_ERROR_NONE ||
      (*jvmti)->SetEventCallbacks(jvmti, &callbacks, sizeof(callbacks)) != JVMTI_ERROR_NONE ||
      (*jvmti)->SetEventNotificationMode(jvmti, JVMTI_ENABLE, JVMTI_EVENT_GARBAGE_COLLECTION_START,
                                         NULL) != JVMTI_ERROR_NONE) {
    abort();
  }
}
