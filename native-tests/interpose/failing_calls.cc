#include "interpose/failing_calls.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <thread>

#include "interpose/calls.h"

namespace fdorigin {
namespace {

// No call is to find this as its own.
constexpr int kUnusualErrno = 4242;
// Not open, and below the limit of any process.
constexpr int kClosed = 900;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::abort();
}

class FailingCalls {
 public:
  explicit FailingCalls(const Callers& callers) : callers_(callers) {
    Require(mkdtemp(folder_) != nullptr, "mkdtemp");
    Require(mkfifo(Path("fifo").c_str(), 0600) == 0, "mkfifo");
    Require(symlink("/dev/null", Path("link").c_str()) == 0, "symlink");
    const int file = creat(Path("file").c_str(), 0000);
    Require(file >= 0 && close(file) == 0, "creat");
    heron_request request = {.a = AF_INET, .b = SOCK_STREAM};
    recorded_ = callers_.find("socket")(&request);
    Require(recorded_ >= 0, "socket");
  }
  ~FailingCalls() {
    heron_request request = {.a = recorded_};
    callers_.find("close")(&request);
    for (const char* name : {"fifo", "link", "file"}) unlink(Path(name).c_str());
    rmdir(folder_);
  }
  FailingCalls(const FailingCalls&) = delete;
  FailingCalls& operator=(const FailingCalls&) = delete;

  void WithWrongArguments();
  void OnWrongDescriptors();
  void OnFilesThatCannotBeOpened();
  void WithWrongTemplates();
  void OnSockets();
  void OnStreams();
  void WithoutRights();
  void WithoutFreeNumbers();
  void WithoutFreeFiles();
  void WithoutFreeProcesses();
  void Interrupted();
  void ThroughSyscall();

  std::vector<Answer> answers;

 private:
  std::string Path(const std::string& name) const { return std::string(folder_) + "/" + name; }

  void Fails(const std::string& name, const std::string& how, heron_request request) {
    const heron_function function = callers_.find(name);
    Fails(name, how, [&] { return function(&request); });
  }
  void FailsAsSystemCall(const std::string& name, const std::string& how, long number,
                         const long (&arguments)[6]) {
    Fails(name, how, [&] { return callers_.system_call(number, arguments); });
  }
  template <typename Call>
  void Fails(const std::string& name, const std::string& how, Call call) {
    Answer answer = {name, how, 0, 0};
    callers_.around([&] {
      errno = kUnusualErrno;
      answer.result = call();
      answer.error = errno;
    });
    answers.push_back(answer);
  }
  // The template is written over by what it becomes.
  void FailsWithTemplate(const std::string& name, const std::string& how, std::string path,
                         heron_request request) {
    request.pointer = path.data();
    Fails(name, how, request);
  }
  // Every call that makes a descriptor and succeeds where there is room for it.
  void MakesNone(const std::string& how);
  void Blocks(const std::string& name, const std::string& how, heron_request request);

  const Callers& callers_;
  int recorded_;  // made through the hooks, where there are any: it has a record to be lost
  char folder_[32] = "/tmp/fdorigin-test-XXXXXX";
};

void FailingCalls::WithWrongArguments() {
  Fails("socket", "no such type", {.a = AF_UNIX, .b = 12345});
  Fails("socket", "no such family", {.a = 12345, .b = SOCK_STREAM});
  Fails("socketpair", "not for internet sockets", {.a = AF_INET, .b = SOCK_STREAM});
  Fails("dup3", "onto itself", {.a = 0, .b = 0});
  Fails("dup3", "no such flag", {.a = 0, .b = kClosed, .c = O_APPEND});
  for (const std::string name : {"fcntl", "fcntl64"}) {
    Fails(name, "a negative number", {.a = 0, .b = F_DUPFD, .d = -1});
    Fails(name, "no such command", {.a = 0, .b = 12345});
  }
  Fails("close_range", "backwards", {.a = kClosed, .b = 3});
  Fails("close_range", "no such flag", {.a = kClosed, .b = kClosed, .c = 1 << 20});
  Fails("memfd_create", "no such flag", {.a = 1 << 20, .path = "heron"});
  Fails("pipe2", "no such flag", {.a = O_TRUNC});
  Fails("epoll_create", "no room", {.a = 0});
  Fails("epoll_create1", "no such flag", {.a = 1});
  Fails("eventfd", "no such flag", {.b = 1 << 20});
  Fails("timerfd_create", "no such clock", {.a = 12345});
  Fails("inotify_init1", "no such flag", {.a = 1});
  Fails("fanotify_init", "no such flag", {.a = -1});
  Fails("pidfd_open", "no such process", {.a = -1});
  Fails("shm_open", "no name", {.path = "/reed/heron"});
  Fails("mq_open", "no name", {.path = "reed"});
  Fails("fsopen", "no such kind", {.path = "reed"});
  sigset_t signals;
  sigemptyset(&signals);
  Fails("signalfd", "no such flag", {.a = -1, .b = 1, .pointer = &signals});
}

void FailingCalls::OnWrongDescriptors() {
  sigset_t signals;
  sigemptyset(&signals);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  msghdr message = {};
  mmsghdr messages[1] = {};
  for (const int fd : {-1, kClosed}) {
    const std::string how = fd == -1 ? "no number" : "not open";
    for (const std::string name :
         {"accept", "accept4", "listen", "dup", "close", "mq_close", "fsmount"}) {
      Fails(name, how, {.a = fd});
    }
    Fails("__close_nocancel", how, {.a = fd});
    Fails("bind", how, {.a = fd, .pointer = &address, .size = sizeof(address)});
    Fails("connect", how, {.a = fd, .pointer = &address, .size = sizeof(address)});
    Fails("recvmsg", how, {.a = fd, .pointer = &message});
    Fails("recvmmsg", how, {.a = fd, .pointer = messages, .size = 1});
    for (const std::string name : {"dup2", "dup3"}) Fails(name, how, {.a = fd, .b = kClosed + 1});
    Fails("dup2", how + ", onto itself", {.a = fd, .b = fd});
    for (const std::string name : {"fcntl", "fcntl64"}) {
      Fails(name, how, {.a = fd, .b = F_DUPFD_CLOEXEC});
    }
    Fails("pidfd_getfd", how, {.a = fd});
    for (const std::string name : {"fspick", "open_tree"}) {
      Fails(name, how, {.a = fd, .path = "reed"});
    }
    // Of no bytes, and of a kind that no file system has.
    file_handle handle = {};
    Fails("open_by_handle_at", how, {.a = fd, .pointer = &handle});
  }
  for (const std::string name : {"dup2", "dup3"}) {
    Fails(name, "onto one that stays", {.a = kClosed, .b = recorded_});
  }
  Fails("dup3", "onto one that stays, no such flag", {.a = 0, .b = recorded_, .c = O_APPEND});
  Fails("close_range", "of one that stays, backwards", {.a = recorded_, .b = recorded_ - 1});
  sockaddr_in nowhere = {};
  nowhere.sin_family = AF_APPLETALK;
  for (const std::string name : {"bind", "connect"}) {
    Fails(name, "of another family",
          {.a = recorded_, .pointer = &nowhere, .size = sizeof(nowhere)});
  }
  Fails("dup2", "onto no number", {.a = 0, .b = -1});
  Fails("dup3", "onto no number", {.a = 0, .b = -1});
  Fails("signalfd", "not open", {.a = kClosed, .pointer = &signals});
  Fails("signalfd", "no signalfd", {.a = 0, .pointer = &signals});
  for (const std::string name : {"openat", "openat64", "__openat_2", "__openat64_2"}) {
    Fails(name, "not open", {.a = kClosed, .path = "heron"});
  }
}

void FailingCalls::OnFilesThatCannotBeOpened() {
  struct Hopeless {
    const char* how;
    std::string path;
    int flags;
  };
  const Hopeless all[] = {{"not there", Path("reed"), O_RDONLY},
                          {"below a file", Path("fifo/reed"), O_RDONLY},
                          {"a directory", folder_, O_RDWR},
                          {"a link", Path("link"), O_RDONLY | O_NOFOLLOW},
                          {"nobody reads", Path("fifo"), O_WRONLY | O_NONBLOCK},
                          {"a long name", Path(std::string(300, 'r')), O_RDONLY},
                          {"no name", "", O_RDONLY}};
  for (const Hopeless& one : all) {
    for (const std::string name :
         {"open", "open64", "__open_2", "__open64_2", "__open64_nocancel"}) {
      Fails(name, one.how, {.a = one.flags, .path = one.path.c_str()});
    }
    for (const std::string name : {"openat", "openat64", "__openat_2", "__openat64_2"}) {
      Fails(name, one.how, {.a = AT_FDCWD, .b = one.flags, .path = one.path.c_str()});
    }
  }
  for (const std::string name : {"creat", "creat64"}) {
    Fails(name, "below a file", {.a = 0600, .path = all[1].path.c_str()});
    Fails(name, "a directory", {.a = 0600, .path = folder_});
  }
  for (const std::string name : {"fopen", "fopen64", "opendir"}) {
    Fails(name, "not there", {.path = all[0].path.c_str()});
    Fails(name, "below a file", {.path = all[1].path.c_str()});
  }
  Fails("shm_open", "not there", {.path = "/fdorigin-reed"});
  Fails("mq_open", "not there", {.path = "/fdorigin-reed"});
  Fails("opendir", "no directory", {.path = "/dev/null"});
}

void FailingCalls::WithWrongTemplates() {
  for (const std::string name : {"mkstemp", "mkstemp64", "mkostemp", "mkostemp64"}) {
    FailsWithTemplate(name, "no template", Path("reed"), {});
    FailsWithTemplate(name, "no folder", Path("reed/XXXXXX"), {});
  }
  for (const std::string name : {"mkstemps", "mkstemps64", "mkostemps", "mkostemps64"}) {
    FailsWithTemplate(name, "no template", Path("reed.c"), {.a = 2});
    FailsWithTemplate(name, "a long suffix", Path("XXXXXX.c"), {.a = 200});
    FailsWithTemplate(name, "no folder", Path("reed/XXXXXX.c"), {.a = 2});
  }
}

void FailingCalls::OnSockets() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  Require(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "bind");
  socklen_t size = sizeof(address);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const int other = socket(AF_INET, SOCK_STREAM, 0);
  const int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

  Fails("connect", "nobody listens", {.a = other, .pointer = &address, .size = size});
  Require(listen(listener, 1) == 0, "listen");
  for (const std::string name : {"accept", "accept4"}) {
    Fails(name, "nobody comes", {.a = listener});
    Fails(name, "not listening", {.a = other});
    Fails(name, "no socket", {.a = 0});
    Fails(name, "not for datagrams", {.a = datagram});
  }
  Fails("accept4", "no such flag", {.a = listener, .b = 1});
  Fails("bind", "an address in use", {.a = other, .pointer = &address, .size = size});
  Fails("bind", "a short address", {.a = other, .pointer = &address, .size = 3});
  Fails("bind", "twice", {.a = listener, .pointer = &address, .size = size});
  Fails("listen", "not for datagrams", {.a = datagram});
  Fails("listen", "no socket", {.a = 0});
  msghdr message = {};
  mmsghdr messages[1] = {};
  Fails("recvmsg", "nothing comes", {.a = datagram, .pointer = &message});
  Fails("recvmsg", "no socket", {.a = 0, .pointer = &message});
  Fails("recvmmsg", "nothing comes", {.a = datagram, .pointer = messages, .size = 1});
  for (const int fd : {listener, other, datagram}) close(fd);

  sockaddr_un path = {};
  path.sun_family = AF_UNIX;
  std::strncpy(path.sun_path, Path("reed/s").c_str(), sizeof(path.sun_path) - 1);
  const int local = socket(AF_UNIX, SOCK_STREAM, 0);
  Fails("bind", "no folder", {.a = local, .pointer = &path, .size = sizeof(path)});
  Fails("connect", "not there", {.a = local, .pointer = &path, .size = sizeof(path)});
  close(local);
}

// What ends, ends also where its end is said to have failed: the number is free after these.
void FailingCalls::OnStreams() {
  FILE* stream = std::fopen("/dev/null", "r");
  Require(stream != nullptr && close(fileno(stream)) == 0, "fopen");
  Fails("fclose", "closed below it", {.pointer = stream});
  // Nobody may close a stream again that could not be reopened, and glibc does not free it.
  static FILE* left[2];
  for (FILE*& one : left) {
    one = std::fopen("/dev/null", "r");
    Require(one != nullptr && close(fileno(one)) == 0, "fopen");
  }
  Fails("freopen", "not there", {.path = "/not/there", .pointer = left[0]});
  Fails("freopen64", "not there", {.path = "/not/there", .pointer = left[1]});
  FILE* process = ::popen("exit 0", "r");
  int status;
  Require(process != nullptr && ::wait(&status) > 0, "popen");
  const int fd = fileno(process);
  // Its number is taken from it, so that it is not the call's to close.
  const int copy = dup(fd);
  Require(close(fd) == 0, "close");
  Fails("pclose", "somebody has waited", {.pointer = process});
  close(copy);
  DIR* directory = ::opendir("/");
  Require(directory != nullptr && close(dirfd(directory)) == 0, "opendir");
  Fails("closedir", "closed below it", {.pointer = directory});
#if !defined(__SANITIZE_ADDRESS__)  // UBSan forbids to hand on a null
  Fails("closedir", "none", {});
#endif
}

void FailingCalls::WithoutRights() {
  // As whoever is not root, on a thread of its own: the system calls change that thread only.
  std::thread([this] {
    if (geteuid() == 0) {
      Require(syscall(SYS_setresuid, 65534, 65534, 65534) == 0, "setresuid");
    }
    const std::string path = "/proc/1/mem";
    for (const std::string name :
         {"open", "open64", "__open_2", "__open64_2", "__open64_nocancel"}) {
      Fails(name, "no right", {.a = O_RDWR, .path = path.c_str()});
    }
    for (const std::string name : {"openat", "openat64", "__openat_2", "__openat64_2"}) {
      Fails(name, "no right", {.a = AT_FDCWD, .b = O_RDWR, .path = path.c_str()});
    }
    for (const std::string name : {"creat", "creat64"}) {
      Fails(name, "no right", {.a = 0600, .path = "/reed"});
    }
    for (const std::string name : {"fopen", "fopen64"})
      Fails(name, "no right", {.path = path.c_str()});
    Fails("opendir", "no right", {.path = "/proc/1/fd"});
    Fails("fanotify_init", "no right", {.a = 12, .b = O_RDONLY});
    FailsWithTemplate("mkstemp", "no right", "/XXXXXX", {});
  }).join();
}

void FailingCalls::MakesNone(const std::string& how) {
  sigset_t signals;
  sigemptyset(&signals);
  Fails("socket", how, {.a = AF_UNIX, .b = SOCK_STREAM});
  Fails("socketpair", how, {.a = AF_UNIX, .b = SOCK_STREAM});
  Fails("dup", how, {.a = 0});
  for (const std::string name : {"fcntl", "fcntl64"}) Fails(name, how, {.a = 0, .b = F_DUPFD});
  for (const std::string name : {"open", "open64", "__open_2", "__open64_2", "__open64_nocancel"}) {
    Fails(name, how, {.a = O_RDONLY, .path = "/dev/null"});
  }
  for (const std::string name : {"openat", "openat64", "__openat_2", "__openat64_2"}) {
    Fails(name, how, {.a = AT_FDCWD, .b = O_RDONLY, .path = "/dev/null"});
  }
  for (const std::string name : {"creat", "creat64"}) {
    Fails(name, how, {.a = 0600, .path = "/dev/null"});
  }
  for (const std::string name : {"fopen", "fopen64"}) Fails(name, how, {.path = "/dev/null"});
  for (const std::string name : {"tmpfile", "tmpfile64"}) Fails(name, how, {});
  Fails("popen", how, {.path = "exit 0"});
  for (const std::string name : {"mkstemp", "mkstemp64", "mkostemp", "mkostemp64"}) {
    FailsWithTemplate(name, how, Path("XXXXXX"), {});
  }
  for (const std::string name : {"mkstemps", "mkstemps64", "mkostemps", "mkostemps64"}) {
    FailsWithTemplate(name, how, Path("XXXXXX.c"), {.a = 2});
  }
  Fails("opendir", how, {.path = "/"});
  for (const std::string name : {"posix_openpt", "getpt"}) Fails(name, how, {.a = O_RDWR});
  Fails("memfd_create", how, {.path = "heron"});
  Fails("pipe", how, {});
  Fails("pipe2", how, {.a = O_CLOEXEC});
  Fails("epoll_create", how, {.a = 1});
  Fails("epoll_create1", how, {});
  Fails("eventfd", how, {});
  Fails("timerfd_create", how, {.a = CLOCK_MONOTONIC});
  Fails("signalfd", how, {.a = -1, .pointer = &signals});
  // Not through a library: these are hooked at their entries, or not at all.
  Fails("getifaddrs", how, [] {
    ifaddrs* all;
    return getifaddrs(&all);
  });
  Fails("if_nameindex", how, [] { return if_nameindex() == nullptr ? -1 : 0; });
  Fails("inotify_init", how, {});
  Fails("inotify_init1", how, {});
  Fails("pidfd_open", how, {.a = getpid()});
}

// System calls without an argument that could be wrong.
bool TakesAnything(long number) { return number == SYS_eventfd || number == SYS_inotify_init; }

std::string NameOf(const HookedSystemCall& call) {
  return HookedCalls()[static_cast<size_t>(call.call)].name;
}

void FailingCalls::ThroughSyscall() {
  // Neither a number nor an address.
  constexpr long kNothing[6] = {-1, -1, -1, -1, -1, -1};
  for (const HookedSystemCall& call : HookedSystemCalls()) {
    if (TakesAnything(call.number)) continue;
    FailsAsSystemCall(NameOf(call), "nothing, through syscall", call.number, kNothing);
  }
  FailsAsSystemCall("syscall", "no such system call", 99999, kNothing);
  FailsAsSystemCall("syscall", "of no descriptor", SYS_getpriority, kNothing);
}

void FailingCalls::WithoutFreeNumbers() {
  const int next = dup(0);
  Require(next >= 0 && close(next) == 0, "dup");
  rlimit old;
  Require(getrlimit(RLIMIT_NOFILE, &old) == 0, "getrlimit");
  const rlimit none = {static_cast<rlim_t>(next), old.rlim_max};
  Require(setrlimit(RLIMIT_NOFILE, &none) == 0, "setrlimit");
  MakesNone("no free number");
  for (const HookedSystemCall& call : HookedSystemCalls()) {
    if (!TakesAnything(call.number)) continue;
    FailsAsSystemCall(NameOf(call), "no free number, through syscall", call.number, {});
  }
  Require(setrlimit(RLIMIT_NOFILE, &old) == 0, "setrlimit");
}

// The kernel has no file left for anybody.
void FailingCalls::WithoutFreeFiles() {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  OnThreadWithout(
      {SYS_socket,        SYS_socketpair,   SYS_dup,           SYS_open,         SYS_openat,
       SYS_creat,         SYS_pipe,         SYS_pipe2,         SYS_fcntl,        SYS_accept,
       SYS_accept4,       SYS_epoll_create, SYS_eventfd2,      SYS_signalfd,     SYS_signalfd4,
       SYS_pidfd_open,    SYS_inotify_init, SYS_inotify_init1, SYS_memfd_create, SYS_epoll_create1,
       SYS_timerfd_create},
      ENFILE, [&] {
        MakesNone("no free file");
        Fails("accept", "no free file", {.a = listener});
        Fails("accept4", "no free file", {.a = listener});
      });
  close(listener);
}

void FailingCalls::WithoutFreeProcesses() {
  OnThreadWithout(kStartsProcess, EAGAIN, [&] {
    Fails("vfork", "no free process", {.a = kClosed, .b = kClosed});
    const heron_function clone = callers_.find("clone_vfork");
    heron_request request = {.a = kClosed, .b = kClosed};
    Fails("clone", "no free process", [&] { return clone(&request); });
    Fails("popen", "no process for it", {.path = "exit 0"});
  });
}

void Ignore(int) {}

// Whether the kernel has a thread of this process asleep. It looks past all hooks, which are looked
// at while this runs.
class ThreadState {
 public:
  explicit ThreadState(int tid) {
    const std::string path = "/proc/self/task/" + std::to_string(tid) + "/stat";
    fd_ = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDONLY));
    Require(fd_ >= 0, path.c_str());
  }
  ~ThreadState() { syscall(SYS_close, fd_); }
  ThreadState(const ThreadState&) = delete;
  ThreadState& operator=(const ThreadState&) = delete;

  bool Sleeps() const {
    char text[128] = {};
    const ssize_t size = pread(fd_, text, sizeof(text) - 1, 0);
    const char* state = size > 0 ? std::strrchr(text, ')') : nullptr;
    return state != nullptr && state[2] == 'S';
  }

 private:
  int fd_;
};

// Calls on a thread of its own, which a signal takes out of the call.
void FailingCalls::Blocks(const std::string& name, const std::string& how, heron_request request) {
  std::atomic<int> tid{0};
  std::atomic<bool> done{false};
  std::thread thread([&] {
    tid = static_cast<int>(syscall(SYS_gettid));
    while (tid > 0) std::this_thread::yield();
    Fails(name, how, request);
    done = true;
  });
  while (tid == 0) std::this_thread::yield();
  {
    const ThreadState state(tid);
    tid = -1;
    while (!done) {
      // It may be asleep elsewhere for a moment: hence again until it is through.
      if (state.Sleeps()) pthread_kill(thread.native_handle(), SIGUSR1);
      std::this_thread::yield();
    }
  }
  thread.join();
}

void FailingCalls::Interrupted() {
  struct sigaction action = {};
  struct sigaction old;
  action.sa_handler = &Ignore;  // and no SA_RESTART
  Require(sigaction(SIGUSR1, &action, &old) == 0, "sigaction");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, Path("s").c_str(), sizeof(address.sun_path) - 1);
  void* const pointer = &address;
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  Require(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "bind");
  Require(listen(listener, 0) == 0, "listen");
  for (const std::string name : {"accept", "accept4"}) Blocks(name, "interrupted", {.a = listener});
  // One may wait in the queue, and the next one to connect waits for room in it.
  int ends[2];
  for (int& fd : ends) fd = socket(AF_UNIX, SOCK_STREAM, 0);
  Require(connect(ends[0], reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "connect");
  Blocks("connect", "interrupted", {.a = ends[1], .pointer = pointer, .size = sizeof(address)});
  close(ends[0]);
  close(ends[1]);
  close(listener);
  unlink(address.sun_path);

  Require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  char byte;
  iovec data = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  mmsghdr messages[1] = {{message, 0}};
  Blocks("recvmsg", "interrupted", {.a = ends[0], .pointer = &message});
  Blocks("recvmmsg", "interrupted", {.a = ends[0], .pointer = messages, .size = 1});
  close(ends[0]);
  close(ends[1]);

  const std::string fifo = Path("fifo");  // that nobody writes
  for (const std::string name : {"open", "open64", "__open_2", "__open64_2", "__open64_nocancel"}) {
    Blocks(name, "interrupted", {.a = O_RDONLY, .path = fifo.c_str()});
  }
  for (const std::string name : {"openat", "openat64", "__openat_2", "__openat64_2"}) {
    Blocks(name, "interrupted", {.a = AT_FDCWD, .b = O_RDONLY, .path = fifo.c_str()});
  }
  for (const std::string name : {"creat", "creat64"}) {
    Blocks(name, "interrupted", {.a = 0600, .path = fifo.c_str()});
  }
  for (const std::string name : {"fopen", "fopen64"}) {
    Blocks(name, "interrupted", {.path = fifo.c_str()});
  }
  sigaction(SIGUSR1, &old, nullptr);
}

}  // namespace

std::vector<Answer> MakeFailingCalls(const Callers& callers) {
  FailingCalls calls(callers);
  calls.WithWrongArguments();
  calls.OnWrongDescriptors();
  calls.OnFilesThatCannotBeOpened();
  calls.WithWrongTemplates();
  calls.OnSockets();
  calls.OnStreams();
  calls.WithoutRights();
  calls.WithoutFreeNumbers();
  calls.WithoutFreeFiles();
  calls.WithoutFreeProcesses();
  calls.Interrupted();
  calls.ThroughSyscall();
  return calls.answers;
}

const std::vector<long> kStartsProcess = {SYS_clone, SYS_clone3, SYS_fork, SYS_vfork};

// By a filter, which is the thread's that sets it, and gone with that thread.
void OnThreadWithout(const std::vector<long>& system_calls, int error,
                     const std::function<void()>& body) {
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (const long number : system_calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  std::thread([&] {
    const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
    Require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");
    Require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "PR_SET_SECCOMP");
    body();
  }).join();
}

}  // namespace fdorigin
