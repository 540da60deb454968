#include "base/region.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "fdorigin_version.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // since Linux 5.14
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

namespace fdorigin {
namespace {

constexpr size_t kMinimumSize = 1u << 20;
constexpr uint64_t kAlignment = 16;

constinit RegionAnchor anchor = {"fdorigin region", 0, 0};

constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace

bool Region::Create(size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t size = AlignUp(bytes < kMinimumSize ? kMinimumSize : bytes, page);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  // Names the mapping in /proc/PID/maps where the kernel can (5.17 with CONFIG_ANON_VMA_NAME);
  // elsewhere the call fails and the magic number is all there is to find it by.
  prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, reinterpret_cast<unsigned long>(memory), size,
        "fdorigin");
  base_ = static_cast<char*>(memory);
  size_ = size;
  RegionHeader* h = header();
  std::memcpy(h->magic, kRegionMagic, sizeof(h->magic));
  h->layout_version = kRegionLayoutVersion;
  h->header_size = sizeof(RegionHeader);
  std::strncpy(h->agent_version, FDORIGIN_VERSION, sizeof(h->agent_version) - 1);
  h->address = reinterpret_cast<uint64_t>(memory);
  h->size = size;
  h->used.store(AlignUp(sizeof(RegionHeader), kAlignment), std::memory_order_release);
  anchor.address.store(h->address, std::memory_order_release);
  return true;
}

void Region::Adopt(void* memory, size_t bytes) {
  base_ = static_cast<char*>(memory);
  size_ = bytes;
}

RegionOffset Region::Allocate(size_t bytes) {
  const uint64_t wanted = AlignUp(bytes, kAlignment);
  std::atomic<uint64_t>& used = header()->used;
  uint64_t at = used.load(std::memory_order_relaxed);
  do {
    if (wanted < bytes || wanted > size_ - at) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return 0;
    }
  } while (!used.compare_exchange_weak(at, at + wanted, std::memory_order_acq_rel,
                                       std::memory_order_relaxed));
  return at;
}

RegionOffset Region::AllocateTable(size_t bytes, size_t used_at_once) {
  const RegionOffset table = Allocate(bytes);
  if (table == 0) return 0;
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t low = table / page * page;
  const uint64_t high = table + std::min(bytes, used_at_once);
  madvise(base_ + low, high - low, MADV_POPULATE_WRITE);  // a wish
  return table;
}

size_t Region::used() const { return header()->used.load(std::memory_order_relaxed); }

}  // namespace fdorigin
