#include "symbolize/elf_symbols.h"

#include <elf.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <tuple>

#include "symbolize/code_ranges.h"
#include "symbolize/debug_file.h"
#include "symbolize/elf_file.h"

namespace fdorigin {

ElfSymbols::ElfSymbols() = default;
ElfSymbols::~ElfSymbols() = default;

std::unique_ptr<ElfSymbols> ElfSymbols::Read(const std::string& path, std::string_view build_id,
                                             const std::string& debug_root) {
  ElfFile file;
  if (!file.Open(path) || !file.BuildId().starts_with(build_id)) return nullptr;

  auto symbols = std::make_unique<ElfSymbols>();
  bool complete = symbols->Add(file, Table::kFull);
  symbols->lines_ = DwarfLines::Read(file);
  if (!complete || symbols->lines_ == nullptr) {
    if (const auto debug_file = OpenDebugFile(file, path, debug_root); debug_file != nullptr) {
      if (!complete) complete = symbols->Add(*debug_file, Table::kFull);
      if (symbols->lines_ == nullptr) symbols->lines_ = DwarfLines::Read(*debug_file);
    }
  }
  if (!complete) {
    // Mini debug information leaves out what .dynsym has.
    if (const auto inner = OpenMiniDebugInfo(file); inner != nullptr) {
      symbols->Add(*inner, Table::kFull);
    }
    symbols->Add(file, Table::kDynamic);
  }
  symbols->Sort();
  if (symbols->symbols_.empty() && symbols->lines_ == nullptr) return nullptr;
  return symbols;
}

bool ElfSymbols::Add(const ElfFile& file, Table table) {
  const std::vector<Elf64_Shdr>& sections = file.sections();
  const uint32_t type = table == Table::kFull ? SHT_SYMTAB : SHT_DYNSYM;
  const auto header = std::find_if(sections.begin(), sections.end(),
                                   [type](const Elf64_Shdr& s) { return s.sh_type == type; });
  if (header == sections.end() || header->sh_link >= sections.size()) return false;
  const Elf64_Shdr& strings = sections[header->sh_link];
  std::vector<Elf64_Sym> entries;
  std::string names;
  if (header->sh_entsize != sizeof(Elf64_Sym) || strings.sh_type != SHT_STRTAB ||
      !file.ReadArray(header->sh_offset, header->sh_size, &entries) ||
      !file.ReadArray(strings.sh_offset, strings.sh_size, &names) ||
      names.size() >= std::numeric_limits<uint32_t>::max() - names_.size()) {
    return false;
  }
  const auto first_name = static_cast<uint32_t>(names_.size());
  const size_t before = symbols_.size();
  names_ += names;
  names_ += '\0';  // a damaged table may not end with one

  const CodeRanges code(sections);
  for (const Elf64_Sym& entry : entries) {
    const unsigned kind = ELF64_ST_TYPE(entry.st_info);
    if (kind != STT_FUNC && kind != STT_GNU_IFUNC && kind != STT_NOTYPE) continue;
    if (entry.st_shndx == SHN_UNDEF || entry.st_shndx == SHN_ABS) continue;
    // What follows a function without size in .dynsym may be local functions, which are not listed.
    if (entry.st_size == 0 && table == Table::kDynamic) continue;
    const uint64_t end = code.EndOf(entry.st_value);
    if (end == 0 || entry.st_name >= names.size()) continue;
    const uint32_t name = first_name + entry.st_name;
    if (NameAt(name).empty()) continue;
    const bool sized = entry.st_size != 0;
    const uint64_t room = end - entry.st_value;
    symbols_.push_back(
        {.low = entry.st_value,
         .high = sized ? entry.st_value + std::min<uint64_t>(entry.st_size, room) : end,
         .reach = 0,
         .name = name,
         .sized = sized,
         .global = ELF64_ST_BIND(entry.st_info) != STB_LOCAL});
  }
  return symbols_.size() > before;
}

void ElfSymbols::Sort() {
  std::sort(symbols_.begin(), symbols_.end(),
            [](const Symbol& a, const Symbol& b) { return a.low < b.low; });
  uint64_t reach = 0;
  for (Symbol& symbol : symbols_) {
    if (symbol.sized) reach = std::max(reach, symbol.high);
    symbol.reach = reach;
  }
}

SourceLine ElfSymbols::LineOf(uint64_t address) const {
  return lines_ == nullptr ? SourceLine{} : lines_->Find(address);
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
