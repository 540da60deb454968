// From what is known to a file: one report, built, written and summed up.
//
// Who calls it: the composition root, and the command for a process that cannot be asked; neither
// sees JSON.
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

// The text of the report, as ProduceReport() writes it. "" where memory ran out.
std::string RenderReport(const ReportInput& input);

ProducedReport ProduceReport(const ReportInput& input, const std::string& path);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_PRODUCE_H_
