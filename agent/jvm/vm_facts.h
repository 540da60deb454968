// Reads what the Java walker needs to know of this VM from the tables that libjvm exports for the
// serviceability agent (gHotSpotVMStructs, HotSpot's vmStructs.cpp).
//
// Who calls it: Agent_OnLoad asks whether there are any; the VMInit event reads them, once. Where
// the VM is not HotSpot the offsets stay -1, and Java stacks come from standard JVMTI alone.
#ifndef FDORIGIN_AGENT_JVM_VM_FACTS_H_
#define FDORIGIN_AGENT_JVM_VM_FACTS_H_

#include <jvmti.h>

#include "stack/java_walker.h"

namespace fdorigin {

// Whether this VM is a HotSpot that exports its tables. With FDORIGIN_HOTSPOT=off in the
// environment it is taken for one that does not, which is how tests run the agent as on another VM.
bool HasVmTables(JavaVM* vm);

// `thread` is the current thread's java.lang.Thread. Clears any exception that it causes.
VmFacts ReadVmFacts(JavaVM* vm, jvmtiEnv* jvmti, JNIEnv* jni, jthread thread);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_VM_FACTS_H_
