// Distinct strings, stored once in the region: names of threads and methods, paths of ELF
// images.
//
// Who calls it: Intern() any thread, hook context too; Get() anyone. Strings live forever.
#ifndef FDORIGIN_AGENT_BASE_STRING_STORE_H_
#define FDORIGIN_AGENT_BASE_STRING_STORE_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/hook_safe.h"
#include "base/ids.h"
#include "base/region.h"

namespace fdorigin {

class StringStore {
 public:
  bool Create(Region* region);
  // Over a region that is a copy of another process's: for Get().
  void Open(const Region* region);

  // The id of `text`, cut at 4,095 bytes. kNone for the empty string and when the store is full.
  HOOK_SAFE StringId Intern(std::string_view text);
  // Valid for the life of the process. Empty for kNone, and for what is no string's id.
  HOOK_SAFE std::string_view Get(StringId id) const;

 private:
  const Region* region_ = nullptr;
  Region* writable_ = nullptr;  // null after Open()
  RegionOffset index_ = 0;
  uint32_t index_mask_ = 0;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_STRING_STORE_H_
