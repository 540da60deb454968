// Binds the natives of org.fdorigin.FdOrigin (examples/java), wherever a program has that class.
//
// The library exports them by their JNI names: HotSpot looks for a native that no library of the
// class has in the libraries of its agents (nativeLookup.cpp of JDK 11 to 27), so they cost nothing
// until they are called, and System.load() is not needed. Whether another VM does so is not known.
// There they are registered as soon as a class of that name is prepared, in any class loader, which
// takes an event for each class. Neither is a restricted method (JEP 472).
//
// Who calls it: VMInit or Agent_OnAttach, on VMs other than HotSpot.
#ifndef FDORIGIN_AGENT_JVM_JAVA_BINDING_H_
#define FDORIGIN_AGENT_JVM_JAVA_BINDING_H_

#include <jvmti.h>

namespace fdorigin {

// Binds the classes that are there, and has those bound that come later. Where the VM refuses, the
// natives stay unbound, and the class says that there is no agent.
void StartJavaBinding(JavaVM* vm, JNIEnv* jni);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_JAVA_BINDING_H_
