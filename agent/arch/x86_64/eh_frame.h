// Reads the rule of an address from its image's .eh_frame, by the table of .eh_frame_hdr.
//
// Who calls it: LearnFrameRule, in hook context, once per address and process. Only what compilers
// write for ordinary functions is read: a CFA that is the stack or the frame pointer and a number,
// the return address below it or, in the outermost functions, none, the frame pointer saved on the
// stack or left alone. All else (expressions, realigned stacks, signal frames) is left to
// libunwind, which takes five times as long, locks, and blocks signals meanwhile. This takes no
// lock, and makes no system call.
#ifndef FDORIGIN_AGENT_ARCH_X86_64_EH_FRAME_H_
#define FDORIGIN_AGENT_ARCH_X86_64_EH_FRAME_H_

#include <cstdint>

#include "arch/frame_rule.h"
#include "base/hook_safe.h"

namespace fdorigin {

// False where the rule is none of those, or the image has no such table. `interrupted` as in
// LearnFrameRule().
HOOK_SAFE bool ReadFrameRule(uint64_t pc, bool interrupted, FrameRule* rule);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_ARCH_X86_64_EH_FRAME_H_
