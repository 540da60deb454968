// Walks the Java frames of the calling thread by HotSpot's own data: the thread's frame anchor, the
// interpreter's frames, the code cache and the debug information of compiled code. It needs neither
// AsyncGetCallTrace nor JVMTI, and never waits.
//
// Who calls it: JavaWalker in hook context, on a Java thread in native state (the gate of
// java_walker.h). In that state the thread's Java frames do not change, and what they refer to
// stays alive: code, methods and their names.
//
// Nothing is believed. Stack addresses must lie in the thread's own stack and grow, code in the
// committed part of a code heap, debug information in its blob; a Method must look like one. In any
// doubt the walk ends, and says so.
#ifndef FDORIGIN_AGENT_STACK_HOTSPOT_WALKER_H_
#define FDORIGIN_AGENT_STACK_HOTSPOT_WALKER_H_

#include <cstdint>

#include "arch/frame_rule.h"
#include "base/hook_safe.h"
#include "base/region.h"
#include "stack/method_store.h"
#include "stack/vm_structs.h"

namespace fdorigin {

// Why a walk ended.
enum class HotspotWalkEnd : uint8_t {
  kOutermost = 0,    // all Java frames of the thread, or of the virtual thread
  kDepth = 1,        // more frames than were asked for, or than are walked at all
  kFrozen = 2,       // the rest of the virtual thread's frames is in the Java heap
  kBadStack = 3,     // an address outside the thread's stack, or one that does not grow
  kUnknownCode = 4,  // a return address in no code that is known
  kNoDebugInfo = 5,  // compiled code that does not say where it is
  kBadMethod = 6,    // something that is no method, or a bytecode outside of it
  kTooManyActivations = 7,
};

struct JavaFrame {
  MethodId method;  // kNone where the store is full
  int32_t bci;      // -1 in a native method

  bool operator==(const JavaFrame&) const = default;
};

// A run of Java frames without native code between them, from the call out of Java (innermost) to
// the call into Java.
struct JavaActivation {
  int first;  // of its frames, counted through all of the walk, also those that were not kept
  int count;
  // The anchor: stack pointer and pc of the Java code that called out. What is below it on the
  // stack is native code.
  uint64_t anchor_sp;
  uint64_t anchor_pc;
  // The frame of the entry stub, and the native code that called in: there the next part of native
  // frames begins. All 0 where the walk ended before.
  uint64_t entry_sp;
  uint64_t entry_fp;
  WalkRegisters caller;
};

struct HotspotWalk {
  int frames = 0;  // that were kept
  int total = 0;
  // Of more frames than were asked for, the innermost and the outermost are kept: so many of the
  // first. Else equal to `frames`.
  int innermost = 0;
  int activations = 0;
  int compiled = 0;  // return addresses in compiled code, each of one frame or of several
  HotspotWalkEnd end = HotspotWalkEnd::kOutermost;
  bool virtual_thread = false;  // the frames are a virtual thread's, and its carrier's are left out
};

class HotspotWalker {
 public:
  static constexpr int kMaxActivations = 64;
  static constexpr int kOutermost = 32;  // frames kept of that end, but at most a quarter of all

  bool Create(Region* region, MethodStore* methods);
  // Before the first Walk(); only a layout that is usable().
  void SetLayout(const HotspotLayout& layout) {
    layout_ = layout;
    methods_->SetLayout(layout);
  }

  // Writes at most `max` frames, innermost first, and at most `max_activations` of what they belong
  // to. `thread`: the JavaThread of the calling thread; `sp`: a stack address of the caller.
  HOOK_SAFE HotspotWalk Walk(const void* thread, uint64_t sp, JavaFrame* frames, int max,
                             JavaActivation* activations, int max_activations);

 private:
  class Pass;
  struct CachedCode;

  HOOK_SAFE uint64_t FindBlob(uint64_t pc) const;

  HotspotLayout layout_;
  MethodStore* methods_ = nullptr;
  Region* region_ = nullptr;
  RegionOffset cache_ = 0;
  uint32_t cache_mask_ = 0;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_HOTSPOT_WALKER_H_
