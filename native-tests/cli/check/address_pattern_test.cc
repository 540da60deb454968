// Patterns for addresses of sockets.
#include "check/address_pattern.h"

#include <string>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin::check {
namespace {

bool Matches(const std::string& pattern, const std::string& address) {
  const std::optional<AddressPattern> parsed = AddressPattern::Parse(pattern);
  INFO(pattern << " " << address);
  REQUIRE(parsed.has_value());
  return parsed->Matches(address);
}

TEST_CASE("an address is matched by its value, not by how it is written") {
  CHECK(Matches("10.0.0.1:80", "10.0.0.1:80"));
  CHECK(Matches("10.0.0.1", "10.0.0.1:80"));
  CHECK_FALSE(Matches("10.0.0.1:80", "10.0.0.1:81"));
  CHECK_FALSE(Matches("10.0.0.1:80", "10.0.0.11:80"));
  CHECK(Matches("[::1]:80", "[::1]:80"));
  CHECK(Matches("0:0::1", "[::1]:80"));
  CHECK(Matches("[fe80::1]:80", "[fe80::1%2]:80"));
}

TEST_CASE("an IPv4 connection of an IPv6 socket has an IPv4 address") {
  CHECK(Matches("10.0.0.0/8:5432", "[::ffff:10.1.2.3]:5432"));
  CHECK(Matches("[::ffff:10.0.0.0/104]:5432", "10.1.2.3:5432"));
  CHECK_FALSE(Matches("::/0", "[::ffff:10.1.2.3]:5432"));
  CHECK_FALSE(Matches("0.0.0.0/0", "[2001:db8::1]:5432"));
}

TEST_CASE("a network holds what its bits say") {
  CHECK(Matches("10.0.0.0/8", "10.255.255.255:1"));
  CHECK_FALSE(Matches("10.0.0.0/8", "11.0.0.0:1"));
  CHECK(Matches("192.168.128.0/17", "192.168.200.1:1"));
  CHECK_FALSE(Matches("192.168.128.0/17", "192.168.127.1:1"));
  CHECK(Matches("0.0.0.0/0", "8.8.8.8:53"));
  CHECK(Matches("10.0.0.1/32", "10.0.0.1:1"));
  CHECK_FALSE(Matches("10.0.0.1/32", "10.0.0.2:1"));
  CHECK(Matches("[2001:db8::/32]:443", "[2001:db8:1::5]:443"));
  CHECK_FALSE(Matches("[2001:db8::/32]:443", "[2001:db9:1::5]:443"));
}

TEST_CASE("a star is any host, and ports may be ranges") {
  CHECK(Matches("*:8080", "[::]:8080"));
  CHECK(Matches("*:8080", "0.0.0.0:8080"));
  CHECK_FALSE(Matches("*:8080", "0.0.0.0:8081"));
  CHECK(Matches("*:8000-8999", "127.0.0.1:8999"));
  CHECK_FALSE(Matches("*:8000-8999", "127.0.0.1:9000"));
  CHECK(Matches("127.0.0.1:*", "127.0.0.1:1"));
  CHECK_FALSE(Matches("*", "/run/a.sock"));
  CHECK_FALSE(Matches("*", ""));
}

TEST_CASE("unix sockets are matched by path or abstract name") {
  CHECK(Matches("/run/**", "/run/nscd/socket"));
  CHECK_FALSE(Matches("/run/*", "/run/nscd/socket"));
  CHECK(Matches("@/tmp/.X11-unix/*", "@/tmp/.X11-unix/X0"));
  CHECK_FALSE(Matches("/tmp/.X11-unix/*", "@/tmp/.X11-unix/X0"));
  CHECK_FALSE(Matches("/run/**", "10.0.0.1:80"));
}

TEST_CASE("what is no address is no pattern") {
  for (const char* text :
       {"", "localhost", "example.com:80", "10.0.0:80", "10.0.0.1:", "10.0.0.1:65536",
        "10.0.0.1:9-8", "10.0.0.1:x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "[::1", "[::1]x",
        "::1]:80", "[::/129]", "**", ":80", "[]:80", "10.0.0.0/8x"}) {
    INFO(text);
    CHECK_FALSE(AddressPattern::Parse(text).has_value());
  }
}

}  // namespace
}  // namespace fdorigin::check
