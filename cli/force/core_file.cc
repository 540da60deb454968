#include "force/core_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "report/text.h"

namespace fdorigin {
namespace {

constexpr uint64_t kMaxHeaders = 1u << 20;
constexpr uint64_t kMaxNoteBytes = 64ull << 20;

// What people have instead of a core file, by its first bytes.
const char* CompressionOf(const unsigned char (&head)[EI_NIDENT]) {
  const auto begins = [&head](std::string_view magic) {
    return std::memcmp(head, magic.data(), magic.size()) == 0;
  };
  if (begins("\x28\xb5\x2f\xfd")) return "zstd";
  if (begins("\x04\x22\x4d\x18")) return "lz4";
  if (begins("\xfd"
             "7zXZ")) {
    return "xz";
  }
  if (begins("\x1f\x8b")) return "gzip";
  return nullptr;
}

}  // namespace

CoreFile::~CoreFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<std::unique_ptr<CoreFile>> CoreFile::Open(const std::string& path) {
  std::unique_ptr<CoreFile> core(new CoreFile);
  core->path_ = ToPrintable(path);
  core->name_ = "the core file " + core->path_;
  core->descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat status = {};
  if (core->descriptor_ < 0 || fstat(core->descriptor_, &status) != 0) {
    return absl::NotFoundError("cannot read " + core->path_ + ": " + ErrnoText(errno));
  }
  if (!S_ISREG(status.st_mode)) return absl::DataLossError(core->path_ + " is not a core file");
  core->size_ = static_cast<uint64_t>(status.st_size);
  core->written_at_ns_ = status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
  if (const absl::Status read = core->ReadHeaders(); !read.ok()) return read;
  return core;
}

std::string CoreFile::missing() const {
  return path_ + " is cut short: it ends after " + std::to_string(size_) +
         " bytes, and should have " + std::to_string(promised_);
}

bool CoreFile::ReadFile(uint64_t offset, size_t bytes, void* to) const {
  auto* at = static_cast<char*>(to);
  if (offset > size_ || bytes > size_ - offset) {
    errno = ENODATA;
    return false;
  }
  while (bytes > 0) {
    const ssize_t got = pread(descriptor_, at, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

absl::Status CoreFile::ReadHeaders() {
  const absl::Status no_core = absl::DataLossError(path_ + " is not a core file");
  Elf64_Ehdr elf = {};
  if (!ReadFile(0, sizeof(elf.e_ident), elf.e_ident)) return no_core;
  if (const char* compression = CompressionOf(elf.e_ident)) {
    return absl::DataLossError(path_ + " is compressed (" + compression + "); unpack it first");
  }
  if (!ReadFile(0, sizeof(elf), &elf) || std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
      elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB ||
      elf.e_type != ET_CORE || elf.e_phentsize != sizeof(Elf64_Phdr)) {
    return no_core;
  }
  uint64_t count = elf.e_phnum;
  if (count == PN_XNUM) {  // more than the field can say
    Elf64_Shdr first = {};
    if (!ReadFile(elf.e_shoff, sizeof(first), &first)) return no_core;
    count = first.sh_info;
  }
  if (count == 0 || count > kMaxHeaders) return no_core;
  std::vector<Elf64_Phdr> headers(count);
  if (!ReadFile(elf.e_phoff, count * sizeof(Elf64_Phdr), headers.data())) {
    return absl::DataLossError(path_ + " is cut short: not even its headers are there");
  }
  for (const Elf64_Phdr& header : headers) {
    if (header.p_filesz > ~header.p_offset || header.p_memsz > ~header.p_vaddr) return no_core;
    promised_ = std::max(promised_, header.p_offset + header.p_filesz);
    if (header.p_type == PT_LOAD) {
      segments_.push_back({header.p_vaddr, header.p_filesz, header.p_offset, header.p_memsz,
                           (header.p_flags & PF_W) != 0});
    } else if (header.p_type == PT_NOTE && header.p_filesz <= kMaxNoteBytes) {
      std::vector<char> notes(header.p_filesz);
      if (ReadFile(header.p_offset, notes.size(), notes.data())) ReadNotes(notes);
    }
  }
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.address < b.address; });
  for (const Segment& segment : segments_) {
    const auto file =
        std::find_if(files_.begin(), files_.end(), [&segment](const MappedRange& range) {
          return segment.address >= range.low && segment.address < range.high;
        });
    ranges_.push_back({segment.address, segment.address + segment.memory_bytes, segment.writable,
                       file == files_.end() ? "" : file->file});
  }
  return absl::OkStatus();
}

void CoreFile::ReadNotes(const std::vector<char>& notes) {
  const auto padded = [](uint64_t size) { return (size + 3) & ~uint64_t{3}; };
  size_t at = 0;
  while (notes.size() - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data() + at, sizeof(note));
    at += sizeof(note);
    const uint64_t name_size = padded(note.n_namesz);
    if (name_size > notes.size() - at || note.n_descsz > notes.size() - at - name_size) return;
    const char* data = notes.data() + at + name_size;
    if (note.n_type == NT_PRPSINFO && note.n_descsz >= sizeof(prpsinfo_t)) {
      prpsinfo_t info;
      std::memcpy(&info, data, sizeof(info));
      pid_ = info.pr_pid;
      parent_ = info.pr_ppid;
    } else if (note.n_type == NT_FILE) {
      ReadFileNote(data, note.n_descsz);
    }
    at += std::min<uint64_t>(name_size + padded(note.n_descsz), notes.size() - at);
  }
}

// NT_FILE: the number of mappings, the page size, for each its start, end and page offset, and then
// their names, each with a NUL.
void CoreFile::ReadFileNote(const char* data, size_t size) {
  constexpr size_t kHeaderBytes = 2 * sizeof(uint64_t);
  constexpr size_t kEntryBytes = 3 * sizeof(uint64_t);
  uint64_t count = 0;
  if (size < kHeaderBytes) return;
  std::memcpy(&count, data, sizeof(count));
  if (count > (size - kHeaderBytes) / kEntryBytes) return;
  std::string_view names(data + kHeaderBytes + count * kEntryBytes,
                         size - kHeaderBytes - count * kEntryBytes);
  for (uint64_t i = 0; i < count && !names.empty(); ++i) {
    MappedRange range;
    std::memcpy(&range.low, data + kHeaderBytes + i * kEntryBytes, sizeof(uint64_t));
    std::memcpy(&range.high, data + kHeaderBytes + i * kEntryBytes + sizeof(uint64_t),
                sizeof(uint64_t));
    const size_t end = std::min(names.find('\0'), names.size());
    range.file = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    files_.push_back(std::move(range));
  }
}

bool CoreFile::Read(uint64_t address, size_t bytes, void* to) const {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    // The last segment that begins at or before the address.
    auto segment = std::upper_bound(
        segments_.begin(), segments_.end(), address,
        [](uint64_t value, const Segment& candidate) { return value < candidate.address; });
    if (segment == segments_.begin()) {
      errno = EFAULT;
      return false;
    }
    --segment;
    const uint64_t from = address - segment->address;
    if (from >= segment->bytes) {
      errno = EFAULT;
      return false;
    }
    const size_t part = std::min<uint64_t>(bytes, segment->bytes - from);
    if (!ReadFile(segment->offset + from, part, at)) return false;
    at += part;
    address += part;
    bytes -= part;
  }
  return true;
}

}  // namespace fdorigin
