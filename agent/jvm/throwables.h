// Reads Java's exceptions and strings through JNI.
//
// Who calls it: the checkpoint watcher, on a Java thread in native state, outside hook context.
// Every function clears what it throws itself, and must be called with no exception pending.
#ifndef FDORIGIN_AGENT_JVM_THROWABLES_H_
#define FDORIGIN_AGENT_JVM_THROWABLES_H_

#include <jni.h>

#include <string>
#include <vector>

#include "report/report.h"

namespace fdorigin {

// UTF-8, not JNI's modified form. Empty for null.
std::string ToUtf8(JNIEnv* jni, jstring text);

std::string ClassNameOf(JNIEnv* jni, jobject object);

// Class, message, suppressed list and causes of what a failed checkpoint threw.
CheckpointFailure ReadFailure(JNIEnv* jni, jthrowable exception);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_THROWABLES_H_
