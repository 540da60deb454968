// Every hooked call, made through libraries that are bound in different ways: what is recorded is
// what the kernel, the clock and the loader say. Once with the hooks in the libraries' slots, once
// with those in libc's entries, where what libc makes of a call is seen in its place.
#include "interpose/calls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pthread.h>
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "interpose/harness.h"

namespace fdorigin {
namespace {

using Arguments = std::array<int64_t, kMaxArguments>;

// Under which name a call is recorded where libc's entries are hooked: the first of several names
// of one function, or the call that a function of libc comes down to. Read in glibc 2.36's sources.
const std::map<std::string, std::string> kSeenAs = {
    {"open64", "open"},       {"openat64", "openat"},
    {"creat64", "creat"},     {"fcntl64", "fcntl"},
    {"__open_2", "open"},     {"__open64_2", "open"},
    {"__openat_2", "openat"}, {"__openat64_2", "openat"},
    {"fopen", "open"},        {"fopen64", "open"},
    {"tmpfile", "open"},      {"tmpfile64", "open"},
    {"popen", "pipe2"},       {"mkstemp", "open"},
    {"mkstemp64", "open"},    {"mkostemp", "open"},
    {"mkostemp64", "open"},   {"mkstemps", "open"},
    {"mkstemps64", "open"},   {"mkostemps", "open"},
    {"mkostemps64", "open"},  {"opendir", "open64"},
    {"freopen", "open"},      {"freopen64", "open"},
    {"shm_open", "open64"},   {"posix_openpt", "open"},
    {"getpt", "open"},        {"__open64_nocancel", "open64"},
};

// Functions of libc that make other calls than their caller did, with arguments of their own.
bool HasArgumentsOfItsOwn(const std::string& name) {
  return name == "popen" || name == "opendir" || name == "shm_open" || name == "getpt" ||
         name.starts_with("freopen") || name.starts_with("tmpfile") || name.starts_with("mk");
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Makes calls through one library, and knows what the last one was.
class Calls {
 public:
  explicit Calls(const std::string& variant)
      : library_(variant), fortified_(variant == "calls_fortify") {}

  int operator()(const std::string& name, heron_request* request) {
    name_ = name;
    ProbeNumbers();
    before_ = Now();
    const int result = library_.Call(name, request);
    after_ = Now();
    return result;
  }

  // The last call made the descriptor, or replaced one that was free.
  void Opened(int fd, const Arguments& arguments, int from_fd = -1) const {
    REQUIRE(fd >= 0);
    const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
    REQUIRE(entry);
    CHECK(entry->fd == fd);
    CHECK(entry->identity == IdentityOf(fd));
    CHECK(entry->identity.ino != 0);
    CHECK(entry->history.empty());
    CHECK_FALSE(entry->inherited);
    CHECK_FALSE(entry->lost);
    CheckRecord(entry->origin, arguments, from_fd);
    CHECK(entry->origin.address_size == 0);
    // Seen once: each open and each end of a number raises its generation by one.
    const uint32_t steps = name_.starts_with("dup2") || name_.starts_with("dup3") ? 2 : 1;
    const auto free = free_generations_.find(fd);
    if (free != free_generations_.end()) CHECK(entry->generation == free->second + steps);
  }

  // The last call is the descriptor's latest step.
  void Happened(int fd, const Arguments& arguments, const void* address, size_t size) const {
    const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
    REQUIRE(entry);
    REQUIRE_FALSE(entry->history.empty());
    const CallRecord& step = entry->history.back();
    CheckRecord(step, arguments, -1);
    REQUIRE(step.address_size == size);
    if (size > 0) CHECK(std::memcmp(step.address, address, size) == 0);
  }

  // The last call ended it.
  void Closed(int fd) const {
    CHECK(IdentityOf(fd) == FdIdentity{});
    CHECK_FALSE(Harness::Get().table.Copy(fd));
  }

  int Socket() { return library_.Socket(); }
  void Close(int fd) { REQUIRE(library_.Close(fd) == 0); }

 private:
  // Takes the lowest free numbers and gives them back, to know the generations that they have then.
  void ProbeNumbers() {
    free_generations_.clear();
    int fds[kProbed];
    for (int& fd : fds) fd = library_.Socket();
    for (const int fd : fds) {
      const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
      REQUIRE(entry);
      free_generations_[fd] = entry->generation + 1;
    }
    for (const int fd : fds) Close(fd);
  }

  std::string ExpectedName() const {
    if (Harness::HooksLibc()) {
      const auto seen_as = kSeenAs.find(name_);
      return seen_as == kSeenAs.end() ? name_ : seen_as->second;
    }
    // What the fortified headers make of open.
    if (fortified_ && (name_ == "open" || name_ == "open64")) {
      return name_ == "open" ? "__open_2" : "__open64_2";
    }
    return name_;
  }

  void CheckRecord(const CallRecord& record, const Arguments& arguments, int from_fd) const {
    CHECK(NameOf(record) == ExpectedName());
    if (!Harness::HooksLibc() || !HasArgumentsOfItsOwn(name_)) CheckArguments(record, arguments);
    CHECK(record.from_fd == from_fd);
    CHECK(record.tid == syscall(SYS_gettid));
    CHECK(record.at_ns >= before_);
    CHECK(record.at_ns <= after_);
    char thread[16] = {};
    pthread_getname_np(pthread_self(), thread, sizeof(thread));
    CHECK(Harness::Get().strings.Get(record.thread_name) == thread);
    CHECK(record.thread_kind == ThreadKind::kNative);
    CHECK(record.java_stack == JavaStackStatus::kBeforeVmInit);
    const Caller caller = Harness::HooksLibc() ? CallerOutsideLibc(record) : CallerOf(record);
    CHECK(caller.function == "heron_" + name_);
    CHECK(caller.file == library_.path());
    // Below the library's function is the program, down to its start.
    const std::vector<Frame> frames = Harness::Get().stacks.Get(record.stack);
    REQUIRE(frames.size() > caller.frame + 4);
    CHECK(Harness::Get().images.Get(frames[caller.frame + 1].image)->role == ImageRole::kSelf);
  }

  static void CheckArguments(const CallRecord& record, const Arguments& arguments) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      INFO("argument " << i);
      CHECK(record.arguments[i] == arguments[i]);
    }
  }

  static constexpr int kProbed = 3;

  Library library_;
  bool fortified_;
  std::map<int, uint32_t> free_generations_;  // of the numbers that the last call could get
  std::string name_;
  int64_t before_ = 0;
  int64_t after_ = 0;
};

// A file of the test's own; removed at the end.
class TemporaryFile {
 public:
  TemporaryFile() {
    const int fd = mkstemp(path_);
    REQUIRE(fd >= 0);
    close(fd);
  }
  ~TemporaryFile() { unlink(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/fdorigin-test-XXXXXX";
};

// A listening TCP socket on the loopback interface, and what the hooks do not see of it.
class Listener {
 public:
  Listener() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    REQUIRE(fd_ >= 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address_), sizeof(address_)) == 0);
    socklen_t size = sizeof(address_);
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size) == 0);
    REQUIRE(listen(fd_, 5) == 0);
  }
  ~Listener() {
    close(fd_);
    if (client_ >= 0) close(client_);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  void ConnectClient() {
    client_ = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(connect(client_, reinterpret_cast<sockaddr*>(&address_), sizeof(address_)) == 0);
  }
  int fd() const { return fd_; }
  sockaddr_in* address() { return &address_; }

 private:
  int fd_;
  int client_ = -1;
  sockaddr_in address_ = {};
};

void OpensOne(Calls& calls, const std::string& name, heron_request request,
              const Arguments& arguments, int from_fd = -1) {
  const int fd = calls(name, &request);
  calls.Opened(fd, arguments, from_fd);
  calls.Close(fd);
}

void OpensPair(Calls& calls, const std::string& name, heron_request request,
               const Arguments& arguments) {
  REQUIRE(calls(name, &request) == 0);
  REQUIRE(request.pair[0] != request.pair[1]);
  for (const int fd : request.pair) {
    calls.Opened(fd, arguments);
    calls.Close(fd);
  }
}

void OpensFile(Calls& calls, const std::string& name) {
  const TemporaryFile file;
  OpensOne(calls, name, {.a = O_RDWR | O_CLOEXEC, .path = file.path()}, {O_RDWR | O_CLOEXEC});
}

void OpensFileAt(Calls& calls, const std::string& name) {
  const int directory = open("/", O_RDONLY | O_DIRECTORY);
  OpensOne(calls, name, {.a = directory, .b = O_RDONLY, .path = "proc/self/maps"},
           {directory, O_RDONLY});
  close(directory);
}

void Creates(Calls& calls, const std::string& name) {
  const TemporaryFile file;
  OpensOne(calls, name, {.a = 0640, .path = file.path()}, {0, 0640});
}

void Accepts(Calls& calls, const std::string& name) {
  Listener listener;
  listener.ConnectClient();
  OpensOne(calls, name, {.a = listener.fd(), .b = SOCK_CLOEXEC}, {listener.fd()}, listener.fd());
}

void Replaces(Calls& calls, const std::string& name, int flags) {
  const int from = calls.Socket();
  const int to = calls.Socket();
  const uint32_t generation = Harness::Get().table.Copy(to)->generation;
  heron_request request = {.a = from, .b = to, .c = flags};
  REQUIRE(calls(name, &request) == to);
  calls.Opened(to, {from, to, flags}, from);
  CHECK(Harness::Get().table.Copy(to)->generation == generation + 2);
  // A number that was not open before.
  calls.Close(to);
  REQUIRE(calls(name, &request) == to);
  calls.Opened(to, {from, to, flags}, from);
  calls.Close(from);
  calls.Close(to);
}

void Duplicates(Calls& calls, const std::string& name) {
  const int from = calls.Socket();
  // Whatever the caller left above the int it passed is not part of the argument.
  OpensOne(calls, name, {.a = from, .b = F_DUPFD_CLOEXEC, .d = 0x5a5a'5a5a'0000'0064},
           {from, F_DUPFD_CLOEXEC, 100}, from);
  OpensOne(calls, name, {.a = from, .b = F_DUPFD, .d = 90}, {from, F_DUPFD, 90}, from);
  // Other commands are no step of a descriptor's life.
  heron_request request = {.a = from, .b = F_GETFD};
  CHECK(calls(name, &request) >= 0);
  CHECK(Harness::Get().table.Copy(from)->history.empty());
  CHECK(NameOf(Harness::Get().table.Copy(from)->origin) == "socket");
  calls.Close(from);
}

void OpensStream(Calls& calls, const std::string& name) {
  heron_request request = {.path = "/proc/self/maps"};
  const int fd = calls(name, &request);
  calls.Opened(fd, {});
  CHECK(calls("fclose", &request) == 0);
  calls.Closed(fd);
}

// The stream's old descriptor ends and a new one begins, under the same number or another.
void Reopens(Calls& calls, const std::string& name) {
  heron_request request = {.path = "/proc/self/maps"};
  const int fd = calls("fopen", &request);
  const uint32_t generation = Harness::Get().table.Copy(fd)->generation;
  request.path = "/dev/null";
  const int reopened = calls(name, &request);
  REQUIRE(reopened == fd);
  const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
  REQUIRE(entry);
  CHECK(entry->identity == IdentityOf(fd));
  CHECK(entry->generation > generation);
  CHECK((Harness::HooksLibc() ? CallerOutsideLibc(entry->origin) : CallerOf(entry->origin))
            .function == "heron_" + name);
  // What cannot be reopened is closed. glibc keeps the closed stream's memory for good.
  if (kSanitized) {
    calls("fclose", &request);
    return;
  }
  request.path = "/nowhere/at/all";
  CHECK(calls(name, &request) == -1);
  calls.Closed(fd);
}

void OpensSharedMemory(Calls& calls) {
  const std::string name = "/fdorigin-test-" + std::to_string(getpid());
  OpensOne(calls, "shm_open", {.a = O_RDWR | O_CREAT, .b = 0600, .path = name.c_str()},
           {0, O_RDWR | O_CREAT, 0600});
  shm_unlink(name.c_str());
}

void OpensQueue(Calls& calls) {
  const std::string name = "/fdorigin-test-" + std::to_string(getpid());
  heron_request request = {.a = O_RDWR | O_CREAT, .b = 0600, .path = name.c_str()};
  request.a = calls("mq_open", &request);
  if (request.a < 0) {
    WARN("mq_open: " << std::strerror(errno));
    return;
  }
  calls.Opened(request.a, {O_RDWR | O_CREAT});
  REQUIRE(calls("mq_close", &request) == 0);
  calls.Closed(request.a);
  mq_unlink(name.c_str());
}

void OpensByHandle(Calls& calls) {
  const TemporaryFile file;
  alignas(file_handle) char room[sizeof(file_handle) + MAX_HANDLE_SZ];
  auto* handle = reinterpret_cast<file_handle*>(room);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  const int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
  heron_request request = {.a = directory, .b = O_RDONLY, .pointer = handle};
  const bool can = name_to_handle_at(AT_FDCWD, file.path(), handle, &mount, 0) == 0;
  const int fd = can ? calls("open_by_handle_at", &request) : -1;
  if (fd >= 0) {
    calls.Opened(fd, {directory, 0, O_RDONLY});
    calls.Close(fd);
  } else {
    WARN("open_by_handle_at: " << std::strerror(errno));
  }
  close(directory);
}

// A filesystem that is nowhere mounted.
void OpensMounts(Calls& calls) {
  heron_request request = {.a = FSOPEN_CLOEXEC, .path = "tmpfs"};
  const int context = calls("fsopen", &request);
  if (context < 0) {
    WARN("fsopen: " << std::strerror(errno) << "; it needs root");
    return;
  }
  calls.Opened(context, {0, FSOPEN_CLOEXEC});
  REQUIRE(fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0);
  request = {.a = context, .b = FSMOUNT_CLOEXEC, .c = 0};
  const int mount = calls("fsmount", &request);
  calls.Opened(mount, {context, FSMOUNT_CLOEXEC, 0});
  calls.Close(mount);
  calls.Close(context);
  OpensOne(calls, "open_tree", {.a = AT_FDCWD, .b = OPEN_TREE_CLOEXEC, .path = "/"},
           {AT_FDCWD, 0, OPEN_TREE_CLOEXEC});
  request = {.a = AT_FDCWD, .b = FSPICK_CLOEXEC, .path = "/proc"};
  const int picked = calls("fspick", &request);
  if (picked < 0) {
    WARN("fspick: " << std::strerror(errno));
    return;
  }
  calls.Opened(picked, {AT_FDCWD, 0, FSPICK_CLOEXEC});
  calls.Close(picked);
}

void OpensProcess(Calls& calls) {
  heron_request request = {.path = "exit 5"};
  const int fd = calls("popen", &request);
  calls.Opened(fd, {});
  const int status = calls("pclose", &request);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 5);
  calls.Closed(fd);
}

// `suffix` is what the name ends in after the X's; the arguments are the request's and the
// record's.
void OpensTemporary(Calls& calls, const std::string& name, const std::string& suffix,
                    heron_request request, const Arguments& arguments) {
  std::string path = "/tmp/fdorigin-test-XXXXXX" + suffix;
  request.pointer = path.data();
  const int fd = calls(name, &request);
  calls.Opened(fd, arguments);
  CHECK(unlink(path.c_str()) == 0);
  calls.Close(fd);
}

// Sends copies of the descriptors in one message.
void Send(int socket, const std::vector<int>& fds) {
  char byte = 'x';
  iovec data = {&byte, 1};
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  REQUIRE(sendmsg(socket, &message, 0) == 1);
}

// A message to be received, with room for so many bytes of control data.
class Incoming {
 public:
  explicit Incoming(size_t control_bytes) : control_(control_bytes) {
    data_ = {&byte_, 1};
    message.msg_iov = &data_;
    message.msg_iovlen = 1;
    message.msg_control = control_bytes == 0 ? nullptr : control_.data();
    message.msg_controllen = control_bytes;
  }
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;
  msghdr message = {};

 private:
  char byte_ = 0;
  iovec data_ = {};
  std::vector<char> control_;
};

// Which numbers `act` opened, as the kernel says.
template <typename Act>
std::set<int> NewlyOpen(Act act) {
  const std::set<int> before = OpenDescriptors();
  act();
  std::set<int> open = OpenDescriptors();
  std::erase_if(open, [&](int fd) { return before.contains(fd); });
  return open;
}

void Receives(Calls& calls) {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const int sent = calls.Socket();
  struct Case {
    size_t sent;
    size_t room;  // bytes of control data
    size_t received;
  };
  // All; none at all; fewer than were sent, of which the kernel takes back the others.
  const Case cases[] = {{1, CMSG_SPACE(sizeof(int)), 1},
                        {2, CMSG_SPACE(4 * sizeof(int)), 2},
                        {1, 0, 0},
                        {3, CMSG_LEN(0), 0},
                        {3, CMSG_LEN(sizeof(int)), 1},
                        {5, CMSG_LEN(2 * sizeof(int)), 2}};
  for (const Case& one : cases) {
    INFO(one.sent << " sent, room of " << one.room);
    Send(ends[0], std::vector<int>(one.sent, sent));
    Incoming incoming(one.room);
    heron_request request = {.a = ends[1], .b = MSG_CMSG_CLOEXEC, .pointer = &incoming.message};
    const std::set<int> fresh = NewlyOpen([&] { CHECK(calls("recvmsg", &request) == 1); });
    CHECK(fresh.size() == one.received);
    CHECK(((incoming.message.msg_flags & MSG_CTRUNC) != 0) == (one.received < one.sent));
    for (const int fd : fresh) {
      CHECK(IdentityOf(fd) == IdentityOf(sent));
      calls.Opened(fd, {ends[1]}, ends[1]);
      calls.Close(fd);
    }
  }
  CHECK(Harness::Get().table.Copy(sent)->history.empty());
  calls.Close(sent);
  close(ends[0]);
  close(ends[1]);
}

void ReceivesMany(Calls& calls) {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
  const int sent = calls.Socket();
  Send(ends[0], {sent});
  Send(ends[0], {sent, sent});
  Incoming first(CMSG_SPACE(sizeof(int)));
  Incoming second(CMSG_SPACE(2 * sizeof(int)));
  // The third is not filled in: there are two messages only.
  mmsghdr messages[3] = {{first.message, 0}, {second.message, 0}, {first.message, 0}};
  heron_request request = {
      .a = ends[1], .b = MSG_DONTWAIT, .pointer = messages, .size = std::size(messages)};
  const std::set<int> fresh = NewlyOpen([&] { CHECK(calls("recvmmsg", &request) == 2); });
  CHECK(fresh.size() == 3);
  for (const int fd : fresh) calls.Opened(fd, {ends[1]}, ends[1]);
  for (const int fd : fresh) calls.Close(fd);
  calls.Close(sent);
  close(ends[0]);
  close(ends[1]);
}

// A copy of a new socket at exactly this number.
int SocketAt(Calls& calls, int number) {
  const int fd = calls.Socket();
  heron_request request = {.a = fd, .b = F_DUPFD, .d = number};
  REQUIRE(calls("fcntl", &request) == number);
  calls.Close(fd);
  return number;
}

void ClosesRange(Calls& calls) {
  const int low = SocketAt(calls, 500);
  const int high = SocketAt(calls, 600);
  const int beyond = SocketAt(calls, 601);
  heron_request request = {.a = low, .b = beyond, .c = CLOSE_RANGE_CLOEXEC};
  CHECK(calls("close_range", &request) == 0);
  CHECK(fcntl(high, F_GETFD) == FD_CLOEXEC);
  for (const int fd : {low, high, beyond}) CHECK(Harness::Get().table.Copy(fd));
  request = {.a = beyond, .b = low};
  CHECK(calls("close_range", &request) == -1);
  for (const int fd : {low, high, beyond}) CHECK(Harness::Get().table.Copy(fd));
  request = {.a = low, .b = high};
  CHECK(calls("close_range", &request) == 0);
  calls.Closed(low);
  calls.Closed(high);
  CHECK(Harness::Get().table.Copy(beyond));
  calls.Close(beyond);
}

void ClosesFrom(Calls& calls) {
  const int below = SocketAt(calls, 499);
  const int first = SocketAt(calls, 500);
  const int second = SocketAt(calls, 700);
  heron_request request = {.a = first};
  calls("closefrom", &request);
  calls.Closed(first);
  calls.Closed(second);
  CHECK(Harness::Get().table.Copy(below));
  calls.Close(below);
}

void OpensGroup(Calls& calls) {
  heron_request request = {.a = FAN_CLASS_NOTIF | FAN_CLOEXEC, .b = O_RDONLY};
  const int fd = calls("fanotify_init", &request);
  if (fd < 0 && (errno == EPERM || errno == ENOSYS)) return;  // a test of its own says so
  calls.Opened(fd, {FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY});
  calls.Close(fd);
}

void OpensProcessDescriptor(Calls& calls) {
  OpensOne(calls, "pidfd_open", {.a = getpid()}, {getpid()});
}

void CopiesFromProcess(Calls& calls) {
  heron_request request = {.a = getpid()};
  const int process = calls("pidfd_open", &request);
  const int source = calls.Socket();
  request = {.a = process, .b = source};
  const int fd = calls("pidfd_getfd", &request);
  calls.Opened(fd, {process, source, 0});
  CHECK(IdentityOf(fd) == IdentityOf(source));
  calls.Close(fd);
  calls.Close(source);
  calls.Close(process);
}

using Scenario = void (*)(Calls&);

// By the call's name. An entry of FDORIGIN_HOOKED_CALLS that is not here fails the first test.
const std::map<std::string, Scenario>& Scenarios() {
  static const std::map<std::string, Scenario> scenarios = {
      {"socket",
       [](Calls& calls) {
         OpensOne(calls, "socket", {.a = AF_INET, .b = SOCK_DGRAM | SOCK_CLOEXEC, .c = IPPROTO_UDP},
                  {AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP});
       }},
      {"socketpair",
       [](Calls& calls) {
         OpensPair(calls, "socketpair", {.a = AF_UNIX, .b = SOCK_SEQPACKET},
                   {AF_UNIX, SOCK_SEQPACKET, 0});
       }},
      {"accept", [](Calls& calls) { Accepts(calls, "accept"); }},
      {"accept4", [](Calls& calls) { Accepts(calls, "accept4"); }},
      {"bind",
       [](Calls& calls) {
         heron_request request = {.a = AF_INET, .b = SOCK_STREAM};
         const int fd = calls("socket", &request);
         sockaddr_in address = {};
         address.sin_family = AF_INET;
         address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
         request = {.a = fd, .pointer = &address, .size = sizeof(address)};
         REQUIRE(calls("bind", &request) == 0);
         calls.Happened(fd, {fd}, &address, sizeof(address));
         calls.Close(fd);
       }},
      {"connect",
       [](Calls& calls) {
         Listener listener;
         heron_request request = {.a = AF_INET, .b = SOCK_STREAM};
         const int fd = calls("socket", &request);
         request = {.a = fd, .pointer = listener.address(), .size = sizeof(sockaddr_in)};
         REQUIRE(calls("connect", &request) == 0);
         calls.Happened(fd, {fd}, listener.address(), sizeof(sockaddr_in));
         calls.Close(fd);
       }},
      {"listen",
       [](Calls& calls) {
         heron_request request = {.a = AF_INET, .b = SOCK_STREAM};
         const int fd = calls("socket", &request);
         request = {.a = fd, .b = 17};
         REQUIRE(calls("listen", &request) == 0);
         calls.Happened(fd, {fd, 17}, nullptr, 0);
         calls.Close(fd);
       }},
      {"dup",
       [](Calls& calls) {
         const int from = calls.Socket();
         OpensOne(calls, "dup", {.a = from}, {from}, from);
         calls.Close(from);
       }},
      {"dup2", [](Calls& calls) { Replaces(calls, "dup2", 0); }},
      {"dup3", [](Calls& calls) { Replaces(calls, "dup3", O_CLOEXEC); }},
      {"fcntl", [](Calls& calls) { Duplicates(calls, "fcntl"); }},
      {"fcntl64", [](Calls& calls) { Duplicates(calls, "fcntl64"); }},
      {"close",
       [](Calls& calls) {
         const int fd = calls.Socket();
         REQUIRE(Harness::Get().table.Copy(fd));
         heron_request request = {.a = fd};
         REQUIRE(calls("close", &request) == 0);
         calls.Closed(fd);
       }},
      {"open", [](Calls& calls) { OpensFile(calls, "open"); }},
      {"open64", [](Calls& calls) { OpensFile(calls, "open64"); }},
      {"__open_2", [](Calls& calls) { OpensFile(calls, "__open_2"); }},
      {"__open64_2", [](Calls& calls) { OpensFile(calls, "__open64_2"); }},
      {"openat", [](Calls& calls) { OpensFileAt(calls, "openat"); }},
      {"openat64", [](Calls& calls) { OpensFileAt(calls, "openat64"); }},
      {"creat", [](Calls& calls) { Creates(calls, "creat"); }},
      {"creat64", [](Calls& calls) { Creates(calls, "creat64"); }},
      {"fopen", [](Calls& calls) { OpensStream(calls, "fopen"); }},
      {"fopen64", [](Calls& calls) { OpensStream(calls, "fopen64"); }},
      {"fclose",
       [](Calls& calls) {
         OpensStream(calls, "fopen");
         // A stream without a descriptor ends nobody's record.
         char text[] = "x";
         heron_request request = {.pointer = fmemopen(text, 1, "r")};
         const int fd = calls.Socket();
         CHECK(calls("fclose", &request) == 0);
         CHECK(Harness::Get().table.Copy(fd));
         calls.Close(fd);
       }},
      {"opendir",
       [](Calls& calls) {
         heron_request request = {.path = "/proc/self"};
         const int fd = calls("opendir", &request);
         calls.Opened(fd, {});
         CHECK(calls("closedir", &request) == 0);
       }},
      {"closedir",
       [](Calls& calls) {
         heron_request request = {.path = "/"};
         const int fd = calls("opendir", &request);
         REQUIRE(Harness::Get().table.Copy(fd));
         CHECK(calls("closedir", &request) == 0);
         calls.Closed(fd);
       }},
      {"memfd_create",
       [](Calls& calls) {
         OpensOne(calls, "memfd_create", {.a = MFD_CLOEXEC, .path = "heron"}, {0, MFD_CLOEXEC});
       }},
      {"pipe", [](Calls& calls) { OpensPair(calls, "pipe", {}, {}); }},
      {"pipe2", [](Calls& calls) { OpensPair(calls, "pipe2", {.a = O_NONBLOCK}, {O_NONBLOCK}); }},
      {"epoll_create", [](Calls& calls) { OpensOne(calls, "epoll_create", {.a = 5}, {5}); }},
      {"epoll_create1",
       [](Calls& calls) {
         OpensOne(calls, "epoll_create1", {.a = EPOLL_CLOEXEC}, {EPOLL_CLOEXEC});
       }},
      {"eventfd",
       [](Calls& calls) {
         OpensOne(calls, "eventfd", {.a = 3, .b = EFD_NONBLOCK}, {3, EFD_NONBLOCK});
       }},
      {"timerfd_create",
       [](Calls& calls) {
         OpensOne(calls, "timerfd_create", {.a = CLOCK_MONOTONIC, .b = TFD_CLOEXEC},
                  {CLOCK_MONOTONIC, TFD_CLOEXEC});
       }},
      {"signalfd",
       [](Calls& calls) {
         sigset_t signals;
         sigemptyset(&signals);
         heron_request request = {.a = -1, .b = SFD_CLOEXEC, .pointer = &signals};
         const int fd = calls("signalfd", &request);
         calls.Opened(fd, {-1, 0, SFD_CLOEXEC});
         // Given a descriptor it makes none.
         const uint32_t generation = Harness::Get().table.Copy(fd)->generation;
         request.a = fd;
         CHECK(calls("signalfd", &request) == fd);
         CHECK(Harness::Get().table.Copy(fd)->generation == generation);
         calls.Close(fd);
       }},
      {"recvmsg", &Receives},
      {"recvmmsg", &ReceivesMany},
      {"close_range", &ClosesRange},
      {"closefrom", &ClosesFrom},
      {"__openat_2", [](Calls& calls) { OpensFileAt(calls, "__openat_2"); }},
      {"__openat64_2", [](Calls& calls) { OpensFileAt(calls, "__openat64_2"); }},
      {"tmpfile", [](Calls& calls) { OpensStream(calls, "tmpfile"); }},
      {"tmpfile64", [](Calls& calls) { OpensStream(calls, "tmpfile64"); }},
      {"popen", &OpensProcess},
      {"pclose", &OpensProcess},
      {"mkstemp", [](Calls& calls) { OpensTemporary(calls, "mkstemp", "", {}, {}); }},
      {"mkstemp64", [](Calls& calls) { OpensTemporary(calls, "mkstemp64", "", {}, {}); }},
      {"mkostemp",
       [](Calls& calls) {
         OpensTemporary(calls, "mkostemp", "", {.a = O_APPEND}, {0, O_APPEND});
       }},
      {"mkostemp64",
       [](Calls& calls) {
         OpensTemporary(calls, "mkostemp64", "", {.a = O_CLOEXEC}, {0, O_CLOEXEC});
       }},
      {"mkstemps",
       [](Calls& calls) {
         OpensTemporary(calls, "mkstemps", ".txt", {.a = 4}, {0, 4});
       }},
      {"mkstemps64",
       [](Calls& calls) {
         OpensTemporary(calls, "mkstemps64", ".c", {.a = 2}, {0, 2});
       }},
      {"mkostemps",
       [](Calls& calls) {
         OpensTemporary(calls, "mkostemps", ".txt", {.a = 4, .b = O_SYNC}, {0, 4, O_SYNC});
       }},
      {"mkostemps64",
       [](Calls& calls) {
         OpensTemporary(calls, "mkostemps64", ".c", {.a = 2, .b = O_CLOEXEC}, {0, 2, O_CLOEXEC});
       }},
      {"freopen", [](Calls& calls) { Reopens(calls, "freopen"); }},
      {"freopen64", [](Calls& calls) { Reopens(calls, "freopen64"); }},
      {"shm_open", &OpensSharedMemory},
      {"posix_openpt",
       [](Calls& calls) {
         OpensOne(calls, "posix_openpt", {.a = O_RDWR | O_NOCTTY}, {O_RDWR | O_NOCTTY});
       }},
      {"getpt", [](Calls& calls) { OpensOne(calls, "getpt", {}, {}); }},
      {"mq_open", &OpensQueue},
      {"mq_close", &OpensQueue},
      {"open_by_handle_at", &OpensByHandle},
      {"fsopen", &OpensMounts},
      {"fsmount", &OpensMounts},
      {"fspick", &OpensMounts},
      {"open_tree", &OpensMounts},
      {"fanotify_init", &OpensGroup},
      {"pidfd_open", &OpensProcessDescriptor},
      {"pidfd_getfd", &CopiesFromProcess},
      {"__open64_nocancel",
       [](Calls& calls) {
         if (!Harness::HooksLibc()) return;  // in no slot
         OpensOne(calls, "__open64_nocancel", {.a = O_RDONLY, .path = "/dev/null"}, {O_RDONLY});
       }},
      {"__close_nocancel",
       [](Calls& calls) {
         if (!Harness::HooksLibc()) return;
         const int fd = calls.Socket();
         heron_request request = {.a = fd};
         REQUIRE(calls("__close_nocancel", &request) == 0);
         calls.Closed(fd);
       }},
      {"inotify_init", [](Calls& calls) { OpensOne(calls, "inotify_init", {}, {}); }},
      {"inotify_init1",
       [](Calls& calls) { OpensOne(calls, "inotify_init1", {.a = IN_NONBLOCK}, {IN_NONBLOCK}); }},
  };
  return scenarios;
}

TEST_CASE("every hooked call has a scenario") {
  std::set<std::string> hooked;
  for (const HookedFunction& function : HookedFunctions()) hooked.insert(function.name);
  hooked.erase("syscall");  // system_calls_test.cc
  // Children are begun in contexts_test.cc and spawn_test.cc, addresses listed in entries_test.cc.
  for (const char* name : {"getifaddrs", "if_nameindex"}) hooked.erase(name);
  for (const char* name : {"vfork", "posix_spawn", "posix_spawnp", "clone"}) hooked.erase(name);
  std::set<std::string> tried;
  for (const auto& [name, scenario] : Scenarios()) tried.insert(name);
  CHECK(hooked == tried);
  // Entry 0 is none.
  CHECK(HookedCalls().size() == HookedFunctions().size() + HookedSystemCalls().size() + 1);
}

TEST_CASE("every hooked call is recorded as it was made") {
  const std::string variant = GENERATE("calls_lazy", "calls_now", "calls_noplt", "calls_fortify");
  const uint64_t dropped = Harness::Get().table.dropped();
  Calls calls(variant);
  for (const auto& [name, scenario] : Scenarios()) {
    INFO(name << " through " << variant);
    scenario(calls);
  }
  CHECK(Harness::Get().table.dropped() == dropped);
}

TEST_CASE("fanotify_init can be tried here") {
  const int fd = fanotify_init(FAN_CLASS_NOTIF, O_RDONLY);
  if (fd < 0) SKIP("fanotify_init: " << std::strerror(errno) << "; it needs root");
  CHECK(close(fd) == 0);
}

TEST_CASE("each of the several slots of one import is hooked", "[slots]") {
  Library library("slots");
  for (const std::string name : {"direct", "constant_table", "writable_table", "address"}) {
    INFO(name);
    heron_request request = {.a = AF_UNIX, .b = SOCK_STREAM};
    const int fd = library.Call(name, &request);
    const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
    REQUIRE(entry);
    CHECK(CallerOf(entry->origin).function == "heron_" + name);
    request.a = fd;
    REQUIRE(library.Call("table_close", &request) == 0);
    CHECK_FALSE(Harness::Get().table.Copy(fd));
  }
}

TEST_CASE("a long address is cut") {
  Library library("calls_now");
  sockaddr_storage address = {};
  address.ss_family = AF_UNIX;
  std::memset(reinterpret_cast<char*>(&address) + 3, 'h', 80);  // abstract, with a name of 80
  const int fd = library.Socket();
  heron_request request = {.a = fd, .pointer = &address, .size = 83};
  REQUIRE(library.Call("bind", &request) == 0);
  const FdEntry entry = *Harness::Get().table.Copy(fd);
  REQUIRE(entry.history.size() == 1);
  CHECK(std::memcmp(entry.history[0].address, &address, kMaxRecordedAddress) == 0);
  CHECK(entry.history[0].address_size == 83);
  library.Close(fd);
}

}  // namespace
}  // namespace fdorigin
