// An ELF file that is read, and the sections in it.
//
// Who calls it: ElfSymbols and what it is made of. Cold: it allocates, and reads files. Files are
// read and not mapped: one that is cut short while it is looked at must not end the host by SIGBUS.
// Everything in them is taken with suspicion: wrong offsets, sizes and counts cost names, nothing
// else.
//
// 64-bit little-endian files only, which is every file of the processors that agent/arch/ knows.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_ELF_FILE_H_
#define FDORIGIN_AGENT_SYMBOLIZE_ELF_FILE_H_

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace fdorigin {

class ElfFile {
 public:
  ElfFile() = default;
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  // Once per object. False where the file cannot be read or is not an ELF file with sections. The
  // descriptor is closed with the object.
  bool Open(const std::string& path);
  // The same for a file that is in memory.
  bool OpenBytes(std::string bytes);

  const std::vector<Elf64_Shdr>& sections() const { return sections_; }

  // The first section of this name; null where there is none.
  const Elf64_Shdr* SectionNamed(std::string_view name) const;

  // What the section holds, decompressed where it is compressed (SHF_COMPRESSED with zlib, and the
  // older ".zdebug_" form). False where it holds nothing, or more than anybody needs.
  bool ReadSection(const Elf64_Shdr& section, std::string* content) const;

  // The section ".debug_NAME" or ".zdebug_NAME", of `name` "NAME".
  bool ReadDebugSection(std::string_view name, std::string* content) const;

  // The bytes; empty where the file has none.
  std::string BuildId() const;

  // The CRC-32 of the whole file, as .gnu_debuglink has it; nothing where it cannot be read.
  std::optional<uint32_t> Crc32() const;

  // Reads `bytes` from `offset` on into a vector or string. False where the file does not have
  // them, or they are not at least one element.
  template <typename Array>
  bool ReadArray(uint64_t offset, uint64_t bytes, Array* array) const {
    using Element = typename Array::value_type;
    static_assert(std::is_trivially_copyable_v<Element>);
    if (offset > size_ || bytes > size_ - offset || bytes > kMaxTableBytes) return false;
    array->resize(bytes / sizeof(Element));
    return !array->empty() &&
           Read(offset, array->size() * sizeof(Element), reinterpret_cast<char*>(array->data()));
  }

 private:
  // A table that claims to be larger than this is not read: the largest real ones have a few dozen
  // megabytes, and what is read is the host's memory.
  static constexpr uint64_t kMaxTableBytes = 512ull << 20;

  bool ReadHeaders();
  bool Read(uint64_t offset, size_t bytes, char* to) const;

  int descriptor_ = -1;
  std::string bytes_;  // of a file in memory
  uint64_t size_ = 0;
  std::vector<Elf64_Shdr> sections_;
  std::string section_names_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_ELF_FILE_H_
