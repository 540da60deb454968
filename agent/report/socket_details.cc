#include "report/socket_details.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "report/address.h"

namespace fdorigin {
namespace {

std::optional<int> IntOption(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) return std::nullopt;
  return value;
}

std::string FamilyName(int domain) {
  switch (domain) {
    case AF_UNIX:
      return "unix";
    case AF_INET:
      return "ipv4";
    case AF_INET6:
      return "ipv6";
    case AF_NETLINK:
      return "netlink";
    default:
      return "family-" + std::to_string(domain);
  }
}

std::string TypeName(int type) {
  switch (type) {
    case SOCK_STREAM:
      return "stream";
    case SOCK_DGRAM:
      return "dgram";
    case SOCK_SEQPACKET:
      return "seqpacket";
    case SOCK_RAW:
      return "raw";
    default:
      return "type-" + std::to_string(type);
  }
}

std::string ProtocolName(int domain, int protocol) {
  if (domain == AF_UNIX) return "unix";
  if (domain == AF_NETLINK) {
    switch (protocol) {
      case NETLINK_ROUTE:
        return "route";
      case NETLINK_SOCK_DIAG:
        return "sock_diag";
      case NETLINK_AUDIT:
        return "audit";
      case NETLINK_CONNECTOR:
        return "connector";
      case NETLINK_KOBJECT_UEVENT:
        return "kobject_uevent";
      case NETLINK_GENERIC:
        return "generic";
      default:
        break;
    }
  } else if (domain == AF_INET || domain == AF_INET6) {
    switch (protocol) {
      case IPPROTO_ICMP:
        return "icmp";
      case IPPROTO_TCP:
        return "tcp";
      case IPPROTO_UDP:
        return "udp";
      case IPPROTO_ICMPV6:
        return "icmpv6";
      case IPPROTO_SCTP:
        return "sctp";
      case IPPROTO_UDPLITE:
        return "udplite";
      case 262:  // IPPROTO_MPTCP, newer than some headers
        return "mptcp";
      default:
        break;
    }
  }
  return "protocol-" + std::to_string(protocol);
}

// The names of the kernel's enum in net/tcp_states.h.
std::string TcpStateName(uint8_t state) {
  constexpr const char* kNames[] = {
      "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",   "TIME_WAIT",
      "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV"};
  return state < std::size(kNames) ? kNames[state] : "";
}

// The kernel's number of a TCP socket's state; 0 where it is a socket of another protocol.
uint8_t TcpState(int fd) {
  tcp_info info = {};
  socklen_t size = sizeof(info.tcpi_state);
  static_assert(offsetof(tcp_info, tcpi_state) == 0);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size == 0) return 0;
  return info.tcpi_state;
}

std::string StateOf(int fd, int domain, int protocol, bool connected) {
  const bool internet = domain == AF_INET || domain == AF_INET6;
  if (internet && (protocol == IPPROTO_TCP || protocol == 262)) {
    if (const uint8_t state = TcpState(fd)) return TcpStateName(state);
  }
  if (!internet && domain != AF_UNIX) return "";
  if (IntOption(fd, SO_ACCEPTCONN).value_or(0) != 0) return "LISTEN";
  return connected ? "ESTABLISHED" : "UNCONNECTED";
}

using AddressCall = int (*)(int, sockaddr*, socklen_t*);

// Its family, where the kernel has an address there; AF_UNSPEC where it has none. The text goes to
// `text`.
sa_family_t ReadAddress(AddressCall call, int fd, std::string* text) {
  sockaddr_storage address;
  memset(&address, 0, sizeof(address));
  socklen_t size = sizeof(address);
  if (call(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return AF_UNSPEC;
  *text = FormatAddress(&address, std::min<size_t>(size, sizeof(address)));
  return address.ss_family;
}

}  // namespace

std::optional<SocketFacts> ReadSocket(int fd) {
  SocketFacts facts;
  SocketDetails& details = facts.details;
  const sa_family_t family = ReadAddress(getsockname, fd, &details.local);
  const std::optional<int> protocol = IntOption(fd, SO_PROTOCOL);
  const bool internet = family == AF_INET || family == AF_INET6;
  // What most sockets are is told by less. A raw one of the same protocol has no state.
  const uint8_t tcp = internet && protocol == IPPROTO_TCP ? TcpState(fd) : 0;
  const std::optional<int> domain = tcp != 0 ? family : IntOption(fd, SO_DOMAIN);
  if (!domain) return std::nullopt;
  const std::optional<int> type = tcp != 0 ? SOCK_STREAM : IntOption(fd, SO_TYPE);
  facts.domain = *domain;
  details.family = FamilyName(*domain);
  if (type) details.type = TypeName(*type);
  if (protocol) {
    facts.protocol = *protocol;
    details.protocol = ProtocolName(*domain, *protocol);
  }
  // In these states the kernel tells no peer.
  const bool alone = tcp == TCP_CLOSE || tcp == TCP_LISTEN || tcp == TCP_SYN_SENT;
  const bool connected = !alone && ReadAddress(getpeername, fd, &details.remote) != AF_UNSPEC;
  details.state = tcp != 0 ? TcpStateName(tcp) : StateOf(fd, *domain, facts.protocol, connected);
  // A listening unix socket has SO_PEERCRED too: the listener's own.
  if (*domain == AF_UNIX && details.state == "ESTABLISHED") {
    ucred credentials = {};
    socklen_t size = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 && credentials.pid > 0) {
      facts.credentials_pid = credentials.pid;
    }
  }
  return facts;
}

}  // namespace fdorigin
