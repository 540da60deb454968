// Patches the entries of libc's own functions and calls them in every way there is. A program of
// its own, since nothing is ever unpatched; entry_patch_test.cc starts it.
//
// usage: libc_entries calls|cancel|storm
//
// Prints a line for each check that FAILED and each entry that was refused, and "done" at the end.
// What must not be counted goes through raw system calls.
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <syslog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "arch/entry_patch.h"

// glibc 2.36 declares these for C only.
extern "C" {
#include <sys/pidfd.h>
}

namespace {

using fdorigin::EntryPatch;

#define LIBC_FUNCTIONS(X)                                                  \
  X(int, socket, (int a, int b, int c), (a, b, c))                         \
  X(int, socketpair, (int a, int b, int c, int* d), (a, b, c, d))          \
  X(int, bind, (int a, const sockaddr* b, socklen_t c), (a, b, c))         \
  X(int, listen, (int a, int b), (a, b))                                   \
  X(int, connect, (int a, const sockaddr* b, socklen_t c), (a, b, c))      \
  X(int, accept, (int a, sockaddr* b, socklen_t* c), (a, b, c))            \
  X(int, accept4, (int a, sockaddr* b, socklen_t* c, int d), (a, b, c, d)) \
  X(int, close, (int a), (a))                                              \
  X(int, dup, (int a), (a))                                                \
  X(int, dup2, (int a, int b), (a, b))                                     \
  X(int, dup3, (int a, int b, int c), (a, b, c))                           \
  X(int, fcntl64, (int a, int b, unsigned long c), (a, b, c))              \
  X(int, open64, (const char* a, int b, mode_t c), (a, b, c))              \
  X(int, openat64, (int a, const char* b, int c, mode_t d), (a, b, c, d))  \
  X(int, __open64_nocancel, (const char* a, int b, mode_t c), (a, b, c))   \
  X(int, __close_nocancel, (int a), (a))                                   \
  X(int, pipe2, (int* a, int b), (a, b))                                   \
  X(int, epoll_create1, (int a), (a))                                      \
  X(int, eventfd, (unsigned a, int b), (a, b))                             \
  X(int, timerfd_create, (clockid_t a, int b), (a, b))                     \
  X(int, inotify_init1, (int a), (a))                                      \
  X(int, memfd_create, (const char* a, unsigned b), (a, b))                \
  X(ssize_t, recvmsg, (int a, msghdr* b, int c), (a, b, c))                \
  X(int, signalfd, (int a, const sigset_t* b, int c), (a, b, c))           \
  X(int, pidfd_open, (pid_t a, unsigned b), (a, b))                        \
  X(int, close_range, (unsigned a, unsigned b, int c), (a, b, c))

#define HOOK(type, name, parameters, arguments)   \
  std::atomic<long> seen_##name;                  \
  using Type_##name = type(*) parameters;         \
  std::atomic<Type_##name> original_##name;       \
  [[gnu::noinline]] type Hook_##name parameters { \
    seen_##name.fetch_add(1);                     \
    return original_##name.load() arguments;      \
  }
LIBC_FUNCTIONS(HOOK)
#undef HOOK

struct Function {
  const char* name;
  void* hook;
  void** original;
  std::atomic<long>* seen;
  void* address = nullptr;  // as dlsym gives it
  size_t size = 0;
  bool patched = false;
};

Function functions[] = {
#define ROW(type, name, parameters, arguments)                                               \
  {#name, reinterpret_cast<void*>(&Hook_##name), reinterpret_cast<void**>(&original_##name), \
   &seen_##name},
    LIBC_FUNCTIONS(ROW)
#undef ROW
};

int failures = 0;

void Check(bool good, const std::string& what) {
  if (good) return;
  ++failures;
  std::printf("FAILED: %s\n", what.c_str());
}

void FindAll() {
  void* libc = dlopen("libc.so.6", RTLD_NOLOAD | RTLD_NOW);
  for (Function& function : functions) {
    function.address = dlsym(libc, function.name);
    Dl_info info;
    const ElfW(Sym)* symbol = nullptr;
    if (function.address == nullptr ||
        dladdr1(function.address, &info,
                const_cast<void**>(reinterpret_cast<const void**>(&symbol)), RTLD_DL_SYMENT) == 0 ||
        symbol == nullptr) {
      Check(false, std::string("no symbol ") + function.name);
      continue;
    }
    function.size = symbol->st_size;
  }
}

// Each page of libc's image, and its protection.
std::map<uint64_t, std::string> LibcPages() {
  std::map<uint64_t, std::string> pages;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("libc.so.6") == std::string::npos) continue;
    unsigned long low = 0;
    unsigned long high = 0;
    char permissions[8] = {};
    std::sscanf(line.c_str(), "%lx-%lx %7s", &low, &high, permissions);
    for (; low < high; low += 4096) pages[low] = permissions;
  }
  return pages;
}

int WritableAndExecutable() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    const std::string permissions = line.substr(line.find(' ') + 1, 4);
    count += permissions[1] == 'w' && permissions[2] == 'x';
  }
  return count;
}

void PatchAll() {
  std::vector<EntryPatch> patches;
  for (const Function& function : functions) {
    patches.push_back({function.address, function.size, function.hook, function.original, ""});
  }
  PatchEntries(patches);
  for (size_t i = 0; i < patches.size(); ++i) {
    functions[i].patched = patches[i].refusal.empty();
    if (!functions[i].patched) {
      std::printf("refused: %s: %s\n", functions[i].name, patches[i].refusal.c_str());
    }
  }
}

// ---- Every function, once with success and once without -----------------------------------------

template <typename Result>
std::string Outcome(Result result) {
  return std::to_string(result) + "/" + std::to_string(errno) + " ";
}
// Whatever libc leaves in errno after a success must be what it found there.
#define TRY(call)               \
  [&] {                         \
    errno = 12345;              \
    const auto result = (call); \
    return Outcome(result);     \
  }()

void RawClose(long fd) { syscall(SYS_close, fd); }

int RawSocket() { return static_cast<int>(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0)); }

sockaddr_in Loopback() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A socket that listens, and its address.
int RawListener(sockaddr_in* address) {
  const int fd = RawSocket();
  *address = Loopback();
  socklen_t size = sizeof(*address);
  syscall(SYS_bind, fd, address, size);
  syscall(SYS_listen, fd, 5);
  syscall(SYS_getsockname, fd, address, &size);
  return fd;
}

const sockaddr* Generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// The results and errors of calls through `f`; descriptors are the lowest free ones, so they tell
// whether something was left open.
template <typename F>
std::string Exercise_socket(F f) {
  std::string text = TRY(f(AF_UNIX, SOCK_STREAM, 0));
  RawClose(std::atoi(text.c_str()));
  return text + TRY(f(9999, 1, 0));
}
template <typename F>
std::string Exercise_socketpair(F f) {
  int both[2] = {-1, -1};
  std::string text = TRY(f(AF_UNIX, SOCK_STREAM, 0, both));
  text += Outcome(both[0]) + Outcome(both[1]);
  RawClose(both[0]);
  RawClose(both[1]);
  return text + TRY(f(9999, 1, 0, both));
}
template <typename F>
std::string Exercise_bind(F f) {
  const sockaddr_in address = Loopback();
  const int fd = RawSocket();
  std::string text = TRY(f(fd, Generic(address), socklen_t{sizeof(address)}));
  RawClose(fd);
  return text + TRY(f(-1, Generic(address), socklen_t{sizeof(address)}));
}
template <typename F>
std::string Exercise_listen(F f) {
  const int fd = RawSocket();
  std::string text = TRY(f(fd, 5));
  RawClose(fd);
  return text + TRY(f(-1, 5));
}
template <typename F>
std::string Exercise_connect(F f) {
  sockaddr_in address;
  const int listener = RawListener(&address);
  const int fd = RawSocket();
  std::string text = TRY(f(fd, Generic(address), socklen_t{sizeof(address)}));
  RawClose(fd);
  RawClose(listener);
  return text + TRY(f(-1, Generic(address), socklen_t{sizeof(address)}));
}
template <typename F>
std::string Exercise_accept(F f) {
  sockaddr_in address;
  const int listener = RawListener(&address);
  const int client = RawSocket();
  syscall(SYS_connect, client, &address, sizeof(address));
  sockaddr_in peer = {};
  socklen_t size = sizeof(peer);
  std::string text = TRY(f(listener, reinterpret_cast<sockaddr*>(&peer), &size));
  text += Outcome(size) + Outcome(peer.sin_family);
  RawClose(std::atoi(text.c_str()));
  RawClose(client);
  RawClose(listener);
  return text + TRY(f(-1, nullptr, nullptr));
}
template <typename F>
std::string Exercise_accept4(F f) {
  return Exercise_accept([&](int fd, sockaddr* address, socklen_t* size) {
    const int accepted = f(fd, address, size, SOCK_CLOEXEC);
    if (accepted >= 0 && syscall(SYS_fcntl, accepted, F_GETFD) != FD_CLOEXEC) return -1000;
    return accepted;
  });
}
template <typename F>
std::string Exercise_close(F f) {
  const int fd = RawSocket();
  return TRY(f(fd)) + TRY(f(-1));
}
template <typename F>
std::string Exercise___close_nocancel(F f) {
  return Exercise_close(f);
}
template <typename F>
std::string Exercise_dup(F f) {
  std::string text = TRY(f(1));
  RawClose(std::atoi(text.c_str()));
  return text + TRY(f(-1));
}
template <typename F>
std::string Exercise_dup2(F f) {
  std::string text = TRY(f(1, 77));
  RawClose(77);
  return text + TRY(f(-1, 77));
}
template <typename F>
std::string Exercise_dup3(F f) {
  std::string text = TRY(f(1, 78, O_CLOEXEC));
  text += Outcome(syscall(SYS_fcntl, 78, F_GETFD));
  RawClose(78);
  return text + TRY(f(1, 1, 0));
}
template <typename F>
std::string Exercise_fcntl64(F f) {
  std::string text = TRY(f(1, F_DUPFD_CLOEXEC, 90UL));
  RawClose(std::atoi(text.c_str()));
  return text + TRY(f(1, F_GETFD, 0UL)) + TRY(f(-1, F_GETFL, 0UL));
}
template <typename F>
std::string Exercise_open64(F f) {
  std::string text = TRY(f("/etc/passwd", O_RDONLY, mode_t{0}));
  RawClose(std::atoi(text.c_str()));
  const std::string path = "/tmp/fdorigin-entries-" + std::to_string(getpid());
  std::string created = TRY(f(path.c_str(), O_CREAT | O_EXCL | O_WRONLY, mode_t{0640}));
  struct stat status = {};
  stat(path.c_str(), &status);
  unlink(path.c_str());
  RawClose(std::atoi(created.c_str()));
  return text + created + Outcome(status.st_mode) +
         TRY(f("/nonexistent/heron", O_RDONLY, mode_t{0}));
}
template <typename F>
std::string Exercise___open64_nocancel(F f) {
  return Exercise_open64(f);
}
template <typename F>
std::string Exercise_openat64(F f) {
  return Exercise_open64(
      [&](const char* path, int flags, mode_t mode) { return f(AT_FDCWD, path, flags, mode); });
}
template <typename F>
std::string Exercise_pipe2(F f) {
  int both[2] = {-1, -1};
  std::string text = TRY(f(both, O_CLOEXEC));
  text += Outcome(both[0]) + Outcome(both[1]);
  RawClose(both[0]);
  RawClose(both[1]);
  return text + TRY(f(both, -1));
}
template <typename F, typename... Good>
std::string ExerciseFactory(F f, Good... good) {
  std::string text = TRY(f(good...));
  RawClose(std::atoi(text.c_str()));
  return text;
}
template <typename F>
std::string Exercise_epoll_create1(F f) {
  return ExerciseFactory(f, EPOLL_CLOEXEC) + TRY(f(-1));
}
template <typename F>
std::string Exercise_eventfd(F f) {
  return ExerciseFactory(f, 3u, 0) + TRY(f(0u, -1));
}
template <typename F>
std::string Exercise_timerfd_create(F f) {
  return ExerciseFactory(f, CLOCK_MONOTONIC, 0) + TRY(f(99, 0));
}
template <typename F>
std::string Exercise_inotify_init1(F f) {
  return ExerciseFactory(f, 0) + TRY(f(-1));
}
template <typename F>
std::string Exercise_memfd_create(F f) {
  return ExerciseFactory(f, "heron", 0u) + TRY(f("heron", ~0u));
}
template <typename F>
std::string Exercise_recvmsg(F f) {
  int both[2];
  syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, both);
  char byte = 'h';
  iovec vector = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int sent = 1;
  std::memcpy(CMSG_DATA(header), &sent, sizeof(sent));
  syscall(SYS_sendmsg, both[0], &message, 0);
  std::memset(control, 0, sizeof(control));
  std::string text = TRY(f(both[1], &message, 0));
  int received = -1;
  std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(received));
  RawClose(received);
  RawClose(both[0]);
  RawClose(both[1]);
  return text + Outcome(received) + TRY(f(-1, &message, 0));
}
template <typename F>
std::string Exercise_signalfd(F f) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  const sigset_t* signals = &set;
  return ExerciseFactory(f, -1, signals, 0) + TRY(f(-1, signals, ~0));
}
template <typename F>
std::string Exercise_pidfd_open(F f) {
  return ExerciseFactory(f, getpid(), 0u) + TRY(f(-1, 0u));
}
template <typename F>
std::string Exercise_close_range(F f) {
  syscall(SYS_dup2, 1, 901);
  std::string text = TRY(f(900u, 910u, 0));
  return text + Outcome(syscall(SYS_fcntl, 901, F_GETFD)) + TRY(f(5u, 4u, 0));
}

struct Round {
  std::map<std::string, std::string> outcomes;
  std::map<std::string, long> seen;
};

template <typename F>
void Record(Round* round, const std::string& way, std::atomic<long>* seen, F exercise) {
  const long before = *seen;
  round->outcomes[way] = exercise();
  round->seen[way] = *seen - before;
}

Round ExerciseAll() {
  Round round;
  int i = 0;
#define THROUGH_POINTER(type, name, parameters, arguments)                                      \
  Record(&round, std::string("pointer ") + #name, &seen_##name,                                 \
         [&] { return Exercise_##name(reinterpret_cast<Type_##name>(functions[i].address)); }); \
  ++i;
  LIBC_FUNCTIONS(THROUGH_POINTER)
#undef THROUGH_POINTER
#define THROUGH_PLT(name)                                   \
  Record(&round, std::string("plt ") + #name, &seen_##name, \
         [&] { return Exercise_##name([](auto... a) { return ::name(a...); }); });
  THROUGH_PLT(socket)
  THROUGH_PLT(socketpair)
  THROUGH_PLT(bind)
  THROUGH_PLT(listen)
  THROUGH_PLT(connect)
  THROUGH_PLT(accept)
  THROUGH_PLT(accept4)
  THROUGH_PLT(close)
  THROUGH_PLT(dup)
  THROUGH_PLT(dup2)
  THROUGH_PLT(dup3)
  THROUGH_PLT(fcntl64)
  THROUGH_PLT(open64)
  THROUGH_PLT(openat64)
  THROUGH_PLT(pipe2)
  THROUGH_PLT(epoll_create1)
  THROUGH_PLT(eventfd)
  THROUGH_PLT(timerfd_create)
  THROUGH_PLT(inotify_init1)
  THROUGH_PLT(memfd_create)
  THROUGH_PLT(recvmsg)
  THROUGH_PLT(signalfd)
  THROUGH_PLT(pidfd_open)
  THROUGH_PLT(close_range)
#undef THROUGH_PLT
  return round;
}

// ---- libc calling itself ------------------------------------------------------------------------

struct Counts {
  long opened = 0;
  long closed = 0;
  long sockets = 0;
  long connects = 0;
  long pipes = 0;
  long dups = 0;
};

Counts CountNow() {
  return {seen_open64 + seen___open64_nocancel + seen_openat64,
          seen_close + seen___close_nocancel,
          seen_socket.load(),
          seen_connect.load(),
          seen_pipe2.load(),
          seen_dup2.load()};
}

template <typename F>
Counts CountsOf(F action) {
  const Counts before = CountNow();
  action();
  const Counts after = CountNow();
  return {after.opened - before.opened,   after.closed - before.closed,
          after.sockets - before.sockets, after.connects - before.connects,
          after.pipes - before.pipes,     after.dups - before.dups};
}

void CallThroughLibc() {
  Counts counts = CountsOf([] { std::fclose(std::fopen("/etc/passwd", "r")); });
  Check(counts.opened == 1 && counts.closed == 1, "fopen, fclose");
  counts = CountsOf([] { closedir(opendir("/tmp")); });
  Check(counts.opened == 1 && counts.closed == 1, "opendir, closedir");
  counts = CountsOf([] {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo("localhost", "80", &hints, &found) == 0) freeaddrinfo(found);
  });
  Check(counts.opened >= 1 && counts.closed >= 1 && counts.sockets >= 1, "getaddrinfo");
  counts = CountsOf([] { getpwuid(getuid()); });
  // It asks nscd first, and opens /etc/passwd.
  Check(counts.sockets >= 1 && counts.connects >= 1 && counts.opened >= 1 && counts.closed >= 2,
        "getpwuid");
  counts = CountsOf([] {
    openlog("heron", LOG_NDELAY, LOG_USER);
    syslog(LOG_DEBUG, "a test of fdorigin");
    closelog();
  });
  Check(counts.sockets >= 1 && counts.connects >= 1 && counts.closed >= 1, "syslog");
  std::string answer;
  counts = CountsOf([&] {
    FILE* pipe = popen("echo heron", "r");
    char line[32] = {};
    if (std::fgets(line, sizeof(line), pipe) != nullptr) answer = line;
    pclose(pipe);
  });
  Check(answer == "heron\n", "popen's answer: " + answer);
  // The child of posix_spawn runs in our memory until it executes the shell.
  Check(counts.pipes == 1 && counts.closed >= 2 && counts.dups == 1, "popen");
}

void Calls() {
  FindAll();
  const Round before = ExerciseAll();
  const std::map<uint64_t, std::string> pages = LibcPages();
  const int writable = WritableAndExecutable();
  PatchAll();
  Check(LibcPages() == pages, "the protection of libc's pages changed");
  Check(WritableAndExecutable() == writable, "something stayed writable and executable");
  for (const Function& function : functions) {
    if (!function.patched) continue;
    int32_t distance = 0;
    std::memcpy(&distance, static_cast<const uint8_t*>(function.address) + 1, sizeof(distance));
    std::printf("%s: %+.1f MiB\n", function.name, static_cast<double>(distance) / (1 << 20));
  }
  const Round after = ExerciseAll();
  for (const auto& [way, outcome] : before.outcomes) {
    std::printf("%-28s %s(%ld hooked)\n", way.c_str(), outcome.c_str(), after.seen.at(way));
    Check(before.seen.at(way) == 0, way + " was seen before it was patched");
    Check(after.outcomes.at(way) == outcome, way + ": now " + after.outcomes.at(way));
    Check(outcome.find("-1/") != std::string::npos, way + " was never refused by the kernel");
    const std::string name = way.substr(way.find(' ') + 1);
    const long expected = name.find("open64") != std::string::npos ||
                                  name.find("openat64") != std::string::npos || name == "fcntl64"
                              ? 3
                              : 2;
    Check(after.seen.at(way) == expected, way + ": hooked " + std::to_string(after.seen.at(way)));
  }
  CallThroughLibc();
}

// ---- Cancellation -------------------------------------------------------------------------------

std::atomic<pid_t> waiting_thread;
std::atomic<int> unwound;

class Unwound {
 public:
  explicit Unwound(int bit) : bit_(bit) {}
  ~Unwound() { unwound |= bit_; }
  Unwound(const Unwound&) = delete;
  Unwound& operator=(const Unwound&) = delete;

 private:
  int bit_;
};

// Unlike the agent's, which hold nothing across the call: whether this frame is unwound, not only
// passed, is what is tested.
[[gnu::noinline]] int CancelHook(int fd, sockaddr* address, socklen_t* size) {
  const Unwound here(1);
  ++seen_accept;
  return original_accept.load()(fd, address, size);
}

[[gnu::noinline]] void Wait(int fd) {
  const Unwound here(2);
  waiting_thread = static_cast<pid_t>(syscall(SYS_gettid));
  accept(fd, nullptr, nullptr);
  waiting_thread = 0;
}

void* WaitInThread(void* fd) {
  const Unwound here(4);
  Wait(*static_cast<int*>(fd));
  return nullptr;
}

void Cancel() {
  FindAll();
  for (Function& function : functions) {
    if (std::strcmp(function.name, "accept") == 0) {
      function.hook = reinterpret_cast<void*>(&CancelHook);
    }
  }
  PatchAll();
  sockaddr_in address;
  int listener = RawListener(&address);
  pthread_t thread;
  pthread_create(&thread, nullptr, &WaitInThread, &listener);
  // Until the kernel says that it is in accept.
  const std::string in_accept = std::to_string(SYS_accept) + " ";
  while (true) {
    std::string state;
    if (waiting_thread != 0) {
      std::ifstream file("/proc/self/task/" + std::to_string(waiting_thread) + "/syscall");
      std::getline(file, state);
    }
    if (state.starts_with(in_accept)) break;
    sched_yield();
  }
  Check(pthread_cancel(thread) == 0, "pthread_cancel");
  void* result = nullptr;
  pthread_join(thread, &result);
  Check(result == PTHREAD_CANCELED, "the thread was not cancelled");
  Check(seen_accept == 1, "accept was not hooked");
  Check(unwound == 7, "unwound: " + std::to_string(unwound));
}

// ---- Threads ------------------------------------------------------------------------------------

void Storm() {
  FindAll();
  std::atomic<bool> stop = false;
  std::atomic<long> wrong = 0;
  std::atomic<long> rounds[3] = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      while (!stop.load(std::memory_order_relaxed)) {
        const int fd = open64("/dev/null", O_RDONLY);
        const int copy = fcntl64(fd, F_DUPFD, 100);
        wrong += fd < 3 || copy < 100;
        wrong += close(copy) != 0 || close(fd) != 0;
        int both[2] = {-1, -1};
        wrong += socketpair(AF_UNIX, SOCK_STREAM, 0, both) != 0;
        wrong += close(both[0]) != 0 || close(both[1]) != 0;
        msghdr message = {};
        wrong += recvmsg(-1, &message, 0) != -1 || errno != EBADF;
        ++rounds[i];
      }
    });
  }
  const auto all_went_round = [&] {
    for (auto& own : rounds) {
      const long seen = own;
      while (own < seen + 50) std::this_thread::yield();
    }
  };
  all_went_round();
  PatchAll();
  const long opened = seen_open64;
  all_went_round();
  Check(seen_open64 >= opened + 150 - 3, "calls by threads were not hooked");
  stop = true;
  for (std::thread& thread : threads) thread.join();
  Check(wrong == 0, "wrong results: " + std::to_string(wrong));
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count == 2 ? arguments[1] : "";
  if (what == "calls") {
    Calls();
  } else if (what == "cancel") {
    Cancel();
  } else if (what == "storm") {
    Storm();
  } else {
    return 2;
  }
  std::printf("done\n");
  return failures == 0 ? 0 : 1;
}
