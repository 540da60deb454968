// The application sees the same failures with hooks as without. What they are without is said by
// this same program, in a process of its own in which no hook is ever put.
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "interpose/calls.h"
#include "interpose/failing_calls.h"
#include "interpose/harness.h"

namespace fdorigin {
namespace {

// Why calls fail that are made to fail in this way.
const std::map<std::string, int> kReasons = {{"interrupted", EINTR},
                                             {"no free number", EMFILE},
                                             {"no free file", ENFILE},
                                             {"no free process", EAGAIN}};

constexpr char kAnswers[] = "FDORIGIN_TEST_ANSWERS";

// The fixtures, loaded and unloaded by what dlopen and dlclose are in this process.
class Libraries {
 public:
  Libraries(void* (*open)(const char* path, int flags), int (*close)(void* library))
      : close_(close),
        calls_(open(Fixture("calls_now").c_str(), RTLD_NOW)),
        system_calls_(open(Fixture("system_calls").c_str(), RTLD_NOW)) {
    REQUIRE(calls_ != nullptr);
    REQUIRE(system_calls_ != nullptr);
  }
  ~Libraries() {
    close_(calls_);
    close_(system_calls_);
  }
  Libraries(const Libraries&) = delete;
  Libraries& operator=(const Libraries&) = delete;

  heron_function Find(const std::string& name) const {
    void* function = dlsym(calls_, ("heron_" + name).c_str());
    if (function == nullptr) std::abort();  // not REQUIRE, which is for one thread only
    return reinterpret_cast<heron_function>(function);
  }
  Callers CallersWith(std::function<void(const std::function<void()>&)> around) const {
    return {
        [this](const std::string& name) { return Find(name); },
        reinterpret_cast<decltype(Callers::system_call)>(dlsym(system_calls_, "heron_system_call")),
        std::move(around)};
  }

 private:
  int (*close_)(void* library);
  void* calls_;
  void* system_calls_;
};

TEST_CASE("the failing calls of a process without hooks", "[.bare]") {
  const char* path = std::getenv(kAnswers);
  REQUIRE(path != nullptr);
  const Libraries libraries(&dlopen, &dlclose);
  const std::vector<Answer> answers =
      MakeFailingCalls(libraries.CallersWith([](const std::function<void()>& call) { call(); }));
  std::ofstream file(path);
  for (const Answer& answer : answers) {
    file << answer.result << ' ' << answer.error << ' ' << answer.name << ' ' << answer.how << '\n';
  }
  REQUIRE(file.flush());
}

std::vector<Answer> AnswersWithoutHooks() {
  char path[] = "/tmp/fdorigin-test-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  close(fd);
  const std::string variable = std::string(kAnswers) + "=" + path;
  std::vector<char*> environment;
  for (char** one = environ; *one != nullptr; ++one) environment.push_back(*one);
  environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  std::string program = "/proc/self/exe";
  std::string test = "[bare]";
  char* arguments[] = {program.data(), test.data(), nullptr};
  // Its own opinion of itself is not this test's output.
  posix_spawn_file_actions_t actions;
  REQUIRE(posix_spawn_file_actions_init(&actions) == 0);
  REQUIRE(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
  pid_t child;
  REQUIRE(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environment.data()) ==
          0);
  posix_spawn_file_actions_destroy(&actions);
  int status;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  std::vector<Answer> answers;
  std::ifstream file(path);
  Answer answer;
  while (file >> answer.result >> answer.error >> answer.name && file.ignore() &&
         std::getline(file, answer.how)) {
    answers.push_back(answer);
  }
  unlink(path);
  return answers;
}

// What the table says of one number.
struct Said {
  int64_t at_ns;
  int tid;
  std::string call;
  size_t history;
  FdIdentity identity;
  bool lost;

  friend bool operator==(const Said&, const Said&) = default;
};

std::vector<std::optional<Said>> WholeTable() {
  std::vector<std::optional<Said>> all;
  for (int fd = 0; fd < 1024; ++fd) {
    const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
    if (entry) {
      all.push_back(Said{entry->origin.at_ns, entry->origin.tid, NameOf(entry->origin),
                         entry->history.size(), entry->identity, entry->lost});
    } else {
      all.push_back(std::nullopt);
    }
  }
  return all;
}

// How often the agent has been told that the process has no number left.
constinit std::atomic<int> told{0};

TEST_CASE("every hooked call fails as it does without hooks, and leaves no trace") {
  const std::vector<Answer> expected = AnswersWithoutHooks();
  Harness& harness = Harness::Get();
  const Libraries libraries(harness.dlopen, harness.dlclose);
  const uint64_t dropped = harness.table.dropped();
  std::vector<size_t> changed;  // by calls of these places
  std::vector<bool> heard;      // of the want of numbers, by place
  size_t made = 0;
  Recorder::TellOfExhaustion([] { ++told; });
  const std::vector<Answer> answers =
      MakeFailingCalls(libraries.CallersWith([&](const std::function<void()>& call) {
        const auto before = WholeTable();
        const int told_before = told.load();
        call();
        heard.push_back(told.load() != told_before);
        if (WholeTable() != before) changed.push_back(made);
        ++made;
      }));
  REQUIRE(answers.size() == expected.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    INFO(answers[i].name << ": " << answers[i].how);
    CHECK(answers[i].name == expected[i].name);
    CHECK(answers[i].how == expected[i].how);
    CHECK(expected[i].result == -1);
    CHECK(answers[i].result == expected[i].result);
    CHECK(answers[i].error == expected[i].error);
    // The calls met with what they were made for.
    const auto reason = kReasons.find(answers[i].how);
    if (reason != kReasons.end()) CHECK(expected[i].error == reason->second);
    // With slots alone these are not hooked: the first is libc's own, and this program, whose slots
    // are left as they are, calls the others itself.
    const std::set<std::string> unhooked = {"__open64_nocancel", "getifaddrs", "if_nameindex"};
    if (unhooked.contains(answers[i].name) && !Harness::HooksLibc()) continue;
    CHECK(heard[i] == (answers[i].error == EMFILE || answers[i].error == ENFILE));
  }
  for (const size_t i : changed) FAIL_CHECK(answers[i].name << ": " << answers[i].how);
  CHECK(harness.table.dropped() == dropped);

  std::set<std::string> untried;
  for (const CallInfo& call : HookedCalls()) untried.insert(call.name);
  untried.erase("");  // entry 0 is none
  for (const Answer& answer : answers) untried.erase(answer.name);
  // The first cannot fail; the others say their error otherwise, and are in spawn_test.cc.
  CHECK(untried == std::set<std::string>{"closefrom", "posix_spawn", "posix_spawnp"});
}

}  // namespace
}  // namespace fdorigin
