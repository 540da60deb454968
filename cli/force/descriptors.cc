#include "force/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "report/attribution.h"
#include "report/text.h"

namespace fdorigin {
namespace {

int OpenFolder(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// A number as the name of a file.
struct NumberName {
  explicit NumberName(int number) { *std::to_chars(text, text + sizeof(text) - 1, number).ptr = 0; }
  char text[16];
};

// The number behind `key`; false where there is none.
template <typename Number>
bool FindNumber(std::string_view text, std::string_view key, int base, Number* number) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return false;
  const char* begin = text.data() + at + key.size();
  return std::from_chars(begin, text.data() + text.size(), *number, base).ec == std::errc();
}

}  // namespace

LiveDescriptors::LiveDescriptors(const LiveProcess* process, RegionCopy* region)
    : process_(process), region_(region) {}

LiveDescriptors::~LiveDescriptors() {
  for (const int fd : {fds_, fdinfos_, pidfd_}) {
    if (fd >= 0) close(fd);
  }
}

absl::Status LiveDescriptors::Open() {
  fds_ = OpenFolder(process_->proc() + "/fd");
  const int error = errno;
  fdinfos_ = OpenFolder(process_->proc() + "/fdinfo");
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, process_->pid(), 0));
  if (pidfd_ < 0) refusal_ = errno;
  if (fds_ >= 0) return absl::OkStatus();
  return absl::UnavailableError("the descriptors of " + process_->name() +
                                " cannot be listed: " + ErrnoText(error));
}

std::string LiveDescriptors::MissingDetails() const {
  if (!missed_sockets_) return "";
  return "addresses and peers of sockets are missing: " +
         (refusal_ == ENOSYS ? "the kernel has no pidfd_getfd (Linux 5.6), or a filter hides it"
                             : "the kernel refuses pidfd_getfd: " + ErrnoText(refusal_));
}

std::vector<int> LiveDescriptors::Numbers() {
  std::vector<int> numbers;
  const int own = dup(fdinfos_ >= 0 ? fdinfos_ : fds_);
  DIR* directory = own < 0 ? nullptr : fdopendir(own);
  if (directory == nullptr) return numbers;
  rewinddir(directory);  // the copy shares its place in the list
  while (const dirent* entry = readdir(directory)) {
    uint64_t number = 0;
    if (ParseNumber(entry->d_name, &number) && number <= INT_MAX) {
      numbers.push_back(static_cast<int>(number));
    }
  }
  closedir(directory);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

bool LiveDescriptors::Stat(int fd, struct stat* status) {
  link_.clear();
  moved_ = false;
  by_info_ =
      socket_mount_ && region_->table().DeviceOf(fd) == socket_device_ && StatSocket(fd, status);
  return by_info_ || fstatat(fds_, NumberName(fd).text, status, 0) == 0;
}

bool LiveDescriptors::StatSocket(int fd, struct stat* status) {
  last_ = ReadFdInfo(fd);
  if (!last_.names_file || last_.mount != socket_mount_) return false;
  *status = {};
  status->st_dev = socket_device_;
  status->st_ino = last_.inode;
  status->st_mode = S_IFSOCK | 0777;
  status->st_nlink = 1;
  return true;
}

std::string LiveDescriptors::Target(int fd) {
  char target[PATH_MAX + 64];  // the kernel's own bound is a page, " (deleted)" included
  const ssize_t size = readlinkat(fds_, NumberName(fd).text, target, sizeof(target));
  std::string text(target, size > 0 ? static_cast<size_t>(size) : 0);
  if (!socket_mount_) link_ = text;
  return text;
}

LiveDescriptors::FdInfo LiveDescriptors::ReadFdInfo(int fd) const {
  FdInfo info;
  info.fd = fd;
  const int file = openat(fdinfos_, NumberName(fd).text, O_RDONLY | O_CLOEXEC);
  if (file < 0) return info;
  char text[256];
  const ssize_t size = read(file, text, sizeof(text));
  close(file);
  // "pos:\t0\nflags:\t02004002\nmnt_id:\t15\nino:\t1034\n…": the octal number has O_CLOEXEC too.
  const std::string_view content(text, size > 0 ? static_cast<size_t>(size) : 0);
  if (!FindNumber(content, "\nflags:\t", 8, &info.flags)) return info;
  info.names_file = FindNumber(content, "\nmnt_id:\t", 10, &info.mount) &&
                    FindNumber(content, "\nino:\t", 10, &info.inode);
  return info;
}

std::vector<std::string> LiveDescriptors::Flags(int fd) {
  if (!by_info_) last_ = ReadFdInfo(fd);
  if (last_.flags < 0) return {};
  return FlagWords((last_.flags & O_CLOEXEC) != 0 ? FD_CLOEXEC : 0, last_.flags);
}

bool LiveDescriptors::IsStill(int fd, const struct stat& status) {
  if (by_info_) return !moved_;
  const bool told = last_.fd == fd && last_.names_file;
  if (told && last_.inode != status.st_ino) return false;
  // An inode's number is one of its device; all that a mount has is on one, as a rule.
  const auto device = told ? devices_.find(last_.mount) : devices_.end();
  if (device != devices_.end() && device->second == status.st_dev) return true;
  // A socket that has a name in a directory is on that directory's mount.
  const bool nameless = told && link_ == "socket:[" + std::to_string(status.st_ino) + "]";
  if (!DescriptorSource::IsStill(fd, status)) return false;
  if (told) devices_[last_.mount] = status.st_dev;
  if (nameless) {
    socket_mount_ = last_.mount;
    socket_device_ = status.st_dev;
  }
  return true;
}

std::vector<int> LiveDescriptors::Outdated(std::span<const int> numbers) {
  checked_ = numbers.back();
  return region_->Outdated(numbers);
}

std::optional<SocketFacts> LiveDescriptors::Socket(int fd) {
  int copy = -1;
  if (pidfd_ >= 0) {
    copy = static_cast<int>(syscall(SYS_pidfd_getfd, pidfd_, fd, 0));
    // It was closed in between, or the process has ended.
    if (copy < 0 && (errno == EBADF || errno == ESRCH)) {
      moved_ = true;
      return std::nullopt;
    }
    if (copy < 0) refusal_ = errno;
  }
  if (copy < 0) {
    missed_sockets_ = true;
    return std::nullopt;
  }
  struct stat status = {};
  moved_ = by_info_ && (fstat(copy, &status) != 0 || status.st_dev != socket_device_ ||
                        status.st_ino != last_.inode);
  std::optional<SocketFacts> facts = ReadSocket(copy);
  close(copy);
  return facts;
}

bool CoreDescriptors::Stat(int fd, struct stat* status) {
  const std::optional<FdEntry> entry = region_->Entry(fd);
  if (!entry) return false;
  *status = {};
  status->st_dev = entry->identity.dev;
  status->st_ino = entry->identity.ino;
  status->st_mode = static_cast<mode_t>(entry->origin.file_type) << 12;
  status->st_nlink = 1;
  return true;
}

std::string CoreDescriptors::Kind(int fd, const std::string& target, const struct stat& status) {
  const std::optional<FdEntry> entry = region_->Entry(fd);
  if (entry && !entry->changing && !entry->inherited) {
    const std::string_view call = region_->table().call(entry->origin.call).name;
    if (const std::string_view made = KindMadeBy(call); !made.empty()) return std::string(made);
    if (call == "memfd_create") return "memfd";
    // Only an open makes a descriptor of a pipe with a name.
    if (S_ISFIFO(status.st_mode) && !call.starts_with("open")) return "pipe";
  }
  return KindOf(target, status);
}

}  // namespace fdorigin
