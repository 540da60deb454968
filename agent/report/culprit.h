// The frame at which a person should look first: the first one that is the application's.
//
// Who calls it: RenderReport(), once per descriptor. Cold, no state.
#ifndef FDORIGIN_AGENT_REPORT_CULPRIT_H_
#define FDORIGIN_AGENT_REPORT_CULPRIT_H_

#include <functional>
#include <optional>
#include <vector>

#include "fdtable/fd_table.h"
#include "symbolize/symbolized_frame.h"

namespace fdorigin {

// The frames of a stack, innermost first; valid for the life of the report.
using StackFrames = std::function<const std::vector<SymbolizedFrame>&(StackId)>;

struct Culprit {
  StackId stack = StackId::kNone;
  size_t frame = 0;  // index into the stack's frames
  // The call whose stack it is: null for the origin, else the history step.
  const CallRecord* step = nullptr;
};

// The rule:
//  1. the first frame of the origin's stack, innermost first, whose owner is the application and
//     which has a name (a Java class, or an ELF image);
//  2. where the origin's stack has none: the same in the first bind, listen or connect of the
//     history whose stack has one, for these say what the socket is for. No other later call
//     counts.
//  3. hidden frames, and classes that the JVM made up (lambdas, method references, dynamic proxies
//     and other hidden classes), are passed over, and looked for in the same order where that finds
//     nothing else.
// Nothing where none is found. `entry` must stay alive as long as the result.
std::optional<Culprit> FindCulprit(const FdEntry& entry, const FdTable& table,
                                   const StackFrames& frames);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_CULPRIT_H_
