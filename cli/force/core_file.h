// A core file: what the kernel, or gdb's gcore, wrote of a process's memory.
//
// Who uses it: ForceDump(). 64-bit little-endian ELF only. Everything in the file is taken with
// suspicion; parts of the memory that it does not have cannot be read, and that is all.
#ifndef FDORIGIN_CLI_FORCE_CORE_FILE_H_
#define FDORIGIN_CLI_FORCE_CORE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "force/memory_source.h"

namespace fdorigin {

class CoreFile : public MemorySource {
 public:
  // An error is one sentence: it cannot be read, or it is no core file.
  static absl::StatusOr<std::unique_ptr<CoreFile>> Open(const std::string& path);
  ~CoreFile() override;
  CoreFile(const CoreFile&) = delete;
  CoreFile& operator=(const CoreFile&) = delete;

  const std::string& name() const override { return name_; }
  const std::vector<MappedRange>& ranges() const override { return ranges_; }
  bool Read(uint64_t address, size_t bytes, void* to) const override;

  // Of the process; 0 where the file does not say.
  int pid() const { return pid_; }
  int parent() const { return parent_; }
  // When the file was last written, in nanoseconds since 1970.
  int64_t written_at_ns() const { return written_at_ns_; }
  // Whether the file ends before its headers say; then `missing()` is a sentence about it.
  bool cut_short() const { return promised_ > size_; }
  std::string missing() const;

 private:
  struct Segment {
    uint64_t address = 0;
    uint64_t bytes = 0;  // that the file has, or should have
    uint64_t offset = 0;
    uint64_t memory_bytes = 0;
    bool writable = false;
  };

  CoreFile() = default;
  bool ReadFile(uint64_t offset, size_t bytes, void* to) const;
  absl::Status ReadHeaders();
  void ReadNotes(const std::vector<char>& notes);
  void ReadFileNote(const char* data, size_t size);

  std::string path_;
  std::string name_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
  uint64_t promised_ = 0;
  int64_t written_at_ns_ = 0;
  int pid_ = 0;
  int parent_ = 0;
  std::vector<Segment> segments_;
  std::vector<MappedRange> files_;   // by the note NT_FILE
  std::vector<MappedRange> ranges_;  // the segments, with the files that they are of
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_FORCE_CORE_FILE_H_
