#include "text/describe.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "fmt/format.h"
#include "model/display_text.h"
#include "model/time.h"

namespace fdorigin {
namespace {

using model::Argument;
using model::Call;
using model::Descriptor;
using model::Frame;
using model::Report;
using model::Socket;
using model::Thread;

// "[::ffff:10.0.0.7]:5432" is the IPv4 address of a socket that takes both.
std::string DescribeAddress(std::string_view address) {
  constexpr std::string_view kMapped = "[::ffff:";
  const size_t end = address.find(']');
  if (address.starts_with(kMapped) && end != std::string_view::npos &&
      address.substr(0, end).find('.') != std::string_view::npos) {
    return DisplayText(address.substr(kMapped.size(), end - kMapped.size())) +
           DisplayText(address.substr(end + 1));
  }
  return DisplayText(address);
}

std::string DescribeSocket(const Socket& socket) {
  std::string text = DisplayText(socket.family);
  if (!socket.protocol.empty() && socket.protocol != socket.family) {
    text += "/" + DisplayText(socket.protocol);
  } else if (!socket.type.empty() && socket.type != "stream") {
    text += "/" + DisplayText(socket.type);
  }
  const std::string local = DescribeAddress(socket.local);
  const std::string remote = DescribeAddress(socket.remote);
  if (socket.state == "LISTEN") {
    text += local.empty() ? " listening" : " listening on " + local;
  } else if (!remote.empty()) {
    text += local.empty() ? " to " + remote : fmt::format(" {} -> {}", local, remote);
  } else if (!local.empty()) {
    text += " " + local;
  }
  const bool is_usual = socket.state.empty() || socket.state == "LISTEN" ||
                        socket.state == "ESTABLISHED" || socket.state == "UNCONNECTED";
  if (!is_usual) text += fmt::format(" ({})", DisplayText(socket.state));
  return text;
}

}  // namespace

std::string_view SimpleName(std::string_view class_name) {
  // A hidden class has its own number behind a slash.
  const std::string_view name = class_name.substr(0, class_name.find('/'));
  return class_name.substr(name.rfind('.') + 1);
}

std::string DescribeFrame(const Frame& frame) {
  std::string place = DisplayText(frame.file);
  if (!place.empty() && frame.line >= 0) place += fmt::format(":{}", frame.line);
  if (frame.is_java) {
    if (frame.class_name.empty()) {
      return frame.reason.empty() ? "a Java frame without a name"
                                  : fmt::format("a Java frame: {}", DisplayText(frame.reason));
    }
    const std::string name =
        fmt::format("{}.{}", DisplayText(frame.class_name), DisplayText(frame.method));
    if (frame.is_native_method) return name + " (native)";
    return place.empty() ? name : fmt::format("{} ({})", name, place);
  }
  const std::string module = DisplayText(FileName(frame.module));
  if (frame.symbol.empty()) {
    return fmt::format("{}+{:#x}", module.empty() ? "?" : module, frame.offset);
  }
  return fmt::format("{} ({})", DisplayText(frame.symbol), place.empty() ? module : place);
}

std::string OriginOf(const Frame& frame) {
  return DisplayText(FileName(frame.is_java ? frame.jar : frame.module));
}

std::string DescribeDescriptor(const Descriptor& descriptor) {
  const std::string kind = DisplayText(descriptor.kind);
  if (descriptor.socket) return fmt::format("{} {}", kind, DescribeSocket(*descriptor.socket));
  // The link of what has no name says its kind, and a number that is shown where it is needed.
  const bool has_name = descriptor.target.starts_with('/');
  return has_name ? fmt::format("{} {}", kind, DisplayText(descriptor.target)) : kind;
}

std::string DescribePeer(const Report& report, const Descriptor& descriptor) {
  if (!descriptor.socket || !descriptor.socket->peer) return {};
  const model::Peer& peer = *descriptor.socket->peer;
  if (peer.pid == report.process.pid) {
    return peer.fd < 0 ? "this process" : fmt::format("fd {} of this process", peer.fd);
  }
  if (peer.pid == 0) {
    return peer.inode == 0 ? "" : fmt::format("a socket of inode {}, holder unknown", peer.inode);
  }
  const std::string name = peer.process.empty() ? "a process" : DisplayText(peer.process);
  return peer.fd < 0 ? fmt::format("{} (pid {})", name, peer.pid)
                     : fmt::format("{} (pid {}, fd {})", name, peer.pid, peer.fd);
}

std::string DescribeCall(const Call& call, int own_fd) {
  std::string text = DisplayText(call.call) + "(";
  for (const Argument& argument : call.arguments) {
    const auto* number = std::get_if<int64_t>(&argument.value);
    const bool is_descriptor = argument.name == "sockfd" || argument.name == "fd";
    if (is_descriptor && number != nullptr && *number == own_fd) continue;
    if (text.back() != '(') text += ", ";
    text += DisplayText(argument.name) + " ";
    if (number != nullptr) {
      text += std::to_string(*number);
    } else {
      text += DisplayText(std::get<std::string_view>(argument.value));
    }
  }
  return text + ")";
}

std::string DescribeOpening(const Report& report, const Descriptor& descriptor) {
  const std::string call = DisplayText(descriptor.origin->call) + "()";
  const Frame* culprit = report.FrameOf(descriptor);
  return culprit == nullptr ? call : fmt::format("{} by {}", call, DescribeFrame(*culprit));
}

std::string DescribeThread(const Thread& thread) {
  std::string name = DisplayText(thread.name);
  if (thread.is_virtual) return name.empty() ? "a virtual thread" : "virtual thread " + name;
  name = name.empty() ? fmt::format("thread {}", thread.tid) : "thread " + name;
  if (thread.kind == "vm") return name + ", of the JVM's own";
  if (thread.kind == "native") return name + ", unknown to the JVM";
  return name;
}

std::string DescribeTime(const Report& report, std::string_view at) {
  // "2026-11-21T21:56:43.089411Z"
  constexpr size_t kDay = 10;
  constexpr size_t kMilliseconds = 23;
  if (at.size() < kMilliseconds || at[kDay] != 'T') return DisplayText(at);
  const std::string time = DisplayText(at.substr(kDay + 1, kMilliseconds - kDay - 1));
  if (report.created_at.substr(0, kDay) == at.substr(0, kDay)) return time;
  return fmt::format("{} {}", DisplayText(at.substr(0, kDay)), time);
}

std::string DescribeInterval(std::string_view from, std::string_view to) {
  const std::optional<int64_t> begin = model::MicrosecondsOf(from);
  const std::optional<int64_t> end = model::MicrosecondsOf(to);
  if (!begin || !end || *end < *begin) return {};
  const int64_t milliseconds = (*end - *begin) / 1000;
  const int64_t seconds = milliseconds / 1000;
  if (seconds == 0) return fmt::format("{} ms", milliseconds);
  if (seconds < 60) return fmt::format("{}.{} s", seconds, milliseconds % 1000 / 100);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds / 3600 % 24);
}

std::string ShellWord(std::string_view text) {
  constexpr std::string_view kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
  const std::string shown = DisplayText(text);
  if (!shown.empty() && shown.find_first_not_of(kHarmless) == std::string::npos) return shown;
  std::string word = "'";
  for (const char c : shown) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

std::string Count(size_t count, std::string_view singular, std::string_view plural) {
  if (count == 1) return fmt::format("1 {}", singular);
  return plural.empty() ? fmt::format("{} {}s", count, singular)
                        : fmt::format("{} {}", count, plural);
}

}  // namespace fdorigin
