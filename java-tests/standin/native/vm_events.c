#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "vm_events.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kBeforeCheckpoint = 0, kAfterRestore = 1, kEvents = 2, kFirstIndex = 7000, kMaxAgents = 8 };

#ifdef STANDIN_OPENJ9
static const char* const event_ids[kEvents] = {"openj9.event.VMCheckpoint",
                                               "openj9.event.VMRestore"};
#else
static const char* const event_ids[kEvents] = {"jdk.crac.events.BeforeCheckpoint",
                                               "jdk.crac.events.AfterRestore"};
#endif

typedef struct {
  jvmtiEnv* env;
  jvmtiExtensionEvent callback;
} Listener;

// Written by agents as they load, read by the thread that checkpoints.
static Listener listeners[kEvents][kMaxAgents];
static char* wanted;
static struct jvmtiInterface_1_ stock;  // the table as the VM made it

bool VmWants(const char* word) {
  size_t length = strlen(word);
  for (const char* at = wanted; at != NULL && *at != '\0';) {
    const char* end = strchrnul(at, '+');
    if ((size_t)(end - at) == length && strncmp(at, word, length) == 0) return true;
    at = *end == '\0' ? end : end + 1;
  }
  return false;
}

static char* Copy(jvmtiEnv* env, const char* text) {
  unsigned char* copy = NULL;
  if (stock.Allocate(env, (jlong)strlen(text) + 1, &copy) == JVMTI_ERROR_NONE) {
    strcpy((char*)copy, text);
  }
  return (char*)copy;
}

static jvmtiError JNICALL GetExtensionEvents(jvmtiEnv* env, jint* count,
                                             jvmtiExtensionEventInfo** events) {
  jvmtiExtensionEventInfo* own = NULL;
  jvmtiExtensionEventInfo* all = NULL;
  jvmtiError error = stock.GetExtensionEvents(env, count, &own);
  if (error != JVMTI_ERROR_NONE) return error;
  error = stock.Allocate(env, (jlong)sizeof(*all) * (*count + kEvents), (unsigned char**)&all);
  if (error != JVMTI_ERROR_NONE) return error;
  memcpy(all, own, sizeof(*all) * (size_t)*count);
  stock.Deallocate(env, (unsigned char*)own);
  for (int i = 0; i < kEvents; ++i) {
    jvmtiExtensionEventInfo* event = &all[*count + i];
    event->extension_event_index = kFirstIndex + i;
    event->id = Copy(env, event_ids[i]);
    event->short_description = Copy(env, event_ids[i]);
    event->param_count = 1;
    stock.Allocate(env, sizeof(*event->params), (unsigned char**)&event->params);
    event->params[0] = (jvmtiParamInfo){.name = Copy(env, "jni_env"),
                                        .kind = JVMTI_KIND_IN_PTR,
                                        .base_type = JVMTI_TYPE_JNIENV,
                                        .null_ok = JNI_FALSE};
  }
  *count += kEvents;
  *events = all;
  return JVMTI_ERROR_NONE;
}

static jvmtiError JNICALL SetExtensionEventCallback(jvmtiEnv* env, jint index,
                                                    jvmtiExtensionEvent callback) {
  if (index < kFirstIndex || index >= kFirstIndex + kEvents) {
    return stock.SetExtensionEventCallback(env, index, callback);
  }
  Listener* of_event = listeners[index - kFirstIndex];
  for (int i = 0; i < kMaxAgents; ++i) {
    if (of_event[i].env != NULL && of_event[i].env != env) continue;
    of_event[i] = (Listener){callback == NULL ? NULL : env, callback};
    return JVMTI_ERROR_NONE;
  }
  return JVMTI_ERROR_OUT_OF_MEMORY;
}

static jvmtiError JNICALL SetEventNotificationMode(jvmtiEnv* env, jvmtiEventMode mode,
                                                   jvmtiEvent event, jthread thread, ...) {
  if (event == JVMTI_EVENT_NATIVE_METHOD_BIND) return JVMTI_ERROR_NONE;
  return stock.SetEventNotificationMode(env, mode, event, thread);
}

#ifdef STANDIN_OPENJ9
static void Post(JNIEnv* env, int event) {
  for (int i = 0; i < kMaxAgents; ++i) {
    const Listener* listener = &listeners[event][i];
    if (listener->env == NULL) continue;
    jthread thread = NULL;
    stock.GetCurrentThread(listener->env, &thread);
    listener->callback(listener->env, env, thread);
    (*env)->DeleteLocalRef(env, thread);
  }
}

void PostVmCheckpoint(JNIEnv* env) { Post(env, kBeforeCheckpoint); }
void PostVmRestore(JNIEnv* env) { Post(env, kAfterRestore); }
#else
static void Post(int event) {
  for (int i = 0; i < kMaxAgents; ++i) {
    const Listener* listener = &listeners[event][i];
    if (listener->env != NULL) listener->callback(listener->env);
  }
}

void PostBeforeCheckpoint(void) { Post(kBeforeCheckpoint); }
void PostAfterRestore(void) { Post(kAfterRestore); }
#endif

void SetUpVmEvents(JavaVM* vm) {
  jvmtiEnv* env;
  if ((*vm)->GetEnv(vm, (void**)&env, JVMTI_VERSION_11) != JNI_OK) return;
  char* value = NULL;
  if ((*env)->GetSystemProperty(env, "standin.vm", &value) == JVMTI_ERROR_NONE) {
    wanted = strdup(value);
    (*env)->Deallocate(env, (unsigned char*)value);
  }
  // HotSpot has one table for all environments, in its data segment.
  struct jvmtiInterface_1_* table = (struct jvmtiInterface_1_*)(uintptr_t)*env;
  stock = *table;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t low = (uintptr_t)table & ~(page - 1);
  const uintptr_t high = (uintptr_t)(table + 1);
  if ((VmWants("events") || VmWants("nobind")) &&
      mprotect((void*)low, high - low, PROT_READ | PROT_WRITE) == 0) {
    if (VmWants("events")) {
      table->GetExtensionEvents = GetExtensionEvents;
      table->SetExtensionEventCallback = SetExtensionEventCallback;
    }
    if (VmWants("nobind")) table->SetEventNotificationMode = SetEventNotificationMode;
  }
  stock.DisposeEnvironment(env);
}
