// What is open in this process now, as the kernel says, beside what the table knows of it.
//
// Include rule: agent/report/ includes fdtable, symbolize, stack's types and base. Cold.
// Who calls it: the checkpoint watcher right after the failed native returned, or the dump itself;
// any thread outside hook context. It opens descriptors (/proc, one netlink socket), in another
// table where the process has none to spare, and has closed them all when it returns; they never
// appear in the result.
#ifndef FDORIGIN_AGENT_REPORT_SNAPSHOT_H_
#define FDORIGIN_AGENT_REPORT_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fdtable/fd_table.h"

namespace fdorigin {

struct SocketPeer {
  int pid = 0;
  std::string process;  // comm
  int fd = -1;          // in that process; -1 where it could not be found
  uint64_t inode = 0;   // 0 where it is not known
};

struct SocketDetails {
  std::string family;    // "unix", "ipv4", "ipv6", "netlink", or "family-N"
  std::string type;      // "stream", "dgram", "seqpacket", "raw", or "type-N"
  std::string protocol;  // "tcp", "udp", "unix", "route", ... or "protocol-N"
  std::string state;     // "LISTEN", "ESTABLISHED", ... the kernel's names; "" where it has none
  std::string local;     // "127.0.0.1:80", "[::]:80", "/path", "@abstract", "" where unnamed
  std::string remote;
  std::optional<SocketPeer> peer;
};

struct OpenDescriptor {
  int fd = -1;
  std::string kind;    // the contract's words
  std::string target;  // the text of /proc/self/fd/N
  FdIdentity identity;
  uint32_t mode = 0;  // st_mode
  std::vector<std::string> flags;
  std::optional<SocketDetails> socket;
  int credentials_pid = 0;  // by which the peer of a unix socket is looked for; 0 for none
  // Whether a Java object owns it, as CRaC's Java half told the VM; nothing where nobody said.
  std::optional<bool> java_owned;
  bool unverified = false;       // only the table says that it is open
  std::optional<FdEntry> entry;  // what the table knows of the number, checked by nobody yet
};

struct Snapshot {
  int64_t at_ns = 0;  // CLOCK_REALTIME
  int pid = 0;
  std::vector<OpenDescriptor> descriptors;  // by number
};

Snapshot TakeSnapshot(const FdTable& table);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_SNAPSHOT_H_
