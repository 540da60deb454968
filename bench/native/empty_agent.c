/* An agent that does nothing: what -agentpath costs by itself. */
#include <jvmti.h>

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void* reserved) {
  (void)vm, (void)options, (void)reserved;
  return JNI_OK;
}
