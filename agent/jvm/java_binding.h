// Binds the natives of org.fdorigin.FdOrigin (examples/java), wherever a program has that class.
//
// The library exports no JNI function, and System.load() of it would not help: the class has no
// library. So the agent registers its functions as soon as a class of that name is prepared, in any
// class loader, before any code of it runs. That is JNI and JVMTI of any JVM, and no restricted
// method (JEP 472).
//
// Who calls it: Start() on VMInit.
#ifndef FDORIGIN_AGENT_JVM_JAVA_BINDING_H_
#define FDORIGIN_AGENT_JVM_JAVA_BINDING_H_

#include <jvmti.h>

namespace fdorigin {

// Binds the classes that are there, and has those bound that come later. Where the VM refuses, the
// natives stay unbound, and the class says that there is no agent.
void StartJavaBinding(JavaVM* vm, JNIEnv* jni);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_JAVA_BINDING_H_
