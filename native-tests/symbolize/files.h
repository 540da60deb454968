// What the tests of this folder share: scratch files, other programs' output, the JDK.
#ifndef FDORIGIN_NATIVE_TESTS_SYMBOLIZE_FILES_H_
#define FDORIGIN_NATIVE_TESTS_SYMBOLIZE_FILES_H_

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace fdorigin {

// A directory that goes with the object.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "fdorigin-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteFile(const std::filesystem::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  REQUIRE(file.flush());
}

// The lines that a shell command prints.
inline std::vector<std::string> LinesOf(const std::string& command) {
  INFO(command);
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char part[4096];
  for (size_t got; (got = std::fread(part, 1, sizeof(part), pipe)) > 0;) text.append(part, got);
  REQUIRE(pclose(pipe) == 0);
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// What nm says of a function that has a size or a place.
struct NmSymbol {
  uint64_t low;
  uint64_t size;  // 0 where nm gives none
  char type;      // nm's letter
  std::string name;
};

// `flags`: "" for .symtab, "-D" for .dynsym. Symbols of code only, without versions.
inline std::vector<NmSymbol> Nm(const std::string& flags, const std::string& file) {
  std::vector<NmSymbol> symbols;
  for (const std::string& line :
       LinesOf(TEST_NM " -S --defined-only " + flags + " '" + file + "' 2>/dev/null")) {
    std::istringstream words(line);
    NmSymbol symbol{};
    std::string second;
    std::string type;
    words >> std::hex >> symbol.low >> second;
    if (second.size() == 1) {
      type = second;
    } else {
      symbol.size = std::stoull(second, nullptr, 16);
      words >> type;
    }
    words >> symbol.name;
    symbol.name = symbol.name.substr(0, symbol.name.find('@', 1));
    symbol.type = type[0];
    if (std::string("tTwWiu").find(symbol.type) != std::string::npos) symbols.push_back(symbol);
  }
  return symbols;
}

// What nm says of a function of the fixture.
inline NmSymbol InHeronry(const std::string& name) {
  for (const NmSymbol& symbol : Nm("", TEST_HERONRY)) {
    if (symbol.name == name) return symbol;
  }
  FAIL("nm does not know " << name);
  std::abort();
}

// The build-id of a file, in hex, as readelf prints it; empty where it has none.
inline std::string BuildIdByReadelf(const std::string& file) {
  for (const std::string& line : LinesOf(TEST_READELF " -n '" + file + "' 2>/dev/null")) {
    const size_t at = line.find("Build ID: ");
    if (at != std::string::npos) return line.substr(at + 10);
  }
  return {};
}

inline std::string BytesOfHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

inline std::string JdkHome() {
  const char* home = std::getenv("JAVA_HOME");
  return home != nullptr && *home != '\0' ? home : TEST_JDK;
}

inline std::string LibjvmPath() { return JdkHome() + "/lib/server/libjvm.so"; }

}  // namespace fdorigin

#endif  // FDORIGIN_NATIVE_TESTS_SYMBOLIZE_FILES_H_
