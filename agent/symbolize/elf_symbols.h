// The functions of one ELF file and the lines of its source, by address.
//
// Who calls it: NativeSymbolizer. Cold: it allocates, and reads files; it keeps none open. As with
// ElfFile, a damaged file costs names and nothing else.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_ELF_SYMBOLS_H_
#define FDORIGIN_AGENT_SYMBOLIZE_ELF_SYMBOLS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "symbolize/dwarf_lines.h"

namespace fdorigin {

class ElfSymbols {
 public:
  // Where distributions put debug files.
  static constexpr char kDebugRoot[] = "/usr/lib/debug";

  ElfSymbols();
  ~ElfSymbols();

  // The symbols of the file at `path`: of its .symtab, else of its debug file (OpenDebugFile()),
  // else of its mini debug information and its .dynsym. The lines: its own, else its debug file's.
  // Null where there are neither, the file cannot be read, or its own build-id does not begin with
  // `build_id` (the bytes; empty where it is not known): then it is not the file that the process
  // has mapped.
  static std::unique_ptr<ElfSymbols> Read(const std::string& path, std::string_view build_id,
                                          const std::string& debug_root = kDebugRoot);

  // The name of the function that holds `address` (an ELF virtual address), as the linker knows it
  // but without symbol version; empty where no symbol is known to hold it. Of several names for one
  // address, a global one goes before a local one, then one with fewer leading underscores
  // ("socket" before "__socket"), then the shorter one. Valid as long as the object.
  std::string_view Find(uint64_t address) const;

  // File and line of the instruction at `address`; empty where there is no debug information.
  SourceLine LineOf(uint64_t address) const;

 private:
  struct Symbol {
    uint64_t low;
    uint64_t high;   // one past its last address; the section's end where it has no size
    uint64_t reach;  // the largest `high` of sized symbols up to this one in order
    uint32_t name;   // where in names_
    bool sized;
    bool global;
  };
  enum class Table { kFull, kDynamic };  // .symtab, .dynsym

  // Whether there were any.
  bool Add(const ElfFile& file, Table table);
  void Sort();
  std::string_view NameAt(uint32_t offset) const;
  bool IsBetter(const Symbol& one, const Symbol& other) const;

  std::vector<Symbol> symbols_;  // ordered by `low`
  std::string names_;            // the string tables
  std::unique_ptr<DwarfLines> lines_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_ELF_SYMBOLS_H_
