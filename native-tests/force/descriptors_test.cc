// The descriptors of a living process, which is the test's own: what a number is can change between
// two looks, and must be seen to.
#include "force/descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "force/live_process.h"
#include "force/own_tables.h"
#include "force/region_copy.h"
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

// What the command does, of this process and a table of the test's own.
class OwnSnapshot {
 public:
  OwnSnapshot() {
    // Of the first socket, which the table does not know, it is learnt where sockets are.
    REQUIRE(first_.get() >= 0);
  }
  FdTable& table() { return tables_.table; }
  // As a hook would: a call of the test's number for it.
  void Record(const OpenFd& fd, int32_t call) {
    tables_.table.RecordOpen(fd.get(), fd.identity(), fdorigin::Record(call));
  }

  // LiveDescriptors, with something happening between the look at some numbers and the next one.
  class Meddling : public LiveDescriptors {
   public:
    using LiveDescriptors::LiveDescriptors;
    std::vector<int> Outdated(std::span<const int> numbers) override {
      if (meddle) std::exchange(meddle, nullptr)();
      return LiveDescriptors::Outdated(numbers);
    }
    std::function<void()> meddle;
  };

  std::unique_ptr<Meddling> Open() {
    region_ = *RegionCopy::Make(&memory_);
    auto descriptors = std::make_unique<Meddling>(process_.get(), region_.get());
    REQUIRE(descriptors->Open().ok());
    return descriptors;
  }
  // After a whole snapshot, so that it knows where sockets are.
  std::unique_ptr<Meddling> OpenKnowing() {
    std::unique_ptr<Meddling> descriptors = Open();
    TakeSnapshot(descriptors.get());
    return descriptors;
  }

 private:
  Tables tables_;
  const OpenFd first_ = Socket();
  const Anchor anchor_{tables_.region.header()};
  const OwnMemory memory_{&anchor_};
  const std::unique_ptr<LiveProcess> process_ = *LiveProcess::Open(getpid());
  std::unique_ptr<RegionCopy> region_;
};

// fstat(2) fills this in for a socket, and what is told by fdinfo does not have it.
bool IsToldByFdInfo(const struct stat& status) { return status.st_blksize == 0; }

TEST_CASE("a socket that the table knows is told by fdinfo as the kernel tells it otherwise") {
  OwnSnapshot own;
  std::vector<OpenFd> sockets;
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
    for (const int flags : {0, 0 | SOCK_CLOEXEC, 0 | SOCK_NONBLOCK, SOCK_CLOEXEC | SOCK_NONBLOCK}) {
      sockets.emplace_back(socket(family, SOCK_DGRAM | flags, 0));
      if (sockets.back().get() < 0) sockets.pop_back();
    }
  }
  REQUIRE(sockets.size() >= 8);
  for (const OpenFd& fd : sockets) own.Record(fd, 1);
  const std::unique_ptr<LiveDescriptors> descriptors = own.OpenKnowing();
  const Snapshot snapshot = TakeSnapshot(descriptors.get());
  for (const OpenFd& fd : sockets) {
    struct stat told = {};
    REQUIRE(descriptors->Stat(fd.get(), &told));
    CHECK(IsToldByFdInfo(told));
    CHECK(S_ISSOCK(told.st_mode));
    CHECK(told.st_dev == fd.identity().dev);
    CHECK(told.st_ino == fd.inode());
    CHECK(descriptors->Flags(fd.get()) ==
          FlagWords(fcntl(fd.get(), F_GETFD), fcntl(fd.get(), F_GETFL)));
    CHECK(descriptors->IsStill(fd.get(), told));

    const OpenDescriptor* found = FindFd(snapshot, fd.get());
    REQUIRE(found != nullptr);
    CHECK(found->identity == fd.identity());
    CHECK(found->kind == "socket");
    CHECK(found->target == "socket:[" + std::to_string(fd.inode()) + "]");
    REQUIRE(found->socket);
    CHECK(found->socket->type == "dgram");
    REQUIRE(found->entry);
    CHECK(found->entry->identity == fd.identity());
  }
}

TEST_CASE("a socket whose number gets another meaning before its details are read is not told") {
  OwnSnapshot own;
  OpenFd fd = Socket();
  own.Record(fd, 1);
  const std::unique_ptr<LiveDescriptors> descriptors = own.OpenKnowing();
  const OpenFd fresh = Socket();
  const OpenFd others[] = {Socket(), OpenFd(open("/dev/null", O_RDONLY))};
  const int number = fd.get();
  const auto become = [number](const OpenFd& other) {
    REQUIRE(dup2(other.get(), number) == number);
  };
  const std::function<void()> changes[] = {[&] { become(others[0]); }, [&] { become(others[1]); },
                                           [&] { fd.Close(); }};
  struct stat told = {};
  for (const std::function<void()>& change : changes) {
    become(fresh);
    REQUIRE(descriptors->Stat(number, &told));
    REQUIRE(IsToldByFdInfo(told));
    change();
    descriptors->Socket(number);
    descriptors->Flags(number);
    CHECK_FALSE(descriptors->IsStill(number, told));
  }
  CHECK_FALSE(descriptors->Stat(number, &told));
}

// A wrong guess is found out, as in a process that closes sockets where no hook sees it.
TEST_CASE("what the table has for a socket and is none is told as what it is") {
  OwnSnapshot own;
  const OpenFd socket = Socket();
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const OpenFd pipe_ends[] = {OpenFd(ends[0]), OpenFd(ends[1])};
  const OpenFd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const OpenFd* fd : {&pipe_ends[0], &pipe_ends[1], &file}) {
    own.table().RecordOpen(fd->get(), {socket.identity().dev, fd->inode()}, Record(1));
  }
  const Snapshot snapshot = TakeSnapshot(own.OpenKnowing().get());
  for (const OpenFd* fd : {&pipe_ends[0], &pipe_ends[1], &file}) {
    const OpenDescriptor* found = FindFd(snapshot, fd->get());
    REQUIRE(found != nullptr);
    CHECK(found->kind == (fd == &file ? "device" : "pipe"));
    CHECK(found->identity == fd->identity());
    CHECK_FALSE(found->socket);
  }
  CHECK(FindFd(snapshot, file.get())->flags == Words{"cloexec"});
}

// Opened by its path (O_PATH) it is a socket to fstat, and of the mount that the path is on.
TEST_CASE("a socket's name in a directory does not pass for where sockets are") {
  // A mount that nothing else here is on.
  char directory[] = "/dev/shm/fdorigin-test-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/socket";
  // The lowest free numbers, which are looked at before any socket.
  const OpenFd name_holder(open("/dev/null", O_RDONLY));
  const OpenFd neighbour(open(directory, O_RDONLY | O_DIRECTORY));
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  OwnSnapshot own;
  const OpenFd bound = Socket();
  REQUIRE(bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  const OpenFd by_path(open(path.c_str(), O_PATH | O_CLOEXEC));
  REQUIRE(dup2(by_path.get(), name_holder.get()) == name_holder.get());
  for (const OpenFd* fd : {&name_holder, &neighbour, &by_path}) own.Record(*fd, 1);
  const Snapshot snapshot = TakeSnapshot(own.Open().get());
  for (const OpenFd* fd : {&name_holder, &by_path}) {
    const OpenDescriptor* found = FindFd(snapshot, fd->get());
    REQUIRE(found != nullptr);
    CHECK(found->target == path);
    CHECK(found->identity == by_path.identity());
  }
  const OpenDescriptor* found = FindFd(snapshot, neighbour.get());
  REQUIRE(found != nullptr);
  CHECK(found->kind == "directory");
  CHECK(found->target == directory);
  unlink(path.c_str());
  rmdir(directory);
}

TEST_CASE("what is opened anew while other numbers are looked at is told by its latest record") {
  OwnSnapshot own;
  OpenFd files[] = {OpenFd(open("/dev/null", O_RDONLY)), OpenFd(open("/dev/null", O_RDONLY)),
                    OpenFd(open("/dev/null", O_RDONLY))};
  for (const OpenFd& fd : files) own.Record(fd, 1);
  const int closed = files[1].get();
  const std::unique_ptr<OwnSnapshot::Meddling> descriptors = own.Open();
  // By nothing but the table can it be told that the first is not what it was.
  descriptors->meddle = [&] {
    own.table().RecordClose(files[0].get());
    own.Record(files[0], 2);
    own.table().RecordClose(closed);
    files[1].Close();
  };
  const Snapshot snapshot = TakeSnapshot(descriptors.get());
  const OpenDescriptor* anew = FindFd(snapshot, files[0].get());
  REQUIRE(anew != nullptr);
  REQUIRE(anew->entry);
  CHECK(anew->entry->origin.tid == 2);
  CHECK(FindFd(snapshot, closed) == nullptr);
  const OpenDescriptor* kept = FindFd(snapshot, files[2].get());
  REQUIRE(kept != nullptr);
  REQUIRE(kept->entry);
  CHECK(kept->entry->origin.tid == 1);
}

}  // namespace
}  // namespace fdorigin
