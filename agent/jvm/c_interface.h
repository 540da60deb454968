// What include/fdorigin/fdorigin.h stands on: reports that somebody in the process asks for.
//
// Who calls it: the agent as it starts and as the VM begins and ends; Dump() whoever has the C
// interface or the Java class that is bound to it (java_binding.h), on any thread, outside hook
// context.
#ifndef FDORIGIN_AGENT_JVM_C_INTERFACE_H_
#define FDORIGIN_AGENT_JVM_C_INTERFACE_H_

#include <jni.h>

#include "jvm/reporter.h"

namespace fdorigin {

// From now on Dump() writes reports, without asking the VM.
void OpenCInterface(JavaVM* vm, Reporter* reporter);
// Whether the VM can be asked: from VMInit to VMDeath.
void SetVmCanBeAsked(bool can);

// Returns one of the values of fdorigin.h.
int Dump(const char* path) noexcept;

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_C_INTERFACE_H_
