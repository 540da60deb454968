#include "report/attribution.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace fdorigin {
namespace {

// At most three by name.
std::string Names(const std::vector<std::string>& paths) {
  constexpr size_t kNamed = 3;
  std::string text;
  for (size_t i = 0; i < paths.size() && i < kNamed; ++i) {
    if (i > 0) text += ", ";
    text += paths[i];
  }
  if (paths.size() > kNamed) text += " and " + std::to_string(paths.size() - kNamed) + " more";
  return text;
}

Attribution Untraced(std::string reason) { return {"untraced", std::move(reason)}; }

}  // namespace

std::string_view KindMadeBy(std::string_view call) {
  if (call.starts_with("epoll_create")) return "epoll";
  if (call.starts_with("eventfd")) return "eventfd";
  if (call == "timerfd_create") return "timerfd";
  if (call.starts_with("signalfd")) return "signalfd";
  if (call.starts_with("inotify_init")) return "inotify";
  if (call == "pidfd_open") return "pidfd";
  return "";
}

// What makes descriptors in this process that no hook sees, the likeliest first.
const std::string& Attributor::WaysUnseen() {
  if (ways_unseen_) return *ways_unseen_;
  std::vector<std::string> ways;
  for (const OpenDescriptor& descriptor : input_.snapshot->descriptors) {
    if (descriptor.target != "anon_inode:[io_uring]") continue;
    ways.push_back("through io_uring, of which descriptor " + std::to_string(descriptor.fd) +
                   " is an instance");
    break;
  }
  std::string raw = "by a raw syscall instruction";
  if (input_.libraries_with_system_calls) {
    const std::vector<std::string> libraries = input_.libraries_with_system_calls();
    if (!libraries.empty()) raw += ", as there are in " + Names(libraries);
  }
  ways.push_back(std::move(raw));
  if (!input_.libc_entries) {
    ways.push_back("inside libc or through a pointer to it, which libc=off leaves unseen");
  }
  if (!input_.coverage.since_startup) {
    ways.push_back("by a call that was under way when the agent came");
  }
  if (std::ranges::any_of(input_.coverage.refused, &RefusedHook::hides_calls)) {
    ways.push_back("by what coverage.refused names");
  }
  if (input_.coverage.dropped > 0) {
    ways.push_back("by one of the " + std::to_string(input_.coverage.dropped) +
                   " events that could not be recorded");
  }
  std::string& text = ways_unseen_.emplace();
  for (size_t i = 0; i < ways.size(); ++i) {
    if (i > 0) text += i + 1 < ways.size() ? "; " : "; or ";
    text += ways[i];
  }
  return text;
}

Attribution Attributor::Of(const OpenDescriptor& descriptor) {
  if (!descriptor.entry) return Untraced("not seen by any hook: made " + WaysUnseen());
  const FdEntry& entry = *descriptor.entry;
  if (entry.changing) return Untraced("what is known of it changed while it was looked at");
  if (entry.lost) return Untraced("recording was lost");
  if (descriptor.identity == FdIdentity()) return Untraced("it changed while it was looked at");
  if (entry.identity == FdIdentity()) return Untraced("its identity was not recorded");
  bool another = entry.identity != descriptor.identity;
  if (another && input_.restored) {
    return Untraced(
        "another descriptor than the one that was seen has this number now: the process was "
        "restored from a checkpoint, after which sockets and pipes have new inodes");
  }
  if (!another && entry.inherited) return {"inherited", ""};
  if (!another && entry.origin.call != CallId::kNone) {
    const std::string_view made = KindMadeBy(input_.table->call(entry.origin.call).name);
    another = !made.empty() && made != descriptor.kind;
  }
  if (another) {
    return Untraced(
        "closed and reopened unseen: another descriptor than the one that was seen has this number "
        "now, made " +
        WaysUnseen());
  }
  return {"traced", ""};
}

}  // namespace fdorigin
