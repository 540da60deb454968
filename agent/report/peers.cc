#include "report/peers.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "report/text.h"

namespace fdorigin {
namespace {

int64_t NowNs(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// How long other processes are looked through for the inodes that are still without an owner. By
// this thread's processor time, so that what is found does not depend on how busy the machine is,
// and by the clock, as the last resort.
class ScanLimit {
 public:
  bool IsReached() const {
    return NowNs(CLOCK_THREAD_CPUTIME_ID) > processor_ || NowNs(CLOCK_MONOTONIC) > clock_;
  }

 private:
  const int64_t processor_ = NowNs(CLOCK_THREAD_CPUTIME_ID) + 300'000'000;
  const int64_t clock_ = NowNs(CLOCK_MONOTONIC) + 3'000'000'000;
};

using PeerInodes = std::unordered_map<uint64_t, uint64_t>;  // socket -> its peer

// One message of the dump. The attributes are read by hand: their alignment is 4 bytes.
void ReadUnixDiag(const char* data, size_t size, PeerInodes* peers) {
  unix_diag_msg message;
  if (size < sizeof(message)) return;
  memcpy(&message, data, sizeof(message));
  size_t at = sizeof(message);
  while (at + sizeof(nlattr) <= size) {
    nlattr attribute;
    memcpy(&attribute, data + at, sizeof(attribute));
    if (attribute.nla_len < sizeof(attribute) || at + attribute.nla_len > size) return;
    if (attribute.nla_type == UNIX_DIAG_PEER &&
        attribute.nla_len >= sizeof(attribute) + sizeof(uint32_t)) {
      uint32_t inode = 0;
      memcpy(&inode, data + at + sizeof(attribute), sizeof(inode));
      if (inode != 0) (*peers)[message.udiag_ino] = inode;  // 0: not accepted yet
    }
    at += NLA_ALIGN(attribute.nla_len);
  }
}

// False at the end of the dump, or where it went wrong.
bool ReadNetlinkMessages(const char* data, size_t size, PeerInodes* peers) {
  size_t at = 0;
  while (at + sizeof(nlmsghdr) <= size) {
    nlmsghdr header;
    memcpy(&header, data + at, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || at + header.nlmsg_len > size) return false;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
      ReadUnixDiag(data + at + NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN, peers);
    }
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return true;
}

// The peers of all unix sockets of this network namespace. Empty where the kernel has no unix_diag
// or forbids netlink.
PeerInodes DumpUnixPeers() {
  PeerInodes peers;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return peers;
  const timeval patience = {.tv_sec = 1, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } message = {};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = AF_UNIX;
  message.request.udiag_states = ~0u;
  message.request.udiag_show = UDIAG_SHOW_PEER;
  if (send(fd, &message, sizeof(message), 0) == static_cast<ssize_t>(sizeof(message))) {
    std::vector<char> buffer(64 * 1024);
    for (;;) {
      const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || !ReadNetlinkMessages(buffer.data(), static_cast<size_t>(got), &peers)) break;
    }
  }
  close(fd);
  return peers;
}

// The number in "socket:[123]"; 0 for any other link.
uint64_t SocketInode(std::string_view link) {
  constexpr std::string_view kPrefix = "socket:[";
  uint64_t inode = 0;
  if (!link.starts_with(kPrefix) || !link.ends_with(']')) return 0;
  link = link.substr(kPrefix.size(), link.size() - kPrefix.size() - 1);
  return ParseNumber(link, &inode) ? inode : 0;
}

struct Holder {
  int pid = 0;
  int fd = -1;
};

// Inodes that are wanted; a pid of 0 means that the holder is not known yet.
using Holders = std::unordered_map<uint64_t, Holder>;

enum class ScanResult { kWhole, kCut, kUnreadable, kGone };

// Looks for wanted inodes in one process.
ScanResult ScanProcess(int pid, const ScanLimit& limit, Holders* wanted, size_t* missing) {
  const std::string path = "/proc/" + std::to_string(pid) + "/fd";
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return errno == ENOENT ? ScanResult::kGone : ScanResult::kUnreadable;
  ScanResult result = ScanResult::kWhole;
  int looked = 0;
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    uint64_t number = 0;
    if (!ParseNumber(entry->d_name, &number)) continue;
    if (++looked % 256 == 0 && limit.IsReached()) {
      result = ScanResult::kCut;
      break;
    }
    char link[64];
    const ssize_t size = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link));
    if (size < 0 && (errno == EACCES || errno == EPERM)) {
      result = ScanResult::kUnreadable;
      break;
    }
    if (size <= 0) continue;
    const uint64_t inode = SocketInode(std::string_view(link, static_cast<size_t>(size)));
    const auto found = inode == 0 ? wanted->end() : wanted->find(inode);
    if (found != wanted->end() && found->second.pid == 0) {
      found->second = {pid, static_cast<int>(number)};
      --*missing;
    }
  }
  closedir(directory);
  return result;
}

// Every other process, until nothing is missing or the time is over.
void ScanOthers(const std::map<int, ScanResult>& done, int own_pid, const ScanLimit& limit,
                Holders* wanted, size_t* missing) {
  DIR* directory = opendir("/proc");
  if (directory == nullptr) return;
  std::vector<int> pids;
  while (const dirent* entry = readdir(directory)) {
    uint64_t number = 0;
    if (ParseNumber(entry->d_name, &number)) pids.push_back(static_cast<int>(number));
  }
  closedir(directory);
  for (const int pid : pids) {
    if (*missing == 0 || limit.IsReached()) return;
    if (pid != own_pid && !done.contains(pid)) ScanProcess(pid, limit, wanted, missing);
  }
}

std::string ProcessName(int pid) {
  std::string name = ReadSmallFile("/proc/" + std::to_string(pid) + "/comm");
  if (name.ends_with('\n')) name.pop_back();
  return name;
}

}  // namespace

void FindUnixPeers(int pid, const std::vector<OpenDescriptor>& descriptors,
                   const std::vector<PeerQuery>& queries) {
  if (queries.empty()) return;
  const PeerInodes peer_inodes = DumpUnixPeers();
  const auto peer_of = [&](const PeerQuery& query) -> uint64_t {
    const auto found = peer_inodes.find(query.descriptor->identity.ino);
    return found == peer_inodes.end() ? 0 : found->second;
  };

  Holders holders;
  for (const PeerQuery& query : queries) {
    if (const uint64_t inode = peer_of(query)) holders.try_emplace(inode);
  }
  size_t missing = holders.size();
  for (const OpenDescriptor& descriptor : descriptors) {
    if (descriptor.kind != "socket") continue;
    const auto found = holders.find(descriptor.identity.ino);
    if (found != holders.end() && found->second.pid == 0) {
      found->second = {pid, descriptor.fd};
      --missing;
    }
  }

  const ScanLimit limit;
  std::map<int, ScanResult> scanned;
  bool some_wanted = false;
  for (const PeerQuery& query : queries) {
    const uint64_t inode = peer_of(query);
    if (inode == 0 || holders[inode].pid != 0) continue;
    const int candidate = query.credentials_pid;
    if (candidate > 0 && candidate != pid && !scanned.contains(candidate)) {
      scanned[candidate] = ScanProcess(candidate, limit, &holders, &missing);
    }
    if (holders[inode].pid == 0) some_wanted = true;
  }
  if (some_wanted) ScanOthers(scanned, pid, limit, &holders, &missing);

  std::map<int, std::string> names;
  for (const PeerQuery& query : queries) {
    SocketPeer peer;
    peer.inode = peer_of(query);
    if (peer.inode != 0 && holders[peer.inode].pid != 0) {
      peer.pid = holders[peer.inode].pid;
      peer.fd = holders[peer.inode].fd;
    } else if (query.credentials_pid > 0) {
      // SO_PEERCRED alone is believed where nothing was found that speaks against it: our own table
      // of descriptors is complete, and so is another one that was read to its end.
      const auto result = scanned.find(query.credentials_pid);
      const bool own = query.credentials_pid == pid;
      const bool refuted =
          peer.inode != 0 &&
          (own || (result != scanned.end() && result->second == ScanResult::kWhole));
      if (!refuted) peer.pid = query.credentials_pid;
    }
    if (peer.pid != 0) {
      const auto [name, added] = names.try_emplace(peer.pid);
      if (added) name->second = ProcessName(peer.pid);
      peer.process = name->second;
      if (peer.process.empty()) {  // gone since: whoever holds the other end, it is not this one
        peer.pid = 0;
        peer.fd = -1;
      }
    }
    if (peer.pid != 0 || peer.inode != 0) query.descriptor->socket->peer = peer;
  }
}

void FindTcpPeers(int pid, std::vector<OpenDescriptor>* descriptors) {
  // An address pair names one TCP socket of a network namespace, so a swapped pair names its peer.
  // Both texts come from the kernel; a mapped IPv4 address is brought to its plain form, for one
  // end may be an IPv6 socket and the other not.
  const auto plain = [](const std::string& text) {
    constexpr std::string_view kMapped = "[::ffff:";
    if (!text.starts_with(kMapped) || text.find('.') == std::string::npos) return text;
    std::string result = text.substr(kMapped.size());
    result.erase(result.find(']'), 1);
    return result;
  };
  const auto connected = [](const OpenDescriptor& descriptor) {
    return descriptor.socket && descriptor.socket->protocol == "tcp" &&
           descriptor.socket->state == "ESTABLISHED" && !descriptor.socket->remote.empty();
  };
  std::unordered_map<std::string, OpenDescriptor*> by_pair;
  for (OpenDescriptor& descriptor : *descriptors) {
    if (!connected(descriptor)) continue;
    const SocketDetails& socket = *descriptor.socket;
    by_pair.try_emplace(plain(socket.local) + " " + plain(socket.remote), &descriptor);
  }
  std::string process;
  for (OpenDescriptor& descriptor : *descriptors) {
    if (!connected(descriptor)) continue;
    SocketDetails& socket = *descriptor.socket;
    const auto found = by_pair.find(plain(socket.remote) + " " + plain(socket.local));
    if (found == by_pair.end() || found->second->identity == descriptor.identity) continue;
    if (process.empty()) process = ProcessName(pid);
    socket.peer = SocketPeer{.pid = pid,
                             .process = process,
                             .fd = found->second->fd,
                             .inode = found->second->identity.ino};
  }
}

}  // namespace fdorigin
