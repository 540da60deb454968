// A process that was restored may have another number than the one in which the agent began. Here
// getpid() is the test's own, and says so.
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "catch2/catch_test_macros.hpp"
#include "nlohmann/json.hpp"
#include "report/open_fd.h"
#include "report/report.h"

namespace {

constinit pid_t pretended = 0;

}  // namespace

extern "C" pid_t getpid() noexcept {
  return pretended != 0 ? pretended : static_cast<pid_t>(syscall(SYS_getpid));
}

namespace fdorigin {
namespace {

std::string PidOfReport(const FdTable& table) {
  const Snapshot snapshot = TakeSnapshot(table);
  ReportInput input;
  input.snapshot = &snapshot;
  input.table = &table;
  input.trigger.kind = "api";
  return nlohmann::json::parse(RenderReport(input))["process"]["pid"].dump();
}

TEST_CASE("each report asks anew which number the process has") {
  TestTable table;
  const std::string before = std::to_string(getpid());
  CHECK(ExpandReportPath("/x/%p", 1) == "/x/" + before);
  CHECK(PidOfReport(table.table) == before);
  pretended = 47110;
  CHECK(ExpandReportPath("/x/%p", 2) == "/x/47110");
  CHECK(PidOfReport(table.table) == "47110");
  pretended = 0;
  CHECK(PidOfReport(table.table) == before);
}

}  // namespace
}  // namespace fdorigin
