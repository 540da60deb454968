// The report of contract and docs/report.md: joins a snapshot, the trigger and the stacks into one
// JSON object, writes it, and prints the summary.
//
// Who calls it: the composition root, on one thread at a time (a lock of the caller's), outside
// hook context.
#ifndef FDORIGIN_AGENT_REPORT_REPORT_H_
#define FDORIGIN_AGENT_REPORT_REPORT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdtable/fd_table.h"
#include "nlohmann/json_fwd.hpp"
#include "report/host.h"
#include "report/snapshot.h"
#include "symbolize/symbolized_frame.h"

namespace fdorigin {

struct SuppressedException {
  std::string class_name;  // with dots
  std::string message;     // "" where it is null
};

struct CheckpointFailure {
  std::string class_name;
  std::optional<std::string> message;
  std::vector<SuppressedException> suppressed;
  std::vector<SuppressedException> causes;  // the nearest first
};

struct Trigger {
  std::string kind;    // "checkpoint-failure", "exit", ...
  std::string thread;  // name of the thread that asked
  std::optional<CheckpointFailure> exception;
};

struct RefusedHook {
  std::string what;  // "slot close of /path/lib.so"
  std::string reason;
  // Whether it leaves calls unseen that make descriptors, and not only their stacks.
  bool hides_calls = true;
};

struct Coverage {
  bool since_startup = true;
  int libraries = 0;
  int slots = 0;
  std::vector<std::string> libc_entries;
  std::vector<RefusedHook> refused;
  uint64_t dropped = 0;
  uint64_t memory_bytes = 0;
};

struct JvmInfo {
  std::string name;     // java.vm.name
  std::string version;  // java.vm.version
  std::string vendor;   // java.vm.vendor
};

struct ReportInput {
  const Snapshot* snapshot = nullptr;
  const FdTable* table = nullptr;
  Trigger trigger;
  Coverage coverage;
  JvmInfo jvm;
  // Nothing: this very process.
  std::optional<ProcessFacts> process;
  // The symbolized frames of a stack, innermost first. Called once per distinct stack.
  std::function<std::vector<SymbolizedFrame>(StackId)> stack;
  // Whether Java frames of this stack were left out because the way in which they were read has
  // proved wrong since; may be empty.
  std::function<bool(StackId)> withdrawn;
  // Text of an interned string (thread names).
  std::function<std::string(StringId)> string;
  // The paths of loaded libraries that make system calls past libc. Called at most once, and only
  // where there is a descriptor that no hook saw; may be empty.
  std::function<std::vector<std::string>()> libraries_with_system_calls;
  bool restored = false;     // the process was restored from a checkpoint since the agent came
  bool libc_entries = true;  // the option libc
};

// The text of the report, by docs/report.schema.json; "" where memory ran out. `digest` gets what
// Summarize() needs of it.
std::string RenderReport(const ReportInput& input, nlohmann::json* digest = nullptr);

// Expands %p %n %t %h (and %% to a percent sign) in a report path; pid and host are asked anew,
// since both may have changed by a restore.
std::string ExpandReportPath(const std::string& pattern, int report_number);

// Writes `text` to a temporary name beside `path`, then renames it. The error's message is one line
// that names the path and the cause; "" is refused as what memory ran out for.
absl::Status WriteReport(const std::string& text, const std::string& path);

// Whether the directory of `path` exists and can be written to; used at start-up.
absl::Status CheckWritable(const std::string& path);

// The summary for stderr: at most a dozen lines, one per blocking descriptor, then the path (none
// where `path` is empty). Each line begins with "fdorigin: " and ends with a line end. Of `report`,
// or its digest, it takes `trigger`, `process` and `descriptors`, in which those that neither block
// nor have advice may be null.
std::string Summarize(const nlohmann::json& report, const std::string& path);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_REPORT_H_
