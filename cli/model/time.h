// The times of a report.
//
// Who uses it: whoever reckons with them; most only show them as they are.
#ifndef FDORIGIN_CLI_MODEL_TIME_H_
#define FDORIGIN_CLI_MODEL_TIME_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace fdorigin::model {

// Microseconds since 1970 of "2026-11-21T21:56:43.089411Z" (RFC 3339, UTC); nothing where it is no
// such time.
std::optional<int64_t> MicrosecondsOf(std::string_view time);

}  // namespace fdorigin::model

#endif  // FDORIGIN_CLI_MODEL_TIME_H_
