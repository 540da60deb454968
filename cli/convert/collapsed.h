// Collapsed stacks: a line for each, its frames from the outermost on with semicolons between them,
// a blank and a number. flamegraph.pl began it; async-profiler's converter and speedscope read it.
//
// Who uses it: `convert --to collapsed`.
#ifndef FDORIGIN_CLI_CONVERT_COLLAPSED_H_
#define FDORIGIN_CLI_CONVERT_COLLAPSED_H_

#include <string>

#include "model/report.h"

namespace fdorigin {

// Java frames are "com/example/Harbor.moor", by whose slashes viewers tell and colour them. A
// semicolon in a name, as Rust's have, comes as a colon. Sorted, one line for what reads the same.
std::string ToCollapsed(const model::Report& report);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_CONVERT_COLLAPSED_H_
