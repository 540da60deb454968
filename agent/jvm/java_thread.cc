#include "jvm/java_thread.h"

#include <string_view>

#include "symbolize/utf8.h"

namespace fdorigin {

std::optional<std::string> ThreadName(jvmtiEnv* jvmti, JNIEnv* jni, jthread thread) {
  jvmtiThreadInfo info = {};
  if (jvmti->GetThreadInfo(thread, &info) != JVMTI_ERROR_NONE) return std::nullopt;
  std::string name = ToUtf8(std::string_view(info.name));
  jvmti->Deallocate(reinterpret_cast<unsigned char*>(info.name));
  jni->DeleteLocalRef(info.thread_group);
  jni->DeleteLocalRef(info.context_class_loader);
  return name;
}

JavaThreadField::JavaThreadField(JNIEnv* jni, jthread any) : jni_(jni) {
  jclass type = jni->GetObjectClass(any);
  field_ = jni->GetFieldID(type, "eetop", "J");
  jni->ExceptionClear();
  jni->DeleteLocalRef(type);
}

uint64_t JavaThreadField::Of(jthread thread) const {
  return static_cast<uint64_t>(jni_->GetLongField(thread, field_));
}

}  // namespace fdorigin
