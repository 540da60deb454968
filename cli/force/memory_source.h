// The memory of a JVM that is not asked: of a living process, or as a core file has it.
//
// Who uses it: RegionCopy. Reading neither stops the process nor waits for it.
#ifndef FDORIGIN_CLI_FORCE_MEMORY_SOURCE_H_
#define FDORIGIN_CLI_FORCE_MEMORY_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fdorigin {

// A part of the address space.
struct MappedRange {
  uint64_t low = 0;
  uint64_t high = 0;
  bool writable = false;
  std::string file;  // "" where it is anonymous, or not known
};

class MemorySource {
 public:
  virtual ~MemorySource() = default;

  // "process 4711", "the core file x.core": for sentences.
  virtual const std::string& name() const = 0;
  virtual const std::vector<MappedRange>& ranges() const = 0;
  // False where not all of it can be read; errno tells why.
  virtual bool Read(uint64_t address, size_t bytes, void* to) const = 0;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_FORCE_MEMORY_SOURCE_H_
