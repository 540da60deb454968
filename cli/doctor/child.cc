#include "doctor/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "interruption.h"

namespace fdorigin {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostOutput = 4 << 20;
constexpr auto kOneWait = std::chrono::milliseconds(100);

bool IsJavasOptions(std::string_view variable) {
  return variable.starts_with("JAVA_TOOL_OPTIONS=") || variable.starts_with("JDK_JAVA_OPTIONS=") ||
         variable.starts_with("_JAVA_OPTIONS=");
}

// Until it closes its outputs, or `end`.
void ReadAll(int fd, Clock::time_point end, ChildResult* result) {
  char buffer[65536];
  while (!IsInterrupted()) {
    if (Clock::now() >= end) {
      result->timed_out = true;
      return;
    }
    pollfd waited = {fd, POLLIN, 0};
    if (poll(&waited, 1, static_cast<int>(kOneWait.count())) <= 0) continue;
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    const size_t room = kMostOutput - result->output.size();
    result->output.append(buffer, std::min(static_cast<size_t>(size), room));
  }
  result->timed_out = true;
}

}  // namespace

ChildResult RunChild(const std::vector<std::string>& words, std::chrono::milliseconds patience) {
  ChildResult result;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    result.error = errno;
    return result;
  }
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!IsJavasOptions(*variable)) environment.push_back(*variable);
  }
  environment.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own: whatever it starts can be ended with it.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  result.error = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(),
                              environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[1]);
  if (result.error == 0) {
    ReadAll(ends[0], Clock::now() + patience, &result);
    if (result.timed_out) kill(-child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  close(ends[0]);
  return result;
}

}  // namespace fdorigin
