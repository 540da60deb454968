/* A JVMTI agent that goes before another one on the command line and has JVMTI say something wrong
 * of one method, which its options name: that each of its frames is at the next bytecode. Who
 * compares that with frames of his own sees what he would see if these were wrong. */
#include <jvmti.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char slandered[256];
static jvmtiError(JNICALL* get_stack_trace)(jvmtiEnv*, jthread, jint, jint, jvmtiFrameInfo*, jint*);

static jvmtiError JNICALL lie(jvmtiEnv* jvmti, jthread thread, jint first, jint max,
                              jvmtiFrameInfo* frames, jint* count) {
  const jvmtiError error = get_stack_trace(jvmti, thread, first, max, frames, count);
  for (jint i = 0; error == JVMTI_ERROR_NONE && i < *count; ++i) {
    char* name = NULL;
    if ((*jvmti)->GetMethodName(jvmti, frames[i].method, &name, NULL, NULL) != JVMTI_ERROR_NONE)
      continue;
    if (strcmp(name, slandered) == 0) ++frames[i].location;
    (*jvmti)->Deallocate(jvmti, (unsigned char*)name);
  }
  return error;
}

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void* reserved) {
  (void)reserved;
  jvmtiEnv* jvmti = NULL;
  if ((*vm)->GetEnv(vm, (void**)&jvmti, JVMTI_VERSION_1_2) != JNI_OK) return JNI_ERR;
  if (options == NULL || strlen(options) >= sizeof(slandered)) return JNI_ERR;
  strcpy(slandered, options);
  /* All environments share one table. */
  jvmtiInterface_1* table = (jvmtiInterface_1*)*jvmti;
  uintptr_t slot = (uintptr_t)&table->GetStackTrace;
  uintptr_t page = slot & -(uintptr_t)sysconf(_SC_PAGESIZE);
  if (mprotect((void*)page, slot + sizeof(void*) - page, PROT_READ | PROT_WRITE) != 0)
    return JNI_ERR;
  get_stack_trace = table->GetStackTrace;
  table->GetStackTrace = lie;
  return JNI_OK;
}
