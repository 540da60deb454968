#include "report/join.h"

#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "report/text.h"

namespace fdorigin {
namespace {

using Matches = std::vector<size_t>;  // indices into Snapshot::descriptors, ascending

// What the kernel appends to the link of a file that lost its name; between the VM's look and ours
// it may have come.
std::string_view WithoutDeleted(std::string_view target) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (target.ends_with(kDeleted)) target.remove_suffix(kDeleted.size());
  return target;
}

// Whether the link names one object of the kernel, so that it can be looked for by its text.
bool NamesOneObject(std::string_view target) { return !target.starts_with("anon_inode:"); }

// Whether `word` is in the space-separated list; an empty list has every word.
bool HasWord(std::string_view list, std::string_view word) {
  if (list.empty()) return true;
  while (!list.empty()) {
    const size_t end = std::min(list.find(' '), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

// Whether a message of this level can be about the descriptor by who owns it: Java's messages are
// about what Java objects own, and the VM's scan passes over that. Where nobody told the owner, it
// can.
bool HasRightOwner(FailureLevel level, const OpenDescriptor& descriptor) {
  return !descriptor.java_owned || *descriptor.java_owned == (level != FailureLevel::kVm);
}

// The number in "socket:[123]" and "pipe:[123]".
std::optional<uint64_t> InodeOfLink(std::string_view target) {
  for (const std::string_view prefix : {"socket:[", "pipe:["}) {
    if (!target.starts_with(prefix) || !target.ends_with(']')) continue;
    uint64_t inode = 0;
    if (ParseNumber(target.substr(prefix.size(), target.size() - prefix.size() - 1), &inode)) {
      return inode;
    }
  }
  return std::nullopt;
}

class Matcher {
 public:
  explicit Matcher(const Snapshot& snapshot) : descriptors_(snapshot.descriptors) {
    ends_.resize(descriptors_.size());
    for (size_t i = 0; i < descriptors_.size(); ++i) {
      const OpenDescriptor& descriptor = descriptors_[i];
      by_fd_[descriptor.fd] = i;
      by_target_[WithoutDeleted(descriptor.target)].push_back(i);
      by_inode_[descriptor.identity.ino].push_back(i);
      if (!descriptor.socket) continue;
      sockets_.push_back(i);
      if (descriptor.socket->family == "unix") continue;
      ends_[i].local = ParseEndpoint(descriptor.socket->local);
      ends_[i].remote = ParseEndpoint(descriptor.socket->remote);
      if (ends_[i].local) by_local_port_[ends_[i].local->port].push_back(i);
    }
  }

  // `level` is that of the message which makes the claim.
  Matches Find(const DescriptorClaim& claim, FailureLevel level) const {
    if (claim.fd) {
      const auto found = by_fd_.find(*claim.fd);
      if (found != by_fd_.end() && Fits(claim, level, found->second)) return {found->second};
      // The number was closed, or taken by something else, since the message was made. What the
      // message says beside the number may have moved to another one.
      if (claim.target.empty() && !claim.local && !claim.remote) return {};
    }
    if (!claim.target.empty()) return FindTarget(claim, level);
    if (!claim.java_path.empty()) return FindPath(claim, level);
    return FindSocket(claim, level);
  }

 private:
  struct Ends {
    std::optional<Endpoint> local;
    std::optional<Endpoint> remote;
  };

  // Whether everything that the claim says, its number aside, is true of the descriptor.
  bool Fits(const DescriptorClaim& claim, FailureLevel level, size_t index) const {
    const OpenDescriptor& descriptor = descriptors_[index];
    if (claim.vague && !HasRightOwner(level, descriptor)) return false;
    if (!HasWord(claim.kinds, descriptor.kind)) return false;
    if (!claim.target.empty() &&
        WithoutDeleted(claim.target) != WithoutDeleted(descriptor.target)) {
      return false;
    }
    const bool about_socket = claim.local || claim.remote || claim.local_port ||
                              !claim.protocol.empty() || !claim.family.empty() ||
                              claim.unix_local || claim.unix_remote || claim.not_bound ||
                              claim.listening;
    if (!about_socket) return true;
    if (!descriptor.socket) return false;
    const SocketDetails& socket = *descriptor.socket;
    const Ends& ends = ends_[index];
    if (!claim.protocol.empty() && claim.protocol != socket.protocol) return false;
    if (!claim.family.empty() && claim.family != socket.family) return false;
    if (claim.local && !(ends.local && SameEndpoint(*claim.local, *ends.local))) return false;
    if (claim.remote && !(ends.remote && SameEndpoint(*claim.remote, *ends.remote))) return false;
    if (claim.local_port && !(ends.local && ends.local->port == *claim.local_port)) return false;
    if (claim.not_connected && !socket.remote.empty()) return false;
    if (claim.not_bound && !(ends.local && ends.local->port == 0)) return false;
    if (claim.listening && socket.state != "LISTEN") return false;
    if (claim.unix_local && *claim.unix_local != socket.local) return false;
    return !claim.unix_remote || *claim.unix_remote == socket.remote;
  }

  // Those that fit; of these, those of the right owner where there are any.
  Matches Fitting(const DescriptorClaim& claim, FailureLevel level,
                  const Matches& candidates) const {
    Matches matches;
    Matches of_right_owner;
    for (const size_t index : candidates) {
      if (!Fits(claim, level, index)) continue;
      matches.push_back(index);
      if (HasRightOwner(level, descriptors_[index])) of_right_owner.push_back(index);
    }
    return of_right_owner.empty() ? matches : of_right_owner;
  }

  Matches FindTarget(const DescriptorClaim& claim, FailureLevel level) const {
    if (!NamesOneObject(claim.target) && !claim.vague) return {};
    const auto found = by_target_.find(WithoutDeleted(claim.target));
    return found == by_target_.end() ? Matches() : Fitting(claim, level, found->second);
  }

  // Java keeps a path as the program wrote it; the kernel has followed links and the directory.
  Matches FindPath(const DescriptorClaim& claim, FailureLevel level) const {
    const auto found = by_target_.find(WithoutDeleted(claim.java_path));
    if (found != by_target_.end()) return Fitting(claim, level, found->second);
    Matches matches;
    struct stat status = {};
    if (stat(claim.java_path.c_str(), &status) != 0) return matches;
    const FdIdentity identity{status.st_dev, status.st_ino};
    const auto same_inode = by_inode_.find(identity.ino);
    if (same_inode == by_inode_.end()) return matches;
    for (const size_t index : same_inode->second) {
      if (descriptors_[index].identity == identity) matches.push_back(index);
    }
    return Fitting(claim, level, matches);
  }

  Matches FindSocket(const DescriptorClaim& claim, FailureLevel level) const {
    DescriptorClaim wanted = claim;
    wanted.fd.reset();
    if (claim.vague || claim.unix_local || claim.unix_remote) {
      return Fitting(wanted, level, sockets_);
    }
    const std::optional<uint16_t> port =
        claim.local ? std::optional<uint16_t>(claim.local->port) : claim.local_port;
    if (!port) return claim.remote ? Fitting(wanted, level, sockets_) : Matches();
    const auto found = by_local_port_.find(*port);
    if (found == by_local_port_.end()) return {};
    // A wildcard of either family fits one of the other, but the very same is better.
    Matches matches = Fitting(wanted, level, found->second);
    if (claim.local) {
      Matches exact;
      for (const size_t index : matches) {
        if (ends_[index].local == claim.local) exact.push_back(index);
      }
      if (!exact.empty()) return exact;
    }
    return matches;
  }

  const std::vector<OpenDescriptor>& descriptors_;
  std::vector<Ends> ends_;  // parallel to descriptors_
  Matches sockets_;
  std::unordered_map<int, size_t> by_fd_;
  std::unordered_map<std::string_view, Matches> by_target_;
  std::unordered_map<uint64_t, Matches> by_inode_;
  std::unordered_map<uint16_t, Matches> by_local_port_;
};

// The VM names each of several descriptors of one object with the same words (both ends of a pipe,
// a file opened twice). Where there are as many messages as descriptors, they are dealt out in
// order; else each message stands for all of them.
void DealOut(const std::vector<std::string_view>& messages, JoinedFailures* joined) {
  std::unordered_map<std::string_view, std::vector<size_t>> same;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (joined->suppressed[i].level != FailureLevel::kSelector) same[messages[i]].push_back(i);
  }
  for (auto& [message, indices] : same) {
    const Matches all = joined->suppressed[indices.front()].descriptors;
    if (all.size() < 2 || all.size() != indices.size()) continue;
    for (size_t i = 0; i < indices.size(); ++i) {
      joined->suppressed[indices[i]].descriptors = {all[i]};
    }
  }
}

// How many descriptors are described in the words of a vague claim: `repeats` times as many as the
// message has such claims.
size_t TimesSaid(const DescriptorClaim& claim, const FailureMessage& message, size_t repeats) {
  const auto same = [&](const DescriptorClaim& other) {
    return other.vague && other.target == claim.target && other.protocol == claim.protocol &&
           other.not_bound == claim.not_bound && other.listening == claim.listening;
  };
  return repeats *
         static_cast<size_t>(std::count_if(message.claims.begin(), message.claims.end(), same));
}

void NameDescriptor(const Snapshot& snapshot, const FailureMessage& message,
                    JoinedFailure* failure) {
  const Matches& matches = failure->descriptors;
  if (matches.size() == 1) {
    failure->fd = snapshot.descriptors[matches.front()].fd;
    failure->inode = snapshot.descriptors[matches.front()].identity.ino;
    return;
  }
  if (matches.empty() && message.claims.size() == 1) {
    // It is gone; the message's own words are what there is.
    failure->fd = message.claims.front().fd;
    failure->inode = InodeOfLink(message.claims.front().target);
    return;
  }
  if (matches.empty()) return;
  const FdIdentity& first = snapshot.descriptors[matches.front()].identity;
  const bool one_object = std::all_of(matches.begin(), matches.end(), [&](size_t index) {
    return snapshot.descriptors[index].identity == first;
  });
  if (one_object) failure->inode = first.ino;
}

}  // namespace

JoinedFailures JoinFailures(const Snapshot& snapshot, const CheckpointFailure& failure) {
  JoinedFailures joined;
  joined.failures.resize(snapshot.descriptors.size());
  joined.criu_failed = failure.class_name.ends_with("criu.SystemCheckpointException");
  const Matcher matcher(snapshot);
  std::vector<FailureMessage> parsed;
  std::vector<std::string_view> messages;
  std::unordered_map<std::string_view, size_t> repeats;
  for (const SuppressedException& suppressed : failure.suppressed) ++repeats[suppressed.message];
  for (const SuppressedException& suppressed : failure.suppressed) {
    FailureMessage message = ParseFailureMessage(suppressed.class_name, suppressed.message);
    JoinedFailure& made = joined.suppressed.emplace_back();
    made.level = message.level;
    for (const DescriptorClaim& claim : message.claims) {
      const Matches matches = matcher.Find(claim, message.level);
      // A selector speaks for all its channels at once, however often it is heard.
      const size_t times =
          message.level == FailureLevel::kSelector ? 1 : repeats[suppressed.message];
      if (claim.vague && matches.size() != TimesSaid(claim, message, times)) continue;
      made.descriptors.insert(made.descriptors.end(), matches.begin(), matches.end());
    }
    std::sort(made.descriptors.begin(), made.descriptors.end());
    made.descriptors.erase(std::unique(made.descriptors.begin(), made.descriptors.end()),
                           made.descriptors.end());
    joined.busy_selector |= message.busy_selector;
    joined.busy_watch |= message.busy_watch;
    messages.push_back(suppressed.message);
    parsed.push_back(std::move(message));
  }
  DealOut(messages, &joined);
  for (size_t i = 0; i < joined.suppressed.size(); ++i) {
    NameDescriptor(snapshot, parsed[i], &joined.suppressed[i]);
    for (const size_t index : joined.suppressed[i].descriptors) {
      joined.failures[index].push_back(i);
      joined.names_descriptors = true;
    }
  }
  return joined;
}

}  // namespace fdorigin
