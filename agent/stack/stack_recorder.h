// From the frame of a hook to the id of the whole stack: native frames above, Java frames below.
//
// Who calls it: interpose, in hook context, on any thread.
#ifndef FDORIGIN_AGENT_STACK_STACK_RECORDER_H_
#define FDORIGIN_AGENT_STACK_STACK_RECORDER_H_

#include <atomic>

#include "arch/frame_rule.h"
#include "base/hook_safe.h"
#include "base/image_table.h"
#include "base/native_methods.h"
#include "stack/java_walker.h"
#include "stack/native_walker.h"
#include "stack/stack_store.h"

namespace fdorigin {

struct RecordedStack {
  StackId id = StackId::kNone;
  JavaStackStatus java_stack = JavaStackStatus::kNotAJavaThread;
  bool virtual_thread = false;
  char virtual_name[64] = "";  // of the virtual thread; the carrier's name is not its name
  bool through_jvm = false;    // a frame of libjvm is among the native ones
};

class StackRecorder {
 public:
  static constexpr int kMaxNativeDepth = 128;
  static constexpr int kMaxJavaDepth = 1024;

  StackRecorder(const ImageTable* images, NativeWalker* native, JavaWalker* java, StackStore* store)
      : images_(images), native_(native), java_(java), store_(store) {}

  // At any time.
  void SetDepths(int java, int native) {
    java_depth_.store(java < kMaxJavaDepth ? java : kMaxJavaDepth, std::memory_order_relaxed);
    native_depth_.store(native < kMaxNativeDepth ? native : kMaxNativeDepth,
                        std::memory_order_relaxed);
  }

  // On a VM whose threads' state cannot be read, before anything is recorded there.
  void SetNativeMethods(const NativeMethods* methods) { native_methods_ = methods; }

  // `check` is called where a stack with compiled Java frames was recorded, on its thread, if JVMTI
  // may be asked there (`may_block`). Null for nobody. At any time.
  void SetCheck(void (*check)(JNIEnv*)) { check_.store(check, std::memory_order_release); }

  // NativeWalker::IsUnderLoader().
  HOOK_SAFE bool IsUnderLoader(const WalkRegisters& registers) {
    return native_->IsUnderLoader(registers);
  }

  // `registers`: of the code that made the hooked call. `may_block` as in JavaWalker::Walk().
  HOOK_SAFE RecordedStack Record(const WalkRegisters& registers, bool may_be_java, bool may_block);

 private:
  HOOK_SAFE int AboveInterpreter(const Frame* frames, int count) const;
  HOOK_SAFE void Walk(const WalkRegisters& registers, JNIEnv* env, bool may_block,
                      RecordedStack* stack);
  // The innermost native frames, where they end, and what of the stack is known to be readable.
  struct NativePart {
    const Frame* frames;
    int count;
    int depth;  // how many there may be
    WalkEnd end;
    WalkRegisters rest;
    StackProbe probe;
  };

  HOOK_SAFE void ProveNativeState(bool may_block, NativePart* native, RecordedStack* stack) const;
  HOOK_SAFE void AddJava(JNIEnv* env, uint64_t sp, bool may_block, const NativePart& native,
                         int java_depth, RecordedStack* stack);

  const ImageTable* images_;
  NativeWalker* native_;
  JavaWalker* java_;
  StackStore* store_;
  const NativeMethods* native_methods_ = nullptr;
  std::atomic<void (*)(JNIEnv*)> check_{nullptr};
  std::atomic<int> java_depth_{256};
  std::atomic<int> native_depth_{64};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_STACK_RECORDER_H_
