// Patterns for the addresses of sockets, as rules write them and reports have them.
//
// Who uses it: the rules of `check`. A pattern is HOST or HOST:PORT. HOST is an IPv4 or IPv6
// address, a network (10.0.0.0/8, [2001:db8::/32]) or `*`; an IPv6 one stands in brackets where a
// port follows. PORT is a number, a range (8000-8999) or `*`. Of unix sockets it is a glob of the
// path, or of the abstract name behind an @. Names of hosts are not looked up.
#ifndef FDORIGIN_CLI_CHECK_ADDRESS_PATTERN_H_
#define FDORIGIN_CLI_CHECK_ADDRESS_PATTERN_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "check/glob.h"

namespace fdorigin::check {

class AddressPattern {
 public:
  // Nothing where `text` is no pattern.
  static std::optional<AddressPattern> Parse(std::string_view text);

  // `address`: Socket::local or remote. The empty one, of a socket that has none, matches nothing.
  // An IPv4 address of an IPv6 socket is the IPv4 address.
  bool Matches(std::string_view address) const;

 private:
  using Bytes = std::array<uint8_t, 16>;  // an IPv4 address is mapped into IPv6

  struct Host {
    Bytes bytes;
    bool is_ipv4;
  };

  static std::optional<Host> ParseHost(std::string_view text);
  bool ParseNetwork(std::string_view text);
  bool ParsePorts(std::string_view text);

  std::optional<Glob> path_;     // of unix sockets
  std::optional<Host> network_;  // nothing: any host
  int bits_ = 0;                 // of the network that count
  uint32_t first_port_ = 0;
  uint32_t last_port_ = 65535;
};

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_ADDRESS_PATTERN_H_
