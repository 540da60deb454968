// Which descriptors a failed checkpoint names (docs/report.md, "How failures are joined").
//
// Who calls it: RenderReport(). Cold. It asks the kernel about paths that messages name (stat), and
// opens nothing.
#ifndef FDORIGIN_AGENT_REPORT_JOIN_H_
#define FDORIGIN_AGENT_REPORT_JOIN_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "report/failure_message.h"
#include "report/report.h"
#include "report/snapshot.h"

namespace fdorigin {

// What was made of one suppressed exception.
struct JoinedFailure {
  FailureLevel level = FailureLevel::kOther;
  std::vector<size_t> descriptors;  // indices into Snapshot::descriptors, ascending
  // Where exactly one is meant: its number and inode; else what the message itself says.
  std::optional<int> fd;
  std::optional<uint64_t> inode;
};

struct JoinedFailures {
  std::vector<JoinedFailure> suppressed;      // parallel to CheckpointFailure::suppressed
  std::vector<std::vector<size_t>> failures;  // by descriptor: indices into `suppressed`, ascending
  bool names_descriptors = false;             // whether any of it names any descriptor
  bool busy_selector = false;
  bool busy_watch = false;
  bool criu_failed = false;  // OpenJ9's CRIU support did, which names nothing
};

JoinedFailures JoinFailures(const Snapshot& snapshot, const CheckpointFailure& failure);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_JOIN_H_
