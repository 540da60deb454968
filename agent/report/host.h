// Who this process is: what the report says of it beside its descriptors. Asked anew for each
// report, since a restored process may have another pid and another host.
//
// Who calls it: RenderReport(), ExpandReportPath() and the reporter. Cold.
#ifndef FDORIGIN_AGENT_REPORT_HOST_H_
#define FDORIGIN_AGENT_REPORT_HOST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fdorigin {

// What a report says of the process.
struct ProcessFacts {
  int ppid = 0;
  std::string host_name;
  std::vector<std::string> command_line;
  std::optional<int64_t> started_at_ns;  // CLOCK_REALTIME
};
// Of this process.
ProcessFacts DescribeProcess();

// The node name; "" where it cannot be had.
std::string HostName();

// The words of `proc`/cmdline.
std::vector<std::string> CommandLine(const std::string& proc = "/proc/self");

// Of `proc`/stat (proc_pid_stat(5)).
struct ProcessStat {
  // When the process started, in clock ticks since the machine did: the same for as long as it is
  // this process, and another one after criu has made it again.
  uint64_t start_ticks = 0;
  uint64_t threads = 0;
  bool first_thread_sleeps = false;  // in the kernel
};
std::optional<ProcessStat> ReadProcessStat(const std::string& proc = "/proc/self");
std::optional<uint64_t> ProcessStartTicks(const std::string& proc = "/proc/self");

// The same in nanoseconds since 1970, to about 10 ms.
std::optional<int64_t> NsOfTicks(uint64_t ticks);
std::optional<int64_t> ProcessStartNs(const std::string& proc = "/proc/self");

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_HOST_H_
