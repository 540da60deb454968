// Where a snapshot's descriptors are: in this process, in another one, in a core file.
//
// Who implements it: snapshot.cc for the process itself, the command for others. Who calls it:
// TakeSnapshot(), on one thread.
#ifndef FDORIGIN_AGENT_REPORT_DESCRIPTOR_SOURCE_H_
#define FDORIGIN_AGENT_REPORT_DESCRIPTOR_SOURCE_H_

#include <sys/stat.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fdtable/fd_table.h"
#include "report/snapshot.h"
#include "report/socket_details.h"

namespace fdorigin {

class DescriptorSource {
 public:
  virtual ~DescriptorSource() = default;

  // Whether it asks the kernel what is open. Where only the table tells, the report says so.
  virtual bool AsksKernel() const { return true; }
  // Its id for the snapshot, and to tell its descriptors from those of other processes.
  virtual int Pid() = 0;
  // The numbers that are open, ascending.
  virtual std::vector<int> Numbers() = 0;
  // As fstat(2). False where the number is not open.
  virtual bool Stat(int fd, struct stat* status) = 0;
  // Whether the number is open and still what Stat() found. Asked after all below.
  virtual bool IsStill(int fd, const struct stat& status);
  // What the table knows of the number; until Outdated() was asked about it perhaps what was known
  // some time ago.
  virtual std::optional<FdEntry> Entry(int fd) = 0;
  // Asked about numbers, ascending, that all of this was asked about just before: those of which
  // Entry() may not have told what was true all the while.
  virtual std::vector<int> Outdated(std::span<const int>) { return {}; }
  // The text of its link in /proc; "" where there is none.
  virtual std::string Target(int fd) = 0;
  // The contract's word.
  virtual std::string Kind(int fd, const std::string& target, const struct stat& status);
  // The contract's words for flags.
  virtual std::vector<std::string> Flags(int fd) = 0;
  // Nothing where it is not a socket, or its details cannot be had.
  virtual std::optional<SocketFacts> Socket(int fd) = 0;
};

Snapshot TakeSnapshot(DescriptorSource* source);

// The contract's words for those of FD_CLOEXEC (of `descriptor_flags`), O_NONBLOCK and O_APPEND (of
// `status_flags`) that are set; -1 where they are not known.
std::vector<std::string> FlagWords(int descriptor_flags, int status_flags);

// What a descriptor is, in the contract's word, by its link, st_mode and st_nlink.
std::string KindOf(std::string_view target, const struct stat& status);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_DESCRIPTOR_SOURCE_H_
