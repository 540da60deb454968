#include "symbolize/dwarf_lines.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "symbolize/code_ranges.h"

namespace fdorigin {
namespace {

constexpr int64_t kMaxLine = std::numeric_limits<int>::max();

// The numbers of DWARF 5, chapters 6.2 and 7.22, and of 7.5.6 for the forms.
enum StandardOperation : uint8_t {
  kExtended = 0,
  kCopy = 1,
  kAdvancePc = 2,
  kAdvanceLine = 3,
  kSetFile = 4,
  kConstAddPc = 8,
  kFixedAdvancePc = 9,
};
enum ExtendedOperation : uint8_t { kEndSequence = 1, kSetAddress = 2 };
enum ContentType : uint64_t { kPath = 1, kDirectoryIndex = 2 };
enum Form : uint64_t {
  kData2 = 0x05,
  kData4 = 0x06,
  kData8 = 0x07,
  kString = 0x08,
  kBlock = 0x09,
  kBlock1 = 0x0a,
  kData1 = 0x0b,
  kStrp = 0x0e,
  kUdata = 0x0f,
  kData16 = 0x1e,
  kLineStrp = 0x1f,
};

// Reads from front to back. Beyond the end, and once something was not there, all is 0.
class Reader {
 public:
  Reader() = default;
  // From `begin` on, up to `end` or the end of `bytes`.
  Reader(std::string_view bytes, uint64_t begin, uint64_t end)
      : bytes_(bytes.substr(0, std::min<uint64_t>(end, bytes.size()))),
        at_(std::min<uint64_t>(begin, bytes_.size())) {}

  bool ok() const { return ok_; }
  bool at_end() const { return !ok_ || at_ >= bytes_.size(); }
  uint64_t position() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

  void Skip(uint64_t bytes) {
    if (bytes > left()) return Fail();
    at_ += bytes;
  }

  template <typename Number>
  Number Fixed() {
    Number number = 0;
    if (!ok_ || sizeof(number) > left()) {
      Fail();
      return 0;
    }
    std::memcpy(&number, bytes_.data() + at_, sizeof(number));
    at_ += sizeof(number);
    return number;
  }
  uint8_t Byte() { return Fixed<uint8_t>(); }
  // A length or an offset, which has eight bytes in the 64-bit form of DWARF.
  uint64_t Offset(bool is_64) { return is_64 ? Fixed<uint64_t>() : Fixed<uint32_t>(); }

  // LEB128. What does not fit into 64 bits is cut off.
  uint64_t Unsigned() {
    unsigned bits = 0;
    return Leb128(&bits).first;
  }
  int64_t Signed() {
    unsigned bits = 0;
    auto [value, last] = Leb128(&bits);
    if ((last & 0x40) != 0 && bits < 64) value |= ~uint64_t{0} << bits;
    return static_cast<int64_t>(value);
  }

  std::string_view String() {
    const size_t end = ok_ ? bytes_.find('\0', at_) : std::string_view::npos;
    if (end == std::string_view::npos) {
      Fail();
      return {};
    }
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

 private:
  void Fail() {
    ok_ = false;
    at_ = bytes_.size();
  }

  std::pair<uint64_t, uint8_t> Leb128(unsigned* bits) {
    uint64_t value = 0;
    uint8_t byte = 0;
    do {
      byte = Byte();
      if (*bits < 64) value |= static_cast<uint64_t>(byte & 0x7f) << *bits;
      *bits += 7;
    } while ((byte & 0x80) != 0);
    return {value, byte};
  }

  std::string_view bytes_;
  uint64_t at_ = 0;
  bool ok_ = true;
};

// The string at `offset` of a section of strings.
std::string_view StringAt(std::string_view section, uint64_t offset) {
  return Reader(section, offset, section.size()).String();
}

std::string Join(std::string_view directory, std::string_view name) {
  if (directory.empty() || name.starts_with('/')) return std::string(name);
  return std::string(directory) + (directory.ends_with('/') ? "" : "/") + std::string(name);
}

}  // namespace

// The line table of one compilation unit: its header, and where its parts are in .debug_line.
struct DwarfLines::Unit {
  bool is_64 = false;
  uint16_t version = 0;
  uint64_t tables = 0;   // directories and files
  uint64_t program = 0;  // the operations
  uint64_t end = 0;      // and where they end: the next unit
  uint8_t instruction_bytes = 0;
  uint8_t operations_per_instruction = 0;
  int8_t line_base = 0;
  uint8_t line_range = 0;
  uint8_t operation_base = 0;
  std::string_view operand_counts;  // of the standard operations, from 1 on

  // The unit at `begin`; nothing where no table can be there, or none of a known kind. `*next` is
  // where the next one would begin, if that can be told.
  static std::optional<Unit> At(std::string_view lines, uint64_t begin, uint64_t* next) {
    Unit unit;
    Reader reader(lines, begin, lines.size());
    uint64_t length = reader.Fixed<uint32_t>();
    unit.is_64 = length == 0xffffffff;
    if (unit.is_64) length = reader.Fixed<uint64_t>();
    if (!reader.ok() || length == 0 || length > reader.left()) return std::nullopt;
    unit.end = *next = reader.position() + length;

    reader = Reader(lines, reader.position(), unit.end);
    unit.version = reader.Fixed<uint16_t>();
    if (unit.version < 2 || unit.version > 5) return std::nullopt;
    if (unit.version >= 5) reader.Skip(2);  // the sizes of addresses and segment selectors
    const uint64_t header_bytes = reader.Offset(unit.is_64);
    if (header_bytes > reader.left()) return std::nullopt;
    unit.program = reader.position() + header_bytes;

    reader = Reader(lines, reader.position(), unit.program);
    unit.instruction_bytes = reader.Byte();
    // Some producers write 0 and mean 1; it is divided by.
    unit.operations_per_instruction =
        unit.version >= 4 ? std::max<uint8_t>(reader.Byte(), 1) : uint8_t{1};
    reader.Skip(1);  // whether rows are statements by default
    unit.line_base = static_cast<int8_t>(reader.Byte());
    unit.line_range = reader.Byte();
    unit.operation_base = reader.Byte();
    if (!reader.ok() || unit.line_range == 0 || unit.operation_base == 0) return std::nullopt;
    const uint64_t counts = reader.position();
    reader.Skip(unit.operation_base - 1u);
    if (!reader.ok()) return std::nullopt;
    unit.operand_counts = lines.substr(counts, unit.operation_base - 1u);
    unit.tables = reader.position();
    return unit;
  }
};

namespace {

struct Row {
  uint64_t address = 0;
  uint64_t file = 1;
  int64_t line = 1;
  bool ends_sequence = false;
};

// Runs the operations of a line table from `reader` on, and hands out each row, with the position
// behind it. Until `see(row, position)` says false, or the operations end.
template <typename Unit, typename See>
void Run(const Unit& unit, Reader reader, const See& see) {
  Row row;
  uint64_t operation_index = 0;
  const auto advance = [&](uint64_t operations) {
    const uint64_t index = operation_index + operations;
    row.address += unit.instruction_bytes * (index / unit.operations_per_instruction);
    operation_index = index % unit.operations_per_instruction;
  };
  const auto add_to_line = [&row](int64_t lines) {
    row.line = static_cast<int64_t>(static_cast<uint64_t>(row.line) + static_cast<uint64_t>(lines));
  };

  while (!reader.at_end()) {
    const uint8_t operation = reader.Byte();
    bool is_row = false;
    if (operation >= unit.operation_base) {
      const int special = operation - unit.operation_base;
      advance(static_cast<uint64_t>(special / unit.line_range));
      add_to_line(unit.line_base + special % unit.line_range);
      is_row = true;
    } else if (operation == kExtended) {
      const uint64_t bytes = reader.Unsigned();
      if (bytes > reader.left()) return;
      const uint64_t behind = reader.position() + bytes;
      const uint8_t extended = bytes > 0 ? reader.Byte() : uint8_t{0};
      if (extended == kEndSequence) {
        row.ends_sequence = is_row = true;
      } else if (extended == kSetAddress && bytes == 1 + sizeof(uint64_t)) {
        row.address = reader.Fixed<uint64_t>();
        operation_index = 0;
      }
      reader.Skip(behind - reader.position());
    } else {
      switch (operation) {
        case kCopy:
          is_row = true;
          break;
        case kAdvancePc:
          advance(reader.Unsigned());
          break;
        case kAdvanceLine:
          add_to_line(reader.Signed());
          break;
        case kSetFile:
          row.file = reader.Unsigned();
          break;
        case kConstAddPc:
          advance(static_cast<uint64_t>((255 - unit.operation_base) / unit.line_range));
          break;
        case kFixedAdvancePc:
          row.address += reader.Fixed<uint16_t>();
          operation_index = 0;
          break;
        default:  // columns and the like, and what later versions may add
          for (auto n = static_cast<uint8_t>(unit.operand_counts[operation - 1u]); n > 0; --n) {
            reader.Unsigned();
          }
      }
    }
    if (!is_row || !reader.ok()) continue;
    if (!see(row, reader.position())) return;
    if (row.ends_sequence) {
      row = Row{};
      operation_index = 0;
    }
  }
}

}  // namespace

std::unique_ptr<DwarfLines> DwarfLines::Read(const ElfFile& file) {
  auto lines = std::make_unique<DwarfLines>();
  if (!file.ReadDebugSection("line", &lines->lines_)) return nullptr;
  lines->ReadSequences(file);
  if (lines->sequences_.empty()) return nullptr;
  // DWARF 5 keeps names here; a file whose tables have them inside has neither.
  if (!file.ReadDebugSection("line_str", &lines->line_strings_)) lines->line_strings_.clear();
  if (!file.ReadDebugSection("str", &lines->strings_)) lines->strings_.clear();
  return lines;
}

void DwarfLines::ReadSequences(const ElfFile& file) {
  const CodeRanges code(file.sections());
  uint64_t next = 0;
  for (uint64_t at = 0; at < lines_.size(); at = next) {
    next = lines_.size();
    const std::optional<Unit> unit = Unit::At(lines_, at, &next);
    if (!unit) continue;
    bool inside = false;  // of a sequence, which began at `low`
    uint64_t low = 0;
    uint64_t start = unit->program;
    Run(*unit, Reader(lines_, unit->program, unit->end), [&](const Row& row, uint64_t position) {
      if (!inside) low = row.address;
      inside = true;
      if (!row.ends_sequence) return true;
      // Linkers leave the tables of functions that they removed, at address 0 or beyond the end.
      if (low < row.address && code.EndOf(low) != 0) {
        sequences_.push_back(
            {.low = low, .high = row.address, .reach = 0, .unit = at, .start = start});
      }
      inside = false;
      start = position;
      return true;
    });
  }
  std::sort(sequences_.begin(), sequences_.end(),
            [](const Sequence& a, const Sequence& b) { return a.low < b.low; });
  uint64_t reach = 0;
  for (Sequence& sequence : sequences_) {
    reach = std::max(reach, sequence.high);
    sequence.reach = reach;
  }
}

SourceLine DwarfLines::Find(uint64_t address) const {
  auto sequence = std::upper_bound(
      sequences_.begin(), sequences_.end(), address,
      [](uint64_t value, const Sequence& candidate) { return value < candidate.low; });
  do {
    if (sequence == sequences_.begin()) return {};
    --sequence;
    if (sequence->reach <= address) return {};
  } while (sequence->high <= address);

  uint64_t next = 0;
  const std::optional<Unit> unit = Unit::At(lines_, sequence->unit, &next);
  if (!unit) return {};
  // A row holds up to the next one; of several at one address the last one holds.
  bool held = false;
  Row holder = {};
  Run(*unit, Reader(lines_, sequence->start, unit->end), [&](const Row& row, uint64_t) {
    if (row.address > address && held) return false;
    held = row.address <= address && !row.ends_sequence;
    if (held) holder = row;
    return !row.ends_sequence;
  });
  // Line 0 is what compilers say of code that no line stands for.
  if (!held || holder.line <= 0 || holder.line > kMaxLine) return {};
  SourceLine found{.file = FileName(*unit, holder.file), .line = static_cast<int>(holder.line)};
  return found.file.empty() ? SourceLine{} : found;
}

std::string DwarfLines::FileName(const Unit& unit, uint64_t index) const {
  Reader reader(lines_, unit.tables, unit.program);
  std::vector<std::string_view> directories;
  if (unit.version < 5) {
    // Both tables end with an empty name, and count from 1. Directory 0 is where the compiler ran.
    directories.emplace_back();
    for (std::string_view name; !(name = reader.String()).empty();) directories.push_back(name);
    std::string_view name;
    uint64_t directory = 0;
    for (uint64_t i = 1; i <= index; ++i) {
      name = reader.String();
      if (name.empty()) return {};
      directory = reader.Unsigned();
      reader.Unsigned();  // time of the last change
      reader.Unsigned();  // size
    }
    if (!reader.ok() || directory >= directories.size()) return {};
    return Join(directories[directory], name);
  }

  // Both tables begin with the form of their entries, and count from 0.
  struct Entry {
    std::string_view path;
    uint64_t directory = 0;
  };
  using Format = std::vector<std::pair<uint64_t, uint64_t>>;
  const auto read_format = [&reader] {
    Format format(reader.Byte());
    for (auto& [content, form] : format) {
      content = reader.Unsigned();
      form = reader.Unsigned();
    }
    return format;
  };
  const auto read_entry = [&](const Format& format) {
    Entry entry;
    for (const auto& [content, form] : format) {
      std::string_view text;
      uint64_t number = 0;
      switch (form) {
        case kString:
          text = reader.String();
          break;
        case kLineStrp:
          text = StringAt(line_strings_, reader.Offset(unit.is_64));
          break;
        case kStrp:
          text = StringAt(strings_, reader.Offset(unit.is_64));
          break;
        case kUdata:
          number = reader.Unsigned();
          break;
        case kData1:
          number = reader.Byte();
          break;
        case kData2:
          number = reader.Fixed<uint16_t>();
          break;
        case kData4:
          number = reader.Fixed<uint32_t>();
          break;
        case kData8:
          number = reader.Fixed<uint64_t>();
          break;
        case kData16:
          reader.Skip(16);
          break;
        case kBlock:
          reader.Skip(reader.Unsigned());
          break;
        case kBlock1:
          reader.Skip(reader.Byte());
          break;
        default:  // of a size that is not known, so nothing behind it can be read
          reader.Skip(reader.left() + 1);
      }
      if (content == kPath) entry.path = text;
      if (content == kDirectoryIndex) entry.directory = number;
    }
    return entry;
  };

  const Format directory_format = read_format();
  const uint64_t directory_count = reader.Unsigned();
  // Without a format an entry has no bytes, and any number of them would fit.
  if (directory_format.empty()) return {};
  for (uint64_t i = 0; i < directory_count && reader.ok(); ++i) {
    directories.push_back(read_entry(directory_format).path);
  }
  const Format file_format = read_format();
  const uint64_t file_count = reader.Unsigned();
  if (file_format.empty() || index >= file_count) return {};
  Entry entry;
  for (uint64_t i = 0; i <= index && reader.ok(); ++i) entry = read_entry(file_format);
  if (!reader.ok() || entry.path.empty() || entry.directory >= directories.size()) return {};
  // Directory 0 is where the compiler ran, and the others may be relative to it.
  const std::string_view base = entry.directory == 0 ? "" : directories.front();
  return Join(Join(base, directories[entry.directory]), entry.path);
}

}  // namespace fdorigin
