#include "base/memory_map.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace fdorigin {
namespace {

constexpr uint64_t kPageBytes = 4096;
// Where a new page may be: above what is kept free below, under the end of user space.
constexpr uint64_t kLowestAddress = uint64_t{1} << 20;
constexpr uint64_t kHighestAddress = (uint64_t{1} << 47) - kPageBytes;
// The heap and the main thread's stack grow: a page in their way would stop them.
constexpr uint64_t kHeapGrowth = uint64_t{1} << 30;
constexpr uint64_t kMinStackGrowth = uint64_t{128} << 20;
constexpr uint64_t kMaxStackGrowth = uint64_t{1} << 30;

// PROCMAP_QUERY, since Linux 6.11 (linux/fs.h, which older systems have without it).
struct MapQuery {
  uint64_t size;
  uint64_t query_flags;
  uint64_t query_address;
  uint64_t low;
  uint64_t high;
  uint64_t flags;
  uint64_t page_size;
  uint64_t offset;
  uint64_t inode;
  uint32_t device_major;
  uint32_t device_minor;
  uint32_t name_size;
  uint32_t build_id_size;
  uint64_t name_address;
  uint64_t build_id_address;
};
constexpr unsigned long kMapQuery = _IOWR('f', 17, MapQuery);
constexpr uint64_t kReadable = 1;
constexpr uint64_t kWritable = 2;
constexpr uint64_t kExecutable = 4;
constexpr uint64_t kShared = 8;

int Protection(bool read, bool write, bool execute) {
  return (read ? PROT_READ : 0) | (write ? PROT_WRITE : 0) | (execute ? PROT_EXEC : 0);
}

bool Contains(const Mapping& mapping, uint64_t address) {
  return address >= mapping.low && address < mapping.high;
}

}  // namespace

bool MemoryMap::Open() {
  fd_ = static_cast<int>(syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC));
  return fd_ >= 0;
}

void MemoryMap::Close() {
  if (fd_ < 0) return;
  const int saved = errno;
  syscall(SYS_close, fd_);
  errno = saved;
  fd_ = -1;
}

MemoryMap::Answer MemoryMap::Ask(uint64_t address, Mapping* mapping) const {
  MapQuery query = {};
  query.size = sizeof(query);
  query.query_address = address;
  if (syscall(SYS_ioctl, fd_, kMapQuery, &query) != 0) {
    return errno == ENOENT ? Answer::kNothing : Answer::kRefused;
  }
  mapping->low = query.low;
  mapping->high = query.high;
  mapping->protection = Protection((query.flags & kReadable) != 0, (query.flags & kWritable) != 0,
                                   (query.flags & kExecutable) != 0);
  mapping->shared = (query.flags & kShared) != 0;
  return Answer::kFound;
}

std::optional<Mapping> MemoryMap::Find(uint64_t address) {
  if (!listed_) {
    for (const Mapping& mapping : mappings_) {
      if (Contains(mapping, address)) return mapping;
    }
    Mapping mapping;
    switch (Ask(address, &mapping)) {
      case Answer::kFound:
        mappings_.push_back(mapping);
        return mapping;
      case Answer::kNothing:
        return std::nullopt;
      case Answer::kRefused:
        List();
    }
  }
  const auto found =
      std::upper_bound(mappings_.begin(), mappings_.end(), address,
                       [](uint64_t wanted, const Mapping& each) { return wanted < each.high; });
  if (found == mappings_.end() || !Contains(*found, address)) return std::nullopt;
  return *found;
}

bool MemoryMap::Allows(uint64_t low, uint64_t high, int protection) {
  while (low < high) {
    const std::optional<Mapping> mapping = Find(low);
    if (!mapping || (mapping->protection & protection) != protection) return false;
    low = mapping->high;
  }
  return true;
}

std::vector<Gap>& MemoryMap::Gaps() {
  if (!listed_) List();
  return gaps_;
}

void MemoryMap::List() {
  std::string text;
  std::array<char, 4096> buffer;
  long size = 0;
  while ((size = syscall(SYS_read, fd_, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<size_t>(size));
  }
  listed_ = true;
  mappings_.clear();
  if (size < 0) return;  // then nothing is known, no gap either
  Parse(text.c_str());
  FindGaps();
}

// low-high rwxp offset device inode   path
void MemoryMap::Parse(const char* text) {
  uint64_t stack_growth = kMaxStackGrowth;
  rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) == 0) {
    stack_growth = std::clamp<uint64_t>(limit.rlim_cur, kMinStackGrowth, kMaxStackGrowth);
  }
  while (*text != '\0') {
    const char* end = strchrnul(text, '\n');
    const std::string_view line(text, static_cast<size_t>(end - text));
    char* at = nullptr;
    Mapping mapping;
    mapping.low = std::strtoull(text, &at, 16);
    mapping.high = std::strtoull(at + 1, &at, 16);
    mapping.protection = Protection(at[1] == 'r', at[2] == 'w', at[3] == 'x');
    mapping.shared = at[4] == 's';
    mappings_.push_back(mapping);
    Gap taken = {mapping.low, mapping.high};
    if (line.ends_with("[stack]")) taken.low -= std::min(taken.low, stack_growth);
    if (line.ends_with("[heap]")) taken.high += kHeapGrowth;
    occupied_.push_back(taken);
    text = *end == '\0' ? end : end + 1;
  }
}

void MemoryMap::FindGaps() {
  std::sort(occupied_.begin(), occupied_.end(),
            [](const Gap& a, const Gap& b) { return a.low < b.low; });
  uint64_t low = kLowestAddress;
  for (const Gap& taken : occupied_) {
    const uint64_t high = std::min(taken.low, kHighestAddress);
    if (low < high) gaps_.push_back({low, high});
    low = std::max(low, taken.high);
  }
  if (low < kHighestAddress) gaps_.push_back({low, kHighestAddress});
}

}  // namespace fdorigin
