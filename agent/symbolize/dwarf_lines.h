// Source file and line of an address, from the DWARF line tables of one ELF file.
//
// Who calls it: ElfSymbols. Cold: it allocates. It needs the file only while it is made.
//
// Read here and not by libbacktrace, LLVM or libdw, because a report has to survive any file that a
// host may have loaded: libbacktrace divides by header fields that may be zero and trusts the
// lengths in them, LLVM would be larger than the agent, and libdw's licence is against linking it
// in. A line table is small enough a language: each read below is checked against the end of what
// it may read, and every step consumes a byte.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_DWARF_LINES_H_
#define FDORIGIN_AGENT_SYMBOLIZE_DWARF_LINES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "symbolize/elf_file.h"

namespace fdorigin {

struct SourceLine {
  // As the compiler wrote it, hence relative to where it ran with DWARF 4 and older, if that is how
  // it was called. Empty where it is not known.
  std::string file;
  int line = 0;  // from 1
};

class DwarfLines {
 public:
  // Null where the file has no line tables. DWARF 2 to 5, compressed or not.
  static std::unique_ptr<DwarfLines> Read(const ElfFile& file);

  // The row of the table that covers `address` (an ELF virtual address): what `addr2line` prints.
  // In an inlined function it is the inlined function's line.
  SourceLine Find(uint64_t address) const;

 private:
  // Rows of ascending addresses, without a gap.
  struct Sequence {
    uint64_t low;
    uint64_t high;   // one past its last address
    uint64_t reach;  // the largest `high` up to this one in order
    uint64_t unit;   // where its table begins in lines_
    uint64_t start;  // where its first operation is in lines_
  };
  struct Unit;

  void ReadSequences(const ElfFile& file);
  std::string FileName(const Unit& unit, uint64_t index) const;

  std::string lines_;                // .debug_line
  std::string line_strings_;         // .debug_line_str
  std::string strings_;              // .debug_str
  std::vector<Sequence> sequences_;  // ordered by `low`
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_DWARF_LINES_H_
