// Where the files of another process are.
#include "force/live_process.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace fdorigin {
namespace {

namespace fs = std::filesystem;

// A child that has done `prepare`, and then waits to be killed.
class Child {
 public:
  template <typename Prepare>
  explicit Child(Prepare prepare) {
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const char done = prepare() ? 'y' : 'n';
      if (write(ready[1], &done, 1) == 1) pause();
      _exit(1);
    }
    close(ready[1]);
    char done = 'n';
    prepared_ = read(ready[0], &done, 1) == 1 && done == 'y';
    close(ready[0]);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int pid() const { return pid_; }
  bool prepared() const { return prepared_; }

 private:
  int pid_ = 0;
  bool prepared_ = false;
};

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/fdorigin-live-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string Content(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// One that is told by its build-id.
NativeSymbolizer::Files FindUnmapped(int pid, const std::string& path) {
  const auto process = LiveProcess::Open(pid);
  REQUIRE(process.ok());
  Image image = {};
  image.build_id_size = 20;
  return (*process)->FindFiles(image, path);
}

TEST_CASE("files are looked for where the process sees them") {
  const Folder folder;
  const std::string path = folder.path() + "/libheron.so";
  std::ofstream(path) << "ours";

  const Child plain([] { return true; });
  REQUIRE(plain.prepared());
  NativeSymbolizer::Files files = FindUnmapped(plain.pid(), path);
  CHECK(files.file == path);
  CHECK(files.debug_root == "/usr/lib/debug");

  // The same root folder, with something else mounted below it.
  const Child other([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, "") != 0 ||
        mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "") != 0) {
      return false;
    }
    std::ofstream(path) << "theirs";
    return true;
  });
  if (!other.prepared()) SKIP("a mount namespace is not allowed here");
  files = FindUnmapped(other.pid(), path);
  CHECK(Content(files.file) == "theirs");
  CHECK(files.debug_root == "/proc/" + std::to_string(other.pid()) + "/root/usr/lib/debug");
  CHECK(Content(path) == "ours");
}

}  // namespace
}  // namespace fdorigin
