// Who holds the other end of a socket.
//
// Who calls it: TakeSnapshot(), once per snapshot, after every descriptor has been looked at. Cold.
// It opens one netlink socket and directories of /proc and has closed them when it returns.
//
// What is claimed, and on whose word:
//  - unix: the peer's inode comes from the kernel's socket table (sock_diag), its owner is a
//    process whose /proc/PID/fd was seen to hold that inode: this process first, then the one that
//    SO_PEERCRED names, then, within a bound of time, any other. Where /proc/PID/fd of the process
//    that SO_PEERCRED names cannot be read (it belongs to another user), its pid is given without a
//    descriptor, on SO_PEERCRED's word alone; where it could be read and does not hold the inode,
//    SO_PEERCRED is not believed: the inode is given alone, or the process that does hold it.
//  - TCP: only where both ends are in this process, found by their swapped addresses.
#ifndef FDORIGIN_AGENT_REPORT_PEERS_H_
#define FDORIGIN_AGENT_REPORT_PEERS_H_

#include <vector>

#include "report/snapshot.h"

namespace fdorigin {

// A socket whose peer is wanted.
struct PeerQuery {
  OpenDescriptor* descriptor = nullptr;  // has `socket`; its peer is filled in
  int credentials_pid = 0;               // 0 where there is none
};

// `descriptors` is every descriptor of this process, `pid` its id.
void FindUnixPeers(int pid, const std::vector<OpenDescriptor>& descriptors,
                   const std::vector<PeerQuery>& queries);
void FindTcpPeers(int pid, std::vector<OpenDescriptor>* descriptors);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_PEERS_H_
