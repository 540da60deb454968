#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "catch2/catch_test_macros.hpp"
#include "nlohmann/json.hpp"
#include "report/report.h"

namespace fdorigin {
namespace {

using nlohmann::json;

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/fdorigin-report-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  size_t count() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_),
                                             std::filesystem::directory_iterator()));
  }

 private:
  std::string path_;
};

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST_CASE("placeholders of a report's name") {
  const std::string pid = std::to_string(getpid());
  CHECK(ExpandReportPath("/x/fdorigin-%p-%n.json", 3) == "/x/fdorigin-" + pid + "-3.json");
  CHECK(ExpandReportPath("100%%-%q-%", 1) == "100%-%q-%");
  CHECK(ExpandReportPath("%%p", 1) == "%p");
  const std::string time = ExpandReportPath("%t", 1);
  CHECK(time.size() == 16);
  CHECK(time[8] == 'T');
  CHECK(time.back() == 'Z');
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  CHECK(ExpandReportPath("%h", 1) == host);
}

TEST_CASE("a report is written whole, replaces an older one, and leaves nothing beside it") {
  Directory directory;
  const std::string path = directory / "r.json";
  const mode_t mask = umask(027);
  REQUIRE(WriteReport(R"({"a": 1})", path).ok());
  REQUIRE(WriteReport(R"({"a": 2})", path).ok());
  umask(mask);
  CHECK(json::parse(Read(path)) == json{{"a", 2}});
  CHECK(directory.count() == 1);
  struct stat status = {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE("a name as long as the file system allows can be written") {
  Directory directory;
  CHECK(WriteReport("{}", directory / std::string(255, 'r')).ok());
  CHECK_FALSE(WriteReport("{}", directory / std::string(256, 'r')).ok());
  CHECK(directory.count() == 1);
}

TEST_CASE("what cannot be written is said in one line, and no temporary file stays") {
  Directory directory;
  const absl::Status nowhere = WriteReport("{}", directory / "no/r.json");
  CHECK(nowhere.code() == absl::StatusCode::kNotFound);
  CHECK(std::string(nowhere.message()) ==
        "cannot write the report '" + (directory / "no/r.json") + "': No such file or directory");
  mkdir((directory / "d").c_str(), 0700);
  CHECK_FALSE(WriteReport("{}", directory / "d").ok());  // rename onto a directory
  CHECK_FALSE(WriteReport("", directory / "none.json").ok());

  // A full disk: the file size limit fails in the middle of a write.
  rlimit saved = {};
  getrlimit(RLIMIT_FSIZE, &saved);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {.rlim_cur = 1000, .rlim_max = saved.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const absl::Status full = WriteReport(std::string(5000, 'x'), directory / "full.json");
  setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, handler);
  CHECK_FALSE(full.ok());
  CHECK(directory.count() == 1);  // the directory d
}

TEST_CASE("an unwritable place is found before there is anything to write") {
  Directory directory;
  CHECK(CheckWritable(directory / "r.json").ok());
  CHECK(CheckWritable("r.json").ok() == (access(".", W_OK) == 0));
  CHECK(CheckWritable(directory / "no/r.json").code() == absl::StatusCode::kNotFound);
  CHECK_FALSE(CheckWritable("/proc/self/stat/r.json").ok());
  CHECK_FALSE(CheckWritable("/tmp").ok());
  CHECK_FALSE(CheckWritable("/tmp/").ok());
  CHECK_FALSE(CheckWritable("").ok());
  CHECK(directory.count() == 0);
}

json Blocking(int fd) {
  return {{"fd", fd},
          {"kind", "socket"},
          {"target", "socket:[1]"},
          {"blocking", true},
          {"attribution", "traced"},
          {"socket",
           {{"family", "unix"},
            {"type", "stream"},
            {"protocol", "unix"},
            {"state", "ESTABLISHED"},
            {"local", ""},
            {"remote", "/run/nscd/socket"},
            {"peer", {{"pid", 812}, {"process", "nscd"}, {"fd", 13}}}}},
          {"origin", {{"call", "socket"}}},
          {"culprit", {{"module", "/lib/libnss_x.so.2"}, {"symbol", "nss_open"}}}};
}

json Failure() {
  return {{"trigger",
           {{"kind", "checkpoint-failure"},
            {"exception", {{"class", "E"}, {"message", nullptr}, {"suppressed", json::array()}}}}},
          {"descriptors", json::array()}};
}

long Lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST_CASE("the summary has one line per blocking descriptor, and a dozen at most") {
  json report = Failure();
  report["descriptors"].push_back(Blocking(4));
  CHECK(Summarize(report, "/r.json") ==
        "fdorigin: the checkpoint failed; 1 of 1 open descriptors blocks it:\n"
        "fdorigin:   fd 4 socket unix -> /run/nscd/socket, peer nscd (pid 812 fd 13): socket() by "
        "nss_open in libnss_x.so.2\n"
        "fdorigin: report: /r.json\n");
  report["process"]["pid"] = 812;
  CHECK(Summarize(report, "").find("-> /run/nscd/socket, peer fd 13: ") != std::string::npos);
  for (int fd = 5; fd < 14; ++fd) report["descriptors"].push_back(Blocking(fd));
  CHECK(Lines(Summarize(report, "/r.json")) == 12);
  CHECK(Summarize(report, "/r.json").find("more") == std::string::npos);
  for (int fd = 14; fd < 1000; ++fd) report["descriptors"].push_back(Blocking(fd));
  const std::string summary = Summarize(report, "/r.json");
  CHECK(Lines(summary) == 12);
  CHECK(summary.find("fdorigin:   … and 987 more\n") != std::string::npos);
}

TEST_CASE("the summary writes a mapped IPv4 address as the address that it is") {
  const auto line = [](const char* family, const char* state, const char* local,
                       const char* remote) {
    json report = Failure();
    report["descriptors"].push_back(Blocking(4));
    report["descriptors"][0]["socket"] = {{"family", family},
                                          {"protocol", "tcp"},
                                          {"state", state},
                                          {"local", local},
                                          {"remote", remote}};
    const std::string summary = Summarize(report, "");
    const size_t start = summary.find("fd 4 socket ");
    REQUIRE(start != std::string::npos);
    const size_t end = summary.find(": socket() by", start);
    return summary.substr(start + 12, end - start - 12);
  };
  CHECK(line("ipv6", "LISTEN", "[::ffff:127.0.0.1]:40019", "") ==
        "ipv6/tcp listening on 127.0.0.1:40019");
  CHECK(line("ipv6", "ESTABLISHED", "[::ffff:10.0.0.2]:1", "[::ffff:10.0.0.3]:2") ==
        "ipv6/tcp 10.0.0.2:1 -> 10.0.0.3:2");
  CHECK(line("ipv6", "UNCONNECTED", "[::ffff:10.0.0.2]:1", "") == "ipv6/tcp 10.0.0.2:1");
  CHECK(line("ipv6", "LISTEN", "[::]:80", "") == "ipv6/tcp listening on [::]:80");
  CHECK(line("ipv6", "LISTEN", "[::ffff:0:102:304]:80", "") ==
        "ipv6/tcp listening on [::ffff:0:102:304]:80");
  CHECK(line("ipv6", "LISTEN", "[::ffff:abcd]:80", "") == "ipv6/tcp listening on [::ffff:abcd]:80");
  CHECK(line("ipv4", "LISTEN", "10.0.0.2:80", "") == "ipv4/tcp listening on 10.0.0.2:80");
  CHECK(line("unix", "LISTEN", "[::ffff:10.0.0.2]:80", "") ==
        "unix/tcp listening on [::ffff:10.0.0.2]:80");
}

TEST_CASE("a failure that names nothing is quoted by its first line") {
  json report = Failure();
  report["trigger"]["exception"]["suppressed"] = {
      {{"class", "java.lang.RuntimeException"}, {"message", "Native checkpoint failed.\nat x"}}};
  CHECK(Summarize(report, "") ==
        "fdorigin: the checkpoint failed and names no open descriptor; it says:\n"
        "fdorigin:   java.lang.RuntimeException: Native checkpoint failed.\n");
  report["trigger"]["exception"]["suppressed"].clear();
  CHECK(Summarize(report, "").find("fdorigin:   E\n") != std::string::npos);
}

TEST_CASE("a summary of what is no report still names the path") {
  CHECK(Summarize(json(), "/r.json") == "fdorigin: report: /r.json\n");
  CHECK(Summarize(json::array(), "/r.json") == "fdorigin: report: /r.json\n");
}

}  // namespace
}  // namespace fdorigin
