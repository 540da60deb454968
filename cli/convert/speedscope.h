// The file format of speedscope (https://www.speedscope.app/file-format-schema.json): a profile of
// all descriptors, and, where a checkpoint names some, one of these, which is shown first.
//
// Who uses it: `convert --to speedscope`.
#ifndef FDORIGIN_CLI_CONVERT_SPEEDSCOPE_H_
#define FDORIGIN_CLI_CONVERT_SPEEDSCOPE_H_

#include <string>

#include "model/report.h"

namespace fdorigin {

// Frames have their file and line: one frame for each line of a method that opens something.
std::string ToSpeedscope(const model::Report& report);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_CONVERT_SPEEDSCOPE_H_
