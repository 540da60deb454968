// A report on a JVM that cannot be asked: it hangs, is stopped, has no memory left, or is dead and
// there is a core file. The agent's memory is read from outside, and joined with what the kernel
// says; everything else is the agent's own code on a copy.
//
// Who calls it: the verb dump with --force. On one thread.
#ifndef FDORIGIN_CLI_FORCE_FORCE_DUMP_H_
#define FDORIGIN_CLI_FORCE_FORCE_DUMP_H_

#include <string>

#include "absl/status/statusor.h"

namespace fdorigin {

struct ForcedReport {
  std::string content;  // JSON, with a line end
  int pid = 0;          // of the process; 0 where a core file does not say
  std::string note;     // one sentence on what is missing; "" as a rule
};

// Errors are one sentence each.
absl::StatusOr<ForcedReport> ForceDumpProcess(int pid);
absl::StatusOr<ForcedReport> ForceDumpCore(const std::string& path);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_FORCE_FORCE_DUMP_H_
