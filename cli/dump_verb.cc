// fdorigin dump PID: asks the agent in a running JVM for a report now, or with --force makes one
// without asking, from its memory or a core file.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "agent_request.h"
#include "force/force_dump.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct Words {
  std::string target;
  int pid = 0;  // of `target`; 0 where that is a core file
  bool force = false;
  std::string output;
  bool overwrite = false;
  int timeout = 30;
};

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    text.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

absl::Status CannotWrite(const std::string& path) {
  return absl::InvalidArgumentError("cannot write " + path + ": " + std::strerror(errno));
}

absl::Status CheckOutput(const Words& words) {
  struct stat status;
  if (words.output.empty() || words.output == "-" || words.overwrite) return absl::OkStatus();
  if (stat(words.output.c_str(), &status) != 0) return absl::OkStatus();
  return absl::AlreadyExistsError(words.output + " exists; -f overwrites it");
}

// To a temporary name beside it, so that it is either whole or not there.
absl::Status WriteOutput(const Words& words, std::string_view content) {
  if (words.output == "-") {
    return WriteAll(STDOUT_FILENO, content) ? absl::OkStatus() : CannotWrite("the report");
  }
  const std::string temporary = words.output + "." + std::to_string(getpid()) + ".tmp";
  {
    const OwnedFd file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!file.is_open()) return CannotWrite(words.output);
    if (!WriteAll(file.get(), content)) {
      const absl::Status status = CannotWrite(words.output);
      unlink(temporary.c_str());
      return status;
    }
  }
  if (std::rename(temporary.c_str(), words.output.c_str()) == 0) return absl::OkStatus();
  const absl::Status status = CannotWrite(words.output);
  unlink(temporary.c_str());
  return status;
}

// The number of a process; 0 where `text` is none.
int ParsePid(const std::string& text) {
  int pid = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, pid);
  return error == std::errc() && parsed == end && pid > 0 && pid <= kLargestPid ? pid : 0;
}

absl::Status DumpByForce(Words words, const Console& console) {
  const std::string default_name =
      "fdorigin-" + (words.pid != 0 ? std::to_string(words.pid) : "core") + "-force.json";
  if (words.output.empty()) words.output = default_name;
  if (const absl::Status status = CheckOutput(words); !status.ok()) return status;
  const absl::StatusOr<ForcedReport> report =
      words.pid != 0 ? ForceDumpProcess(words.pid) : ForceDumpCore(words.target);
  if (!report.ok()) return report.status();
  if (!report->note.empty()) console.Note(report->note);
  if (const absl::Status status = WriteOutput(words, report->content); !status.ok()) return status;
  if (words.output != "-") console.Answer(words.output);
  return absl::OkStatus();
}

absl::Status Dump(const Words& words, const Console& console) {
  if (words.force) return DumpByForce(words, console);
  if (words.pid == 0) {
    return absl::InvalidArgumentError(words.target + " is not the number of a process; with " +
                                      "--force it can be a core file");
  }
  if (const absl::Status status = CheckOutput(words); !status.ok()) return status;
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
      AskAgent(*target, *library, words.output.empty() ? "dump" : "dump=-",
               std::chrono::seconds(words.timeout));
  if (!reply.ok()) return reply.status();
  for (const std::string& note : reply->notes) console.Note(note);
  if (words.output.empty()) {
    if (reply->report.empty()) return absl::InternalError("the agent did not say where it wrote");
    console.Answer(target->RootPrefix() + reply->report);
    return absl::OkStatus();
  }
  if (reply->content.empty()) return absl::InternalError("the agent sent no report");
  if (const absl::Status status = WriteOutput(words, reply->content); !status.ok()) return status;
  if (words.output != "-") console.Answer(words.output);
  return absl::OkStatus();
}

}  // namespace

Verb DefineDump(CLI::App* command) {
  CLI::App* verb =
      command->add_subcommand("dump", "Ask the agent in a running JVM for a report now");
  const auto words = std::make_shared<Words>();
  verb->add_option("PID", words->target, "The JVM; with --force it can be a core file")->required();
  verb->add_flag("--force", words->force,
                 "Do not ask the JVM: read the agent's memory, of a JVM that hangs or a core file");
  verb->add_option(
      "-o,--output", words->output,
      "Where the report goes, - for stdout [where the agent's option report= says; with "
      "--force fdorigin-PID-force.json here]");
  verb->add_flag("-f,--overwrite", words->overwrite, "Overwrite the file of -o");
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
