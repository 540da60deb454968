#include "report/failure_message.h"

#include <algorithm>
#include <utility>

#include "report/text.h"

namespace fdorigin {
namespace {

// Takes `prefix` off the front of `text`.
bool Take(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// Takes the number at the front of `text`.
bool TakeNumber(std::string_view* text, uint64_t* number) {
  size_t digits = 0;
  while (digits < text->size() && (*text)[digits] >= '0' && (*text)[digits] <= '9') ++digits;
  if (!ParseNumber(text->substr(0, digits), number)) return false;
  text->remove_prefix(digits);
  return true;
}

bool TakeFd(std::string_view* text, std::optional<int>* fd) {
  uint64_t number = 0;
  if (!TakeNumber(text, &number) || number > INT32_MAX) return false;
  *fd = static_cast<int>(number);
  return true;
}

// Takes everything up to `end`, and `end` too.
bool TakeUntil(std::string_view* text, std::string_view end, std::string_view* taken) {
  const size_t at = text->find(end);
  if (at == std::string_view::npos) return false;
  *taken = text->substr(0, at);
  text->remove_prefix(at + end.size());
  return true;
}

std::optional<Endpoint> HostAndPort(std::string_view host, std::string_view port) {
  uint64_t number = 0;
  if (!ParseNumber(port, &number) || number > 0xffff) return std::nullopt;
  return ParseHost(host, static_cast<uint16_t>(number));
}

// "tcp6 ", "udp ": what the VM calls a table of /proc/net.
bool TakeTransport(std::string_view* text, DescriptorClaim* claim) {
  std::string_view rest = *text;
  for (const char* protocol : {"tcp", "udp"}) {
    if (!Take(&rest, protocol)) continue;
    claim->protocol = protocol;
    claim->family = Take(&rest, "6") ? "ipv6" : "ipv4";
    if (!Take(&rest, " ")) return false;
    *text = rest;
    return true;
  }
  return false;
}

// "tcp6 localAddr :: localPort 8080 remoteAddr :: remotePort 0"
bool ParseProcNet(std::string_view text, DescriptorClaim* claim) {
  DescriptorClaim made;
  std::string_view local, local_port, remote;
  if (!TakeTransport(&text, &made) || !Take(&text, "localAddr ") ||
      !TakeUntil(&text, " localPort ", &local) || !TakeUntil(&text, " remoteAddr ", &local_port) ||
      !TakeUntil(&text, " remotePort ", &remote)) {
    return false;
  }
  made.local = HostAndPort(local, local_port);
  made.remote = HostAndPort(remote, text);
  if (!made.local || !made.remote) return false;
  if (made.remote->port == 0) {
    made.remote.reset();
    made.not_connected = true;
  }
  *claim = std::move(made);
  return true;
}

// "tcp6 local /[0:0:0:0:0:0:0:0]:8080 remote not bound"
bool ParseLocalRemote(std::string_view text, DescriptorClaim* claim) {
  DescriptorClaim made;
  std::string_view local;
  if (!TakeTransport(&text, &made) || !Take(&text, "local ") ||
      !TakeUntil(&text, " remote ", &local)) {
    return false;
  }
  made.local = ParseEndpoint(local);
  made.remote = ParseEndpoint(text);
  made.not_connected = text.starts_with("not ");
  made.not_bound = local.starts_with("not ") && made.not_connected;
  made.vague = made.not_bound;
  if (!made.local && !made.remote && !made.not_bound) return false;
  *claim = std::move(made);
  return true;
}

// "socket:[1]", "pipe:[1]", "anon_inode:[eventpoll]", "/path"
bool IsLink(std::string_view text) {
  return text.starts_with('/') || text.starts_with("anon_inode:") ||
         ((text.starts_with("socket:[") || text.starts_with("pipe:[")) && text.ends_with(']'));
}

// A sockaddr in hexadecimal, as in "localaddr=02001f90…".
std::optional<Endpoint> ParseHexAddress(std::string_view hex) {
  std::string bytes;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    if (digit(hex[i]) < 0 || digit(hex[i + 1]) < 0) return std::nullopt;
    bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  }
  return ParseEndpoint(FormatAddress(bytes.data(), bytes.size()));
}

// The value of " key=" up to the next space.
std::string_view Field(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + key.size());
  return text.substr(0, text.find(' '));
}

// What the JDK's native code says of a raw descriptor: "regular: /x",
// "socket: family=AF_INET type=SOCK_STREAM localaddr=… remoteaddr=…". What is not understood is
// left out: the number is there.
void ParseNativeDescription(std::string_view text, DescriptorClaim* claim) {
  const size_t colon = text.find(": ");
  if (colon == std::string_view::npos) return;
  const std::string_view details = text.substr(colon + 2);
  if (IsLink(details)) {
    claim->target = details;
  } else if (text.starts_with("socket")) {
    claim->kinds = "socket";
    claim->local = ParseHexAddress(Field(details, "localaddr="));
    claim->remote = ParseHexAddress(Field(details, "remoteaddr="));
    if (claim->remote && claim->remote->port == 0) claim->remote.reset();
  }
}

// The contract's words for the type that the VM prints.
std::string_view KindsOfType(std::string_view type) {
  if (type == "socket") return "socket";
  if (type == "regular") return "file memfd other pidfd";
  if (type == "directory") return "directory";
  if (type == "character" || type == "block") return "device";
  if (type == "fifo") return "pipe fifo";
  return "";  // "unknown", "symlink": says little
}

// "FD fd=4 type=socket path=socket:[7504404],port=29295"
bool ParseVmMessage(std::string_view text, DescriptorClaim* claim) {
  DescriptorClaim made;
  std::string_view type;
  if (!Take(&text, "FD fd=") || !TakeFd(&text, &made.fd) || !Take(&text, " type=") ||
      !TakeUntil(&text, " path=", &type)) {
    return false;
  }
  made.kinds = KindsOfType(type);
  if (type == "socket") {
    // Not a port in general: it is read from whatever the kernel's answer left in a sockaddr_in.
    const size_t port = text.rfind(",port=");
    uint64_t number = 0;
    if (port != std::string_view::npos && ParseNumber(text.substr(port + 6), &number)) {
      text = text.substr(0, port);
    }
  }
  made.target = text;
  *claim = std::move(made);
  return true;
}

// "FileDescriptor 4: regular: /x", "FileDescriptor 4 left open: /x (regular) [Use -D…]"
bool ParseFileDescriptor(std::string_view text, DescriptorClaim* claim) {
  DescriptorClaim made;
  if (!Take(&text, "FileDescriptor ") || !TakeFd(&text, &made.fd)) return false;
  if (Take(&text, " left open: ")) {
    const size_t hint = text.find(" [Use -D");
    if (hint != std::string_view::npos) text = text.substr(0, hint);
    DescriptorClaim details;
    if (ParseLocalRemote(text, &details) || ParseProcNet(text, &details)) {
      details.fd = made.fd;
      made = std::move(details);
    } else if (IsLink(text)) {
      const size_t type = text.rfind(" (");
      const bool deleted = text.ends_with(" (deleted)");
      if (type != std::string_view::npos && text.ends_with(')') && !deleted) {
        made.kinds = KindsOfType(text.substr(type + 2, text.size() - type - 3));
        text = text.substr(0, type);
      }
      made.target = text;
    }
  } else if (Take(&text, ": ")) {
    ParseNativeDescription(text, &made);
  } else {
    return false;
  }
  *claim = std::move(made);
  return true;
}

// "EPoll FD 28 left open in sun.nio.ch.EPollSelectorImpl@1 with registered keys."
bool ParseEpoll(std::string_view text, DescriptorClaim* claim) {
  DescriptorClaim made;
  if (Take(&text, "EPoll FD ")) {
    made.kinds = "epoll";
  } else if (Take(&text, "EPoll Event FD ")) {
    made.kinds = "eventfd pipe";  // a pipe in JDKs older than 17
  } else {
    return false;
  }
  if (!TakeFd(&text, &made.fd) || !text.starts_with(" left open in")) return false;
  *claim = std::move(made);
  return true;
}

// "Socket[addr=host/10.0.0.1,port=5432,localport=55126]". A ServerSocket is printed so too, with
// port=0, and its address is then the local one.
bool ParseSocket(std::string_view text, DescriptorClaim* claim) {
  std::string_view address, port, local_port;
  if ((!Take(&text, "Socket[addr=") && !Take(&text, "ServerSocket[addr="))) return false;
  if (!TakeUntil(&text, ",localport=", &address) || !TakeUntil(&text, "]", &local_port)) {
    return false;
  }
  const size_t comma = address.rfind(",port=");
  if (comma != std::string_view::npos) {
    port = address.substr(comma + 6);
    address = address.substr(0, comma);
  } else {
    port = "0";
  }
  uint64_t remote_number = 0;
  uint64_t local_number = 0;
  if (!ParseNumber(port, &remote_number) || !ParseNumber(local_port, &local_number) ||
      remote_number > 0xffff || local_number > 0xffff) {
    return false;
  }
  DescriptorClaim made;
  made.protocol = "tcp";
  if (remote_number != 0) {
    made.remote = ParseHost(address, static_cast<uint16_t>(remote_number));
    made.local_port = static_cast<uint16_t>(local_number);
    if (!made.remote) return false;
  } else {
    made.not_connected = true;
    if (local_number == 0) {
      made.not_bound = true;
      made.vague = true;
    } else {
      made.local = ParseHost(address, static_cast<uint16_t>(local_number));
      if (!made.local) made.local_port = static_cast<uint16_t>(local_number);
    }
  }
  *claim = std::move(made);
  return true;
}

// An address inside a channel's text: an internet endpoint, or else the path of a unix socket.
void SetAddress(std::string_view text, std::optional<Endpoint>* endpoint,
                std::optional<std::string>* path) {
  *endpoint = ParseEndpoint(text);
  if (!*endpoint) *path = ToPrintable(text);
}

// The text between a channel's brackets: "connected local=/10.0.0.2:1 remote=h/10.0.0.3:2",
// "/0:0:0:0:0:0:0:0:8080", "unbound".
DescriptorClaim ParseChannelBody(std::string_view body) {
  DescriptorClaim made;
  made.kinds = "socket";
  const size_t remote_at = body.find(" remote=");
  if (remote_at != std::string_view::npos) {
    SetAddress(body.substr(remote_at + 8), &made.remote, &made.unix_remote);
    body = body.substr(0, remote_at);
  } else {
    made.not_connected = true;
  }
  const size_t local_at = body.find(" local=");
  if (local_at != std::string_view::npos) {
    SetAddress(body.substr(local_at + 7), &made.local, &made.unix_local);
  } else if (body == "unbound" || body.starts_with("unconnected")) {
    made.not_bound = true;
  } else if (body.empty()) {
    made.listening = true;  // a server channel of a JDK that forgets to print its address (25)
  } else if (made.not_connected) {
    SetAddress(body, &made.local, &made.unix_local);
  }
  if (made.local && made.local->port == 0) {
    made.local.reset();
    made.not_bound = made.not_connected;
  }
  return made;
}

// "java.nio.channels.SocketChannel[…]", "sun.nio.ch.ServerSocketChannelImpl[…]", and the bare
// "sun.nio.ch.DatagramChannelImpl@1f". A channel that is closed makes no claim, but is understood
// all the same.
bool ParseChannel(std::string_view text, std::optional<DescriptorClaim>* claim) {
  const size_t name_end = text.find_first_of("[@");
  if (name_end == std::string_view::npos) return false;
  const std::string_view class_name = text.substr(0, name_end);
  if (class_name.find(' ') != std::string_view::npos ||
      class_name.find("Channel") == std::string_view::npos) {
    return false;
  }
  const bool datagram = class_name.find("Datagram") != std::string_view::npos;
  DescriptorClaim made;
  if (text[name_end] == '@') {
    if (!datagram) return true;
    made.kinds = "socket";
    made.vague = true;
  } else {
    if (!text.ends_with(']')) return false;
    const std::string_view body = text.substr(name_end + 1, text.size() - name_end - 2);
    if (body == "closed") return true;
    made = ParseChannelBody(body);
    const bool says_address = made.local || made.remote || made.unix_local || made.unix_remote;
    if (!says_address && !made.not_bound && !made.listening) return true;
    made.vague = !says_address;
  }
  if (made.unix_local || made.unix_remote) {
    made.family = "unix";
  } else {
    made.protocol = datagram ? "udp" : "tcp";
  }
  *claim = std::move(made);
  return true;
}

// "Selector sun.nio.ch.EPollSelectorImpl@1 has registered keys from channels: [a, b[c]]"
bool ParseSelector(std::string_view text, std::vector<DescriptorClaim>* claims) {
  constexpr std::string_view kList = " has registered keys from channels: [";
  const size_t list = text.find(kList);
  if (!text.starts_with("Selector ") || list == std::string_view::npos) return false;
  text.remove_prefix(list + kList.size());
  size_t start = 0;
  int depth = 1;
  for (size_t i = 0; i < text.size() && depth > 0; ++i) {
    if (text[i] == '[') ++depth;
    if (text[i] == ']') --depth;
    const bool separator = depth == 1 && text.substr(i).starts_with(", ");
    if (!separator && depth > 0) continue;
    std::optional<DescriptorClaim> claim;
    if (ParseChannel(text.substr(start, i - start), &claim) && claim) {
      claims->push_back(*std::move(claim));
    }
    start = i + 2;
  }
  return true;
}

std::string_view SimpleName(std::string_view class_name) {
  const size_t end = class_name.find_last_of(".$");
  return end == std::string_view::npos ? class_name : class_name.substr(end + 1);
}

}  // namespace

FailureMessage ParseFailureMessage(std::string_view class_name, std::string_view message) {
  FailureMessage parsed;
  const std::string_view name = SimpleName(class_name);
  DescriptorClaim claim;
  const auto take = [&](FailureLevel level) {
    parsed.level = level;
    parsed.claims.push_back(std::move(claim));
    return parsed;
  };

  if (ParseVmMessage(message, &claim)) return take(FailureLevel::kVm);
  if (ParseEpoll(message, &claim)) {
    parsed.busy_selector = true;
    return take(FailureLevel::kSelector);
  }
  if (ParseFileDescriptor(message, &claim)) return take(FailureLevel::kJava);
  if (ParseSelector(message, &parsed.claims) || name == "BusySelectorException" ||
      name == "IllegalSelectorException") {
    parsed.level = FailureLevel::kSelector;
    parsed.busy_selector = true;
    return parsed;
  }
  if (message.find("WatchService") != std::string_view::npos && message.ends_with("with keys")) {
    parsed.level = FailureLevel::kSelector;
    parsed.busy_watch = true;
    return parsed;
  }

  // What is left is a description without any mark of its own: to be believed only where the class
  // says that it is one.
  const bool cannot = Take(&message, "Cannot close ") ||
                      Take(&message, "Cannot find local address for ") ||
                      Take(&message, "Cannot find remote address for ");
  if (!cannot && !name.starts_with("CheckpointOpen")) return parsed;
  if (ParseProcNet(message, &claim)) return take(FailureLevel::kVm);
  if (ParseLocalRemote(message, &claim) || ParseSocket(message, &claim)) {
    return take(FailureLevel::kJava);
  }
  std::optional<DescriptorClaim> channel;
  if (ParseChannel(message, &channel)) {
    parsed.level = FailureLevel::kJava;
    if (channel) parsed.claims.push_back(*std::move(channel));
    return parsed;
  }
  // The packages of the first generations: there, a bare link comes from the VM's scan.
  const bool vm_scan = class_name.starts_with("jdk.crac.impl.") && !cannot;
  if (IsLink(message) && !message.starts_with('/')) {
    claim.target = message;
    claim.vague = message.starts_with("anon_inode:");  // all of a kind have the same link
    return take(FailureLevel::kVm);
  }
  if (name == "CheckpointOpenFileException" || message.starts_with('/')) {
    claim.java_path = message;
    return take(vm_scan ? FailureLevel::kVm : FailureLevel::kJava);
  }
  return parsed;
}

}  // namespace fdorigin
