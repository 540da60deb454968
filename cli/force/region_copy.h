// The agent's memory, copied out of a process or a core file, and the tables in it.
//
// Who uses it: ForceDump(). What is copied comes from another process and is believed in nothing:
// wrong offsets and sizes cost what they lead to.
#ifndef FDORIGIN_CLI_FORCE_REGION_COPY_H_
#define FDORIGIN_CLI_FORCE_REGION_COPY_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fact_store.h"
#include "base/image_table.h"
#include "base/region.h"
#include "base/string_store.h"
#include "fdtable/fd_table.h"
#include "force/memory_source.h"
#include "stack/method_store.h"
#include "stack/stack_store.h"

namespace fdorigin {

class RegionCopy {
 public:
  // Finds the region by its anchor and copies it. An error is one sentence: there is no agent, it
  // is of another version, or its memory is not there. `source` outlives the copy.
  static absl::StatusOr<std::unique_ptr<RegionCopy>> Make(const MemorySource* source);
  ~RegionCopy();
  RegionCopy(const RegionCopy&) = delete;
  RegionCopy& operator=(const RegionCopy&) = delete;

  // What the table knows of `fd` now, of one moment.
  std::optional<FdEntry> Entry(int fd);
  // What it knew when the copy was made. Costs no read.
  std::optional<FdEntry> EarlierEntry(int fd) const;
  // Of several numbers, ascending, by few reads: those of which EarlierEntry() may not be true any
  // more. Of the others it has been true all the while.
  std::vector<int> Outdated(std::span<const int> numbers);

  // Copies all that does not change once it is there anew, so that everything that entries refer to
  // is whole. After the last Entry().
  absl::Status Settle();

  const Region& region() const { return region_; }
  const StringStore& strings() const { return strings_; }
  const FactStore& facts() const { return facts_; }
  const ImageTable& images() const { return images_; }
  const StackStore& stacks() const { return stacks_; }
  const MethodStore& methods() const { return methods_; }
  const FdTable& table() const { return table_; }

 private:
  RegionCopy() = default;
  absl::Status CopyUsed();
  bool CopyAgain(RegionOffset at, size_t bytes);

  const MemorySource* source_ = nullptr;
  uint64_t address_ = 0;
  void* memory_ = nullptr;
  size_t size_ = 0;
  FdTable::CopyAgain again_;
  Region region_;
  StringStore strings_;
  FactStore facts_;
  ImageTable images_;
  StackStore stacks_;
  MethodStore methods_;
  FdTable table_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_FORCE_REGION_COPY_H_
