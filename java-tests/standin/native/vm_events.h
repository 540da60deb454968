// What a CRaC JDK's VM has and a stock one lacks towards a JVMTI agent: the extension events
// jdk.crac.events.BeforeCheckpoint and AfterRestore (JDK-8347056). And what an agent that is
// attached late meets: natives that were bound before it came.
//
// The system property standin.vm, read at load, lists what is wanted, joined by '+':
//   events  the two extension events can be found, armed and are delivered
//   nobind  no agent gets NativeMethodBind events
//   noplt   JVM_Checkpoint is called through a pointer, not through libcracjava.so's PLT
//
// With STANDIN_OPENJ9 the events are OpenJ9's: openj9.event.VMCheckpoint and VMRestore.
#ifndef JAVA_TESTS_STANDIN_NATIVE_VM_EVENTS_H_
#define JAVA_TESTS_STANDIN_NATIVE_VM_EVENTS_H_

#include <jvmti.h>
#include <stdbool.h>

// In Agent_OnLoad of the first agent: changes the JVMTI function table that all agents share.
void SetUpVmEvents(JavaVM* vm);

bool VmWants(const char* word);

#ifdef STANDIN_OPENJ9
// On the thread that checkpoints. The callback is given its JNIEnv and the thread, too.
void PostVmCheckpoint(JNIEnv* env);
void PostVmRestore(JNIEnv* env);
#else
// On the thread that checkpoints, in native state. As HotSpot does, the callback is given its
// jvmtiEnv and nothing else, though the event declares a JNIEnv as well.
void PostBeforeCheckpoint(void);
void PostAfterRestore(void);
#endif

#endif  // JAVA_TESTS_STANDIN_NATIVE_VM_EVENTS_H_
