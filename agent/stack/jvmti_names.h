// Names a frame that JVMTI has walked, at once, while the method is on the stack and cannot go. A
// jmethodID is not kept: on OpenJ9 one whose class was unloaded ends the process when JVMTI is
// asked for it (eclipse-openj9/openj9 issues 17466 and 23412), and another method may get the same
// one.
//
// Who calls it: JavaWalker, in hook context, but only where its caller holds no lock: JVMTI
// allocates and may wait. ReadNamedMethod() at the dump.
#ifndef FDORIGIN_AGENT_STACK_JVMTI_NAMES_H_
#define FDORIGIN_AGENT_STACK_JVMTI_NAMES_H_

#include <jvmti.h>

#include <cstdint>
#include <string_view>

#include "base/string_store.h"
#include "stack/frame.h"

namespace fdorigin {

// As JVMTI has them: modified UTF-8. Empty where it does not say, or where all together are more
// than 4,000 bytes.
struct NamedMethod {
  std::string_view class_signature;
  std::string_view name;
  std::string_view file;
  std::string_view signature;
  int32_t line = 0;  // 0 where the class file does not say
  bool native = false;
};

// A frame of kNamed, of a method that is on the current thread's stack.
Frame NameFrame(jvmtiEnv* jvmti, JNIEnv* jni, jmethodID method, jlocation location,
                StringStore* strings);

// What the frame of kNamed says. The views are valid for the life of the process.
NamedMethod ReadNamedMethod(const Frame& frame, const StringStore& strings);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_JVMTI_NAMES_H_
