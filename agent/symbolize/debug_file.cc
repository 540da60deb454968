#include "symbolize/debug_file.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "symbolize/decompression.h"
#include "symbolize/hex.h"

namespace fdorigin {
namespace {

constexpr uint64_t kMaxLinkBytes = 4096;

struct DebugLink {
  std::string name;
  uint32_t crc;
};

std::optional<DebugLink> DebugLinkOf(const ElfFile& file) {
  const Elf64_Shdr* section = file.SectionNamed(".gnu_debuglink");
  std::string content;
  if (section == nullptr || section->sh_size > kMaxLinkBytes ||
      !file.ReadSection(*section, &content)) {
    return std::nullopt;
  }
  // The name with its NUL, filled up to a multiple of four, and the CRC.
  const size_t length = content.find('\0');
  if (length == std::string::npos || length == 0) return std::nullopt;
  const size_t crc_at = (length + 1 + 3) & ~size_t{3};
  DebugLink link{.name = content.substr(0, length), .crc = 0};
  if (crc_at + sizeof(link.crc) > content.size() || link.name.find('/') != std::string::npos) {
    return std::nullopt;
  }
  std::memcpy(&link.crc, content.data() + crc_at, sizeof(link.crc));
  return link;
}

// The folder of the file behind all symbolic links; empty where it cannot be told.
std::string FolderOf(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return {};
  std::string folder(real);
  std::free(real);
  folder.resize(folder.rfind('/') + 1);
  return folder;
}

}  // namespace

std::unique_ptr<ElfFile> OpenDebugFile(const ElfFile& file, const std::string& path,
                                       const std::string& debug_root) {
  const std::string build_id = file.BuildId();
  if (build_id.size() > 1) {
    const std::string hex = ToHex(build_id);
    auto debug_file = std::make_unique<ElfFile>();
    if (debug_file->Open(debug_root + "/.build-id/" + hex.substr(0, 2) + "/" + hex.substr(2) +
                         ".debug") &&
        debug_file->BuildId() == build_id) {
      return debug_file;
    }
  }

  const std::optional<DebugLink> link = DebugLinkOf(file);
  const std::string folder = link ? FolderOf(path) : "";
  if (folder.empty()) return nullptr;
  for (const std::string& candidate :
       {folder + link->name, folder + ".debug/" + link->name, debug_root + folder + link->name}) {
    auto debug_file = std::make_unique<ElfFile>();
    if (!debug_file->Open(candidate)) continue;
    const std::string other_id = debug_file->BuildId();
    if (!build_id.empty() && !other_id.empty() && other_id != build_id) continue;
    if (debug_file->Crc32() == link->crc) return debug_file;
  }
  return nullptr;
}

std::unique_ptr<ElfFile> OpenMiniDebugInfo(const ElfFile& file) {
  const Elf64_Shdr* section = file.SectionNamed(".gnu_debugdata");
  std::string packed;
  std::string unpacked;
  if (section == nullptr || !file.ReadSection(*section, &packed) || !UnpackXz(packed, &unpacked)) {
    return nullptr;
  }
  auto inner = std::make_unique<ElfFile>();
  return inner->OpenBytes(std::move(unpacked)) ? std::move(inner) : nullptr;
}

}  // namespace fdorigin
