// Names and lines that are not in the library itself. The files are made by objcopy and xz, as
// distributions make them.
#include "symbolize/debug_file.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "symbolize/decompression.h"
#include "symbolize/elf_symbols.h"
#include "symbolize/files.h"

namespace fdorigin {
namespace {

namespace fs = std::filesystem;

void Objcopy(const std::string& arguments) { LinesOf(TEST_OBJCOPY " " + arguments + " 2>&1"); }

std::string Quoted(const fs::path& path) { return "'" + path.string() + "'"; }

// A stripped copy of the fixture with a link to the debug file, which is elsewhere yet. Debug files
// are named by the fixture's folder in the scratch directory: what is linked is a name only.
struct Linked {
  Linked() {
    fs::create_directories(folder);
    fs::create_directories(root);
    Objcopy("--only-keep-debug " TEST_HERONRY " " + Quoted(debug_file));
    Link();
  }

  void Link() const {
    Objcopy("--strip-all --add-gnu-debuglink=" + Quoted(debug_file) + " " TEST_HERONRY " " +
            Quoted(library));
  }

  std::unique_ptr<ElfSymbols> Read() const { return ElfSymbols::Read(library, "", root); }

  // Whether the debug file was found and believed.
  bool HasLocalNames() const {
    const auto symbols = Read();
    REQUIRE(symbols != nullptr);
    CHECK(symbols->Find(InHeronry("heronry_exported").low) == "heronry_exported");
    const NmSymbol local = InHeronry("heronry_local");
    const bool has_name = symbols->Find(local.low) == "heronry_local";
    CHECK((symbols->LineOf(local.low).line != 0) == has_name);
    return has_name;
  }

  const ScratchDirectory scratch;
  const fs::path folder = fs::canonical(scratch.path()) / "lib";
  const fs::path root = scratch.path() / "debug";
  const fs::path library = folder / "libheronry.so";
  const fs::path debug_file = scratch.path() / "heronry.debug";
};

TEST_CASE("a debug file is found by its link in each of the usual places") {
  const Linked linked;
  CHECK(!linked.HasLocalNames());
  const std::vector<fs::path> places = {linked.folder, linked.folder / ".debug",
                                        linked.root.string() + linked.folder.string()};
  const fs::path& place = places[GENERATE(0u, 1u, 2u)];
  INFO(place);
  fs::create_directories(place);
  fs::copy_file(linked.debug_file, place / "heronry.debug");
  CHECK(linked.HasLocalNames());
  const NmSymbol local = InHeronry("heronry_local");
  std::ostringstream command;
  command << TEST_ADDR2LINE " -e " TEST_HERONRY " 0x" << std::hex << local.low;
  const SourceLine source = linked.Read()->LineOf(local.low);
  CHECK(source.file + ":" + std::to_string(source.line) == LinesOf(command.str()).front());
}

TEST_CASE("a library that was reached by a symbolic link has its debug file beside the file") {
  const Linked linked;
  fs::copy_file(linked.debug_file, linked.folder / "heronry.debug");
  const fs::path alias = linked.scratch.path() / "elsewhere/libalias.so";
  fs::create_directory(alias.parent_path());
  fs::create_symlink(linked.library, alias);
  const auto symbols = ElfSymbols::Read(alias, "", linked.root);
  REQUIRE(symbols != nullptr);
  CHECK(symbols->Find(InHeronry("heronry_local").low) == "heronry_local");
}

TEST_CASE("a linked file with another checksum is not believed, and the next one is looked at") {
  const Linked linked;
  std::string content = ReadFile(linked.debug_file);
  // The last byte is one of the section headers', of a field that nobody reads.
  content.back() = static_cast<char>(content.back() ^ 1);
  WriteFile(linked.folder / "heronry.debug", content);
  CHECK(!linked.HasLocalNames());
  fs::create_directories(linked.folder / ".debug");
  fs::copy_file(linked.debug_file, linked.folder / ".debug/heronry.debug");
  CHECK(linked.HasLocalNames());
}

TEST_CASE("a linked file with another build-id is not believed") {
  const Linked linked;
  std::string content = ReadFile(linked.debug_file);
  const size_t at = content.find(BytesOfHex(BuildIdByReadelf(TEST_HERONRY)));
  REQUIRE(at != std::string::npos);
  content[at] = static_cast<char>(content[at] ^ 1);
  WriteFile(linked.debug_file, content);
  linked.Link();  // so that the checksum is right
  fs::copy_file(linked.debug_file, linked.folder / "heronry.debug");
  CHECK(!linked.HasLocalNames());
}

TEST_CASE("a link leads to a name, not to a path") {
  const Linked linked;
  fs::create_directories(linked.folder / "er");
  std::string content = ReadFile(linked.library);
  const size_t at = content.find("heronry.debug");
  REQUIRE(at != std::string::npos);
  content.replace(at, 3, "er/");
  WriteFile(linked.library, content);
  fs::copy_file(linked.debug_file, linked.folder / "er/onry.debug");
  CHECK(!linked.HasLocalNames());
}

// A stripped copy of the fixture with the names of its local functions inside.
fs::path WithMiniDebugInfo(const fs::path& directory, const std::string& xz_options) {
  const fs::path stripped = directory / "stripped.so";
  const fs::path mini = directory / "mini";
  const fs::path result = directory / "libheronry.so";
  Objcopy("--strip-all " TEST_HERONRY " " + Quoted(stripped));
  std::string exported = " ";
  for (const NmSymbol& symbol : Nm("-D", stripped)) exported += symbol.name + " ";
  std::string kept;
  for (const NmSymbol& symbol : Nm("", TEST_HERONRY)) {
    if (exported.find(" " + symbol.name + " ") == std::string::npos) kept += symbol.name + "\n";
  }
  WriteFile(directory / "kept", kept);
  Objcopy("--only-keep-debug " TEST_HERONRY " " + Quoted(mini));
  Objcopy("--strip-all --remove-section .comment --keep-symbols=" + Quoted(directory / "kept") +
          " " + Quoted(mini));
  LinesOf("xz " + xz_options + " " + Quoted(mini));
  Objcopy("--add-section .gnu_debugdata=" + Quoted(directory / "mini.xz") + " " + Quoted(stripped) +
          " " + Quoted(result));
  REQUIRE(Nm("", result).empty());
  return result;
}

TEST_CASE("a stripped library with mini debug information has the names of local functions too") {
  const std::string options = GENERATE("-6", "-9", "--check=crc32", "--block-size=512", "-T2");
  INFO(options);
  const ScratchDirectory scratch;
  const fs::path library = WithMiniDebugInfo(scratch.path(), options);
  const auto symbols = ElfSymbols::Read(library, "", "/nonexistent");
  REQUIRE(symbols != nullptr);
  CHECK(symbols->Find(InHeronry("heronry_local").low) == "heronry_local");
  CHECK(symbols->Find(InHeronry("heronry_exported").low) == "heronry_exported");
  CHECK(symbols->Find(InHeronry("_ZN7heronry4Nest5CountEPKcm").low) ==
        "_ZN7heronry4Nest5CountEPKcm");
  CHECK(symbols->LineOf(InHeronry("heronry_local").low).line == 0);
}

TEST_CASE("damaged mini debug information costs its names only") {
  const ScratchDirectory scratch;
  const fs::path library = WithMiniDebugInfo(scratch.path(), "-6");
  const std::string right = ReadFile(library);
  const std::string packed = ReadFile(scratch.path() / "mini.xz");
  const size_t begin = right.find(packed);
  REQUIRE(begin != std::string::npos);
  const uint64_t exported = InHeronry("heronry_exported").low;
  std::mt19937 random(20260103);
  for (int round = 0; round < 2000; ++round) {
    std::string wrong = right;
    const int count = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < count; ++i) {
      wrong[begin + random() % packed.size()] ^= static_cast<char>(1 << random() % 8);
    }
    WriteFile(library, wrong);
    const auto symbols = ElfSymbols::Read(library, "", "/nonexistent");
    REQUIRE(symbols != nullptr);
    if (symbols->Find(exported) != "heronry_exported") FAIL("round " << round);
  }
}

TEST_CASE("what is packed is unpacked only as far as it is bounded") {
  const ScratchDirectory scratch;
  const fs::path zeros = scratch.path() / "zeros";
  const auto xz = [&](uint64_t size) {
    WriteFile(zeros, "");
    fs::resize_file(zeros, size);
    LinesOf("xz -0 -k -f " + Quoted(zeros));
    std::string content;
    return UnpackXz(ReadFile(zeros.string() + ".xz"), &content) ? content.size() : 0;
  };
  CHECK(xz(1 << 20) == 1 << 20);
  CHECK(xz(100 << 20) == 0);
  std::string content;
  CHECK(!UnpackXz("", &content));
  CHECK(
      !UnpackXz("\xfd"
                "7zXZ",
                &content));

  // "heron" of RFC 1950 and 1951: a header, one stored block, Adler-32.
  const std::string heron("\x78\x01\x01\x05\x00\xfa\xffheron\x06\x43\x02\x1d", 16);
  CHECK(Inflate(heron, 5, &content));
  CHECK(content == "heron");
  CHECK(!Inflate(heron, 4, &content));
  CHECK(!Inflate(heron, 6, &content));
  CHECK(!Inflate(heron, 0, &content));
  CHECK(!Inflate(heron, ~uint64_t{0}, &content));
  CHECK(!Inflate(heron.substr(0, 12), 5, &content));
}

TEST_CASE("no descriptor stays open, whatever was looked at") {
  const auto open_descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const Linked linked;
  fs::copy_file(linked.debug_file, linked.folder / "heronry.debug");
  const ScratchDirectory scratch;
  const fs::path with_mini = WithMiniDebugInfo(scratch.path(), "-6");
  const auto before = open_descriptors();
  const auto first = linked.Read();
  const auto second = ElfSymbols::Read(with_mini, "", "/nonexistent");
  CHECK(first != nullptr);
  CHECK(second != nullptr);
  CHECK(open_descriptors() == before);
}

}  // namespace
}  // namespace fdorigin
