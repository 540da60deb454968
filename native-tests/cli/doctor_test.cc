// What `doctor` says follows from what programs and the kernel said. (java-tests starts it on real
// JVMs.)
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "catch2/catch_test_macros.hpp"
#include "cli/sample_report.h"
#include "doctor/child.h"
#include "doctor/finding.h"
#include "doctor/java.h"
#include "doctor/jvm_checks.h"
#include "doctor/machine_checks.h"
#include "nlohmann/json.hpp"
#include "text/sheet.h"

namespace fdorigin {
namespace {

using testing::Json;
using testing::SampleReport;

constexpr auto kLong = std::chrono::seconds(60);

std::string TemporaryPath(const std::string& name) {
  return "/tmp/fdorigin-doctor-test-" + std::to_string(getpid()) + name;
}

// A program of a few words.
class Script {
 public:
  explicit Script(const std::string& text) {
    std::ofstream(path_) << "#!/bin/sh\n" << text << "\n";
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;
  ~Script() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = TemporaryPath(".sh");
};

TEST_CASE("a program's status and both its outputs are seen") {
  const ChildResult done = RunChild({"sh", "-c", "echo one; echo two >&2; exit 3"}, kLong);
  CHECK(done.error == 0);
  CHECK(done.status == 3);
  CHECK_FALSE(done.succeeded());
  CHECK(done.output == "one\ntwo\n");
  CHECK(RunChild({"sh", "-c", "kill -9 $$"}, kLong).status == 137);
  CHECK(RunChild({"/nonexistent/java"}, kLong).error == ENOENT);
  CHECK(RunChild({"true"}, kLong).succeeded());
}

TEST_CASE("a program runs without the options that the shell has for every java") {
  setenv("JAVA_TOOL_OPTIONS", "-Dx", 1);
  setenv("FDORIGIN_DOCTOR_TEST", "kept", 1);
  const ChildResult done =
      RunChild({"sh", "-c", "echo \"$JAVA_TOOL_OPTIONS|$FDORIGIN_DOCTOR_TEST\""}, kLong);
  unsetenv("JAVA_TOOL_OPTIONS");
  unsetenv("FDORIGIN_DOCTOR_TEST");
  CHECK(done.output == "|kept\n");
}

TEST_CASE("a program that does not end is ended, with what it has started") {
  const ChildResult done =
      RunChild({"sh", "-c", "echo $$; sleep 1000 & wait"}, std::chrono::milliseconds(300));
  CHECK(done.timed_out);
  const pid_t group = std::stoi(done.output);
  // The group is gone as soon as init has seen to its last member.
  bool is_gone = false;
  for (int i = 0; i < 10000 && !is_gone; ++i) is_gone = kill(-group, 0) != 0 || usleep(1000) != 0;
  CHECK(is_gone);
}

TEST_CASE("a long output is cut and does not hold the program up") {
  const ChildResult done = RunChild({"sh", "-c", "head -c 10000000 /dev/zero"}, kLong);
  CHECK(done.succeeded());
  CHECK(done.output.size() == size_t{4} << 20);
}

// As JDK 17 prints them; the flags of CRaC by its documentation.
constexpr const char* kOutput =
    "[Global flags]\n"
    "      int ActiveProcessorCount                     = -1                                       "
    " "
    "{product} {default}\n"
    "    ccstr CRaCCheckpointTo                         =                                          "
    " "
    "{product} {default}\n"
    "    ccstr CRaCEngine                               = criuengine                               "
    " "
    "{product} {default}\n"
    "     bool DisableAttachMechanism                   = false                                    "
    " "
    "{product} {default}\n"
    "Property settings:\n"
    "    java.home = /usr/lib/jvm/java-17-openjdk-amd64\n"
    "    java.specification.version = 17\n"
    "    java.vm.name = OpenJDK 64-Bit Server VM\n"
    "    sun.boot.library.path = /usr/java/packages/lib\n"
    "        /usr/lib64\n"
    "\n"
    "openjdk version \"17.0.15\" 2025-04-15\n";

TEST_CASE("flags and properties are read off what java prints") {
  const Java java = ParseJava("/j", kOutput);
  CHECK(java.Property("java.home") == "/usr/lib/jvm/java-17-openjdk-amd64");
  CHECK(java.Property("java.vm.name") == "OpenJDK 64-Bit Server VM");
  CHECK(java.feature_version() == 17);
  CHECK(java.Flag("DisableAttachMechanism") == "false");
  CHECK(java.Flag("ActiveProcessorCount") == "-1");
  CHECK(java.flags.contains("CRaCCheckpointTo"));
  CHECK(java.Flag("CRaCCheckpointTo").empty());
  CHECK(java.Flag("CRaCEngine") == "criuengine");
  CHECK_FALSE(java.flags.contains("CREngine"));
  CHECK_FALSE(java.is_openj9());
  CHECK(ParseJava("/j", "    java.vm.name = Eclipse OpenJ9 VM\n").is_openj9());
}

TEST_CASE("what is no java is the user's error, and no java at all is none") {
  CHECK(FindJava("/bin/true").status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(FindJava("/nonexistent").status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(FindJava("/etc/passwd").status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(FindJava("/tmp").status().code() == absl::StatusCode::kInvalidArgument);
  const std::string path = std::getenv("PATH");
  const char* home = std::getenv("JAVA_HOME");
  const std::string java_home = home == nullptr ? "" : home;
  setenv("PATH", "/nonexistent", 1);
  unsetenv("JAVA_HOME");
  const auto found = FindJava("");
  setenv("PATH", path.c_str(), 1);
  if (!java_home.empty()) setenv("JAVA_HOME", java_home.c_str(), 1);
  CHECK(found.status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a java that does not know PrintFlagsFinal is asked without") {
  const Script java(
      "[ \"$1\" = -XX:+PrintFlagsFinal ] && exit 1\n"
      "echo '    java.vm.name = Other VM'");
  const auto found = FindJava(java.path());
  REQUIRE(found.ok());
  CHECK(found->Property("java.vm.name") == "Other VM");
}

const Finding& Of(const Findings& findings, std::string_view topic) {
  for (const Finding& finding : findings) {
    if (finding.topic == topic) return finding;
  }
  FAIL("nothing about " << topic);
  return findings.front();
}

TEST_CASE("what the environment or the JVM forbids is a problem of attaching") {
  Java java = ParseJava("/nonexistent", kOutput);
  Findings findings;
  CheckJvm({.java = &java, .agent = "", .environment_disables_attach = false}, &findings);
  CHECK(Of(findings, "attach").verdict == Verdict::kOk);
  CHECK(Of(findings, "agent").verdict == Verdict::kProblem);
  CHECK(Of(findings, "checkpoint").text.find("engine criuengine") != std::string::npos);
  CHECK(HaveProblem(findings));
  const auto attach = [&](bool by_environment) {
    Findings all;
    CheckJvm({.java = &java, .agent = "", .environment_disables_attach = by_environment}, &all);
    return Of(all, "attach").verdict;
  };
  CHECK(attach(true) == Verdict::kProblem);
  java.flags["EnableDynamicAgentLoading"] = "false";
  CHECK(attach(false) == Verdict::kProblem);
  java.flags["EnableDynamicAgentLoading"] = "true";
  java.flags["DisableAttachMechanism"] = "true";
  CHECK(attach(false) == Verdict::kProblem);
}

TEST_CASE("an agent that does not load is a problem, with the JVM's own words") {
  const Script java("echo 'Error occurred during initialization of VM'; exit 1");
  Java told = ParseJava(java.path(), kOutput);
  Findings findings;
  CheckJvm({.java = &told, .agent = "/a.so", .environment_disables_attach = false}, &findings);
  CHECK(Of(findings, "agent").verdict == Verdict::kProblem);
  CHECK(Of(findings, "agent").text ==
        "/a.so cannot be loaded: status 1: Error occurred during initialization of VM");
}

TEST_CASE("an old JVM is warned of, and one for another processor refused") {
  Java java = ParseJava("/nonexistent", kOutput);
  java.properties["java.specification.version"] = "1.8";
  Findings old;
  CheckJvm({.java = &java, .agent = "", .environment_disables_attach = false}, &old);
  CHECK(Of(old, "java").verdict == Verdict::kWarning);
  java.properties["os.arch"] = "aarch64";
  Findings other;
  CheckJvm({.java = &java, .agent = "", .environment_disables_attach = false}, &other);
  CHECK(Of(other, "java").verdict == Verdict::kProblem);
}

TEST_CASE("coverage tells what of libc is left alone, and whether Java stacks are read") {
  const std::string path = TemporaryPath(".json");
  const auto check = [&](const Json& refused) {
    Json report = SampleReport();
    report["coverage"]["refused"] = refused;
    std::ofstream(path) << report.dump();
    Findings findings;
    CheckCoverage(path, &findings);
    return findings;
  };
  const Findings fine = check(Json::array());
  CHECK(Of(fine, "libc").verdict == Verdict::kOk);
  CHECK(Of(fine, "libc").text.starts_with("1 functions are seen at their entries"));
  CHECK(Of(fine, "stacks").verdict == Verdict::kOk);
  const Findings less =
      check({{{"what", "the JVM's own data, for Java stacks"}, {"reason", "the Zero VM"}},
             {{"what", "socketpair"}, {"reason", "its second instruction is a jump"}}});
  CHECK(Of(less, "libc").verdict == Verdict::kWarning);
  CHECK(Of(less, "libc").text.find("socketpair (its second instruction is a jump)") !=
        std::string::npos);
  CHECK(Of(less, "stacks").verdict == Verdict::kWarning);
  CHECK(Of(less, "stacks").text.find("the Zero VM") != std::string::npos);
  std::ofstream(path) << "{";
  Findings broken;
  CheckCoverage(path, &broken);
  CHECK(HaveProblem(broken));
  std::filesystem::remove(path);
}

TEST_CASE("what may be traced follows from ptrace_scope and the capability") {
  CHECK(CheckTracing(-1, false, false).verdict == Verdict::kOk);
  CHECK(CheckTracing(0, false, false).verdict == Verdict::kOk);
  CHECK(CheckTracing(1, false, false).verdict == Verdict::kWarning);
  CHECK(CheckTracing(1, true, true).verdict == Verdict::kOk);
  CHECK(CheckTracing(2, false, false).verdict == Verdict::kWarning);
  CHECK(CheckTracing(2, true, true).verdict == Verdict::kOk);
  CHECK(CheckTracing(3, true, true).verdict == Verdict::kWarning);
  CHECK(CheckTracing(0, false, true).verdict == Verdict::kWarning);
}

TEST_CASE("few numbers for descriptors are warned of") {
  CHECK(CheckNumbers(1024, 1048576).verdict == Verdict::kOk);
  CHECK(CheckNumbers(1024, RLIM_INFINITY).text.find("unlimited") != std::string::npos);
  CHECK(CheckNumbers(256, 1024).verdict == Verdict::kWarning);
}

TEST_CASE("a criu is asked by itself whether it can work") {
  const auto check = [](const std::string& script, bool is_needed) {
    const Script criu(script);
    setenv("CRAC_CRIU_PATH", criu.path().c_str(), 1);
    Findings findings;
    CheckCriu("", is_needed, &findings);
    unsetenv("CRAC_CRIU_PATH");
    return Of(findings, "criu");
  };
  const Finding good = check("[ $1 = check ] && exit 0; echo 'Version: 4.1.1'", true);
  CHECK(good.verdict == Verdict::kOk);
  CHECK(good.text.ends_with(" 4.1.1 says that it can work here"));
  const std::string bad = "[ $1 = check ] && { echo 'no rights'; exit 1; }; echo 'Version: 4.1.1'";
  CHECK(check(bad, true).verdict == Verdict::kProblem);
  CHECK(check(bad, true).text.ends_with("cannot work here: no rights"));
  CHECK(check(bad, false).verdict == Verdict::kWarning);
}

TEST_CASE("findings are a line each, with what to do below, and the same in JSON") {
  const Findings findings = {
      {Verdict::kOk, "agent", "it can be loaded", ""},
      {Verdict::kProblem, "attach", "this JVM has -XX:+DisableAttachMechanism, which is in the way",
       "Start it without."}};
  Sheet narrow(60, /*colored=*/false);
  TellFindings(findings, &narrow);
  CHECK(narrow.str() ==
        "ok       agent        it can be loaded\n"
        "problem  attach       this JVM has\n"
        "                      -XX:+DisableAttachMechanism, which is\n"
        "                      in the way\n"
        "                      -> Start it without.\n");
  Sheet wide(120, /*colored=*/false);
  TellFindings(findings, &wide);
  CHECK(wide.str() ==
        "ok       agent        it can be loaded\n"
        "problem  attach       this JVM has -XX:+DisableAttachMechanism, which is in the way\n"
        "                      -> Start it without.\n");
  const auto json = nlohmann::json::parse(FindingsAsJson(findings));
  REQUIRE(json["findings"].size() == 2);
  CHECK(json["findings"][1]["verdict"] == "problem");
  CHECK(json["findings"][1]["remedy"] == "Start it without.");
  CHECK_FALSE(json["findings"][0].contains("remedy"));
}

}  // namespace
}  // namespace fdorigin
