#include "stack/stack_recorder.h"

#include <alloca.h>
#include <signal.h>

#include <cstring>

namespace fdorigin {
namespace {

// A walk needs about 7 KiB, and libunwind, at code that is new to it, some more.
constexpr uint64_t kStackForWalk = 12 * 1024;

// Whether the thread runs on an alternate signal stack that has no room for a walk.
bool OnSmallSignalStack(uint64_t sp) {
  stack_t stack;
  if (sigaltstack(nullptr, &stack) != 0 || !(stack.ss_flags & SS_ONSTACK)) return false;
  return sp - reinterpret_cast<uint64_t>(stack.ss_sp) < kStackForWalk;
}

// Whether native frames that ended so were called by the Java code of `activation`. Where the VM
// was called from the interpreter, up to two words lie between.
bool LeadsTo(const JavaActivation& activation, WalkEnd end, const WalkRegisters& rest) {
  constexpr uint64_t kBetween = 16;
  return end == WalkEnd::kGeneratedCode && rest.sp <= activation.anchor_sp &&
         activation.anchor_sp - rest.sp <= kBetween;
}

}  // namespace

RecordedStack StackRecorder::Record(const WalkRegisters& registers, bool may_be_java,
                                    bool may_block) {
  RecordedStack stack;
  JNIEnv* env = nullptr;
  stack.java_stack = java_->Gate(registers.sp, may_be_java, &env);
  if (stack.java_stack != JavaStackStatus::kComplete && OnSmallSignalStack(registers.sp)) {
    stack.java_stack = JavaStackStatus::kOnSignalStack;
    return stack;
  }
  Walk(registers, env, may_block, &stack);
  return stack;
}

// How many of the frames were called by a native method of the Zero VM, whose interpreter calls it
// through libffi.
int StackRecorder::AboveInterpreter(const Frame* frames, int count) const {
  int jvm = 0;
  while (jvm < count && images_->Get(frames[jvm].image)->role != ImageRole::kJvm) ++jvm;
  if (jvm == 0 || jvm == count) return count;
  const ImageId ffi = images_->Find(java_->ffi_call());
  while (jvm > 0 && ffi != ImageId::kNone && frames[jvm - 1].image == ffi) --jvm;
  return jvm;
}

// Functions of their own, because their buffers are as deep as asked for: each is entered only once
// the stack was found to have room.
[[gnu::noinline]] void StackRecorder::Walk(const WalkRegisters& registers, JNIEnv* env,
                                           bool may_block, RecordedStack* stack) {
  const int depth = native_depth_.load(std::memory_order_relaxed);
  auto* native = static_cast<Frame*>(alloca(static_cast<size_t>(depth) * sizeof(Frame)));
  StackProbe probe;
  const bool on_own_stack = stack->java_stack == JavaStackStatus::kComplete ||
                            stack->java_stack == JavaStackStatus::kNoVmStructs;
  if (on_own_stack) {
    if (const uint64_t base = java_->StackBase(env); base != 0) probe = {registers.sp, base};
  }
  NativePart part = {.frames = native, .depth = depth, .probe = probe};
  part.count = native_->Walk(registers, native, depth, &part.end, probe, &part.rest);
  if (stack->java_stack == JavaStackStatus::kComplete && java_->InterpretsInC()) {
    part.count = AboveInterpreter(native, part.count);
  }
  const int native_count = part.count;  // below, all are kept where there are no Java frames
  const bool may_block_at_all = may_block;
  bool caller_is_jvm = false;
  for (int i = 0; i < native_count; ++i) {
    const ImageRole role = images_->Get(native[i].image)->role;
    if (role == ImageRole::kJvm) {
      stack->through_jvm = true;
      caller_is_jvm |= i == 0;
    }
    // Who waits for a safepoint here, or allocates, may hold a lock that it would need itself or
    // keep from the VM thread: malloc's (glibc opens a file while it gives memory back), the
    // loader's, a library's own. The JDK's libraries hold none when they call.
    may_block &= role == ImageRole::kJdk;
  }
  may_block &= native_count > 0;
  if (caller_is_jvm && env != nullptr) stack->java_stack = JavaStackStatus::kCallerInsideJvm;
  if (stack->java_stack == JavaStackStatus::kNoVmStructs) {
    ProveNativeState(may_block_at_all, &part, stack);
    may_block = stack->java_stack == JavaStackStatus::kComplete;
  }
  // Compilers and other threads of the VM's own.
  if (stack->java_stack == JavaStackStatus::kComplete && !java_->HasJavaFrames(env)) {
    stack->java_stack = JavaStackStatus::kNotAJavaThread;
  }
  if (stack->java_stack == JavaStackStatus::kComplete) {
    const int java_depth =
        java_->DepthThatFits(env, registers.sp, java_depth_.load(std::memory_order_relaxed));
    if (java_depth > 0) {
      AddJava(env, registers.sp, may_block, part, java_depth, stack);
      return;
    }
    stack->java_stack = JavaStackStatus::kWalkRefused;
  }
  const bool cut = part.end == WalkEnd::kDepth || part.end == WalkEnd::kLost;
  if (cut && native_count > 0) native[native_count - 1].gap = 1;
  stack->id = store_->Intern(native, native_count);
}

// The frames down to a native method of the JDK's, or to generated code, are all the JDK's own:
// such a method was called from Java, in native state, and nobody above holds a lock. Its own frame
// may be missing, where its last call was made a jump. What lies below it, on a VM whose
// interpreter is a function, is the work of the Java frames.
void StackRecorder::ProveNativeState(bool may_block, NativePart* native,
                                     RecordedStack* stack) const {
  if (native_methods_ == nullptr) return;
  for (int i = 0; i < native->count; ++i) {
    const Frame& frame = native->frames[i];
    const ImageRole role = images_->Get(frame.image)->role;
    if (role != ImageRole::kJdk) {
      if (role != ImageRole::kJvm) stack->java_stack = JavaStackStatus::kMustNotWait;
      return;
    }
    if (!native_methods_->Contains(frame.image, frame.value)) continue;
    native->count = i + 1;
    native->end = WalkEnd::kGeneratedCode;
    break;
  }
  if (native->count == 0 || native->end != WalkEnd::kGeneratedCode) return;
  stack->java_stack = may_block ? JavaStackStatus::kComplete : JavaStackStatus::kMustNotWait;
}

// Java frames and the native ones between and below them, each part where HotSpot's anchors say
// that it is. A native part that does not lead to the next anchor is left out.
[[gnu::noinline]] void StackRecorder::AddJava(JNIEnv* env, uint64_t sp, bool may_block,
                                              const NativePart& native, int java_depth,
                                              RecordedStack* stack) {
  const auto depth = static_cast<size_t>(java_depth);
  auto* java = static_cast<Frame*>(alloca(depth * sizeof(Frame)));
  auto* frames =
      static_cast<Frame*>(alloca((static_cast<size_t>(native.depth) + depth) * sizeof(Frame)));
  std::memcpy(static_cast<void*>(frames), native.frames,
              static_cast<size_t>(native.count) * sizeof(Frame));
  stack->virtual_thread = java_->OnVirtualThread(env, may_block);
  JavaWalker::Activations activations;
  const int java_count =
      java_->Walk(env, sp, may_block, java, java_depth, &stack->java_stack, &activations);
  // The tables of JDK 21 do not tell where a thread notes it.
  stack->virtual_thread |= activations.virtual_thread;

  int count = native.count;
  int natives_left = native.depth - native.count;
  // Where frames were not kept, the one before says so.
  const auto add_java = [&](int index) {
    const int from_end = activations.total - index;
    if (index < activations.innermost) {
      frames[count++] = java[index];
    } else if (from_end <= java_count - activations.innermost) {
      frames[count++] = java[java_count - from_end];
    } else {
      if (count > 0) frames[count - 1].gap = 1;
      return false;
    }
    return true;
  };
  const bool leads_to_java = activations.count == 0
                                 ? native.end == WalkEnd::kGeneratedCode
                                 : LeadsTo(activations.all[0], native.end, native.rest);
  if (!leads_to_java && count > 0) frames[count - 1].gap = 1;
  for (int i = 0; activations.count == 0 && i < java_count; ++i) {
    // A native method that called back into Java: the VM's own walkers leave out the code between.
    // (A virtual thread's outermost frame is Continuation.enterSpecial, which has none.)
    const bool enters = stack->virtual_thread && i + 1 == java_count;
    if (i > 0 && java[i].bci < 0 && !enters) frames[count - 1].gap = 1;
    frames[count++] = java[i];
  }
  for (int i = 0; i < activations.count; ++i) {
    const JavaActivation& activation = activations.all[i];
    bool kept = true;
    for (int java_frame = 0; java_frame < activation.count; ++java_frame) {
      kept = add_java(activation.first + java_frame);
    }
    if (!kept || activation.caller.pc == 0 || count == 0) continue;  // or the walk ended here
    WalkEnd end;
    WalkRegisters rest;
    const int added =
        native_->Walk(activation.caller, frames + count, natives_left, &end, native.probe, &rest);
    const bool proven = i + 1 < activations.count ? LeadsTo(activations.all[i + 1], end, rest)
                                                  : end == WalkEnd::kOutermost;
    if (proven) {
      count += added;
      natives_left -= added;
    } else {
      frames[count - 1].gap = 1;
    }
  }
  if (stack->java_stack == JavaStackStatus::kStopped && count > 0) frames[count - 1].gap = 1;
  stack->id = store_->Intern(frames, count);
  if (activations.compiled > 0 && may_block) {
    if (const auto check = check_.load(std::memory_order_acquire)) check(env);
  }
  if (stack->virtual_thread) {
    java_->VirtualThreadName(env, may_block, stack->virtual_name, sizeof(stack->virtual_name));
  }
}

}  // namespace fdorigin
