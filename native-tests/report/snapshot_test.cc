// The oracle is the kernel, asked in other ways than the code under test asks it:
// /proc/self/fdinfo, descriptors whose making the test knows, and children that it forked itself.
#include "report/snapshot.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "catch2/catch_test_macros.hpp"
#include "report/open_fd.h"

// ThreadSanitizer takes a descriptor for memory, and fstat for a read of it. Descriptors that other
// threads open and close meanwhile are what a snapshot looks at.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:fstat\n"; }

namespace fdorigin {
namespace {

Snapshot Take() {
  static TestTable table;
  return TakeSnapshot(table.table);
}

std::string KindOf(const OpenFd& fd) {
  const Snapshot snapshot = Take();
  const OpenDescriptor* descriptor = FindFd(snapshot, fd.get());
  return descriptor == nullptr ? "not there" : descriptor->kind;
}

// "flags:" of /proc/self/fdinfo/N: octal, O_CLOEXEC included.
int KernelFlags(int fd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
  std::string word;
  while (info >> word) {
    if (word != "flags:") continue;
    info >> word;
    return static_cast<int>(std::stoul(word, nullptr, 8));
  }
  return -1;
}

// Which numbers are open, without the directory's own.
std::set<int> OpenNumbers() {
  std::set<int> numbers;
  DIR* directory = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') numbers.insert(std::stoi(entry->d_name));
  }
  numbers.erase(dirfd(directory));
  closedir(directory);
  return numbers;
}

std::string TemporaryPath(const char* name) {
  return "/tmp/fdorigin-snapshot-" + std::to_string(getpid()) + "-" + name;
}

struct Pair {
  OpenFd first;
  OpenFd second;
};

Pair SocketPair(int type = SOCK_STREAM) {
  int fds[2] = {-1, -1};
  REQUIRE(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0);
  return {OpenFd(fds[0]), OpenFd(fds[1])};
}

Pair MakePipe() {
  int fds[2] = {-1, -1};
  REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
  return {OpenFd(fds[0]), OpenFd(fds[1])};
}

OpenFd TcpListener(int family, uint16_t* port) {
  OpenFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address = {};
  address.sin6_family = static_cast<sa_family_t>(family);
  REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
               family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)) == 0);
  REQUIRE(listen(fd.get(), 8) == 0);
  socklen_t size = sizeof(address);
  REQUIRE(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  *port = ntohs(address.sin6_port);
  return fd;
}

OpenFd ConnectLoopback(uint16_t port) {
  OpenFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return fd;
}

sockaddr_un UnixAddress(std::string_view name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, name.data(), name.size());
  return address;
}

// A child that runs `body` and then waits until it is killed. `body` gets a descriptor to which it
// writes one byte when it is ready.
class Child {
 public:
  template <typename Body>
  explicit Child(const char* name, Body body) {
    Pair ready = MakePipe();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      prctl(PR_SET_NAME, name);
      body(ready.second.get());
      for (;;) pause();
    }
    ready.second.Close();
    char byte = 0;
    REQUIRE(read(ready.first.get(), &byte, 1) == 1);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  int pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

void SayReady(int fd) {
  const ssize_t written = write(fd, "x", 1);
  (void)written;
}

TEST_CASE("every kind of descriptor is called by the contract's word") {
  CHECK(KindOf(OpenFd(open("/etc/passwd", O_RDONLY))) == "file");
  CHECK(KindOf(OpenFd(open("/tmp", O_RDONLY | O_DIRECTORY))) == "directory");
  CHECK(KindOf(OpenFd(open("/dev/null", O_RDONLY))) == "device");
  CHECK(KindOf(MakePipe().first) == "pipe");
  CHECK(KindOf(OpenFd(epoll_create1(0))) == "epoll");
  CHECK(KindOf(OpenFd(eventfd(0, 0))) == "eventfd");
  CHECK(KindOf(OpenFd(timerfd_create(CLOCK_MONOTONIC, 0))) == "timerfd");
  sigset_t signals;
  sigemptyset(&signals);
  CHECK(KindOf(OpenFd(signalfd(-1, &signals, 0))) == "signalfd");
  CHECK(KindOf(OpenFd(inotify_init1(0))) == "inotify");
  CHECK(KindOf(OpenFd(memfd_create("scratch", 0))) == "memfd");
  CHECK(KindOf(OpenFd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)))) == "pidfd");
  CHECK(KindOf(OpenFd(socket(AF_UNIX, SOCK_DGRAM, 0))) == "socket");
  CHECK(KindOf(OpenFd(open("/proc/self/ns/net", O_RDONLY))) == "other");

  const std::string path = TemporaryPath("fifo");
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  CHECK(KindOf(OpenFd(open(path.c_str(), O_RDWR))) == "fifo");
  unlink(path.c_str());
}

// Two of each, since what the kernel names by an inode is read of the first one only.
TEST_CASE("every descriptor has the target that the kernel gives it") {
  const std::string fifo = TemporaryPath("named");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  const std::string path = TemporaryPath("socket");
  const sockaddr_un address = UnixAddress(path);
  std::vector<OpenFd> fds;
  for (int i = 0; i < 2; ++i) {
    for (Pair (*make)() : {+[] { return SocketPair(); }, &MakePipe}) {
      Pair pair = make();
      fds.push_back(std::move(pair.first));
      fds.push_back(std::move(pair.second));
    }
    fds.emplace_back(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    fds.emplace_back(open(fifo.c_str(), O_RDWR | O_CLOEXEC));
    fds.emplace_back(epoll_create1(EPOLL_CLOEXEC));
    fds.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  REQUIRE(bind(fds.front().get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
          0);
  for (int i = 0; i < 2; ++i) fds.emplace_back(open(path.c_str(), O_PATH | O_CLOEXEC));
  const Snapshot snapshot = Take();
  for (const OpenFd& fd : fds) {
    char target[PATH_MAX] = "";
    const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
    REQUIRE(readlink(link.c_str(), target, sizeof(target) - 1) > 0);
    REQUIRE(FindFd(snapshot, fd.get()) != nullptr);
    CHECK(FindFd(snapshot, fd.get())->target == target);
  }
  unlink(fifo.c_str());
  unlink(path.c_str());
}

TEST_CASE("a file that only looks like a memfd is a file") {
  const std::string directory = TemporaryPath("d");
  REQUIRE(mkdir(directory.c_str(), 0700) == 0);
  const std::string path = directory + "/memfd:x (deleted)";
  CHECK(KindOf(OpenFd(open(path.c_str(), O_RDWR | O_CREAT, 0600))) == "file");
  unlink(path.c_str());
  rmdir(directory.c_str());
}

TEST_CASE("flags are the kernel's, and taking a snapshot changes none") {
  const std::string path = TemporaryPath("flags");
  std::vector<OpenFd> fds;
  for (const int flags : {0, O_CLOEXEC, O_NONBLOCK, O_APPEND, O_CLOEXEC | O_APPEND | O_NONBLOCK}) {
    fds.emplace_back(open(path.c_str(), O_RDWR | O_CREAT | flags, 0600));
  }
  unlink(path.c_str());
  std::vector<int> before;
  for (const OpenFd& fd : fds) before.push_back(KernelFlags(fd.get()));
  const Snapshot snapshot = Take();
  for (size_t i = 0; i < fds.size(); ++i) {
    std::vector<std::string> expected;
    if ((before[i] & O_CLOEXEC) != 0) expected.push_back("cloexec");
    if ((before[i] & O_NONBLOCK) != 0) expected.push_back("nonblock");
    if ((before[i] & O_APPEND) != 0) expected.push_back("append");
    CHECK(FindFd(snapshot, fds[i].get())->flags == expected);
    CHECK(KernelFlags(fds[i].get()) == before[i]);
  }
}

TEST_CASE("the snapshot lists what is open, in order, and leaves nothing of its own open") {
  Pair pair = SocketPair();  // so that netlink and /proc are used
  const std::set<int> before = OpenNumbers();
  const Snapshot snapshot = Take();
  CHECK(OpenNumbers() == before);
  std::vector<int> listed;
  for (const OpenDescriptor& descriptor : snapshot.descriptors) listed.push_back(descriptor.fd);
  CHECK(listed == std::vector<int>(before.begin(), before.end()));
  CHECK(snapshot.pid == getpid());
}

TEST_CASE("a deleted file keeps its link text and its inode") {
  const std::string path = TemporaryPath("deleted name ü");
  OpenFd fd(open(path.c_str(), O_RDWR | O_CREAT, 0600));
  unlink(path.c_str());
  const Snapshot snapshot = Take();
  const OpenDescriptor* descriptor = FindFd(snapshot, fd.get());
  CHECK(descriptor->target == path + " (deleted)");
  CHECK(descriptor->identity == fd.identity());
}

TEST_CASE("the table's knowledge of a number goes into the snapshot unjudged") {
  TestTable table;
  OpenFd fd(eventfd(0, 0));
  table.table.RecordOpen(fd.get(), FdIdentity{1, 2}, MakeRecord(kEventFdCall));
  const Snapshot snapshot = TakeSnapshot(table.table);
  const OpenDescriptor* descriptor = FindFd(snapshot, fd.get());
  REQUIRE(descriptor->entry.has_value());
  CHECK(descriptor->entry->identity == FdIdentity{1, 2});
  CHECK_FALSE(FindFd(snapshot, 0)->entry.has_value());
}

TEST_CASE("a listening socket of each family") {
  uint16_t port4 = 0;
  uint16_t port6 = 0;
  OpenFd fd4 = TcpListener(AF_INET, &port4);
  OpenFd fd6 = TcpListener(AF_INET6, &port6);
  const Snapshot snapshot = Take();
  const SocketDetails& ipv4 = *FindFd(snapshot, fd4.get())->socket;
  CHECK(ipv4.family == "ipv4");
  CHECK(ipv4.type == "stream");
  CHECK(ipv4.protocol == "tcp");
  CHECK(ipv4.state == "LISTEN");
  CHECK(ipv4.local == "0.0.0.0:" + std::to_string(port4));
  CHECK(ipv4.remote == "");
  CHECK_FALSE(ipv4.peer.has_value());
  const SocketDetails& ipv6 = *FindFd(snapshot, fd6.get())->socket;
  CHECK(ipv6.family == "ipv6");
  CHECK(ipv6.local == "[::]:" + std::to_string(port6));
}

TEST_CASE("sockets that are not TCP") {
  OpenFd udp(socket(AF_INET, SOCK_DGRAM, 0));
  OpenFd netlink(socket(AF_NETLINK, SOCK_RAW, 0));
  OpenFd fresh(socket(AF_INET6, SOCK_STREAM, 0));
  OpenFd unbound(socket(AF_UNIX, SOCK_SEQPACKET, 0));
  const Snapshot snapshot = Take();
  CHECK(FindFd(snapshot, udp.get())->socket->protocol == "udp");
  CHECK(FindFd(snapshot, udp.get())->socket->state == "UNCONNECTED");
  CHECK(FindFd(snapshot, netlink.get())->socket->family == "netlink");
  CHECK(FindFd(snapshot, netlink.get())->socket->protocol == "route");
  CHECK(FindFd(snapshot, netlink.get())->socket->state == "");
  CHECK(FindFd(snapshot, fresh.get())->socket->state == "CLOSE");
  CHECK(FindFd(snapshot, unbound.get())->socket->type == "seqpacket");
  CHECK(FindFd(snapshot, unbound.get())->socket->state == "UNCONNECTED");
}

TEST_CASE("the two ends of a socket pair are each other's peer") {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    Pair pair = SocketPair(type);
    const Snapshot snapshot = Take();
    const SocketPeer first = FindFd(snapshot, pair.first.get())->socket->peer.value();
    const SocketPeer second = FindFd(snapshot, pair.second.get())->socket->peer.value();
    CHECK(first.fd == pair.second.get());
    CHECK(first.inode == pair.second.inode());
    CHECK(first.pid == getpid());
    CHECK(second.fd == pair.first.get());
    CHECK(second.inode == pair.first.inode());
    std::ifstream comm("/proc/self/comm");
    std::string name;
    std::getline(comm, name);
    CHECK(first.process == name);
  }
}

TEST_CASE("both ends of a TCP connection inside the process find each other") {
  uint16_t port = 0;
  OpenFd listener = TcpListener(AF_INET6, &port);
  OpenFd client = ConnectLoopback(port);  // IPv4, so the accepted end has mapped addresses
  OpenFd server(accept(listener.get(), nullptr, nullptr));
  const Snapshot snapshot = Take();
  const SocketDetails& one = *FindFd(snapshot, client.get())->socket;
  const SocketDetails& other = *FindFd(snapshot, server.get())->socket;
  CHECK(one.state == "ESTABLISHED");
  CHECK(one.remote == "127.0.0.1:" + std::to_string(port));
  CHECK(other.local == "[::ffff:127.0.0.1]:" + std::to_string(port));
  CHECK(one.peer.value().fd == server.get());
  CHECK(one.peer.value().inode == server.inode());
  CHECK(other.peer.value().fd == client.get());
  CHECK_FALSE(FindFd(snapshot, listener.get())->socket->peer.has_value());
}

TEST_CASE("a TCP connection whose other end is elsewhere has no peer") {
  uint16_t port = 0;
  OpenFd listener = TcpListener(AF_INET, &port);
  OpenFd client = ConnectLoopback(port);
  const Snapshot snapshot = Take();  // not accepted: no descriptor has the other end
  CHECK_FALSE(FindFd(snapshot, client.get())->socket->peer.has_value());
}

TEST_CASE("the peer of a unix connection is the process that accepted it, and its descriptor") {
  const std::string path = TemporaryPath("server");
  OpenFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(path);
  REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  OpenFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  // The child accepts what this process listens on: SO_PEERCRED names the listener, which is wrong.
  Child child("lsassd-like", [&](int ready) {
    const int accepted = accept(listener.get(), nullptr, nullptr);
    dup2(accepted, 77);
    close(accepted);
    SayReady(ready);
  });
  const Snapshot snapshot = Take();
  unlink(path.c_str());
  const SocketDetails& socket = *FindFd(snapshot, client.get())->socket;
  CHECK(socket.remote == path);
  CHECK(socket.local == "");
  REQUIRE(socket.peer.has_value());
  CHECK(socket.peer->pid == child.pid());
  CHECK(socket.peer->process == "lsassd-like");
  CHECK(socket.peer->fd == 77);
}

TEST_CASE("the other end of a socket pair is found in the child that inherited it") {
  Pair pair = SocketPair();
  Child child("heir", [&](int ready) { SayReady(ready); });
  const int second = pair.second.get();
  const uint64_t inode = pair.second.inode();
  pair.second.Close();
  const Snapshot snapshot = Take();
  const SocketPeer peer = FindFd(snapshot, pair.first.get())->socket->peer.value();
  CHECK(peer.pid == child.pid());
  CHECK(peer.process == "heir");
  CHECK(peer.fd == second);
  CHECK(peer.inode == inode);
}

TEST_CASE("a peer whose descriptors cannot be read is named by SO_PEERCRED alone") {
  if (geteuid() != 0) SKIP("needs root, to give the child another user and then its own away");
  std::string name("\0fdorigin-guarded-", 18);
  name += std::to_string(getpid());
  const sockaddr_un address = UnixAddress(name);
  const socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  Child server("guarded", [&](int ready) {
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, reinterpret_cast<const sockaddr*>(&address), size);
    listen(listener, 1);
    SayReady(ready);
    accept(listener, nullptr, nullptr);
  });
  // The looker-on is a child too, so that giving up root does not harm the other tests. It writes
  // what it saw to a pipe.
  Pair result = MakePipe();
  Child looker("looker", [&](int ready) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
    const int client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(client, reinterpret_cast<const sockaddr*>(&address), size) != 0) _exit(2);
    const Snapshot snapshot = Take();
    const SocketDetails& socket = *FindFd(snapshot, client)->socket;
    const SocketPeer peer = socket.peer.value_or(SocketPeer());
    dprintf(result.second.get(), "%d %s %d %s", peer.pid, peer.process.c_str(), peer.fd,
            socket.remote.c_str());
    SayReady(ready);
  });
  char text[200] = {};
  REQUIRE(read(result.first.get(), text, sizeof(text) - 1) > 0);
  CHECK(std::string(text) ==
        std::to_string(server.pid()) + " guarded -1 @fdorigin-guarded-" + std::to_string(getpid()));
}

TEST_CASE("descriptors that come and go meanwhile do no harm") {
  std::atomic<bool> stop{false};
  std::thread churn([&] {
    while (!stop) {
      OpenFd file(open("/dev/null", O_RDONLY));
      OpenFd event(eventfd(0, 0));
      file.Close();
      OpenFd other(socket(AF_UNIX, SOCK_STREAM, 0));
    }
  });
  for (int i = 0; i < 200; ++i) {
    for (const OpenDescriptor& descriptor : Take().descriptors) {
      INFO(descriptor.fd << " " << descriptor.target);
      // What is said of a number belongs together.
      const bool is_socket = descriptor.target.starts_with("socket:[");
      const bool consistent =
          (descriptor.kind == "socket") == is_socket && descriptor.socket.has_value() == is_socket;
      CHECK(consistent);
    }
  }
  stop = true;
  churn.join();
}

TEST_CASE("a process that has no descriptor to spare is listed all the same") {
  const std::set<int> before = OpenNumbers();
  rlimit saved = {};
  getrlimit(RLIMIT_NOFILE, &saved);
  rlimit tight = saved;
  tight.rlim_cur = static_cast<rlim_t>(*before.rbegin() + 1);
  setrlimit(RLIMIT_NOFILE, &tight);
  std::vector<OpenFd> rest;  // the gaps
  for (int fd = eventfd(0, 0); fd >= 0; fd = eventfd(0, 0)) rest.emplace_back(fd);
  const Snapshot snapshot = Take();
  setrlimit(RLIMIT_NOFILE, &saved);
  CHECK(snapshot.descriptors.size() == before.size() + rest.size());
}

TEST_CASE("many descriptors take time in proportion") {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t saved = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const size_t many = std::min<size_t>(10'000, (limit.rlim_cur - 100) / 2);
  const size_t few = many / 10;
  std::vector<Pair> pairs;
  const auto time_of = [&pairs](size_t count) {
    while (pairs.size() < count) pairs.push_back(SocketPair());
    // The best of three, since others have the processors too.
    double best = 1e9;
    for (int i = 0; i < 3; ++i) {
      const auto start = std::chrono::steady_clock::now();
      const Snapshot snapshot = Take();
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      best = std::min(best, took.count());
      CHECK(snapshot.descriptors.size() >= 2 * count);
      CHECK(FindFd(snapshot, pairs.back().first.get())->socket->peer.value().fd ==
            pairs.back().second.get());
    }
    return best;
  };
  const double of_few = time_of(few);
  const double of_many = time_of(many);
  INFO(2 * few << " sockets in " << of_few << " s, " << 2 * many << " in " << of_many << " s");
  CHECK(of_many < 30 * of_few);  // ten times as many; a quadratic step would make it a hundred
  pairs.clear();
  limit.rlim_cur = saved;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace fdorigin
