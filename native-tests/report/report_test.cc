// From a table, a snapshot of this very process and a failure to the JSON, and what is in it.
#include "report/report.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "catch2/catch_test_macros.hpp"
#include "nlohmann/json.hpp"
#include "report/open_fd.h"

namespace fdorigin {
namespace {

using nlohmann::json;

SymbolizedFrame Native(std::string symbol, std::string module, FrameOwner owner) {
  SymbolizedFrame frame;
  frame.kind = FrameKind::kNative;
  frame.owner = owner;
  frame.symbol = std::move(symbol);
  frame.module = std::move(module);
  frame.offset = 0x1234;
  frame.build_id = "00ff";
  return frame;
}

SymbolizedFrame Java(std::string class_name, std::string method, FrameOwner owner) {
  SymbolizedFrame frame;
  frame.kind = FrameKind::kJava;
  frame.owner = owner;
  frame.class_name = std::move(class_name);
  frame.method = std::move(method);
  frame.signature = "()V";
  frame.file = "Source.java";
  frame.line = 42;
  return frame;
}

constexpr StackId kJavaStack{7};
constexpr StackId kNameServiceStack{3};
constexpr StackId kJdkOnlyStack{5};
constexpr StackId kBindStack{9};

// A process with what a test opens in it, and the report on it.
class Fixture {
 public:
  Fixture() {
    stacks_[kJavaStack] = {
        Native("Java_sun_nio_ch_Net_socket0", "/jdk/lib/libnio.so", FrameOwner::kJdk),
        Java("sun.nio.ch.Net", "socket0", FrameOwner::kJdk),
        Java("com.acme.Db", "connect", FrameOwner::kApplication),
        Java("com.acme.Main", "main", FrameOwner::kApplication)};
    stacks_[kNameServiceStack] = {Native("", "/lib/libc.so.6", FrameOwner::kLibc),
                                  Native("getpwuid_r", "/lib/libc.so.6", FrameOwner::kLibc),
                                  Native("JVM_user", "/jdk/lib/libjava.so", FrameOwner::kJdk),
                                  Java("com.acme.Users", "find", FrameOwner::kApplication)};
    stacks_[kJdkOnlyStack] = {
        Native("Java_sun_nio_ch_Net_socket0", "/jdk/lib/libnio.so", FrameOwner::kJdk),
        Java("sun.nio.ch.Net", "socket0", FrameOwner::kJdk)};
    stacks_[kBindStack] = {Java("sun.nio.ch.Net", "bind", FrameOwner::kJdk),
                           Java("com.acme.Web", "start", FrameOwner::kApplication)};
    input_.table = &table_.table;
    input_.trigger.kind = "checkpoint-failure";
    input_.trigger.thread = "main";
    input_.trigger.exception.emplace();
    input_.trigger.exception->class_name = "jdk.crac.CheckpointException";
    input_.stack = [this](StackId id) {
      ++symbolized_[id];
      return stacks_[id];
    };
    input_.string = [](StringId) { return std::string("worker-\xff"); };
  }

  void SetStack(StackId id, std::vector<SymbolizedFrame> frames) {
    stacks_[id] = std::move(frames);
  }
  void Fail(const std::string& class_name, const std::string& message) {
    input_.trigger.exception->suppressed.push_back({class_name, message});
  }
  void FailVm(const OpenFd& fd) {
    Fail("jdk.internal.crac.mirror.impl.CheckpointOpenSocketException",
         "FD fd=" + std::to_string(fd.get()) + " type=socket path=socket:[" +
             std::to_string(fd.inode()) + "],port=29295");
  }

  json Report() {
    snapshot_ = TakeSnapshot(table_.table);
    input_.snapshot = &snapshot_;
    json digest;
    const std::string text = RenderReport(input_, &digest);
    const json report = json::parse(text);
    CHECK(text == report.dump(1) + "\n");
    CHECK(Summarize(digest, "/r.json") == Summarize(report, "/r.json"));
    return report;
  }

  FdTable& table() { return table_.table; }
  ReportInput& input() { return input_; }
  int symbolized(StackId id) { return symbolized_[id]; }
  std::map<StackId, std::vector<SymbolizedFrame>>& stacks() { return stacks_; }

 private:
  TestTable table_;
  Snapshot snapshot_;
  ReportInput input_;
  std::map<StackId, std::vector<SymbolizedFrame>> stacks_;
  std::map<StackId, int> symbolized_;
};

json Descriptor(const json& report, int fd) {
  for (const json& descriptor : report["descriptors"]) {
    if (descriptor["fd"] == fd) return descriptor;
  }
  return nullptr;
}

OpenFd TcpSocket() { return OpenFd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

void RecordSocket(Fixture* fixture, const OpenFd& fd, StackId stack) {
  fixture->table().RecordOpen(
      fd.get(), fd.identity(),
      MakeRecord(kSocketCall, {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0}, stack));
}

TEST_CASE("a traced descriptor tells its call, its arguments, its thread and its stack") {
  Fixture fixture;
  OpenFd fd = TcpSocket();
  CallRecord origin =
      MakeRecord(kSocketCall, {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0}, kJavaStack);
  origin.at_ns = 1'709'208'000'123'456'789;
  origin.tid = 4711;
  origin.thread_kind = ThreadKind::kVirtual;
  origin.thread_name = StringId{1};
  fixture.table().RecordOpen(fd.get(), fd.identity(), origin);
  const json report = fixture.Report();
  const json descriptor = Descriptor(report, fd.get());

  CHECK(descriptor["attribution"] == "traced");
  CHECK_FALSE(descriptor.contains("reason"));
  CHECK(descriptor["kind"] == "socket");
  CHECK(descriptor["inode"] == fd.inode());
  CHECK(descriptor["flags"] == json::array({"cloexec"}));
  CHECK(descriptor["blocking"] == false);
  CHECK_FALSE(descriptor.contains("advice"));
  CHECK(descriptor["origin"] == json::parse(R"({"call": "socket",
                        "arguments": {"domain": "AF_INET6", "type": "SOCK_STREAM|SOCK_CLOEXEC",
                                      "protocol": 0},
                        "at": "2024-02-29T12:00:00.123456Z",
                        "thread": {"name": "worker-\\xff", "tid": 4711, "kind": "java",
                                   "virtual": true},
                        "stack": 1, "javaStack": "complete"})"));
  CHECK(descriptor["culprit"] ==
        json::parse(R"({"stack": 1, "frame": 2, "class": "com.acme.Db", "method": "connect",
                        "file": "Source.java", "line": 42})"));
  CHECK(report["stacks"][0]["id"] == 1);
  CHECK(report["stacks"][0]["frames"][0] ==
        json::parse(R"({"kind": "native", "symbol": "Java_sun_nio_ch_Net_socket0",
                        "module": "/jdk/lib/libnio.so", "offset": 4660, "buildId": "00ff"})"));
}

TEST_CASE("what criu may have refused has advice, where OpenJ9 names nothing") {
  Fixture fixture;
  const OpenFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(bind(listener.get(), generic, size) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  REQUIRE(getsockname(listener.get(), generic, &size) == 0);
  const OpenFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(client.get(), generic, size) == 0);
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const OpenFd left(pair[0]);
  const OpenFd right(pair[1]);
  const OpenFd epoll(epoll_create1(EPOLL_CLOEXEC));
  char path[] = "/tmp/fdorigin-deleted-XXXXXX";
  const OpenFd deleted(mkstemp(path));
  unlink(path);

  fixture.input().trigger.exception->class_name = "openj9.internal.criu.SystemCheckpointException";
  fixture.input().trigger.exception->causes = {{"com.acme.Why", "because"}};
  const json report = fixture.Report();
  const auto advised = [&](const OpenFd& fd) {
    for (const json& one : report["descriptors"]) {
      if (one["fd"] != fd.get()) continue;
      CHECK_FALSE(one["blocking"].get<bool>());
      return one.contains("advice");
    }
    return false;
  };
  CHECK(advised(client));
  CHECK(advised(deleted));
  CHECK_FALSE(advised(listener));
  CHECK_FALSE(advised(left));  // its other end is dumped with it
  CHECK_FALSE(advised(epoll));
  CHECK(report["trigger"]["exception"]["causes"] ==
        json::array({{{"class", "com.acme.Why"}, {"message", "because"}}}));

  // What hooks do wrong is not criu's to refuse.
  fixture.input().trigger.exception->class_name = "openj9.internal.criu.JVMCheckpointException";
  const json hooks_failed = fixture.Report();
  for (const json& one : hooks_failed["descriptors"]) CHECK_FALSE(one.contains("advice"));
}

TEST_CASE("a native frame has file and line where they are known") {
  Fixture fixture;
  SymbolizedFrame frame = Native("heron", "/lib/libheron.so", FrameOwner::kApplication);
  frame.file = "/src/heron\xff.c";
  frame.line = 4711;
  fixture.SetStack(kJavaStack, {frame});
  OpenFd fd = TcpSocket();
  RecordSocket(&fixture, fd, kJavaStack);
  const json report = fixture.Report();
  CHECK(report["stacks"][0]["frames"][0] ==
        json::parse(R"({"kind": "native", "symbol": "heron", "module": "/lib/libheron.so",
                        "offset": 4660, "buildId": "00ff", "file": "/src/heron\\xff.c",
                        "line": 4711})"));
}

TEST_CASE("an attribution is claimed only where the identity is the kernel's") {
  Fixture fixture;
  OpenFd unknown = TcpSocket();
  OpenFd replaced = TcpSocket();
  OpenFd inherited = TcpSocket();
  OpenFd stale = TcpSocket();
  FdIdentity other = replaced.identity();
  ++other.ino;
  fixture.table().RecordOpen(replaced.get(), other, MakeRecord(kSocketCall, {}, kJavaStack));
  fixture.table().RecordInherited(inherited.get(), inherited.identity());
  other.ino = stale.inode() + 1;
  fixture.table().RecordInherited(stale.get(), other);
  const json report = fixture.Report();

  CHECK(Descriptor(report, unknown.get())["attribution"] == "untraced");
  CHECK(Descriptor(report, unknown.get())["reason"] ==
        "not seen by any hook: made by a raw syscall instruction");
  const json reopened = Descriptor(report, replaced.get());
  CHECK(reopened["attribution"] == "untraced");
  const char* replaced_reason =
      "closed and reopened unseen: another descriptor than the one that was seen has this number "
      "now, made by a raw syscall instruction";
  CHECK(reopened["reason"] == replaced_reason);
  CHECK_FALSE(reopened.contains("origin"));
  CHECK_FALSE(reopened.contains("culprit"));
  CHECK(Descriptor(report, inherited.get())["attribution"] == "inherited");
  CHECK_FALSE(Descriptor(report, inherited.get()).contains("origin"));
  CHECK(Descriptor(report, stale.get())["reason"] == replaced_reason);
}

TEST_CASE("the reason names what makes descriptors unseen in this process") {
  Fixture fixture;
  OpenFd unknown = TcpSocket();
  OpenFd replaced = TcpSocket();
  FdIdentity other = replaced.identity();
  ++other.ino;
  fixture.table().RecordOpen(replaced.get(), other, MakeRecord(kSocketCall, {}, kJavaStack));
  const auto reason = [&fixture](int fd) {
    return Descriptor(fixture.Report(), fd)["reason"].get<std::string>();
  };

  int asked = 0;
  fixture.input().libraries_with_system_calls = [&asked] {
    ++asked;
    return std::vector<std::string>{"/a/libgo.so", "/b/libraw.so"};
  };
  CHECK(reason(unknown.get()) ==
        "not seen by any hook: made by a raw syscall instruction, as there are in /a/libgo.so, "
        "/b/libraw.so");
  CHECK(asked == 1);  // by all descriptors of a report together
  fixture.input().libraries_with_system_calls = [] {
    return std::vector<std::string>{"/1", "/2", "/3", "/4", "/5"};
  };
  CHECK(reason(unknown.get()).ends_with("/1, /2, /3 and 2 more"));
  fixture.input().libraries_with_system_calls = nullptr;

  // What leaves a stack out leaves no call out.
  fixture.input().coverage.refused.push_back({"frames", "why", /*hides_calls=*/false});
  CHECK(reason(unknown.get()) == "not seen by any hook: made by a raw syscall instruction");

  fixture.input().libc_entries = false;
  fixture.input().coverage.since_startup = false;
  fixture.input().coverage.refused.push_back({"entry of socket", "why"});
  fixture.input().coverage.dropped = 3;
  CHECK(reason(unknown.get()) ==
        "not seen by any hook: made by a raw syscall instruction; inside libc or through a pointer "
        "to it, which libc=off leaves unseen; by a call that was under way when the agent came; by "
        "what coverage.refused names; or by one of the 3 events that could not be recorded");

  io_uring_params parameters = {};
  OpenFd ring(static_cast<int>(syscall(SYS_io_uring_setup, 1, &parameters)));
  if (ring.get() < 0) {
    WARN("io_uring_setup: " << std::strerror(errno));
  } else {
    CHECK(reason(unknown.get())
              .starts_with("not seen by any hook: made through io_uring, of which descriptor " +
                           std::to_string(ring.get()) + " is an instance; by a raw"));
  }

  fixture.input().restored = true;
  CHECK(reason(replaced.get()).find("the process was restored from a checkpoint") !=
        std::string::npos);
}

TEST_CASE("all anonymous inodes are one, so their kind has to fit the call too") {
  Fixture fixture;
  OpenFd event(eventfd(0, 0));
  OpenFd epoll(epoll_create1(0));
  REQUIRE(event.identity() == epoll.identity());
  fixture.table().RecordOpen(event.get(), event.identity(), MakeRecord(kEpollCall));
  fixture.table().RecordOpen(epoll.get(), epoll.identity(), MakeRecord(kEpollCall));
  const json report = fixture.Report();
  CHECK(Descriptor(report, event.get())["reason"].get<std::string>().starts_with(
      "closed and reopened unseen: "));
  CHECK(Descriptor(report, epoll.get())["attribution"] == "traced");
}

TEST_CASE("a frame that stack traces leave out is marked, and is no culprit") {
  Fixture fixture;
  OpenFd fd = TcpSocket();
  SymbolizedFrame hidden = Java("com.acme.Shortcut", "enter", FrameOwner::kApplication);
  hidden.hidden = true;
  fixture.SetStack(kJavaStack, {hidden, Java("com.acme.Db", "connect", FrameOwner::kApplication)});
  RecordSocket(&fixture, fd, kJavaStack);
  const json report = fixture.Report();
  const json frames = report["stacks"][0]["frames"];
  CHECK(frames[0]["hidden"] == true);
  CHECK_FALSE(frames[1].contains("hidden"));
  CHECK(Descriptor(report, fd.get())["culprit"]["frame"] == 1);
}

TEST_CASE("frames that were read in a way that proved wrong are said to be missing") {
  Fixture fixture;
  OpenFd before = TcpSocket();
  OpenFd after = TcpSocket();
  RecordSocket(&fixture, before, kJavaStack);
  RecordSocket(&fixture, after, kBindStack);
  fixture.input().withdrawn = [](StackId id) { return id == kJavaStack; };
  const json report = fixture.Report();
  CHECK(Descriptor(report, before.get())["origin"]["javaStack"] ==
        "they were read in a way that has proved wrong in this JVM");
  CHECK(Descriptor(report, after.get())["origin"]["javaStack"] == "complete");
}

TEST_CASE("history is in order, and the culprit may stand in a bind") {
  Fixture fixture;
  OpenFd fd = TcpSocket();
  RecordSocket(&fixture, fd, kJdkOnlyStack);
  CallRecord bind_step = MakeRecord(kBindCall, {fd.get()}, kBindStack);
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(8080);
  memcpy(bind_step.address, &address, sizeof(address));
  bind_step.address_size = sizeof(address);
  fixture.table().RecordHistory(fd.get(), bind_step);
  fixture.table().RecordHistory(fd.get(), MakeRecord(kListenCall, {fd.get(), 50}, kJavaStack));
  const json report = fixture.Report();
  const json descriptor = Descriptor(report, fd.get());
  REQUIRE(descriptor["history"].size() == 2);
  CHECK(descriptor["history"][0]["call"] == "bind");
  CHECK(descriptor["history"][0]["arguments"]["addr"] == "[::]:8080");
  CHECK(descriptor["history"][1]["arguments"]["backlog"] == 50);
  CHECK(descriptor["culprit"]["class"] == "com.acme.Web");
  CHECK(descriptor["culprit"]["stack"] == descriptor["history"][0]["stack"]);
  CHECK(descriptor["culprit"]["frame"] == 1);
}

TEST_CASE("a dup names its source") {
  Fixture fixture;
  OpenFd fd = TcpSocket();
  CallRecord origin = MakeRecord(kDupCall, {3, F_DUPFD_CLOEXEC, 10});
  origin.from_fd = 3;
  fixture.table().RecordOpen(fd.get(), fd.identity(), origin);
  const json descriptor = Descriptor(fixture.Report(), fd.get());
  CHECK(descriptor["origin"]["from"] == json{{"fd", 3}});
  CHECK(descriptor["origin"]["arguments"]["cmd"] == "F_DUPFD_CLOEXEC");
  CHECK_FALSE(descriptor["origin"].contains("stack"));
}

TEST_CASE("stacks are those that are referred to, once each, and symbolized once") {
  Fixture fixture;
  std::vector<OpenFd> fds;
  for (int i = 0; i < 4; ++i) {
    fds.push_back(TcpSocket());
    RecordSocket(&fixture, fds.back(), i % 2 == 0 ? kJavaStack : kNameServiceStack);
  }
  const json report = fixture.Report();
  REQUIRE(report["stacks"].size() == 2);
  CHECK(report["stacks"][0]["id"] == 1);
  CHECK(report["stacks"][1]["id"] == 2);
  CHECK(fixture.symbolized(kJavaStack) == 1);
  CHECK(fixture.symbolized(kBindStack) == 0);
}

TEST_CASE("the failure points at the descriptor, and the descriptor at the failure") {
  Fixture fixture;
  OpenFd fine = TcpSocket();
  OpenFd bad = TcpSocket();
  RecordSocket(&fixture, bad, kJavaStack);
  fixture.Fail("java.lang.RuntimeException", "nothing of a descriptor");
  fixture.FailVm(bad);
  const json report = fixture.Report();
  CHECK(Descriptor(report, bad.get())["blocking"] == true);
  CHECK(Descriptor(report, bad.get())["failures"] == json::array({1}));
  CHECK(Descriptor(report, fine.get())["blocking"] == false);
  const json exception = report["trigger"]["exception"];
  CHECK(exception["class"] == "jdk.crac.CheckpointException");
  CHECK(exception["message"].is_null());
  CHECK(exception["suppressed"][1]["fd"] == bad.get());
  CHECK(exception["suppressed"][1]["inode"] == bad.inode());
  CHECK_FALSE(exception["suppressed"][0].contains("fd"));
}

TEST_CASE("advice follows who opened the descriptor") {
  Fixture fixture;
  OpenFd java = TcpSocket();
  OpenFd libc = TcpSocket();
  OpenFd unknown = TcpSocket();
  OpenFd inherited = TcpSocket();
  RecordSocket(&fixture, java, kJavaStack);
  RecordSocket(&fixture, libc, kNameServiceStack);
  fixture.table().RecordInherited(inherited.get(), inherited.identity());
  for (const OpenFd* fd : {&java, &libc, &unknown, &inherited}) fixture.FailVm(*fd);
  const json report = fixture.Report();
  const auto advice = [&](const OpenFd& fd) { return Descriptor(report, fd.get())["advice"]; };
  CHECK(advice(java)["kind"] == "resource");
  CHECK(advice(java)["text"].get<std::string>().find("com.acme.Db") != std::string::npos);
  CHECK(advice(java)["text"].get<std::string>().find("does not apply") != std::string::npos);
  CHECK(advice(libc)["kind"] == "native");
  CHECK(advice(libc)["text"].get<std::string>().find("getpwuid_r") != std::string::npos);
  CHECK(advice(unknown)["kind"] == "native");
  CHECK(advice(inherited)["text"].get<std::string>().find("before the agent") != std::string::npos);
}

TEST_CASE("the advice is for the most telling of a descriptor's failures") {
  Fixture fixture;
  OpenFd fd(epoll_create1(0));
  OpenFd file(open("/etc/hostname", O_RDONLY));
  const auto link = [](const OpenFd& of) {
    char target[256];
    const std::string name = "/proc/self/fd/" + std::to_string(of.get());
    const ssize_t size = readlink(name.c_str(), target, sizeof(target));
    return std::string(target, size > 0 ? static_cast<size_t>(size) : 0);
  };
  const char* package = "jdk.internal.crac.mirror.impl.";
  fixture.Fail(package + std::string("CheckpointOpenFileException"),
               "FD fd=" + std::to_string(file.get()) + " type=regular path=" + link(file));
  fixture.Fail(package + std::string("CheckpointOpenFileException"), link(file));
  fixture.Fail(package + std::string("CheckpointOpenResourceException"),
               "FileDescriptor " + std::to_string(fd.get()) + ": unknown: " + link(fd));
  fixture.Fail(package + std::string("CheckpointOpenSocketException"),
               "EPoll FD " + std::to_string(fd.get()) + " left open in s with registered keys.");
  fixture.Fail(package + std::string("CheckpointOpenResourceException"),
               "FD fd=" + std::to_string(fd.get()) + " type=unknown path=" + link(fd));
  const json report = fixture.Report();
  REQUIRE(Descriptor(report, file.get())["failures"] == json::array({0, 1}));
  CHECK(Descriptor(report, file.get())["advice"]["kind"] == "policy");
  REQUIRE(Descriptor(report, fd.get())["failures"] == json::array({2, 3, 4}));
  CHECK(Descriptor(report, fd.get())["advice"]["text"].get<std::string>().find(
            "policies do not reach selectors") != std::string::npos);
}

TEST_CASE("a busy selector brings advice to what it may be about") {
  Fixture fixture;
  OpenFd epoll(epoll_create1(0));
  OpenFd listener = TcpSocket();
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  RecordSocket(&fixture, listener, kJavaStack);
  fixture.Fail("sun.nio.ch.EPollSelectorImpl$BusySelectorException",
               "Selector s has registered keys from channels: "
               "[sun.nio.ch.ServerSocketChannelImpl[closed]]");
  const json report = fixture.Report();
  CHECK(Descriptor(report, listener.get())["blocking"] == false);
  CHECK(Descriptor(report, listener.get())["advice"]["kind"] == "resource");
  CHECK(Descriptor(report, epoll.get()).contains("advice"));
  CHECK_FALSE(Descriptor(report, 0).contains("advice"));

  const std::string summary = Summarize(report, "/tmp/r.json");
  CHECK(summary.find("names no open descriptor") != std::string::npos);
  CHECK(summary.find("BusySelectorException: Selector s") != std::string::npos);
  CHECK(summary.find("fd " + std::to_string(listener.get()) + " socket ipv6/tcp listening on") !=
        std::string::npos);
  CHECK(summary.find("by com.acme.Db.connect(Source.java:42)") != std::string::npos);
}

TEST_CASE("the process is described as /proc describes it") {
  Fixture fixture;
  fixture.input().coverage.libc_entries = {"socket"};
  fixture.input().coverage.refused = {{"slot x of /y", "why"}};
  const json report = fixture.Report();
  CHECK(report["schemaVersion"] == "1.0");
  CHECK(report["tool"]["name"] == "fdorigin");
  CHECK(report["process"]["pid"] == getpid());
  CHECK(report["process"]["ppid"] == getppid());
  CHECK(report["process"]["commandLine"][0].get<std::string>().find("report_test") !=
        std::string::npos);
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  CHECK(report["process"]["hostname"] == host);
  // Started before now, and not before the files of /proc/self appeared, give or take a tick.
  struct stat status = {};
  REQUIRE(stat("/proc/self", &status) == 0);
  CHECK(report["process"]["startedAt"] <= report["createdAt"]);
  CHECK(report["coverage"]["selfDescriptors"] == 0);
  CHECK(report["coverage"]["refused"][0] == json{{"what", "slot x of /y"}, {"reason", "why"}});
}

TEST_CASE("arguments are written as in the manual page") {
  Fixture fixture;
  OpenFd file(open("/etc/passwd", O_RDONLY));
  OpenFd event(eventfd(0, 0));
  OpenFd epoll(epoll_create1(0));
  const auto arguments = [&](const CallRecord& record) {
    const OpenFd& fd = record.call == CallId{kEventFdCall} ? event
                       : record.call == CallId{kEpollCall} ? epoll
                                                           : file;
    fixture.table().RecordOpen(fd.get(), fd.identity(), record);
    return Descriptor(fixture.Report(), fd.get())["origin"]["arguments"];
  };
  CHECK(arguments(MakeRecord(kOpenCall, {O_RDONLY | O_CLOEXEC, 0x7fff1234})) ==
        json{{"flags", "O_RDONLY|O_CLOEXEC"}});
  CHECK(arguments(MakeRecord(kOpenCall, {O_RDWR | O_CREAT | O_APPEND, 0640})) ==
        json{{"flags", "O_RDWR|O_CREAT|O_APPEND"}, {"mode", "0640"}});
  CHECK(arguments(MakeRecord(kOpenCall, {O_PATH | O_DIRECTORY, 0})) ==
        json{{"flags", "O_DIRECTORY|O_PATH"}});
  CHECK(arguments(MakeRecord(kOpenCall, {O_WRONLY | O_TMPFILE, 0600}))["flags"] ==
        "O_WRONLY|O_TMPFILE");
  CHECK(arguments(MakeRecord(kPipeCall, {O_CLOEXEC})) == json{{"flags", "O_CLOEXEC"}});
  CHECK(arguments(MakeRecord(kSocketCall, {AF_NETLINK, SOCK_RAW, 0}))["protocol"] ==
        "NETLINK_ROUTE");
  CHECK(arguments(MakeRecord(kSocketCall, {9999, 77 | SOCK_NONBLOCK, IPPROTO_TCP})) ==
        json{{"domain", 9999}, {"type", "77|SOCK_NONBLOCK"}, {"protocol", IPPROTO_TCP}});
  CHECK(arguments(MakeRecord(kAcceptCall, {5, SOCK_CLOEXEC}))["flags"] == "SOCK_CLOEXEC");
  CHECK(arguments(MakeRecord(kEventFdCall, {1, EFD_CLOEXEC | EFD_NONBLOCK}))["flags"] ==
        "EFD_CLOEXEC|EFD_NONBLOCK");
  CHECK(arguments(MakeRecord(kEventFdCall, {UINT32_MAX, 0}))["initval"] == UINT32_MAX);
  CHECK(arguments(MakeRecord(kEpollCall, {0}))["flags"] == "0");
  CallRecord long_path = MakeRecord(kConnectCall, {5});
  long_path.address[0] = AF_UNIX;
  memset(long_path.address + 2, 'a', kMaxRecordedAddress - 2);
  long_path.address_size = 255;
  CHECK(arguments(long_path)["addr"] == std::string(kMaxRecordedAddress - 2, 'a') + "…");
}

TEST_CASE("bytes that are not UTF-8 survive into a file that is") {
  Fixture fixture;
  const std::string name = "/tmp/fdorigin-\xff\xfe-" + std::to_string(getpid());
  OpenFd file(open(name.c_str(), O_RDWR | O_CREAT, 0600));
  unlink(name.c_str());
  fixture.input().trigger.thread = "\xe9";
  fixture.Fail("C", "\xc3(");
  const json report = fixture.Report();
  CHECK(Descriptor(report, file.get())["target"].get<std::string>().find("\\xff\\xfe") !=
        std::string::npos);
  CHECK_NOTHROW(report.dump());  // throws on invalid UTF-8
}

TEST_CASE("an empty input still makes a report") {
  TestTable table;
  Snapshot snapshot;
  ReportInput input;
  input.snapshot = &snapshot;
  input.table = &table.table;
  input.trigger.kind = "exit";
  const json report = json::parse(RenderReport(input));
  CHECK(report["descriptors"].empty());
  CHECK(report["stacks"].empty());
  CHECK(Summarize(report, "/x") == "fdorigin: exit: 0 open descriptors\nfdorigin: report: /x\n");
}

TEST_CASE("a report is laid out as one tree, however many descriptors it has") {
  TestTable table;
  Snapshot snapshot;
  ReportInput input;
  input.snapshot = &snapshot;
  input.table = &table.table;
  input.trigger.kind = "exit";
  for (int fd = 0; fd <= 50; ++fd) {
    const std::string text = RenderReport(input);
    const json report = json::parse(text);
    REQUIRE(report["descriptors"].size() == static_cast<size_t>(fd));
    REQUIRE(text == report.dump(1) + "\n");
    OpenDescriptor descriptor;
    descriptor.fd = fd;
    descriptor.kind = "other";
    snapshot.descriptors.push_back(std::move(descriptor));
  }
}

TEST_CASE("invalid UTF-8 in a report is written as a replacement, not thrown") {
  TestTable table;
  Snapshot snapshot;
  ReportInput input;
  input.snapshot = &snapshot;
  input.table = &table.table;
  input.trigger.kind = "\xff";
  CHECK(json::parse(RenderReport(input))["trigger"]["kind"] == "\xef\xbf\xbd");
}

}  // namespace
}  // namespace fdorigin
