// fdorigin attach PID [OPTIONS]: loads the agent into a running JVM, or gives new options to the
// one that is there.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agent_request.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct AttachWords {
  int pid = 0;
  std::vector<std::string> options;
  std::string agent_path;
  int timeout = 10;
};

ExitStatus Attach(const AttachWords& words, const Console& console) {
  std::string options;
  for (const std::string& option : words.options) {
    if (!options.empty()) options += ",";
    options += option;
  }
  const absl::StatusOr<TargetProcess> target = TargetProcess::Open(words.pid);
  if (!target.ok()) return console.Fail(target.status());
  if (const absl::Status status = target->CheckSignalable(); !status.ok())
    return console.Fail(status);
  const absl::StatusOr<std::string> library = ChooseLibrary(*target, words.agent_path);
  if (!library.ok()) return console.Fail(library.status());
  const absl::StatusOr<Reply> reply =
      AskAgent(*target, *library, options, std::chrono::seconds(words.timeout));
  if (!reply.ok()) return console.Fail(reply.status());
  for (const std::string& note : reply->notes) console.Note(note);
  console.Note("for a report now: fdorigin dump " + std::to_string(words.pid));
  return ExitStatus::kFine;
}

}  // namespace

Verb DefineAttach(CLI::App* command) {
  CLI::App* verb = command->add_subcommand("attach", "Load the agent into a running JVM");
  const auto words = std::make_shared<AttachWords>();
  verb->add_option("PID", words->pid, "The JVM")->required()->check(CLI::Range(1, kLargestPid));
  verb->add_option("OPTIONS", words->options,
                   "The agent's options, key=value, as behind -agentpath; of an agent that is "
                   "loaded already, those that change");
  verb->add_option("--agent-path", words->agent_path,
                   "libfdorigin.so, as the JVM sees it [beside this command, or in ../lib]");
  verb->add_option("--timeout", words->timeout, "Seconds to wait for the JVM [10]")
      ->check(CLI::Range(1, 86400));
  verb->footer(
      "Example:\n"
      "  fdorigin attach 4711 report=/var/log/fds-%p-%n.json");
  return {verb, [words](const Console& console) { return Attach(*words, console); }};
}

}  // namespace fdorigin
