// The agent's memory: one anonymous mapping, bounded by the option `memory`, from which every table
// that hook context writes is carved. Nothing in it is a pointer: places are offsets from the
// region's start, so that the tables can be read from outside the process or from a core file.
//
// Who calls it: the composition root creates it once, at load, before any hook exists. Afterwards
// Allocate() runs on any thread, in hook context too.
#ifndef FDORIGIN_AGENT_BASE_REGION_H_
#define FDORIGIN_AGENT_BASE_REGION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/hook_safe.h"

namespace fdorigin {

inline constexpr char kRegionMagic[8] = {'F', 'D', 'O', 'R', 'I', 'G', 'I', 'N'};
// Raised with every change of a struct that lives in the region.
inline constexpr uint32_t kRegionLayoutVersion = 4;

// Where the region is, in the writable data of libfdorigin.so: found there by its magic number, in
// a living process and in a core file, whatever happened to the library's file and its symbols.
inline constexpr char kRegionAnchorMagic[16] = "fdorigin region";
struct alignas(16) RegionAnchor {
  char magic[16];
  std::atomic<uint64_t> address;
  uint64_t reserved;
};

// The first bytes of the region. Offsets are from the region's start; 0 means "not there yet". What
// comes before `size` keeps its place in every version.
struct RegionHeader {
  char magic[8];
  uint32_t layout_version;
  uint32_t header_size;
  char agent_version[16];      // "0.1.0"
  uint64_t address;            // the region's own
  uint64_t size;               // bytes of the whole mapping
  std::atomic<uint64_t> used;  // bytes handed out so far, this header included
  uint64_t fd_table;           // FdTable's root
  uint64_t stack_store;        // StackStore's root
  uint64_t image_table;        // ImageTable's root
  uint64_t string_store;       // StringStore's root
  uint64_t method_store;       // MethodStore's root
  uint64_t fact_store;         // FactStore's root
};

// An offset into the region, in bytes. 0 is the header's own place, so it serves as "none".
using RegionOffset = uint64_t;

class Region {
 public:
  // Maps `bytes` (rounded up to pages; at least 1 MiB). Pages cost memory only once they are
  // touched. False where mmap refuses; errno says why.
  bool Create(size_t bytes);

  // Makes this the region at `memory`: a copy of another process's, of which the header was found
  // sound. Nothing is allocated in it. It stays the caller's.
  void Adopt(void* memory, size_t bytes);

  // Returns zeroed memory, aligned to 16 bytes, or 0 where the bound is reached (the refusal is
  // counted). Lock-free; memory is never given back.
  HOOK_SAFE RegionOffset Allocate(size_t bytes);

  // The same for a table whose first `used_at_once` bytes soon will be: the kernel is asked for
  // their pages in one call. Else each would take a fault, and one more where it is read first.
  RegionOffset AllocateTable(size_t bytes, size_t used_at_once);

  template <typename T>
  HOOK_SAFE T* At(RegionOffset offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }
  // Whether `count` of T can be at `offset`. Offsets are asked about where they come from another
  // process.
  template <typename T>
  HOOK_SAFE bool Has(RegionOffset offset, size_t count = 1) const {
    return offset != 0 && offset % alignof(T) == 0 && offset < size_ &&
           count <= (size_ - offset) / sizeof(T);
  }
  RegionHeader* header() const { return At<RegionHeader>(0); }
  size_t size() const { return size_; }
  size_t used() const;
  // How many allocations were refused for lack of room.
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  char* base_ = nullptr;
  size_t size_ = 0;
  std::atomic<uint64_t> refused_{0};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_REGION_H_
