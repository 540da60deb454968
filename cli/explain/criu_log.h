// What criu complains of in its log, and what the log has to tell which descriptor it was.
//
// Who uses it: `explain`. Logs of criu 3 and 4, of any verbosity; the more there is in a log, the
// more certain the answer.
#ifndef FDORIGIN_CLI_EXPLAIN_CRIU_LOG_H_
#define FDORIGIN_CLI_EXPLAIN_CRIU_LOG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace fdorigin {

enum class ComplaintKind : uint8_t {
  kExternalUnixSocket,  // one whose other end is not dumped
  kHalfUnixStream,      // the same, in spite of --ext-unix-sk
  kLostUnixPeer,        // without, with an unreachable, or with a dangling peer
  kConnectedTcp,        // without --tcp-established
  kInFlight,            // connected, and not accepted yet
  kUnknownProtocol,     // of an internet socket
  kUnknownFamily,       // of a socket
  kUnreadNetlink,       // a netlink socket with something in it
  kSocketOption,        // the kernel does not answer what criu asks about the socket
  kUnknownFile,         // of a type that criu does not dump
  kGhostFile,           // deleted, and too large
  kDeletedLink,         // deleted, and there under another name
  kUnknownMount,        // on a mount that criu does not see
  kFileLock,            // locked, without --file-locks
  kUnsendable,          // criu cannot even receive it: io_uring
  kOther,
};

// The word of the JSON: "external-unix-socket".
std::string_view NameOf(ComplaintKind kind);

struct Complaint {
  ComplaintKind kind = ComplaintKind::kOther;
  size_t line = 0;      // of the log, from 1
  std::string source;   // criu's own: "criu/sk-unix.c:874"
  std::string message;  // as criu wrote it, whatever bytes it has

  // What the message, or what the log says right before it, has of the descriptor. The inodes are
  // of sockets, one of which it is; but for kFileLock, where each is of a locked file.
  int64_t pid = 0;  // of the process that was dumped; 0: unknown
  int fd = -1;      // -1: unknown
  std::vector<uint64_t> inodes;
  std::string link;  // the text of /proc/PID/fd/N; empty: unknown
  std::string peer;  // the name of a unix socket's other end
};

struct CriuLog {
  std::vector<Complaint> complaints;  // the first kMostComplaints
  size_t left_out = 0;                // further ones
  bool says_failed = false;           // "Dumping FAILED."
};

constexpr size_t kMostComplaints = 1000;

// NotFound where it cannot be read, DataLoss where it is no log of criu's. A log that was cut is
// read as far as it goes; lines of more than 64 KiB are cut.
absl::StatusOr<CriuLog> ReadCriuLog(const std::string& path);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_EXPLAIN_CRIU_LOG_H_
