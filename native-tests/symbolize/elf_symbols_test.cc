// Functions by address, compared with what nm says of the same files: a fixture with every kind of
// symbol, and the two libraries that matter most in a report, libc and libjvm.
#include "symbolize/elf_symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "symbolize/files.h"

namespace fdorigin {
namespace {

namespace fs = std::filesystem;

constexpr char kNoDebugFiles[] = "/nonexistent";

const NmSymbol& Named(const std::vector<NmSymbol>& symbols, const std::string& name) {
  for (const NmSymbol& symbol : symbols) {
    if (symbol.name == name) return symbol;
  }
  FAIL("nm does not know " << name);
  std::abort();
}

// Checks that at the first, the middle and the last address of each sized function in `asked` a
// name is found which nm, in `known`, gives to a function that holds the address and that begins
// no earlier than the one asked for.
void CheckAgainstNm(const ElfSymbols& symbols, const std::vector<NmSymbol>& asked,
                    const std::vector<NmSymbol>& known) {
  std::multimap<std::string, const NmSymbol*> by_name;
  for (const NmSymbol& symbol : known) by_name.emplace(symbol.name, &symbol);
  size_t wrong = 0;
  std::string first_wrong;
  for (const NmSymbol& symbol : asked) {
    if (symbol.size == 0) continue;
    for (const uint64_t address :
         {symbol.low, symbol.low + symbol.size / 2, symbol.low + symbol.size - 1}) {
      const std::string found(symbols.Find(address));
      bool right = false;
      const auto [begin, end] = by_name.equal_range(found);
      for (auto it = begin; it != end; ++it) {
        const NmSymbol& candidate = *it->second;
        right |= candidate.low >= symbol.low && candidate.low <= address &&
                 address < candidate.low + candidate.size;
      }
      if (!right && wrong++ == 0) first_wrong = symbol.name + " -> '" + found + "'";
    }
  }
  INFO(first_wrong);
  CHECK(wrong == 0);
}

// A copy of the fixture without .symtab and debug information.
fs::path Strip(const fs::path& directory) {
  const fs::path stripped = directory / "stripped.so";
  LinesOf(TEST_OBJCOPY " --strip-all " TEST_HERONRY " '" + stripped.string() + "'");
  REQUIRE(Nm("", stripped.string()).empty());
  return stripped;
}

// The fixture's debug file, where a debugger would look for it under `root`.
fs::path PlaceDebugFile(const fs::path& root) {
  const std::string build_id = BuildIdByReadelf(TEST_HERONRY);
  REQUIRE(build_id.size() == 40);
  const fs::path folder = root / ".build-id" / build_id.substr(0, 2);
  fs::create_directories(folder);
  const fs::path file = folder / (build_id.substr(2) + ".debug");
  LinesOf(TEST_OBJCOPY " --only-keep-debug " TEST_HERONRY " '" + file.string() + "'");
  return file;
}

TEST_CASE("a function is found at each of its bytes") {
  const auto symbols = ElfSymbols::Read(TEST_HERONRY, "", kNoDebugFiles);
  REQUIRE(symbols != nullptr);
  const std::vector<NmSymbol> nm = Nm("", TEST_HERONRY);
  for (const std::string name : {"heronry_exported", "heronry_local", "heronry_calls_local",
                                 "_ZN7heronry4Nest5CountEPKcm", "heronry_sized"}) {
    const NmSymbol& symbol = Named(nm, name);
    REQUIRE(symbol.size > 1);
    for (uint64_t i = 0; i < symbol.size; ++i) CHECK(symbols->Find(symbol.low + i) == name);
  }
  CheckAgainstNm(*symbols, nm, nm);
}

TEST_CASE("of two names the plain one is told, without symbol version") {
  const auto symbols = ElfSymbols::Read(TEST_HERONRY, "", kNoDebugFiles);
  REQUIRE(symbols != nullptr);
  const std::vector<NmSymbol> nm = Nm("", TEST_HERONRY);
  CHECK(Named(nm, "heronry_twin").low == Named(nm, "__heronry_twin").low);
  CHECK(symbols->Find(Named(nm, "__heronry_twin").low) == "heronry_twin");
  CHECK(symbols->Find(Named(nm, "heronry_versioned").low) == "heronry_versioned");
}

TEST_CASE("a symbol without size goes to the next one, or to its section's end") {
  const auto symbols = ElfSymbols::Read(TEST_HERONRY, "", kNoDebugFiles);
  REQUIRE(symbols != nullptr);
  const std::vector<NmSymbol> nm = Nm("", TEST_HERONRY);
  const uint64_t first = Named(nm, "heronry_unsized_first").low;
  const uint64_t second = Named(nm, "heronry_unsized_second").low;
  const uint64_t sized = Named(nm, "heronry_sized").low;
  const uint64_t last = Named(nm, "heronry_unsized_last").low;
  REQUIRE(Named(nm, "heronry_unsized_first").size == 0);
  REQUIRE(Named(nm, "heronry_sized").size == 16);
  REQUIRE(Named(nm, "heronry_sized_label").low == sized);
  CHECK(symbols->Find(first) == "heronry_unsized_first");
  CHECK(symbols->Find(second - 1) == "heronry_unsized_first");
  CHECK(symbols->Find(second) == "heronry_unsized_second");
  CHECK(symbols->Find(sized - 1) == "heronry_unsized_second");
  // A label where a function with a size begins is that function's.
  CHECK(symbols->Find(sized) == "heronry_sized");
  CHECK(symbols->Find(sized + 15) == "heronry_sized");
  CHECK(symbols->Find(sized + 16) == "");
  CHECK(symbols->Find(last + 31) == "heronry_unsized_last");
  CHECK(symbols->Find(last + 32) != "heronry_unsized_last");
}

TEST_CASE("of nested functions the inner one is told, and the outer one behind it") {
  const auto symbols = ElfSymbols::Read(TEST_HERONRY, "", kNoDebugFiles);
  REQUIRE(symbols != nullptr);
  const std::vector<NmSymbol> nm = Nm("", TEST_HERONRY);
  const uint64_t outer = Named(nm, "heronry_outer").low;
  REQUIRE(Named(nm, "heronry_inner").low == outer + 16);
  CHECK(symbols->Find(outer + 15) == "heronry_outer");
  CHECK(symbols->Find(outer + 16) == "heronry_inner");
  CHECK(symbols->Find(outer + 23) == "heronry_inner");
  CHECK(symbols->Find(outer + 24) == "heronry_outer");
  CHECK(symbols->Find(outer + 63) == "heronry_outer");
}

TEST_CASE("data and addresses outside the file have no function") {
  const auto symbols = ElfSymbols::Read(TEST_HERONRY, "", kNoDebugFiles);
  REQUIRE(symbols != nullptr);
  uint64_t data = 0;
  for (const std::string& line : LinesOf(TEST_NM " " TEST_HERONRY)) {
    if (line.ends_with(" heronry_data")) data = std::stoull(line, nullptr, 16);
  }
  REQUIRE(data != 0);
  CHECK(symbols->Find(data) == "");
  CHECK(symbols->Find(0) == "");
  CHECK(symbols->Find(~uint64_t{0}) == "");
}

TEST_CASE("a stripped library has the names of its debug file") {
  const ScratchDirectory scratch;
  const fs::path stripped = Strip(scratch.path());
  PlaceDebugFile(scratch.path());
  const auto symbols = ElfSymbols::Read(stripped, "", scratch.path());
  REQUIRE(symbols != nullptr);
  const std::vector<NmSymbol> nm = Nm("", TEST_HERONRY);
  CHECK(symbols->Find(Named(nm, "heronry_local").low) == "heronry_local");
  CHECK(symbols->Find(Named(nm, "heronry_unsized_first").low + 5) == "heronry_unsized_first");
  CheckAgainstNm(*symbols, nm, nm);
}

TEST_CASE("a stripped library without debug file has its exported names only") {
  const ScratchDirectory scratch;
  const fs::path stripped = Strip(scratch.path());
  const auto symbols = ElfSymbols::Read(stripped, "", scratch.path());
  REQUIRE(symbols != nullptr);
  const std::vector<NmSymbol> nm = Nm("", TEST_HERONRY);
  CHECK(symbols->Find(Named(nm, "heronry_exported").low + 1) == "heronry_exported");
  CHECK(symbols->Find(Named(nm, "heronry_versioned").low) == "heronry_versioned");
  CHECK(symbols->Find(Named(nm, "heronry_local").low) == "");
  // Exported, but how far it goes is not known: local functions may follow.
  CHECK(symbols->Find(Named(nm, "heronry_unsized_first").low + 5) == "");
  CheckAgainstNm(*symbols, Nm("-D", stripped), nm);
}

TEST_CASE("a debug file with another build-id is not believed") {
  const ScratchDirectory scratch;
  const fs::path stripped = Strip(scratch.path());
  const fs::path debug_file = PlaceDebugFile(scratch.path());
  std::string content = ReadFile(debug_file);
  const size_t at = content.find(BytesOfHex(BuildIdByReadelf(TEST_HERONRY)));
  REQUIRE(at != std::string::npos);
  content[at + 19] = static_cast<char>(content[at + 19] ^ 1);
  WriteFile(debug_file, content);

  const auto symbols = ElfSymbols::Read(stripped, "", scratch.path());
  REQUIRE(symbols != nullptr);
  const std::vector<NmSymbol> nm = Nm("", TEST_HERONRY);
  CHECK(symbols->Find(Named(nm, "heronry_local").low) == "");
  CHECK(symbols->Find(Named(nm, "heronry_exported").low) == "heronry_exported");
}

TEST_CASE("a file with another build-id than the image in memory is not read") {
  std::string build_id = BytesOfHex(BuildIdByReadelf(TEST_HERONRY));
  CHECK(ElfSymbols::Read(TEST_HERONRY, build_id, kNoDebugFiles) != nullptr);
  build_id[0] = static_cast<char>(build_id[0] ^ 1);
  CHECK(ElfSymbols::Read(TEST_HERONRY, build_id, kNoDebugFiles) == nullptr);

  const ScratchDirectory scratch;
  const fs::path without = scratch.path() / "without.so";
  LinesOf(TEST_OBJCOPY " --remove-section .note.gnu.build-id " TEST_HERONRY " '" +
          without.string() + "'");
  CHECK(ElfSymbols::Read(without, "", kNoDebugFiles) != nullptr);
  CHECK(ElfSymbols::Read(without, build_id, kNoDebugFiles) == nullptr);
}

TEST_CASE("the calls of libc have the names that programs use") {
  void* handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  REQUIRE(handle != nullptr);
  Dl_info libc;
  // By the library's handle, because a sanitizer may have put itself before libc.
  REQUIRE(dladdr(dlsym(handle, "gnu_get_libc_version"), &libc) != 0);
  const auto symbols = ElfSymbols::Read(libc.dli_fname, "");
  REQUIRE(symbols != nullptr);
  for (const char* name : {"socket", "accept4", "epoll_create1", "pipe2", "dup3", "open", "fopen",
                           "recvmsg", "eventfd", "close"}) {
    const auto address = reinterpret_cast<uintptr_t>(dlsym(handle, name)) -
                         reinterpret_cast<uintptr_t>(libc.dli_fbase);
    CHECK(symbols->Find(address) == name);
  }
  dlclose(handle);

  std::vector<NmSymbol> known = Nm("-D", libc.dli_fname);
  const std::vector<NmSymbol> exported = known;
  const std::string build_id = BuildIdByReadelf(libc.dli_fname);
  if (build_id.size() > 2) {
    const std::string debug_file = std::string(ElfSymbols::kDebugRoot) + "/.build-id/" +
                                   build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug";
    if (fs::exists(debug_file)) {
      for (NmSymbol& symbol : Nm("", debug_file)) known.push_back(symbol);
    }
  }
  CheckAgainstNm(*symbols, exported, known);
}

TEST_CASE("all functions of libjvm are found") {
  const std::string libjvm = LibjvmPath();
  const auto symbols = ElfSymbols::Read(libjvm, "", kNoDebugFiles);
  REQUIRE(symbols != nullptr);
  std::vector<NmSymbol> asked = Nm("", libjvm);
  if (asked.empty()) asked = Nm("-D", libjvm);  // a stripped one
  REQUIRE(asked.size() > 100);
  CheckAgainstNm(*symbols, asked, asked);
}

TEST_CASE("what is no ELF file with symbols is refused") {
  const ScratchDirectory scratch;
  const auto refused = [](const fs::path& path) {
    return ElfSymbols::Read(path, "", kNoDebugFiles) == nullptr;
  };
  CHECK(refused(scratch.path() / "absent"));
  CHECK(refused(scratch.path()));
  CHECK(refused("/dev/zero"));
  const fs::path fifo = scratch.path() / "fifo";  // to open it must not wait for a writer
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(refused(fifo));
  const fs::path file = scratch.path() / "file";
  WriteFile(file, "");
  CHECK(refused(file));
  WriteFile(file, "#!/bin/sh\n");
  CHECK(refused(file));
  for (const auto& [at, value] : {std::pair{EI_MAG0, 0}, std::pair{EI_CLASS, ELFCLASS32 + 0},
                                  std::pair{EI_DATA, ELFDATA2MSB + 0}}) {
    std::string content = ReadFile(TEST_HERONRY);
    content[static_cast<size_t>(at)] = static_cast<char>(value);
    WriteFile(file, content);
    CHECK(refused(file));
  }
}

// A file that is written a few thousand times, and therefore in memory.
class DamagedFile {
 public:
  DamagedFile() : descriptor_(memfd_create("damaged", MFD_CLOEXEC)) {
    REQUIRE(descriptor_ >= 0);
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  ~DamagedFile() { close(descriptor_); }
  DamagedFile(const DamagedFile&) = delete;
  DamagedFile& operator=(const DamagedFile&) = delete;

  const std::string& path() const { return path_; }

  // Reads the content as an ELF file and asks for every kind of address; only a crash, or a
  // sanitizer, fails.
  void Probe(std::string_view content) {
    if (ftruncate(descriptor_, 0) != 0 || pwrite(descriptor_, content.data(), content.size(), 0) !=
                                              static_cast<ssize_t>(content.size())) {
      FAIL("cannot write");
    }
    Ask(path_, kNoDebugFiles);
  }

  static void Ask(const std::string& path, const std::string& debug_root) {
    const auto symbols = ElfSymbols::Read(path, "", debug_root);
    if (symbols == nullptr) return;
    size_t longest = 0;
    for (uint64_t address = 0; address < 0x6000; address += 13) {
      longest = std::max(longest, symbols->Find(address).size());
    }
    longest = std::max(longest, symbols->Find(~uint64_t{0}).size());
    if (longest > 1u << 20) FAIL("a name of " << longest << " bytes");
  }

 private:
  int descriptor_;
  std::string path_;
};

TEST_CASE("a file cut anywhere does no harm") {
  const std::string whole = ReadFile(TEST_HERONRY);
  DamagedFile file;
  file.Probe(whole);
  REQUIRE(ElfSymbols::Read(file.path(), "", kNoDebugFiles) != nullptr);
  for (size_t size = 0; size < whole.size(); size += 64) file.Probe(whole.substr(0, size));
}

TEST_CASE("a debug file cut anywhere does no harm") {
  const ScratchDirectory scratch;
  const fs::path stripped = Strip(scratch.path());
  const fs::path debug_file = PlaceDebugFile(scratch.path());
  const std::string whole = ReadFile(debug_file);
  for (size_t size = 0; size < whole.size(); size += 64) {
    WriteFile(debug_file, whole.substr(0, size));
    DamagedFile::Ask(stripped, scratch.path());
    // The exported names are there all the same.
    CHECK(ElfSymbols::Read(stripped, "", scratch.path()) != nullptr);
  }
}

TEST_CASE("a file with wrong bytes does no harm") {
  const std::string right = ReadFile(TEST_HERONRY);
  Elf64_Ehdr header;
  std::memcpy(&header, right.data(), sizeof(header));
  DamagedFile file;
  const auto probe_with = [&](size_t at, int value) {
    std::string wrong = right;
    wrong[at] = static_cast<char>(value);
    file.Probe(wrong);
  };
  for (size_t at = 0; at < sizeof(header); ++at) {
    for (int value : {0x00, 0x7f, 0xff}) probe_with(at, value);
  }
  for (size_t at = header.e_shoff; at < right.size(); ++at) {
    for (int value : {0x00, 0x7f, 0xff}) probe_with(at, value);
  }
  // Anywhere, many at a time; always the same ones.
  std::mt19937 random(20260101);
  for (int round = 0; round < 1000; ++round) {
    std::string wrong = right;
    for (int i = 0; i < 40; ++i) wrong[random() % wrong.size()] = static_cast<char>(random());
    // Most rounds should get beyond the first check.
    wrong.replace(0, EI_NIDENT, right, 0, EI_NIDENT);
    file.Probe(wrong);
  }
}

TEST_CASE("claims beyond the file's end are not believed") {
  const std::string right = ReadFile(TEST_HERONRY);
  Elf64_Ehdr header;
  std::memcpy(&header, right.data(), sizeof(header));
  DamagedFile file;
  const auto put = [](std::string* content, size_t at, const auto& value) {
    REQUIRE(at + sizeof(value) <= content->size());
    std::memcpy(content->data() + at, &value, sizeof(value));
  };
  const auto probe_with = [&](size_t at, const auto& value) {
    std::string wrong = right;
    put(&wrong, at, value);
    file.Probe(wrong);
  };
  for (const uint64_t value :
       {uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{0} - 63,
        uint64_t{right.size()}, uint64_t{right.size() - 1}}) {
    probe_with(offsetof(Elf64_Ehdr, e_shoff), value);
    for (size_t section = 0; section < header.e_shnum; ++section) {
      const size_t at = header.e_shoff + section * sizeof(Elf64_Shdr);
      for (const size_t field : {offsetof(Elf64_Shdr, sh_addr), offsetof(Elf64_Shdr, sh_offset),
                                 offsetof(Elf64_Shdr, sh_size), offsetof(Elf64_Shdr, sh_entsize)}) {
        probe_with(at + field, value);
      }
      probe_with(at + offsetof(Elf64_Shdr, sh_link), static_cast<uint32_t>(value));
    }
  }

  // The note of the build-id: sizes of its name and of itself.
  const size_t build_id = right.find(BytesOfHex(BuildIdByReadelf(TEST_HERONRY)));
  REQUIRE(build_id != std::string::npos);
  for (const uint32_t size : {0u, 1u, 5u, 21u, 64u, 0x7fffffffu, 0xfffffffcu, 0xffffffffu}) {
    probe_with(build_id - 16, size);
    probe_with(build_id - 12, size);
  }

  // With e_shnum 0 the first section header tells the number of sections.
  std::string extended = right;
  put(&extended, offsetof(Elf64_Ehdr, e_shnum), Elf64_Half{0});
  for (const uint64_t count : {uint64_t{0}, uint64_t{1} << 20, uint64_t{1} << 58, ~uint64_t{0},
                               uint64_t{header.e_shnum}}) {
    put(&extended, header.e_shoff + offsetof(Elf64_Shdr, sh_size), count);
    file.Probe(extended);
  }
  CHECK(ElfSymbols::Read(file.path(), "", kNoDebugFiles) != nullptr);
}

}  // namespace
}  // namespace fdorigin
