// fdorigin dump PID: asks the agent in a running JVM for a report now.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "agent_request.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct Words {
  int pid = 0;
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

absl::Status Dump(const Words& words, const Console& console) {
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
  verb->add_option("PID", words->pid, "The JVM")->required()->check(CLI::Range(1, kLargestPid));
  verb->add_option("-o,--output", words->output,
                   "Where the report goes, - for stdout [where the agent's option report= says]");
  verb->add_flag("-f,--overwrite", words->overwrite, "Overwrite the file of -o");
  verb->add_option("--timeout", words->timeout, "Seconds to wait for the JVM [30]")
      ->check(CLI::Range(1, 86400));
  verb->footer(
      "Prints the path of the report.\n\n"
      "Example:\n"
      "  fdorigin dump 4711 -o fds.json");
  return {verb, [words](const Console& console) {
            const absl::Status status = Dump(*words, console);
            return status.ok() ? ExitStatus::kFine : console.Fail(status);
          }};
}

}  // namespace fdorigin
