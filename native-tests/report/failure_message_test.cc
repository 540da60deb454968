// The messages are those that CRaC's generations were seen to write.
#include "report/failure_message.h"

#include <string>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin {
namespace {

constexpr const char* kSocketException =
    "jdk.internal.crac.mirror.impl.CheckpointOpenSocketException";
constexpr const char* kFileException = "jdk.internal.crac.mirror.impl.CheckpointOpenFileException";
constexpr const char* kResourceException =
    "jdk.internal.crac.mirror.impl.CheckpointOpenResourceException";
constexpr const char* kOldSocketException = "jdk.crac.impl.CheckpointOpenSocketException";

FailureMessage Parse(const char* class_name, const std::string& message) {
  return ParseFailureMessage(class_name, message);
}

DescriptorClaim Claim(const char* class_name, const std::string& message,
                      FailureLevel level = FailureLevel::kJava) {
  const FailureMessage parsed = Parse(class_name, message);
  INFO(message);
  CHECK(parsed.level == level);
  REQUIRE(parsed.claims.size() == 1);
  return parsed.claims.front();
}

TEST_CASE("the VM's own scan: number, type and link") {
  DescriptorClaim claim = Claim(
      kSocketException, "FD fd=4 type=socket path=socket:[7504404],port=29295", FailureLevel::kVm);
  CHECK(claim.fd == 4);
  CHECK(claim.target == "socket:[7504404]");
  CHECK(claim.kinds == "socket");

  claim = Claim(kSocketException, "FD fd=4 type=socket path=socket:[38192]", FailureLevel::kVm);
  CHECK(claim.target == "socket:[38192]");

  claim = Claim(kResourceException, "FD fd=28 type=unknown path=anon_inode:[eventpoll]",
                FailureLevel::kVm);
  CHECK(claim.fd == 28);
  CHECK(claim.kinds == "");
  CHECK(claim.target == "anon_inode:[eventpoll]");

  claim = Claim(kFileException,
                "FD fd=57 type=regular "
                "path=/sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_quota_us",
                FailureLevel::kVm);
  CHECK(claim.target == "/sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_quota_us");
}

TEST_CASE("a path is everything to the end, and only a socket's loses its port") {
  CHECK(Claim(kFileException, "FD fd=9 type=regular path=/tmp/a b,port=80", FailureLevel::kVm)
            .target == "/tmp/a b,port=80");
  CHECK(
      Claim(kFileException, "FD fd=9 type=regular path=/tmp/x path=y (deleted)", FailureLevel::kVm)
          .target == "/tmp/x path=y (deleted)");
}

TEST_CASE("the first generations name a socket by its addresses") {
  DescriptorClaim claim =
      Claim(kOldSocketException, "tcp6 localAddr :: localPort 8080 remoteAddr :: remotePort 0",
            FailureLevel::kVm);
  CHECK(claim.protocol == "tcp");
  CHECK(claim.family == "ipv6");
  CHECK(claim.local == ParseEndpoint("[::]:8080"));
  CHECK(claim.not_connected);

  claim = Claim(kOldSocketException,
                "tcp6 localAddr ::ffff:127.0.0.1 localPort 33922 remoteAddr ::ffff:127.0.0.1 "
                "remotePort 45401",
                FailureLevel::kVm);
  CHECK(claim.local == ParseEndpoint("127.0.0.1:33922"));
  CHECK(claim.remote == ParseEndpoint("127.0.0.1:45401"));
  CHECK_FALSE(claim.not_connected);

  claim = Claim(kOldSocketException,
                "tcp localAddr 127.0.0.1 localPort 42531 remoteAddr 0.0.0.0 remotePort 0",
                FailureLevel::kVm);
  CHECK(claim.family == "ipv4");
  claim = Claim(kOldSocketException, "udp6 localAddr :: localPort 44984 remoteAddr :: remotePort 0",
                FailureLevel::kVm);
  CHECK(claim.protocol == "udp");
}

TEST_CASE("the first generations name everything else by its link") {
  CHECK(Claim(kOldSocketException, "socket:[1609469]", FailureLevel::kVm).target ==
        "socket:[1609469]");
  CHECK(Claim("jdk.crac.impl.CheckpointOpenResourceException", "pipe:[1607808]", FailureLevel::kVm)
            .target == "pipe:[1607808]");
  CHECK(Claim("jdk.crac.impl.CheckpointOpenFileException", "/etc/hostname", FailureLevel::kVm)
            .java_path == "/etc/hostname");
}

TEST_CASE("a Java file is its path, which may be relative") {
  CHECK(Claim(kFileException, "/etc/passwd").java_path == "/etc/passwd");
  CHECK(Claim(kFileException, "logs/app.log").java_path == "logs/app.log");
  CHECK(Claim("java.lang.RuntimeException", "Cannot close /etc/passwd").java_path == "/etc/passwd");
}

TEST_CASE("java.net sockets: connected, listening, unbound") {
  DescriptorClaim claim =
      Claim(kSocketException, "Socket[addr=db.example/10.0.0.7,port=5432,localport=55126]");
  CHECK(claim.remote == ParseEndpoint("10.0.0.7:5432"));
  CHECK(claim.local_port == 55126);
  CHECK_FALSE(claim.not_connected);

  claim = Claim(kSocketException, "Socket[addr=0.0.0.0/0.0.0.0,port=0,localport=8080]");
  CHECK(claim.local == ParseEndpoint("0.0.0.0:8080"));
  CHECK(claim.not_connected);
  CHECK(claim.protocol == "tcp");

  claim = Claim(kSocketException, "ServerSocket[addr=localhost/0:0:0:0:0:0:0:1,localport=8080]");
  CHECK(claim.local == ParseEndpoint("[::1]:8080"));

  claim = Claim(kSocketException, "Socket[addr=null,port=0,localport=0]");
  CHECK(claim.not_bound);
}

TEST_CASE("channels: internet and unix, connected, listening, closed") {
  DescriptorClaim claim = Claim(kSocketException,
                                "java.nio.channels.SocketChannel[connected "
                                "local=/172.18.0.4:36898 remote=kafka/172.18.0.3:9092]");
  CHECK(claim.local == ParseEndpoint("172.18.0.4:36898"));
  CHECK(claim.remote == ParseEndpoint("172.18.0.3:9092"));

  CHECK(
      Claim(kSocketException, "sun.nio.ch.ServerSocketChannelImpl[/0:0:0:0:0:0:0:0:8080]").local ==
      ParseEndpoint("[::]:8080"));
  CHECK(Claim(kSocketException, "sun.nio.ch.ServerSocketChannelImpl[/[0:0:0:0:0:0:0:0]:8080]")
            .local == ParseEndpoint("[::]:8080"));
  CHECK(Claim(kSocketException, "sun.nio.ch.ServerSocketChannelImpl[/run/app.sock]").unix_local ==
        "/run/app.sock");
  claim = Claim(kSocketException,
                "java.nio.channels.SocketChannel[connected local= remote=/run/my app.sock]");
  CHECK(claim.unix_local == "");
  CHECK(claim.unix_remote == "/run/my app.sock");
  CHECK(claim.family == "unix");

  claim = Claim(kSocketException,
                "java.nio.channels.DatagramChannel[unconnected local=/0:0:0:0:0:0:0:0:5353]");
  CHECK(claim.protocol == "udp");
  CHECK(claim.local == ParseEndpoint("[::]:5353"));
  CHECK(claim.not_connected);

  claim = Claim(kSocketException,
                "Cannot close java.nio.channels.SocketChannel[connected ishut "
                "local=/127.0.0.1:1 remote=localhost/127.0.0.1:2]");
  CHECK(claim.remote == ParseEndpoint("127.0.0.1:2"));

  CHECK(Claim(kSocketException, "java.nio.channels.SocketChannel[unconnected]").not_bound);
  CHECK(Claim(kSocketException, "sun.nio.ch.ServerSocketChannelImpl[]").listening);
  CHECK(Claim(kSocketException, "sun.nio.ch.DatagramChannelImpl@1f").vague);
  const FailureMessage closed =
      Parse(kSocketException, "sun.nio.ch.ServerSocketChannelImpl[closed]");
  CHECK(closed.level == FailureLevel::kJava);
  CHECK(closed.claims.empty());
}

TEST_CASE("raw file descriptors carry their number") {
  DescriptorClaim claim = Claim(kResourceException, "FileDescriptor 7: regular: /opt/x");
  CHECK(claim.fd == 7);
  CHECK(claim.target == "/opt/x");

  // 02 00 1f 90 7f 00 00 01: AF_INET in the machine's order, port 8080, 127.0.0.1
  claim = Claim(kResourceException,
                "FileDescriptor 8: socket: family=AF_INET type=SOCK_STREAM "
                "localaddr=02001f907f0000010000000000000000 "
                "remoteaddr=02001f917f0000010000000000000000");
  CHECK(claim.fd == 8);
  CHECK(claim.kinds == "socket");
  CHECK(claim.local == ParseEndpoint("127.0.0.1:8080"));
  CHECK(claim.remote == ParseEndpoint("127.0.0.1:8081"));

  claim = Claim("jdk.crac.impl.CheckpointOpenFileException",
                "FileDescriptor 4 left open: /foo/bar (regular) [Use "
                "-Djdk.crac.collect-fd-stacktraces=true to find the source.]");
  CHECK(claim.fd == 4);
  CHECK(claim.target == "/foo/bar");

  claim = Claim(kOldSocketException,
                "FileDescriptor 12 left open: tcp6 local /[0:0:0:0:0:0:0:0]:8080 remote not bound");
  CHECK(claim.fd == 12);
  CHECK(claim.local == ParseEndpoint("[::]:8080"));
  CHECK(claim.not_connected);
}

TEST_CASE("a selector names its own descriptors by number, and its channels by their text") {
  const char* selector = "sun.nio.ch.EPollSelectorImpl@476d29ab";
  DescriptorClaim claim =
      Claim(kSocketException,
            std::string("EPoll FD 28 left open in ") + selector + " with registered keys.",
            FailureLevel::kSelector);
  CHECK(claim.fd == 28);
  CHECK(claim.kinds == "epoll");
  claim =
      Claim(kSocketException,
            std::string("EPoll Event FD 29 left open in ") + selector + " with registered keys.",
            FailureLevel::kSelector);
  CHECK(claim.fd == 29);

  const FailureMessage busy =
      Parse("sun.nio.ch.EPollSelectorImpl$BusySelectorException",
            std::string("Selector ") + selector +
                " has registered keys from channels: "
                "[sun.nio.ch.ServerSocketChannelImpl[/[0:0:0:0:0:0:0:0]:8080], "
                "sun.nio.ch.ServerSocketChannelImpl[closed], "
                "java.nio.channels.SocketChannel[connected local=/127.0.0.1:8080 "
                "remote=/127.0.0.1:40000]]");
  CHECK(busy.level == FailureLevel::kSelector);
  CHECK(busy.busy_selector);
  REQUIRE(busy.claims.size() == 2);
  CHECK(busy.claims[0].local == ParseEndpoint("[::]:8080"));
  CHECK(busy.claims[1].remote == ParseEndpoint("127.0.0.1:40000"));

  const FailureMessage wordless = Parse("java.nio.channels.IllegalSelectorException", "");
  CHECK(wordless.busy_selector);
  CHECK(wordless.claims.empty());
}

TEST_CASE("messages that name no descriptor make no claim") {
  CHECK(Parse("jdk.internal.crac.mirror.CheckpointException",
              "LinuxWatchService.processCheckpointRestore with keys")
            .busy_watch);
  for (const char* message : {"Native checkpoint failed.", "C/R is not configured", "/etc/passwd",
                              "Socket[addr=h/1.2.3.4,port=5,localport=6]",
                              "FD fd=", "FD fd=99999999999999999999 type=socket path=socket:[1]",
                              "FileDescriptor x", "EPoll FD", "Selector", ""}) {
    INFO(message);
    const FailureMessage parsed = Parse("java.lang.RuntimeException", message);
    CHECK(parsed.level == FailureLevel::kOther);
    CHECK(parsed.claims.empty());
  }
  // Of the right class, but broken in the middle.
  for (const char* message :
       {"tcp6 localAddr :: localPort", "Socket[addr=", "Socket[addr=x,port=y,localport=z]",
        "java.nio.channels.SocketChannel[connected local=", "[", "]", "x[", "Cannot close ",
        "Selector x has registered keys from channels: [", "socket:[", "pipe:["}) {
    INFO(message);
    CHECK(Parse(kSocketException, message).claims.empty());
  }
}

}  // namespace
}  // namespace fdorigin
