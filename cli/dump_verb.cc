// fdorigin dump PID: asks the agent in a running JVM for a report now, or with --force makes one
// without asking, from its memory or a core file.

#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "agent_request.h"
#include "force/force_dump.h"
#include "output_file.h"
#include "text/describe.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct DumpWords {
  std::string target;
  int pid = 0;  // of `target`; 0 where that is a core file
  bool force = false;
  OutputFile output;
  int timeout = 30;
};

// The number of a process; 0 where `text` is none.
int ParsePid(const std::string& text) {
  int pid = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, pid);
  return error == std::errc() && parsed == end && pid > 0 && pid <= kLargestPid ? pid : 0;
}

void SayWhereItIs(const std::string& path, const Console& console) {
  console.Answer(path);
  console.Note("to read it: fdorigin show " + ShellWord(path));
}

absl::Status DumpByForce(DumpWords words, const Console& console) {
  const std::string default_name =
      "fdorigin-" + (words.pid != 0 ? std::to_string(words.pid) : "core") + "-force.json";
  if (words.output.path.empty()) words.output.path = default_name;
  if (const absl::Status status = words.output.Check(); !status.ok()) return status;
  const absl::StatusOr<ForcedReport> report =
      words.pid != 0 ? ForceDumpProcess(words.pid) : ForceDumpCore(words.target);
  if (!report.ok()) return report.status();
  if (!report->note.empty()) console.Note(report->note);
  if (const absl::Status status = words.output.Write(report->content); !status.ok()) return status;
  if (words.output.is_file()) SayWhereItIs(words.output.path, console);
  return absl::OkStatus();
}

absl::Status Dump(const DumpWords& words, const Console& console) {
  if (words.force) return DumpByForce(words, console);
  if (words.pid == 0) {
    return absl::InvalidArgumentError(words.target + " is not the number of a process; with " +
                                      "--force it can be a core file");
  }
  if (const absl::Status status = words.output.Check(); !status.ok()) return status;
  const absl::StatusOr<TargetProcess> target = TargetProcess::Open(words.pid);
  if (!target.ok()) return target.status();
  if (const absl::Status status = target->CheckSignalable(); !status.ok()) return status;
  if (target->libraries().agents.empty()) {
    const std::string pid = std::to_string(words.pid);
    return absl::FailedPreconditionError("there is no agent in process " + pid +
                                         "; fdorigin attach " + pid + " loads it");
  }
  const absl::StatusOr<std::string> library = ChooseLibrary(*target, "");
  if (!library.ok()) return library.status();
  const absl::StatusOr<Reply> reply =
      AskAgent(*target, *library, words.output.path.empty() ? "dump" : "dump=-",
               std::chrono::seconds(words.timeout));
  if (!reply.ok()) return reply.status();
  for (const std::string& note : reply->notes) console.Note(note);
  if (words.output.path.empty()) {
    if (reply->report.empty()) return absl::InternalError("the agent did not say where it wrote");
    SayWhereItIs(target->RootPrefix() + reply->report, console);
    return absl::OkStatus();
  }
  if (reply->content.empty()) return absl::InternalError("the agent sent no report");
  if (const absl::Status status = words.output.Write(reply->content); !status.ok()) return status;
  if (words.output.is_file()) SayWhereItIs(words.output.path, console);
  return absl::OkStatus();
}

}  // namespace

Verb DefineDump(CLI::App* command) {
  CLI::App* verb =
      command->add_subcommand("dump", "Ask the agent in a running JVM for a report now");
  const auto words = std::make_shared<DumpWords>();
  verb->add_option("PID", words->target, "The JVM; with --force it can be a core file")->required();
  verb->add_flag("--force", words->force,
                 "Do not ask the JVM: read the agent's memory, of a JVM that hangs or a core file");
  words->output.AddTo(verb,
                      "Where the report goes, - for stdout [where the agent's option report= "
                      "says; with --force fdorigin-PID-force.json here]");
  verb->add_option("--timeout", words->timeout, "Seconds to wait for the JVM [30]")
      ->check(CLI::Range(1, 86400));
  verb->footer(
      "Prints the path of the report.\n\n"
      "Example:\n"
      "  fdorigin dump 4711 -o fds.json\n"
      "  fdorigin dump --force 4711\n"
      "  fdorigin dump --force core.4711 -o fds.json");
  return {verb, [words](const Console& console) {
            words->pid = ParsePid(words->target);
            const absl::Status status = Dump(*words, console);
            return status.ok() ? ExitStatus::kFine : console.Fail(status);
          }};
}

}  // namespace fdorigin
