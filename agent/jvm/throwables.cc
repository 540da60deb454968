#include "jvm/throwables.h"

#include <optional>

#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

// Calls a method without arguments that returns an object. Null where it throws.
jobject CallObject(JNIEnv* jni, jobject object, const char* type_name, const char* method,
                   const char* signature) {
  jclass type = jni->FindClass(type_name);
  jobject result = nullptr;
  if (type != nullptr) {
    if (jmethodID id = jni->GetMethodID(type, method, signature)) {
      result = jni->CallObjectMethod(object, id);
    }
    jni->DeleteLocalRef(type);
  }
  if (jni->ExceptionCheck()) {
    jni->ExceptionClear();
    return nullptr;
  }
  return result;
}

jobject CauseOf(JNIEnv* jni, jobject exception) {
  return CallObject(jni, exception, "java/lang/Throwable", "getCause", "()Ljava/lang/Throwable;");
}

std::optional<std::string> MessageOf(JNIEnv* jni, jobject exception) {
  auto message = static_cast<jstring>(
      CallObject(jni, exception, "java/lang/Throwable", "getMessage", "()Ljava/lang/String;"));
  if (message == nullptr) return std::nullopt;
  std::string text = ToUtf8(jni, message);
  jni->DeleteLocalRef(message);
  return text;
}

}  // namespace

std::string ToUtf8(JNIEnv* jni, jstring text) {
  if (text == nullptr) return {};
  const char* chars = jni->GetStringUTFChars(text, nullptr);
  if (chars == nullptr) {
    jni->ExceptionClear();
    return {};
  }
  std::string result = ToUtf8(std::string_view(chars));
  jni->ReleaseStringUTFChars(text, chars);
  return result;
}

std::string ClassNameOf(JNIEnv* jni, jobject object) {
  jclass type = jni->GetObjectClass(object);
  auto name = static_cast<jstring>(
      CallObject(jni, type, "java/lang/Class", "getName", "()Ljava/lang/String;"));
  std::string text = ToUtf8(jni, name);
  if (name != nullptr) jni->DeleteLocalRef(name);
  jni->DeleteLocalRef(type);
  return text;
}

CheckpointFailure ReadFailure(JNIEnv* jni, jthrowable exception) {
  CheckpointFailure failure;
  if (jni->PushLocalFrame(16) != 0) {
    jni->ExceptionClear();
    return failure;
  }
  failure.class_name = ClassNameOf(jni, exception);
  failure.message = MessageOf(jni, exception);
  auto suppressed = static_cast<jobjectArray>(CallObject(
      jni, exception, "java/lang/Throwable", "getSuppressed", "()[Ljava/lang/Throwable;"));
  const jsize count = suppressed == nullptr ? 0 : jni->GetArrayLength(suppressed);
  for (jsize i = 0; i < count; ++i) {
    jobject entry = jni->GetObjectArrayElement(suppressed, i);
    if (entry == nullptr) continue;
    failure.suppressed.push_back(
        {ClassNameOf(jni, entry), MessageOf(jni, entry).value_or(std::string())});
    jni->DeleteLocalRef(entry);
  }
  constexpr size_t kMostCauses = 8;  // there may be a circle
  for (jobject cause = CauseOf(jni, exception);
       cause != nullptr && failure.causes.size() < kMostCauses; cause = CauseOf(jni, cause)) {
    failure.causes.push_back({ClassNameOf(jni, cause), MessageOf(jni, cause).value_or("")});
  }
  jni->PopLocalFrame(nullptr);
  return failure;
}

}  // namespace fdorigin
