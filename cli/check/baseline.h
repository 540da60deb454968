// The findings that were there when somebody decided to look at new ones only.
//
// Who uses it: the verb check, and Judge (judge.h).
#ifndef FDORIGIN_CLI_CHECK_BASELINE_H_
#define FDORIGIN_CLI_CHECK_BASELINE_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fdorigin::check {

struct Known {
  size_t count = 0;         // of descriptors
  std::string description;  // for a person
};

struct Baseline {
  std::string path;
  std::map<std::string, Known> known;  // by fingerprint
};

// NotFound where the file cannot be read, DataLoss where it is no baseline.
absl::StatusOr<Baseline> ReadBaseline(const std::string& path);
absl::StatusOr<Baseline> ParseBaseline(std::string_view text, const std::string& name);

// In the order of fingerprints, so that a version control system shows what changed.
std::string WriteBaseline(const Baseline& baseline);

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_BASELINE_H_
