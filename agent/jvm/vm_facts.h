// Reads what the Java walker needs to know of this VM from the tables that libjvm exports for the
// serviceability agent (gHotSpotVMStructs, HotSpot's vmStructs.cpp).
//
// Who calls it: the VMInit event, once. Where the VM is not HotSpot the offsets stay -1.
#ifndef FDORIGIN_AGENT_JVM_VM_FACTS_H_
#define FDORIGIN_AGENT_JVM_VM_FACTS_H_

#include <jvmti.h>

#include "stack/java_walker.h"

namespace fdorigin {

// `thread` is the current thread's java.lang.Thread. Clears any exception that it causes.
VmFacts ReadVmFacts(JavaVM* vm, jvmtiEnv* jvmti, JNIEnv* jni, jthread thread);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_VM_FACTS_H_
