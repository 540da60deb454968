// A living process, read from outside: its memory through process_vm_readv, everything else through
// /proc. It is not stopped, not signalled and not traced, and runs no code for it; a process that
// hangs, or is stopped, is read like any other.
//
// Who uses it: ForceDump().
#ifndef FDORIGIN_CLI_FORCE_LIVE_PROCESS_H_
#define FDORIGIN_CLI_FORCE_LIVE_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "force/memory_source.h"
#include "report/host.h"
#include "symbolize/native_symbolizer.h"

namespace fdorigin {

class LiveProcess : public MemorySource {
 public:
  // An error is one sentence: there is no such process, or the kernel keeps us out of it, and why.
  static absl::StatusOr<std::unique_ptr<LiveProcess>> Open(int pid);

  const std::string& name() const override { return name_; }
  const std::vector<MappedRange>& ranges() const override { return ranges_; }
  bool Read(uint64_t address, size_t bytes, void* to) const override;

  int pid() const { return pid_; }
  // Its id in its own pid namespace.
  int inner_pid() const { return inner_pid_; }
  // "/proc/4711"
  const std::string& proc() const { return proc_; }

  // `recorded_host` is its host's name as the agent noted it, for where we may not ask.
  ProcessFacts Describe(const std::string& recorded_host) const;

  // Where the file of an image is: the very file that is mapped, where the kernel lets us open it
  // (root), also if it was deleted since; else the file at its path in the process's own root,
  // where a build-id, or its inode, can tell it from another one.
  NativeSymbolizer::Files FindFiles(const Image& image, const std::string& path) const;

 private:
  LiveProcess() = default;
  absl::Status CannotRead(int error) const;

  struct FileMapping {
    uint64_t low = 0;
    uint64_t high = 0;
    uint64_t inode = 0;
    std::string file;
  };

  int pid_ = 0;
  int inner_pid_ = 0;
  unsigned owner_ = 0;  // its user
  int parent_ = 0;
  std::string name_;
  std::string proc_;
  std::string root_;  // "" where it sees our files, else "/proc/4711/root"
  std::vector<MappedRange> ranges_;
  std::vector<FileMapping> files_;
};

// While one lives, this thread is in the process's namespace of this kind ("net", "uts"), where we
// may enter it.
class NamespaceVisit {
 public:
  NamespaceVisit(int pid, const char* kind);
  ~NamespaceVisit();
  NamespaceVisit(const NamespaceVisit&) = delete;
  NamespaceVisit& operator=(const NamespaceVisit&) = delete;

  // Whether this thread is there: it is where the namespace was ours already.
  bool there() const { return there_; }

 private:
  int home_ = -1;
  bool there_ = false;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_FORCE_LIVE_PROCESS_H_
