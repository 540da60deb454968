// What the command answers to the shell, for every verb.
#ifndef FDORIGIN_CLI_EXIT_STATUS_H_
#define FDORIGIN_CLI_EXIT_STATUS_H_

#include "absl/status/status.h"

namespace fdorigin {

enum class ExitStatus {
  kFine = 0,
  kFindings = 1,
  kUsage = 2,
  kUnreadable = 3,    // an input is missing, truncated, or not what it should be
  kTargetFailed = 4,  // the JVM that was asked did not do it
};

// What an error of a verb stands for: InvalidArgument and AlreadyExists are the user's, NotFound
// and DataLoss the input's, and everything else is the target's.
inline ExitStatus ExitStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitStatus::kFine;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
      return ExitStatus::kUsage;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
      return ExitStatus::kUnreadable;
    default:
      return ExitStatus::kTargetFailed;
  }
}

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_EXIT_STATUS_H_
