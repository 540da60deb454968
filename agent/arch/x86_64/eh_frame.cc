// The formats: Linux Standard Base, "Exception Frames"; DWARF 4, section 6.4; System V ABI for
// x86-64, figure 3.36 for the numbers of registers.
#include "arch/x86_64/eh_frame.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#pragma weak _dl_find_object

namespace fdorigin {
namespace {

constexpr uint64_t kRbp = 6;
constexpr uint64_t kRsp = 7;
constexpr uint64_t kReturnAddress = 16;

// Encodings of pointers: relative to themselves, and to the table; all of 4 bytes and signed.
constexpr uint8_t kPcRelative = 0x1b;
constexpr uint8_t kTableRelative = 0x3b;
constexpr uint8_t kCountOf4Bytes = 0x03;

// What a FrameRule has room for.
constexpr int64_t kMaxCfaOffset = (1 << 19) - 1;
constexpr int64_t kMaxFpOffset = (1 << 17) - 1;

// Bytes one after the other. What is read behind the end is 0, and ok() is false from then on.
class Bytes {
 public:
  Bytes(uint64_t begin, uint64_t end) : at_(begin), end_(end) {}

  bool ok() const { return ok_; }
  bool done() const { return !ok_ || at_ >= end_; }
  uint64_t at() const { return at_; }

  template <typename T>
  T Read() {
    T value = 0;
    if (!ok_ || end_ - at_ < sizeof(T)) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, reinterpret_cast<const void*>(at_), sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  uint64_t Unsigned() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = Read<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  int64_t Signed() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = Read<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) != 0) continue;
      if ((byte & 0x40) != 0 && shift + 7 < 64) value |= ~uint64_t{0} << (shift + 7);
      return static_cast<int64_t>(value);
    }
    ok_ = false;
    return 0;
  }
  // An address that is encoded relative to where it stands.
  uint64_t Address() {
    const uint64_t from = at_;
    return from + static_cast<uint64_t>(int64_t{Read<int32_t>()});
  }
  void Skip(uint64_t bytes) {
    if (!ok_ || end_ - at_ < bytes) {
      ok_ = false;
    } else {
      at_ += bytes;
    }
  }
  // The next `bytes` of them, which are skipped here.
  Bytes Part(uint64_t bytes) {
    const uint64_t begin = at_;
    Skip(bytes);
    return ok_ ? Bytes(begin, at_) : Bytes(begin, begin);
  }

 private:
  uint64_t at_;
  uint64_t end_;
  bool ok_ = true;
};

// Where a register was saved.
struct Saved {
  enum class Where : uint8_t { kNowhere, kAtOffset, kElsewhere, kLost };
  Where where = Where::kNowhere;
  int64_t offset = 0;  // from the CFA
};

struct Row {
  uint64_t cfa_register = 0;
  int64_t cfa_offset = 0;
  bool cfa_known = false;
  Saved fp;
  Saved return_address;
};

struct Cie {
  uint64_t code_align = 0;
  int64_t data_align = 0;
  Row row;  // with which each of its functions begins
};

// Runs instructions until one is for code behind `target`. False where there is one that is not
// known; then nothing about `row` holds.
bool Run(Bytes code, const Cie& cie, uint64_t location, uint64_t target, Row* row) {
  constexpr int kDepth = 8;
  Row remembered[kDepth];
  int depth = 0;
  const auto save = [row](uint64_t number, Saved saved) {
    if (number == kRbp) row->fp = saved;
    if (number == kReturnAddress) row->return_address = saved;
  };
  const auto restore = [&](uint64_t number) {
    if (number == kRbp) row->fp = cie.row.fp;
    if (number == kReturnAddress) row->return_address = cie.row.return_address;
  };
  const auto factored = [&cie](uint64_t offset) {
    return Saved{Saved::Where::kAtOffset, static_cast<int64_t>(offset) * cie.data_align};
  };
  constexpr Saved kElsewhere = {Saved::Where::kElsewhere, 0};
  constexpr Saved kLost = {Saved::Where::kLost, 0};
  while (!code.done()) {
    const auto opcode = code.Read<uint8_t>();
    const uint64_t low = opcode & 0x3f;
    uint64_t advance = 0;
    switch (opcode & 0xc0) {
      case 0x40:  // DW_CFA_advance_loc
        advance = low;
        break;
      case 0x80:  // DW_CFA_offset
        save(low, factored(code.Unsigned()));
        continue;
      case 0xc0:  // DW_CFA_restore
        restore(low);
        continue;
      default:
        switch (low) {
          case 0x00:  // DW_CFA_nop
            continue;
          case 0x02:  // DW_CFA_advance_loc1
            advance = code.Read<uint8_t>();
            break;
          case 0x03:  // DW_CFA_advance_loc2
            advance = code.Read<uint16_t>();
            break;
          case 0x04:  // DW_CFA_advance_loc4
            advance = code.Read<uint32_t>();
            break;
          case 0x05: {  // DW_CFA_offset_extended
            const uint64_t number = code.Unsigned();
            save(number, factored(code.Unsigned()));
            continue;
          }
          case 0x06:  // DW_CFA_restore_extended
            restore(code.Unsigned());
            continue;
          case 0x07:  // DW_CFA_undefined
            save(code.Unsigned(), kLost);
            continue;
          case 0x08:  // DW_CFA_same_value
            save(code.Unsigned(), {});
            continue;
          case 0x09:  // DW_CFA_register
          case 0x14:  // DW_CFA_val_offset
            save(code.Unsigned(), kElsewhere);
            code.Unsigned();
            continue;
          case 0x0a:  // DW_CFA_remember_state
            if (depth == kDepth) return false;
            remembered[depth++] = *row;
            continue;
          case 0x0b:  // DW_CFA_restore_state
            if (depth == 0) return false;
            *row = remembered[--depth];
            continue;
          case 0x0c:  // DW_CFA_def_cfa
            row->cfa_register = code.Unsigned();
            row->cfa_offset = static_cast<int64_t>(code.Unsigned());
            row->cfa_known = true;
            continue;
          case 0x0d:  // DW_CFA_def_cfa_register
            row->cfa_register = code.Unsigned();
            continue;
          case 0x0e:  // DW_CFA_def_cfa_offset
            row->cfa_offset = static_cast<int64_t>(code.Unsigned());
            continue;
          case 0x0f:  // DW_CFA_def_cfa_expression
            row->cfa_known = false;
            code.Skip(code.Unsigned());
            continue;
          case 0x10:  // DW_CFA_expression
          case 0x16:  // DW_CFA_val_expression
            save(code.Unsigned(), kElsewhere);
            code.Skip(code.Unsigned());
            continue;
          case 0x11: {  // DW_CFA_offset_extended_sf
            const uint64_t number = code.Unsigned();
            save(number, factored(static_cast<uint64_t>(code.Signed())));
            continue;
          }
          case 0x2e:  // DW_CFA_GNU_args_size
            code.Unsigned();
            continue;
          default:
            return false;
        }
    }
    location += advance * cie.code_align;
    if (location > target) return code.ok();
  }
  return code.ok();
}

// The function of `target` in the table, which is sorted by address; 0 where none begins before.
uint64_t FindDescription(uint64_t table, uint64_t image_end, uint64_t target) {
  Bytes header(table, image_end);
  const auto version = header.Read<uint8_t>();
  const auto frame_encoding = header.Read<uint8_t>();
  const auto count_encoding = header.Read<uint8_t>();
  const auto entry_encoding = header.Read<uint8_t>();
  if (version != 1 || frame_encoding != kPcRelative || count_encoding != kCountOf4Bytes ||
      entry_encoding != kTableRelative) {
    return 0;
  }
  header.Skip(4);  // where .eh_frame is
  const auto count = header.Read<uint32_t>();
  struct Entry {
    int32_t function;
    int32_t description;
  };
  const uint64_t entries = header.at();
  if (!header.ok() || count > (image_end - entries) / sizeof(Entry)) return 0;
  const auto* first = reinterpret_cast<const Entry*>(entries);
  const auto distance = static_cast<int64_t>(target - table);
  const Entry* behind =
      std::upper_bound(first, first + count, distance,
                       [](int64_t wanted, const Entry& entry) { return wanted < entry.function; });
  return behind == first ? 0 : table + static_cast<uint64_t>(int64_t{behind[-1].description});
}

// At the length of what begins at `at`: its bytes behind that. Empty where it is of the long form.
Bytes Content(uint64_t at, uint64_t image_end) {
  Bytes bytes(at, image_end);
  const auto size = bytes.Read<uint32_t>();
  return bytes.Part(size < 0xfffffff0u ? size : 0);
}

bool ReadCie(uint64_t at, uint64_t image_end, Cie* cie) {
  Bytes bytes = Content(at, image_end);
  const auto id = bytes.Read<uint32_t>();
  const auto version = bytes.Read<uint8_t>();
  if (!bytes.ok() || id != 0 || version != 1) return false;
  char augmentation[8] = {};
  for (char& c : augmentation) {
    c = bytes.Read<char>();
    if (c == '\0') break;
  }
  if (augmentation[0] != 'z' || augmentation[sizeof(augmentation) - 1] != '\0') return false;
  cie->code_align = bytes.Unsigned();
  cie->data_align = bytes.Signed();
  if (bytes.Read<uint8_t>() != kReturnAddress) return false;
  Bytes data = bytes.Part(bytes.Unsigned());
  bool relative = false;
  for (const char* c = augmentation + 1; *c != '\0'; ++c) {
    switch (*c) {
      case 'R':
        relative = data.Read<uint8_t>() == kPcRelative;
        break;
      case 'L':
        data.Skip(1);
        break;
      case 'P': {
        const uint8_t encoding = data.Read<uint8_t>() & 0x0f;
        if (encoding != 0x0b && encoding != 0x03) return false;  // 4 bytes
        data.Skip(4);
        break;
      }
      default:
        return false;
    }
  }
  if (!relative || !data.ok()) return false;
  return Run(bytes, *cie, 0, 0, &cie->row) && bytes.ok();
}

}  // namespace

bool ReadFrameRule(uint64_t pc, bool interrupted, FrameRule* rule) {
  // A call may be the last instruction of its function: what it returns to is not that function's.
  const uint64_t target = interrupted ? pc : pc - 1;
  dl_find_object image;
  if (_dl_find_object == nullptr || _dl_find_object(reinterpret_cast<void*>(target), &image) != 0 ||
      image.dlfo_eh_frame == nullptr) {
    return false;
  }
  const auto low = reinterpret_cast<uint64_t>(image.dlfo_map_start);
  const auto high = reinterpret_cast<uint64_t>(image.dlfo_map_end);
  const auto within = [&](uint64_t address) { return address >= low && address < high; };
  const uint64_t at =
      FindDescription(reinterpret_cast<uint64_t>(image.dlfo_eh_frame), high, target);
  if (!within(at)) return false;
  Bytes bytes = Content(at, high);
  const uint64_t id_at = bytes.at();
  const auto cie_distance = bytes.Read<uint32_t>();
  const uint64_t begin = bytes.Address();
  const auto size = bytes.Read<uint32_t>();
  const uint64_t cie_at = id_at - cie_distance;
  if (!bytes.ok() || cie_distance == 0 || !within(cie_at) || target - begin >= size) return false;
  Cie cie;
  if (!ReadCie(cie_at, high, &cie)) return false;
  bytes.Skip(bytes.Unsigned());  // what is for exceptions
  Row row = cie.row;
  if (!bytes.ok() || !Run(bytes, cie, begin, target, &row)) return false;

  *rule = {};
  if (row.return_address.where == Saved::Where::kLost) {
    rule->kind = FrameRuleKind::kEnd;
    return true;
  }
  if (!row.cfa_known || (row.cfa_register != kRsp && row.cfa_register != kRbp) ||
      row.cfa_offset < 0 || row.cfa_offset > kMaxCfaOffset ||
      row.return_address.where != Saved::Where::kAtOffset || row.return_address.offset != -8 ||
      row.fp.where == Saved::Where::kElsewhere || row.fp.where == Saved::Where::kLost ||
      row.fp.offset > kMaxFpOffset || row.fp.offset < -kMaxFpOffset) {
    return false;
  }
  rule->kind = FrameRuleKind::kStandard;
  rule->cfa_from_fp = row.cfa_register == kRbp;
  rule->cfa_offset = static_cast<int32_t>(row.cfa_offset);
  rule->fp_saved = row.fp.where == Saved::Where::kAtOffset;
  rule->fp_offset = static_cast<int32_t>(row.fp.offset);
  return true;
}

}  // namespace fdorigin
