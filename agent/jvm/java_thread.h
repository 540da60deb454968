// What can be asked about one Java thread: its name, and where HotSpot keeps it.
//
// Who calls it: the other files of jvm/, on a thread of the VM's, outside hook context. Nothing
// throws, and no exception is left pending.
#ifndef FDORIGIN_AGENT_JVM_JAVA_THREAD_H_
#define FDORIGIN_AGENT_JVM_JAVA_THREAD_H_

#include <jvmti.h>

#include <cstdint>
#include <optional>
#include <string>

namespace fdorigin {

// As it is called now, in UTF-8. `thread`: null for the current one. Nothing where JVMTI does not
// tell.
std::optional<std::string> ThreadName(jvmtiEnv* jvmti, JNIEnv* jni, jthread thread);

// Thread.eetop: the address of HotSpot's own JavaThread.
class JavaThreadField {
 public:
  // `any`: some thread, of whose class or superclass it is a field. (FindClass would have Java code
  // of the application's class loader run.)
  JavaThreadField(JNIEnv* jni, jthread any);

  bool known() const { return field_ != nullptr; }

  // 0 where the thread does not run. The field must be known.
  uint64_t Of(jthread thread) const;

 private:
  JNIEnv* jni_;
  jfieldID field_ = nullptr;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_JAVA_THREAD_H_
