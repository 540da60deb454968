#include "agent_request.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "jvm_attach.h"

namespace fdorigin {
namespace {

// The SONAME of every agent. The loader looks for a name without a slash among what is loaded,
// before it looks for a file: so it does not matter by which path the library came, or what lies
// there now.
constexpr const char* kLoadedAgent = "libfdorigin.so";

std::string RealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? std::string() : resolved;
}

// 0 where the target's user can read `path` in the target's own tree, else errno.
int WhyUnreadable(const TargetProcess& target, const std::string& path) {
  const ActingAs its_user(target.status());
  open_how how = {};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;  // its links, too
  OwnedFd file(
      static_cast<int>(syscall(SYS_openat2, target.root(), path.c_str(), &how, sizeof(how))));
  if (!file.is_open() && (errno == ENOSYS || errno == EPERM)) {  // before Linux 5.6; seccomp
    file = OwnedFd(openat(target.root(), path.substr(1).c_str(), O_RDONLY | O_CLOEXEC));
  }
  return file.is_open() ? 0 : errno;
}

}  // namespace

std::string LibraryBesideCommand() {
  const std::string command = RealPath("/proc/self/exe");
  const std::string folder = command.substr(0, command.rfind('/'));
  for (const char* place : {"/libfdorigin.so", "/../lib/libfdorigin.so", "/../libfdorigin.so"}) {
    const std::string path = RealPath(folder + place);
    if (!path.empty()) return path;
  }
  return "";
}

absl::StatusOr<std::string> ChooseLibrary(const TargetProcess& target, const std::string& wished) {
  const std::string process = "process " + std::to_string(target.pid());
  if (!target.libraries().agents.empty()) return kLoadedAgent;
  std::string library = wished;
  if (library.empty()) library = LibraryBesideCommand();
  if (library.empty()) {
    return absl::InvalidArgumentError(
        "libfdorigin.so is neither beside this command nor in ../lib; --agent-path says where it "
        "is");
  }
  if (target.shares_files() && !library.starts_with('/')) library = RealPath(library);
  if (!library.starts_with('/')) {
    return absl::InvalidArgumentError("--agent-path wants the path of a library, as " + process +
                                      " sees it, from the root");
  }
  const int error = WhyUnreadable(target, library);
  if (error == 0) return library;
  if (!target.shares_files() && error == ENOENT) {
    return absl::FailedPreconditionError(
        process + " has files of its own and does not see " + library +
        "; copy the library to where it does, as in: cp " + library + " " + target.RootPrefix() +
        "/tmp/, and say --agent-path=/tmp/libfdorigin.so");
  }
  return absl::FailedPreconditionError("user " + std::to_string(target.status().effective_user) +
                                       ", as whom " + process + " runs, cannot read " + library +
                                       ": " + std::strerror(error));
}

absl::StatusOr<Reply> AskAgent(const TargetProcess& target, const std::string& library,
                               const std::string& options, std::chrono::milliseconds patience) {
  // Before anything is written for it.
  if (const absl::Status status = target.CheckSignalable(); !status.ok()) return status;
  const absl::StatusOr<ReplyFile> file = ReplyFile::Create(&target);
  if (!file.ok()) return file.status();
  std::string all = options;
  if (!all.empty()) all += ",";
  all += "reply=" + file->path();
  const absl::Status status = JvmAttach(&target, patience).Load(library, all);
  absl::StatusOr<Reply> reply = file->Read();
  if (reply.ok() && !reply->error.empty()) {
    return reply->wrong_option ? absl::InvalidArgumentError(reply->error)
                               : absl::AbortedError(reply->error);
  }
  if (!status.ok()) return status;
  return reply;
}

}  // namespace fdorigin
