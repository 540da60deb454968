#include "report/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <span>
#include <string_view>
#include <thread>

#include "base/spare_descriptors.h"
#include "report/descriptor_source.h"
#include "report/peers.h"
#include "report/socket_details.h"
#include "report/text.h"

namespace fdorigin {
namespace {

// A number that changes its meaning while we look at it is looked at again this often.
constexpr int kTries = 3;

std::string_view AnonymousKind(std::string_view name) {
  if (name == "[eventpoll]") return "epoll";
  if (name == "[eventfd]") return "eventfd";
  if (name == "[timerfd]") return "timerfd";
  if (name == "[signalfd]") return "signalfd";
  if (name == "inotify" || name == "[inotify]") return "inotify";
  if (name == "[pidfd]") return "pidfd";
  return "other";
}

std::string_view RegularKind(std::string_view target, const struct stat& status) {
  if (target.starts_with("pidfd:[")) return "pidfd";  // pidfs, Linux 6.9
  // A memfd has no name in any directory, so a file called /memfd:x is told from it by its links.
  if (target.starts_with("/memfd:") && status.st_nlink == 0) return "memfd";
  if (!target.starts_with('/') && target.find(":[") != std::string_view::npos) return "other";
  return "file";
}

std::string_view KindWord(std::string_view target, const struct stat& status) {
  constexpr std::string_view kAnonymous = "anon_inode:";
  if (target.starts_with(kAnonymous)) return AnonymousKind(target.substr(kAnonymous.size()));
  switch (status.st_mode & S_IFMT) {
    case S_IFSOCK:
      return "socket";
    case S_IFDIR:
      return "directory";
    case S_IFIFO:
      return target.starts_with("pipe:[") ? "pipe" : "fifo";
    case S_IFCHR:
    case S_IFBLK:
      return "device";
    case S_IFREG:
      return RegularKind(target, status);
    default:
      return "other";
  }
}

std::string ReadTarget(int fd) {
  char path[32];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  char target[PATH_MAX + 64];  // the kernel's own bound is a page, " (deleted)" included
  const ssize_t size = readlink(path, target, sizeof(target));
  return size > 0 ? std::string(target, static_cast<size_t>(size)) : std::string();
}

// Without /proc every number that could be open is tried.
std::vector<int> ProbeNumbers() {
  rlimit limit = {};
  std::vector<int> numbers;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return numbers;
  const int end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, FdTable::kMaxFd));
  for (int fd = 0; fd < end; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) numbers.push_back(fd);
  }
  return numbers;
}

// False where /proc cannot be listed. It is the process's table that is listed, whichever the
// thread has.
bool ListNumbers(Table table, std::vector<int>* numbers) {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return false;
  const int own = table == Table::kProcess ? dirfd(directory) : -1;
  while (const dirent* entry = readdir(directory)) {
    uint64_t number = 0;
    if (ParseNumber(entry->d_name, &number) && number <= INT_MAX &&
        static_cast<int>(number) != own) {
      numbers->push_back(static_cast<int>(number));
    }
  }
  closedir(directory);
  std::sort(numbers->begin(), numbers->end());
  return true;
}

std::vector<int> OpenNumbers() {
  std::vector<int> numbers;
  bool listed = false;
  WithSpareDescriptors([&](Table table) { listed = ListNumbers(table, &numbers); });
  return listed ? numbers : ProbeNumbers();
}

class OwnDescriptors : public DescriptorSource {
 public:
  explicit OwnDescriptors(const FdTable& table) : table_(table) {}

  int Pid() override { return getpid(); }
  std::vector<int> Numbers() override { return OpenNumbers(); }
  bool Stat(int fd, struct stat* status) override { return fstat(fd, status) == 0; }
  std::optional<FdEntry> Entry(int fd) override { return table_.Copy(fd); }
  std::string Target(int fd) override { return ReadTarget(fd); }
  std::vector<std::string> Flags(int fd) override {
    return FlagWords(fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
  }
  std::optional<SocketFacts> Socket(int fd) override { return ReadSocket(fd); }

 private:
  const FdTable& table_;
};

// Looks at numbers, one after the other.
class Reader {
 public:
  explicit Reader(DescriptorSource* source) : source_(source) {}

  // Everything about one number but its peer. False where it is not open. What was read is thrown
  // away and read again where the number meant something else at the end than at the start.
  bool Read(int fd, OpenDescriptor* descriptor);

 private:
  std::string Target(int fd, const struct stat& status);

  DescriptorSource* source_;
  // Where sockets and pipes are that have no name.
  std::optional<dev_t> socket_device_;
  std::optional<dev_t> pipe_device_;
};

// The kernel names all sockets, and all pipes, of its own file systems by their inodes: once one
// has been read, the others are known.
std::string Reader::Target(int fd, const struct stat& status) {
  const bool socket = S_ISSOCK(status.st_mode);
  if (!socket && !S_ISFIFO(status.st_mode)) return source_->Target(fd);
  std::optional<dev_t>& device = socket ? socket_device_ : pipe_device_;
  std::string by_inode = (socket ? "socket:[" : "pipe:[") + std::to_string(status.st_ino) + "]";
  if (device == status.st_dev) return by_inode;
  std::string target = source_->Target(fd);
  if (target == by_inode) device = status.st_dev;
  return target;
}

bool Reader::Read(int fd, OpenDescriptor* descriptor) {
  for (int tries = 0; tries < kTries; ++tries) {
    struct stat status = {};
    if (!source_->Stat(fd, &status)) return false;
    *descriptor = {};
    descriptor->fd = fd;
    descriptor->identity = {status.st_dev, status.st_ino};
    descriptor->mode = status.st_mode;
    descriptor->entry = source_->Entry(fd);
    descriptor->target = Target(fd, status);
    descriptor->kind = source_->Kind(fd, descriptor->target, status);
    descriptor->unverified = !source_->AsksKernel();
    if (S_ISSOCK(status.st_mode)) {
      if (std::optional<SocketFacts> facts = source_->Socket(fd)) {
        descriptor->socket = std::move(facts->details);
        descriptor->credentials_pid = facts->credentials_pid;
      }
    }
    descriptor->flags = source_->Flags(fd);
    if (source_->IsStill(fd, status)) return true;
  }
  // It changes faster than it can be read: the number is open, and no more is known of it.
  *descriptor = {};
  descriptor->fd = fd;
  descriptor->kind = "other";
  return true;
}

// Whether the table knows this very descriptor.
bool IsKnown(const FdIdentity& identity, const std::optional<FdEntry>& entry) {
  return entry && entry->identity == identity;
}

// A call that is under way is a gap: an open is recorded after it, a close before. What was met in
// such a gap gets some moments to leave it, and many, since a busy number may be met in one gap
// after the other. What no hook has seen stays as it is, at the price of 50 ms.
void AwaitCallsUnderWay(DescriptorSource* source, Reader* reader,
                        std::vector<OpenDescriptor>* descriptors) {
  constexpr std::chrono::milliseconds kPatience{50};
  constexpr std::chrono::milliseconds kPause{1};
  std::vector<OpenDescriptor*> waiting;
  for (OpenDescriptor& descriptor : *descriptors) {
    if (!IsKnown(descriptor.identity, descriptor.entry)) waiting.push_back(&descriptor);
  }
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!waiting.empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kPause);
    std::erase_if(waiting, [&](OpenDescriptor* descriptor) {
      const int fd = descriptor->fd;
      struct stat status = {};
      const bool open = source->Stat(fd, &status);
      const FdIdentity identity = {status.st_dev, status.st_ino};
      // What has not changed is not read again.
      if (open && identity == descriptor->identity && !IsKnown(identity, source->Entry(fd))) {
        return false;
      }
      if (open && reader->Read(fd, descriptor)) {
        return IsKnown(descriptor->identity, descriptor->entry);
      }
      descriptor->fd = -1;
      return true;
    });
  }
  std::erase_if(*descriptors, [](const OpenDescriptor& one) { return one.fd < 0; });
}

// Looks at some numbers, ascending, and again at those of which the table learnt something
// meanwhile.
void ReadSome(DescriptorSource* source, Reader* reader, std::span<const int> numbers,
              std::vector<OpenDescriptor>* descriptors) {
  const size_t before = descriptors->size();
  for (const int fd : numbers) {
    if (!reader->Read(fd, &descriptors->emplace_back())) descriptors->pop_back();
  }
  for (const int fd : source->Outdated(numbers)) {
    const auto found =
        std::ranges::lower_bound(descriptors->begin() + static_cast<ptrdiff_t>(before),
                                 descriptors->end(), fd, {}, &OpenDescriptor::fd);
    if (found == descriptors->end() || found->fd != fd) continue;
    if (!reader->Read(fd, &*found)) descriptors->erase(found);
  }
}

void FillSnapshot(DescriptorSource* source, Snapshot* snapshot) {
  // So many that the look at their slots is cheap for each, and few enough to be looked at in less
  // than a millisecond.
  constexpr size_t kAtOnce = 64;
  std::vector<OpenDescriptor>& descriptors = snapshot->descriptors;
  const std::vector<int> numbers = source->Numbers();
  descriptors.reserve(numbers.size());
  Reader reader(source);
  for (std::span<const int> left = numbers; !left.empty();) {
    const std::span<const int> some = left.first(std::min(kAtOnce, left.size()));
    ReadSome(source, &reader, some, &descriptors);
    left = left.subspan(some.size());
  }
  AwaitCallsUnderWay(source, &reader, &descriptors);
  std::vector<PeerQuery> queries;
  for (OpenDescriptor& descriptor : descriptors) {
    if (descriptor.socket && descriptor.socket->family == "unix" &&
        descriptor.socket->state == "ESTABLISHED") {
      queries.push_back({&descriptor, descriptor.credentials_pid});
    }
  }
  WithSpareDescriptors([&](Table) {
    FindUnixPeers(snapshot->pid, descriptors, queries);
    FindTcpPeers(snapshot->pid, &descriptors);
  });
}

}  // namespace

std::vector<std::string> FlagWords(int descriptor_flags, int status_flags) {
  std::vector<std::string> flags;
  if (descriptor_flags >= 0 && (descriptor_flags & FD_CLOEXEC) != 0) flags.push_back("cloexec");
  if (status_flags >= 0 && (status_flags & O_NONBLOCK) != 0) flags.push_back("nonblock");
  if (status_flags >= 0 && (status_flags & O_APPEND) != 0) flags.push_back("append");
  return flags;
}

bool DescriptorSource::IsStill(int fd, const struct stat& status) {
  struct stat now = {};
  return Stat(fd, &now) && now.st_dev == status.st_dev && now.st_ino == status.st_ino;
}

std::string DescriptorSource::Kind(int, const std::string& target, const struct stat& status) {
  return KindOf(target, status);
}

std::string KindOf(std::string_view target, const struct stat& status) {
  return std::string(KindWord(target, status));
}

Snapshot TakeSnapshot(const FdTable& table) {
  OwnDescriptors own(table);
  return TakeSnapshot(&own);
}

Snapshot TakeSnapshot(DescriptorSource* source) {
  Snapshot snapshot;
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  snapshot.at_ns = now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
  snapshot.pid = source->Pid();
  try {
    FillSnapshot(source, &snapshot);
  } catch (const std::exception&) {
    // Out of memory: what was read so far is true, and the rest is missing.
  }
  return snapshot;
}

}  // namespace fdorigin
