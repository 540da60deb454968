#include "target_process.h"

#include <signal.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// `words` with a zero byte behind each.
std::string Strings(std::initializer_list<std::string_view> words) {
  std::string all;
  for (const std::string_view word : words) all.append(word).push_back('\0');
  return all;
}

TEST_CASE("a process's own status is what the kernel tells it by other calls") {
  const absl::StatusOr<ProcessStatus> status = ParseProcessStatus(ReadFile("/proc/self/status"));
  REQUIRE(status.ok());
  CHECK(status->process == getpid());
  CHECK(status->effective_user == geteuid());
  CHECK(status->effective_group == getegid());
  CHECK(status->state == 'R');
}

TEST_CASE("a handler of SIGQUIT is seen, and that there is none") {
  struct sigaction before;
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  REQUIRE(sigaction(SIGQUIT, &action, &before) == 0);
  const auto with = ParseProcessStatus(ReadFile("/proc/self/status"));
  action.sa_handler = SIG_IGN;
  REQUIRE(sigaction(SIGQUIT, &action, nullptr) == 0);
  const auto ignoring = ParseProcessStatus(ReadFile("/proc/self/status"));
  REQUIRE(sigaction(SIGQUIT, &before, nullptr) == 0);
  REQUIRE((with.ok() && ignoring.ok()));
  CHECK(with->catches_quit);
  CHECK_FALSE(ignoring->catches_quit);
}

TEST_CASE("the number in the innermost pid namespace is the last of NSpid") {
  const std::string rest = "Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nSigCgt:\t0000000000000004\n";
  const auto inner =
      ParseProcessStatus("State:\tS (sleeping)\nTgid:\t812\nNSpid:\t812\t40\t1\n" + rest);
  REQUIRE(inner.ok());
  CHECK(inner->inner_pid == 1);
  CHECK(inner->effective_user == 2);
  CHECK(inner->effective_group == 6);
  CHECK(inner->catches_quit);
  // Linux before 4.1.
  CHECK(ParseProcessStatus("State:\tS (sleeping)\nTgid:\t812\n" + rest)->inner_pid == 812);
  CHECK_FALSE(ParseProcessStatus("Name:\tjava\n").ok());
}

TEST_CASE("a JVM is known by its libraries, and its agent by the file") {
  const std::string line = "7f0000000000-7f0000001000 r-xp 00000000 08:01 42    ";
  const MappedLibraries hotspot = ParseMaps(
      line + "/opt/jdk/lib/server/libjvm.so\n" + line + "/tmp/hsperfdata_jo/812\n" + line +
      "/opt/with space/libfdorigin.so\n" + line + "/opt/with space/libfdorigin.so\n" + line + "\n");
  CHECK(hotspot.hotspot);
  CHECK_FALSE(hotspot.openj9);
  CHECK(hotspot.performance_data == "/tmp/hsperfdata_jo/812");
  CHECK(hotspot.agents == std::vector<std::string>{"/opt/with space/libfdorigin.so"});
  const MappedLibraries openj9 =
      ParseMaps(line + "/opt/j9/lib/default/libj9vm29.so\n" + line + "/opt/j9/lib/libjvm.so");
  CHECK(openj9.openj9);
  CHECK_FALSE(openj9.hotspot);
  CHECK_FALSE(ParseMaps(ReadFile("/proc/self/maps")).hotspot);
}

TEST_CASE("the last word about the attach mechanism holds, wherever the JVM reads it") {
  const std::string off = "-XX:+DisableAttachMechanism";
  const std::string on = "-XX:-DisableAttachMechanism";
  CHECK_FALSE(DisablesAttach(Strings({"java", "Main"}), ""));
  CHECK(DisablesAttach(Strings({"java", off, "Main"}), ""));
  CHECK_FALSE(DisablesAttach(Strings({"java", off, on, "Main"}), ""));
  CHECK(DisablesAttach(Strings({"java", "Main"}),
                       Strings({"A=b", "JAVA_TOOL_OPTIONS=-Xmx1g " + off})));
  CHECK_FALSE(DisablesAttach(Strings({"java", on}), Strings({"JAVA_TOOL_OPTIONS=" + off})));
  CHECK(DisablesAttach(Strings({"java", on}), Strings({"_JAVA_OPTIONS=" + off})));
  CHECK(DisablesAttach(Strings({"java"}), Strings({"JDK_JAVA_OPTIONS=" + off})));
  CHECK_FALSE(DisablesAttach(Strings({"java"}), Strings({"NOT_JAVA_TOOL_OPTIONS=" + off})));
}

// As HotSpot lays it out: a header of 32 bytes, then entries.
std::string PerformanceData(std::string_view name, std::string_view value) {
  const auto word = [](std::string* text, size_t at, uint32_t number) {
    std::memcpy(text->data() + at, &number, sizeof(number));
  };
  std::string header(32, '\0');
  header.replace(0, 4, "\xca\xfe\xc0\xc0");
  word(&header, 24, 32);
  word(&header, 28, 2);
  std::string all = header;
  for (const auto& [key, text] : {std::pair<std::string_view, std::string_view>{"a.b", "0"},
                                  std::pair<std::string_view, std::string_view>{name, value}}) {
    std::string entry(20, '\0');
    word(&entry, 4, 20);
    word(&entry, 16, static_cast<uint32_t>(20 + key.size() + 1));
    entry.append(key).push_back('\0');
    entry.append(text).push_back('\0');
    word(&entry, 0, static_cast<uint32_t>(entry.size()));
    all += entry;
  }
  return all;
}

TEST_CASE("a JVM says in its performance data whether it can be attached to") {
  CHECK(SaysAttachable(PerformanceData("sun.rt.jvmCapabilities", "1100")));
  CHECK_FALSE(SaysAttachable(PerformanceData("sun.rt.jvmCapabilities", "0100")));
  CHECK(SaysAttachable(PerformanceData("sun.rt.jvmVersion", "0100")));
  CHECK(SaysAttachable(""));
  const std::string whole = PerformanceData("sun.rt.jvmCapabilities", "0100");
  for (size_t size = 0; size < whole.size(); ++size) SaysAttachable(whole.substr(0, size));
}

TEST_CASE("what is no JVM is not signalled") {
  const absl::StatusOr<TargetProcess> self = TargetProcess::Open(getpid());
  REQUIRE(self.ok());
  CHECK(self->shares_files());
  CHECK(self->RootPrefix().empty());
  CHECK(self->libraries().agents.empty());
  CHECK(self->CheckRunning().ok());
  CHECK(self->CheckSignalable().message().find("is no JVM") != std::string::npos);
}

}  // namespace
}  // namespace fdorigin
