// Binds the natives of org.fdorigin.FdOrigin (examples/java), wherever a program has that class.
//
// HotSpot looks for a native that no library of the class has in the libraries of its agents
// (nativeLookup.cpp of JDK 11 to 27), by dlsym, whose hook answers with our functions. So nothing
// is exported for it, System.load() is not needed, and it costs nothing until it is called. Whether
// another VM looks there is not known. On those they are registered as soon as a class of that name
// is prepared, in any class loader, which takes an event for each class. Neither is a restricted
// method (JEP 472).
//
// Who calls it: the agent as it starts.
#ifndef FDORIGIN_AGENT_JVM_JAVA_BINDING_H_
#define FDORIGIN_AGENT_JVM_JAVA_BINDING_H_

#include <jvmti.h>

namespace fdorigin {

// Before the hooks are in place.
void AnswerToJniNames();

// On VMInit or Agent_OnAttach, on VMs other than HotSpot. Binds the classes that are there, and has
// those bound that come later. Where the VM refuses, the natives stay unbound, and the class says
// that there is no agent.
void StartJavaBinding(JavaVM* vm, JNIEnv* jni);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_JAVA_BINDING_H_
