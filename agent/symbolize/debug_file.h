// Where distributions put what they strip from a library.
//
// Who calls it: ElfSymbols. Cold: it opens files.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_DEBUG_FILE_H_
#define FDORIGIN_AGENT_SYMBOLIZE_DEBUG_FILE_H_

#include <memory>
#include <string>

#include "symbolize/elf_file.h"

namespace fdorigin {

// The debug file of `file`, which was read from `path`, or null. The first that fits of
//   `debug_root`/.build-id/xx/rest.debug, if it carries the same build-id;
//   the name in .gnu_debuglink, beside the file, in .debug beside it, and in the folder of the same
//   path under `debug_root`, if its CRC-32 is the link's (and its build-id, where both have one).
std::unique_ptr<ElfFile> OpenDebugFile(const ElfFile& file, const std::string& path,
                                       const std::string& debug_root);

// The symbols of local functions that some distributions leave inside a stripped file: an ELF file,
// packed by xz, in .gnu_debugdata. Null where there is none.
std::unique_ptr<ElfFile> OpenMiniDebugInfo(const ElfFile& file);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_DEBUG_FILE_H_
