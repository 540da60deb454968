#include "symbolize/elf_file.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "symbolize/decompression.h"

namespace fdorigin {
namespace {

constexpr uint64_t kMaxNoteBytes = 64ull << 10;
constexpr uint64_t kMaxNameTableBytes = 16ull << 20;
constexpr size_t kMaxBuildIdBytes = 64;

// The build-id among the notes of a section; empty where it is not there.
std::string BuildIdIn(std::string_view notes) {
  constexpr std::string_view kGnu("GNU", sizeof("GNU"));
  const auto padded = [](uint64_t size) { return (size + 3) & ~uint64_t{3}; };
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data(), sizeof(note));
    notes.remove_prefix(sizeof(note));
    const uint64_t name_size = padded(note.n_namesz);
    if (name_size > notes.size() || note.n_descsz > notes.size() - name_size) break;
    if (note.n_type == NT_GNU_BUILD_ID && notes.substr(0, note.n_namesz) == kGnu) {
      if (note.n_descsz == 0 || note.n_descsz > kMaxBuildIdBytes) break;
      return std::string(notes.substr(name_size, note.n_descsz));
    }
    notes.remove_prefix(std::min<uint64_t>(name_size + padded(note.n_descsz), notes.size()));
  }
  return {};
}

}  // namespace

ElfFile::~ElfFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

bool ElfFile::Open(const std::string& path) {
  // O_NONBLOCK, because a path may have come to name a FIFO.
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat status;
  if (descriptor_ < 0 || fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    return false;
  }
  size_ = static_cast<uint64_t>(status.st_size);
  return ReadHeaders();
}

bool ElfFile::OpenBytes(std::string bytes) {
  bytes_ = std::move(bytes);
  size_ = bytes_.size();
  return ReadHeaders();
}

bool ElfFile::ReadHeaders() {
  std::vector<Elf64_Ehdr> header;
  if (!ReadArray(0, sizeof(Elf64_Ehdr), &header)) return false;
  const Elf64_Ehdr& elf = header.front();
  if (std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
      elf.e_ident[EI_DATA] != ELFDATA2LSB || elf.e_shentsize != sizeof(Elf64_Shdr)) {
    return false;
  }
  uint64_t count = elf.e_shnum;
  if (count == 0) {  // there are none, or more than the field can say
    std::vector<Elf64_Shdr> first;
    if (elf.e_shoff == 0 || !ReadArray(elf.e_shoff, sizeof(Elf64_Shdr), &first)) return false;
    count = first.front().sh_size;
  }
  if (count > kMaxTableBytes / sizeof(Elf64_Shdr) ||
      !ReadArray(elf.e_shoff, count * sizeof(Elf64_Shdr), &sections_)) {
    return false;
  }
  // Without names there are symbols all the same.
  const uint64_t names = elf.e_shstrndx == SHN_XINDEX ? sections_.front().sh_link : elf.e_shstrndx;
  if (names >= sections_.size() || sections_[names].sh_type != SHT_STRTAB ||
      sections_[names].sh_size > kMaxNameTableBytes ||
      !ReadArray(sections_[names].sh_offset, sections_[names].sh_size, &section_names_)) {
    section_names_.clear();
  }
  return true;
}

bool ElfFile::Read(uint64_t offset, size_t bytes, char* to) const {
  if (descriptor_ < 0) {
    std::memcpy(to, bytes_.data() + offset, bytes);
    return true;
  }
  while (bytes > 0) {
    const ssize_t got = pread(descriptor_, to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

const Elf64_Shdr* ElfFile::SectionNamed(std::string_view name) const {
  const std::string_view names = section_names_;
  const auto section =
      std::find_if(sections_.begin(), sections_.end(), [names, name](const Elf64_Shdr& candidate) {
        if (candidate.sh_name >= names.size()) return false;
        const std::string_view rest = names.substr(candidate.sh_name);
        return rest.substr(0, rest.find('\0')) == name;
      });
  return section == sections_.end() ? nullptr : &*section;
}

bool ElfFile::ReadSection(const Elf64_Shdr& section, std::string* content) const {
  if (section.sh_type == SHT_NOBITS || !ReadArray(section.sh_offset, section.sh_size, content)) {
    return false;
  }
  if ((section.sh_flags & SHF_COMPRESSED) == 0) return true;
  Elf64_Chdr header;
  if (content->size() < sizeof(header)) return false;
  std::memcpy(&header, content->data(), sizeof(header));
  const std::string_view packed = std::string_view(*content).substr(sizeof(header));
  std::string unpacked;
  if (header.ch_type != ELFCOMPRESS_ZLIB || !Inflate(packed, header.ch_size, &unpacked)) {
    return false;
  }
  *content = std::move(unpacked);
  return true;
}

bool ElfFile::ReadDebugSection(std::string_view name, std::string* content) const {
  if (const Elf64_Shdr* section = SectionNamed(".debug_" + std::string(name));
      section != nullptr && ReadSection(*section, content)) {
    return true;
  }
  // "ZLIB", the size as a big-endian number of eight bytes, and then what zlib made.
  constexpr std::string_view kMagic = "ZLIB";
  constexpr size_t kHeaderBytes = kMagic.size() + 8;
  const Elf64_Shdr* section = SectionNamed(".zdebug_" + std::string(name));
  std::string packed;
  if (section == nullptr || !ReadSection(*section, &packed) || packed.size() < kHeaderBytes ||
      !packed.starts_with(kMagic)) {
    return false;
  }
  uint64_t size = 0;
  for (size_t i = kMagic.size(); i < kHeaderBytes; ++i) {
    size = size << 8 | static_cast<unsigned char>(packed[i]);
  }
  return Inflate(std::string_view(packed).substr(kHeaderBytes), size, content);
}

std::string ElfFile::BuildId() const {
  for (const Elf64_Shdr& section : sections_) {
    std::string notes;
    if (section.sh_type != SHT_NOTE || section.sh_size > kMaxNoteBytes ||
        !ReadArray(section.sh_offset, section.sh_size, &notes)) {
      continue;
    }
    std::string build_id = BuildIdIn(notes);
    if (!build_id.empty()) return build_id;
  }
  return {};
}

std::optional<uint32_t> ElfFile::Crc32() const {
  std::vector<char> part(256 << 10);
  uint32_t crc = 0;
  for (uint64_t at = 0; at < size_;) {
    const size_t bytes = std::min<uint64_t>(part.size(), size_ - at);
    if (!Read(at, bytes, part.data())) return std::nullopt;
    crc = libdeflate_crc32(crc, part.data(), bytes);
    at += bytes;
  }
  return crc;
}

}  // namespace fdorigin
