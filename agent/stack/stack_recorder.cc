#include "stack/stack_recorder.h"

#include <alloca.h>

#include <cstring>

namespace fdorigin {

RecordedStack StackRecorder::Record(const WalkRegisters& registers, bool may_block) {
  RecordedStack stack;
  Frame native[kMaxNativeDepth];
  WalkEnd end;
  const int native_count = native_->Walk(registers, native, native_depth_, &end);
  for (int i = 0; i < native_count && !stack.through_jvm; ++i) {
    stack.through_jvm = images_->Get(native[i].image)->role == ImageRole::kJvm;
  }
  const bool caller_is_jvm =
      native_count > 0 && images_->Get(native[0].image)->role == ImageRole::kJvm;
  JNIEnv* env = nullptr;
  stack.java_stack = java_->Gate(caller_is_jvm, registers.sp, &env);
  if (stack.java_stack == JavaStackStatus::kComplete) {
    const int java_depth = java_->DepthThatFits(env, registers.sp, java_depth_);
    if (java_depth > 0) {
      AddJava(env, may_block, native, native_count, java_depth, &stack);
      return stack;
    }
    stack.java_stack = JavaStackStatus::kWalkRefused;
  }
  stack.id = store_->Intern(native, native_count);
  return stack;
}

// A function of its own, because its buffer is as deep as asked for: only Java threads pay for it,
// after it was found to fit.
[[gnu::noinline]] void StackRecorder::AddJava(JNIEnv* env, bool may_block, const Frame* native,
                                              int native_count, int java_depth,
                                              RecordedStack* stack) {
  auto* frames =
      static_cast<Frame*>(alloca(static_cast<size_t>(native_count + java_depth) * sizeof(Frame)));
  std::memcpy(static_cast<void*>(frames), native,
              static_cast<size_t>(native_count) * sizeof(Frame));
  stack->virtual_thread = java_->OnVirtualThread(env);
  const int java_count =
      java_->Walk(env, may_block, frames + native_count, java_depth, &stack->java_stack);
  stack->id = store_->Intern(frames, native_count + java_count);
  if (stack->virtual_thread && may_block) {
    java_->VirtualThreadName(env, stack->virtual_name, sizeof(stack->virtual_name));
  }
}

}  // namespace fdorigin
