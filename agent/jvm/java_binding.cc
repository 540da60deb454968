#include "jvm/java_binding.h"

#include <cstring>
#include <string>

#include "fdorigin/fdorigin.h"
#include "fdorigin_version.h"
#include "interpose/loader_hooks.h"
#include "jvm/c_interface.h"
#include "jvm/guarded.h"
#include "jvm/throwables.h"

namespace fdorigin {
namespace {

constexpr const char* kClass = "Lorg/fdorigin/FdOrigin;";

jint JNICALL DumpTo(JNIEnv* jni, jclass, jstring path) {
  jint result = FDORIGIN_NO_MEMORY;
  Guarded([&] {
    const std::string text = ToUtf8(jni, path);
    result = Dump(path == nullptr ? nullptr : text.c_str());
  });
  return result;
}

jstring JNICALL Version(JNIEnv* jni, jclass) { return jni->NewStringUTF(FDORIGIN_VERSION); }

const DlsymAnswer kJniNames[] = {
    {"Java_org_fdorigin_FdOrigin_dump", reinterpret_cast<void*>(&DumpTo)},
    {"Java_org_fdorigin_FdOrigin_version", reinterpret_cast<void*>(&Version)},
};

void BindIfOurs(jvmtiEnv* jvmti, JNIEnv* jni, jclass type) {
  char* signature = nullptr;
  if (jvmti->GetClassSignature(type, &signature, nullptr) != JVMTI_ERROR_NONE) return;
  if (std::strcmp(signature, kClass) == 0) {
    const JNINativeMethod natives[] = {
        {const_cast<char*>("dump"), const_cast<char*>("(Ljava/lang/String;)I"),
         reinterpret_cast<void*>(&DumpTo)},
        {const_cast<char*>("version"), const_cast<char*>("()Ljava/lang/String;"),
         reinterpret_cast<void*>(&Version)},
    };
    // Another class of that name may have only one of them, or none.
    for (const JNINativeMethod& native : natives) {
      if (jni->RegisterNatives(type, &native, 1) != JNI_OK) jni->ExceptionClear();
    }
  }
  jvmti->Deallocate(reinterpret_cast<unsigned char*>(signature));
}

void JNICALL ClassPrepared(jvmtiEnv* jvmti, JNIEnv* jni, jthread, jclass type) {
  BindIfOurs(jvmti, jni, type);
}

}  // namespace

void AnswerToJniNames() { SetDlsymAnswers(kJniNames); }

void StartJavaBinding(JavaVM* vm, JNIEnv* jni) {
  // An environment of its own: the checkpoint watcher turns the same event on and off.
  jvmtiEnv* jvmti = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&jvmti), JVMTI_VERSION_1_2) != JNI_OK) return;
  jvmtiEventCallbacks callbacks = {};
  callbacks.ClassPrepare = &ClassPrepared;
  if (jvmti->SetEventCallbacks(&callbacks, sizeof(callbacks)) != JVMTI_ERROR_NONE) return;
  jvmti->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_CLASS_PREPARE, nullptr);

  jint count = 0;
  jclass* classes = nullptr;
  if (jvmti->GetLoadedClasses(&count, &classes) != JVMTI_ERROR_NONE) return;
  for (jint i = 0; i < count; ++i) {
    BindIfOurs(jvmti, jni, classes[i]);
    jni->DeleteLocalRef(classes[i]);
  }
  jvmti->Deallocate(reinterpret_cast<unsigned char*>(classes));
}

}  // namespace fdorigin
