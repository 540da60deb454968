#include "doctor/jvm_checks.h"

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "doctor/child.h"
#include "fmt/format.h"
#include "model/display_text.h"
#include "model/read_report.h"
#include "text/describe.h"

namespace fdorigin {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);
constexpr int kOldestJava = 11;
// The agent's name for them in coverage.refused.
constexpr std::string_view kJavaStacks = "the JVM's own data, for Java stacks";

std::string TemporaryFolder() {
  const char* wish = std::getenv("TMPDIR");
  return wish == nullptr || *wish == '\0' ? "/tmp" : wish;
}

// Gone with all that is in it when the check is over.
class TrialFolder {
 public:
  TrialFolder() : made_(mkdtemp(path_.data()) != nullptr) {}
  TrialFolder(const TrialFolder&) = delete;
  TrialFolder& operator=(const TrialFolder&) = delete;
  ~TrialFolder() {
    std::error_code ignored;
    if (made_) std::filesystem::remove_all(path_, ignored);
  }
  bool made() const { return made_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = TemporaryFolder() + "/fdorigin-doctor-XXXXXX";
  bool made_;
};

// The line in which a program says why: the first one that speaks of an error, else the first.
std::string TellingLine(std::string_view output) {
  std::string_view first;
  while (!output.empty()) {
    const size_t end = output.find('\n');
    const std::string_view line = output.substr(0, end);
    if (first.empty()) first = line;
    if (line.starts_with("fdorigin: ") || line.find("rror") != std::string_view::npos) {
      return DisplayText(line);
    }
    output = end == std::string_view::npos ? std::string_view() : output.substr(end + 1);
  }
  return DisplayText(first);
}

std::string HowItEnded(const ChildResult& trial) {
  if (trial.error != 0) return std::strerror(trial.error);
  if (trial.timed_out) return "it did not end";
  const std::string line = TellingLine(trial.output);
  return fmt::format("status {}{}{}", trial.status, line.empty() ? "" : ": ", line);
}

// Whether the agent can be tried at all.
bool CheckVersion(const Java& java, Findings* findings) {
  std::string text =
      fmt::format("{} {}, {}", DisplayText(java.Property("java.vm.name")),
                  DisplayText(java.Property("java.vm.version")), DisplayText(java.path));
  const std::string_view arch = java.Property("os.arch");
  if (!arch.empty() && arch != "amd64" && arch != "x86_64") {
    findings->push_back({Verdict::kProblem, "java",
                         fmt::format("{}: it is for {}", text, DisplayText(arch)),
                         "Take a JVM for x86-64: there is no agent for others."});
    return false;
  }
  if (java.feature_version() < kOldestJava) {
    findings->push_back({Verdict::kWarning, "java", std::move(text),
                         "The agent is tested with Java 11 and later only."});
  } else {
    findings->push_back({Verdict::kOk, "java", std::move(text), ""});
  }
  return true;
}

void TryAgent(const JvmQuery& query, Findings* findings) {
  if (query.agent.empty()) {
    findings->push_back({Verdict::kProblem, "agent",
                         "libfdorigin.so is neither beside this command nor in ../lib",
                         "Say where it is with --agent."});
    return;
  }
  const TrialFolder folder;
  if (!folder.made()) {
    findings->push_back({Verdict::kProblem, "agent",
                         fmt::format("it cannot be tried: no folder can be made in {}",
                                     DisplayText(TemporaryFolder())),
                         "Let TMPDIR name a folder that is writable."});
    return;
  }
  const std::string report = folder.path() + "/report.json";
  const std::string agent = "-agentpath:" + query.agent;
  const ChildResult trial = RunChild(
      {query.java->path, agent + "=on=exit,summary=off,report=" + report, "-version"}, kPatience);
  const std::string name = DisplayText(query.agent);
  if (!trial.succeeded()) {
    const bool can_start =
        RunChild({query.java->path, agent + "=on=none", "-version"}, kPatience).succeeded();
    findings->push_back(
        {Verdict::kProblem, "agent",
         fmt::format("{} {}: {}", name,
                     can_start ? "is loaded, and cannot report" : "cannot be loaded",
                     HowItEnded(trial)),
         can_start ? "" : "It needs glibc 2.35 or later, and a JVM that is no musl build."});
    return;
  }
  if (access(report.c_str(), R_OK) != 0) {
    findings->push_back(
        {Verdict::kProblem, "agent", fmt::format("{} is loaded, but wrote no report", name), ""});
    return;
  }
  findings->push_back({Verdict::kOk, "agent", fmt::format("{} can be loaded", name), ""});
  CheckCoverage(report, findings);
}

void CheckAttach(const JvmQuery& query, Findings* findings) {
  const Java& java = *query.java;
  if (query.environment_disables_attach || java.Flag("DisableAttachMechanism") == "true") {
    findings->push_back({Verdict::kProblem, "attach",
                         query.environment_disables_attach
                             ? "the environment has -XX:+DisableAttachMechanism for every JVM"
                             : "this JVM has -XX:+DisableAttachMechanism",
                         "Without it, fdorigin attach works; else start the JVM with -agentpath."});
    return;
  }
  if (access("/tmp", W_OK | X_OK) != 0) {
    findings->push_back({Verdict::kProblem, "attach",
                         "/tmp is not writable, where JVMs have their attach sockets",
                         "Make it writable, or start the JVM with -agentpath."});
    return;
  }
  if (java.Flag("EnableDynamicAgentLoading") == "false") {
    findings->push_back({Verdict::kProblem, "attach",
                         "this JVM loads no agent while it runs: -XX:-EnableDynamicAgentLoading",
                         "Start it with -XX:+EnableDynamicAgentLoading, or with -agentpath."});
    return;
  }
  constexpr int kFirstThatWarns = 21;
  std::string text = "a JVM of this user can be attached to";
  if (geteuid() == 0) text = "a JVM of any user can be attached to";
  if (java.feature_version() >= kFirstThatWarns && !java.is_openj9()) {
    text += "; it prints a warning then, but with -XX:+EnableDynamicAgentLoading";
  }
  findings->push_back({Verdict::kOk, "attach", std::move(text), ""});
}

std::string EnginesOf(const Java& java) {
  std::string engines;
  const std::string folder = std::string(java.Property("java.home")) + "/lib/";
  for (const char* engine :
       {"criu", "criuengine", "simengine", "pauseengine", "warp", "libcriuengine.so",
        "libsimengine.so", "libpauseengine.so", "libwarp.so"}) {
    if (access((folder + engine).c_str(), F_OK) != 0) continue;
    if (!engines.empty()) engines += ", ";
    engines += engine;
  }
  return engines;
}

void CheckCheckpoints(const Java& java, Findings* findings) {
  const bool has_crac = java.flags.contains("CRaCCheckpointTo");
  if (has_crac) {
    std::string_view engine = java.Flag("CRaCEngine");
    if (engine.empty()) engine = java.Flag("CREngine");
    const std::string engines = EnginesOf(java);
    findings->push_back(
        {Verdict::kOk, "checkpoint",
         fmt::format("a CRaC JDK; engine {}, of those in its lib: {}",
                     engine.empty() ? "as it chooses" : DisplayText(engine),
                     engines.empty() ? "none that is known" : DisplayText(engines)),
         "A checkpoint that only checks, without criu: -XX:CRaCEngine=simengine (in older builds "
         "-XX:CREngine=simengine)."});
    return;
  }
  if (java.is_openj9()) {
    const ChildResult trial =
        RunChild({java.path, "-XX:+EnableCRIUSupport", "-version"}, kPatience);
    findings->push_back(
        trial.succeeded()
            ? Finding{Verdict::kOk, "checkpoint", "OpenJ9, which takes -XX:+EnableCRIUSupport", ""}
            : Finding{Verdict::kWarning, "checkpoint",
                      fmt::format("OpenJ9, which refuses -XX:+EnableCRIUSupport: {}",
                                  HowItEnded(trial)),
                      ""});
    return;
  }
  findings->push_back({Verdict::kWarning, "checkpoint",
                       "this JVM makes none: it does not know -XX:CRaCCheckpointTo",
                       "For checkpoints take a JDK with CRaC. All other reports work."});
}

}  // namespace

void CheckCoverage(const std::string& path, Findings* findings) {
  const absl::StatusOr<model::Report> report = model::ReadReport(path);
  if (!report.ok()) {
    findings->push_back({Verdict::kProblem, "agent",
                         DisplayText(std::string_view(report.status().message().data(),
                                                      report.status().message().size())),
                         ""});
    return;
  }
  const model::Coverage& coverage = report->coverage;
  std::string left_alone;
  std::string no_stacks;
  for (const model::Refused& refused : coverage.refused) {
    if (refused.what == kJavaStacks) {
      no_stacks = DisplayText(refused.reason);
      continue;
    }
    if (!left_alone.empty()) left_alone += "; ";
    left_alone += fmt::format("{} ({})", DisplayText(refused.what), DisplayText(refused.reason));
  }
  if (left_alone.empty()) {
    findings->push_back(
        {Verdict::kOk, "libc",
         fmt::format("{} functions are seen at their entries, and {} slots of {} libraries",
                     coverage.libc_entries.size(), coverage.slots, coverage.libraries),
         ""});
  } else {
    findings->push_back({Verdict::kWarning, "libc",
                         fmt::format("{} functions are seen at their entries; left alone: {}",
                                     coverage.libc_entries.size(), left_alone),
                         "What libc itself opens by these is not seen, but what others open is."});
  }
  if (no_stacks.empty()) {
    findings->push_back(
        {Verdict::kOk, "stacks", "Java stacks are read from the JVM's own data", ""});
  } else {
    findings->push_back(
        {Verdict::kWarning, "stacks",
         fmt::format("the JVM's own data cannot be read for Java stacks: {}", no_stacks),
         "Java stacks come by JVMTI, and only for calls of the JDK's own libraries."});
  }
}

void CheckJvm(const JvmQuery& query, Findings* findings) {
  if (CheckVersion(*query.java, findings)) TryAgent(query, findings);
  CheckAttach(query, findings);
  CheckCheckpoints(*query.java, findings);
}

}  // namespace fdorigin
