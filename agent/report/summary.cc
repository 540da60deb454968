// The summary half of report.h: what a person reads on stderr before opening the report.
#include <algorithm>
#include <exception>
#include <string_view>

#include "nlohmann/json.hpp"
#include "report/report.h"

namespace fdorigin {
namespace {

using nlohmann::json;

constexpr const char* kPrefix = "fdorigin: ";
constexpr size_t kMaxLines = 12;  // the headline, the path and "… and N more" included
constexpr size_t kMaxListed = kMaxLines - 3;
constexpr size_t kMaxMessage = 300;  // bytes of an exception's message

std::string Text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// One line of printable text: a message's first line, a path with odd bytes in it.
std::string OneLine(std::string text) {
  text = text.substr(0, text.find('\n'));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (text.size() > kMaxMessage) {
    size_t end = kMaxMessage;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text = text.substr(0, end) + "…";
  }
  return text;
}

// "[::ffff:127.0.0.1]:80", an IPv4 connection of an IPv6 socket, as "127.0.0.1:80".
std::string Address(const json& socket, const char* key) {
  constexpr std::string_view kMapped = "[::ffff:";
  std::string address = Text(socket, key);
  if (Text(socket, "family") != "ipv6" || !address.starts_with(kMapped)) return address;
  const size_t end = address.find(']');
  if (end == std::string::npos || address.rfind('.', end) == std::string::npos) return address;
  return address.substr(kMapped.size(), end - kMapped.size()) + address.substr(end + 1);
}

// `own_pid` is the process that the report is on.
std::string DescribeSocket(const json& socket, const json& own_pid) {
  std::string text = "socket " + Text(socket, "family");
  const std::string protocol = Text(socket, "protocol");
  if (protocol != Text(socket, "family")) text += "/" + protocol;
  const std::string local = Address(socket, "local");
  const std::string remote = Address(socket, "remote");
  if (Text(socket, "state") == "LISTEN") {
    text += " listening on " + local;
  } else if (!remote.empty()) {
    text += (local.empty() ? " -> " : " " + local + " -> ") + remote;
  } else if (!local.empty()) {
    text += " " + local;
  }
  const auto peer = socket.find("peer");
  if (peer != socket.end() && peer->contains("pid") && (*peer)["pid"] == own_pid &&
      peer->contains("fd")) {
    text += ", peer fd " + (*peer)["fd"].dump();
  } else if (peer != socket.end() && peer->contains("pid")) {
    text += ", peer " + Text(*peer, "process") + " (pid " + (*peer)["pid"].dump();
    if (peer->contains("fd")) text += " fd " + (*peer)["fd"].dump();
    text += ")";
  }
  return text;
}

std::string Where(const json& culprit) {
  if (culprit.contains("class")) {
    std::string text = Text(culprit, "class") + "." + Text(culprit, "method");
    const std::string file = Text(culprit, "file");
    if (!file.empty()) {
      text += "(" + file;
      if (culprit.contains("line")) text += ":" + culprit["line"].dump();
      text += ")";
    }
    return text;
  }
  const std::string module = Text(culprit, "module");
  const std::string name = module.substr(module.rfind('/') + 1);
  const std::string symbol = Text(culprit, "symbol");
  return symbol.empty() ? name : symbol + " in " + name;
}

// "fd 4 socket unix -> /run/nscd/socket, peer nscd (pid 7 fd 12): socket() by com.acme.Users.find"
std::string DescribeDescriptor(const json& descriptor, const json& own_pid) {
  std::string text = "fd " + descriptor["fd"].dump() + " ";
  const auto socket = descriptor.find("socket");
  if (socket != descriptor.end()) {
    text += DescribeSocket(*socket, own_pid);
  } else {
    text += Text(descriptor, "kind");
    const std::string target = Text(descriptor, "target");
    if (!target.starts_with("anon_inode:")) text += " " + target;
  }
  const auto origin = descriptor.find("origin");
  if (origin != descriptor.end()) {
    text += ": " + Text(*origin, "call") + "()";
  } else {
    text += ": " + Text(descriptor, "attribution");
    const std::string reason = Text(descriptor, "reason");
    if (!reason.empty()) text += " (" + reason + ")";
  }
  const auto culprit = descriptor.find("culprit");
  if (culprit != descriptor.end()) text += " by " + Where(*culprit);
  return OneLine(text);
}

// What comes first where not everything fits: sockets tell most, plain files least.
int Rank(const json& descriptor) {
  const std::string kind = Text(descriptor, "kind");
  return kind == "socket" ? 0 : kind == "file" || kind == "directory" ? 2 : 1;
}

void AppendLine(const std::string& text, std::string* out) { *out += kPrefix + text + "\n"; }

void AppendList(const json& report, const std::vector<const json*>& descriptors, size_t room,
                std::string* out) {
  const json own_pid = report.value("/process/pid"_json_pointer, json());
  // A single one too many gets the line that would have said so.
  const size_t listed =
      descriptors.size() == room + 1 ? room + 1 : std::min(descriptors.size(), room);
  for (size_t i = 0; i < listed; ++i) {
    AppendLine("  " + DescribeDescriptor(*descriptors[i], own_pid), out);
  }
  if (listed < descriptors.size()) {
    AppendLine("  … and " + std::to_string(descriptors.size() - listed) + " more", out);
  }
}

// What the failure says where it names no descriptor: the first suppressed exception, or itself.
std::string FailureText(const json& exception) {
  const json& suppressed = exception["suppressed"];
  const json& first = suppressed.empty() ? exception : suppressed.front();
  std::string text = Text(first, "class");
  const std::string message = Text(first, "message");
  if (!message.empty()) text += ": " + message;
  text = OneLine(text);
  if (suppressed.size() > 1) text += " (and " + std::to_string(suppressed.size() - 1) + " more)";
  return text;
}

bool IsListening(const json& descriptor) {
  const auto socket = descriptor.find("socket");
  return socket != descriptor.end() && Text(*socket, "state") == "LISTEN";
}

void SummarizeFailure(const json& report, std::string* out) {
  const json& exception = report["trigger"]["exception"];
  std::vector<const json*> blocking;
  std::vector<const json*> listening;
  std::vector<const json*> meant;  // those with advice though they are not named
  for (const json& descriptor : report["descriptors"]) {
    if (descriptor.is_null()) continue;
    const bool named = descriptor["blocking"].get<bool>();
    if (named) {
      blocking.push_back(&descriptor);
    } else if (descriptor.contains("advice")) {
      (IsListening(descriptor) ? listening : meant).push_back(&descriptor);
    }
  }
  const std::string total = std::to_string(report["descriptors"].size());
  if (!blocking.empty()) {
    std::stable_sort(blocking.begin(), blocking.end(),
                     [](const json* a, const json* b) { return Rank(*a) < Rank(*b); });
    AppendLine("the checkpoint failed; " + std::to_string(blocking.size()) + " of " + total +
                   " open descriptors " + (blocking.size() == 1 ? "blocks" : "block") + " it:",
               out);
    AppendList(report, blocking, kMaxListed, out);
    return;
  }
  AppendLine("the checkpoint failed and names no open descriptor; it says:", out);
  AppendLine("  " + FailureText(exception), out);
  std::vector<const json*> related = listening;
  related.insert(related.end(), meant.begin(), meant.end());
  if (related.empty()) return;
  AppendLine("the descriptors that may be meant, listening sockets first:", out);
  AppendList(report, related, kMaxListed - 2, out);
}

std::string Build(const json& report, const std::string& path) {
  std::string out;
  const json& trigger = report["trigger"];
  if (trigger.contains("exception")) {
    SummarizeFailure(report, &out);
  } else {
    AppendLine(Text(trigger, "kind") + ": " + std::to_string(report["descriptors"].size()) +
                   " open descriptors",
               &out);
  }
  if (!path.empty()) AppendLine("report: " + path, &out);
  return out;
}

}  // namespace

std::string Summarize(const json& report, const std::string& path) {
  try {
    return Build(report, path);
  } catch (const std::exception&) {
    // Not a report, or out of memory: the path is what matters.
    return path.empty() ? "" : kPrefix + ("report: " + path) + "\n";
  }
}

}  // namespace fdorigin
