#include "explain/criu_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "model/display_text.h"

namespace fdorigin {
namespace {

constexpr size_t kLongestLine = 64 << 10;
constexpr size_t kMostLockedFiles = 1000;

bool Take(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// Goes past the first `what`.
bool SkipTo(std::string_view* text, std::string_view what) {
  const size_t at = text->find(what);
  if (at == std::string_view::npos) return false;
  text->remove_prefix(at + what.size());
  return true;
}

template <typename Number>
bool TakeNumber(std::string_view* text, Number* number, int base = 10) {
  const auto [end, error] =
      std::from_chars(text->data(), text->data() + text->size(), *number, base);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

// Everything up to `end`, which is passed.
bool TakeUntil(std::string_view* text, std::string_view end, std::string_view* taken) {
  const size_t at = text->find(end);
  if (at == std::string_view::npos) return false;
  *taken = text->substr(0, at);
  text->remove_prefix(at + end.size());
  return true;
}

// Reads line after line, with what was said before each complaint.
class LogReader {
 public:
  void Line(std::string_view line) {
    ++line_;
    std::string_view text = line;
    SkipTime(&text);
    std::string_view complaint = text;
    // "pie: 4711: Error (criu/pie/parasite.c:588): …": code that criu runs inside the process.
    if (complaint.starts_with("pie: ")) SkipTo(&complaint, ": Error (");
    if (complaint.size() != text.size() || Take(&complaint, "Error (")) {
      std::string_view source;
      if (TakeUntil(&complaint, "): ", &source)) {
        is_log_ = true;
        return Error(source, complaint);
      }
    }
    if (text.starts_with("Warn  (")) is_log_ = true;
    Remember(text);
  }

  bool is_log() const { return is_log_; }

  CriuLog Finish() {
    for (Complaint& complaint : log_.complaints) {
      if (complaint.kind == ComplaintKind::kFileLock) complaint.inodes = locked_;
    }
    return std::move(log_);
  }

 private:
  // "(00.012345) "
  void SkipTime(std::string_view* text) {
    std::string_view rest = *text;
    uint64_t seconds = 0;
    uint64_t fraction = 0;
    if (!Take(&rest, "(") || !TakeNumber(&rest, &seconds) || !Take(&rest, ".") ||
        !TakeNumber(&rest, &fraction) || !Take(&rest, ") ")) {
      return;
    }
    is_log_ = true;
    *text = rest;
  }

  // Lines of debug output that tell what criu is at.
  void Remember(std::string_view text) {
    int64_t pid = 0;
    int fd = -1;
    uint64_t inode = 0;
    uint64_t peer = 0;
    std::string_view rest = text;
    // "4711 fdinfo 3: pos: …"
    if (TakeNumber(&rest, &pid) && Take(&rest, " fdinfo ") && TakeNumber(&rest, &fd)) {
      now_ = {};
      now_.pid = pid;
      now_.fd = fd;
      return;
    }
    rest = text;
    // "Dumping path for 3 fd via self 13 [/dev/null]"
    if (Take(&rest, "Dumping path for ")) {
      if (!TakeNumber(&rest, &fd) || fd < 0) {
        now_ = {};  // the working directory: past the descriptors
      } else if (fd == now_.fd && SkipTo(&rest, " [") && rest.ends_with(']')) {
        now_.link = rest.substr(0, rest.size() - 1);
      }
      return;
    }
    // "sockets: Searching for socket 0x13934bff family 2"
    if (Take(&rest, "sockets: Searching for socket 0x")) {
      if (TakeNumber(&rest, &inode, 16)) now_.inodes = {inode};
      return;
    }
    // "unix: \tRunaway socket: ino 1 peer_ino 2 …": the one is not in the dump, the other is.
    if (Take(&rest, "unix: ")) {
      if (SkipTo(&rest, ": ino ") && TakeNumber(&rest, &inode) && Take(&rest, " peer_ino ") &&
          TakeNumber(&rest, &peer)) {
        now_ = {};
        now_.inodes = {inode, peer};
      }
      return;
    }
    // "lockinfo: 1:2 1 4711 fe:00:10027192 0 EOF"
    if (Take(&rest, "lockinfo: ")) {
      std::string_view fields;
      if (TakeUntil(&rest, ":", &fields) && SkipTo(&rest, ":") && SkipTo(&rest, ":") &&
          TakeNumber(&rest, &inode) && locked_.size() < kMostLockedFiles) {
        locked_.push_back(inode);
      }
      return;
    }
    if (text.starts_with("-----")) now_ = {};
  }

  void Error(std::string_view source, std::string_view message) {
    // "Dump files (pid: 4711) failed with -1": what came before was about a descriptor of that
    // process.
    std::string_view rest = message;
    if (Take(&rest, "Dump files (pid: ")) {
      int64_t pid = 0;
      if (!TakeNumber(&rest, &pid)) return;
      for (size_t i = first_of_files_; i < log_.complaints.size(); ++i) {
        if (log_.complaints[i].pid == 0) log_.complaints[i].pid = pid;
      }
      first_of_files_ = log_.complaints.size();
      return;
    }
    if (message.starts_with("Dumping FAILED")) {
      log_.says_failed = true;
      return;
    }
    if (IsBesides(message)) return;
    Complaint complaint = Understand(message);
    const bool again = !log_.complaints.empty() &&
                       log_.complaints.back().kind == ComplaintKind::kSocketOption &&
                       complaint.kind == ComplaintKind::kSocketOption && line_ == last_line_ + 1;
    last_line_ = line_;
    if (again) return;  // the next option of the same socket
    if (log_.complaints.size() == kMostComplaints) {
      ++log_.left_out;
      return;
    }
    complaint.line = line_;
    complaint.source = source;
    complaint.message = message;
    log_.complaints.push_back(std::move(complaint));
  }

  // What goes before or follows, and is nobody's fault.
  static bool IsBesides(std::string_view message) {
    return message.find("Can't setup RLIMIT_NOFILE") != std::string_view::npos ||
           message.find("connections can be ignored with") != std::string_view::npos ||
           message.starts_with("Can't retrieve FDs from socket") ||
           message.starts_with("Message reply from daemon is trimmed");
  }

  Complaint Understand(std::string_view message) const {
    Complaint made;
    std::string_view rest = message;
    std::string_view taken;
    uint64_t inode = 0;
    const auto as = [&](ComplaintKind kind) {
      made.kind = kind;
      return made;
    };
    // About what criu is at.
    const auto here = [&](ComplaintKind kind) {
      made = now_;
      return as(kind);
    };
    const auto with_inode = [&](ComplaintKind kind, int base) {
      if (TakeNumber(&rest, &inode, base)) made.inodes = {inode};
      return as(kind);
    };
    if (SkipTo(&rest, "External socket is used")) return here(ComplaintKind::kExternalUnixSocket);
    if (SkipTo(&rest, "Can't dump half of stream unix connection")) {
      made = now_;
      if (SkipTo(&rest, "peer name: ") && rest != "(null)") made.peer = rest;
      return as(ComplaintKind::kHalfUnixStream);
    }
    if (SkipTo(&rest, "Unix socket ") || SkipTo(&rest, "Dangling connection ")) {
      return with_inode(ComplaintKind::kLostUnixPeer, 10);
    }
    if (SkipTo(&rest, "Connected TCP socket")) return here(ComplaintKind::kConnectedTcp);
    if (SkipTo(&rest, "In-flight connection (")) {
      if (SkipTo(&rest, ") for ")) return with_inode(ComplaintKind::kInFlight, 16);
      return as(ComplaintKind::kInFlight);
    }
    if (SkipTo(&rest, "Unsupported proto ")) {
      if (SkipTo(&rest, " for socket ")) return with_inode(ComplaintKind::kUnknownProtocol, 16);
      return as(ComplaintKind::kUnknownProtocol);
    }
    if (SkipTo(&rest, "Unknown socket collected")) return here(ComplaintKind::kUnknownFamily);
    if (SkipTo(&rest, "netlink: The socket has data")) return here(ComplaintKind::kUnreadNetlink);
    if (Take(&rest, "sockets: Can't get ") && rest.ends_with("Operation not supported")) {
      return here(ComplaintKind::kSocketOption);
    }
    rest = message;
    if (SkipTo(&rest, "Can't dump file ")) {
      int fd = -1;
      if (TakeNumber(&rest, &fd) && Take(&rest, " of that type")) {
        if (now_.fd == fd) made = now_;
        made.fd = fd;
        // "[600] (anon anon_inode:[perf_event])", "[20600] (chr 10:229)"
        if (SkipTo(&rest, "(anon ") && rest.ends_with(')')) {
          made.link = rest.substr(0, rest.size() - 1);
        }
        return as(ComplaintKind::kUnknownFile);
      }
      rest = message;
    }
    if (SkipTo(&rest, "Can't dump ghost file ")) {
      // "/tmp/a of 3145728 size, increase limit"
      const size_t size = rest.rfind(" of ");
      if (size != std::string_view::npos) made.link = rest.substr(0, size);
      return as(ComplaintKind::kGhostFile);
    }
    if (SkipTo(&rest, "Can't create link remap for ")) {
      const size_t advice = rest.rfind(". Use link-remap");
      if (advice != std::string_view::npos) made.link = rest.substr(0, advice);
      return as(ComplaintKind::kDeletedLink);
    }
    if (SkipTo(&rest, "Can't lookup mount=") && SkipTo(&rest, " for fd=")) {
      int fd = -1;
      if (TakeNumber(&rest, &fd) && Take(&rest, " path=")) {
        if (now_.fd == fd) made = now_;
        if (fd >= 0) made.fd = fd;
        made.link = rest;
        return as(ComplaintKind::kUnknownMount);
      }
      rest = message;
    }
    if (SkipTo(&rest, "file locks are hold by")) return as(ComplaintKind::kFileLock);
    if (SkipTo(&rest, "send_fds failed")) return as(ComplaintKind::kUnsendable);
    return here(ComplaintKind::kOther);
  }

  size_t line_ = 0;
  size_t last_line_ = 0;       // of a complaint
  size_t first_of_files_ = 0;  // complaint since the last process's files were dumped
  bool is_log_ = false;
  Complaint now_;  // what criu is at: its pid, fd, inodes, link
  std::vector<uint64_t> locked_;
  CriuLog log_;
};

absl::Status CannotRead(const std::string& path) {
  return absl::NotFoundError(
      fmt::format("cannot read {}: {}", DisplayText(path), std::strerror(errno)));
}

}  // namespace

std::string_view NameOf(ComplaintKind kind) {
  switch (kind) {
    case ComplaintKind::kExternalUnixSocket:
      return "external-unix-socket";
    case ComplaintKind::kHalfUnixStream:
      return "half-unix-stream";
    case ComplaintKind::kLostUnixPeer:
      return "lost-unix-peer";
    case ComplaintKind::kConnectedTcp:
      return "connected-tcp";
    case ComplaintKind::kInFlight:
      return "in-flight";
    case ComplaintKind::kUnknownProtocol:
      return "unknown-protocol";
    case ComplaintKind::kUnknownFamily:
      return "unknown-family";
    case ComplaintKind::kUnreadNetlink:
      return "unread-netlink";
    case ComplaintKind::kSocketOption:
      return "socket-option";
    case ComplaintKind::kUnknownFile:
      return "unknown-file";
    case ComplaintKind::kGhostFile:
      return "ghost-file";
    case ComplaintKind::kDeletedLink:
      return "deleted-link";
    case ComplaintKind::kUnknownMount:
      return "unknown-mount";
    case ComplaintKind::kFileLock:
      return "file-lock";
    case ComplaintKind::kUnsendable:
      return "unsendable";
    case ComplaintKind::kOther:
      break;
  }
  return "other";
}

absl::StatusOr<CriuLog> ReadCriuLog(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return CannotRead(path);
  const auto close_it = [](const int* file) { close(*file); };
  const std::unique_ptr<const int, decltype(close_it)> closer(&fd, close_it);
  LogReader reader;
  std::string line;
  std::string buffer(1 << 20, '\0');
  for (;;) {
    const ssize_t size = read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return CannotRead(path);
    if (size == 0) break;
    std::string_view rest(buffer.data(), static_cast<size_t>(size));
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      line.append(rest.substr(0, std::min(end, kLongestLine - line.size())));
      rest.remove_prefix(end);
      if (rest.empty()) break;
      rest.remove_prefix(1);
      reader.Line(line);
      line.clear();
    }
  }
  if (!line.empty()) reader.Line(line);
  if (!reader.is_log()) {
    return absl::DataLossError(fmt::format("{} is no log of criu's", DisplayText(path)));
  }
  return reader.Finish();
}

}  // namespace fdorigin
