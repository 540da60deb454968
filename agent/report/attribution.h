// How sure it is that what the table knows of a number is about the descriptor that is open now,
// and if it is not, the best reason known.
#ifndef FDORIGIN_AGENT_REPORT_ATTRIBUTION_H_
#define FDORIGIN_AGENT_REPORT_ATTRIBUTION_H_

#include <optional>
#include <string>
#include <string_view>

#include "report/report.h"

namespace fdorigin {

struct Attribution {
  const char* word = "untraced";  // the contract's: "traced", "inherited", "untraced"
  std::string reason;             // for "untraced"
};

// The kind of descriptor that a call makes, for those that share one inode among all of them and
// so cannot be told apart by identity. "" for every other call.
std::string_view KindMadeBy(std::string_view call);

// For one report. `input` outlives it.
class Attributor {
 public:
  explicit Attributor(const ReportInput& input) : input_(input) {}
  Attribution Of(const OpenDescriptor& descriptor);

 private:
  const std::string& WaysUnseen();

  const ReportInput& input_;
  std::optional<std::string> ways_unseen_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_ATTRIBUTION_H_
