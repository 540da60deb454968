#include "report/arguments.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "report/address.h"

namespace fdorigin {
namespace {

struct Constant {
  int64_t value;
  const char* name;
};

constexpr Constant kDomains[] = {
    {AF_UNSPEC, "AF_UNSPEC"}, {AF_UNIX, "AF_UNIX"},       {AF_INET, "AF_INET"},
    {AF_INET6, "AF_INET6"},   {AF_NETLINK, "AF_NETLINK"}, {AF_PACKET, "AF_PACKET"},
    {AF_ALG, "AF_ALG"},       {AF_VSOCK, "AF_VSOCK"},     {AF_BLUETOOTH, "AF_BLUETOOTH"},
    {AF_CAN, "AF_CAN"},
};

constexpr Constant kSocketTypes[] = {
    {SOCK_STREAM, "SOCK_STREAM"},       {SOCK_DGRAM, "SOCK_DGRAM"},   {SOCK_RAW, "SOCK_RAW"},
    {SOCK_SEQPACKET, "SOCK_SEQPACKET"}, {SOCK_PACKET, "SOCK_PACKET"}, {SOCK_RDM, "SOCK_RDM"},
};

constexpr Constant kSocketFlags[] = {
    {SOCK_CLOEXEC, "SOCK_CLOEXEC"},
    {SOCK_NONBLOCK, "SOCK_NONBLOCK"},
};

constexpr Constant kInternetProtocols[] = {
    {IPPROTO_ICMP, "IPPROTO_ICMP"}, {IPPROTO_TCP, "IPPROTO_TCP"},
    {IPPROTO_UDP, "IPPROTO_UDP"},   {IPPROTO_ICMPV6, "IPPROTO_ICMPV6"},
    {IPPROTO_SCTP, "IPPROTO_SCTP"}, {IPPROTO_UDPLITE, "IPPROTO_UDPLITE"},
    {IPPROTO_RAW, "IPPROTO_RAW"},   {262, "IPPROTO_MPTCP"},
};

constexpr Constant kNetlinkProtocols[] = {
    {NETLINK_ROUTE, "NETLINK_ROUTE"},
    {NETLINK_SOCK_DIAG, "NETLINK_SOCK_DIAG"},
    {NETLINK_AUDIT, "NETLINK_AUDIT"},
    {NETLINK_CONNECTOR, "NETLINK_CONNECTOR"},
    {NETLINK_KOBJECT_UEVENT, "NETLINK_KOBJECT_UEVENT"},
    {NETLINK_GENERIC, "NETLINK_GENERIC"},
};

constexpr Constant kAccessModes[] = {
    {O_RDONLY, "O_RDONLY"},
    {O_WRONLY, "O_WRONLY"},
    {O_RDWR, "O_RDWR"},
};

// Those of several bits come before those that are a part of them.
constexpr Constant kOpenFlags[] = {
    {O_CREAT, "O_CREAT"},       {O_EXCL, "O_EXCL"},       {O_NOCTTY, "O_NOCTTY"},
    {O_TRUNC, "O_TRUNC"},       {O_APPEND, "O_APPEND"},   {O_NONBLOCK, "O_NONBLOCK"},
    {O_SYNC, "O_SYNC"},         {O_DSYNC, "O_DSYNC"},     {O_ASYNC, "O_ASYNC"},
    {O_DIRECT, "O_DIRECT"},     {O_TMPFILE, "O_TMPFILE"}, {O_DIRECTORY, "O_DIRECTORY"},
    {O_NOFOLLOW, "O_NOFOLLOW"}, {O_NOATIME, "O_NOATIME"}, {O_PATH, "O_PATH"},
    {O_CLOEXEC, "O_CLOEXEC"},   {0100000, "O_LARGEFILE"},  // 0 in 64-bit headers
};

constexpr Constant kFcntlCommands[] = {
    {F_DUPFD, "F_DUPFD"}, {F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"},
    {F_GETFD, "F_GETFD"}, {F_SETFD, "F_SETFD"},
    {F_GETFL, "F_GETFL"}, {F_SETFL, "F_SETFL"},
};

constexpr Constant kEpollFlags[] = {{EPOLL_CLOEXEC, "EPOLL_CLOEXEC"}};

constexpr Constant kEventFdFlags[] = {
    {EFD_SEMAPHORE, "EFD_SEMAPHORE"},
    {EFD_CLOEXEC, "EFD_CLOEXEC"},
    {EFD_NONBLOCK, "EFD_NONBLOCK"},
};

constexpr Constant kClocks[] = {
    {CLOCK_REALTIME, "CLOCK_REALTIME"},
    {CLOCK_MONOTONIC, "CLOCK_MONOTONIC"},
    {CLOCK_BOOTTIME, "CLOCK_BOOTTIME"},
    {CLOCK_REALTIME_ALARM, "CLOCK_REALTIME_ALARM"},
    {CLOCK_BOOTTIME_ALARM, "CLOCK_BOOTTIME_ALARM"},
};

// Neither a number nor a text where the argument is not to be shown.
using Value = std::variant<std::monostate, int64_t, std::string>;

Value Named(std::span<const Constant> constants, int64_t value) {
  for (const Constant& constant : constants) {
    if (constant.value == value) return constant.name;
  }
  return value;
}

// `text` is what is there already, "" where nothing is.
std::string WithFlags(std::string text, std::span<const Constant> constants, uint64_t value) {
  const auto append = [&](const char* name) {
    if (!text.empty()) text += '|';
    text += name;
  };
  for (const Constant& constant : constants) {
    const uint64_t bits = static_cast<uint64_t>(constant.value);
    if (bits == 0 || (value & bits) != bits) continue;
    append(constant.name);
    value &= ~bits;
  }
  if (value != 0 || text.empty()) {
    char rest[24];
    std::snprintf(rest, sizeof(rest), value == 0 ? "0" : "0x%" PRIx64, value);
    append(rest);
  }
  return text;
}

// Flags are looked at as the 32 bits that they are.
uint64_t Bits(int32_t value) { return static_cast<uint32_t>(value); }

Value SocketType(int32_t value) {
  constexpr uint64_t kFlagBits = SOCK_CLOEXEC | SOCK_NONBLOCK;
  const uint64_t bits = Bits(value);
  // accept4 has the flags alone.
  if ((bits & ~kFlagBits) == 0) return WithFlags("", kSocketFlags, bits);
  const Value type = Named(kSocketTypes, static_cast<int64_t>(bits & ~kFlagBits));
  if ((bits & kFlagBits) == 0) return type;
  const std::string* name = std::get_if<std::string>(&type);
  return WithFlags(name != nullptr ? *name : std::to_string(std::get<int64_t>(type)), kSocketFlags,
                   bits & kFlagBits);
}

std::string OpenFlags(const CallInfo& call, int32_t value) {
  const uint64_t bits = Bits(value);
  // pipe2 and dup3 take flags of this family, but no access mode.
  const bool opens = std::string_view(call.name).find("open") != std::string_view::npos;
  if (!opens) return WithFlags("", kOpenFlags, bits);
  const Value access = Named(kAccessModes, static_cast<int64_t>(bits & O_ACCMODE));
  const std::string* name = std::get_if<std::string>(&access);
  const bool path_only = (bits & O_PATH) != 0;  // the access mode is ignored then
  std::string text;
  if (!path_only) text = name != nullptr ? *name : "O_ACCMODE";
  return WithFlags(text, kOpenFlags, bits & ~uint64_t{O_ACCMODE});
}

// The value of the first argument of a kind.
const int32_t* FindArgument(const CallInfo& call, const CallRecord& record, ArgumentKind kind) {
  for (int i = 0; i < kMaxArguments; ++i) {
    if (call.arguments[i].kind == kind) return &record.arguments[i];
  }
  return nullptr;
}

Value SocketProtocol(const CallInfo& call, const CallRecord& record, int32_t value) {
  const int32_t* domain = FindArgument(call, record, ArgumentKind::kSocketDomain);
  if (domain != nullptr && *domain == AF_NETLINK) return Named(kNetlinkProtocols, value);
  const bool internet = domain == nullptr || *domain == AF_INET || *domain == AF_INET6;
  return internet && value != 0 ? Named(kInternetProtocols, value) : value;
}

// open() takes a mode only with O_CREAT or O_TMPFILE; without, what was recorded is a stray
// register.
bool UsesMode(const CallInfo& call, const CallRecord& record) {
  const int32_t* flags = FindArgument(call, record, ArgumentKind::kOpenFlags);
  if (flags == nullptr) return true;
  constexpr uint64_t kTmpfile = O_TMPFILE;
  return (Bits(*flags) & O_CREAT) != 0 || (Bits(*flags) & kTmpfile) == kTmpfile;
}

Value Render(const CallInfo& call, const CallRecord& record, ArgumentKind kind, int32_t value) {
  switch (kind) {
    case ArgumentKind::kNone:
      return {};
    case ArgumentKind::kInt:
    case ArgumentKind::kFd:
      return value;
    case ArgumentKind::kUnsigned:
      return static_cast<uint32_t>(value);
    case ArgumentKind::kSocketDomain:
      return Named(kDomains, value);
    case ArgumentKind::kSocketType:
      return SocketType(value);
    case ArgumentKind::kSocketProtocol:
      return SocketProtocol(call, record, value);
    case ArgumentKind::kOpenFlags:
      return OpenFlags(call, value);
    case ArgumentKind::kMode: {
      if (!UsesMode(call, record)) return {};
      char mode[16];
      std::snprintf(mode, sizeof(mode), "%04o", static_cast<unsigned>(value) & 07777u);
      return mode;
    }
    case ArgumentKind::kFcntlCommand:
      return Named(kFcntlCommands, value);
    case ArgumentKind::kAddress: {
      const bool cut = record.address_size > kMaxRecordedAddress;
      const size_t size = cut ? kMaxRecordedAddress : record.address_size;
      const std::string text = FormatAddress(record.address, size, cut);
      return text.empty() ? Value() : Value(text);
    }
    case ArgumentKind::kEpollFlags:
      return WithFlags("", kEpollFlags, Bits(value));
    case ArgumentKind::kEventFdFlags:
      return WithFlags("", kEventFdFlags, Bits(value));
    case ArgumentKind::kClock:
      return Named(kClocks, value);
  }
  return value;
}

}  // namespace

void WriteArguments(const CallInfo& call, const CallRecord& record, JsonText* out) {
  const auto name = [&call](int i) { return std::string_view(call.arguments[i].name); };
  std::array<int, kMaxArguments> order;
  size_t count = 0;
  for (int i = 0; i < kMaxArguments; ++i) {
    const ArgumentInfo& argument = call.arguments[i];
    if (argument.kind == ArgumentKind::kNone || argument.name == nullptr) continue;
    size_t at = count++;
    for (; at > 0 && name(i) < name(order[at - 1]); --at) order[at] = order[at - 1];
    order[at] = i;
  }
  out->BeginObject();
  for (const int i : std::span(order).first(count)) {
    const Value value = Render(call, record, call.arguments[i].kind, record.arguments[i]);
    if (const int64_t* number = std::get_if<int64_t>(&value)) {
      out->Key(name(i)).Number(*number);
    } else if (const std::string* text = std::get_if<std::string>(&value)) {
      out->Key(name(i)).String(*text);
    }
  }
  out->EndObject();
}

}  // namespace fdorigin
