// Helpers of the report's tests: descriptors that close themselves, and a table to put them in.
#ifndef FDORIGIN_NATIVE_TESTS_REPORT_OPEN_FD_H_
#define FDORIGIN_NATIVE_TESTS_REPORT_OPEN_FD_H_

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <initializer_list>
#include <utility>

#include "base/region.h"
#include "fdtable/fd_table.h"
#include "report/snapshot.h"

namespace fdorigin {

class OpenFd {
 public:
  OpenFd() = default;
  explicit OpenFd(int fd) : fd_(fd) {}
  OpenFd(OpenFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFd& operator=(OpenFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OpenFd() { Close(); }

  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  uint64_t inode() const { return Status().st_ino; }
  FdIdentity identity() const { return {Status().st_dev, Status().st_ino}; }

 private:
  struct stat Status() const {
    struct stat status = {};
    fstat(fd_, &status);
    return status;
  }

  int fd_ = -1;
};

// Calls that the tests record, as interpose's list would describe them.
enum TestCall : uint8_t {
  kSocketCall = 1,
  kBindCall,
  kListenCall,
  kConnectCall,
  kAcceptCall,
  kOpenCall,
  kDupCall,
  kEpollCall,
  kEventFdCall,
  kPipeCall
};

inline constexpr CallInfo kTestCalls[] = {
    {"", {}},
    {"socket",
     {{"domain", ArgumentKind::kSocketDomain},
      {"type", ArgumentKind::kSocketType},
      {"protocol", ArgumentKind::kSocketProtocol}}},
    {"bind", {{"sockfd", ArgumentKind::kFd}, {"addr", ArgumentKind::kAddress}, {}}},
    {"listen", {{"sockfd", ArgumentKind::kFd}, {"backlog", ArgumentKind::kInt}, {}}},
    {"connect", {{"sockfd", ArgumentKind::kFd}, {"addr", ArgumentKind::kAddress}, {}}},
    {"accept4", {{"sockfd", ArgumentKind::kFd}, {"flags", ArgumentKind::kSocketType}, {}}},
    {"open", {{"flags", ArgumentKind::kOpenFlags}, {"mode", ArgumentKind::kMode}, {}}},
    {"fcntl",
     {{"fd", ArgumentKind::kFd},
      {"cmd", ArgumentKind::kFcntlCommand},
      {"arg", ArgumentKind::kInt}}},
    {"epoll_create1", {{"flags", ArgumentKind::kEpollFlags}, {}, {}}},
    {"eventfd", {{"initval", ArgumentKind::kUnsigned}, {"flags", ArgumentKind::kEventFdFlags}, {}}},
    {"pipe2", {{"flags", ArgumentKind::kOpenFlags}, {}, {}}},
};

inline CallRecord MakeRecord(TestCall call, std::initializer_list<int64_t> arguments = {},
                             StackId stack = StackId::kNone) {
  CallRecord record = {};
  record.call = static_cast<CallId>(call);
  record.from_fd = -1;
  record.stack = stack;
  record.tid = 1;
  int i = 0;
  for (const int64_t argument : arguments) {
    record.arguments[i++] = static_cast<int32_t>(argument);
  }
  return record;
}

struct TestTable {
  TestTable() {
    region.Create(4 << 20);
    table.Create(&region);
    table.SetCalls(kTestCalls);
  }
  Region region;
  FdTable table;
};

inline const OpenDescriptor* FindFd(const Snapshot& snapshot, int fd) {
  for (const OpenDescriptor& descriptor : snapshot.descriptors) {
    if (descriptor.fd == fd) return &descriptor;
  }
  return nullptr;
}

}  // namespace fdorigin

#endif  // FDORIGIN_NATIVE_TESTS_REPORT_OPEN_FD_H_
