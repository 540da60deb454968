#include "report/produce.h"

#include "nlohmann/json.hpp"

namespace fdorigin {

std::string RenderReport(const ReportInput& input) {
  const nlohmann::json report = BuildReport(input);
  return report.is_object() ? SerializeReport(report) : std::string();
}

ProducedReport ProduceReport(const ReportInput& input, const std::string& path) {
  const nlohmann::json report = BuildReport(input);
  ProducedReport produced;
  produced.status = WriteReport(report, path);
  produced.summary = Summarize(report, produced.status.ok() ? path : "");
  return produced;
}

}  // namespace fdorigin
