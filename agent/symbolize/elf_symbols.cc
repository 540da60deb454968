#include "symbolize/elf_symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "symbolize/hex.h"

namespace fdorigin {
namespace {

// A table that claims to be larger than this is not read: the largest real ones have a few dozen
// megabytes, and what is read is the host's memory.
constexpr uint64_t kMaxTableBytes = 512ull << 20;
constexpr uint64_t kMaxNoteBytes = 64ull << 10;
constexpr size_t kMaxBuildIdBytes = 64;

struct Range {
  uint64_t low;
  uint64_t high;
};

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

// An ELF file that is open, and its section headers.
class ElfSymbols::File {
 public:
  File() = default;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // False where the file cannot be read or is not an ELF file with sections.
  bool Open(const char* path) {
    // O_NONBLOCK, because a path may have come to name a FIFO.
    descriptor_ = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (descriptor_ < 0 || fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
      return false;
    }
    size_ = static_cast<uint64_t>(status.st_size);

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
    return count <= kMaxTableBytes / sizeof(Elf64_Shdr) &&
           ReadArray(elf.e_shoff, count * sizeof(Elf64_Shdr), &sections_);
  }

  const std::vector<Elf64_Shdr>& sections() const { return sections_; }

  std::string BuildId() const {
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

  // Reads `bytes` from `offset` on into a vector or string. False where the file does not have
  // them, or they are not at least one element.
  template <typename Array>
  bool ReadArray(uint64_t offset, uint64_t bytes, Array* array) const {
    using Element = typename Array::value_type;
    static_assert(std::is_trivially_copyable_v<Element>);
    if (offset > size_ || bytes > size_ - offset || bytes > kMaxTableBytes) return false;
    array->resize(bytes / sizeof(Element));
    bytes = array->size() * sizeof(Element);
    char* to = reinterpret_cast<char*>(array->data());
    while (bytes > 0) {
      const ssize_t got = pread(descriptor_, to, bytes, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      to += got;
      offset += static_cast<uint64_t>(got);
      bytes -= static_cast<uint64_t>(got);
    }
    return !array->empty();
  }

 private:
  int descriptor_ = -1;
  uint64_t size_ = 0;
  std::vector<Elf64_Shdr> sections_;
};

std::unique_ptr<ElfSymbols> ElfSymbols::Read(const std::string& path, std::string_view build_id,
                                             const std::string& debug_root) {
  File file;
  if (!file.Open(path.c_str())) return nullptr;
  const std::string own_build_id = file.BuildId();
  if (!own_build_id.starts_with(build_id)) return nullptr;

  auto symbols = std::make_unique<ElfSymbols>();
  if (symbols->Load(file, Table::kFull)) return symbols;

  if (own_build_id.size() > 1) {
    const std::string hex = ToHex(own_build_id);
    const std::string debug_path =
        debug_root + "/.build-id/" + hex.substr(0, 2) + "/" + hex.substr(2) + ".debug";
    File debug_file;
    if (debug_file.Open(debug_path.c_str()) && debug_file.BuildId() == own_build_id &&
        symbols->Load(debug_file, Table::kFull)) {
      return symbols;
    }
  }
  if (symbols->Load(file, Table::kDynamic)) return symbols;
  return nullptr;
}

bool ElfSymbols::Load(const File& file, Table table) {
  symbols_.clear();
  const std::vector<Elf64_Shdr>& sections = file.sections();
  const uint32_t type = table == Table::kFull ? SHT_SYMTAB : SHT_DYNSYM;
  const auto header = std::find_if(sections.begin(), sections.end(),
                                   [type](const Elf64_Shdr& s) { return s.sh_type == type; });
  if (header == sections.end() || header->sh_link >= sections.size()) return false;
  const Elf64_Shdr& strings = sections[header->sh_link];
  std::vector<Elf64_Sym> entries;
  if (header->sh_entsize != sizeof(Elf64_Sym) || strings.sh_type != SHT_STRTAB ||
      !file.ReadArray(header->sh_offset, header->sh_size, &entries) ||
      !file.ReadArray(strings.sh_offset, strings.sh_size, &names_)) {
    return false;
  }

  // A debug file has no code but the headers of its sections.
  std::vector<Range> code;
  for (const Elf64_Shdr& section : sections) {
    constexpr uint64_t kCode = SHF_ALLOC | SHF_EXECINSTR;
    if ((section.sh_flags & kCode) == kCode && section.sh_size > 0 &&
        section.sh_size <= ~section.sh_addr) {
      code.push_back({section.sh_addr, section.sh_addr + section.sh_size});
    }
  }
  std::sort(code.begin(), code.end(), [](const Range& a, const Range& b) { return a.low < b.low; });

  for (const Elf64_Sym& entry : entries) {
    const unsigned kind = ELF64_ST_TYPE(entry.st_info);
    if (kind != STT_FUNC && kind != STT_GNU_IFUNC && kind != STT_NOTYPE) continue;
    if (entry.st_shndx == SHN_UNDEF || entry.st_shndx == SHN_ABS) continue;
    // What follows a function without size in .dynsym may be local functions, which are not listed.
    if (entry.st_size == 0 && table == Table::kDynamic) continue;
    auto holder = std::upper_bound(code.begin(), code.end(), entry.st_value,
                                   [](uint64_t value, const Range& r) { return value < r.low; });
    if (holder == code.begin()) continue;
    --holder;
    if (entry.st_value >= holder->high || NameAt(entry.st_name).empty()) continue;
    const bool sized = entry.st_size != 0;
    const uint64_t room = holder->high - entry.st_value;
    symbols_.push_back(
        {.low = entry.st_value,
         .high = sized ? entry.st_value + std::min<uint64_t>(entry.st_size, room) : holder->high,
         .reach = 0,
         .name = entry.st_name,
         .sized = sized,
         .global = ELF64_ST_BIND(entry.st_info) != STB_LOCAL});
  }
  std::sort(symbols_.begin(), symbols_.end(),
            [](const Symbol& a, const Symbol& b) { return a.low < b.low; });
  uint64_t reach = 0;
  for (Symbol& symbol : symbols_) {
    if (symbol.sized) reach = std::max(reach, symbol.high);
    symbol.reach = reach;
  }
  return !symbols_.empty();
}

std::string_view ElfSymbols::NameAt(uint32_t offset) const {
  if (offset >= names_.size()) return {};
  std::string_view name = names_;
  name.remove_prefix(offset);
  name = name.substr(0, name.find('\0'));
  // "name@VERSION" and "name@@VERSION"; a name does not begin with its version.
  return name.substr(0, name.find('@', 1));
}

bool ElfSymbols::IsBetter(const Symbol& one, const Symbol& other) const {
  const auto key = [this](const Symbol& symbol) {
    const std::string_view name = NameAt(symbol.name);
    const size_t underscores = std::min(name.find_first_not_of('_'), name.size());
    return std::tuple(!symbol.global, underscores, name.size(), name);
  };
  return key(one) < key(other);
}

std::string_view ElfSymbols::Find(uint64_t address) const {
  const auto after =
      std::upper_bound(symbols_.begin(), symbols_.end(), address,
                       [](uint64_t value, const Symbol& symbol) { return value < symbol.low; });
  const Symbol* best = nullptr;
  // Inner functions (cold parts, entry points in assembler code) begin after the outer one.
  for (auto it = after; it != symbols_.begin();) {
    --it;
    if (it->reach <= address || (best != nullptr && it->low < best->low)) break;
    if (it->sized && address < it->high && (best == nullptr || IsBetter(*it, *best))) best = &*it;
  }
  if (best != nullptr) return NameAt(best->name);

  // Without a size a symbol goes as far as the next one, or to the end of its section.
  for (auto it = after; it != symbols_.begin() && std::prev(it)->low == std::prev(after)->low;) {
    --it;
    if (it->sized) return {};  // which ended before `address`
    if (address < it->high && (best == nullptr || IsBetter(*it, *best))) best = &*it;
  }
  return best == nullptr ? std::string_view{} : NameAt(best->name);
}

}  // namespace fdorigin
