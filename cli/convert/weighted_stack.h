// The stacks of a report's origins, each with the number of descriptors that were opened there:
// what viewers of profiles take for time.
//
// Who uses it: the formats of `convert`. Every descriptor counts once, also those of which no stack
// is known.
#ifndef FDORIGIN_CLI_CONVERT_WEIGHTED_STACK_H_
#define FDORIGIN_CLI_CONVERT_WEIGHTED_STACK_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "model/report.h"

namespace fdorigin {

struct WeightedStack {
  const model::Stack* stack = nullptr;  // null: none is known
  std::string_view call;                // libc's function, innermost; empty where it was not seen
  std::string_view attribution;
  size_t descriptors = 0;
};

// In the order of their first descriptors. `blocking_only`: of those that the checkpoint names.
std::vector<WeightedStack> WeighStacks(const model::Report& report, bool blocking_only);

// Names of what is not a frame.
constexpr std::string_view kFramesLeftOut = "[frames left out]";
constexpr std::string_view kNoStack = "[no stack]";

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_CONVERT_WEIGHTED_STACK_H_
