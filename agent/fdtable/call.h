// How a recorded call is described, and what is kept of one.
//
// interpose owns the list of hooked calls and hands it to the FdTable as CallInfo; report reads it
// there, so that the two never see each other.
#ifndef FDORIGIN_AGENT_FDTABLE_CALL_H_
#define FDORIGIN_AGENT_FDTABLE_CALL_H_

#include <cstdint>

#include "base/ids.h"
#include "base/java_stack_status.h"

namespace fdorigin {

// How an argument is shown in the report.
enum class ArgumentKind : uint8_t {
  kNone = 0,
  kInt,
  kUnsigned,
  kFd,
  kSocketDomain,    // AF_*
  kSocketType,      // SOCK_* with SOCK_CLOEXEC, SOCK_NONBLOCK
  kSocketProtocol,  // IPPROTO_*
  kOpenFlags,       // O_*
  kMode,            // octal
  kFcntlCommand,    // F_*
  kAddress,         // the recorded sockaddr
  kEpollFlags,      // EPOLL_CLOEXEC
  kEventFdFlags,    // EFD_*
  kClock,           // CLOCK_*
};

inline constexpr int kMaxArguments = 3;

struct ArgumentInfo {
  const char* name;  // as in the manual page: "domain", "flags"
  ArgumentKind kind;
};

// One entry of the list of hooked calls, as the report needs it.
struct CallInfo {
  const char* name;  // libc's name: "socket", "accept4"
  ArgumentInfo arguments[kMaxArguments];
};

enum class ThreadKind : uint8_t { kNative = 0, kJava = 1, kVirtual = 2, kVm = 3 };

// A sockaddr_in6 is whole; of a long path, the report has the whole from the kernel where the
// socket is bound to it.
inline constexpr int kMaxRecordedAddress = 28;

// One call on a descriptor: its origin, or one step of its history. Lives in the region; 72 bytes,
// so that a listening socket (socket, bind, listen) takes no more than 256 with its slot.
struct CallRecord {
  int64_t at_ns;  // CLOCK_REALTIME, nanoseconds, when the call returned
  StackId stack;
  StringId thread_name;
  int32_t tid;      // kernel's thread id at the time of the call
  uint32_t next;    // FdTable's own: the next step of the history
  int32_t from_fd;  // the source of a dup, an accept or a message; -1 where there is none
  CallId call;
  JavaStackStatus java_stack;
  ThreadKind thread_kind : 4;
  uint8_t file_type : 4;  // of an origin: S_IFMT of the descriptor's st_mode, shifted down by 12
  uint8_t address_size;  // of the whole sockaddr, at most 255; it is cut where `address` is shorter
  int32_t arguments[kMaxArguments];      // all are int or unsigned, or of interest in that range
  uint8_t address[kMaxRecordedAddress];  // a sockaddr, cut
};
static_assert(sizeof(CallRecord) == 72, "CallRecord is part of the region's layout");

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_FDTABLE_CALL_H_
