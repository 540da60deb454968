// Core files as they come: whole, cut short, compressed, and no core files at all.
#include "force/core_file.h"

#include <elf.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace fdorigin {
namespace {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    char name[] = "/tmp/fdorigin-core-XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    close(fd);
    path_ = name;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <typename T>
void Append(std::string* to, const T& value) {
  to->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

constexpr uint64_t kDataAt = 0x7f0000001000;

// One writable segment of 32 bytes in memory, of which the file has 16, of the file
// /lib/libfinch.so.
std::string MakeCore() {
  std::string names("/lib/libfinch.so", sizeof("/lib/libfinch.so"));
  std::string note;
  for (const uint64_t word : {uint64_t{1}, uint64_t{4096}, kDataAt, kDataAt + 4096, uint64_t{3}}) {
    Append(&note, word);
  }
  note += names;
  std::string notes;
  Append(&notes, Elf64_Nhdr{5, static_cast<uint32_t>(note.size()), NT_FILE});
  notes.append("CORE\0\0\0\0", 8);
  notes += note;
  notes.resize((notes.size() + 3) / 4 * 4);

  Elf64_Ehdr elf = {};
  std::memcpy(elf.e_ident, ELFMAG, SELFMAG);
  elf.e_ident[EI_CLASS] = ELFCLASS64;
  elf.e_ident[EI_DATA] = ELFDATA2LSB;
  elf.e_type = ET_CORE;
  elf.e_phoff = sizeof(elf);
  elf.e_phentsize = sizeof(Elf64_Phdr);
  elf.e_phnum = 2;
  const uint64_t notes_at = sizeof(elf) + 2 * sizeof(Elf64_Phdr);
  std::string core;
  Append(&core, elf);
  Append(&core, Elf64_Phdr{.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = notes.size()});
  Append(&core, Elf64_Phdr{.p_type = PT_LOAD,
                           .p_flags = PF_R | PF_W,
                           .p_offset = notes_at + notes.size(),
                           .p_vaddr = kDataAt,
                           .p_filesz = 16,
                           .p_memsz = 32});
  return core + notes + "what was in here";
}

std::string MessageOf(const std::string& content) {
  const TemporaryFile file(content);
  const absl::StatusOr<std::unique_ptr<CoreFile>> core = CoreFile::Open(file.path());
  return core.ok() ? "" : std::string(core.status().message());
}

TEST_CASE("memory is read where the core file has it, and nowhere else", "[core]") {
  const TemporaryFile file(MakeCore());
  const absl::StatusOr<std::unique_ptr<CoreFile>> core = CoreFile::Open(file.path());
  REQUIRE(core.ok());
  REQUIRE((*core)->ranges().size() == 1);
  CHECK((*core)->ranges()[0].file == "/lib/libfinch.so");
  CHECK((*core)->ranges()[0].writable);
  CHECK_FALSE((*core)->cut_short());
  char text[16] = {};
  REQUIRE((*core)->Read(kDataAt + 5, 11, text));
  CHECK(std::string(text) == "was in here");
  CHECK_FALSE((*core)->Read(kDataAt + 5, 12, text));
  CHECK_FALSE((*core)->Read(kDataAt - 1, 2, text));
  CHECK_FALSE((*core)->Read(0, 1, text));
  CHECK_FALSE((*core)->Read(~uint64_t{0} - 3, 8, text));
}

TEST_CASE("a core file that is cut short says by how much", "[core]") {
  const std::string whole = MakeCore();
  const TemporaryFile file(whole.substr(0, whole.size() - 4));
  const absl::StatusOr<std::unique_ptr<CoreFile>> core = CoreFile::Open(file.path());
  REQUIRE(core.ok());
  CHECK((*core)->cut_short());
  CHECK((*core)->missing().find("ends after " + std::to_string(whole.size() - 4) +
                                " bytes, and should have " + std::to_string(whole.size())) !=
        std::string::npos);
  char text[16];
  CHECK((*core)->Read(kDataAt, 12, text));
  CHECK_FALSE((*core)->Read(kDataAt, 13, text));
}

TEST_CASE("a core file cut anywhere is an error or is read as far as it goes", "[core]") {
  const std::string whole = MakeCore();
  for (size_t size = 0; size < whole.size(); ++size) {
    const TemporaryFile file(whole.substr(0, size));
    const absl::StatusOr<std::unique_ptr<CoreFile>> core = CoreFile::Open(file.path());
    char text[16];
    if (core.ok()) CHECK_FALSE((*core)->Read(kDataAt, sizeof(text), text));
  }
}

TEST_CASE("what is no core file is told apart", "[core]") {
  CHECK(MessageOf("").find("is not a core file") != std::string::npos);
  CHECK(MessageOf("#!/bin/sh\nexit 0\n# and so on\n").find("is not a core file") !=
        std::string::npos);
  CHECK(MessageOf("\x28\xb5\x2f\xfd and then more than sixteen").find("is compressed (zstd)") !=
        std::string::npos);
  std::string program = MakeCore();
  program[offsetof(Elf64_Ehdr, e_type)] = ET_DYN;
  CHECK(MessageOf(program).find("is not a core file") != std::string::npos);
}

}  // namespace
}  // namespace fdorigin
