// Walks the native frames of the calling thread, down to the first address outside every ELF image.
//
// That address is where generated code begins: an interpreter or compiled Java frame. libunwind
// would go on from there by guessing, and silently jumps over compiled frames, so the walk ends.
//
// Who calls it: StackRecorder, in hook context, on any thread.
#ifndef FDORIGIN_AGENT_STACK_NATIVE_WALKER_H_
#define FDORIGIN_AGENT_STACK_NATIVE_WALKER_H_

#include <atomic>
#include <cstdint>

#include "arch/frame_rule.h"
#include "base/hook_safe.h"
#include "base/image_table.h"
#include "base/region.h"
#include "stack/frame.h"

namespace fdorigin {

// Why a walk ended.
enum class WalkEnd : uint8_t {
  kGeneratedCode = 0,  // the next frame is outside every ELF image
  kOutermost = 1,      // the thread's first frame, or one without unwind information
  kDepth = 2,          // as many frames as were asked for
  kLost = 3,           // what the unwind information leads to is no frame
};

class NativeWalker {
 public:
  bool Create(Region* region, ImageTable* images);

  // Writes at most `max` frames, innermost first, starting with the one at `registers.pc`. An image
  // that the table does not have yet, because its dlopen is under way and this is its constructor,
  // or because libc loaded it for itself, is entered; where that cannot be, its frames are passed
  // over.
  // `probe` says what of the stack is known to be readable. `rest`, if not null, receives the
  // registers of the frame at which the walk ended.
  HOOK_SAFE int Walk(WalkRegisters registers, Frame* frames, int max, WalkEnd* end,
                     StackProbe probe = {}, WalkRegisters* rest = nullptr);

  // Whether the dynamic linker is among the native frames: the code is a constructor's or a
  // destructor's, under the loader's lock.
  HOOK_SAFE bool IsUnderLoader(WalkRegisters registers);

 private:
  template <typename Visit>
  HOOK_SAFE WalkEnd WalkImages(WalkRegisters* at, StackProbe probe, Visit visit);
  HOOK_SAFE FrameRule RuleFor(uint64_t pc, bool interrupted);

  ImageTable* images_ = nullptr;
  Region* region_ = nullptr;
  RegionOffset cache_ = 0;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_NATIVE_WALKER_H_
