// Compares the agent's own walk of Java frames with JVMTI's, so that a VM whose frames are not what
// its tables say is found out: a vendor may have changed the one without the other.
//
// Who calls it: VMInit, which makes the first comparison, before which nothing is believed; every
// report; and the first hooks that record compiled frames, where these may ask JVMTI
// (docs/hook-context.md), until two comparisons had such frames. Else cold, on a Java thread in
// native state. Classes are listened to only until the first comparison has succeeded, which is at
// once, but for versions that were never compared: an event costs every class some microseconds.
//
// One difference is enough: from then on the frames come from the VM's own walkers, and those that
// were recorded before are withdrawn.
#ifndef FDORIGIN_AGENT_JVM_WALK_CHECK_H_
#define FDORIGIN_AGENT_JVM_WALK_CHECK_H_

#include <jvmti.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "base/fact_store.h"
#include "stack/java_walker.h"
#include "stack/method_store.h"
#include "stack/stack_recorder.h"

namespace fdorigin {

class WalkCheck {
 public:
  // What a refusal is about, in the report.
  static constexpr const char* kJvmData = "the JVM's own data, for Java stacks";

  // All stay valid for good.
  WalkCheck(jvmtiEnv* jvmti, JavaWalker* walker, StackRecorder* recorder,
            const MethodStore* methods, FactStore* facts)
      : jvmti_(jvmti), walker_(walker), recorder_(recorder), methods_(methods), facts_(facts) {}

  // Once, after JavaWalker::Start(). `structs`: what the walker was given.
  void Start(JNIEnv* jni, const VmStructs& structs);

  // The stack of this thread, where it has Java frames.
  void Compare(JNIEnv* jni);

  // Whether a comparison has found a difference.
  bool found_wrong() const { return walker_->trust() == JavaWalker::Trust::kWrong; }

  // Why the VM's own data is not read, for the report; empty where it is.
  std::string refusal() const;

 private:
  // Comparisons with compiled code among the frames after which only reports make more.
  static constexpr int kEnough = 2;
  // Class preparations, and stacks with compiled frames, after which none is looked at any more.
  static constexpr uint32_t kLast = 1 << 14;

  void Refuse(std::string reason);
  bool ListenToClasses(JNIEnv* jni);
  void OnClassPrepare(JNIEnv* jni);
  HOOK_SAFE void OnCompiledFrames(JNIEnv* jni);
  void LoadSomeClass(JNIEnv* jni);
  std::string Difference(JNIEnv* jni, const JavaFrame& ours, const jvmtiFrameInfo& theirs) const;

  jvmtiEnv* jvmti_;
  // For ClassPrepare, to which others in the agent listen at other times.
  jvmtiEnv* own_jvmti_ = nullptr;
  JavaWalker* walker_;
  StackRecorder* recorder_;
  const MethodStore* methods_;
  FactStore* facts_;  // the refusal, for who reads it from outside
  bool version_is_known_ = false;
  std::atomic<uint32_t> preparations_{0};
  std::atomic<uint32_t> recorded_{0};  // stacks with compiled frames
  std::atomic<int> compiled_{0};
  std::atomic<const std::string*> refusal_{nullptr};  // the first one; never given back
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_WALK_CHECK_H_
