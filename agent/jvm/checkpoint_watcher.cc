#include "jvm/checkpoint_watcher.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "interpose/elf_image.h"
#include "interpose/patcher.h"
#include "interpose/recorder.h"
#include "jvm/guarded.h"
#include "jvm/throwables.h"

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
  return watcher->Around(jni, [=] { return original_0(jni, type); }, {});
}
jobjectArray JNICALL Wrapper1(JNIEnv* jni, jclass type, jboolean dry_run) {
  return watcher->Around(jni, [=] { return original_1(jni, type, dry_run); },
                         {nullptr, dry_run != JNI_FALSE});
}
jobjectArray JNICALL Wrapper2(JNIEnv* jni, jclass type, jboolean dry_run, jlong jcmd_stream) {
  return watcher->Around(jni, [=] { return original_2(jni, type, dry_run, jcmd_stream); },
                         {nullptr, dry_run != JNI_FALSE});
}
jobjectArray JNICALL Wrapper4(JNIEnv* jni, jclass type, jintArray fds, jobjectArray objects,
                              jboolean dry_run, jlong jcmd_stream) {
  return watcher->Around(jni,
                         [=] { return original_4(jni, type, fds, objects, dry_run, jcmd_stream); },
                         {fds, dry_run != JNI_FALSE});
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

constexpr const char* kNativeName = "checkpointRestore0";

// Registers the wrapper for the native that the JDK's own library exports. False where there is
// none of that name, or it is of a form that is not known.
bool WrapNative(JNIEnv* jni, jclass type, std::string_view class_name, char* name,
                char* signature) {
  std::string symbol = "Java_";
  for (const char c : class_name) symbol += c == '/' ? '_' : c;
  symbol.append("_").append(kNativeName);
  void* original = FindExport(symbol.c_str());
  if (original == nullptr) return false;
  for (const NativeForm& form : kNativeForms) {
    if (std::strcmp(form.signature, signature) != 0) continue;
    *form.original = original;
    const JNINativeMethod method = {name, signature, form.wrapper};
    const bool registered = jni->RegisterNatives(type, &method, 1) == JNI_OK;
    jni->ExceptionClear();
    return registered;
  }
  return false;
}

// JVM_Checkpoint takes one to five arguments by generation, all of them words: handing on five
// registers is right for each.
using JvmCheckpoint = jobjectArray (*)(JNIEnv*, void*, void*, void*, void*);
JvmCheckpoint original_jvm_checkpoint = nullptr;

jobjectArray JvmCheckpointHook(JNIEnv* jni, void* a, void* b, void* c, void* d) {
  // Generation 3: (env, fds, objects, dryRun, jcmdStream). Only asked where the native that calls
  // this was not wrapped; a jboolean fills one byte of its register.
  CheckpointWatcher::Arguments arguments;
  if (watcher->mirrored()) {
    arguments.claimed = static_cast<jintArray>(a);
    arguments.dry_run = static_cast<jboolean>(reinterpret_cast<uintptr_t>(c)) != JNI_FALSE;
  }
  return watcher->Around(
      jni, [=] { return original_jvm_checkpoint(jni, a, b, c, d); }, arguments);
}

constexpr const char* kCoreClasses[] = {"Ljdk/internal/crac/mirror/Core;", "Ljdk/crac/Core;",
                                        "Ljavax/crac/Core;"};
constexpr const char* kMirrorFailure = "Ljdk/internal/crac/mirror/CheckpointException;";
constexpr const char* kApiFailures[] = {"Ljdk/crac/CheckpointException;",
                                        "Ljavax/crac/CheckpointException;"};

template <size_t kCount>
bool IsOneOf(const char* const (&names)[kCount], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

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

// As Class.forName does, with an exception and its stack trace for a class that is not there.
jclass FindBootClassInJava(JNIEnv* jni, const char* name) {
  std::string dotted = name;
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  jclass found = nullptr;
  if (jni->PushLocalFrame(8) == 0) {
    const jstring text = jni->NewStringUTF(dotted.c_str());
    const jclass type = jni->FindClass("java/lang/Class");
    const jmethodID for_name =
        type == nullptr
            ? nullptr
            : jni->GetStaticMethodID(
                  type, "forName", "(Ljava/lang/String;ZLjava/lang/ClassLoader;)Ljava/lang/Class;");
    if (for_name != nullptr && text != nullptr) {
      const jboolean initialize = JNI_FALSE;
      found = static_cast<jclass>(
          jni->CallStaticObjectMethod(type, for_name, text, initialize, nullptr));
    }
    jni->ExceptionClear();
    found = static_cast<jclass>(jni->PopLocalFrame(found));
  }
  jni->ExceptionClear();
  return found;
}

// libjvm's, if it has one.
using BootClassFinder = jclass(JNIEnv* jni, const char* name);
constinit BootClassFinder* find_boot_class = nullptr;

// A class of the boot loader, where CRaC's own are, by a name with slashes; null where there is
// none. Does not initialise it, unlike FindClass, and asks no class path, which would open all its
// jars.
jclass FindBootClass(JNIEnv* jni, const char* name) {
  if (find_boot_class == nullptr) return FindBootClassInJava(jni, name);
  jclass found = find_boot_class(jni, name);
  jni->ExceptionClear();
  return found;
}

bool HasBootClass(JNIEnv* jni, const char* name) {
  jclass found = FindBootClass(jni, name);
  if (found == nullptr) return false;
  jni->DeleteLocalRef(found);
  return true;
}

// mirror.Core's JVM_CHECKPOINT_OK, _ERROR and _NONE.
constexpr jint kOk = 0;
constexpr jint kError = 1;
constexpr jint kNotConfigured = 2;
constexpr jint kUnknownStatus = -1;

// An element of the native's bundle of {Integer status, …, int[] codes, String[] messages}: the
// last two are always at the end.
jint StatusOf(JNIEnv* jni, jobject integer) {
  jint status = kUnknownStatus;
  jclass type = jni->FindClass("java/lang/Integer");
  jmethodID value = type == nullptr ? nullptr : jni->GetMethodID(type, "intValue", "()I");
  if (value != nullptr && integer != nullptr) status = jni->CallIntMethod(integer, value);
  if (jni->ExceptionCheck()) jni->ExceptionClear();
  if (type != nullptr) jni->DeleteLocalRef(type);
  return status;
}

Snapshot ListDescriptors(const FdTable& table) {
  const OwnWork own_work;
  return TakeSnapshot(table);
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

// Whether this VM may be one of a generation before 3, whose Java half can fail by itself: it has
// JVM_Checkpoint, and its run-time image has no module jdk.crac.
bool IsOldGeneration(jvmtiEnv* jvmti) {
  if (!AnyImageExports("JVM_Checkpoint")) return false;
  char* home = nullptr;
  if (jvmti->GetSystemProperty("java.home", &home) != JVMTI_ERROR_NONE) return true;
  std::ifstream release(std::string(home) + "/release");
  jvmti->Deallocate(reinterpret_cast<unsigned char*>(home));
  const std::string text((std::istreambuf_iterator<char>(release)),
                         std::istreambuf_iterator<char>());
  return text.find("jdk.crac") == std::string::npos;
}

constinit JavaVM* java_vm = nullptr;

JNIEnv* CurrentJni() {
  void* jni = nullptr;
  if (java_vm == nullptr || java_vm->GetEnv(&jni, JNI_VERSION_1_6) != JNI_OK) return nullptr;
  return static_cast<JNIEnv*>(jni);
}

// One of CRaC's extension events. HotSpot passes the jvmtiEnv alone, whatever the event's declared
// parameters are; reading on in the argument list would read rubbish.
void JNICALL AfterRestoreEvent(jvmtiEnv*, ...) {
  if (JNIEnv* jni = CurrentJni()) Guarded([jni] { watcher->OnAfterRestore(jni); });
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
  jvmtiCapabilities potential = {};
  jvmti_->GetPotentialCapabilities(&potential);
  // HotSpot gives them away at its start only.
  has_exception_events_ = potential.can_generate_exception_events != 0 && IsOldGeneration(jvmti_);
  capabilities->can_generate_exception_events = has_exception_events_;
}

void CheckpointWatcher::AddCallbacks(jvmtiEventCallbacks* callbacks) {
  watcher = this;
  callbacks->NativeMethodBind = [](jvmtiEnv*, JNIEnv* jni, jthread, jmethodID method, void* address,
                                   void** replacement) {
    Guarded([=] { watcher->OnNativeMethodBind(jni, method, address, replacement); });
  };
  callbacks->ClassPrepare = [](jvmtiEnv*, JNIEnv* jni, jthread, jclass type) {
    Guarded([=] { watcher->OnClassPrepare(jni, type); });
  };
  callbacks->Exception = [](jvmtiEnv*, JNIEnv* jni, jthread thread, jmethodID, jlocation,
                            jobject exception, jmethodID catcher, jlocation) {
    Guarded([=] { watcher->OnException(jni, thread, exception, catcher); });
  };
}

void CheckpointWatcher::AddHooks() {
  Patcher::AddExtra({"JVM_Checkpoint", reinterpret_cast<void*>(&JvmCheckpointHook),
                     reinterpret_cast<void**>(&original_jvm_checkpoint)});
}

void CheckpointWatcher::SetBootClasses(jclass (*find)(JNIEnv* jni, const char* name)) {
  find_boot_class = find;
}

void CheckpointWatcher::Start(JNIEnv* jni) {
  jni->GetJavaVM(&java_vm);
  if (openj9_.Start() || HasBootClass(jni, "openj9/internal/criu/InternalCRIUSupport") ||
      HasBootClass(jni, "org/eclipse/openj9/criu/CRIUSupport")) {
    // Its jdk.crac is a cloak of the same native.
    has_criu_ = true;
    jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_NATIVE_METHOD_BIND, nullptr);
    return;
  }
  mirrored_ = HasBootClass(jni, "jdk/internal/crac/mirror/Core");
  if (!mirrored_ && !HasBootClass(jni, "jdk/crac/Core") && !HasBootClass(jni, "javax/crac/Core")) {
    return;
  }
  has_crac_ = true;
  ArmExtensionEvents(jvmti_);
  jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_NATIVE_METHOD_BIND, nullptr);
  if (has_exception_events_) ArmExceptions(jni);
}

std::string CheckpointWatcher::StartLate(JNIEnv* jni) {
  Start(jni);
  if (has_criu_) return "they are not seen where one was tried before the agent came";
  if (!has_crac_) return {};
  bool seen = original_jvm_checkpoint != nullptr;
  for (const char* name : {"jdk/internal/crac/mirror/Core", "jdk/crac/Core", "javax/crac/Core"}) {
    seen = WrapBoundNative(jni, name) || seen;
  }
  if (!seen) return "it was bound to its native before the agent came, which nothing leads to";
  if (!mirrored_ && !has_exception_events_) {
    return "what only Java finds is in an exception, and the VM tells of exceptions only an agent "
           "that it was started with";
  }
  return {};
}

// The natives of a class that is not prepared are not bound yet, and NativeMethodBind tells. False
// where it is not known what the native is bound to.
bool CheckpointWatcher::WrapBoundNative(JNIEnv* jni, const char* class_name) {
  jclass type = FindBootClass(jni, class_name);
  if (type == nullptr) return false;
  jint count = 0;
  jmethodID* methods = nullptr;
  bool wrapped = true;
  if (jvmti_->GetClassMethods(type, &count, &methods) == JVMTI_ERROR_NONE) {
    for (jint i = 0; i < count; ++i) {
      char* name = nullptr;
      char* signature = nullptr;
      if (jvmti_->GetMethodName(methods[i], &name, &signature, nullptr) != JVMTI_ERROR_NONE) {
        continue;
      }
      if (std::strcmp(name, kNativeName) == 0) {
        wrapped = WrapNative(jni, type, class_name, name, signature);
      }
      jvmti_->Deallocate(reinterpret_cast<unsigned char*>(name));
      jvmti_->Deallocate(reinterpret_cast<unsigned char*>(signature));
    }
    jvmti_->Deallocate(reinterpret_cast<unsigned char*>(methods));
  }
  jni->DeleteLocalRef(type);
  return wrapped;
}

// From the moment at which the class of the failure is prepared, which the first attempt does,
// unless somebody has done it before.
void CheckpointWatcher::ArmExceptions(JNIEnv* jni) {
  jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_CLASS_PREPARE, nullptr);
  for (const char* name : {"jdk/internal/crac/mirror/CheckpointException",
                           "jdk/crac/CheckpointException", "javax/crac/CheckpointException"}) {
    jclass type = FindBootClass(jni, name);
    if (type == nullptr) continue;
    jint status = 0;
    if (jvmti_->GetClassStatus(type, &status) == JVMTI_ERROR_NONE &&
        (status & JVMTI_CLASS_STATUS_PREPARED) != 0) {
      OnClassPrepare(jni, type);
    }
    jni->DeleteLocalRef(type);
  }
}

void CheckpointWatcher::OnNativeMethodBind(JNIEnv*, jmethodID method, void* address,
                                           void** replacement) {
  char* name = nullptr;
  char* signature = nullptr;
  if (jvmti_->GetMethodName(method, &name, &signature, nullptr) != JVMTI_ERROR_NONE) return;
  if (std::strcmp(name, kNativeName) == 0 || std::strcmp(name, Openj9Watcher::kNativeName) == 0) {
    jclass type = nullptr;
    char* type_signature = nullptr;
    if (jvmti_->GetMethodDeclaringClass(method, &type) == JVMTI_ERROR_NONE &&
        jvmti_->GetClassSignature(type, &type_signature, nullptr) == JVMTI_ERROR_NONE) {
      const bool is_core =
          IsOneOf(kCoreClasses, type_signature) && std::strcmp(name, kNativeName) == 0;
      for (const NativeForm& form : kNativeForms) {
        if (!is_core || std::strcmp(form.signature, signature) != 0) continue;
        if (address != form.wrapper) *form.original = address;
        *replacement = form.wrapper;
      }
      openj9_.Bind(type_signature, name, signature, address, replacement);
      jvmti_->Deallocate(reinterpret_cast<unsigned char*>(type_signature));
    }
  }
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(name));
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(signature));
}

void CheckpointWatcher::OnClassPrepare(JNIEnv* jni, jclass type) {
  char* signature = nullptr;
  if (jvmti_->GetClassSignature(type, &signature, nullptr) != JVMTI_ERROR_NONE) return;
  const bool is_failure =
      mirrored_ ? std::strcmp(signature, kMirrorFailure) == 0 : IsOneOf(kApiFailures, signature);
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(signature));
  if (!is_failure) return;
  {
    const std::lock_guard lock(mutex_);
    if (failure_class_ != nullptr) return;
    failure_class_ = static_cast<jclass>(jni->NewGlobalRef(type));
  }
  jvmti_->SetEventNotificationMode(JVMTI_DISABLE, JVMTI_EVENT_CLASS_PREPARE, nullptr);
  // The class is prepared by the first attempt. From generation 3 on every attempt comes through
  // the native; before, Java may fail without it.
  if (!mirrored_) {
    jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_EXCEPTION, nullptr);
  }
}

void CheckpointWatcher::SetWatchingExceptions(JNIEnv* jni, jvmtiEventMode mode) {
  jthread thread = nullptr;
  if (jvmti_->GetCurrentThread(&thread) != JVMTI_ERROR_NONE) return;
  jvmti_->SetEventNotificationMode(mode, JVMTI_EVENT_EXCEPTION, thread);
  jni->DeleteLocalRef(thread);
}

template <typename Call>
jobjectArray CheckpointWatcher::Around(JNIEnv* jni, Call call, const Arguments& arguments) {
  if (depth == 0) {
    Guarded([&] {
      if (const auto earlier = Take(ThreadId())) ReportWithoutException(jni, *earlier);
      if (!mirrored_) SetWatchingExceptions(jni, JVMTI_ENABLE);
    });
  }
  ++depth;
  jobjectArray bundle = call();
  --depth;
  if (depth == 0) {
    Recorder::PidChanged();
    Guarded([&] { NativeReturned(jni, bundle, arguments); });
  }
  return bundle;
}

CheckpointWatcher::Outcome CheckpointWatcher::ReadOutcome(JNIEnv* jni, jobjectArray bundle,
                                                          bool dry_run) const {
  Outcome outcome;
  jint status = kNotConfigured;
  const jsize count = bundle == nullptr ? 0 : jni->GetArrayLength(bundle);
  if (count >= 3 && jni->PushLocalFrame(16) == 0) {
    status = StatusOf(jni, jni->GetObjectArrayElement(bundle, 0));
    auto codes = static_cast<jintArray>(jni->GetObjectArrayElement(bundle, count - 2));
    auto messages = static_cast<jobjectArray>(jni->GetObjectArrayElement(bundle, count - 1));
    const jsize entries = codes == nullptr || messages == nullptr
                              ? 0
                              : std::min(jni->GetArrayLength(codes), jni->GetArrayLength(messages));
    for (jsize i = 0; i < entries; ++i) {
      jint code = 0;
      jni->GetIntArrayRegion(codes, i, 1, &code);
      auto message = static_cast<jstring>(jni->GetObjectArrayElement(messages, i));
      outcome.suppressed.push_back({ClassForCode(mirrored_, code), ToUtf8(jni, message)});
      jni->DeleteLocalRef(message);
    }
    jni->PopLocalFrame(nullptr);
  }
  outcome.failed = status != kOk;
  // What mirror.Core says where the VM names no descriptor.
  constexpr const char* kRuntimeException = "java.lang.RuntimeException";
  if (status == kNotConfigured) {
    outcome.suppressed.push_back({kRuntimeException, "C/R is not configured"});
  } else if (status == kError && outcome.suppressed.empty() && !dry_run) {
    outcome.suppressed.push_back({kRuntimeException, "Native checkpoint failed."});
  } else if (status != kOk && status != kError) {
    outcome.suppressed.push_back(
        {kRuntimeException, "Unknown C/R result: " + std::to_string(status)});
  }
  return outcome;
}

void CheckpointWatcher::NativeReturned(JNIEnv* jni, jobjectArray bundle,
                                       const Arguments& arguments) {
  jthrowable pending = jni->ExceptionOccurred();
  if (pending != nullptr) jni->ExceptionClear();
  Outcome outcome = ReadOutcome(jni, bundle, arguments.dry_run);
  if (!outcome.failed) {
    if (!arguments.dry_run) reporter_->NoteRestore();
    if (pending != nullptr) jni->Throw(pending);
    return;
  }
  auto attempt = std::make_unique<Attempt>();
  attempt->failed = true;
  attempt->thread = reporter_->CurrentThreadName(jni);
  attempt->snapshot = ListDescriptors(*table_);
  NoteClaims(jni, arguments.claimed, &attempt->snapshot);
  if (mirrored_ || !has_exception_events_) {
    if (mirrored_ && arguments.dry_run) attempt->suppressed = FindJavaFailures(jni);
    attempt->suppressed.insert(attempt->suppressed.end(), outcome.suppressed.begin(),
                               outcome.suppressed.end());
    ReportWithoutException(jni, *attempt);
  } else {
    attempt->suppressed = std::move(outcome.suppressed);
    Keep(std::move(attempt));
  }
  if (pending != nullptr) jni->Throw(pending);
}

bool CheckpointWatcher::IsSeen(JNIEnv* jni, jobject exception) {
  for (jweak seen : seen_) {
    if (jni->IsSameObject(seen, exception)) return true;
  }
  return false;
}

// What Java has collected when it calls the native: the suppressed list of the CheckpointException
// that it will throw. Contexts have thrown others on the way, whose lists are parts of that one;
// and those of earlier attempts may still be about.
std::vector<SuppressedException> CheckpointWatcher::FindJavaFailures(JNIEnv* jni) {
  std::vector<SuppressedException> longest;
  jclass type = FindBootClass(jni, "jdk/internal/crac/mirror/CheckpointException");
  void* found = nullptr;
  if (type == nullptr || java_vm->GetEnv(&found, JVMTI_VERSION_1_2) != JNI_OK) return longest;
  // An environment of its own: the capability costs something, and the tags go with it.
  auto* jvmti = static_cast<jvmtiEnv*>(found);
  jvmtiCapabilities capabilities = {};
  capabilities.can_tag_objects = 1;
  jvmtiHeapCallbacks callbacks = {};
  callbacks.heap_iteration_callback = [](jlong, jlong, jlong* tag, jint, void*) -> jint {
    *tag = 1;
    return JVMTI_VISIT_OBJECTS;
  };
  const jlong wanted = 1;
  jint count = 0;
  jobject* objects = nullptr;
  if (jvmti->AddCapabilities(&capabilities) == JVMTI_ERROR_NONE &&
      jvmti->IterateThroughHeap(0, type, &callbacks, nullptr) == JVMTI_ERROR_NONE &&
      jvmti->GetObjectsWithTags(1, &wanted, &count, &objects, nullptr) == JVMTI_ERROR_NONE) {
    const std::lock_guard lock(mutex_);
    std::erase_if(seen_, [jni](jweak seen) {
      if (!jni->IsSameObject(seen, nullptr)) return false;
      jni->DeleteWeakGlobalRef(seen);
      return true;
    });
    for (jint i = 0; i < count; ++i) {
      if (!IsSeen(jni, objects[i])) {
        seen_.push_back(jni->NewWeakGlobalRef(objects[i]));
        CheckpointFailure failure = ReadFailure(jni, static_cast<jthrowable>(objects[i]));
        // One that holds what the VM said is an earlier attempt's: the VM has not been heard yet.
        const bool heard_vm = std::any_of(
            failure.suppressed.begin(), failure.suppressed.end(),
            [](const SuppressedException& one) { return one.message.starts_with("FD fd="); });
        if (!heard_vm && failure.suppressed.size() > longest.size()) {
          longest = std::move(failure.suppressed);
        }
      }
      jni->DeleteLocalRef(objects[i]);
    }
    jvmti->Deallocate(reinterpret_cast<unsigned char*>(objects));
  }
  jvmti->DisposeEnvironment();
  jni->DeleteLocalRef(type);
  return longest;
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
    const bool is_core = IsOneOf(kCoreClasses, class_signature);
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
  std::unique_ptr<Attempt> attempt = Take(ThreadId());
  if (mirrored_) {
    jvmti_->SetEventNotificationMode(JVMTI_DISABLE, JVMTI_EVENT_EXCEPTION, thread);
    if (attempt == nullptr) return;  // reported when the native returned
  }
  {
    const std::lock_guard lock(mutex_);
    if (last_reported_ != nullptr) jni->DeleteWeakGlobalRef(last_reported_);
    last_reported_ = jni->NewWeakGlobalRef(exception);
  }
  CheckpointFailure failure = ReadFailure(jni, static_cast<jthrowable>(exception));
  const std::string thread_name = reporter_->CurrentThreadName(jni);
  if (attempt != nullptr) {
    Report(jni, attempt->snapshot, thread_name, std::move(failure));
  } else {
    Report(jni, ListDescriptors(*table_), thread_name, std::move(failure));
  }
}

void CheckpointWatcher::ReportWithoutException(JNIEnv* jni, const Attempt& attempt) {
  if (!attempt.failed) return;
  CheckpointFailure failure;
  failure.class_name =
      mirrored_ ? "jdk.internal.crac.mirror.CheckpointException" : "jdk.crac.CheckpointException";
  failure.suppressed = attempt.suppressed;
  Report(jni, attempt.snapshot, attempt.thread, std::move(failure));
}

void CheckpointWatcher::Report(JNIEnv* jni, const Snapshot& snapshot, const std::string& thread,
                               CheckpointFailure failure) {
  if (!reports_.load(std::memory_order_relaxed)) return;
  Trigger trigger;
  trigger.kind = "checkpoint-failure";
  trigger.thread = thread;
  trigger.exception = std::move(failure);
  reporter_->Write(jni, snapshot, std::move(trigger)).IgnoreError();
}

void CheckpointWatcher::OnAfterRestore(JNIEnv* jni) {
  Recorder::PidChanged();
  if (depth != 0 || !has_exception_events_) return;
  // The event comes after success and failure alike. If it was a failure, its exception follows and
  // takes the list; if not, the next attempt discards it.
  SetWatchingExceptions(jni, JVMTI_ENABLE);
  auto attempt = std::make_unique<Attempt>();
  attempt->snapshot = ListDescriptors(*table_);
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
