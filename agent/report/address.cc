#include "report/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include <algorithm>

#include "report/text.h"

namespace fdorigin {
namespace {

std::string FormatIpv4(const void* address, size_t size) {
  sockaddr_in in = {};
  if (size < offsetof(sockaddr_in, sin_addr) + sizeof(in.sin_addr)) return "";
  memcpy(&in, address, std::min(size, sizeof(in)));
  char host[INET_ADDRSTRLEN];
  if (inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host)) == nullptr) return "";
  return std::string(host) + ":" + std::to_string(ntohs(in.sin_port));
}

std::string FormatIpv6(const void* address, size_t size) {
  sockaddr_in6 in = {};
  if (size < offsetof(sockaddr_in6, sin6_addr) + sizeof(in.sin6_addr)) return "";
  memcpy(&in, address, std::min(size, sizeof(in)));
  char host[INET6_ADDRSTRLEN];
  if (inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof(host)) == nullptr) return "";
  std::string text = std::string("[") + host;
  if (in.sin6_scope_id != 0) text += "%" + std::to_string(in.sin6_scope_id);
  return text + "]:" + std::to_string(ntohs(in.sin6_port));
}

std::string FormatUnix(const void* address, size_t size, bool cut) {
  constexpr size_t kPath = offsetof(sockaddr_un, sun_path);
  if (size <= kPath) return "";
  std::string_view name(static_cast<const char*>(address) + kPath, size - kPath);
  const char* const more = cut ? "…" : "";
  if (name.front() == '\0') {
    // Abstract: every byte counts, NUL too.
    name.remove_prefix(1);
    return "@" + ToPrintable(name) + more;
  }
  const size_t end = name.find('\0');
  if (end != std::string_view::npos) return ToPrintable(name.substr(0, end));
  return ToPrintable(name) + more;
}

}  // namespace

std::string FormatAddress(const void* address, size_t size, bool cut) {
  sa_family_t family = AF_UNSPEC;
  if (size < sizeof(family)) return "";
  memcpy(&family, address, sizeof(family));
  switch (family) {
    case AF_INET:
      return FormatIpv4(address, size);
    case AF_INET6:
      return FormatIpv6(address, size);
    case AF_UNIX:
      return FormatUnix(address, size, cut);
    default:
      return "";
  }
}

bool Endpoint::IsWildcard() const {
  Endpoint any4;
  any4.address[10] = any4.address[11] = 0xff;
  return address == Endpoint().address || address == any4.address;
}

bool SameEndpoint(const Endpoint& a, const Endpoint& b) {
  return a == b || (a.port == b.port && a.IsWildcard() && b.IsWildcard());
}

std::optional<Endpoint> ParseHost(std::string_view text, uint16_t port) {
  const size_t slash = text.rfind('/');
  if (slash != std::string_view::npos) text.remove_prefix(slash + 1);
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  text = text.substr(0, text.find('%'));
  const std::string host(text);
  Endpoint endpoint;
  endpoint.port = port;
  if (inet_pton(AF_INET, host.c_str(), endpoint.address.data() + 12) == 1) {
    endpoint.address[10] = endpoint.address[11] = 0xff;
    return endpoint;
  }
  endpoint.address = {};
  if (inet_pton(AF_INET6, host.c_str(), endpoint.address.data()) == 1) return endpoint;
  return std::nullopt;
}

std::optional<Endpoint> ParseEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  uint64_t port = 0;
  if (colon == std::string_view::npos || !ParseNumber(text.substr(colon + 1), &port) ||
      port > 0xffff) {
    return std::nullopt;
  }
  return ParseHost(text.substr(0, colon), static_cast<uint16_t>(port));
}

}  // namespace fdorigin
