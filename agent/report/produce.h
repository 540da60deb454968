// From what is known to a file: one report, built, written and summed up.
//
// Who calls it: the composition root, which sees no JSON.
#ifndef FDORIGIN_AGENT_REPORT_PRODUCE_H_
#define FDORIGIN_AGENT_REPORT_PRODUCE_H_

#include <string>

#include "absl/status/status.h"
#include "report/report.h"

namespace fdorigin {

struct ProducedReport {
  absl::Status status;  // of writing it; the message is one line
  std::string summary;  // for stderr, whether or not it could be written
};

ProducedReport ProduceReport(const ReportInput& input, const std::string& path);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_PRODUCE_H_
