#include "stack/java_walker.h"

#include <alloca.h>
#include <pthread.h>

#include <algorithm>
#include <cstring>

#include "stack/jvmti_names.h"

namespace fdorigin {
namespace {

// HotSpot's forte.cpp. Not in any header of the JDK, but exported since JDK 5.
struct AsyncFrame {
  jint bci;  // negative in native methods
  jmethodID method;
};
struct AsyncTrace {
  JNIEnv* env;
  jint count;  // negative: why there is none
  AsyncFrame* frames;
};

static_assert(sizeof(AsyncFrame) == sizeof(Frame) && alignof(AsyncFrame) == alignof(Frame));
static_assert(sizeof(jvmtiFrameInfo) == sizeof(Frame) && alignof(jvmtiFrameInfo) == alignof(Frame));

// Both walkers write 16-byte frames, so they use the caller's buffer and each frame is rewritten
// in place.
Frame FrameOf(jmethodID method, int32_t bci) {
  Frame frame;
  std::memset(&frame, 0, sizeof(frame));
  frame.value = reinterpret_cast<uint64_t>(method);
  frame.bci = bci < 0 ? -1 : bci;
  frame.kind = FrameKind::kJava;
  return frame;
}

// Left alone at the end of a thread's stack: HotSpot's guard zones and room for GetStackTrace.
constexpr uint64_t kStackReserve = 160 * 1024;

// The thread's own stack, where NoteThread() has been; 0 and 0 elsewhere.
struct StackBounds {
  uint64_t low = 0;
  uint64_t high = 0;
  bool Contains(uint64_t sp) const { return sp >= low && sp < high; }
};
constinit thread_local StackBounds own_stack;

// Where JNI 21's IsVirtualThread is in the table of functions, which the headers of earlier JDKs do
// not have.
constexpr int kIsVirtualThread = 234;

}  // namespace

template <typename T>
T JavaWalker::ThreadField(JNIEnv* env, ptrdiff_t offset) const {
  T value;
  std::memcpy(&value, reinterpret_cast<const char*>(env) - facts_.env_offset + offset, sizeof(T));
  return value;
}

void JavaWalker::SetFacts(const VmFacts& facts) {
  facts_ = facts;
  can_read_ = hotspot_ != nullptr && facts.hotspot.usable() && facts.env_offset >= 0;
  if (can_read_) hotspot_->SetLayout(facts.hotspot.layout);
}

void JavaWalker::Prove() {
  Trust untried = Trust::kUntried;
  trust_.compare_exchange_strong(untried, Trust::kProven, std::memory_order_acq_rel);
}

HotspotWalk JavaWalker::WalkOwnData(JNIEnv* env, uint64_t sp, JavaFrame* frames, int max,
                                    JavaActivation* activations) const {
  const auto* thread = reinterpret_cast<const char*>(env) - facts_.env_offset;
  return hotspot_->Walk(thread, sp, frames, max, activations, HotspotWalker::kMaxActivations);
}

void JavaWalker::NoteThread() const {
  if (facts_.tell_state()) return;
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  void* low = nullptr;
  size_t size = 0;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
    own_stack = {reinterpret_cast<uint64_t>(low), reinterpret_cast<uint64_t>(low) + size};
  }
  pthread_attr_destroy(&attributes);
}

JavaStackStatus JavaWalker::Gate(uint64_t sp, bool may_be_java, JNIEnv** env) const {
  switch (phase_.load(std::memory_order_acquire)) {
    case Phase::kStarting:
      return JavaStackStatus::kBeforeVmInit;
    case Phase::kDead:
      return JavaStackStatus::kAfterVmDeath;
    case Phase::kLive:
      break;
  }
  if (!may_be_java) return JavaStackStatus::kNotAJavaThread;
  void* found = nullptr;
  if (facts_.vm->GetEnv(&found, JNI_VERSION_1_6) != JNI_OK || found == nullptr) {
    return JavaStackStatus::kNotAJavaThread;
  }
  *env = static_cast<JNIEnv*>(found);
  if (!facts_.tell_state()) {
    if (own_stack.high != 0 && !own_stack.Contains(sp)) return JavaStackStatus::kOnSignalStack;
    return JavaStackStatus::kNoVmStructs;
  }
  if (ThreadField<int>(*env, facts_.thread_state_offset) != facts_.thread_in_native) {
    return JavaStackStatus::kNotInNative;
  }
  if (facts_.stack_base_offset >= 0 && facts_.stack_size_offset >= 0) {
    const auto base = ThreadField<uint64_t>(*env, facts_.stack_base_offset);
    const auto size = ThreadField<uint64_t>(*env, facts_.stack_size_offset);
    if (sp >= base || sp < base - size) return JavaStackStatus::kOnSignalStack;
  }
  return JavaStackStatus::kComplete;
}

int JavaWalker::DepthThatFits(JNIEnv* env, uint64_t sp, int max) const {
  uint64_t low = own_stack.low;
  if (facts_.stack_base_offset >= 0 && facts_.stack_size_offset >= 0) {
    low = ThreadField<uint64_t>(env, facts_.stack_base_offset) -
          ThreadField<uint64_t>(env, facts_.stack_size_offset);
  }
  if (low == 0) return std::min(max, 64);
  if (sp < low + kStackReserve) return 0;
  const uint64_t fits = (sp - low - kStackReserve) / (2 * sizeof(Frame) + sizeof(JavaFrame));
  return static_cast<int>(std::min<uint64_t>(fits, static_cast<uint64_t>(max)));
}

uint64_t JavaWalker::StackBase(JNIEnv* env) const {
  if (facts_.stack_base_offset < 0) return own_stack.high;
  return ThreadField<uint64_t>(env, facts_.stack_base_offset);
}

bool JavaWalker::HasJavaFrames(JNIEnv* env) const {
  return facts_.last_java_sp_offset < 0 ||
         ThreadField<void*>(env, facts_.last_java_sp_offset) != nullptr;
}

bool JavaWalker::OnVirtualThread(JNIEnv* env, bool may_block) const {
  if (!facts_.has_virtual_threads) return false;
  if (!facts_.tell_state()) {
    jthread thread = nullptr;
    if (!may_block || facts_.jvmti->GetCurrentThread(&thread) != JVMTI_ERROR_NONE) return false;
    using IsVirtualThread = jboolean(JNICALL*)(JNIEnv*, jobject);
    IsVirtualThread ask;
    std::memcpy(&ask, reinterpret_cast<void* const*>(env->functions) + kIsVirtualThread,
                sizeof(ask));
    const bool is_virtual = ask(env, thread) != JNI_FALSE;
    env->DeleteLocalRef(thread);
    return is_virtual;
  }
  if (facts_.cont_entry_offset < 0) return false;
  return ThreadField<void*>(env, facts_.cont_entry_offset) != nullptr;
}

void JavaWalker::LearnNames(JNIEnv* env, jthread thread, std::string_view name) {
  if (!facts_.has_virtual_threads || !facts_.tell_state()) return;
  names_.Learn(facts_.vm, env, thread, reinterpret_cast<const char*>(env) - facts_.env_offset,
               name);
}

void JavaWalker::VirtualThreadName(JNIEnv* env, bool may_block, char* name, size_t size) const {
  name[0] = '\0';
  // That takes some system calls, and JVMTI none.
  if (!may_block) {
    names_.Read(reinterpret_cast<const char*>(env) - facts_.env_offset, name, size);
    return;
  }
  jvmtiThreadInfo info = {};
  if (facts_.jvmti->GetThreadInfo(nullptr, &info) != JVMTI_ERROR_NONE) return;
  const size_t length = std::min(std::strlen(info.name), size - 1);
  std::memcpy(name, info.name, length);
  name[length] = '\0';
  facts_.jvmti->Deallocate(reinterpret_cast<unsigned char*>(info.name));
  env->DeleteLocalRef(info.thread_group);
  env->DeleteLocalRef(info.context_class_loader);
}

int JavaWalker::WalkAsync(JNIEnv* env, Frame* frames, int max) const {
  AsyncTrace trace = {env, 0, reinterpret_cast<AsyncFrame*>(frames)};
  facts_.async_get_call_trace(&trace, max, nullptr);
  for (int i = 0; i < trace.count; ++i) {
    AsyncFrame frame;
    std::memcpy(&frame, &frames[i], sizeof(frame));
    if (frame.method == nullptr) return -1;  // it has no jmethodID yet
    frames[i] = FrameOf(frame.method, frame.bci);
  }
  return trace.count;
}

int JavaWalker::WalkJvmti(JNIEnv* env, int first, Frame* frames, int max) const {
  jint count = 0;
  const jvmtiError error = facts_.jvmti->GetStackTrace(
      nullptr, first, max, reinterpret_cast<jvmtiFrameInfo*>(frames), &count);
  if (error != JVMTI_ERROR_NONE) return -1;
  for (int i = 0; i < count; ++i) {
    jvmtiFrameInfo frame;
    std::memcpy(&frame, &frames[i], sizeof(frame));
    frames[i] = facts_.tell_state()
                    ? FrameOf(frame.method, static_cast<int32_t>(frame.location))
                    : NameFrame(facts_.jvmti, env, frame.method, frame.location, strings_);
  }
  return count;
}

// As deep a buffer as asked for, of which DepthThatFits() has said that there is room.
[[gnu::noinline]] int JavaWalker::WalkHotspot(JNIEnv* env, uint64_t sp, Frame* frames, int max,
                                              JavaStackStatus* status,
                                              Activations* activations) const {
  auto* found = static_cast<JavaFrame*>(alloca(static_cast<size_t>(max) * sizeof(JavaFrame)));
  const HotspotWalk walk = WalkOwnData(env, sp, found, max, activations->all);
  activations->count = walk.activations;
  activations->total = walk.total;
  activations->innermost = walk.innermost;
  activations->compiled = walk.compiled;
  activations->virtual_thread = walk.virtual_thread;
  for (int i = 0; i < walk.frames; ++i) {
    std::memset(&frames[i], 0, sizeof(Frame));
    frames[i].value = static_cast<uint64_t>(found[i].method);
    frames[i].bci = found[i].bci;
    frames[i].kind = FrameKind::kMethod;
  }
  switch (walk.end) {
    case HotspotWalkEnd::kOutermost:
      *status = walk.frames == 0 ? JavaStackStatus::kNotAJavaThread : JavaStackStatus::kComplete;
      break;
    case HotspotWalkEnd::kDepth:
      *status = JavaStackStatus::kTruncated;
      break;
    case HotspotWalkEnd::kFrozen:
      *status = JavaStackStatus::kFrozen;
      break;
    default:
      *status = JavaStackStatus::kStopped;
  }
  return walk.frames;
}

// What is in the heap belongs to the outermost activation: native code would have kept its callers
// on the stack.
int JavaWalker::AddFrozen(JNIEnv* env, Frame* frames, int count, int max, JavaStackStatus* status,
                          Activations* activations) const {
  const int room = max - count;
  if (activations->count == 0 || activations->total != count || room == 0) return count;
  const int added = WalkJvmti(env, count, frames + count, room);
  if (added <= 0) return count;
  activations->all[activations->count - 1].count += added;
  activations->total += added;
  activations->innermost += added;
  *status = added == room ? JavaStackStatus::kTruncated : JavaStackStatus::kComplete;
  return count + added;
}

int JavaWalker::Walk(JNIEnv* env, uint64_t sp, bool may_block, Frame* frames, int max,
                     JavaStackStatus* status, Activations* activations) const {
  int count = -1;
  activations->count = 0;
  const bool reads_hotspot = trust() == Trust::kProven;
  if (reads_hotspot) {
    count = WalkHotspot(env, sp, frames, max, status, activations);
    const bool whole = *status != JavaStackStatus::kFrozen && *status != JavaStackStatus::kStopped;
    if (whole || !may_block) return count;
    if (*status == JavaStackStatus::kFrozen) {
      return AddFrozen(env, frames, count, max, status, activations);
    }
  } else if (facts_.tell_state() && facts_.async_get_call_trace != nullptr) {
    // On JDK 21 and later AsyncGetCallTrace appends the carrier's frames to a virtual thread's.
    const bool carrier_would_show = facts_.has_virtual_threads && (facts_.cont_entry_offset < 0 ||
                                                                   OnVirtualThread(env, may_block));
    if (!carrier_would_show) count = WalkAsync(env, frames, max);
  }
  if (count < 0 || reads_hotspot) {
    if (!may_block) {
      *status = JavaStackStatus::kMustNotWait;
      return 0;
    }
    count = WalkJvmti(env, 0, frames, max);
    activations->count = 0;
  }
  if (count < 0) {
    *status = JavaStackStatus::kWalkRefused;
    return 0;
  }
  *status = count == 0     ? JavaStackStatus::kNotAJavaThread
            : count == max ? JavaStackStatus::kTruncated
                           : JavaStackStatus::kComplete;
  return count;
}

}  // namespace fdorigin
