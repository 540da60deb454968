#include "report/produce.h"

#include "nlohmann/json.hpp"

namespace fdorigin {

ProducedReport ProduceReport(const ReportInput& input, const std::string& path) {
  nlohmann::json digest;
  const std::string text = RenderReport(input, &digest);
  ProducedReport produced;
  produced.status = WriteReport(text, path);
  produced.summary = Summarize(digest, produced.status.ok() ? path : "");
  return produced;
}

}  // namespace fdorigin
