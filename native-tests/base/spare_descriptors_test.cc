// The oracle is the kernel: /proc/self of the process and of the thread, limits that the test sets,
// and a child that asks for locks.
#include "base/spare_descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fdorigin {
namespace {

int ThreadId() { return static_cast<int>(syscall(SYS_gettid)); }

// Each open number with its identity and flags, asked for without a descriptor.
using Descriptors = std::map<int, std::pair<ino_t, int>>;
Descriptors Open() {
  Descriptors open;
  for (int fd = 0; fd < 4096; ++fd) {
    struct stat status;
    if (fstat(fd, &status) == 0)
      open[fd] = {status.st_ino, fcntl(fd, F_GETFL) | fcntl(fd, F_GETFD)};
  }
  return open;
}

// Leaves the process this many numbers, and fills the others below a limit of 256.
class Shortage {
 public:
  explicit Shortage(int left) {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &old_) == 0);
    const rlimit few = {256, old_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    for (int fd = 0; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(fd);
    REQUIRE(errno == EMFILE);
    for (; left > 0; --left) {
      close(taken_.back());
      taken_.pop_back();
    }
  }
  ~Shortage() {
    for (const int fd : taken_) close(fd);
    setrlimit(RLIMIT_NOFILE, &old_);
  }
  Shortage(const Shortage&) = delete;
  Shortage& operator=(const Shortage&) = delete;

 private:
  rlimit old_ = {};
  std::vector<int> taken_;
};

TEST_CASE("where there are numbers the work is done here") {
  int calls = 0;
  int tid = 0;
  WithSpareDescriptors([&](Table table) {
    CHECK(table == Table::kProcess);
    tid = ThreadId();
    ++calls;
  });
  CHECK(tid == ThreadId());
  CHECK(calls == 1);
}

TEST_CASE("at the limit the work has a table of its own, and the process's stays as it is") {
  for (const int left : {0, 1, 31}) {
    const Shortage shortage(left);
    const Descriptors before = Open();
    int calls = 0;
    int tid = 0;
    int pid = 0;
    std::vector<int> opened;
    Descriptors meanwhile;
    WithSpareDescriptors([&](Table table) {
      ++calls;
      CHECK(table == Table::kOwn);
      tid = ThreadId();
      pid = getpid();
      for (int i = 0; i < 40; ++i) opened.push_back(open("/proc/self/status", O_RDONLY));
      // /proc/self is the process, whose table this is not.
      DIR* directory = opendir("/proc/self/fd");
      REQUIRE(directory != nullptr);
      while (const dirent* entry = readdir(directory)) {
        if (entry->d_name[0] == '.') continue;
        struct stat status;
        REQUIRE(fstatat(dirfd(directory), entry->d_name, &status, 0) == 0);
        const int fd = std::stoi(entry->d_name);
        meanwhile[fd] = {status.st_ino, before.contains(fd) ? before.at(fd).second : -1};
      }
      closedir(directory);
    });
    CHECK(calls == 1);
    CHECK(tid != ThreadId());
    CHECK(pid == getpid());
    CHECK(opened.size() == 40);
    for (const int fd : opened) CHECK(fd >= 0);
    CHECK(meanwhile == before);
    CHECK(Open() == before);
  }
}

TEST_CASE("31 free numbers are too few, 32 are enough") {
  Table table = Table::kProcess;
  {
    const Shortage shortage(31);
    WithSpareDescriptors([&](Table which) { table = which; });
  }
  CHECK(table == Table::kOwn);
  {
    const Shortage shortage(32);
    WithSpareDescriptors([&](Table which) { table = which; });
  }
  CHECK(table == Table::kProcess);
}

constinit std::atomic<int> child_signals{0};
constinit std::atomic<int> signalled_thread{0};

TEST_CASE("the thread is no child, and no handler runs on it") {
  struct sigaction action = {};
  action.sa_handler = [](int) { ++child_signals; };
  REQUIRE(sigaction(SIGCHLD, &action, nullptr) == 0);
  action.sa_handler = [](int) { signalled_thread = ThreadId(); };
  REQUIRE(sigaction(SIGUSR1, &action, nullptr) == 0);
  int tid = 0;
  {
    const Shortage shortage(0);
    WithSpareDescriptors([&](Table) {
      tid = ThreadId();
      kill(getpid(), SIGUSR1);
      CHECK(signalled_thread == 0);
    });
  }
  CHECK(signalled_thread == ThreadId());
  CHECK(waitpid(-1, nullptr, WNOHANG | __WALL) == -1);
  CHECK(errno == ECHILD);
  CHECK(child_signals == 0);
  // The kernel takes it off the list a moment after it has let its parent go on.
  while (access(("/proc/self/task/" + std::to_string(tid)).c_str(), F_OK) == 0) sched_yield();
}

TEST_CASE("closing the copies lets no lock of the process go") {
  char path[] = "/tmp/fdorigin-test-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  unlink(path);
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  REQUIRE(fcntl(fd, F_SETLK, &lock) == 0);
  {
    const Shortage shortage(0);
    WithSpareDescriptors([&](Table table) {
      CHECK(table == Table::kOwn);
      CHECK(fcntl(fd, F_GETFD) == -1);
    });
  }
  const pid_t child = fork();
  if (child == 0) {
    fcntl(fd, F_GETLK, &lock);
    _exit(lock.l_type == F_WRLCK ? 7 : 8);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
  close(fd);
}

TEST_CASE("what the work throws comes out") {
  const Shortage shortage(0);
  CHECK_THROWS_AS(WithSpareDescriptors([](Table) { throw std::runtime_error("enough"); }),
                  std::runtime_error);
}

}  // namespace
}  // namespace fdorigin
