// Output without stdio: lines on stderr, safe in every context, one write(2) a line.
#ifndef FDORIGIN_AGENT_BASE_RAW_OUTPUT_H_
#define FDORIGIN_AGENT_BASE_RAW_OUTPUT_H_

#include <string_view>

#include "base/hook_safe.h"

namespace fdorigin {

// Writes "fdorigin: ", `text` and a line end to stderr. Longer lines than 1,000 bytes are cut.
// errno is kept.
HOOK_SAFE void PrintLine(std::string_view text);

// Writes `text` as it is, whole. For what has its own prefixes and line ends. errno is kept.
void PrintText(std::string_view text);

// Writes all of `text`, whatever pieces the kernel takes. False where it does not; errno says why.
bool WriteAll(int fd, std::string_view text);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_RAW_OUTPUT_H_
