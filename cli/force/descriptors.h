// The descriptors of a process that is not asked: of a living one as the kernel lists them, beside
// what the agent's table has of each; of one that is dead what the table has alone.
//
// Who uses it: ForceDump().
#ifndef FDORIGIN_CLI_FORCE_DESCRIPTORS_H_
#define FDORIGIN_CLI_FORCE_DESCRIPTORS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <unordered_map>

#include "force/live_process.h"
#include "force/region_copy.h"
#include "report/descriptor_source.h"

namespace fdorigin {

// Sockets are looked at through a copy of the descriptor (pidfd_getfd), which is closed at once.
// Where the kernel has no such call, or forbids it, their details are missing.
class LiveDescriptors : public DescriptorSource {
 public:
  // Both outlive it.
  LiveDescriptors(const LiveProcess* process, RegionCopy* region);
  ~LiveDescriptors() override;
  LiveDescriptors(const LiveDescriptors&) = delete;
  LiveDescriptors& operator=(const LiveDescriptors&) = delete;

  // An error where the list of descriptors cannot be read: one sentence.
  absl::Status Open();
  // One sentence where the details of sockets could not be had; "" otherwise.
  std::string MissingDetails() const;

  int Pid() override { return process_->pid(); }
  std::vector<int> Numbers() override;
  bool Stat(int fd, struct stat* status) override;
  // By what Flags() has read last, where that tells.
  bool IsStill(int fd, const struct stat& status) override;
  std::optional<FdEntry> Entry(int fd) override { return region_->Entry(fd); }
  std::string Target(int fd) override;
  std::vector<std::string> Flags(int fd) override;
  std::optional<SocketFacts> Socket(int fd) override;

 private:
  const LiveProcess* process_;
  RegionCopy* region_;
  int fds_ = -1;      // /proc/PID/fd
  int fdinfos_ = -1;  // /proc/PID/fdinfo
  int pidfd_ = -1;
  int refusal_ = 0;  // errno of pidfd_open or pidfd_getfd
  bool missed_sockets_ = false;

  // What the last file of /proc/PID/fdinfo said of its number; Linux before 5.14 names no inode.
  struct FdInfo {
    int fd = -1;  // -1 where not both of these were there
    uint64_t mount = 0;
    uint64_t inode = 0;
  };
  FdInfo last_;
  std::unordered_map<uint64_t, dev_t> devices_;  // by mount
};

class CoreDescriptors : public DescriptorSource {
 public:
  // `region` outlives it. `pid`: of the process that was.
  CoreDescriptors(RegionCopy* region, int pid) : region_(region), pid_(pid) {}

  bool AsksKernel() const override { return false; }
  int Pid() override { return pid_; }
  std::vector<int> Numbers() override { return region_->table().Numbers(); }
  bool Stat(int fd, struct stat* status) override;
  std::optional<FdEntry> Entry(int fd) override { return region_->Entry(fd); }
  std::string Target(int) override { return ""; }
  std::string Kind(int fd, const std::string& target, const struct stat& status) override;
  std::vector<std::string> Flags(int) override { return {}; }
  std::optional<SocketFacts> Socket(int) override { return std::nullopt; }

 private:
  RegionCopy* region_;
  int pid_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_FORCE_DESCRIPTORS_H_
