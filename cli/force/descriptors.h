// The descriptors of a process that is not asked: of a living one as the kernel lists them, beside
// what the agent's table has of each; of one that is dead what the table has alone.
//
// Who uses it: ForceDump().
#ifndef FDORIGIN_CLI_FORCE_DESCRIPTORS_H_
#define FDORIGIN_CLI_FORCE_DESCRIPTORS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "force/live_process.h"
#include "force/region_copy.h"
#include "report/descriptor_source.h"

namespace fdorigin {

// Sockets are looked at through a copy of the descriptor (pidfd_getfd), which is closed at once.
// Where the kernel has no such call, or forbids it, their details are missing.
//
// A look through a link of /proc/PID/fd is dear. So what the table has for a socket is looked for
// in /proc/PID/fdinfo first, where a file names mount and inode beside the flags, all of one
// moment: of the mount that sockets are on nothing else is to be known.
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
  // By what was read last, where that tells.
  bool IsStill(int fd, const struct stat& status) override;
  std::optional<FdEntry> Entry(int fd) override {
    return fd <= checked_ ? region_->Entry(fd) : region_->EarlierEntry(fd);
  }
  std::vector<int> Outdated(std::span<const int> numbers) override;
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

  // What a file of /proc/PID/fdinfo says of its number.
  struct FdInfo {
    int fd = -1;
    int flags = -1;           // -1 where they were not there
    bool names_file = false;  // whether both of these were there; Linux before 5.14 has no inode
    uint64_t mount = 0;
    uint64_t inode = 0;
  };
  FdInfo ReadFdInfo(int fd) const;
  // As Stat(), by that file alone. False where it is not that of a socket.
  bool StatSocket(int fd, struct stat* status);

  FdInfo last_;
  std::unordered_map<uint64_t, dev_t> devices_;  // by mount
  // Where sockets are that have no name; learnt of the first.
  std::optional<uint64_t> socket_mount_;
  dev_t socket_device_ = 0;
  // Of the look that Stat() has begun:
  bool by_info_ = false;  // it found a socket, by `last_`
  bool moved_ = false;    // Socket() found another one, or none
  std::string link_;      // its text, until `socket_mount_` is known
  int checked_ = -1;      // the highest number that Outdated() was asked about
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
