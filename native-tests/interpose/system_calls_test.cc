// System calls made through syscall(2): each that makes, copies or ends a descriptor is recorded as
// it was made, the others pass as if there were no hook.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "interpose/calls.h"
#include "interpose/harness.h"

namespace fdorigin {
namespace {

using Arguments = std::array<int64_t, kMaxArguments>;
// Above the low half of an argument's register, where an int's caller may leave what it likes.
constexpr long kLeftOver = 0x5a5a'5a5a'0000'0000;

long Word(const void* pointer) { return reinterpret_cast<long>(pointer); }

// Makes system calls through the fixture, which is hooked.
class SystemCalls {
 public:
  SystemCalls() {
    Harness& harness = Harness::Get();
    library_ = harness.dlopen(Fixture("system_calls").c_str(), RTLD_NOW);
    REQUIRE(library_ != nullptr);
    call_ =
        reinterpret_cast<long (*)(long, const long*)>(harness.dlsym(library_, "heron_system_call"));
    clone_and_close_ =
        reinterpret_cast<int (*)(int)>(harness.dlsym(library_, "heron_clone_and_close"));
    REQUIRE(call_ != nullptr);
    REQUIRE(clone_and_close_ != nullptr);
  }
  ~SystemCalls() { Harness::Get().dlclose(library_); }
  SystemCalls(const SystemCalls&) = delete;
  SystemCalls& operator=(const SystemCalls&) = delete;

  long operator()(long number, std::array<long, 6> arguments = {}) {
    tried.insert(number);
    return call_(number, arguments.data());
  }
  int CloneAndClose(int fd) { return clone_and_close_(fd); }

  // `fd` was made by the system call of that name, here. Closed, as a system call too.
  void OpenedAndClose(const char* name, long fd, const Arguments& arguments, int from_fd = -1) {
    INFO(name);
    Opened(name, fd, arguments, from_fd);
    CHECK((*this)(SYS_close, {fd | kLeftOver}) == 0);
    CHECK(IdentityOf(static_cast<int>(fd)) == FdIdentity{});
    CHECK_FALSE(Harness::Get().table.Copy(static_cast<int>(fd)));
  }

  void Opened(const char* name, long fd, const Arguments& arguments, int from_fd = -1) {
    INFO(name << " = " << fd << ", " << std::strerror(errno));
    REQUIRE(fd >= 0);
    const std::optional<FdEntry> entry = Harness::Get().table.Copy(static_cast<int>(fd));
    REQUIRE(entry);
    CHECK(entry->identity == IdentityOf(static_cast<int>(fd)));
    CHECK(entry->identity.ino != 0);
    CheckRecord(name, entry->origin, arguments);
    CHECK(entry->origin.from_fd == from_fd);
  }

  void Happened(const char* name, int fd, const Arguments& arguments) {
    INFO(name);
    const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
    REQUIRE(entry);
    REQUIRE_FALSE(entry->history.empty());
    CheckRecord(name, entry->history.back(), arguments);
  }

  // Not to be had everywhere: where the kernel says no, nothing is recorded.
  void MayOpen(const char* name, long number, std::array<long, 6> arguments,
               const Arguments& kept) {
    const std::set<int> before = OpenDescriptors();
    const long fd = (*this)(number, arguments);
    if (fd >= 0) {
      OpenedAndClose(name, fd, kept);
      return;
    }
    WARN(name << ": " << std::strerror(errno));
    CHECK(fd == -1);
    CHECK(OpenDescriptors() == before);
    CheckTableIsRight();
  }

  std::set<long> tried;

 private:
  static void CheckRecord(const char* name, const CallRecord& record, const Arguments& arguments) {
    CHECK(NameOf(record) == name);
    for (size_t i = 0; i < arguments.size(); ++i) {
      INFO("argument " << i);
      CHECK(record.arguments[i] == arguments[i]);
    }
    const Caller caller = CallerOf(record);
    CHECK(caller.function == "heron_system_call");
    CHECK(caller.frame == 0);
    // Below it is the program.
    const std::vector<Frame> frames = Harness::Get().stacks.Get(record.stack);
    REQUIRE(frames.size() > 4);
    CHECK(Harness::Get().images.Get(frames[1].image)->role == ImageRole::kSelf);
  }

  void* library_;
  long (*call_)(long, const long*);
  int (*clone_and_close_)(int);
};

void MakesSockets(SystemCalls& calls) {
  const long listener = calls(SYS_socket, {AF_INET | kLeftOver, SOCK_STREAM, IPPROTO_TCP});
  calls.Opened("socket", listener, {AF_INET, SOCK_STREAM, IPPROTO_TCP});
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(calls(SYS_bind, {listener, Word(&address), sizeof(address)}) == 0);
  const int fd = static_cast<int>(listener);
  calls.Happened("bind", fd, {fd});
  REQUIRE(calls(SYS_listen, {listener, 5}) == 0);
  calls.Happened("listen", fd, {fd, 5});
  socklen_t size = sizeof(address);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  for (const char* accept : {"accept", "accept4"}) {
    const long client = calls(SYS_socket, {AF_INET, SOCK_STREAM});
    REQUIRE(calls(SYS_connect, {client, Word(&address), sizeof(address)}) == 0);
    calls.Happened("connect", static_cast<int>(client), {client});
    const bool has_flags = std::strlen(accept) > 6;
    const long accepted = calls(has_flags ? SYS_accept4 : SYS_accept, {listener});
    calls.OpenedAndClose(accept, accepted, {listener}, fd);
    REQUIRE(calls(SYS_close, {client}) == 0);
  }
  REQUIRE(calls(SYS_close, {listener}) == 0);
  int pair[2];
  REQUIRE(calls(SYS_socketpair, {AF_UNIX, SOCK_SEQPACKET, 0, Word(pair)}) == 0);
  for (const int end : pair) calls.OpenedAndClose("socketpair", end, {AF_UNIX, SOCK_SEQPACKET});
}

void Receives(SystemCalls& calls) {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const int sent = open("/dev/null", O_RDONLY);
  for (const char* name : {"recvmsg", "recvmmsg"}) {
    char byte = 'x';
    iovec data = {&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    mmsghdr message = {};
    message.msg_hdr.msg_iov = &data;
    message.msg_hdr.msg_iovlen = 1;
    message.msg_hdr.msg_control = control;
    message.msg_hdr.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message.msg_hdr);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &sent, sizeof(int));
    REQUIRE(sendmsg(ends[0], &message.msg_hdr, 0) == 1);
    std::memset(control, 0, sizeof(control));
    const bool many = std::strlen(name) > 7;
    REQUIRE(calls(many ? SYS_recvmmsg : SYS_recvmsg, {ends[1], Word(&message), many ? 1 : 0}) == 1);
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof(int));
    calls.OpenedAndClose(name, fd, {ends[1]}, ends[1]);
  }
  for (const int fd : {sent, ends[0], ends[1]}) close(fd);
}

void MakesCopies(SystemCalls& calls) {
  const int from = open("/dev/null", O_RDONLY);
  calls.OpenedAndClose("dup", calls(SYS_dup, {from}), {from}, from);
  calls.OpenedAndClose("dup3", calls(SYS_dup3, {from, 90, O_CLOEXEC}), {from, 90, O_CLOEXEC}, from);
  calls.OpenedAndClose("fcntl", calls(SYS_fcntl, {from, F_DUPFD, kLeftOver | 80}),
                       {from, F_DUPFD, 80}, from);
  REQUIRE(calls(SYS_dup3, {from, 91}) == 91);
  REQUIRE(calls(SYS_close_range, {91, 95, 0}) == 0);
  CHECK_FALSE(Harness::Get().table.Copy(91));
#ifdef SYS_dup2
  calls.OpenedAndClose("dup2", calls(SYS_dup2, {from, 92}), {from, 92}, from);
#endif
  close(from);
}

void OpensFiles(SystemCalls& calls) {
  const long null = Word("/dev/null");
  calls.OpenedAndClose("openat", calls(SYS_openat, {AT_FDCWD, null, O_RDONLY}),
                       {AT_FDCWD, O_RDONLY});
  open_how how = {};
  how.flags = O_RDONLY;
  calls.OpenedAndClose("openat2", calls(SYS_openat2, {AT_FDCWD, null, Word(&how), sizeof(how)}),
                       {AT_FDCWD});
#ifdef SYS_open
  calls.OpenedAndClose("open", calls(SYS_open, {null, O_WRONLY}), {O_WRONLY});
  const std::string path = "/tmp/fdorigin-test-" + std::to_string(getpid());
  calls.OpenedAndClose("creat", calls(SYS_creat, {Word(path.c_str()), 0600}), {0, 0600});
  unlink(path.c_str());
#endif
  alignas(file_handle) char room[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* handle = reinterpret_cast<file_handle*>(room);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  name_to_handle_at(AT_FDCWD, "/tmp", handle, &mount, 0);
  const int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
  calls.MayOpen("open_by_handle_at", SYS_open_by_handle_at, {directory, Word(handle), O_RDONLY},
                {directory, 0, O_RDONLY});
  close(directory);
  const std::string queue = "fdorigin-test-" + std::to_string(getpid());
  calls.MayOpen("mq_open", SYS_mq_open, {Word(queue.c_str()), O_RDWR | O_CREAT, 0600},
                {O_RDWR | O_CREAT});
  mq_unlink(("/" + queue).c_str());
}

void MakesMemory(SystemCalls& calls) {
  calls.OpenedAndClose("memfd_create", calls(SYS_memfd_create, {Word("heron"), MFD_CLOEXEC}),
                       {0, MFD_CLOEXEC});
  calls.MayOpen("memfd_secret", SYS_memfd_secret, {O_CLOEXEC}, {O_CLOEXEC});
  calls.MayOpen("userfaultfd", SYS_userfaultfd, {O_CLOEXEC | O_NONBLOCK}, {O_CLOEXEC | O_NONBLOCK});
  io_uring_params ring = {};
  calls.MayOpen("io_uring_setup", SYS_io_uring_setup, {4, Word(&ring)}, {4});
  perf_event_attr event = {};
  event.type = PERF_TYPE_SOFTWARE;
  event.size = sizeof(event);
  event.config = PERF_COUNT_SW_TASK_CLOCK;
  event.exclude_kernel = 1;
  calls.MayOpen("perf_event_open", SYS_perf_event_open, {Word(&event), 0, -1, -1}, {0, 0, -1});
}

void MakesEvents(SystemCalls& calls) {
  int pair[2];
  REQUIRE(calls(SYS_pipe2, {Word(pair), O_CLOEXEC}) == 0);
  for (const int end : pair) calls.OpenedAndClose("pipe2", end, {O_CLOEXEC});
  calls.OpenedAndClose("epoll_create1", calls(SYS_epoll_create1, {EPOLL_CLOEXEC}), {EPOLL_CLOEXEC});
  calls.OpenedAndClose("eventfd2", calls(SYS_eventfd2, {29, EFD_CLOEXEC}), {29, EFD_CLOEXEC});
  calls.OpenedAndClose("timerfd_create", calls(SYS_timerfd_create, {CLOCK_MONOTONIC, TFD_CLOEXEC}),
                       {CLOCK_MONOTONIC, TFD_CLOEXEC});
  calls.OpenedAndClose("inotify_init1", calls(SYS_inotify_init1, {IN_CLOEXEC}), {IN_CLOEXEC});
  calls.MayOpen("fanotify_init", SYS_fanotify_init, {FAN_CLASS_NOTIF, O_RDONLY},
                {FAN_CLASS_NOTIF, O_RDONLY});
  uint64_t signals = 0;
  const long fd = calls(SYS_signalfd4, {-1, Word(&signals), sizeof(signals), SFD_CLOEXEC});
  calls.Opened("signalfd4", fd, {-1, 0, sizeof(signals)});
  const uint32_t generation = Harness::Get().table.Copy(static_cast<int>(fd))->generation;
  CHECK(calls(SYS_signalfd4, {fd, Word(&signals), sizeof(signals), 0}) == fd);
  CHECK(Harness::Get().table.Copy(static_cast<int>(fd))->generation == generation);
  calls(SYS_close, {fd});
  const long self = calls(SYS_pidfd_open, {getpid(), 0});
  calls.Opened("pidfd_open", self, {getpid(), 0});
  calls.MayOpen("pidfd_getfd", SYS_pidfd_getfd, {self, 0, 0}, {self, 0, 0});
  calls(SYS_close, {self});
#ifdef SYS_pipe
  REQUIRE(calls(SYS_pipe, {Word(pair)}) == 0);
  for (const int end : pair) calls.OpenedAndClose("pipe", end, {});
  calls.OpenedAndClose("epoll_create", calls(SYS_epoll_create, {7}), {7});
  calls.OpenedAndClose("eventfd", calls(SYS_eventfd, {31}), {31});
  calls.OpenedAndClose("signalfd", calls(SYS_signalfd, {-1, Word(&signals), sizeof(signals)}),
                       {-1, 0, sizeof(signals)});
  calls.OpenedAndClose("inotify_init", calls(SYS_inotify_init), {});
#endif
}

void MakesMounts(SystemCalls& calls) {
  calls.MayOpen("open_tree", SYS_open_tree, {AT_FDCWD, Word("/"), OPEN_TREE_CLOEXEC},
                {AT_FDCWD, 0, OPEN_TREE_CLOEXEC});
  calls.MayOpen("fspick", SYS_fspick, {AT_FDCWD, Word("/proc"), FSPICK_CLOEXEC},
                {AT_FDCWD, 0, FSPICK_CLOEXEC});
  calls.MayOpen("fsopen", SYS_fsopen, {Word("tmpfs"), FSOPEN_CLOEXEC}, {0, FSOPEN_CLOEXEC});
  const int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (context >= 0) fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  calls.MayOpen("fsmount", SYS_fsmount, {context, FSMOUNT_CLOEXEC, 0},
                {context, FSMOUNT_CLOEXEC, 0});
  if (context >= 0) close(context);
}

TEST_CASE("every hooked system call is recorded as it was made") {
  SystemCalls calls;
  MakesSockets(calls);
  Receives(calls);
  MakesCopies(calls);
  OpensFiles(calls);
  MakesMemory(calls);
  MakesEvents(calls);
  MakesMounts(calls);
  std::set<long> hooked;
  for (const HookedSystemCall& call : HookedSystemCalls()) hooked.insert(call.number);
  CHECK(hooked == calls.tried);
  CheckTableIsRight();
}

TEST_CASE("a system call that fails says so as without the hook") {
  SystemCalls calls;
  for (const HookedSystemCall& call : HookedSystemCalls()) {
    if (call.number == SYS_close_range) continue;  // with these arguments it would close all
    const std::array<long, 6> arguments = {-1, -1, -1, -1, -1, -1};
    INFO("system call " << call.number);
    // The instruction itself, past libc and past every hook.
    register long r10 __asm__("r10") = -1;
    register long r8 __asm__("r8") = -1;
    register long r9 __asm__("r9") = -1;
    long expected = call.number;
    __asm__ volatile("syscall"
                     : "+a"(expected)
                     : "D"(-1L), "S"(-1L), "d"(-1L), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    if (expected >= 0) {  // eventfd takes any number
      close(static_cast<int>(expected));
      continue;
    }
    errno = 0;
    CHECK(calls(call.number, arguments) == -1);
    CHECK(errno == -expected);
  }
  CheckTableIsRight();
}

TEST_CASE("other system calls pass by") {
  SystemCalls calls;
  CHECK(calls(SYS_gettid) == gettid());
  CHECK(calls(SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}) != -1);
  errno = 0;
  CHECK(calls(-1) == -1);
  CHECK(errno == ENOSYS);
  CHECK(calls(0x7fff'ffff'ffff'fff0) == -1);
  CHECK(errno == ENOSYS);
}

TEST_CASE("a child that syscall() clones leaves the table alone") {
  SystemCalls calls;
  const long fd = calls(SYS_eventfd2, {0, 0});
  CHECK(calls.CloneAndClose(static_cast<int>(fd)) == 7);
  calls.OpenedAndClose("eventfd2", fd, {0, 0});
}

}  // namespace
}  // namespace fdorigin
