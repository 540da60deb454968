#include "doctor/machine_checks.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "doctor/child.h"
#include "fmt/format.h"
#include "model/display_text.h"

namespace fdorigin {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

// The line of `output` that ends it.
std::string LastLine(std::string_view output) {
  while (output.ends_with('\n')) output.remove_suffix(1);
  return DisplayText(output.substr(output.rfind('\n') + 1));
}

int PtraceScope() {
  std::ifstream file("/proc/sys/kernel/yama/ptrace_scope");
  int scope = -1;
  return file >> scope ? scope : -1;
}

bool HasCapability(int capability) {
  constexpr std::string_view kEffective = "CapEff:\t";
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kEffective)) continue;
    uint64_t set = 0;
    std::from_chars(line.data() + kEffective.size(), line.data() + line.size(), set, 16);
    return (set >> capability & 1) != 0;
  }
  return false;
}

}  // namespace

Finding CheckTracing(int scope, bool may_trace_all, bool is_root) {
  constexpr int kRestricted = 1;
  constexpr int kAdminOnly = 2;
  constexpr std::string_view kTopic = "force";
  const std::string rule =
      scope < 0 ? std::string("no ptrace_scope") : fmt::format("ptrace_scope is {}", scope);
  if (scope > kAdminOnly) {
    return {Verdict::kWarning, kTopic,
            rule + ": fdorigin dump --force can read no process until the next boot",
            "Give it a core file; or set kernel.yama.ptrace_scope lower and boot."};
  }
  if (may_trace_all) {
    return {Verdict::kOk, kTopic, rule + "; fdorigin dump --force can read any process", ""};
  }
  if (scope == kRestricted || scope == kAdminOnly || is_root) {
    return {Verdict::kWarning, kTopic,
            rule + ": fdorigin dump --force may not read other processes without CAP_SYS_PTRACE",
            "Run it as root with that capability, or give it a core file."};
  }
  return {Verdict::kOk, kTopic, rule + "; fdorigin dump --force can read this user's processes",
          ""};
}

Finding CheckNumbers(uint64_t soft, uint64_t hard) {
  constexpr uint64_t kFew = 4096;
  const auto number = [](uint64_t limit) {
    return limit == RLIM_INFINITY ? std::string("unlimited") : std::to_string(limit);
  };
  std::string text = fmt::format("{} descriptors, {} by HotSpot, which takes the hard limit",
                                 number(soft), number(hard));
  if (hard >= kFew) return {Verdict::kOk, "limit", std::move(text), ""};
  return {Verdict::kWarning, "limit", std::move(text),
          "A server may run out of them: raise the hard limit of RLIMIT_NOFILE. on=emfile reports "
          "when it happens."};
}

void CheckCriu(const std::string& java_home, bool is_needed, Findings* findings) {
  const char* wish = std::getenv("CRAC_CRIU_PATH");
  std::string criu = wish != nullptr && *wish != '\0' ? wish : java_home + "/lib/criu";
  if (access(criu.c_str(), X_OK) != 0) criu = "criu";
  const ChildResult version = RunChild({criu, "--version"}, kPatience);
  if (!version.succeeded()) {
    findings->push_back({is_needed ? Verdict::kProblem : Verdict::kOk, "criu",
                         is_needed ? "there is none in CRAC_CRIU_PATH, the JDK or PATH"
                                   : "there is none, and this JVM has no use for it",
                         is_needed ? "Install criu, or take another engine." : ""});
    return;
  }
  // "Version: 4.1.1"
  std::string name = LastLine(version.output.substr(0, version.output.find('\n')));
  const size_t colon = name.find(": ");
  if (colon != std::string::npos) name = name.substr(colon + 2);
  const std::string text = fmt::format("{} {}", DisplayText(criu), name);
  const ChildResult check = RunChild({criu, "check"}, kPatience);
  if (check.succeeded()) {
    findings->push_back({Verdict::kOk, "criu", text + " says that it can work here", ""});
    return;
  }
  findings->push_back({is_needed ? Verdict::kProblem : Verdict::kWarning, "criu",
                       fmt::format("{} cannot work here: {}", text, LastLine(check.output)),
                       geteuid() == 0 ? "In a container it needs --privileged, or the capabilities "
                                        "that criu names."
                                      : "It needs root, or the capabilities that criu names."});
}

void CheckMachine(Findings* findings) {
  utsname name = {};
  uname(&name);
  findings->push_back({Verdict::kOk, "system",
                       fmt::format("{} {}, {}", DisplayText(name.sysname),
                                   DisplayText(name.release), DisplayText(name.machine)),
                       ""});
  rlimit numbers = {};
  getrlimit(RLIMIT_NOFILE, &numbers);
  findings->push_back(CheckNumbers(numbers.rlim_cur, numbers.rlim_max));
  findings->push_back(CheckTracing(PtraceScope(), HasCapability(CAP_SYS_PTRACE), geteuid() == 0));
}

}  // namespace fdorigin
