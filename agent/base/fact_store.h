// What is to be said of the agent and of its process beside what the tables hold: which VM it is,
// what is watched and what is not. In the region, for who reads it from outside the process; the
// agent's own reports ask those who know.
//
// Who calls it: the composition root and the patcher, on any thread, Note() in hook context too;
// All() and the numbers anyone. Nothing is removed: of a fact that changes, the latest holds.
#ifndef FDORIGIN_AGENT_BASE_FACT_STORE_H_
#define FDORIGIN_AGENT_BASE_FACT_STORE_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hook_safe.h"
#include "base/region.h"
#include "base/string_store.h"

namespace fdorigin {

enum class FactKind : uint32_t {
  kJvmName = 1,      // java.vm.name
  kJvmVersion = 2,   // java.vm.version
  kJvmVendor = 3,    // java.vm.vendor
  kHostName = 4,     // of the machine at the time
  kCommandWord = 5,  // one word of the command line, cut as the StringStore cuts
  kLibcEntry = 6,    // a function of libc that is hooked at its entry
  kRefused = 7,      // a place that is not watched, and the reason
  kUnreadable = 8,   // the same, of what hides no calls
};

// What changes in place. Lives in the region.
struct FactNumbers {
  std::atomic<int32_t> pid;         // of the process that records, as it sees itself
  std::atomic<uint32_t> libraries;  // as in the report's coverage
  std::atomic<uint32_t> slots;
  std::atomic<uint8_t> since_startup;  // 0 after an attach
  std::atomic<uint8_t> libc_entries;   // the option libc
  std::atomic<uint8_t> restored;       // the process was restored from a checkpoint
  std::atomic<uint8_t> methods_wrong;  // frames of kMethod are not to be believed
  std::atomic<int64_t> started_at_ns;  // CLOCK_REALTIME; 0 where it is not known
  // When the process started that the agent came into, as /proc/PID/stat counts; one that criu has
  // made again has another. 0 where it is not known.
  std::atomic<uint64_t> start_ticks;
};

struct FactText {
  std::string text;
  std::string reason;  // of the last two
};

class FactStore {
 public:
  bool Create(Region* region, StringStore* strings);
  // Of a region that is a copy of another process's. False where it has no facts.
  bool Open(const Region* region, const StringStore* strings);

  HOOK_SAFE void Note(FactKind kind, std::string_view text, std::string_view reason = {});

  // Oldest first.
  std::vector<FactText> All(FactKind kind) const;
  // The latest; "" where there is none.
  std::string Latest(FactKind kind) const;

  FactNumbers& numbers();
  const FactNumbers& numbers() const;

 private:
  const Region* region_ = nullptr;
  Region* writable_ = nullptr;        // null after Open()
  StringStore* interning_ = nullptr;  // null after Open()
  const StringStore* strings_ = nullptr;
  RegionOffset root_ = 0;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_FACT_STORE_H_
