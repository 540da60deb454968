// The content of a file that a person wrote, or could have: rules, a baseline.
//
// Who uses it: their readers.
#ifndef FDORIGIN_CLI_CHECK_SMALL_FILE_H_
#define FDORIGIN_CLI_CHECK_SMALL_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace fdorigin::check {

// NotFound where the file cannot be read, DataLoss where it has more than `most` bytes.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t most);

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_SMALL_FILE_H_
