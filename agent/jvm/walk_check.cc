#include "jvm/walk_check.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "jvm/guarded.h"

namespace fdorigin {
namespace {

constinit WalkCheck* walk_check = nullptr;  // that hooks call

constexpr int kFrames = 64;  // innermost ones that are compared

// "org/acme/Shop" of the signature "Lorg/acme/Shop;". The suffixes that hidden and anonymous
// classes have after a dot, a slash or a plus are written differently by the two, and left out.
std::string_view PlainName(std::string_view class_name) {
  if (class_name.starts_with('L') && class_name.ends_with(';')) {
    class_name = class_name.substr(1, class_name.size() - 2);
  }
  const size_t suffix = class_name.find_last_of("./+");
  const bool follows = suffix != std::string_view::npos && suffix + 1 < class_name.size() &&
                       std::isdigit(static_cast<unsigned char>(class_name[suffix + 1]));
  return follows ? class_name.substr(0, suffix) : class_name;
}

// Ours may have been cut where MethodStore cuts.
bool IsSame(std::string_view ours, std::string_view theirs) {
  constexpr size_t kCut = 4000;
  return ours == theirs || (ours.size() > kCut && theirs.starts_with(ours));
}

bool IsPowerOfTwo(uint32_t number) { return (number & (number - 1)) == 0; }

std::string Describe(const MethodName& method, int64_t bci) {
  return std::string(method.class_name)
      .append(".")
      .append(method.name)
      .append(method.signature)
      .append(" at ")
      .append(std::to_string(bci));
}

}  // namespace

void WalkCheck::Start(JNIEnv* jni, const VmStructs& structs) {
  if (!walker_->CanReadOwnData()) {
    Refuse(structs.missing.empty() ? "Thread.eetop" : structs.missing);
    return;
  }
  version_is_known_ = structs.layout.compared;
  walk_check = this;
  if (ListenToClasses(jni)) LoadSomeClass(jni);
}

bool WalkCheck::ListenToClasses(JNIEnv* jni) {
  JavaVM* vm = nullptr;
  jvmtiEventCallbacks callbacks = {};
  callbacks.ClassPrepare = [](jvmtiEnv* jvmti, JNIEnv* env, jthread, jclass) {
    void* check = nullptr;
    if (jvmti->GetEnvironmentLocalStorage(&check) != JVMTI_ERROR_NONE) return;
    Guarded([=] { static_cast<WalkCheck*>(check)->OnClassPrepare(env); });
  };
  return jni->GetJavaVM(&vm) == JNI_OK &&
         vm->GetEnv(reinterpret_cast<void**>(&own_jvmti_), JVMTI_VERSION_1_2) == JNI_OK &&
         own_jvmti_->SetEnvironmentLocalStorage(this) == JVMTI_ERROR_NONE &&
         own_jvmti_->SetEventCallbacks(&callbacks, sizeof(callbacks)) == JVMTI_ERROR_NONE &&
         own_jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_CLASS_PREPARE, nullptr) ==
             JVMTI_ERROR_NONE;
}

// There are Java frames to compare as soon as Java code runs; rather than wait for it, have Java
// prepare a class that is hardly ever there yet. The first is in the archive of classes that JDKs
// are built with, and is not parsed.
void WalkCheck::LoadSomeClass(JNIEnv* jni) {
  for (const char* name :
       {"java.nio.file.CopyOption", "java.io.DataInputStream", "java.io.CharArrayReader",
        "java.text.StringCharacterIterator", "java.util.zip.Adler32"}) {
    if (walker_->trust() != JavaWalker::Trust::kUntried || jni->PushLocalFrame(8) != 0) break;
    const jstring text = jni->NewStringUTF(name);
    if (text != nullptr) {
      // The class of a class: FindClass would have Java code of a class loader run.
      const jclass type = jni->GetObjectClass(jni->GetObjectClass(text));
      const jmethodID for_name =
          jni->GetStaticMethodID(type, "forName", "(Ljava/lang/String;)Ljava/lang/Class;");
      if (for_name != nullptr) jni->CallStaticObjectMethod(type, for_name, text);
    }
    jni->ExceptionClear();
    jni->PopLocalFrame(nullptr);
  }
  jni->ExceptionClear();
}

// Every one of the first, then ever fewer: they tell less and less, and a JVM starts with hundreds.
void WalkCheck::OnClassPrepare(JNIEnv* jni) {
  const uint32_t number = preparations_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (IsPowerOfTwo(number)) Compare(jni);
  if (number >= kLast || walker_->trust() != JavaWalker::Trust::kUntried) {
    own_jvmti_->SetEventNotificationMode(JVMTI_DISABLE, JVMTI_EVENT_CLASS_PREPARE, nullptr);
  }
}

// As above. Whoever is believed for interpreted frames may still be wrong about compiled ones.
void WalkCheck::OnCompiledFrames(JNIEnv* jni) {
  const uint32_t number = recorded_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (IsPowerOfTwo(number)) Compare(jni);
  if (number >= kLast || compiled_.load(std::memory_order_relaxed) >= kEnough || found_wrong()) {
    recorder_->SetCheck(nullptr);
  }
}

// Empty where the two say the same.
std::string WalkCheck::Difference(JNIEnv* jni, const JavaFrame& ours,
                                  const jvmtiFrameInfo& theirs) const {
  const MethodName method = methods_->Get(ours.method);
  jclass declaring = nullptr;
  char* type = nullptr;
  char* name = nullptr;
  char* signature = nullptr;
  std::string difference;
  if (jvmti_->GetMethodDeclaringClass(theirs.method, &declaring) == JVMTI_ERROR_NONE &&
      jvmti_->GetClassSignature(declaring, &type, nullptr) == JVMTI_ERROR_NONE &&
      jvmti_->GetMethodName(theirs.method, &name, &signature, nullptr) == JVMTI_ERROR_NONE) {
    const std::string_view class_name = PlainName(type);
    if (ours.bci != theirs.location || !IsSame(method.name, name) ||
        !IsSame(method.signature, signature) || !IsSame(PlainName(method.class_name), class_name)) {
      const MethodName by_jvmti = {
          .class_name = class_name, .name = name, .signature = signature, .file = {}};
      difference = Describe(method, ours.bci) + ", by JVMTI " + Describe(by_jvmti, theirs.location);
    }
  }
  for (char* text : {type, name, signature}) {
    jvmti_->Deallocate(reinterpret_cast<unsigned char*>(text));
  }
  jni->DeleteLocalRef(declaring);
  return difference;
}

void WalkCheck::Compare(JNIEnv* jni) {
  if (!walker_->CanReadOwnData() || walker_->trust() == JavaWalker::Trust::kWrong) return;
  const auto sp = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  JNIEnv* env = nullptr;
  if (walker_->Gate(sp, /*may_be_java=*/true, &env) != JavaStackStatus::kComplete || env != jni) {
    return;
  }

  JavaFrame ours[kFrames];
  JavaActivation activations[HotspotWalker::kMaxActivations];
  const HotspotWalk walk = walker_->WalkOwnData(env, sp, ours, kFrames, activations);
  jvmtiFrameInfo theirs[kFrames];
  jint count = 0;
  if (jvmti_->GetStackTrace(nullptr, 0, kFrames, theirs, &count) != JVMTI_ERROR_NONE) return;

  // A walk that ended in doubt has said so; what it has seen must be right.
  const bool whole = walk.end == HotspotWalkEnd::kOutermost || walk.end == HotspotWalkEnd::kDepth;
  std::string difference;
  const int seen = std::min(walk.total, kFrames);
  if (whole ? seen != count : seen > count) {
    difference = std::to_string(walk.total) + " frames, by JVMTI " + std::to_string(count);
  }
  bool bytecode = false;
  for (int i = 0; difference.empty() && i < std::min(walk.innermost, count); ++i) {
    if (ours[i].method == MethodId::kNone) continue;  // no room for its name
    difference = Difference(jni, ours[i], theirs[i]);
    bytecode |= ours[i].bci >= 0;
  }
  if (!difference.empty()) {
    walker_->FindWrong();
    jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_CLASS_LOAD, nullptr);
    facts_->numbers().methods_wrong.store(1);
    Refuse("it differs from what the JVM says: " + difference);
    return;
  }
  if (!whole || !bytecode) return;
  if (walk.compiled > 0) compiled_.fetch_add(1, std::memory_order_relaxed);
  if (walker_->trust() == JavaWalker::Trust::kUntried && (version_is_known_ || walk.compiled > 0)) {
    walker_->Prove();
    recorder_->SetCheck(
        [](JNIEnv* caller) { Guarded([=] { walk_check->OnCompiledFrames(caller); }); });
    // Only AsyncGetCallTrace needs it.
    jvmti_->SetEventNotificationMode(JVMTI_DISABLE, JVMTI_EVENT_CLASS_LOAD, nullptr);
  }
}

void WalkCheck::Refuse(std::string reason) {
  const auto* kept = new std::string(std::move(reason));
  const std::string* none = nullptr;
  if (!refusal_.compare_exchange_strong(none, kept)) {
    delete kept;
    return;
  }
  facts_->Note(FactKind::kUnreadable, kJvmData, *kept);
}

std::string WalkCheck::refusal() const {
  if (const std::string* kept = refusal_.load()) return *kept;
  if (walker_->trust() == JavaWalker::Trust::kProven) return {};
  return "it was not compared yet with what the JVM says";
}

}  // namespace fdorigin
