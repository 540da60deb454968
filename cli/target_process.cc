#include "target_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

namespace fdorigin {
namespace {

std::string ProcPath(int pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// Nothing where it cannot be read; errno says why.
std::optional<std::string> ReadWhole(int directory, const char* path) {
  const OwnedFd file(openat(directory, path, O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return std::nullopt;
  std::string text;
  std::array<char, 16384> buffer;
  ssize_t size = 0;
  while ((size = read(file.get(), buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<size_t>(size));
  }
  if (size < 0) return std::nullopt;
  return text;
}

std::optional<std::string> ReadProc(int pid, const char* file) {
  return ReadWhole(AT_FDCWD, ProcPath(pid, file).c_str());
}

std::string ReadLink(const std::string& path) {
  char target[4096];
  const ssize_t size = readlink(path.c_str(), target, sizeof(target));
  return size < 0 ? std::string() : std::string(target, static_cast<size_t>(size));
}

// The words behind "Name:" in a file of /proc; nothing where there is no such line.
std::optional<std::vector<std::string>> Words(const std::string& text, std::string_view name) {
  std::string key = "\n";
  key.append(name).append(":");
  const std::string whole = "\n" + text;
  const size_t line = whole.find(key);
  if (line == std::string::npos) return std::nullopt;
  const size_t end = std::min(whole.find('\n', line + 1), whole.size());
  std::vector<std::string> words;
  size_t at = line + key.size();
  while ((at = whole.find_first_not_of(" \t", at)) < end) {
    const size_t stop = std::min(whole.find_first_of(" \t\n", at), end);
    words.push_back(whole.substr(at, stop - at));
    at = stop;
  }
  return words;
}

absl::Status NoSuchProcess(int pid) {
  return absl::UnavailableError("there is no process " + std::to_string(pid));
}

absl::Status Forbidden(int pid, const ProcessStatus& status) {
  const std::string number = std::to_string(pid);
  if (geteuid() != 0 && status.effective_user != geteuid()) {
    return absl::PermissionDeniedError("process " + number + " belongs to user " +
                                       std::to_string(status.effective_user) +
                                       "; run as that user or as root");
  }
  return absl::PermissionDeniedError(
      "the kernel does not let this command look at process " + number +
      (geteuid() == 0 ? ": a capability is missing, or a security module forbids it"
                      : "; try as root"));
}

std::string_view BaseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsRoot(const OwnedFd& directory, const char* path) {
  struct stat ours;
  struct stat its;
  return fstat(directory.get(), &its) == 0 && stat(path, &ours) == 0 && its.st_dev == ours.st_dev &&
         its.st_ino == ours.st_ino;
}

// The strings of /proc/PID/cmdline and environ.
std::vector<std::string_view> SplitAtZeros(std::string_view text) {
  std::vector<std::string_view> strings;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\0'), text.size());
    strings.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return strings;
}

std::string_view Variable(const std::vector<std::string_view>& environment, std::string_view name) {
  for (const std::string_view variable : environment) {
    if (variable.starts_with(name) && variable.substr(name.size()).starts_with("=")) {
      return variable.substr(name.size() + 1);
    }
  }
  return {};
}

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<ProcessStatus> ParseProcessStatus(const std::string& text) {
  const auto state = Words(text, "State");
  const auto process = Words(text, "Tgid");
  const auto users = Words(text, "Uid");
  const auto groups = Words(text, "Gid");
  const auto caught = Words(text, "SigCgt");
  if (!state || state->empty() || !process || process->empty() || !users || users->size() < 4 ||
      !groups || groups->size() < 4 || !caught || caught->empty()) {
    return absl::InvalidArgumentError("/proc/PID/status is not as the kernel writes it");
  }
  ProcessStatus status;
  status.state = state->front().front();
  status.process = std::atoi(process->front().c_str());
  status.inner_pid = status.process;
  // Since Linux 4.1: from our namespace to its own.
  const auto numbers = Words(text, "NSpid");
  if (numbers && !numbers->empty()) status.inner_pid = std::atoi(numbers->back().c_str());
  status.effective_user = static_cast<uid_t>(std::strtoul((*users)[1].c_str(), nullptr, 10));
  status.effective_group = static_cast<gid_t>(std::strtoul((*groups)[1].c_str(), nullptr, 10));
  const uint64_t mask = std::strtoull(caught->front().c_str(), nullptr, 16);
  status.catches_quit = ((mask >> (SIGQUIT - 1)) & 1) != 0;
  return status;
}

MappedLibraries ParseMaps(const std::string& text) {
  MappedLibraries libraries;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    const size_t slash = line.find('/');
    if (slash == std::string_view::npos) continue;
    const std::string_view path = line.substr(slash);
    const std::string_view base = BaseName(path);
    if (base.starts_with("libjvm.so")) libraries.hotspot = true;
    if (base.starts_with("libj9vm")) libraries.openj9 = true;
    if (path.find("/hsperfdata_") != std::string_view::npos) libraries.performance_data = path;
    if (base.starts_with("libfdorigin") && base.find(".so") != std::string_view::npos &&
        std::find(libraries.agents.begin(), libraries.agents.end(), path) ==
            libraries.agents.end()) {
      libraries.agents.emplace_back(path);
    }
  }
  // OpenJ9 has a libjvm.so, too.
  if (libraries.openj9) libraries.hotspot = false;
  return libraries;
}

bool DisablesAttach(const std::string& command_line, const std::string& environment) {
  const std::vector<std::string_view> variables = SplitAtZeros(environment);
  // In the order in which the launcher and the VM read them (arguments.cc).
  std::string all;
  all.append(Variable(variables, "JAVA_TOOL_OPTIONS")).append(" ");
  all.append(Variable(variables, "JDK_JAVA_OPTIONS")).append(" ");
  for (const std::string_view word : SplitAtZeros(command_line)) all.append(word).append(" ");
  all.append(Variable(variables, "_JAVA_OPTIONS"));
  const size_t disables = all.rfind("-XX:+DisableAttachMechanism");
  const size_t enables = all.rfind("-XX:-DisableAttachMechanism");
  return disables != std::string::npos && (enables == std::string::npos || enables < disables);
}

// The layout is that of HotSpot's perfMemory.hpp and perfData.hpp, version 2.0: a header, then
// entries with a name and a value each, in the machine's byte order.
bool SaysAttachable(const std::string& data) {
  constexpr std::string_view kName = "sun.rt.jvmCapabilities";
  constexpr size_t kFirstEntry = 24;
  constexpr size_t kEntryCount = 28;
  constexpr size_t kHeaderBytes = 32;
  constexpr size_t kEntryHeaderBytes = 20;
  const auto word = [&data](size_t at) {
    uint32_t value = 0;
    if (at + sizeof(value) <= data.size()) std::memcpy(&value, data.data() + at, sizeof(value));
    return size_t{value};
  };
  if (data.size() < kHeaderBytes || std::string_view(data).substr(0, 4) != "\xca\xfe\xc0\xc0") {
    return true;
  }
  size_t at = word(kFirstEntry);
  for (size_t left = word(kEntryCount); left > 0 && at + kEntryHeaderBytes <= data.size(); --left) {
    const size_t name = at + word(at + 4);
    const size_t value = at + word(at + 16);
    if (name < data.size() &&
        data.compare(name, kName.size() + 1, kName.data(), kName.size() + 1) == 0) {
      return value >= data.size() || data[value] != '0';
    }
    if (word(at) == 0) break;
    at += word(at);
  }
  return true;
}

absl::StatusOr<TargetProcess> TargetProcess::Open(int pid) {
  const std::string number = std::to_string(pid);
  TargetProcess target;
  target.pid_ = pid;
  target.process_ = OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const std::optional<std::string> status = ReadProc(pid, "status");
  if (!status) return NoSuchProcess(pid);
  const absl::StatusOr<ProcessStatus> parsed = ParseProcessStatus(*status);
  if (!parsed.ok()) return parsed.status();
  target.status_ = *parsed;
  if (target.status_.process != pid) {
    return absl::InvalidArgumentError(number + " is a thread of process " +
                                      std::to_string(target.status_.process));
  }
  if (target.status_.state == 'Z') {
    return absl::UnavailableError("process " + number + " has ended");
  }
  const std::optional<std::string> maps = ReadProc(pid, "maps");
  target.root_ = OwnedFd(open(ProcPath(pid, "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  target.working_directory_ =
      OwnedFd(open(ProcPath(pid, "cwd").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!maps || !target.root_.is_open()) {
    return errno == ENOENT || errno == ESRCH ? NoSuchProcess(pid) : Forbidden(pid, target.status_);
  }
  target.libraries_ = ParseMaps(*maps);
  const std::string mounts = ReadLink(ProcPath(pid, "ns/mnt"));
  const bool shares_mounts = !mounts.empty() && mounts == ReadLink("/proc/self/ns/mnt");
  target.shares_files_ = shares_mounts && IsRoot(target.root_, "/");
  if (shares_mounts && !target.shares_files_) target.root_path_ = ReadLink(ProcPath(pid, "root"));
  return target;
}

std::string TargetProcess::RootPrefix() const {
  return shares_files_ ? "" : "/proc/" + std::to_string(pid_) + "/root";
}

absl::Status TargetProcess::CheckRunning() const {
  const std::string number = std::to_string(pid_);
  const std::optional<std::string> text = ReadProc(pid_, "status");
  if (!text) return NoSuchProcess(pid_);
  const absl::StatusOr<ProcessStatus> status = ParseProcessStatus(*text);
  if (!status.ok()) return status.status();
  switch (status->state) {
    case 'Z':
    case 'X':
      return absl::UnavailableError("process " + number + " has ended");
    case 'T':
    case 't':
      return absl::UnavailableError(
          "process " + number + " is stopped and cannot answer; let it go on (kill -CONT " +
          number + "), or read it from outside: fdorigin dump --force " + number);
    default:
      return absl::OkStatus();
  }
}

absl::Status TargetProcess::CheckSignalable() const {
  const std::string process = "process " + std::to_string(pid_);
  if (libraries_.openj9) {
    return absl::UnimplementedError(process +
                                    " is an OpenJ9 JVM, which has an attach mechanism of its own: "
                                    "its jcmd loads the agent (docs/attach.md)");
  }
  if (!libraries_.hotspot) return absl::FailedPreconditionError(process + " is no JVM");
  if (const absl::Status running = CheckRunning(); !running.ok()) return running;
  const std::string command_line = ReadProc(pid_, "cmdline").value_or("");
  const std::string environment = ReadProc(pid_, "environ").value_or("");
  bool attachable = !DisablesAttach(command_line, environment);
  if (attachable && !libraries_.performance_data.empty()) {
    std::string path = libraries_.performance_data;
    if (!root_path_.empty() && path.starts_with(root_path_ + "/")) path.erase(0, root_path_.size());
    const auto data = ReadWhole(root_.get(), path.substr(1).c_str());
    attachable = !data || SaysAttachable(*data);
  }
  if (!attachable) {
    return absl::FailedPreconditionError(
        process +
        " was started with -XX:+DisableAttachMechanism and cannot be asked; start it with "
        "-agentpath, and read a running one from outside: fdorigin dump --force " +
        std::to_string(pid_));
  }
  if (!status_.catches_quit) {
    return absl::FailedPreconditionError(
        process +
        " would die of SIGQUIT, by which a JVM is asked to listen: it is still starting, "
        "or was started with -Xrs");
  }
  return absl::OkStatus();
}

absl::Status TargetProcess::SendQuit() const {
  const long result = process_.is_open()
                          ? syscall(SYS_pidfd_send_signal, process_.get(), SIGQUIT, nullptr, 0)
                          : kill(pid_, SIGQUIT);
  if (result == 0) return absl::OkStatus();
  if (errno == ESRCH) return absl::UnavailableError("the process has ended");
  return Forbidden(pid_, status_);
}

ActingAs::ActingAs(const ProcessStatus& target) : user_(geteuid()), group_(getegid()) {
  if (user_ != 0 || (target.effective_user == user_ && target.effective_group == group_)) return;
  // The real and the saved user stay root's: the target's user may not signal us.
  if (setegid(target.effective_group) != 0) return;
  if (seteuid(target.effective_user) != 0) {
    if (setegid(group_) != 0) std::abort();
    return;
  }
  changed_ = true;
}

ActingAs::~ActingAs() {
  if (!changed_) return;
  if (seteuid(user_) != 0 || setegid(group_) != 0) std::abort();
}

}  // namespace fdorigin
