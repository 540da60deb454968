// Lines by address, compared with what elfutils' eu-addr2line says of the same files: one source in
// every version of DWARF, compressed and not, and this program.
#include "symbolize/dwarf_lines.h"

#include <elf.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "symbolize/elf_file.h"
#include "symbolize/files.h"

namespace fdorigin {
namespace {

namespace fs = std::filesystem;

// Compiles the fixture with these options, as a compiler that runs in the fixtures' folder.
fs::path Compile(const fs::path& directory, const std::string& options,
                 const std::string& source = TEST_FIXTURES "/aviary/aviary.cc") {
  const fs::path library = directory / "libaviary.so";
  LinesOf("cd " TEST_FIXTURES " && " TEST_CXX " -shared -fPIC -O1 -nostdlib -I. " + options +
          " -o '" + library.string() + "' '" + source + "' 2>&1");
  return library;
}

std::unique_ptr<DwarfLines> ReadLines(const fs::path& path) {
  ElfFile file;
  return file.Open(path) ? DwarfLines::Read(file) : nullptr;
}

// Every address of every function that has a size.
std::vector<uint64_t> AddressesIn(const fs::path& library) {
  std::vector<uint64_t> addresses;
  for (const NmSymbol& symbol : Nm("", library)) {
    for (uint64_t i = 0; i < symbol.size; ++i) addresses.push_back(symbol.low + i);
  }
  return addresses;
}

// "file:line" for each address, "" where it is not known, as a program says that is given the
// addresses on its standard input and answers "file:line" or "file:line:column".
std::vector<std::string> LinesBy(const std::string& program, const fs::path& library,
                                 const std::vector<uint64_t>& addresses) {
  const ScratchDirectory scratch;
  std::ostringstream text;
  for (const uint64_t address : addresses) text << std::hex << "0x" << address << "\n";
  WriteFile(scratch.path() / "addresses", text.str());
  std::vector<std::string> lines = LinesOf(program + " -e '" + library.string() + "' < '" +
                                           (scratch.path() / "addresses").string() + "'");
  REQUIRE(lines.size() == addresses.size());
  for (std::string& line : lines) {
    line = line.substr(0, line.find(" (discriminator"));
    if (std::count(line.begin(), line.end(), ':') > 1) line.resize(line.rfind(':'));
    if (line.starts_with("??") || line.ends_with(":0") || line.ends_with(":?")) line.clear();
  }
  return lines;
}

constexpr char kElfutils[] = TEST_EU_ADDR2LINE " --absolute";
constexpr char kBinutils[] = TEST_ADDR2LINE;

std::string Text(const SourceLine& source) {
  return source.line == 0 ? "" : source.file + ":" + std::to_string(source.line);
}

// How many addresses have a line. `prefix` is what elfutils have before our relative names.
size_t CompareWithElfutils(const fs::path& library, const std::string& prefix = "") {
  const auto lines = ReadLines(library);
  REQUIRE(lines != nullptr);
  const std::vector<uint64_t> addresses = AddressesIn(library);
  const std::vector<std::string> expected = LinesBy(kElfutils, library, addresses);
  size_t known = 0;
  size_t wrong = 0;
  std::string first_wrong;
  for (size_t i = 0; i < addresses.size(); ++i) {
    std::string found = Text(lines->Find(addresses[i]));
    if (!found.empty() && found.front() != '/') found = prefix + found;
    known += found.empty() ? 0 : 1;
    if (found != expected[i] && wrong++ == 0) first_wrong = found + " and not " + expected[i];
  }
  INFO(first_wrong);
  CHECK(wrong == 0);
  return known;
}

TEST_CASE("each instruction has the line that elfutils give it") {
  const std::string options =
      GENERATE("-gdwarf-5", "-gdwarf-4", "-gdwarf-3", "-gdwarf-2", "-gdwarf-5 -gdwarf64",
               "-gdwarf-4 -gdwarf64", "-gdwarf-5 -gz=zlib", "-gdwarf-4 -gz=zlib",
               "-gdwarf-4 -gz=zlib-gnu", "-gdwarf-5 -ffunction-sections -Wl,--gc-sections",
               "-gdwarf-4 -ffunction-sections -Wl,--gc-sections", "-gdwarf-5 -O0",
               "-gdwarf-5 -gdwarf64 -gno-as-loc-support");
  INFO(options);
  const ScratchDirectory scratch;
  const fs::path library = Compile(scratch.path(), options);
  // Up to DWARF 4 the folder in which the compiler ran is not in the line table.
  CHECK(CompareWithElfutils(library, TEST_FIXTURES "/") > 60);
}

TEST_CASE("a compiler that was given relative names has its folder before them, from DWARF 5 on") {
  const ScratchDirectory scratch;
  const fs::path five = Compile(scratch.path(), "-gdwarf-5", "aviary/aviary.cc");
  CHECK(CompareWithElfutils(five) > 60);
  const fs::path four = Compile(scratch.path(), "-gdwarf-4", "aviary/aviary.cc");
  CHECK(CompareWithElfutils(four, TEST_FIXTURES "/") > 60);
}

TEST_CASE("names and numbers come from where the source says so") {
  const ScratchDirectory scratch;
  const fs::path library = Compile(scratch.path(), "-gdwarf-5");
  const auto lines = ReadLines(library);
  REQUIRE(lines != nullptr);
  for (const NmSymbol& symbol : Nm("", library)) {
    if (symbol.name == "aviary_generated") {
      CHECK(Text(lines->Find(symbol.low)) == TEST_FIXTURES "/imaginary/heron.y:470012");
    }
    if (symbol.name == "aviary_inlines") {
      bool in_header = false;
      for (uint64_t i = 0; i < symbol.size; ++i) {
        const SourceLine source = lines->Find(symbol.low + i);
        in_header |= source.file == TEST_FIXTURES "/./aviary/nest.h" && source.line == 3;
      }
      CHECK(in_header);
    }
  }
}

TEST_CASE("what the linker removed has no line, though its table is still there") {
  const ScratchDirectory scratch;
  const fs::path library =
      Compile(scratch.path(), "-gdwarf-5 -ffunction-sections -Wl,--gc-sections");
  for (const NmSymbol& symbol : Nm("", library)) REQUIRE(symbol.name != "aviary_unused");
  const auto lines = ReadLines(library);
  REQUIRE(lines != nullptr);
  for (uint64_t address = 0; address < 64; ++address) {
    CHECK(Text(lines->Find(address)) == "");
  }
  CHECK(Text(lines->Find(~uint64_t{0})) == "");
}

TEST_CASE("libraries with many units have the lines that elfutils give") {
  // This program: Catch2, the standard library's headers and the agent's own folder.
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const auto lines = ReadLines(self);
  REQUIRE(lines != nullptr);
  const std::vector<uint64_t> addresses = AddressesIn(self);
  std::mt19937 random(4711);
  std::vector<uint64_t> some;
  for (int i = 0; i < 2000; ++i) some.push_back(addresses[random() % addresses.size()]);
  // Either may be right: binutils have the wrong file for some functions of headers, and of
  // several rows at one address elfutils do not always take the last.
  const std::vector<std::string> by_elfutils = LinesBy(kElfutils, self, some);
  const std::vector<std::string> by_binutils = LinesBy(kBinutils, self, some);
  size_t known = 0;
  size_t wrong = 0;
  std::string first_wrong;
  for (size_t i = 0; i < some.size(); ++i) {
    const std::string found = Text(lines->Find(some[i]));
    known += found.empty() ? 0 : 1;
    if (found != by_elfutils[i] && found != by_binutils[i] && wrong++ == 0) {
      first_wrong = found + " and not " + by_elfutils[i];
    }
  }
  INFO(first_wrong);
  CHECK(wrong == 0);
  CHECK(known > 300);
}

TEST_CASE("a file without line tables has none") {
  const ScratchDirectory scratch;
  CHECK(ReadLines(Compile(scratch.path(), "-g0")) == nullptr);
}

// Asks for every kind of address; only a crash, a sanitizer or an endless loop fails.
void Probe(std::string content) {
  ElfFile file;
  if (!file.OpenBytes(std::move(content))) return;
  const auto lines = DwarfLines::Read(file);
  if (lines == nullptr) return;
  for (uint64_t address = 0; address < 0x3000; address += 7) {
    const SourceLine source = lines->Find(address);
    if (source.file.empty() != (source.line <= 0)) FAIL("a file without line, or the other way");
  }
  lines->Find(~uint64_t{0});
}

// Where the bytes of a section are in the file, as readelf tells.
std::pair<size_t, size_t> PlaceOf(const std::string& section, const fs::path& file) {
  for (const std::string& line : LinesOf(TEST_READELF " -SW '" + file.string() + "'")) {
    std::istringstream words(line.substr(std::min(line.find(']'), line.size() - 1) + 1));
    std::string name;
    std::string type;
    std::string address;
    std::string offset;
    std::string size;
    words >> name >> type >> address >> offset >> size;
    if (name == section) return {std::stoull(offset, nullptr, 16), std::stoull(size, nullptr, 16)};
  }
  FAIL("no section " << section);
  std::abort();
}

TEST_CASE("damaged line tables do no harm") {
  const std::string options = GENERATE("-gdwarf-5", "-gdwarf-4", "-gdwarf-5 -gz=zlib");
  INFO(options);
  const ScratchDirectory scratch;
  const fs::path library = Compile(scratch.path(), options);
  const std::string right = ReadFile(library);
  const auto [begin, size] = PlaceOf(".debug_line", library);
  // Each byte of the table by itself, then many at a time; always the same ones.
  for (size_t at = begin; at < begin + size; ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string wrong = right;
      wrong[at] = static_cast<char>(value);
      Probe(std::move(wrong));
    }
  }
  std::mt19937 random(20260102);
  for (int round = 0; round < 3000; ++round) {
    std::string wrong = right;
    const int count = 1 + static_cast<int>(random() % 8);
    for (int i = 0; i < count; ++i) {
      wrong[begin + random() % size] ^= static_cast<char>(1 << random() % 8);
    }
    Probe(std::move(wrong));
  }
  for (int round = 0; round < 1000; ++round) {
    std::string wrong = right;
    for (int i = 0; i < 40; ++i) wrong[random() % wrong.size()] = static_cast<char>(random());
    wrong.replace(0, EI_NIDENT, right, 0, EI_NIDENT);
    Probe(std::move(wrong));
  }
  for (size_t cut = 0; cut < right.size(); cut += 16) Probe(right.substr(0, cut));
}

// A file of one section, ".debug_line", with this table. The file's code is at 0x1000.
std::string FileWithTable(const std::string& table) {
  const std::string names("\0.debug_line\0.text\0.shstrtab\0", 29);
  Elf64_Shdr sections[4] = {};
  std::string bytes(sizeof(Elf64_Ehdr), '\0');
  sections[1].sh_name = 1;
  sections[1].sh_type = SHT_PROGBITS;
  sections[1].sh_offset = bytes.size();
  sections[1].sh_size = table.size();
  bytes += table;
  sections[2].sh_name = 13;
  sections[2].sh_type = SHT_NOBITS;
  sections[2].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  sections[2].sh_addr = 0x1000;
  sections[2].sh_size = 0x1000;
  sections[3].sh_name = 19;
  sections[3].sh_type = SHT_STRTAB;
  sections[3].sh_offset = bytes.size();
  sections[3].sh_size = names.size();
  bytes += names;
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 4;
  header.e_shstrndx = 3;
  header.e_shoff = bytes.size();
  std::memcpy(bytes.data(), &header, sizeof(header));
  bytes.append(reinterpret_cast<const char*>(sections), sizeof(sections));
  return bytes;
}

// A table of version 4 by hand: one row for 0x1000 to 0x1008, line 1 of "heron.c". Its header's
// bytes are in the order of DWARF 4, 6.2.4; the two arguments are what a reader divides by.
std::string Table(char operations_per_instruction, char line_range) {
  std::string rest("\x01", 1);  // bytes of an instruction
  rest += operations_per_instruction;
  rest += std::string("\x01\xfb", 2);  // rows are statements; lines start at -5
  rest += line_range;
  rest += std::string("\x0d\x00\x01\x01\x01\x01\x00\x00\x00\x01\x00\x00\x01", 13);
  rest += std::string("\0heron.c\0\0\0\0\0", 13);
  std::string program("\x00\x09\x02\x00\x10\x00\x00\x00\x00\x00\x00", 11);  // the address 0x1000
  program += std::string("\x01\x02\x08\x00\x01\x01", 6);  // a row, 8 bytes on, the end
  const auto number = [](uint32_t value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const std::string body =
      std::string("\x04\x00", 2) + number(static_cast<uint32_t>(rest.size())) + rest + program;
  return number(static_cast<uint32_t>(body.size())) + body;
}

TEST_CASE("what a reader divides by may be zero") {
  const auto line_at = [](const std::string& table, uint64_t address) {
    ElfFile file;
    REQUIRE(file.OpenBytes(FileWithTable(table)));
    const auto lines = DwarfLines::Read(file);
    return lines == nullptr ? "none" : Text(lines->Find(address));
  };
  CHECK(line_at(Table(1, 14), 0x1000) == "heron.c:1");
  CHECK(line_at(Table(1, 14), 0x1007) == "heron.c:1");
  CHECK(line_at(Table(1, 14), 0x1008) == "");
  CHECK(line_at(Table(1, 14), 0x0fff) == "");
  CHECK(line_at(Table(0, 14), 0x1007) == "heron.c:1");
  CHECK(line_at(Table(1, 0), 0x1007) == "none");
}

TEST_CASE(
    "a unit of an unknown version is passed over, and one that is too long ends the reading") {
  std::string later = Table(1, 14);
  later[4] = 6;
  const auto lines_of = [](const std::string& table) {
    ElfFile file;
    REQUIRE(file.OpenBytes(FileWithTable(table)));
    return DwarfLines::Read(file);
  };
  CHECK(lines_of(later) == nullptr);
  const auto behind = lines_of(later + Table(1, 14));
  REQUIRE(behind != nullptr);
  CHECK(Text(behind->Find(0x1003)) == "heron.c:1");
  std::string endless = Table(1, 14);
  std::memset(endless.data(), 0xee, 4);
  CHECK(lines_of(endless + Table(1, 14)) == nullptr);
  CHECK(lines_of(std::string(4096, '\0')) == nullptr);
}

}  // namespace
}  // namespace fdorigin
