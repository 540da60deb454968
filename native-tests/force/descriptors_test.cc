// The descriptors of a living process, which is the test's own: what a number is can change between
// two looks, and must be seen to.
#include "force/descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <vector>

#include "force/live_process.h"
#include "report/open_fd.h"

namespace fdorigin {
namespace {

using Words = std::vector<std::string>;

class Fixture {
 public:
  Fixture() { REQUIRE(descriptors_->Open().ok()); }
  LiveDescriptors* operator->() { return descriptors_.get(); }

  struct stat Stat(const OpenFd& fd) {
    struct stat status = {};
    REQUIRE(descriptors_->Stat(fd.get(), &status));
    REQUIRE(status.st_ino == fd.inode());
    return status;
  }

 private:
  const std::unique_ptr<LiveProcess> process_ = *LiveProcess::Open(getpid());
  const std::unique_ptr<LiveDescriptors> descriptors_ =
      std::make_unique<LiveDescriptors>(process_.get(), /*region=*/nullptr);
};

OpenFd Socket() { return OpenFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

TEST_CASE("a number that keeps its meaning is still the same, whatever was looked at before") {
  Fixture descriptors;
  const OpenFd files[] = {OpenFd(open("/dev/null", O_RDONLY)), Socket(), Socket(),
                          OpenFd(open("/proc/self/stat", O_RDONLY | O_CLOEXEC))};
  for (int i = 0; i < 3; ++i) {
    for (const OpenFd& fd : files) {
      const struct stat status = descriptors.Stat(fd);
      descriptors->Flags(fd.get());
      CHECK(descriptors->IsStill(fd.get(), status));
    }
  }
  CHECK(descriptors->Flags(files[0].get()) == Words{});
  CHECK(descriptors->Flags(files[1].get()) == Words{"cloexec", "nonblock"});
}

TEST_CASE("a number that got another meaning is not the same, before the last look or after") {
  for (const bool same_mount : {true, false}) {
    Fixture descriptors;
    const OpenFd fd = Socket();
    const OpenFd other = same_mount ? Socket() : OpenFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const OpenFd before = Socket();
    const struct stat known = descriptors.Stat(before);
    descriptors->Flags(before.get());
    REQUIRE(descriptors->IsStill(before.get(), known));

    const struct stat status = descriptors.Stat(fd);
    REQUIRE(dup2(other.get(), fd.get()) == fd.get());
    descriptors->Flags(fd.get());
    CHECK_FALSE(descriptors->IsStill(fd.get(), status));

    const struct stat last = descriptors.Stat(fd);
    close(fd.get());
    descriptors->Flags(fd.get());
    CHECK_FALSE(descriptors->IsStill(fd.get(), last));
  }
}

// One file system may be another one's neighbour with the same numbers of inodes.
TEST_CASE("the same inode number of another device is another file") {
  Fixture descriptors;
  const OpenFd first(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const OpenFd second(open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (first.inode() != second.inode()) SKIP("no two roots with one inode number here");
  struct stat status = {};
  for (const OpenFd* fd : {&second, &first}) {
    status = descriptors.Stat(*fd);
    descriptors->Flags(fd->get());
    REQUIRE(descriptors->IsStill(fd->get(), status));
  }
  REQUIRE(dup2(second.get(), first.get()) == first.get());
  descriptors->Flags(first.get());
  CHECK_FALSE(descriptors->IsStill(first.get(), status));
}

}  // namespace
}  // namespace fdorigin
