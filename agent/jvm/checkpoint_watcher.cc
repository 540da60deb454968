#include "jvm/checkpoint_watcher.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

#include "interpose/patcher.h"
#include "interpose/recorder.h"
#include "jvm/throwables.h"
#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

constinit CheckpointWatcher* watcher = nullptr;

// How deep the current thread is in wrappers: the native calls JVM_Checkpoint, and an attempt
// counts once.
constinit thread_local int depth = 0;

int ThreadId() { return static_cast<int>(syscall(SYS_gettid)); }

// checkpointRestore0 by generation, with the original and the wrapper of each. The descriptor tells
// them apart (openjdk/crac: Core.java of the JDK 14, 17 and 21 branches).
jobjectArray (*original_0)(JNIEnv*, jclass) = nullptr;
jobjectArray (*original_1)(JNIEnv*, jclass, jboolean) = nullptr;
jobjectArray (*original_2)(JNIEnv*, jclass, jboolean, jlong) = nullptr;
jobjectArray (*original_4)(JNIEnv*, jclass, jintArray, jobjectArray, jboolean, jlong) = nullptr;

jobjectArray JNICALL Wrapper0(JNIEnv* jni, jclass type) {
  return watcher->Around(jni, [=] { return original_0(jni, type); });
}
jobjectArray JNICALL Wrapper1(JNIEnv* jni, jclass type, jboolean dry_run) {
  return watcher->Around(jni, [=] { return original_1(jni, type, dry_run); });
}
jobjectArray JNICALL Wrapper2(JNIEnv* jni, jclass type, jboolean dry_run, jlong jcmd_stream) {
  return watcher->Around(jni, [=] { return original_2(jni, type, dry_run, jcmd_stream); });
}
jobjectArray JNICALL Wrapper4(JNIEnv* jni, jclass type, jintArray fds, jobjectArray objects,
                              jboolean dry_run, jlong jcmd_stream) {
  return watcher->Around(
      jni, [=] { return original_4(jni, type, fds, objects, dry_run, jcmd_stream); }, fds);
}

struct NativeForm {
  const char* signature;
  void* wrapper;
  void** original;
};
const NativeForm kNativeForms[] = {
    {"()[Ljava/lang/Object;", reinterpret_cast<void*>(&Wrapper0),
     reinterpret_cast<void**>(&original_0)},
    {"(Z)[Ljava/lang/Object;", reinterpret_cast<void*>(&Wrapper1),
     reinterpret_cast<void**>(&original_1)},
    {"(ZJ)[Ljava/lang/Object;", reinterpret_cast<void*>(&Wrapper2),
     reinterpret_cast<void**>(&original_2)},
    {"([I[Ljava/lang/Object;ZJ)[Ljava/lang/Object;", reinterpret_cast<void*>(&Wrapper4),
     reinterpret_cast<void**>(&original_4)},
};

// JVM_Checkpoint takes one to five arguments by generation, all of them words: handing on five
// registers is right for each.
using JvmCheckpoint = jobjectArray (*)(JNIEnv*, void*, void*, void*, void*);
JvmCheckpoint original_jvm_checkpoint = nullptr;

jobjectArray JvmCheckpointHook(JNIEnv* jni, void* a, void* b, void* c, void* d) {
  return watcher->Around(jni, [=] { return original_jvm_checkpoint(jni, a, b, c, d); });
}

constexpr const char* kCoreClasses[] = {"Ljdk/internal/crac/mirror/Core;", "Ljdk/crac/Core;",
                                        "Ljavax/crac/Core;"};
constexpr const char* kMirrorFailure = "Ljdk/internal/crac/mirror/CheckpointException;";
constexpr const char* kApiFailures[] = {"Ljdk/crac/CheckpointException;",
                                        "Ljavax/crac/CheckpointException;"};

// What Core.translateJVMExceptions makes of the codes that the VM returns.
const char* ClassForCode(bool mirrored, jint code) {
  if (mirrored) {
    return code == 1   ? "jdk.internal.crac.mirror.impl.CheckpointOpenFileException"
           : code == 2 ? "jdk.internal.crac.mirror.impl.CheckpointOpenSocketException"
                       : "jdk.internal.crac.mirror.impl.CheckpointOpenResourceException";
  }
  return code == 1   ? "jdk.crac.impl.CheckpointOpenFileException"
         : code == 2 ? "jdk.crac.impl.CheckpointOpenSocketException"
                     : "jdk.crac.impl.CheckpointOpenResourceException";
}

// Whether the class loader of the application, or one above it, has the class. Does not initialise
// it, unlike FindClass.
bool HasClass(JNIEnv* jni, const char* dotted_name) {
  bool found = false;
  if (jni->PushLocalFrame(8) == 0) {
    jclass loader_type = jni->FindClass("java/lang/ClassLoader");
    jclass class_type = jni->FindClass("java/lang/Class");
    jmethodID system_loader =
        jni->GetStaticMethodID(loader_type, "getSystemClassLoader", "()Ljava/lang/ClassLoader;");
    jmethodID for_name = jni->GetStaticMethodID(
        class_type, "forName", "(Ljava/lang/String;ZLjava/lang/ClassLoader;)Ljava/lang/Class;");
    jobject loader = jni->CallStaticObjectMethod(loader_type, system_loader);
    jstring name = jni->ExceptionCheck() ? nullptr : jni->NewStringUTF(dotted_name);
    if (name != nullptr) {
      jobject type = jni->CallStaticObjectMethod(class_type, for_name, name,
                                                 static_cast<jboolean>(JNI_FALSE), loader);
      found = !jni->ExceptionCheck() && type != nullptr;
    }
    jni->PopLocalFrame(nullptr);
  }
  jni->ExceptionClear();
  return found;
}

// An element of the native's bundle of {Integer status, …, int[] codes, String[] messages}: the
// last two are always at the end.
jint StatusOf(JNIEnv* jni, jobject integer) {
  jclass type = jni->FindClass("java/lang/Integer");
  jmethodID value = jni->GetMethodID(type, "intValue", "()I");
  const jint status = integer == nullptr ? -1 : jni->CallIntMethod(integer, value);
  jni->DeleteLocalRef(type);
  return status;
}

// Which descriptors Java objects own, as the native was told (generation 3).
void NoteClaims(JNIEnv* jni, jintArray claimed, Snapshot* snapshot) {
  if (claimed == nullptr) return;
  const jsize count = jni->GetArrayLength(claimed);
  std::vector<jint> fds(static_cast<size_t>(count));
  jni->GetIntArrayRegion(claimed, 0, count, fds.data());
  std::sort(fds.begin(), fds.end());
  for (OpenDescriptor& descriptor : snapshot->descriptors) {
    descriptor.java_owned = std::binary_search(fds.begin(), fds.end(), descriptor.fd);
  }
}

// CRaC's extension events. HotSpot passes the jvmtiEnv alone, whatever the event's declared
// parameters are; reading on in the argument list would read rubbish.
constinit JavaVM* java_vm = nullptr;

JNIEnv* CurrentJni() {
  void* jni = nullptr;
  if (java_vm == nullptr || java_vm->GetEnv(&jni, JNI_VERSION_1_6) != JNI_OK) return nullptr;
  return static_cast<JNIEnv*>(jni);
}

void JNICALL AfterRestoreEvent(jvmtiEnv*, ...) {
  if (JNIEnv* jni = CurrentJni()) watcher->OnAfterRestore(jni);
}

void ArmExtensionEvents(jvmtiEnv* jvmti) {
  jint count = 0;
  jvmtiExtensionEventInfo* events = nullptr;
  if (jvmti->GetExtensionEvents(&count, &events) != JVMTI_ERROR_NONE) return;
  for (jint i = 0; i < count; ++i) {
    jvmtiExtensionEventInfo& event = events[i];
    const std::string_view id = event.id;
    if (id == "jdk.crac.events.AfterRestore") {
      jvmti->SetExtensionEventCallback(event.extension_event_index,
                                       reinterpret_cast<jvmtiExtensionEvent>(&AfterRestoreEvent));
    }
    for (jint p = 0; p < event.param_count; ++p) {
      jvmti->Deallocate(reinterpret_cast<unsigned char*>(event.params[p].name));
    }
    jvmti->Deallocate(reinterpret_cast<unsigned char*>(event.params));
    jvmti->Deallocate(reinterpret_cast<unsigned char*>(event.id));
    jvmti->Deallocate(reinterpret_cast<unsigned char*>(event.short_description));
  }
  jvmti->Deallocate(reinterpret_cast<unsigned char*>(events));
}

}  // namespace

void CheckpointWatcher::AskFor(jvmtiCapabilities* capabilities) {
  capabilities->can_generate_native_method_bind_events = 1;
  capabilities->can_generate_exception_events = 1;
}

void CheckpointWatcher::AddCallbacks(jvmtiEventCallbacks* callbacks) {
  watcher = this;
  callbacks->NativeMethodBind = [](jvmtiEnv*, JNIEnv* jni, jthread, jmethodID method, void* address,
                                   void** replacement) {
    watcher->OnNativeMethodBind(jni, method, address, replacement);
  };
  callbacks->ClassPrepare = [](jvmtiEnv*, JNIEnv* jni, jthread thread, jclass type) {
    watcher->OnClassPrepare(jni, thread, type);
  };
  callbacks->Exception = [](jvmtiEnv*, JNIEnv* jni, jthread thread, jmethodID, jlocation,
                            jobject exception, jmethodID catcher,
                            jlocation) { watcher->OnException(jni, thread, exception, catcher); };
}

void CheckpointWatcher::AddHooks() {
  Patcher::AddExtra({"JVM_Checkpoint", reinterpret_cast<void*>(&JvmCheckpointHook),
                     reinterpret_cast<void**>(&original_jvm_checkpoint)});
}

void CheckpointWatcher::Start(JNIEnv* jni) {
  jni->GetJavaVM(&java_vm);
  mirrored_ = HasClass(jni, "jdk.internal.crac.mirror.Core");
  if (!mirrored_ && !HasClass(jni, "jdk.crac.Core") && !HasClass(jni, "javax.crac.Core")) return;
  ArmExtensionEvents(jvmti_);
  jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_NATIVE_METHOD_BIND, nullptr);
  jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_CLASS_PREPARE, nullptr);
}

void CheckpointWatcher::OnNativeMethodBind(JNIEnv*, jmethodID method, void* address,
                                           void** replacement) {
  char* name = nullptr;
  char* signature = nullptr;
  if (jvmti_->GetMethodName(method, &name, &signature, nullptr) != JVMTI_ERROR_NONE) return;
  if (std::strcmp(name, "checkpointRestore0") == 0) {
    jclass type = nullptr;
    char* type_signature = nullptr;
    if (jvmti_->GetMethodDeclaringClass(method, &type) == JVMTI_ERROR_NONE &&
        jvmti_->GetClassSignature(type, &type_signature, nullptr) == JVMTI_ERROR_NONE) {
      const bool is_core =
          std::any_of(std::begin(kCoreClasses), std::end(kCoreClasses),
                      [&](const char* core) { return std::strcmp(core, type_signature) == 0; });
      for (const NativeForm& form : kNativeForms) {
        if (!is_core || std::strcmp(form.signature, signature) != 0) continue;
        if (address != form.wrapper) *form.original = address;
        *replacement = form.wrapper;
      }
      jvmti_->Deallocate(reinterpret_cast<unsigned char*>(type_signature));
    }
  }
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(name));
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(signature));
}

void CheckpointWatcher::OnClassPrepare(JNIEnv* jni, jthread thread, jclass type) {
  char* signature = nullptr;
  if (jvmti_->GetClassSignature(type, &signature, nullptr) != JVMTI_ERROR_NONE) return;
  const bool is_failure =
      mirrored_ ? std::strcmp(signature, kMirrorFailure) == 0
                : std::any_of(std::begin(kApiFailures), std::end(kApiFailures),
                              [&](const char* name) { return std::strcmp(name, signature) == 0; });
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(signature));
  if (!is_failure) return;
  {
    const std::lock_guard lock(mutex_);
    if (failure_class_ != nullptr) return;
    failure_class_ = static_cast<jclass>(jni->NewGlobalRef(type));
  }
  jvmti_->SetEventNotificationMode(JVMTI_DISABLE, JVMTI_EVENT_CLASS_PREPARE, nullptr);
  // The class is prepared by the first attempt, on its thread. From generation 3 on every attempt
  // comes through the native, which watches its own thread; before, Java may fail without it.
  jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_EXCEPTION,
                                   mirrored_ ? thread : nullptr);
}

void CheckpointWatcher::SetWatchingExceptions(JNIEnv* jni, jvmtiEventMode mode) {
  jthread thread = nullptr;
  if (jvmti_->GetCurrentThread(&thread) != JVMTI_ERROR_NONE) return;
  jvmti_->SetEventNotificationMode(mode, JVMTI_EVENT_EXCEPTION, thread);
  jni->DeleteLocalRef(thread);
}

template <typename Call>
jobjectArray CheckpointWatcher::Around(JNIEnv* jni, Call call, jintArray claimed) {
  if (depth == 0) {
    if (const auto earlier = Take(ThreadId())) ReportWithoutException(jni, *earlier);
    SetWatchingExceptions(jni, JVMTI_ENABLE);
  }
  ++depth;
  jobjectArray bundle = call();
  --depth;
  if (depth == 0) {
    Recorder::PidChanged();
    NativeReturned(jni, bundle, claimed);
  }
  return bundle;
}

void CheckpointWatcher::NativeReturned(JNIEnv* jni, jobjectArray bundle, jintArray claimed) {
  jthrowable pending = jni->ExceptionOccurred();
  if (pending != nullptr) jni->ExceptionClear();
  auto attempt = std::make_unique<Attempt>();
  bool failed = true;
  if (jni->PushLocalFrame(16) == 0) {
    const jsize count = bundle == nullptr ? 0 : jni->GetArrayLength(bundle);
    if (count >= 3) {
      constexpr jint kOk = 0;
      failed = StatusOf(jni, jni->GetObjectArrayElement(bundle, 0)) != kOk;
      auto codes = static_cast<jintArray>(jni->GetObjectArrayElement(bundle, count - 2));
      auto messages = static_cast<jobjectArray>(jni->GetObjectArrayElement(bundle, count - 1));
      const jsize entries =
          codes == nullptr || messages == nullptr
              ? 0
              : std::min(jni->GetArrayLength(codes), jni->GetArrayLength(messages));
      for (jsize i = 0; i < entries; ++i) {
        jint code = 0;
        jni->GetIntArrayRegion(codes, i, 1, &code);
        auto message = static_cast<jstring>(jni->GetObjectArrayElement(messages, i));
        attempt->from_native.push_back({ClassForCode(mirrored_, code), ToUtf8(jni, message)});
        jni->DeleteLocalRef(message);
      }
    }
    jni->PopLocalFrame(nullptr);
  }
  jni->ExceptionClear();
  if (failed) {
    attempt->failed = true;
    attempt->snapshot = TakeSnapshot(*table_);
    NoteClaims(jni, claimed, &attempt->snapshot);
    Keep(std::move(attempt));
  } else if (mirrored_) {
    SetWatchingExceptions(jni, JVMTI_DISABLE);
  }
  if (pending != nullptr) jni->Throw(pending);
}

void CheckpointWatcher::Keep(std::unique_ptr<Attempt> attempt) {
  const std::lock_guard lock(mutex_);
  attempts_[ThreadId()] = std::move(attempt);
}

std::unique_ptr<CheckpointWatcher::Attempt> CheckpointWatcher::Take(int tid) {
  const std::lock_guard lock(mutex_);
  const auto found = attempts_.find(tid);
  if (found == attempts_.end()) return nullptr;
  std::unique_ptr<Attempt> attempt = std::move(found->second);
  attempts_.erase(found);
  return attempt;
}

bool CheckpointWatcher::IsNewFailure(JNIEnv* jni, jobject exception) {
  jclass failure_class = nullptr;
  {
    const std::lock_guard lock(mutex_);
    failure_class = failure_class_;
    if (last_reported_ != nullptr && jni->IsSameObject(last_reported_, exception)) return false;
  }
  if (failure_class == nullptr) return false;
  jclass type = jni->GetObjectClass(exception);
  const bool same = jni->IsSameObject(type, failure_class);
  jni->DeleteLocalRef(type);
  return same;
}

// A context throws a CheckpointException of its own where a resource refuses;
// Core.checkpointRestore1 catches it, goes on, and throws another one with everything. Only what
// leaves that method is the failure of the attempt. A `finally` on its way counts as a catcher too,
// but throws it again.
bool CheckpointWatcher::StaysInside(JNIEnv* jni, jmethodID catcher) {
  if (catcher == nullptr) return false;
  jclass type = nullptr;
  if (jvmti_->GetMethodDeclaringClass(catcher, &type) != JVMTI_ERROR_NONE) return false;
  char* signature = nullptr;
  char* name = nullptr;
  bool inside = false;
  if (jvmti_->GetClassSignature(type, &signature, nullptr) == JVMTI_ERROR_NONE &&
      jvmti_->GetMethodName(catcher, &name, nullptr, nullptr) == JVMTI_ERROR_NONE) {
    const std::string_view class_signature = signature;
    const bool is_core = std::any_of(std::begin(kCoreClasses), std::end(kCoreClasses),
                                     [&](const char* core) { return class_signature == core; });
    // In generation 3 jdk.crac is the interface to the user: what arrives there has left.
    const bool is_internal = class_signature.starts_with("Ljdk/internal/crac/") ||
                             (!mirrored_ && (class_signature.starts_with("Ljdk/crac/") ||
                                             class_signature.starts_with("Ljavax/crac/")));
    inside = is_internal && (!is_core || std::strcmp(name, "checkpointRestore1") == 0);
  }
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(name));
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(signature));
  jni->DeleteLocalRef(type);
  return inside;
}

void CheckpointWatcher::OnException(JNIEnv* jni, jthread thread, jobject exception,
                                    jmethodID catcher) {
  if (!IsNewFailure(jni, exception) || StaysInside(jni, catcher)) return;
  if (mirrored_) jvmti_->SetEventNotificationMode(JVMTI_DISABLE, JVMTI_EVENT_EXCEPTION, thread);
  {
    const std::lock_guard lock(mutex_);
    if (last_reported_ != nullptr) jni->DeleteWeakGlobalRef(last_reported_);
    last_reported_ = jni->NewWeakGlobalRef(exception);
  }
  std::unique_ptr<Attempt> attempt = Take(ThreadId());
  CheckpointFailure failure = ReadFailure(jni, static_cast<jthrowable>(exception));
  if (attempt != nullptr) {
    Report(jni, attempt->snapshot, std::move(failure));
  } else {
    Report(jni, TakeSnapshot(*table_), std::move(failure));
  }
}

void CheckpointWatcher::ReportWithoutException(JNIEnv* jni, const Attempt& attempt) {
  if (!attempt.failed) return;
  CheckpointFailure failure;
  failure.class_name =
      mirrored_ ? "jdk.internal.crac.mirror.CheckpointException" : "jdk.crac.CheckpointException";
  failure.suppressed = attempt.from_native;
  Report(jni, attempt.snapshot, std::move(failure));
}

void CheckpointWatcher::Report(JNIEnv* jni, const Snapshot& snapshot, CheckpointFailure failure) {
  Trigger trigger;
  trigger.kind = "checkpoint-failure";
  jvmtiThreadInfo info = {};
  if (jvmti_->GetThreadInfo(nullptr, &info) == JVMTI_ERROR_NONE) {
    trigger.thread = ToUtf8(std::string_view(info.name));
    jvmti_->Deallocate(reinterpret_cast<unsigned char*>(info.name));
    jni->DeleteLocalRef(info.thread_group);
    jni->DeleteLocalRef(info.context_class_loader);
  }
  trigger.exception = std::move(failure);
  reporter_->Write(jni, snapshot, std::move(trigger));
}

void CheckpointWatcher::OnAfterRestore(JNIEnv* jni) {
  Recorder::PidChanged();
  if (depth != 0) return;
  // The event comes after success and failure alike. If it was a failure, its exception follows and
  // takes the list; if not, the next attempt discards it.
  SetWatchingExceptions(jni, JVMTI_ENABLE);
  auto attempt = std::make_unique<Attempt>();
  attempt->snapshot = TakeSnapshot(*table_);
  Keep(std::move(attempt));
}

void CheckpointWatcher::Finish(JNIEnv* jni) {
  std::map<int, std::unique_ptr<Attempt>> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(attempts_);
  }
  for (const auto& [tid, attempt] : left) ReportWithoutException(jni, *attempt);
}

}  // namespace fdorigin
