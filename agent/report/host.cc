#include "report/host.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

#include <string_view>

#include "report/text.h"

namespace fdorigin {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t NowNs(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

}  // namespace

ProcessFacts DescribeProcess() {
  return {.ppid = getppid(),
          .host_name = HostName(),
          .command_line = CommandLine(),
          .started_at_ns = ProcessStartNs()};
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

std::vector<std::string> CommandLine(const std::string& proc) {
  const std::string content = ReadSmallFile(proc + "/cmdline");
  std::vector<std::string> words;
  std::string_view rest = content;
  while (!rest.empty()) {
    const size_t end = rest.find('\0');
    words.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return words;
}

std::optional<ProcessStat> ReadProcessStat(const std::string& proc) {
  constexpr int kState = 3;  // the fields' numbers in proc_pid_stat(5)
  constexpr int kThreads = 20;
  constexpr int kStartTime = 22;
  const std::string content = ReadSmallFile(proc + "/stat");
  // The second field, the command's name in parentheses, may hold spaces and parentheses itself.
  const size_t name_end = content.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(content).substr(name_end + 2);
  ProcessStat stat;
  for (int field = kState;; ++field) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (field == kState) stat.first_thread_sleeps = word == "S";
    if (field == kThreads && !ParseNumber(word, &stat.threads)) return std::nullopt;
    if (field == kStartTime) {
      return ParseNumber(word, &stat.start_ticks) ? std::optional(stat) : std::nullopt;
    }
    if (word.size() == rest.size()) return std::nullopt;
    rest.remove_prefix(word.size() + 1);
  }
}

std::optional<uint64_t> ProcessStartTicks(const std::string& proc) {
  const std::optional<ProcessStat> stat = ReadProcessStat(proc);
  return stat ? std::optional(stat->start_ticks) : std::nullopt;
}

std::optional<int64_t> NsOfTicks(uint64_t ticks) {
  const long per_second = sysconf(_SC_CLK_TCK);
  if (per_second <= 0) return std::nullopt;
  // Ticks since boot, suspended time included. What /proc/stat calls btime is this same difference,
  // cut to whole seconds.
  const int64_t boot_ns = NowNs(CLOCK_REALTIME) - NowNs(CLOCK_BOOTTIME);
  return boot_ns + static_cast<int64_t>(ticks) * (kNsPerSecond / per_second);
}

std::optional<int64_t> ProcessStartNs(const std::string& proc) {
  const std::optional<uint64_t> ticks = ProcessStartTicks(proc);
  return ticks ? NsOfTicks(*ticks) : std::nullopt;
}

}  // namespace fdorigin
