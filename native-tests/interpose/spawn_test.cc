// posix_spawn runs its file actions in a child that has its parent's memory, the table with it. The
// parent's table is the parent's all the same.
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "interpose/failing_calls.h"
#include "interpose/harness.h"

namespace fdorigin {
namespace {

// Each number's generation and time of origin.
std::map<int, std::pair<uint32_t, int64_t>> WholeTable() {
  std::map<int, std::pair<uint32_t, int64_t>> all;
  for (int fd = 0; fd < 1024; ++fd) {
    const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
    if (entry) all[fd] = {entry->generation, entry->origin.at_ns};
  }
  return all;
}

// File actions that are destroyed at the end.
class FileActions {
 public:
  FileActions() { REQUIRE(posix_spawn_file_actions_init(&actions_) == 0); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

constexpr int kCopy = 61;
constexpr int kOpened = 62;

TEST_CASE("what a spawned child does to its descriptors is not the parent's") {
  const bool has_flag = GENERATE(false, true);
  const bool has_actions = GENERATE(false, true);
  Library library("calls_now");
  const int closed = library.Socket();
  const int copied = library.Socket();
  const int replaced = library.Socket();
  const std::set<int> open = OpenDescriptors();
  const auto table = WholeTable();
  const uint64_t dropped = Harness::Get().table.dropped();
  REQUIRE(table.contains(closed));

  FileActions actions;
  std::string script = "exit 7";
  if (has_actions) {
    posix_spawn_file_actions_t* list = actions.get();
    REQUIRE(posix_spawn_file_actions_addclose(list, closed) == 0);
    REQUIRE(posix_spawn_file_actions_adddup2(list, copied, kCopy) == 0);
    REQUIRE(posix_spawn_file_actions_adddup2(list, 0, replaced) == 0);
    REQUIRE(posix_spawn_file_actions_addopen(list, kOpened, "/dev/null", O_RDONLY, 0) == 0);
    // The child has a look whether all that was done: else this test would prove nothing.
    const std::string fds = "/proc/$$/fd/";
    script = "test ! -e " + fds + std::to_string(closed) + " -a -e " + fds + std::to_string(kCopy) +
             " -a " + fds + std::to_string(replaced) + " -ef " + fds + "0 -a " + fds +
             std::to_string(kOpened) + " -ef /dev/null && exit 7";
  }
  posix_spawnattr_t attributes;
  REQUIRE(posix_spawnattr_init(&attributes) == 0);
  if (has_flag) REQUIRE(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_USEVFORK) == 0);
  std::string shell = "/bin/sh";
  std::string option = "-c";
  char* arguments[] = {shell.data(), option.data(), script.data(), nullptr};
  pid_t child = -1;
  REQUIRE(posix_spawn(&child, shell.c_str(), actions.get(), &attributes, arguments, environ) == 0);
  posix_spawnattr_destroy(&attributes);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);

  CHECK(OpenDescriptors() == open);
  CHECK(WholeTable() == table);
  CHECK(Harness::Get().table.dropped() == dropped);
  for (const int fd : {closed, copied, replaced}) library.Close(fd);
  CHECK(WholeTable().size() == table.size() - 3);
}

TEST_CASE("a spawn that fails in the child leaves the parent's table alone") {
  Library library("calls_now");
  const int closed = library.Socket();
  const auto table = WholeTable();
  FileActions actions;
  REQUIRE(posix_spawn_file_actions_addclose(actions.get(), closed) == 0);
  std::string name = "reed";
  char* arguments[] = {name.data(), nullptr};
  pid_t child = -1;
  CHECK(posix_spawn(&child, "/not/there", actions.get(), nullptr, arguments, environ) == ENOENT);
  CHECK(WholeTable() == table);
  // The second action cannot be done any more.
  REQUIRE(posix_spawn_file_actions_adddup2(actions.get(), closed, kCopy) == 0);
  CHECK(posix_spawn(&child, "/bin/sh", actions.get(), nullptr, arguments, environ) == EBADF);
  CHECK(WholeTable() == table);
  CHECK(Harness::Get().table.Copy(closed)->identity == IdentityOf(closed));
  // The thread records again, after both.
  library.Close(closed);
  CHECK(WholeTable().size() == table.size() - 1);
}

TEST_CASE("a child that cannot be begun leaves its thread recording") {
  Library library("calls_now");
  const auto table = WholeTable();
  int error = 0;
  int fd = -1;
  OnThreadWithout(kStartsProcess, EAGAIN, [&] {
    std::string name = "true";
    char* arguments[] = {name.data(), nullptr};
    pid_t child;
    error = posix_spawnp(&child, "true", nullptr, nullptr, arguments, environ);
    if (error == EAGAIN) {
      error = posix_spawn(&child, "/bin/true", nullptr, nullptr, arguments, environ);
    }
    heron_request request = {.a = -1, .b = -1};
    for (const char* how : {"vfork", "clone_vfork"}) {
      if (library.Call(how, &request) != -1) error = 0;
    }
    fd = library.Socket();
  });
  CHECK(error == EAGAIN);
  CHECK(WholeTable().size() == table.size() + 1);
  CHECK(Harness::Get().table.Copy(fd));
  library.Close(fd);
}

}  // namespace
}  // namespace fdorigin
