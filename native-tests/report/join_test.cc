#include "report/join.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "catch2/catch_test_macros.hpp"
#include "report/open_fd.h"

namespace fdorigin {
namespace {

constexpr const char* kPackage = "jdk.internal.crac.mirror.impl.";

OpenDescriptor Plain(int fd, std::string kind, std::string target, uint64_t ino) {
  OpenDescriptor descriptor;
  descriptor.fd = fd;
  descriptor.kind = std::move(kind);
  descriptor.target = std::move(target);
  descriptor.identity = {8, ino};
  return descriptor;
}

OpenDescriptor Socket(int fd, uint64_t ino, SocketDetails details) {
  OpenDescriptor descriptor = Plain(fd, "socket", "socket:[" + std::to_string(ino) + "]", ino);
  descriptor.socket = std::move(details);
  return descriptor;
}

OpenDescriptor Tcp(int fd, uint64_t ino, std::string local, std::string remote = "",
                   std::string family = "ipv6") {
  return Socket(fd, ino,
                {.family = std::move(family),
                 .type = "stream",
                 .protocol = "tcp",
                 .state = remote.empty() ? "LISTEN" : "ESTABLISHED",
                 .local = std::move(local),
                 .remote = std::move(remote),
                 .peer = {}});
}

OpenDescriptor Unix(int fd, uint64_t ino, std::string local, std::string remote) {
  return Socket(fd, ino,
                {.family = "unix",
                 .type = "stream",
                 .protocol = "unix",
                 .state = "ESTABLISHED",
                 .local = std::move(local),
                 .remote = std::move(remote),
                 .peer = {}});
}

Snapshot Of(std::vector<OpenDescriptor> descriptors) {
  Snapshot snapshot;
  snapshot.descriptors = std::move(descriptors);
  return snapshot;
}

// The failure's suppressed exceptions: "Socket" stands for CheckpointOpenSocketException.
JoinedFailures Join(const Snapshot& snapshot,
                    const std::vector<std::pair<std::string, std::string>>& messages) {
  CheckpointFailure failure;
  for (const auto& [kind, message] : messages) {
    const bool full_name = kind.find('.') != std::string::npos;
    failure.suppressed.push_back(
        {full_name ? kind : kPackage + ("CheckpointOpen" + kind + "Exception"), message});
  }
  return JoinFailures(snapshot, failure);
}

// Numbers of the blocking descriptors.
std::vector<int> Blocking(const Snapshot& snapshot, const JoinedFailures& joined) {
  std::vector<int> fds;
  for (size_t i = 0; i < snapshot.descriptors.size(); ++i) {
    if (!joined.failures[i].empty()) fds.push_back(snapshot.descriptors[i].fd);
  }
  return fds;
}

std::vector<int> Blocking(const Snapshot& snapshot, const char* kind, const std::string& message) {
  return Blocking(snapshot, Join(snapshot, {{kind, message}}));
}

using Fds = std::vector<int>;

TEST_CASE("number and inode agree") {
  const Snapshot snapshot = Of({Unix(4, 7504404, "", "/run/x"), Unix(5, 7504405, "", "")});
  const JoinedFailures joined =
      Join(snapshot, {{"Socket", "FD fd=4 type=socket path=socket:[7504404],port=29295"}});
  CHECK(Blocking(snapshot, joined) == Fds{4});
  CHECK(joined.suppressed[0].fd == 4);
  CHECK(joined.suppressed[0].inode == 7504404);
  CHECK(joined.suppressed[0].level == FailureLevel::kVm);
  CHECK(joined.names_descriptors);
}

TEST_CASE("where number and inode disagree, the inode is right") {
  // The socket moved from 4 to 9, and 4 is something else by now.
  const Snapshot snapshot = Of({Unix(4, 111, "", ""), Unix(9, 7504404, "", "")});
  const JoinedFailures joined =
      Join(snapshot, {{"Socket", "FD fd=4 type=socket path=socket:[7504404],port=29295"}});
  CHECK(Blocking(snapshot, joined) == Fds{9});
  CHECK(joined.suppressed[0].fd == 9);
}

TEST_CASE("what is gone is not blamed on who has its number now") {
  const Snapshot snapshot =
      Of({Unix(4, 111, "", ""), Plain(5, "eventfd", "anon_inode:[eventfd]", 9)});
  const JoinedFailures joined =
      Join(snapshot, {{"Socket", "FD fd=4 type=socket path=socket:[222],port=0"},
                      {"Resource", "FD fd=5 type=unknown path=anon_inode:[eventpoll]"}});
  CHECK(Blocking(snapshot, joined).empty());
  CHECK_FALSE(joined.names_descriptors);
  // The message's own words stay.
  CHECK(joined.suppressed[0].fd == 4);
  CHECK(joined.suppressed[0].inode == 222);
  CHECK(joined.suppressed[1].fd == 5);
  CHECK_FALSE(joined.suppressed[1].inode.has_value());
}

TEST_CASE("two descriptors of one socket are told apart by number") {
  const Snapshot snapshot = Of({Unix(4, 7, "", ""), Unix(5, 7, "", "")});
  CHECK(Blocking(snapshot, "Socket", "FD fd=5 type=socket path=socket:[7],port=29295") == Fds{5});
}

TEST_CASE("a file by number, by path where the number moved, deleted in between or not") {
  const Snapshot snapshot = Of({Plain(3, "file", "/etc/passwd", 1), Plain(6, "file", "/x y", 2),
                                Plain(7, "file", "/tmp/gone (deleted)", 3)});
  CHECK(Blocking(snapshot, "File", "FD fd=3 type=regular path=/etc/passwd") == Fds{3});
  CHECK(Blocking(snapshot, "File", "FD fd=3 type=regular path=/x y") == Fds{6});
  CHECK(Blocking(snapshot, "File", "FD fd=7 type=regular path=/tmp/gone") == Fds{7});
  CHECK(Blocking(snapshot, "File", "FD fd=3 type=regular path=/other").empty());
}

TEST_CASE("anonymous inodes share their link, so only the number counts") {
  const Snapshot snapshot = Of({Plain(27, "epoll", "anon_inode:[eventpoll]", 9),
                                Plain(28, "epoll", "anon_inode:[eventpoll]", 9)});
  CHECK(Blocking(snapshot, "Resource", "FD fd=28 type=unknown path=anon_inode:[eventpoll]") ==
        Fds{28});
}

TEST_CASE("a bare link that many may share is believed only where as many share it") {
  const Snapshot snapshot = Of({Plain(11, "inotify", "anon_inode:inotify", 9),
                                Plain(27, "epoll", "anon_inode:[eventpoll]", 9),
                                Plain(28, "epoll", "anon_inode:[eventpoll]", 9)});
  const char* name = "jdk.crac.impl.CheckpointOpenResourceException";
  CHECK(Blocking(snapshot, name, "anon_inode:inotify") == Fds{11});
  CHECK(Blocking(snapshot, name, "anon_inode:[eventpoll]").empty());
}

TEST_CASE("a socket by the addresses of /proc/net") {
  const Snapshot snapshot = Of({Tcp(5, 50, "[::]:8080"), Tcp(6, 60, "0.0.0.0:8080", "", "ipv4"),
                                Tcp(7, 70, "[::ffff:127.0.0.1]:33922", "[::ffff:127.0.0.1]:45401"),
                                Tcp(8, 80, "[::ffff:127.0.0.1]:45401", "[::ffff:127.0.0.1]:33922"),
                                Socket(9, 90,
                                       {.family = "ipv6",
                                        .type = "dgram",
                                        .protocol = "udp",
                                        .state = "UNCONNECTED",
                                        .local = "[::]:8080",
                                        .remote = "",
                                        .peer = {}})});
  CHECK(Blocking(snapshot, "Socket",
                 "tcp6 localAddr :: localPort 8080 remoteAddr :: remotePort 0") == Fds{5});
  CHECK(Blocking(snapshot, "Socket",
                 "tcp localAddr 0.0.0.0 localPort 8080 remoteAddr 0.0.0.0 remotePort 0") == Fds{6});
  CHECK(Blocking(snapshot, "Socket",
                 "udp6 localAddr :: localPort 8080 remoteAddr :: remotePort 0") == Fds{9});
  CHECK(Blocking(snapshot, "Socket",
                 "tcp6 localAddr ::ffff:127.0.0.1 localPort 33922 remoteAddr ::ffff:127.0.0.1 "
                 "remotePort 45401") == Fds{7});
}

TEST_CASE("messages of one text are dealt out where their number is that of the descriptors") {
  const Snapshot snapshot = Of(
      {Plain(10, "pipe", "pipe:[1607808]", 1607808), Plain(11, "pipe", "pipe:[1607808]", 1607808)});
  const JoinedFailures both =
      Join(snapshot, {{"Resource", "pipe:[1607808]"}, {"Resource", "pipe:[1607808]"}});
  CHECK(both.failures[0] == std::vector<size_t>{0});
  CHECK(both.failures[1] == std::vector<size_t>{1});
  CHECK(both.suppressed[1].fd == 11);

  // One message for two ends: either may be meant.
  const JoinedFailures one = Join(snapshot, {{"Resource", "pipe:[1607808]"}});
  CHECK(Blocking(snapshot, one) == Fds{10, 11});
  CHECK_FALSE(one.suppressed[0].fd.has_value());
  CHECK(one.suppressed[0].inode == 1607808);
}

TEST_CASE("Java's listening socket on 0.0.0.0 is the kernel's on ::") {
  const Snapshot snapshot = Of({Tcp(5, 50, "[::]:8080"), Tcp(6, 60, "[::]:8081"),
                                Tcp(7, 70, "[::ffff:10.0.0.1]:8080", "[::ffff:10.0.0.9]:5000")});
  for (const char* message : {"Socket[addr=0.0.0.0/0.0.0.0,port=0,localport=8080]",
                              "sun.nio.ch.ServerSocketChannelImpl[/0:0:0:0:0:0:0:0:8080]",
                              "sun.nio.ch.ServerSocketChannelImpl[/[0:0:0:0:0:0:0:0]:8080]",
                              "ServerSocket[addr=0.0.0.0/0.0.0.0,localport=8080]"}) {
    INFO(message);
    CHECK(Blocking(snapshot, "Socket", message) == Fds{5});
  }
}

TEST_CASE("of two wildcards the one of the very family is taken") {
  const Snapshot snapshot = Of({Tcp(5, 50, "[::]:8080"), Tcp(6, 60, "0.0.0.0:8080", "", "ipv4")});
  CHECK(Blocking(snapshot, "Socket", "Socket[addr=0.0.0.0/0.0.0.0,port=0,localport=8080]") ==
        Fds{6});
}

TEST_CASE("a connection by both its ends, not by one") {
  const Snapshot snapshot =
      Of({Tcp(5, 50, "[::ffff:172.18.0.4]:36898", "[::ffff:172.18.0.3]:9092"),
          Tcp(6, 60, "[::ffff:172.18.0.4]:36899", "[::ffff:172.18.0.3]:9092")});
  CHECK(Blocking(snapshot, "Socket",
                 "java.nio.channels.SocketChannel[connected local=/172.18.0.4:36898 "
                 "remote=kafka/172.18.0.3:9092]") == Fds{5});
  CHECK(Blocking(snapshot, "Socket", "Socket[addr=kafka/172.18.0.3,port=9092,localport=36899]") ==
        Fds{6});
  CHECK(Blocking(snapshot, "Socket", "Socket[addr=kafka/172.18.0.3,port=9093,localport=36899]")
            .empty());
}

TEST_CASE("unix channels by their paths") {
  const Snapshot snapshot =
      Of({Unix(5, 50, "/run/app.sock", ""), Unix(6, 60, "", "/run/other.sock")});
  CHECK(Blocking(snapshot, "Socket", "sun.nio.ch.ServerSocketChannelImpl[/run/app.sock]") ==
        Fds{5});
  CHECK(Blocking(snapshot, "Socket",
                 "java.nio.channels.SocketChannel[connected local= remote=/run/other.sock]") ==
        Fds{6});
}

TEST_CASE("vague words are believed only where no more descriptors fit than are described") {
  const Snapshot one = Of({Tcp(5, 50, "[::]:0"), Tcp(6, 60, "[::]:80")});
  const Snapshot two = Of({Tcp(5, 50, "[::]:0"), Tcp(6, 60, "[::]:0")});
  const char* message = "java.nio.channels.SocketChannel[unconnected]";
  CHECK(Blocking(one, "Socket", message) == Fds{5});
  CHECK(Blocking(two, "Socket", message).empty());
  CHECK(Blocking(two, Join(two, {{"Socket", message}, {"Socket", message}})) == Fds{5, 6});

  // JDK 25 prints no address of a server channel.
  const char* server = "sun.nio.ch.ServerSocketChannelImpl[]";
  const Snapshot listening = Of({Tcp(5, 50, "[::]:80"), Tcp(6, 60, "[::]:81"),
                                 Tcp(7, 70, "[::1]:80", "[::1]:9"), Unix(8, 80, "", "")});
  CHECK(Blocking(listening, "Socket", server).empty());
  CHECK(Blocking(listening, Join(listening, {{"Socket", server}, {"Socket", server}})) ==
        Fds{5, 6});
  CHECK(Blocking(listening, "Socket",
                 std::string("Selector x has registered keys from channels: [") + server + ", " +
                     server + "]") == Fds{5, 6});
}

TEST_CASE("raw descriptors are checked against what the message says beside the number") {
  const Snapshot snapshot =
      Of({Plain(7, "file", "/opt/x", 1), Tcp(8, 80, "127.0.0.1:8080", "127.0.0.1:8081", "ipv4"),
          Tcp(12, 120, "[::]:8080")});
  CHECK(Blocking(snapshot, "Resource", "FileDescriptor 7: regular: /opt/x") == Fds{7});
  CHECK(Blocking(snapshot, "Resource", "FileDescriptor 7: regular: /opt/y").empty());
  CHECK(Blocking(snapshot, "Resource",
                 "FileDescriptor 8: socket: family=AF_INET type=SOCK_STREAM "
                 "localaddr=02001f907f0000010000000000000000 "
                 "remoteaddr=02001f917f0000010000000000000000") == Fds{8});
  CHECK(Blocking(snapshot, "File", "FileDescriptor 7 left open: /opt/x (regular) [Use -Dx]") ==
        Fds{7});
  CHECK(Blocking(snapshot, "Socket",
                 "FileDescriptor 12 left open: tcp6 local /[0:0:0:0:0:0:0:0]:8080 remote not "
                 "bound") == Fds{12});
  // 13 is not open any more; the address finds where it went.
  CHECK(Blocking(snapshot, "Socket",
                 "FileDescriptor 13 left open: tcp6 local /[0:0:0:0:0:0:0:0]:8080 remote not "
                 "bound") == Fds{12});
}

TEST_CASE("a busy selector blames its channels, not itself") {
  const Snapshot snapshot =
      Of({Plain(20, "epoll", "anon_inode:[eventpoll]", 9),
          Plain(21, "eventfd", "anon_inode:[eventfd]", 9), Tcp(22, 220, "[::]:8080"),
          Tcp(23, 230, "[::ffff:127.0.0.1]:8080", "[::ffff:127.0.0.1]:40000"),
          Tcp(24, 240, "[::]:9090")});
  const JoinedFailures joined =
      Join(snapshot, {{"sun.nio.ch.EPollSelectorImpl$BusySelectorException",
                       "Selector sun.nio.ch.EPollSelectorImpl@1 has registered keys from channels: "
                       "[sun.nio.ch.ServerSocketChannelImpl[/[0:0:0:0:0:0:0:0]:8080], "
                       "java.nio.channels.SocketChannel[connected local=/127.0.0.1:8080 "
                       "remote=/127.0.0.1:40000]]"},
                      {"Socket",
                       "EPoll FD 20 left open in sun.nio.ch.EPollSelectorImpl@1 with registered "
                       "keys."}});
  CHECK(Blocking(snapshot, joined) == Fds{20, 22, 23});
  CHECK(joined.busy_selector);
  CHECK_FALSE(joined.suppressed[0].fd.has_value());
  CHECK(joined.suppressed[1].fd == 20);

  const JoinedFailures closed =
      Join(snapshot, {{"sun.nio.ch.EPollSelectorImpl$BusySelectorException",
                       "Selector x has registered keys from channels: "
                       "[sun.nio.ch.ServerSocketChannelImpl[closed]]"}});
  CHECK(Blocking(snapshot, closed).empty());
  CHECK_FALSE(closed.names_descriptors);
  CHECK(closed.busy_selector);
}

TEST_CASE("a path as the program wrote it finds the file that the kernel resolved") {
  const std::string directory = "/tmp/fdorigin-join-" + std::to_string(getpid());
  REQUIRE(mkdir(directory.c_str(), 0700) == 0);
  const std::string file = directory + "/real.log";
  const std::string link = directory + "/link.log";
  OpenFd fd(open(file.c_str(), O_RDWR | O_CREAT, 0600));
  REQUIRE(symlink(file.c_str(), link.c_str()) == 0);
  TestTable table;
  const Snapshot snapshot = TakeSnapshot(table.table);
  CHECK(Blocking(snapshot, "File", file) == Fds{fd.get()});
  CHECK(Blocking(snapshot, "File", link) == Fds{fd.get()});
  CHECK(Blocking(snapshot, "File", directory + "/none").empty());
  unlink(link.c_str());
  unlink(file.c_str());
  rmdir(directory.c_str());
}

// What the checkpoint's list of claimed descriptors says of each: `owned` are in it.
Snapshot Claimed(Snapshot snapshot, const Fds& owned) {
  for (OpenDescriptor& descriptor : snapshot.descriptors) {
    descriptor.java_owned = std::find(owned.begin(), owned.end(), descriptor.fd) != owned.end();
  }
  return snapshot;
}

TEST_CASE("of a file that Java and native code opened, the message of Java means Java's") {
  const Snapshot opened =
      Of({Plain(5, "file", "/etc/hostname", 1), Plain(6, "file", "/etc/hostname", 1)});
  CHECK(Blocking(opened, "File", "/etc/hostname") == Fds{5, 6});  // nobody said whose they are
  const Snapshot snapshot = Claimed(opened, {5});
  const JoinedFailures joined =
      Join(snapshot, {{"File", "/etc/hostname"},
                      {"File", "FD fd=6 type=regular path=/etc/hostname"},
                      {"jdk.crac.impl.CheckpointOpenFileException", "/etc/hostname"}});
  CHECK(joined.failures[0] == std::vector<size_t>{0});
  CHECK(joined.failures[1] == std::vector<size_t>{1, 2});  // the VM passes over what is claimed
  CHECK(joined.suppressed[0].fd == 5);
  CHECK(joined.suppressed[2].fd == 6);
  // Where nothing that fits is of the right owner, what fits is taken as it is.
  CHECK(Blocking(Claimed(opened, {}), "File", "/etc/hostname") == Fds{5, 6});
  CHECK(Blocking(Claimed(opened, {5, 6}), "jdk.crac.impl.CheckpointOpenFileException",
                 "/etc/hostname") == Fds{5, 6});
}

TEST_CASE("the number of a message counts for more than the owner") {
  const Snapshot snapshot =
      Claimed(Of({Plain(5, "file", "/etc/hosts", 1), Plain(6, "file", "/etc/hosts", 1)}), {5});
  CHECK(Blocking(snapshot, "File", "FD fd=5 type=regular path=/etc/hosts") == Fds{5});
  CHECK(Blocking(snapshot, "File", "FileDescriptor 6: regular: /etc/hosts") == Fds{6});
  // The number is gone, and what else was said fits both.
  CHECK(Blocking(snapshot, "File", "FD fd=9 type=regular path=/etc/hosts") == Fds{6});
  CHECK(Blocking(snapshot, "File", "FileDescriptor 9: regular: /etc/hosts") == Fds{5});
}

TEST_CASE("messages of one text are dealt out among the descriptors of the right owner") {
  const std::vector<OpenDescriptor> opened = {Plain(5, "file", "/x", 1), Plain(6, "file", "/x", 1),
                                              Plain(7, "file", "/x", 1)};
  const Snapshot snapshot = Claimed(Of(opened), {5, 7});
  const JoinedFailures joined = Join(snapshot, {{"File", "/x"}, {"File", "/x"}});
  CHECK(joined.suppressed[0].fd == 5);
  CHECK(joined.suppressed[1].fd == 7);
}

TEST_CASE("a socket of Java's and a copy of it that is not") {
  const Snapshot snapshot =
      Claimed(Of({Tcp(5, 50, "[::ffff:10.0.0.2]:4000", "[::ffff:10.0.0.3]:9092"),
                  Tcp(6, 50, "[::ffff:10.0.0.2]:4000", "[::ffff:10.0.0.3]:9092"),
                  Tcp(7, 70, "0.0.0.0:80", "", "ipv4"), Tcp(8, 80, "[::]:80")}),
              {6, 8});
  CHECK(Blocking(snapshot, "Socket", "Socket[addr=h/10.0.0.3,port=9092,localport=4000]") == Fds{6});
  const char* selector =
      "Selector s has registered keys from channels: [java.nio.channels.SocketChannel[connected "
      "local=/10.0.0.2:4000 remote=/10.0.0.3:9092]]";
  CHECK(Blocking(snapshot, "Socket", selector) == Fds{6});
  CHECK(Blocking(snapshot, "jdk.crac.impl.CheckpointOpenSocketException", "socket:[50]") == Fds{5});
  CHECK(Blocking(snapshot, "Socket",
                 "tcp6 localAddr ::ffff:10.0.0.2 localPort 4000 remoteAddr ::ffff:10.0.0.3 "
                 "remotePort 9092") == Fds{5});
  // Java prints 0.0.0.0 for ::, so the owner counts for more than the very address.
  CHECK(Blocking(snapshot, "Socket", "Socket[addr=0.0.0.0/0.0.0.0,port=0,localport=80]") == Fds{8});
}

TEST_CASE("vague words of the VM are not about what Java owns, nor Java's about the rest") {
  const Snapshot snapshot = Claimed(Of({Plain(11, "inotify", "anon_inode:inotify", 9),
                                        Plain(12, "inotify", "anon_inode:inotify", 9),
                                        Tcp(5, 50, "[::]:0"), Tcp(6, 60, "[::]:0")}),
                                    {11, 5});
  CHECK(Blocking(snapshot, "Resource", "anon_inode:inotify") == Fds{12});
  CHECK(Blocking(snapshot, "Socket", "java.nio.channels.SocketChannel[unconnected]") == Fds{5});
  CHECK(Blocking(Claimed(snapshot, {11, 12}), "Resource", "anon_inode:inotify").empty());
}

TEST_CASE("every descriptor of a file that was opened twice") {
  const Snapshot snapshot =
      Of({Plain(5, "file", "/etc/hosts", 1), Plain(6, "file", "/etc/hosts", 1)});
  CHECK(Blocking(snapshot, "File", "/etc/hosts") == Fds{5, 6});
}

}  // namespace
}  // namespace fdorigin
