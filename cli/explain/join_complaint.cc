#include "explain/join_complaint.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace fdorigin {
namespace {

using model::Descriptor;
using model::Report;

constexpr std::string_view kDeleted = " (deleted)";

template <typename Predicate>
std::vector<const Descriptor*> All(const Report& report, const Predicate& predicate) {
  std::vector<const Descriptor*> found;
  for (const Descriptor& descriptor : report.descriptors) {
    if (predicate(descriptor)) found.push_back(&descriptor);
  }
  return found;
}

std::string_view WithoutDeleted(std::string_view link) {
  if (link.ends_with(kDeleted)) link.remove_suffix(kDeleted.size());
  return link;
}

// criu's paths may begin at their mount.
bool IsSamePath(std::string_view target, std::string_view link) {
  target = WithoutDeleted(target);
  link = WithoutDeleted(link);
  return target == link || (target.starts_with('/') && target.substr(1) == link);
}

bool HasInode(const Complaint& complaint, const Descriptor& descriptor) {
  return std::find(complaint.inodes.begin(), complaint.inodes.end(), descriptor.inode) !=
         complaint.inodes.end();
}

// Whether its other end is not known to be in the same process.
bool IsHalf(const Report& report, const Descriptor& descriptor) {
  const auto& peer = descriptor.socket->peer;
  if (!peer) return !descriptor.socket->remote.empty();
  return peer->pid != report.process.pid;
}

bool IsConnectedTcp(const Descriptor& descriptor) {
  return descriptor.socket && descriptor.socket->protocol == "tcp" &&
         !descriptor.socket->remote.empty();
}

// What the words alone can mean.
bool CanBeMeant(ComplaintKind kind, const Report& report, const Descriptor& descriptor) {
  const bool is_socket = descriptor.socket.has_value();
  const std::string_view family = is_socket ? descriptor.socket->family : std::string_view();
  switch (kind) {
    case ComplaintKind::kExternalUnixSocket:
    case ComplaintKind::kHalfUnixStream:
    case ComplaintKind::kLostUnixPeer:
      return family == "unix" && IsHalf(report, descriptor);
    case ComplaintKind::kConnectedTcp:
      return IsConnectedTcp(descriptor);
    case ComplaintKind::kInFlight:
      return is_socket && descriptor.socket->state == "LISTEN" && family != "unix";
    case ComplaintKind::kUnknownProtocol:
      return is_socket && family.starts_with("ipv") && descriptor.socket->protocol != "tcp" &&
             descriptor.socket->protocol != "udp";
    case ComplaintKind::kUnknownFamily:
      return is_socket && family != "unix" && !family.starts_with("ipv") && family != "netlink" &&
             family != "packet";
    case ComplaintKind::kUnreadNetlink:
      return family == "netlink";
    case ComplaintKind::kSocketOption:
      return is_socket && family != "unix" && family != "netlink";
    case ComplaintKind::kGhostFile:
      return descriptor.kind == "file" && descriptor.target.ends_with(kDeleted);
    case ComplaintKind::kUnsendable:
      return descriptor.target == "anon_inode:[io_uring]";
    case ComplaintKind::kUnknownFile:
    case ComplaintKind::kDeletedLink:
    case ComplaintKind::kUnknownMount:
    case ComplaintKind::kFileLock:
    case ComplaintKind::kOther:
      break;
  }
  return false;
}

// By the number that criu names: believed where nothing of the log speaks against it, and either
// the process is the report's or something else agrees.
bool JoinNumber(const Complaint& complaint, const Report& report, JoinedComplaint* joined) {
  const Descriptor* descriptor = report.Find(complaint.fd);
  if (descriptor == nullptr) {
    joined->note = fmt::format("the report has no descriptor {}", complaint.fd);
    return false;
  }
  const bool has_inode = !complaint.inodes.empty();
  const bool has_link = !complaint.link.empty();
  if ((has_inode && !HasInode(complaint, *descriptor)) ||
      (has_link && !IsSamePath(descriptor->target, complaint.link))) {
    joined->note = fmt::format(
        "descriptor {} of the report is another one: the log and the report are not of "
        "the same process, or not of the same time",
        complaint.fd);
    return false;
  }
  const bool is_same_process = complaint.pid == 0 || complaint.pid == report.process.pid;
  if (!is_same_process && !has_inode && !has_link) {
    joined->note =
        fmt::format("criu names descriptor {} of process {}, and the report is of process {}",
                    complaint.fd, complaint.pid, report.process.pid);
    return false;
  }
  joined->descriptors = {descriptor};
  joined->is_certain = true;
  joined->joined_by = has_inode ? "inode" : "number";
  return true;
}

}  // namespace

JoinedComplaint Join(const Complaint& complaint, const Report& report) {
  JoinedComplaint joined;
  if (complaint.kind == ComplaintKind::kFileLock) {
    joined.descriptors = All(report, [&](const Descriptor& descriptor) {
      return descriptor.kind == "file" && HasInode(complaint, descriptor);
    });
    if (!joined.descriptors.empty()) joined.joined_by = "inode";
    return joined;
  }
  if (complaint.fd >= 0) {
    JoinNumber(complaint, report, &joined);
    return joined;
  }
  if (!complaint.inodes.empty()) {
    joined.descriptors = All(report, [&](const Descriptor& descriptor) {
      return descriptor.socket && HasInode(complaint, descriptor);
    });
    if (!joined.descriptors.empty()) {
      joined.is_certain = true;
      joined.joined_by = "inode";
    } else {
      joined.note = "no descriptor of the report has that inode";
    }
    return joined;
  }
  if (!complaint.link.empty()) {
    joined.descriptors = All(report, [&](const Descriptor& descriptor) {
      return IsSamePath(descriptor.target, complaint.link);
    });
    if (!joined.descriptors.empty()) {
      joined.is_certain = true;
      joined.joined_by = "path";
    } else {
      joined.note = "no descriptor of the report has that path";
    }
    return joined;
  }
  if (!complaint.peer.empty()) {
    joined.descriptors = All(report, [&](const Descriptor& descriptor) {
      return descriptor.socket && descriptor.socket->family == "unix" &&
             descriptor.socket->remote == complaint.peer;
    });
    if (!joined.descriptors.empty()) {
      joined.is_certain = joined.descriptors.size() == 1;
      joined.joined_by = "name";
      return joined;
    }
  }
  joined.descriptors = All(report, [&](const Descriptor& descriptor) {
    return CanBeMeant(complaint.kind, report, descriptor);
  });
  if (!joined.descriptors.empty()) joined.joined_by = "kind";
  return joined;
}

}  // namespace fdorigin
