// Tells the recorder the names of the Java threads that were there before the agent, whose start no
// event has told.
//
// A name goes to a thread by its kernel id, which HotSpot keeps in the OSThread of each JavaThread.
// Where the VM's tables do not say where that is, these threads keep the kernel's short name.
//
// Who calls it, on a VM that HasVmTables(): VMInit or Agent_OnAttach, once, when ThreadStart and
// ThreadEnd are enabled already. Cold.
#ifndef FDORIGIN_AGENT_JVM_EARLY_THREADS_H_
#define FDORIGIN_AGENT_JVM_EARLY_THREADS_H_

#include <jvmti.h>

#include "stack/java_walker.h"

namespace fdorigin {

// `current`: the current thread's java.lang.Thread. `facts`: of this VM.
void NameEarlyThreads(jvmtiEnv* jvmti, JNIEnv* jni, jthread current, const VmFacts& facts);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_EARLY_THREADS_H_
