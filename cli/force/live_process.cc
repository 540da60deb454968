#include "force/live_process.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "report/text.h"
#include "symbolize/elf_symbols.h"

namespace fdorigin {
namespace {

// The value of a line "Name:\tvalue" of /proc/PID/status; "" where there is none.
std::string_view StatusLine(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    const size_t end = std::min(status.find('\n'), status.size());
    std::string_view line = status.substr(0, end);
    status.remove_prefix(std::min(end + 1, status.size()));
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    line.remove_prefix(name.size() + 1);
    while (!line.empty() && (line.front() == '\t' || line.front() == ' ')) line.remove_prefix(1);
    return line;
  }
  return {};
}

int FirstNumber(std::string_view text) {
  uint64_t number = 0;
  const size_t end = text.find_first_of("\t ");
  return ParseNumber(text.substr(0, end), &number) ? static_cast<int>(number) : 0;
}

int LastNumber(std::string_view text) {
  uint64_t number = 0;
  const size_t before = text.find_last_of("\t ");
  if (before != std::string_view::npos) text.remove_prefix(before + 1);
  return ParseNumber(text, &number) ? static_cast<int>(number) : 0;
}

// Whether both names lead to the same thing; false where one leads nowhere.
bool IsSame(const std::string& one, const std::string& other) {
  struct stat first = {};
  struct stat second = {};
  return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::string UserName(unsigned user) {
  const passwd* entry = getpwuid(user);
  return entry == nullptr ? "user " + std::to_string(user) : std::string(entry->pw_name);
}

}  // namespace

// A sentence on why the kernel keeps us out.
absl::Status LiveProcess::CannotRead(int error) const {
  if (error == ESRCH || error == ENOENT) {
    return absl::UnavailableError("there is no process " + std::to_string(pid_));
  }
  const std::string cannot = "the memory of process " + std::to_string(pid_) + " cannot be read: ";
  if (error != EPERM && error != EACCES) {
    return absl::UnavailableError(cannot + ErrnoText(error));
  }
  if (geteuid() != 0 && geteuid() != owner_) {
    return absl::PermissionDeniedError(cannot + "it belongs to " + UserName(owner_) +
                                       "; ask as that user, or as root");
  }
  uint64_t scope = 0;
  std::string setting = ReadSmallFile("/proc/sys/kernel/yama/ptrace_scope");
  if (setting.ends_with('\n')) setting.pop_back();
  if (ParseNumber(setting, &scope) && scope > 0) {
    return absl::PermissionDeniedError(
        cannot + "kernel.yama.ptrace_scope is " + setting +
        (scope >= 3 ? ", which forbids it to everyone until the machine is started anew"
         : geteuid() == 0
             ? ", which forbids it without CAP_SYS_PTRACE"
             : ", which forbids it to all but root; ask as root, or set it to 0 (sysctl)"));
  }
  return absl::PermissionDeniedError(
      cannot +
      "the kernel forbids it; that takes CAP_SYS_PTRACE, which containers lack as a rule "
      "(docker run --cap-add=SYS_PTRACE), or to ask from the host");
}

absl::StatusOr<std::unique_ptr<LiveProcess>> LiveProcess::Open(int pid) {
  std::unique_ptr<LiveProcess> process(new LiveProcess);
  process->pid_ = pid;
  process->name_ = "process " + std::to_string(pid);
  process->proc_ = "/proc/" + std::to_string(pid);
  const std::string status = ReadSmallFile(process->proc_ + "/status");
  if (status.empty()) return process->CannotRead(errno == 0 ? ENOENT : errno);
  process->owner_ = static_cast<unsigned>(FirstNumber(StatusLine(status, "Uid")));
  process->parent_ = FirstNumber(StatusLine(status, "PPid"));
  process->inner_pid_ = LastNumber(StatusLine(status, "NSpid"));
  if (StatusLine(status, "State").starts_with('Z')) {
    return absl::UnavailableError(process->name_ +
                                  " has ended; its parent has not asked for its "
                                  "status yet");
  }

  errno = 0;
  const std::string maps = ReadSmallFile(process->proc_ + "/maps");
  if (maps.empty()) {
    // A thread of the kernel has none.
    if (errno == 0) return absl::FailedPreconditionError(process->name_ + " has no memory");
    return process->CannotRead(errno);
  }
  std::string_view rest = maps;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    uint64_t low = 0;
    uint64_t high = 0;
    uint64_t inode = 0;
    char access[5] = "";
    int path_at = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %" SCNu64 " %n", &low, &high,
                    access, &inode, &path_at) < 4) {
      continue;
    }
    std::string path = path_at > 0 ? line.substr(static_cast<size_t>(path_at)) : "";
    const bool is_file = path.starts_with('/');
    if (is_file) process->files_.push_back({low, high, inode, path});
    process->ranges_.push_back({low, high, access[1] == 'w', is_file ? path : ""});
  }
  // Permission is asked for here, so that what fails later does so for another reason.
  char byte = 0;
  const auto readable = std::find_if(process->files_.begin(), process->files_.end(),
                                     [](const FileMapping& mapping) { return mapping.inode != 0; });
  if (readable != process->files_.end() && !process->Read(readable->low, 1, &byte) &&
      errno != EFAULT) {
    return process->CannotRead(errno);
  }

  // Under the same root something else may be mounted in another namespace.
  if (!IsSame(process->proc_ + "/root/", "/") ||
      !IsSame(process->proc_ + "/ns/mnt", "/proc/self/ns/mnt")) {
    process->root_ = process->proc_ + "/root";
  }
  return process;
}

bool LiveProcess::Read(uint64_t address, size_t bytes, void* to) const {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const iovec here = {at, bytes};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process
    const iovec there = {reinterpret_cast<void*>(address), bytes};
    const ssize_t got = process_vm_readv(pid_, &here, 1, &there, 1, 0);
    if (got <= 0) {
      if (got == 0) errno = EFAULT;
      return false;
    }
    at += got;
    address += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

ProcessFacts LiveProcess::Describe(const std::string& recorded_host) const {
  ProcessFacts facts;
  facts.ppid = parent_;
  const NamespaceVisit uts(pid_, "uts");
  facts.host_name = uts.there() ? HostName() : recorded_host;
  facts.command_line = CommandLine(proc_);
  facts.started_at_ns = ProcessStartNs(proc_);
  return facts;
}

NativeSymbolizer::Files LiveProcess::FindFiles(const Image& image, const std::string& path) const {
  NativeSymbolizer::Files files;
  files.debug_root = root_ + ElfSymbols::kDebugRoot;
  const auto mapping =
      std::find_if(files_.begin(), files_.end(), [&image](const FileMapping& candidate) {
        return image.low >= candidate.low && image.low < candidate.high;
      });
  const bool mapped = image.loaded != 0 && mapping != files_.end();
  if (mapped) {
    char name[64];
    std::snprintf(name, sizeof(name), "/map_files/%" PRIx64 "-%" PRIx64, mapping->low,
                  mapping->high);
    if (access((proc_ + name).c_str(), R_OK) == 0) {
      files.file = proc_ + name;
      return files;
    }
  }
  const std::string in_root = root_ + path;
  struct stat status = {};
  const bool same_inode =
      mapped && stat(in_root.c_str(), &status) == 0 && status.st_ino == mapping->inode;
  if (image.build_id_size > 0 || same_inode) files.file = in_root;
  return files;
}

NamespaceVisit::NamespaceVisit(int pid, const char* kind) {
  const std::string ours = std::string("/proc/self/ns/") + kind;
  const std::string theirs = "/proc/" + std::to_string(pid) + "/ns/" + kind;
  there_ = IsSame(ours, theirs);
  if (there_) return;
  const int target = open(theirs.c_str(), O_RDONLY | O_CLOEXEC);
  if (target < 0) return;
  home_ = open(ours.c_str(), O_RDONLY | O_CLOEXEC);
  there_ = home_ >= 0 && setns(target, 0) == 0;
  close(target);
}

NamespaceVisit::~NamespaceVisit() {
  if (home_ < 0) return;
  if (there_) setns(home_, 0);
  close(home_);
}

}  // namespace fdorigin
