// The functions of one ELF file, by address.
//
// Who calls it: NativeSymbolizer. Cold: it allocates, and reads files. Files are read and not
// mapped: one that is cut short while it is looked at must not end the host by SIGBUS. Everything
// in them is taken with suspicion: wrong offsets, sizes and counts cost names, nothing else.
//
// 64-bit little-endian files only, which is every file of the processors that agent/arch/ knows.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_ELF_SYMBOLS_H_
#define FDORIGIN_AGENT_SYMBOLIZE_ELF_SYMBOLS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fdorigin {

class ElfSymbols {
 public:
  // Where distributions put debug files: under .build-id/xx/, named by the rest of the build-id.
  static constexpr char kDebugRoot[] = "/usr/lib/debug";

  // The symbols of the file at `path`: of its .symtab, else of its debug file under `debug_root`
  // (believed only where it carries the same build-id), else of its .dynsym. Null where there are
  // none, the file cannot be read, or its own build-id does not begin with `build_id` (the bytes;
  // empty where it is not known): then it is not the file that the process has mapped.
  static std::unique_ptr<ElfSymbols> Read(const std::string& path, std::string_view build_id,
                                          const std::string& debug_root = kDebugRoot);

  // The name of the function that holds `address` (an ELF virtual address), as the linker knows it
  // but without symbol version; empty where no symbol is known to hold it. Of several names for one
  // address, a global one goes before a local one, then one with fewer leading underscores
  // ("socket" before "__socket"), then the shorter one. Valid as long as the object.
  std::string_view Find(uint64_t address) const;

 private:
  struct Symbol {
    uint64_t low;
    uint64_t high;   // one past its last address; the section's end where it has no size
    uint64_t reach;  // the largest `high` of sized symbols up to this one in order
    uint32_t name;   // where in names_
    bool sized;
    bool global;
  };
  class File;
  enum class Table { kFull, kDynamic };  // .symtab, .dynsym

  bool Load(const File& file, Table table);
  std::string_view NameAt(uint32_t offset) const;
  bool IsBetter(const Symbol& one, const Symbol& other) const;

  std::vector<Symbol> symbols_;  // ordered by `low`
  std::string names_;            // the string table
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_ELF_SYMBOLS_H_
