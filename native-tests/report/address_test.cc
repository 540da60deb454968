#include "report/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include <string>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin {
namespace {

std::string FormatUnix(std::string_view name, bool cut = false) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, name.data(), name.size());
  return FormatAddress(&address, offsetof(sockaddr_un, sun_path) + name.size(), cut);
}

std::string FormatIpv6(const char* host, uint16_t port, uint32_t scope = 0) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_scope_id = scope;
  inet_pton(AF_INET6, host, &address.sin6_addr);
  return FormatAddress(&address, sizeof(address));
}

TEST_CASE("internet addresses are written as host and port") {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(8080);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(FormatAddress(&address, sizeof(address)) == "127.0.0.1:8080");
  CHECK(FormatIpv6("::", 443) == "[::]:443");
  CHECK(FormatIpv6("::ffff:127.0.0.1", 80) == "[::ffff:127.0.0.1]:80");
  CHECK(FormatIpv6("fe80::1", 80, 3) == "[fe80::1%3]:80");
}

TEST_CASE("names of unix sockets are one printable word") {
  using namespace std::string_view_literals;
  CHECK(FormatUnix("") == "");
  CHECK(FormatUnix("/run/nscd/socket\0"sv) == "/run/nscd/socket");
  CHECK(FormatUnix("/run/a b\n") == "/run/a b\\x0a");
  CHECK(FormatUnix("\0dbus\0x\xff"sv) == "@dbus\\x00x\\xff");
  CHECK(FormatUnix("/run/very-lo", /*cut=*/true) == "/run/very-lo…");
}

TEST_CASE("a cut or foreign address has no text, and reads nothing beyond its end") {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  CHECK(FormatAddress(&address, 1) == "");
  CHECK(FormatAddress(&address, 8) == "");
  address.sin6_family = AF_NETLINK;
  CHECK(FormatAddress(&address, sizeof(address)) == "");
}

TEST_CASE("Java's ways to write one endpoint are equal to the kernel's") {
  const Endpoint kernel = *ParseEndpoint("[::ffff:127.0.0.1]:80");
  CHECK(ParseEndpoint("127.0.0.1:80") == kernel);
  CHECK(ParseEndpoint("/127.0.0.1:80") == kernel);
  CHECK(ParseEndpoint("localhost/127.0.0.1:80") == kernel);
  const Endpoint loopback = *ParseEndpoint("[::1]:80");
  CHECK(ParseEndpoint("/0:0:0:0:0:0:0:1:80") == loopback);
  CHECK(ParseEndpoint("ip6-localhost/[0:0:0:0:0:0:0:1]:80") == loopback);
  CHECK(ParseEndpoint("/[fe80:0:0:0:0:0:0:1%eth0]:80") == ParseEndpoint("[fe80::1%2]:80"));
  CHECK_FALSE(kernel == loopback);
}

TEST_CASE("the wildcards of both families mean the same, at one port") {
  CHECK(SameEndpoint(*ParseEndpoint("0.0.0.0:80"), *ParseEndpoint("[::]:80")));
  CHECK_FALSE(SameEndpoint(*ParseEndpoint("0.0.0.0:80"), *ParseEndpoint("[::]:81")));
  CHECK_FALSE(SameEndpoint(*ParseEndpoint("127.0.0.1:80"), *ParseEndpoint("[::]:80")));
}

TEST_CASE("what is no numeric endpoint is refused") {
  for (const char* text : {"", ":", "80", "/tmp/x.sock", "host:80",
                           "/127.0.0.1:", "127.0.0.1:65536", "h/<unresolved>:80"}) {
    INFO(text);
    CHECK_FALSE(ParseEndpoint(text).has_value());
  }
}

}  // namespace
}  // namespace fdorigin
