// What is mapped where in this process, by /proc/self/maps.
//
// Who calls it: the entry patcher. Cold. It reads through raw system calls, so that no hook sees
// them, and holds a descriptor from Open() to Close().
#ifndef FDORIGIN_AGENT_BASE_MEMORY_MAP_H_
#define FDORIGIN_AGENT_BASE_MEMORY_MAP_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace fdorigin {

// Addresses [low, high).
struct Mapping {
  uint64_t low = 0;
  uint64_t high = 0;
  int protection = 0;  // PROT_READ, PROT_WRITE, PROT_EXEC
  bool shared = false;
};
struct Gap {
  uint64_t low = 0;
  uint64_t high = 0;
};

class MemoryMap {
 public:
  MemoryMap() = default;
  ~MemoryMap() { Close(); }
  MemoryMap(const MemoryMap&) = delete;
  MemoryMap& operator=(const MemoryMap&) = delete;

  // False where the kernel does not let it be read; errno says why.
  bool Open();
  void Close();

  // Of `address`; nothing where nothing is mapped. What was answered before is not asked again.
  std::optional<Mapping> Find(uint64_t address);
  // Whether all bytes are mapped with (at least) `protection`.
  bool Allows(uint64_t low, uint64_t high, int protection);

  // Where a page may be put: nothing is mapped there, and neither the heap nor the first thread's
  // stack will need it soon. As it was when this was first called; the caller keeps it up to date.
  std::vector<Gap>& Gaps();

 private:
  enum class Answer { kFound, kNothing, kRefused };
  Answer Ask(uint64_t address, Mapping* mapping) const;
  // Reads all of it, which takes about 1 us for each mapping.
  void List();
  void Parse(const char* text);
  void FindGaps();

  int fd_ = -1;
  bool listed_ = false;
  std::vector<Mapping> mappings_;  // in order of address when listed_, else those asked about
  std::vector<Gap> occupied_;      // the mappings, with the room into which some of them grow
  std::vector<Gap> gaps_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_MEMORY_MAP_H_
