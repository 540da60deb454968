// Hooks run wherever the application calls libc: they keep errno, survive signals, cancellation,
// small stacks and children, and never tell of a call that was not made.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "interpose/harness.h"

namespace fdorigin {
namespace {

constexpr int kUnusualErrno = 4242;

// The record of an open descriptor is of that descriptor, or says that something was lost.
bool IsRight(int fd) {
  const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
  return !entry || entry->lost || entry->identity == IdentityOf(fd);
}

// A TCP address on the loopback interface at which nobody listens, or somebody does.
sockaddr_in LoopbackAddress(bool listening, int* listener) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  *listener = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(bind(*listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  socklen_t size = sizeof(address);
  REQUIRE(getsockname(*listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  if (listening) REQUIRE(listen(*listener, 5) == 0);
  return address;
}

TEST_CASE("a call that succeeds leaves errno alone") {
  Library library(GENERATE("calls_lazy", "calls_now"));
  const auto call = [&](const std::string& name, heron_request request) {
    INFO(name);
    errno = kUnusualErrno;
    const int result = library.Call(name, &request);
    const int left = errno;
    CHECK(left == kUnusualErrno);
    CHECK(result >= 0);
    return result;
  };
  for (int turn = 0; turn < 2; ++turn) {  // new stacks, known stacks
    const int fd = call("socket", {.a = AF_UNIX, .b = SOCK_STREAM});
    const int copy = call("dup", {.a = fd});
    call("dup2", {.a = fd, .b = copy});
    call("fcntl", {.a = fd, .b = F_GETFD});
    call("close", {.a = call("epoll_create1", {})});
    call("close", {.a = call("open", {.a = O_RDONLY, .path = "/dev/null"})});
    call("close", {.a = copy});
    call("close", {.a = fd});
  }
}

TEST_CASE("a call that fails keeps its errno and leaves no record") {
  Library library("calls_now");
  const auto fails = [&](const std::string& name, heron_request request, int expected) {
    INFO(name);
    errno = 0;
    const int result = library.Call(name, &request);
    const int left = errno;
    CHECK(result == -1);
    CHECK(left == expected);
  };
  // Nothing of what follows may appear at the lowest free number.
  const int next = dup(0);
  close(next);
  fails("dup", {.a = -1}, EBADF);
  fails("close", {.a = next}, EBADF);
  fails("open", {.a = O_RDONLY, .path = "/not/there"}, ENOENT);
  fails("openat", {.a = AT_FDCWD, .path = "/not/there"}, ENOENT);
  fails("opendir", {.path = "/dev/null"}, ENOTDIR);
  fails("fopen", {.path = "/not/there"}, ENOENT);
  if (!kSanitized) fails("closedir", {}, EINVAL);  // UBSan forbids to hand on a null
  fails("socket", {.a = AF_UNIX, .b = 12345}, EINVAL);
  fails("accept", {.a = next}, EBADF);
  fails("fcntl", {.a = -1, .b = F_DUPFD}, EBADF);
  fails("epoll_create", {.a = 0}, EINVAL);
  CHECK_FALSE(Harness::Get().table.Copy(next));

  rlimit old;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
  const rlimit none = {static_cast<rlim_t>(next), old.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  fails("socket", {.a = AF_UNIX, .b = SOCK_STREAM}, EMFILE);
  fails("dup", {.a = 0}, EMFILE);
  fails("pipe", {}, EMFILE);
  fails("open", {.a = O_RDONLY, .path = "/dev/null"}, EMFILE);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK_FALSE(Harness::Get().table.Copy(next));
}

TEST_CASE("a failed dup2 keeps the record of what it would have replaced") {
  Library library("calls_now");
  const int fd = library.Socket();
  heron_request request = {.a = fd, .b = 3};
  REQUIRE(library.Call("listen", &request) == -1);  // not bound: no step
  const FdEntry before = *Harness::Get().table.Copy(fd);
  for (const std::string name : {"dup2", "dup3"}) {
    request = {.a = -1, .b = fd};
    errno = 0;
    CHECK(library.Call(name, &request) == -1);
    CHECK(errno == EBADF);
    const std::optional<FdEntry> after = Harness::Get().table.Copy(fd);
    REQUIRE(after);
    CHECK(after->origin.at_ns == before.origin.at_ns);
    CHECK(after->identity == IdentityOf(fd));
    CHECK(NameOf(after->origin) == "socket");
    CHECK(after->history.empty());
  }
  // Onto itself nothing is replaced.
  request = {.a = fd, .b = fd};
  CHECK(library.Call("dup2", &request) == fd);
  CHECK(NameOf(Harness::Get().table.Copy(fd)->origin) == "socket");
  library.Close(fd);
}

TEST_CASE("a connection that is refused is no step, one in progress is") {
  Library library("calls_now");
  for (const bool listening : {false, true}) {
    int listener = -1;
    sockaddr_in address = LoopbackAddress(listening, &listener);
    heron_request request = {.a = AF_INET, .b = SOCK_STREAM | (listening ? SOCK_NONBLOCK : 0)};
    const int fd = library.Call("socket", &request);
    request = {.a = fd, .pointer = &address, .size = sizeof(address)};
    errno = 0;
    CHECK(library.Call("connect", &request) == -1);
    CHECK(errno == (listening ? EINPROGRESS : ECONNREFUSED));
    const FdEntry entry = *Harness::Get().table.Copy(fd);
    CHECK(entry.history.size() == (listening ? 1 : 0));
    library.Close(fd);
    close(listener);
  }
}

// connect(2): the connection is established asynchronously then.
TEST_CASE("a connect that a signal interrupts is a step of the socket's life") {
  Library library("calls_now");
  // One may wait in the queue; the next one waits for room in it.
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  REQUIRE(listen(listener, 0) == 0);
  const int first = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(connect(first, reinterpret_cast<sockaddr*>(&address), size) == 0);

  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = [](int) {};  // without SA_RESTART
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  heron_request made = {.a = AF_INET, .b = SOCK_STREAM};
  const int fd = library.Call("socket", &made);
  REQUIRE(fd >= 0);
  std::atomic<bool> done{false};
  int result = 0;
  int error = 0;
  std::thread caller([&] {
    heron_request request = {.a = fd, .pointer = &address, .size = size};
    result = library.Call("connect", &request);
    error = errno;
    done = true;
  });
  while (!done.load()) {  // until one meets it in the call
    pthread_kill(caller.native_handle(), SIGUSR1);
    sched_yield();
  }
  caller.join();
  CHECK(result == -1);
  CHECK(error == EINTR);
  const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
  REQUIRE(entry);
  REQUIRE(entry->history.size() == 1);
  CHECK(NameOf(entry->history[0]) == "connect");
  CHECK(std::memcmp(entry->history[0].address, &address, size) == 0);
  // It does go on.
  close(accept(listener, nullptr, nullptr));
  pollfd wait = {fd, POLLOUT, 0};
  CHECK(poll(&wait, 1, 10'000) == 1);
  CHECK(getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  library.Close(fd);
  close(first);
  close(listener);
  sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("a child's calls are not the parent's") {
  const std::string how = GENERATE("fork", "vfork", "clone_vfork", "clone_vm");
  INFO(how);
  Library library("calls_now");
  const int closed = library.Socket();
  const int replaced = library.Socket();
  const FdEntry first = *Harness::Get().table.Copy(closed);
  const FdEntry second = *Harness::Get().table.Copy(replaced);
  const int next = dup(0);
  close(next);
  const uint64_t dropped = Harness::Get().table.dropped();
  heron_request request = {.a = closed, .b = replaced};
  REQUIRE(library.Call(how, &request) == 7);
  for (const FdEntry* before : {&first, &second}) {
    const std::optional<FdEntry> after = Harness::Get().table.Copy(before->fd);
    REQUIRE(after);
    CHECK(after->generation == before->generation);
    CHECK(after->origin.at_ns == before->origin.at_ns);
    CHECK(after->identity == IdentityOf(before->fd));
  }
  CHECK_FALSE(Harness::Get().table.Copy(next));
  CHECK(Harness::Get().table.dropped() == dropped);
  library.Close(closed);
  library.Close(replaced);
  // The parent records as before.
  const int fd = library.Socket();
  CHECK(Harness::Get().table.Copy(fd));
  library.Close(fd);
}

struct Blocked {
  Library* library;
  int listener;
  std::atomic<int> tid{0};
};

void* AcceptForEver(void* argument) {
  auto* blocked = static_cast<Blocked*>(argument);
  heron_request request = {.a = blocked->listener};
  blocked->tid = static_cast<int>(syscall(SYS_gettid));
  blocked->library->Call("accept", &request);
  return nullptr;
}

// Whether the kernel has the thread asleep.
bool Sleeps(int tid) {
  std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t state = text.rfind(") ");
  return state != std::string::npos && text[state + 2] == 'S';
}

TEST_CASE("a thread that is cancelled in a hooked call ends, and nothing else does") {
  Library library("calls_now");
  int listener = -1;
  LoopbackAddress(true, &listener);
  Blocked blocked = {&library, listener};
  pthread_t thread;
  REQUIRE(pthread_create(&thread, nullptr, &AcceptForEver, &blocked) == 0);
  while (blocked.tid == 0 || !Sleeps(blocked.tid)) std::this_thread::yield();
  REQUIRE(pthread_cancel(thread) == 0);
  void* result = nullptr;
  REQUIRE(pthread_join(thread, &result) == 0);
  CHECK(result == PTHREAD_CANCELED);
  close(listener);
  const int fd = library.Socket();
  CHECK(Harness::Get().table.Copy(fd));
  library.Close(fd);
}

Library* handler_library;
std::atomic<int> handler_recorded;
std::atomic<int> handler_wrong;

// What a crash handler or a profiler may do: calls that POSIX lists as safe in a handler.
void UseDescriptors(int) {
  const int saved = errno;
  const int fd = handler_library->Socket();
  if (fd < 0) ++handler_wrong;
  const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
  if (entry && NameOf(entry->origin) == "socket") ++handler_recorded;
  if (handler_library->Close(fd) != 0) ++handler_wrong;
  errno = saved;
}

// Memory for a signal stack, between pages that cannot be touched.
class SignalStack {
 public:
  explicit SignalStack(size_t bytes) : bytes_(bytes) {
    memory_ = static_cast<char*>(
        mmap(nullptr, bytes + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(mprotect(memory_ + 4096, bytes, PROT_READ | PROT_WRITE) == 0);
    stack_t stack = {};
    stack.ss_sp = memory_ + 4096;
    stack.ss_size = bytes;
    REQUIRE(sigaltstack(&stack, &old_) == 0);
  }
  ~SignalStack() {
    sigaltstack(&old_, nullptr);
    munmap(memory_, bytes_ + 8192);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  size_t bytes_;
  char* memory_;
  stack_t old_ = {};
};

heron_function raw_socket;
heron_function raw_close;
int small_stack_fd;

// No more of the stack is used here than by the calls themselves.
void OpenOnSmallStack(int) {
  heron_request request = {.a = AF_UNIX, .b = SOCK_STREAM};
  small_stack_fd = raw_socket(&request);
}
void CloseOnSmallStack(int) {
  heron_request request = {.a = small_stack_fd};
  raw_close(&request);
}

TEST_CASE("a hooked call on a signal stack of 16 KiB is recorded with the stack below the signal") {
  Harness& harness = Harness::Get();
  void* handle = harness.dlopen(Fixture("calls_second").c_str(), RTLD_LAZY);
  REQUIRE(handle != nullptr);
  raw_socket = reinterpret_cast<heron_function>(harness.dlsym(handle, "heron_socket"));
  raw_close = reinterpret_cast<heron_function>(harness.dlsym(handle, "heron_close"));
  struct sigaction old = {};
  std::optional<FdEntry> entry;
  {
    const SignalStack stack(16 << 10);
    struct sigaction action = {};
    action.sa_flags = SA_ONSTACK;
    action.sa_handler = &OpenOnSmallStack;
    REQUIRE(sigaction(SIGUSR1, &action, &old) == 0);
    small_stack_fd = -1;
    REQUIRE(pthread_kill(pthread_self(), SIGUSR1) == 0);
    entry = harness.table.Copy(small_stack_fd);
    action.sa_handler = &CloseOnSmallStack;
    REQUIRE(sigaction(SIGUSR1, &action, nullptr) == 0);
    REQUIRE(pthread_kill(pthread_self(), SIGUSR1) == 0);
  }
  sigaction(SIGUSR1, &old, nullptr);
  REQUIRE(entry);
  CHECK(CallerOf(entry->origin).function == "heron_socket");
  // The handler, the kernel's frame, pthread_kill in libc, the test, Catch2, main.
  const std::vector<Frame> frames = harness.stacks.Get(entry->origin.stack);
  REQUIRE(frames.size() > 8);
  CHECK(harness.images.Get(frames[2].image)->role == ImageRole::kLibc);
  CHECK(harness.images.Get(frames.back().image)->role == ImageRole::kSelf);
  CHECK_FALSE(harness.table.Copy(small_stack_fd));
  harness.dlclose(handle);
}

TEST_CASE("signals that interrupt hooks do no harm") {
  Library library("calls_now");
  handler_library = &library;
  handler_recorded = 0;
  handler_wrong = 0;
  struct sigaction action = {};
  struct sigaction old = {};
  action.sa_handler = &UseDescriptors;
  action.sa_flags = SA_RESTART;
  REQUIRE(sigaction(SIGUSR1, &action, &old) == 0);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  int last = -1;
  std::thread worker([&] {
    while (!done) {
      const int fd = library.Socket();
      heron_request request = {.a = 0, .b = fd};
      library.Call("dup2", &request);
      if (!IsRight(fd)) ++wrong;
      library.Close(fd);
    }
    last = library.Socket();
  });
  // A thread that has no processor meanwhile gets all of these as one.
  constexpr int kSignals = 3000;
  constexpr int kMostSignals = 30'000'000;
  for (int i = 0; i < kSignals || (handler_recorded == 0 && i < kMostSignals); ++i) {
    pthread_kill(worker.native_handle(), SIGUSR1);
    if (i % 16 == 0) std::this_thread::yield();
  }
  done = true;
  worker.join();
  sigaction(SIGUSR1, &old, nullptr);
  CHECK(wrong == 0);
  CHECK(handler_wrong == 0);
  CHECK(handler_recorded > 0);
  CHECK(IsRight(last));
  // Recording did not get stuck.
  CHECK(Harness::Get().table.Copy(last));
  library.Close(last);
}

TEST_CASE("recording a call makes no call that is recorded") {
  Library library("calls_now");
  const uint64_t dropped = Harness::Get().table.dropped();
  std::vector<bool> known;
  for (int fd = 0; fd < 256; ++fd) known.push_back(Harness::Get().table.Copy(fd).has_value());
  const int fd = library.Socket();
  known[static_cast<size_t>(fd)] = true;
  for (int other = 0; other < 256; ++other) {
    CHECK(Harness::Get().table.Copy(other).has_value() == known[static_cast<size_t>(other)]);
  }
  CHECK(Harness::Get().table.Copy(fd)->history.empty());
  CHECK(Harness::Get().table.dropped() == dropped);
  library.Close(fd);
}

TEST_CASE("eight threads at the same time as libraries come and go leave right records") {
  Harness& harness = Harness::Get();
  Library library("calls_now");
  constexpr int kThreads = 8;
  std::atomic<int> wrong{0};
  std::atomic<int> working{kThreads};
  int fds[kThreads];
  int tids[kThreads];
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      tids[t] = static_cast<int>(syscall(SYS_gettid));
      for (int i = 0; i < 500; ++i) {
        const int fd = library.Socket();
        heron_request request = {.a = fd};
        const int copy = library.Call("dup", &request);
        request = {.a = 0, .b = copy};
        if (library.Call("dup2", &request) != copy) ++wrong;
        const std::optional<FdEntry> entry = harness.table.Copy(copy);
        if (entry && !entry->lost &&
            (entry->origin.tid != tids[t] || !(entry->identity == IdentityOf(copy)))) {
          ++wrong;
        }
        library.Close(copy);
        library.Close(fd);
      }
      fds[t] = library.Socket();
      --working;
    });
  }
  std::atomic<int> loads{0};
  std::vector<std::thread> loaders;
  for (const char* name : {"calls_second", "calls_noplt"}) {
    loaders.emplace_back([&, path = Fixture(name)] {
      do {
        void* handle = harness.dlopen(path.c_str(), RTLD_LAZY);
        const auto make = reinterpret_cast<heron_function>(harness.dlsym(handle, "heron_socket"));
        const auto end = reinterpret_cast<heron_function>(harness.dlsym(handle, "heron_close"));
        heron_request request = {.a = AF_UNIX, .b = SOCK_STREAM};
        request.a = make(&request);
        if (!IsRight(request.a)) ++wrong;
        end(&request);
        if (harness.dlclose(handle) != 0) ++wrong;
        ++loads;
      } while (working > 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::thread& thread : loaders) thread.join();
  CHECK(wrong == 0);
  CHECK(loads >= 2);
  int recorded = 0;
  for (int t = 0; t < kThreads; ++t) {
    const std::optional<FdEntry> entry = harness.table.Copy(fds[t]);
    if (!entry || entry->lost) continue;
    ++recorded;
    CHECK(entry->origin.tid == tids[t]);
    CHECK(entry->identity == IdentityOf(fds[t]));
    CHECK(NameOf(entry->origin) == "socket");
    CHECK(CallerOf(entry->origin).function == "heron_socket");
    library.Close(fds[t]);
  }
  CHECK(recorded > kThreads / 2);
}

}  // namespace
}  // namespace fdorigin
