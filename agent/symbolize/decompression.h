// What zlib and xz packed, for sections of ELF files.
//
// Who calls it: ElfFile and ElfSymbols. Cold. The packed bytes are taken with suspicion; the room
// that they ask for is bounded.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_DECOMPRESSION_H_
#define FDORIGIN_AGENT_SYMBOLIZE_DECOMPRESSION_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace fdorigin {

// A zlib stream that says it holds `size` bytes. False where it does not, or where these are more
// than a debug section has.
bool Inflate(std::string_view packed, uint64_t size, std::string* content);

// An .xz file. False where it is none, or holds more than a symbol table needs.
bool UnpackXz(std::string_view packed, std::string* content);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_DECOMPRESSION_H_
