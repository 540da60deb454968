#include "policies/rule.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "model/display_text.h"

namespace fdorigin {
namespace {

using model::Descriptor;
using model::Report;
using model::Socket;

constexpr std::string_view kStaysClosed =
    "The Java object is closed then, and stays so: its owner must be able to make another one.";
constexpr std::string_view kReopens =
    "Builds of 2025 and later close such a socket and open it again after the restore. Older ones "
    "fail with `Reopen not implemented on sockets`: write `action: close` there, and let the "
    "program open it again.";
constexpr std::string_view kAccepted =
    "Connections that were accepted: the other side has to connect again. Older builds do not know "
    "`listening`, and with this rule close who listens at that port, too.";
constexpr std::string_view kReopenedFile =
    "A file must be at its path when the process is restored.";
constexpr std::string_view kNothingToReopen =
    "There is nothing to open again: the Java object is closed, and stays so.";
constexpr std::string_view kRaw =
    "For a java.io.FileDescriptor that nothing else in Java owns, by what the JDK says of it.";
constexpr std::string_view kNotWritable =
    "its name has characters that a line of the file cannot have";

struct HostAndPort {
  std::string host;  // empty where it stands for every address, or has a zone
  std::string port;
};

// "127.0.0.1:80", "[::]:80", "[::ffff:127.0.0.1]:80", "[fe80::1%2]:80".
HostAndPort Split(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.starts_with("::ffff:") && host.find('.') != std::string_view::npos)
    host.remove_prefix(7);
  const bool is_any = host == "::" || host == "0.0.0.0";
  if (is_any || host.find('%') != std::string_view::npos) host = {};
  return {std::string(host), std::string(address.substr(colon + 1))};
}

bool IsAccepted(const Report& report, const Descriptor& descriptor, std::string_view local_port) {
  if (descriptor.origin != nullptr) return descriptor.origin->call.starts_with("accept");
  return std::any_of(report.descriptors.begin(), report.descriptors.end(), [&](const auto& other) {
    return other.socket && other.socket->state == "LISTEN" &&
           Split(other.socket->local).port == local_port;
  });
}

// Whether it was bound to port 0, or not at all.
bool KernelChosePort(const Descriptor& descriptor) {
  if (descriptor.origin == nullptr) return false;
  for (const model::Call& call : descriptor.history) {
    if (call.call != "bind") continue;
    for (const model::Argument& argument : call.arguments) {
      const auto* address = std::get_if<std::string_view>(&argument.value);
      if (argument.name == "addr" && address != nullptr) return Split(*address).port == "0";
    }
    return false;
  }
  return !descriptor.history_cut;
}

RuleOrReason Make(Rule::Order order, std::string lines, std::string_view remark) {
  return {Rule{order, std::move(lines), remark}, {}};
}

RuleOrReason Refuse(std::string_view reason) { return {std::nullopt, reason}; }

RuleOrReason RuleOfUnixSocket(const Socket& socket) {
  const bool by_local = !socket.local.empty();
  const std::string_view path = by_local ? socket.local : socket.remote;
  if (path.empty()) return Refuse("neither of its ends has a name that a rule could tell it by");
  // The report has backslashes of such names escaped.
  if (!path.starts_with('/') || path.find('\\') != std::string_view::npos) {
    return Refuse(kNotWritable);
  }
  const std::optional<std::string> glob = ExactGlob(path);
  if (!glob) return Refuse(kNotWritable);
  return Make(Rule::Order::kUnix,
              fmt::format("type: socket\nfamily: unix\n{}: {}\naction: close\n",
                          by_local ? "localPath" : "remotePath", *glob),
              kStaysClosed);
}

RuleOrReason RuleOfSocket(const Report& report, const Descriptor& descriptor) {
  const Socket& socket = *descriptor.socket;
  if (socket.family == "unix") return RuleOfUnixSocket(socket);
  if (!socket.family.starts_with("ipv")) return Refuse("no rule knows sockets of its family");
  const HostAndPort local = Split(socket.local);
  const bool has_local = !local.port.empty() && local.port != "0";
  if (socket.state == "LISTEN") {
    RuleOrReason made = Make(
        Rule::Order::kListening,
        fmt::format("type: socket\nlocalPort: {}\nlistening: true\naction: reopen\n", local.port),
        kReopens);
    made.rule->kernel_chose_port = KernelChosePort(descriptor);
    return made;
  }
  if (!socket.remote.empty()) {
    if (has_local && IsAccepted(report, descriptor, local.port)) {
      return Make(
          Rule::Order::kConnection,
          fmt::format("type: socket\nlocalPort: {}\nlistening: false\naction: close\n", local.port),
          kAccepted);
    }
    const HostAndPort remote = Split(socket.remote);
    std::string lines = "type: socket\n";
    if (!remote.host.empty()) lines += fmt::format("remoteAddress: {}\n", remote.host);
    lines += fmt::format("remotePort: {}\naction: close\n", remote.port);
    const bool is_tcp = socket.protocol == "tcp";
    return Make(is_tcp ? Rule::Order::kConnection : Rule::Order::kDatagram, std::move(lines),
                kStaysClosed);
  }
  if (!has_local) {
    return Refuse(
        "it has no address to tell it by, and a rule without one would close every socket");
  }
  RuleOrReason made =
      Make(Rule::Order::kDatagram,
           fmt::format("type: socket\nlocalPort: {}\naction: close\n", local.port), kStaysClosed);
  made.rule->kernel_chose_port = KernelChosePort(descriptor);
  return made;
}

RuleOrReason RuleOfFile(const Descriptor& descriptor, std::string_view path) {
  const std::optional<std::string> glob = ExactGlob(path);
  if (!glob) return Refuse(kNotWritable);
  const bool can_reopen = (descriptor.kind == "file" || descriptor.kind == "device") &&
                          !descriptor.target.ends_with(" (deleted)");
  return Make(
      Rule::Order::kFile,
      fmt::format("type: file\npath: {}\naction: {}\n", *glob, can_reopen ? "reopen" : "close"),
      can_reopen ? kReopenedFile : kNothingToReopen);
}

RuleOrReason RuleOfRaw(const OwnerMessage& message) {
  if (message.description.empty()) {
    return Refuse("builds with this message have no rule for a java.io.FileDescriptor");
  }
  const bool is_writable = DisplayText(message.description) == message.description &&
                           message.description.find("\\E") == std::string_view::npos;
  if (!is_writable) return Refuse(kNotWritable);
  return Make(
      Rule::Order::kRaw,
      fmt::format("type: filedescriptor\nregex: ^\\Q{}\\E$\naction: close\n", message.description),
      kRaw);
}

}  // namespace

std::optional<std::string> ExactGlob(std::string_view path) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  // What the report has escaped cannot be told from a backslash that was there.
  const size_t escape = path.find("\\x");
  if (path.empty() || DisplayText(path) != path || escape != std::string_view::npos ||
      path.find(kReplacement) != std::string_view::npos) {
    return std::nullopt;
  }
  std::string glob;
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    // Values are trimmed.
    if (c == ' ' && (i == 0 || i + 1 == path.size())) {
      glob += "[ ]";
      continue;
    }
    if (std::string_view("*?{}[]\\").find(c) != std::string_view::npos) glob += '\\';
    glob += c;
  }
  return glob;
}

Rule RuleOfPipes() { return {Rule::Order::kPipe, "type: pipe\naction: close\n", kStaysClosed}; }

RuleOrReason MakeRule(const Report& report, const Descriptor& descriptor,
                      const OwnerMessage& message) {
  if (message.is_raw) return RuleOfRaw(message);
  if (!message.path.empty()) return RuleOfFile(descriptor, message.path);
  if (descriptor.socket) return RuleOfSocket(report, descriptor);
  if (descriptor.kind == "pipe") return {RuleOfPipes(), {}};
  return Refuse("no rule is known for what it is");
}

}  // namespace fdorigin
