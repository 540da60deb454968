// What the kernel says of one socket of this process.
//
// Who calls it: TakeSnapshot(), once per socket. Cold; changes nothing of the socket.
#ifndef FDORIGIN_AGENT_REPORT_SOCKET_DETAILS_H_
#define FDORIGIN_AGENT_REPORT_SOCKET_DETAILS_H_

#include <sys/socket.h>

#include <optional>

#include "report/snapshot.h"

namespace fdorigin {

// The details without a peer, and what is needed to look for one.
struct SocketFacts {
  SocketDetails details;
  int domain = AF_UNSPEC;
  int protocol = 0;
  // SO_PEERCRED of a unix socket: who called connect(), listen() or socketpair() at the other end.
  // 0 where the kernel names nobody, or somebody outside our pid namespace.
  int credentials_pid = 0;
};

// Nothing where `fd` is not a socket (any more).
std::optional<SocketFacts> ReadSocket(int fd);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_SOCKET_DETAILS_H_
