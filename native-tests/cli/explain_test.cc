// criu's complaints are joined with the descriptors that criu meant, and with no others. The logs
// are of criu 4.1.1 on Linux 6.17, with the numbers that the kernel gave then; where
// a case could not be brought about, the text is criu's own format with numbers of ours.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "catch2/catch_test_macros.hpp"
#include "cli/sample_report.h"
#include "explain/criu_log.h"
#include "explain/explained.h"
#include "model/read_report.h"
#include "nlohmann/json.hpp"
#include "text/sheet.h"

namespace fdorigin {
namespace {

using testing::Json;
using testing::SampleReport;

class LogFile {
 public:
  explicit LogFile(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/fdorigin-criu-" + std::to_string(getpid()) + ".log";
};

CriuLog Read(const std::string& content) {
  const LogFile file(content);
  auto log = ReadCriuLog(file.path());
  INFO(log.status().message());
  REQUIRE(log.ok());
  return *std::move(log);
}

Json Descriptor(int fd, const std::string& kind, uint64_t inode, const std::string& target,
                Json more = Json::object()) {
  Json descriptor = {{"fd", fd},
                     {"kind", kind},
                     {"inode", inode},
                     {"target", target},
                     {"flags", Json::array()},
                     {"attribution", "untraced"},
                     {"reason", "not seen by any hook"},
                     {"blocking", false}};
  descriptor.update(more);
  return descriptor;
}

Json Socket(int fd, uint64_t inode, const std::string& family, const std::string& protocol,
            const std::string& state, const std::string& remote = "", Json peer = nullptr) {
  Json socket = {{"family", family}, {"type", "stream"}, {"protocol", protocol},
                 {"state", state},   {"local", ""},      {"remote", remote}};
  if (!peer.is_null()) socket["peer"] = std::move(peer);
  return Descriptor(fd, "socket", inode, "socket:[" + std::to_string(inode) + "]",
                    {{"socket", std::move(socket)}});
}

model::Report ReportOf(int pid, Json descriptors) {
  Json json = SampleReport();
  json["process"]["pid"] = pid;
  json["trigger"] = {{"kind", "signal"}, {"thread", "main"}};
  json["descriptors"] = std::move(descriptors);
  auto report = model::ParseReport(json.dump(), "report.json");
  INFO(report.status().message());
  REQUIRE(report.ok());
  return *std::move(report);
}

// The only complaint of a log, joined: its kind, the numbers, and whether that is certain.
struct Answer {
  std::string kind;
  std::vector<int> fds;
  bool is_certain;

  bool operator==(const Answer&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << answer.kind << (answer.is_certain ? " certainly" : " perhaps");
  for (const int fd : answer.fds) out << " " << fd;
  return out;
}

std::vector<Answer> Answers(const std::string& content, const model::Report& report) {
  const CriuLog log = Read(content);
  std::vector<Answer> answers;
  for (const Explained& one : Explain(log, report)) {
    Answer answer{std::string(NameOf(one.complaint->kind)), {}, one.joined.is_certain};
    for (const model::Descriptor* descriptor : one.joined.descriptors) {
      answer.fds.push_back(descriptor->fd);
    }
    answers.push_back(answer);
  }
  return answers;
}

using Only = std::vector<Answer>;

constexpr const char* kFailed = "Error (criu/cr-dump.c:2111): Dumping FAILED.\n";

TEST_CASE("an in-flight connection is told by the hexadecimal inode of who listens") {
  const std::string log =
      "Error (criu/util.c:1533): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not "
      "permitted\n"
      "Error (criu/sk-inet.c:176): inet: In-flight connection (l) for 138a2116\n"
      "Error (criu/sk-inet.c:177): inet: In-flight connections can be ignored with the "
      "--skip-in-flight option.\n"
      "Error (criu/cr-dump.c:1681): Dump files (pid: 3306) failed with -1\n"
      "Error (criu/cr-dump.c:2111): Dumping FAILED.\n";
  const auto report =
      ReportOf(1, {Socket(3, 327819542, "ipv4", "tcp", "LISTEN"),
                   Socket(4, 327819543, "ipv4", "tcp", "ESTABLISHED", "1.2.3.4:5")});
  CHECK(Answers(log, report) == Only{{"in-flight", {3}, true}});
  // The inode of nobody is nobody's, though there is somebody who listens.
  const auto other = ReportOf(1, {Socket(3, 138, "ipv4", "tcp", "LISTEN")});
  CHECK(Answers(log, other) == Only{{"in-flight", {}, false}});
}

TEST_CASE("an unknown protocol is told by its hexadecimal inode") {
  const std::string log =
      "Error (criu/sk-inet.c:130): inet: Unsupported proto 262 for socket 13bc365d\n"
      "Error (criu/cr-dump.c:1681): Dump files (pid: 23972) failed with -1\n" +
      std::string(kFailed);
  const auto report = ReportOf(1, {Socket(3, 331101789, "ipv4", "mptcp", "UNCONNECTED"),
                                   Socket(4, 13, "ipv4", "mptcp", "UNCONNECTED")});
  CHECK(Answers(log, report) == Only{{"unknown-protocol", {3}, true}});
}

TEST_CASE("a connected socket is told by what criu is at, if the log has it") {
  const std::string end =
      "Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established "
      "option.\n";
  const std::string debug =
      "(00.045662) Only file size could be stored for validation for file /tmp/out\n"
      "(00.045673) 16495 fdinfo 2: pos:             0xbd flags:           100001/0\n"
      "(00.045689) 16495 fdinfo 4: pos:                0 flags:                2/0x1\n"
      "(00.045694) sockets: Searching for socket 0x1393c6de family 2\n"
      "(00.045695) ";
  const Json descriptors = {Socket(4, 328451806, "ipv4", "tcp", "ESTABLISHED", "127.0.0.1:1"),
                            Socket(5, 328451807, "ipv4", "tcp", "ESTABLISHED", "127.0.0.1:2"),
                            Socket(100, 328451805, "ipv4", "tcp", "LISTEN")};
  CHECK(Answers(debug + end, ReportOf(16495, descriptors)) == Only{{"connected-tcp", {4}, true}});
  // The inode proves it, also where the process has another number outside of its container.
  CHECK(Answers(debug + end, ReportOf(7, descriptors)) == Only{{"connected-tcp", {4}, true}});
  CHECK(Answers(end, ReportOf(16495, descriptors)) == Only{{"connected-tcp", {4, 5}, false}});
}

TEST_CASE("a number is not believed of another descriptor") {
  const std::string log =
      "(00.1) 16495 fdinfo 4: pos: 0 flags: 2/0x1\n"
      "(00.2) sockets: Searching for socket 0x1393c6de family 2\n"
      "(00.3) Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using "
      "--tcp-established option.\n";
  const auto report = ReportOf(16495, {Socket(4, 999, "ipv4", "tcp", "ESTABLISHED", "1.2.3.4:5")});
  CHECK(Answers(log, report) == Only{{"connected-tcp", {}, false}});
  // Nor is that of another process, where nothing else agrees.
  const std::string bare =
      "(00.1) 16495 fdinfo 4: pos: 0 flags: 2/0x1\n"
      "(00.2) Error (criu/sk-netlink.c:77): netlink: The socket has data to read\n";
  CHECK(Answers(bare, ReportOf(7, {Socket(4, 1, "netlink", "route", "UNCONNECTED")})) ==
        Only{{"unread-netlink", {}, false}});
  CHECK(Answers(bare, ReportOf(16495, {Socket(4, 1, "netlink", "route", "UNCONNECTED")})) ==
        Only{{"unread-netlink", {4}, true}});
}

TEST_CASE("an external unix socket is told by the decimal inode of either end") {
  const std::string debug =
      "(00.048143) unix: Dumping external sockets\n"
      "(00.048145) unix: \tDumping extern: ino 328419909 peer_ino 328419908 family    1 type    1 "
      "state  1 name /tmp/ext-acc.sock\n"
      "(00.048149) unix: \tDumped extern: id 0x22 ino 328419909 peer 0 type 2 state 10 name 24 "
      "bytes\n"
      "(00.048151) unix: \tRunaway socket: ino 328419909 peer_ino 328419908 family    1 type    1 "
      "state  1 name /tmp/ext-acc.sock\n"
      "(00.048151) ";
  const std::string error =
      "Error (criu/sk-unix.c:874): unix: External socket is used. Consider using --ext-unix-sk "
      "option.\n";
  const Json pair_peer = {{"pid", 7}, {"fd", 6}, {"inode", 2}};
  const auto report =
      ReportOf(7, {Socket(3, 328419908, "unix", "unix", "ESTABLISHED", "/tmp/ext-acc.sock"),
                   Socket(4, 5, "unix", "unix", "ESTABLISHED", "", {{"pid", 9}, {"inode", 8}}),
                   Socket(5, 1, "unix", "unix", "ESTABLISHED", "", pair_peer)});
  CHECK(Answers(debug + error, report) == Only{{"external-unix-socket", {3}, true}});
  // Without debug output it may be any whose other end is not known to be in the process.
  CHECK(Answers(error, report) == Only{{"external-unix-socket", {3, 4}, false}});
}

TEST_CASE("half of a unix stream is told by its inode, or by the name of its other end") {
  const std::string error =
      "Error (criu/sk-unix.c:881): unix: Can't dump half of stream unix connection. name: (null); "
      "peer name: /tmp/ext-acc.sock\n";
  const std::string debug =
      "(00.095126) unix: \tExt stream not supported: ino 328421437 peer_ino 328421428 family    1 "
      "type    1 state  1 name /tmp/ext-acc.sock\n(00.095127) ";
  const Json one = Socket(3, 328421428, "unix", "unix", "ESTABLISHED", "/tmp/ext-acc.sock");
  const Json two = Socket(4, 5, "unix", "unix", "ESTABLISHED", "/tmp/ext-acc.sock");
  const Json else_where = Socket(5, 6, "unix", "unix", "ESTABLISHED", "/tmp/other.sock");
  CHECK(Answers(debug + error, ReportOf(7, {one, two})) == Only{{"half-unix-stream", {3}, true}});
  CHECK(Answers(error, ReportOf(7, {one, else_where})) == Only{{"half-unix-stream", {3}, true}});
  CHECK(Answers(error, ReportOf(7, {one, two})) == Only{{"half-unix-stream", {3, 4}, false}});
}

TEST_CASE("a type that criu does not know is told by number and link") {
  const std::string log =
      "Error (criu/files-ext.c:94): Can't dump file 3 of that type [600] (anon "
      "anon_inode:[perf_event])\n"
      "Error (criu/cr-dump.c:1681): Dump files (pid: 24135) failed with -1\n";
  CHECK(Answers(log, ReportOf(24135, {Descriptor(3, "other", 1, "anon_inode:[perf_event]")})) ==
        Only{{"unknown-file", {3}, true}});
  CHECK(Answers(log, ReportOf(24135, {Descriptor(3, "other", 1, "anon_inode:[userfaultfd]")})) ==
        Only{{"unknown-file", {}, false}});
  const std::string device =
      "Error (criu/files-ext.c:94): Can't dump file 3 of that type [20600] (chr 10:229)\n"
      "Error (criu/cr-dump.c:1681): Dump files (pid: 24135) failed with -1\n";
  CHECK(Answers(device, ReportOf(24135, {Descriptor(3, "device", 1, "/dev/fuse")})) ==
        Only{{"unknown-file", {3}, true}});
  // Of another process of the tree: its number 3 is not ours.
  CHECK(Answers(device, ReportOf(24136, {Descriptor(3, "device", 1, "/dev/fuse")})) ==
        Only{{"unknown-file", {}, false}});
}

TEST_CASE("a file is told by its path") {
  const auto report = ReportOf(7, {Descriptor(3, "file", 1, "/tmp/criux/ghost.bin (deleted)"),
                                   Descriptor(4, "file", 2, "/tmp/criux/l1.txt (deleted)"),
                                   Descriptor(5, "file", 3, "/wanted.txt")});
  CHECK(Answers("Error (criu/files-reg.c:1031): Can't dump ghost file /tmp/criux/ghost.bin of "
                "3145728 size, increase limit\n",
                report) == Only{{"ghost-file", {3}, true}});
  CHECK(Answers("(00.156209) Error (criu/files-reg.c:1122): Can't create link remap for "
                "/tmp/criux/l1.txt. Use link-remap option.\n",
                report) == Only{{"deleted-link", {4}, true}});
  CHECK(Answers("(00.064181) Error (criu/files-reg.c:1790): Can't lookup mount=63 for fd=5 "
                "path=/wanted.txt\n",
                report) == Only{{"unknown-mount", {5}, true}});
}

TEST_CASE("options that an old criu cannot ask are one complaint about one socket") {
  const std::string errors =
      "Error (criu/sockets.c:628): sockets: Can't get 1:16 opt: Operation not supported\n";
  const std::string more =
      "Error (criu/sockets.c:628): sockets: Can't get 1:34 opt: Operation not supported\n"
      "Error (criu/cr-dump.c:1681): Dump files (pid: 8210) failed with -1\n";
  const Json descriptors = {Socket(3, 328420351, "ipv4", "tcp", "LISTEN"),
                            Socket(4, 328420352, "ipv4", "tcp", "ESTABLISHED", "1.2.3.4:5"),
                            Socket(5, 9, "unix", "unix", "ESTABLISHED")};
  CHECK(Answers("(00.070469) 8210 fdinfo 3: pos:                0 flags:                2/0x1\n"
                "(00.070475) sockets: Searching for socket 0x13934bff family 2\n"
                "(00.070486) " +
                    errors + "(00.070488) " + more,
                ReportOf(8210, descriptors)) == Only{{"socket-option", {3}, true}});
  CHECK(Answers(errors + more, ReportOf(8210, descriptors)) ==
        Only{{"socket-option", {3, 4}, false}});
}

TEST_CASE("locked files are told by their inodes, and as no more than possible") {
  const std::string log =
      "(00.078179) lockinfo: 1:2 1 7297 fe:00:10027192 0 EOF\n"
      "(00.078200) 7297 fdinfo 3: pos:                0 flags:           100001/0\n"
      "(00.105805) Dumping file-locks\n"
      "(00.105806) Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks! You "
      "can try --file-locks to dump them.\n";
  CHECK(Answers(log, ReportOf(7297, {Descriptor(3, "file", 10027192, "/tmp/lockme"),
                                     Descriptor(4, "file", 5, "/tmp/other")})) ==
        Only{{"file-lock", {3}, false}});
}

TEST_CASE("io_uring is what the kernel does not send") {
  const std::string log =
      "pie: 6219: Error (criu/pie/parasite.c:588): send_fds failed (-22)\n"
      "(00.054443) Error (criu/parasite-syscall.c:280): Can't retrieve FDs from socket\n"
      "(00.054445) Error (compel/src/lib/infect-rpc.c:44): Message reply from daemon is trimmed "
      "(12/0)\n"
      "(00.054451) Error (criu/cr-dump.c:1681): Dump files (pid: 6219) failed with -1\n";
  CHECK(Answers(log, ReportOf(6219, {Descriptor(3, "other", 1, "anon_inode:[io_uring]"),
                                     Descriptor(4, "file", 5, "/tmp/other")})) ==
        Only{{"unsendable", {3}, false}});
}

TEST_CASE("an unknown family is told by what criu is at") {
  const std::string log =
      "(00.080700) 5948 fdinfo 3: pos: 0 flags: 2/0x1\n"
      "(00.080706) Error (criu/sockets.c:753): sockets: BUG! Unknown socket collected (family "
      "40)\n";
  CHECK(Answers(log, ReportOf(5948, {Socket(3, 328039409, "vsock", "vsock", "UNCONNECTED")})) ==
        Only{{"unknown-family", {3}, true}});
}

// By criu's own formats; how to bring these about is not known.
TEST_CASE("lost unix peers are told by their decimal inodes") {
  const auto report = ReportOf(7, {Socket(3, 4242, "unix", "unix", "ESTABLISHED"),
                                   Socket(4, 16962, "unix", "unix", "ESTABLISHED")});
  const Only expected = {{"lost-unix-peer", {3}, true}};
  CHECK(Answers("Error (criu/sk-unix.c:1): unix: Unix socket 4242 without peer 99\n", report) ==
        expected);
  CHECK(Answers("Error (criu/sk-unix.c:1): unix: Unix socket 4242 with unreachable peer 99\n",
                report) == expected);
  CHECK(Answers("Error (criu/sk-unix.c:1): unix: Dangling connection 4242\n", report) == expected);
}

TEST_CASE("what is not understood is told as it is, with what criu was at") {
  const std::string log =
      "(00.1) 7 fdinfo 3: pos: 0 flags: 2/0x1\n"
      "(00.2) Error (criu/eventpoll.c:1): epoll: something that is new\n"
      "(00.3) Error (criu/cr-dump.c:1681): Dump files (pid: 7) failed with -1\n"
      "(00.4) ----------------------------------------\n"
      "(00.5) Error (criu/mem.c:1): nothing about descriptors\n";
  CHECK(Answers(log, ReportOf(7, {Descriptor(3, "epoll", 1, "anon_inode:[eventpoll]")})) ==
        Only{{"other", {3}, true}, {"other", {}, false}});
}

TEST_CASE("a log may be cut, binary, or have a line without end, and must be criu's") {
  const std::string error = "Error (criu/sk-unix.c:1): unix: Dangling connection 4242";
  const auto report = ReportOf(7, {Socket(3, 4242, "unix", "unix", "ESTABLISHED")});
  const Only expected = {{"lost-unix-peer", {3}, true}};
  CHECK(Answers(error, report) == expected);
  CHECK(Answers(std::string("\0\xff\x1b[31m\n", 8) + error + "\n" + std::string(3 << 20, 'x'),
                report) == expected);
  CHECK(Answers("(00.1) nothing\n", report).empty());
  const LogFile not_criu("java.lang.Error: Dumping FAILED\n");
  CHECK(ReadCriuLog(not_criu.path()).status().code() == absl::StatusCode::kDataLoss);
  const LogFile empty("");
  CHECK(ReadCriuLog(empty.path()).status().code() == absl::StatusCode::kDataLoss);
  CHECK(ReadCriuLog("/nonexistent").status().code() == absl::StatusCode::kNotFound);
  CHECK(ReadCriuLog("/").status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("no more complaints are kept than anybody reads") {
  std::string log;
  for (int i = 0; i < 1500; ++i) log += "Error (criu/mem.c:1): something\n";
  const CriuLog read = Read(log);
  CHECK(read.complaints.size() == kMostComplaints);
  CHECK(read.left_out == 500);
}

std::string Told(const CriuLog& log, const model::Report& report, size_t width) {
  Sheet sheet(width, /*colored=*/false);
  TellExplained(Explain(log, report), log, report, &sheet);
  return sheet.str();
}

TEST_CASE("a complaint is told with the descriptor's origin, at the width that there is") {
  Json json = SampleReport();
  const auto report = model::ParseReport(json.dump(), "report.json");
  REQUIRE(report.ok());
  // 236832272 in hexadecimal.
  const CriuLog log =
      Read("Error (criu/sk-inet.c:176): inet: In-flight connection (l) for e1dc610\n");
  CHECK(Told(log, *report, 80) ==
        "line 1: inet: In-flight connection (l) for e1dc610\n"
        "  about     fd 7 socket ipv6/tcp listening on [::]:8080, by its inode\n"
        "            socket() by com.example.Harbor.moor (Harbor.java:9)\n"
        "  means     Somebody has connected to this socket, and nobody has accepted him\n"
        "            yet.\n"
        "  do        Stop listening before the checkpoint, or try again; --skip-in-flight\n"
        "            (setTCPSkipInFlight on OpenJ9) drops such connections.\n");
  CHECK(Told(log, *report, 120) ==
        "line 1: inet: In-flight connection (l) for e1dc610\n"
        "  about     fd 7 socket ipv6/tcp listening on [::]:8080, by its inode\n"
        "            socket() by com.example.Harbor.moor (Harbor.java:9)\n"
        "  means     Somebody has connected to this socket, and nobody has accepted him yet.\n"
        "  do        Stop listening before the checkpoint, or try again; --skip-in-flight "
        "(setTCPSkipInFlight on OpenJ9) drops\n"
        "            such connections.\n");
}

TEST_CASE("the JSON has the same, and nothing in a log breaks it") {
  const auto report = ReportOf(7, {Socket(3, 4242, "unix", "unix", "ESTABLISHED")});
  const CriuLog log = Read(
      "Error (criu/sk-unix.c:1): unix: Dangling connection 4242\n"
      "Error (criu/mem.c:2): \xff\x1b[2J\"</script>\n" +
      std::string(kFailed));
  const auto json =
      nlohmann::json::parse(ExplainedAsJson(Explain(log, report), log, "dump.log", report));
  CHECK(json["dumpFailed"] == true);
  CHECK(json["log"] == "dump.log");
  REQUIRE(json["complaints"].size() == 2);
  CHECK(json["complaints"][0]["kind"] == "lost-unix-peer");
  CHECK(json["complaints"][0]["joinedBy"] == "inode");
  CHECK(json["complaints"][0]["certain"] == true);
  CHECK(json["complaints"][0]["descriptors"][0]["fd"] == 3);
  CHECK(json["complaints"][1]["message"] == "\\xff\\x1b[2J\"</script>");
  CHECK(json["complaints"][1]["descriptors"].empty());
}

}  // namespace
}  // namespace fdorigin
