// Which of this machine's libraries make system calls by themselves: the oracle is objdump.
#include "arch/system_call_finder.h"

#include <elf.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fdorigin {
namespace {

std::vector<uint8_t> ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Finds(const std::vector<uint8_t>& file) {
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof(header));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, file.data() + header.e_phoff + i * sizeof(segment), sizeof(segment));
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    if (HasSystemCall(std::span(file).subspan(segment.p_offset, segment.p_filesz))) return true;
  }
  return false;
}

bool ObjdumpFinds(const std::string& path) {
  const std::string command =
      "objdump -d --no-show-raw-insn '" + path + "' | grep -Pq '\\tsyscall *$'";
  return std::system(command.c_str()) == 0;
}

TEST_CASE("a library makes system calls if objdump says so") {
  // As they come: some dozen libraries of a few hundred kilobytes, and those that certainly do.
  std::vector<std::string> paths = {"/lib/x86_64-linux-gnu/libc.so.6",
                                    "/lib/x86_64-linux-gnu/libm.so.6"};
  for (const auto& entry : std::filesystem::directory_iterator("/lib/x86_64-linux-gnu")) {
    if (paths.size() == 40) break;
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    const std::string path = entry.path();
    if (path.find(".so") != std::string::npos && entry.file_size() < 600'000) paths.push_back(path);
  }
  int found = 0;
  int looked_at = 0;
  for (const std::string& path : paths) {
    const std::vector<uint8_t> file = ReadAll(path);
    if (file.size() < sizeof(Elf64_Ehdr) || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0)
      continue;
    INFO(path);
    const bool finds = Finds(file);
    CHECK(finds == ObjdumpFinds(path));
    ++looked_at;
    if (finds) ++found;
  }
  CHECK(found > 0);
  CHECK(found < looked_at);
}

TEST_CASE("bytes inside another instruction are no system call") {
  std::vector<uint8_t> code(64, 0x90);                          // nop
  const uint8_t load[] = {0xb8, 0x0f, 0x05, 0x00, 0x00, 0xc3};  // mov $0x50f,%eax; ret
  for (const uint8_t byte : load) code.push_back(byte);
  CHECK_FALSE(HasSystemCall(code));
  code.push_back(0x0f);
  CHECK_FALSE(HasSystemCall(code));
  code.push_back(0x05);
  CHECK(HasSystemCall(code));
  CHECK_FALSE(HasSystemCall({}));
}

}  // namespace
}  // namespace fdorigin
