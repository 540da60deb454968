// A JVM seen from outside, through /proc: whose it is, which number it has in its own pid
// namespace, where its files are, and whether it can be asked at all.
//
// Who uses it: the verbs that ask a running JVM. Only reads. All descriptors are opened before the
// command takes the identity of the JVM's user, which may not follow the links of /proc.
#ifndef FDORIGIN_CLI_TARGET_PROCESS_H_
#define FDORIGIN_CLI_TARGET_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fdorigin {

// A descriptor that is closed at the end.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// What /proc/PID/status says.
struct ProcessStatus {
  char state = '?';
  int process = 0;    // Tgid
  int inner_pid = 0;  // in its own pid namespace
  uid_t effective_user = 0;
  gid_t effective_group = 0;
  bool catches_quit = false;  // there is a handler of SIGQUIT
};

// `text` is the file's. InvalidArgument where a line is missing that every kernel writes.
absl::StatusOr<ProcessStatus> ParseProcessStatus(const std::string& text);

// What /proc/PID/maps shows.
struct MappedLibraries {
  bool hotspot = false;
  bool openj9 = false;
  std::string performance_data;     // the JVM's hsperfdata file; empty with -XX:-UsePerfData
  std::vector<std::string> agents;  // distinct files libfdorigin*.so, as /proc writes them
};

MappedLibraries ParseMaps(const std::string& text);

// Whether the words of the command line and the variables of the environment say
// -XX:+DisableAttachMechanism, the last of them that speaks of it. Both are sequences of strings
// that end with a zero byte.
bool DisablesAttach(const std::string& command_line, const std::string& environment);

// Whether the JVM says in its performance data that it can be attached to; true where the data does
// not say.
bool SaysAttachable(const std::string& performance_data);

class TargetProcess {
 public:
  // An error is one sentence that says what is in the way: no such process, another user's, no
  // HotSpot, stopped.
  static absl::StatusOr<TargetProcess> Open(int pid);

  int pid() const { return pid_; }
  const ProcessStatus& status() const { return status_; }
  // O_PATH descriptors of its root and of its working directory.
  int root() const { return root_.get(); }
  int working_directory() const { return working_directory_.get(); }
  // Whether its paths are ours, too: the same mount namespace, the same root.
  bool shares_files() const { return shares_files_; }
  // By what its files can be opened here: "" or "/proc/PID/root".
  std::string RootPrefix() const;
  const MappedLibraries& libraries() const { return libraries_; }

  // An error where it is stopped, or has ended, by now.
  absl::Status CheckRunning() const;
  // An error where it would not answer to SIGQUIT, or die of it.
  absl::Status CheckSignalable() const;
  // An error where the process has ended.
  absl::Status SendQuit() const;

 private:
  TargetProcess() = default;

  int pid_ = 0;
  ProcessStatus status_;
  MappedLibraries libraries_;
  OwnedFd process_;  // a pidfd: its number may be another process's soon
  OwnedFd root_;
  OwnedFd working_directory_;
  bool shares_files_ = false;
  std::string root_path_;  // its root, as seen from here, where it shares our mounts
};

// Takes the identity of the target's user while it lives, where we are root and it is another's:
// a JVM talks to its own user only, and what is written into its folders must be that user's.
class ActingAs {
 public:
  explicit ActingAs(const ProcessStatus& target);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  bool changed_ = false;
  uid_t user_;
  gid_t group_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_TARGET_PROCESS_H_
