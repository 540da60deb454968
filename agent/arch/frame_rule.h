// How to get from a frame to its caller, for the processor that the build is for.
//
// Include rule: agent/arch/ includes base only. Everything that depends on the processor is in
// arch/<processor>/; the headers beside those folders say what a port has to provide.
//
// Who calls it: the native walker, in hook context. The unwind tables are read once per address and
// process (LearnFrameRule), by the port where it knows their form, else by libunwind; what was
// found is replayed by ApplyFrameRule, which is a table look-up and two loads. Both touch no memory
// that was not found readable, hold no descriptor (libunwind's validation pipe is not used: memory
// is read through an accessor of our own) and take no lock but, in libunwind, the loader's and
// those of its pools, with all signals blocked. libunwind prepares itself when it is first asked.
// The one exception are addresses in DWARF expressions, from which libunwind loads directly:
// frame_rule.cc says how that is kept from faulting.
#ifndef FDORIGIN_AGENT_ARCH_FRAME_RULE_H_
#define FDORIGIN_AGENT_ARCH_FRAME_RULE_H_

#include <cstdint>

#include "base/hook_safe.h"

namespace fdorigin {

// The registers that a walk follows. `interrupted` where pc is the very instruction a signal
// interrupted, not the return address behind a call.
struct WalkRegisters {
  uint64_t pc = 0;
  uint64_t sp = 0;
  uint64_t fp = 0;
  bool interrupted = false;
};

enum class FrameRuleKind : uint8_t {
  kUnknown = 0,   // never learnt
  kStandard = 1,  // CFA and the saved frame pointer at constant offsets
  kSignal = 2,    // the kernel's signal frame
  kComplex = 3,   // anything else: needs libunwind each time
  kEnd = 4,       // outermost frame, or no unwind information
};

struct FrameRule {
  FrameRuleKind kind = FrameRuleKind::kUnknown;
  bool cfa_from_fp = false;  // CFA = fp + cfa_offset, else sp + cfa_offset
  bool fp_saved = false;     // caller's fp at CFA + fp_offset, else unchanged
  int32_t cfa_offset = 0;    // bytes, below 2^19
  int32_t fp_offset = 0;     // bytes, within +-2^17

  // 48 bits, so that a cache line of the walker can carry a tag beside it. Never 0.
  uint64_t Pack() const;
  static FrameRule Unpack(uint64_t bits);
};

// Called at load, outside hook context: reserves 12 MiB of addresses (not of memory) that no walk
// may take for a stack.
void PrepareUnwinding();

// What the unwind tables say of the code at `pc`, which must lie in a mapped ELF image.
HOOK_SAFE FrameRule LearnFrameRule(uint64_t pc, bool interrupted);

// Remembers which page of the stack was found readable, through one walk.
struct StackProbe {
  uint64_t readable_low = 0;
  uint64_t readable_high = 0;
  HOOK_SAFE bool Readable(uint64_t address);  // of the 8 bytes there
};

// Moves `registers` to the caller. False where the stack ends or cannot be trusted: an unreadable
// word, a CFA that does not grow.
HOOK_SAFE bool ApplyFrameRule(const FrameRule& rule, StackProbe* probe, WalkRegisters* registers);

// The registers of the caller of the function whose frame address this is
// (__builtin_frame_address(0) in a function that keeps its frame pointer).
HOOK_SAFE WalkRegisters RegistersOfCaller(const void* frame_address);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_ARCH_FRAME_RULE_H_
