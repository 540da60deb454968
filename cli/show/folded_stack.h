// A stack for a person: the frames of the application, with those of the JDK, the JVM, libc and
// frameworks between them counted.
//
// Who uses it: the stories of `show`.
#ifndef FDORIGIN_CLI_SHOW_FOLDED_STACK_H_
#define FDORIGIN_CLI_SHOW_FOLDED_STACK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model/report.h"

namespace fdorigin {

// A line of it: one frame, or several that are folded.
struct StackLine {
  const model::Frame* frame = nullptr;  // null: folded
  size_t index = 0;                     // of the frame, or of the first that is folded
  size_t folded = 0;
  std::string owners;  // whose the folded ones are: "JDK, io.netty"
  bool gap = false;    // behind it frames are left out in the report itself
};

// `full` folds nothing. Else the innermost frame is kept, `culprit` (an index), the frames of the
// application, of which there are at most kMostApplicationFrames (the rest is folded, too), and
// what would be folded alone.
std::vector<StackLine> FoldStack(const model::Stack& stack, std::optional<size_t> culprit,
                                 bool full);

constexpr size_t kMostApplicationFrames = 12;

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_SHOW_FOLDED_STACK_H_
