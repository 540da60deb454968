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

// Everything about one number. False where it is not open. What was read is thrown away and read
// again where the number meant something else at the end than at the start.
bool ReadDescriptor(int fd, DescriptorSource* source, OpenDescriptor* descriptor,
                    SocketFacts* facts) {
  for (int tries = 0; tries < kTries; ++tries) {
    struct stat before = {};
    if (!source->Stat(fd, &before)) return false;
    *descriptor = {};
    *facts = {};
    descriptor->fd = fd;
    descriptor->identity = {before.st_dev, before.st_ino};
    descriptor->mode = before.st_mode;
    descriptor->entry = source->Entry(fd);
    descriptor->target = source->Target(fd);
    descriptor->kind = source->Kind(fd, descriptor->target, before);
    descriptor->unverified = !source->AsksKernel();
    descriptor->flags = source->Flags(fd);
    if (S_ISSOCK(before.st_mode)) {
      if (std::optional<SocketFacts> read = source->Socket(fd)) {
        *facts = std::move(*read);
        descriptor->socket = facts->details;
      }
    }
    struct stat after = {};
    if (!source->Stat(fd, &after)) return false;
    if (after.st_dev == before.st_dev && after.st_ino == before.st_ino) return true;
  }
  // It changes faster than it can be read: the number is open, and no more is known of it.
  *descriptor = {};
  *facts = {};
  descriptor->fd = fd;
  descriptor->kind = "other";
  return true;
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

struct Looked {
  OpenDescriptor descriptor;
  int credentials_pid = 0;
};

// False where it is not open.
bool LookAt(int fd, DescriptorSource* source, Looked* looked) {
  SocketFacts facts;
  if (!ReadDescriptor(fd, source, &looked->descriptor, &facts)) return false;
  looked->credentials_pid = facts.credentials_pid;
  return true;
}

// Whether the table knows this very descriptor.
bool IsKnown(const FdIdentity& identity, const std::optional<FdEntry>& entry) {
  return entry && entry->identity == identity;
}

// A call that is under way is a gap: an open is recorded after it, a close before. What was met in
// such a gap gets some moments to leave it, and many, since a busy number may be met in one gap
// after the other. What no hook has seen stays as it is, at the price of 50 ms.
void AwaitCallsUnderWay(DescriptorSource* source, std::vector<Looked>* all) {
  constexpr std::chrono::milliseconds kPatience{50};
  constexpr std::chrono::milliseconds kPause{1};
  std::vector<Looked*> waiting;
  for (Looked& looked : *all) {
    if (!IsKnown(looked.descriptor.identity, looked.descriptor.entry)) waiting.push_back(&looked);
  }
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!waiting.empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kPause);
    std::erase_if(waiting, [&](Looked* looked) {
      const int fd = looked->descriptor.fd;
      struct stat status = {};
      const bool open = source->Stat(fd, &status);
      const FdIdentity identity = {status.st_dev, status.st_ino};
      // What has not changed is not read again.
      if (open && identity == looked->descriptor.identity &&
          !IsKnown(identity, source->Entry(fd))) {
        return false;
      }
      if (open && LookAt(fd, source, looked)) {
        return IsKnown(looked->descriptor.identity, looked->descriptor.entry);
      }
      looked->descriptor.fd = -1;
      return true;
    });
  }
  std::erase_if(*all, [](const Looked& looked) { return looked.descriptor.fd < 0; });
}

void FillSnapshot(DescriptorSource* source, Snapshot* snapshot) {
  const std::vector<int> numbers = source->Numbers();
  std::vector<Looked> all;
  all.reserve(numbers.size());
  for (const int fd : numbers) {
    Looked looked;
    if (LookAt(fd, source, &looked)) all.push_back(std::move(looked));
  }
  AwaitCallsUnderWay(source, &all);
  std::vector<int> credentials;  // parallel to the descriptors
  snapshot->descriptors.reserve(all.size());
  credentials.reserve(all.size());
  for (Looked& looked : all) {
    snapshot->descriptors.push_back(std::move(looked.descriptor));
    credentials.push_back(looked.credentials_pid);
  }
  std::vector<PeerQuery> queries;
  for (size_t i = 0; i < snapshot->descriptors.size(); ++i) {
    OpenDescriptor& descriptor = snapshot->descriptors[i];
    if (descriptor.socket && descriptor.socket->family == "unix" &&
        descriptor.socket->state == "ESTABLISHED") {
      queries.push_back({&descriptor, credentials[i]});
    }
  }
  WithSpareDescriptors([&](Table) {
    FindUnixPeers(snapshot->pid, snapshot->descriptors, queries);
    FindTcpPeers(snapshot->pid, &snapshot->descriptors);
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
