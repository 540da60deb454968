// Socket addresses as text, and text back as something that can be compared.
//
// Who calls it: the snapshot (kernel's addresses), the rendering of recorded arguments, and the
// joining of exception messages. Cold, any thread, no state.
#ifndef FDORIGIN_AGENT_REPORT_ADDRESS_H_
#define FDORIGIN_AGENT_REPORT_ADDRESS_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fdorigin {

// The text of a socket address: "127.0.0.1:80", "[::ffff:127.0.0.1]:80", "[fe80::1%2]:80",
// "/path", "@abstract" (bytes that are not printable as "\xHH"), "" where it is unnamed or of a
// family that has no text here. `size` is what the kernel returned; `cut` says that there were more
// bytes than `size`, which a unix path then shows with "…" at its end.
std::string FormatAddress(const void* address, size_t size, bool cut = false);

// An internet endpoint without its family: IPv4 is held as the IPv6-mapped address, so that
// 127.0.0.1 and ::ffff:127.0.0.1 are equal, as they are to the JVM's messages.
struct Endpoint {
  std::array<uint8_t, 16> address = {};
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
  bool IsWildcard() const;  // :: or 0.0.0.0
};

// Whether both mean the same: equal, or two wildcards with one port. Java prints 0.0.0.0 for a
// socket that the kernel says is bound to ::.
bool SameEndpoint(const Endpoint& a, const Endpoint& b);

// A numeric address: "127.0.0.1", "::", "0:0:0:0:0:0:0:1", "[::1]", "fe80::1%eth0"; Java's
// "host/127.0.0.1" and "/127.0.0.1" too. The scope is dropped.
std::optional<Endpoint> ParseHost(std::string_view text, uint16_t port);

// The same with ":port" behind: "/[0:0:0:0:0:0:0:0]:8080", "/0:0:0:0:0:0:0:0:8080".
std::optional<Endpoint> ParseEndpoint(std::string_view text);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_ADDRESS_H_
