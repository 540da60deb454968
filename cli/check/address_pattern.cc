#include "check/address_pattern.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace fdorigin::check {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedBits = 96;

template <typename Integer>
bool ParseNumber(std::string_view text, Integer most, Integer* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && *number <= most;
}

bool IsUnixName(std::string_view text) { return text.starts_with('/') || text.starts_with('@'); }

// Host and port of "[2001:db8::1]:80", "10.0.0.1:80", "10.0.0.1", "2001:db8::1". The port is
// nothing where there is none.
bool Split(std::string_view text, std::string_view* host, std::optional<std::string_view>* port) {
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    *host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const size_t colon = text.find(':');
    const bool is_ipv6 = colon != text.rfind(':');
    *host = is_ipv6 ? text : text.substr(0, colon);
    if (!is_ipv6 && colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (rest.empty()) return true;
  if (rest[0] != ':') return false;
  *port = rest.substr(1);
  return true;
}

}  // namespace

std::optional<AddressPattern::Host> AddressPattern::ParseHost(std::string_view text) {
  // The zone of a link-local address is a number that changes from boot to boot.
  const std::string name(text.substr(0, text.find('%')));
  Host host = {};
  if (inet_pton(AF_INET, name.c_str(), host.bytes.data() + sizeof(kMappedPrefix)) == 1) {
    std::copy(std::begin(kMappedPrefix), std::end(kMappedPrefix), host.bytes.begin());
    host.is_ipv4 = true;
    return host;
  }
  if (inet_pton(AF_INET6, name.c_str(), host.bytes.data()) != 1) return std::nullopt;
  host.is_ipv4 = std::memcmp(host.bytes.data(), kMappedPrefix, sizeof(kMappedPrefix)) == 0;
  return host;
}

bool AddressPattern::ParseNetwork(std::string_view text) {
  if (text == "*") return true;
  const size_t slash = text.find('/');
  network_ = ParseHost(text.substr(0, slash));
  if (!network_) return false;
  // A mapped address that is written as an IPv6 one has an IPv6 length.
  const bool is_short = network_->is_ipv4 && text.find(':') == std::string_view::npos;
  const int most = is_short ? 32 : 128;
  bits_ = most;
  if (slash != std::string_view::npos && !ParseNumber(text.substr(slash + 1), most, &bits_)) {
    return false;
  }
  if (bits_ < 0) return false;
  if (is_short) bits_ += kMappedBits;
  return true;
}

bool AddressPattern::ParsePorts(std::string_view text) {
  if (text == "*") return true;
  const size_t dash = text.find('-');
  if (!ParseNumber(text.substr(0, dash), 65535u, &first_port_)) return false;
  last_port_ = first_port_;
  return dash == std::string_view::npos ||
         (ParseNumber(text.substr(dash + 1), 65535u, &last_port_) && first_port_ <= last_port_);
}

std::optional<AddressPattern> AddressPattern::Parse(std::string_view text) {
  AddressPattern pattern;
  if (IsUnixName(text)) {
    pattern.path_.emplace(text, '/');
    return pattern;
  }
  std::string_view host;
  std::optional<std::string_view> port;
  if (!Split(text, &host, &port) || !pattern.ParseNetwork(host)) return std::nullopt;
  if (port && !pattern.ParsePorts(*port)) return std::nullopt;
  return pattern;
}

bool AddressPattern::Matches(std::string_view address) const {
  if (address.empty()) return false;
  if (IsUnixName(address) || path_) {
    return IsUnixName(address) && path_ && path_->Matches(address);
  }
  std::string_view name;
  std::optional<std::string_view> port_text;
  uint32_t port = 0;
  if (!Split(address, &name, &port_text)) return false;
  if (port_text && !ParseNumber(*port_text, 65535u, &port)) return false;
  const std::optional<Host> host = ParseHost(name);
  if (!host || port < first_port_ || port > last_port_) return false;
  if (!network_) return true;
  // The network of all IPv6 addresses has no IPv4 one in it.
  if (host->is_ipv4 != network_->is_ipv4) return false;
  for (int bit = 0; bit < bits_; bit += 8) {
    const size_t byte = static_cast<size_t>(bit / 8);
    const int left = std::min(8, bits_ - bit);
    const auto mask = static_cast<uint8_t>(0xff00u >> left);
    if (((host->bytes[byte] ^ network_->bytes[byte]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace fdorigin::check
