#include "stack/method_store.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "arch/frame_rule.h"
#include "base/hash.h"
#include "stack/unsigned5.h"

namespace fdorigin {
namespace {

constexpr uint32_t kProbes = 64;
constexpr int kVersions = 16;           // methods at one address that are still looked for
constexpr uint16_t kAccNative = 0x100;  // JVM specification, table 4.6-A
// Bytes of a symbol that are compared and kept: what a StringStore takes.
constexpr size_t kMaxName = 4095;
constexpr size_t kSuffix = 19;  // "+0x" and 16 digits

struct Root {
  RegionOffset index;
  uint32_t mask;
  std::atomic<uint32_t> methods;
  std::atomic<uint64_t> dropped;
  uint8_t unsigned5_excluded;  // of the layout, for LineAt()
};

template <typename T>
T Load(uint64_t base, int offset) {
  T value;
  std::memcpy(&value, reinterpret_cast<const char*>(base) + offset, sizeof(T));
  return value;
}

// Of a constant pool's entries; the other bits of `index` are not its own.
uint64_t PoolEntry(uint64_t entries, uint64_t index) {
  return Load<uint64_t>(entries + static_cast<uint16_t>(index) * 8ull, 0);
}

bool IsAligned(uint64_t address) { return address != 0 && address % 8 == 0; }

}  // namespace

// What a Method is made of. In the region, followed by the table of lines, once it was copied; a
// MethodId is its offset in units of 16 bytes.
struct MethodStore::Parts {
  uint64_t method;
  uint64_t const_method;
  uint64_t constants;
  uint64_t holder;
  Name class_name;
  Name name;
  Name signature;
  Name file;       // of no symbol where there is none
  uint64_t shape;  // code size, index of the name, index of the signature and id: 16 bits each
  uint32_t older;  // the MethodId of the one that was met here before
  uint32_t words;  // of the ConstMethod
  uint32_t line_size;
  uint16_t access;
  uint16_t file_index;
  uint8_t hidden;  // 0 or 1; in a copy of damaged memory anything
  bool anonymous;  // its class
  bool has_lines;  // though its table may be damaged, and not be kept
};

bool MethodStore::Create(Region* region, StringStore* strings) {
  region_ = region;
  strings_ = strings;
  root_ = region->Allocate(sizeof(Root));
  region->header()->method_store = root_;
  if (root_ == 0) return false;
  uint32_t entries = 1024;
  while (entries < region->size() / 1024) entries *= 2;
  Root* root = region->At<Root>(root_);
  root->mask = entries - 1;
  root->index = region->AllocateTable(entries * sizeof(std::atomic<uint32_t>), kNearBytes);
  return root->index != 0;
}

bool MethodStore::Open(Region* region) {
  region_ = region;
  root_ = region->header()->method_store;
  return region->Has<Root>(root_);
}

void MethodStore::SetLayout(const HotspotLayout& layout) {
  layout_ = layout;
  region_->At<Root>(root_)->unsigned5_excluded = layout.unsigned5_excluded;
}

MethodStore::Parts* MethodStore::PartsOf(uint32_t number) const {
  return region_->At<Parts>(static_cast<RegionOffset>(number) * 16);
}

std::string_view MethodStore::SymbolText(uint64_t symbol) const {
  if (symbol == 0) return {};
  const size_t length = Load<uint16_t>(symbol, layout_.symbol_length);
  const auto* text = reinterpret_cast<const char*>(symbol) + layout_.symbol_body;
  if (length <= kMaxName) return {text, length};
  // Cut between two characters, and not between the halves of a surrogate pair (JVM specification
  // 4.4.7).
  const auto byte = [text](size_t at) { return static_cast<unsigned char>(text[at]); };
  size_t cut = kMaxName;
  while (cut > 0 && (byte(cut) & 0xc0) == 0x80) --cut;
  if (cut >= 3 && byte(cut) == 0xed && (byte(cut + 1) & 0xf0) == 0xb0) cut -= 3;
  return {text, cut};
}

// Whether `method` is what `parts` was read from. Where a class was unloaded and one like it is
// loaded, all of it may lie where the other's lay, down to the symbols: so the characters are
// compared too.
bool MethodStore::IsStill(const Parts& parts, uint64_t method) const {
  if (Load<uint64_t>(method, layout_.method_const_method) != parts.const_method) return false;
  if (Load<uint64_t>(parts.const_method, layout_.const_method_constants) != parts.constants ||
      Load<uint64_t>(parts.const_method, layout_.const_method_code_size) != parts.shape ||
      Load<uint32_t>(parts.const_method, layout_.const_method_words) != parts.words ||
      HasLines(parts.const_method) != parts.has_lines ||
      Load<uint64_t>(parts.constants, layout_.pool_holder) != parts.holder ||
      SourceFileIndex(parts.constants, parts.holder) != parts.file_index ||
      Load<uint16_t>(method, layout_.method_access_flags) != parts.access) {
    return false;
  }
  const uint64_t entries = parts.constants + static_cast<uint64_t>(layout_.pool_size);
  const auto same = [&](const Name& name, uint64_t symbol) {
    if (name.symbol != symbol) return false;
    const std::string_view text = SymbolText(symbol);
    const size_t suffix = &name == &parts.class_name ? SuffixOf(parts, text) : 0;
    return name.size == text.size() + suffix &&
           std::memcmp(region_->At<char>(name.text), text.data(), text.size()) == 0;
  };
  return IsAnonymous(parts.holder) == parts.anonymous &&
         same(parts.class_name, Load<uint64_t>(parts.holder, layout_.klass_name)) &&
         same(parts.name, PoolEntry(entries, parts.shape >> 16)) &&
         same(parts.signature, PoolEntry(entries, parts.shape >> 32)) &&
         (parts.file_index == 0 || same(parts.file, PoolEntry(entries, parts.file_index))) &&
         (parts.line_size == 0 || std::memcmp(&parts + 1, LinesOf(parts), parts.line_size) == 0);
}

bool MethodStore::IsAnonymous(uint64_t holder) const {
  return layout_.klass_flags >= 0 &&
         (Load<uint16_t>(holder, layout_.klass_flags) & layout_.klass_anonymous_bit) != 0;
}

bool MethodStore::IsHidden(uint64_t method, uint64_t const_method) const {
  if (layout_.method_flags >= 0) {
    return (Load<uint16_t>(method, layout_.method_flags) & layout_.method_hidden_bit) != 0;
  }
  return (Load<uint16_t>(const_method, layout_.const_method_flags) &
          layout_.const_method_hidden_bit) != 0;
}

uint16_t MethodStore::SourceFileIndex(uint64_t constants, uint64_t holder) const {
  return layout_.klass_source_file >= 0 ? Load<uint16_t>(holder, layout_.klass_source_file)
                                        : Load<uint16_t>(constants, layout_.pool_source_file);
}

bool MethodStore::HasLines(uint64_t const_method) const {
  return (Load<uint16_t>(const_method, layout_.const_method_flags) &
          layout_.const_method_lines_bit) != 0;
}

// The table follows the bytecode.
const uint8_t* MethodStore::LinesOf(const Parts& parts) const {
  return reinterpret_cast<const uint8_t*>(parts.const_method) + layout_.const_method_size +
         static_cast<uint16_t>(parts.shape);
}

// `method` has passed LooksSound().
MethodStore::Parts MethodStore::Read(uint64_t method) const {
  Parts parts = {};
  parts.method = method;
  parts.const_method = Load<uint64_t>(method, layout_.method_const_method);
  parts.constants = Load<uint64_t>(parts.const_method, layout_.const_method_constants);
  parts.holder = Load<uint64_t>(parts.constants, layout_.pool_holder);
  parts.shape = Load<uint64_t>(parts.const_method, layout_.const_method_code_size);
  parts.words = Load<uint32_t>(parts.const_method, layout_.const_method_words);
  parts.access = Load<uint16_t>(method, layout_.method_access_flags);
  parts.file_index = SourceFileIndex(parts.constants, parts.holder);
  parts.hidden = IsHidden(method, parts.const_method) ? 1 : 0;
  parts.anonymous = IsAnonymous(parts.holder);
  const uint64_t entries = parts.constants + static_cast<uint64_t>(layout_.pool_size);
  parts.class_name = {.symbol = Load<uint64_t>(parts.holder, layout_.klass_name)};
  parts.name = {.symbol = PoolEntry(entries, parts.shape >> 16)};
  parts.signature = {.symbol = PoolEntry(entries, parts.shape >> 32)};
  parts.file = {.symbol = parts.file_index == 0 ? 0 : PoolEntry(entries, parts.file_index)};

  parts.has_lines = HasLines(parts.const_method);
  if (parts.has_lines) {
    const uint64_t before =
        static_cast<uint64_t>(layout_.const_method_size) + static_cast<uint16_t>(parts.shape);
    LineTableReader table(LinesOf(parts), parts.words * 8ull - before, layout_.unsigned5_excluded);
    while (table.Next()) {
    }
    if (table.complete()) parts.line_size = static_cast<uint32_t>(table.position());
  }
  return parts;
}

// What is asked before the memory behind an address that was never met is believed to be a Method:
// whether all of it can be read, and whether its parts say of each other what they must. The only
// way to a wrong one is a layout that is not what the VM's tables say, so this is asked once for
// each Method.
bool MethodStore::LooksSound(uint64_t method) const {
  StackProbe probe;
  const auto readable = [&probe](uint64_t address, int size) {
    return IsAligned(address) && probe.Readable(address) &&
           probe.Readable(address + static_cast<uint64_t>(size) - 8);
  };
  const auto has_table = [this](uint64_t object) {
    const auto table = Load<uint64_t>(object, 0);
    return layout_.libjvm.Contains(table) || layout_.shared.Contains(table);
  };
  if (!readable(method, layout_.method_size) || !has_table(method)) return false;
  const auto const_method = Load<uint64_t>(method, layout_.method_const_method);
  if (!readable(const_method, layout_.const_method_size)) return false;
  constexpr uint32_t kMostWords = 1u << 22;
  const auto words = Load<uint32_t>(const_method, layout_.const_method_words);
  if (words * 8ull < static_cast<uint64_t>(layout_.const_method_size) || words > kMostWords ||
      words * 8ull - static_cast<uint64_t>(layout_.const_method_size) <
          Load<uint16_t>(const_method, layout_.const_method_code_size) ||
      !probe.Readable(const_method + words * 8ull - 8)) {
    return false;
  }
  const auto constants = Load<uint64_t>(const_method, layout_.const_method_constants);
  if (!readable(constants, layout_.pool_size) || !has_table(constants)) return false;
  const auto holder = Load<uint64_t>(constants, layout_.pool_holder);
  const int holder_size =
      std::max({layout_.klass_name, layout_.klass_source_file & ~7, layout_.klass_flags & ~7}) + 8;
  if (!readable(holder, holder_size) || !has_table(holder)) return false;

  const auto length = Load<int32_t>(constants, layout_.pool_length);
  const uint64_t entries = constants + static_cast<uint64_t>(layout_.pool_size);
  const auto symbol_readable = [&](uint64_t symbol) {
    // Symbols are aligned, but the bytes behind the last one are not.
    if (!IsAligned(symbol) || !probe.Readable(symbol)) return false;
    const uint64_t end = symbol + static_cast<uint64_t>(layout_.symbol_body) +
                         Load<uint16_t>(symbol, layout_.symbol_length);
    return end <= symbol + 8 || probe.Readable(end - 8);
  };
  const auto entry_readable = [&](uint16_t index) {
    const uint64_t entry = entries + index * 8u;
    return index != 0 && index < length && probe.Readable(entry) &&
           symbol_readable(Load<uint64_t>(entry, 0));
  };
  const uint16_t file = SourceFileIndex(constants, holder);
  return symbol_readable(Load<uint64_t>(holder, layout_.klass_name)) &&
         entry_readable(Load<uint16_t>(const_method, layout_.const_method_name)) &&
         entry_readable(Load<uint16_t>(const_method, layout_.const_method_signature)) &&
         (file == 0 || entry_readable(file));
}

bool MethodStore::Keep(Name* name, std::string_view text) {
  if (text.empty()) return true;
  const StringId id = strings_->Intern(text);
  if (id == StringId::kNone) return false;
  name->size = static_cast<uint16_t>(text.size());
  name->text = static_cast<RegionOffset>(strings_->Get(id).data() - region_->At<char>(0));
  return true;
}

// How much the class's name is longer than its symbol.
size_t MethodStore::SuffixOf(const Parts& parts, std::string_view symbol) {
  return parts.anonymous && symbol.size() <= kMaxName - kSuffix ? kSuffix : 0;
}

[[gnu::noinline]] bool MethodStore::KeepClassName(Parts* parts) {
  const std::string_view text = SymbolText(parts->class_name.symbol);
  if (SuffixOf(*parts, text) == 0) return Keep(&parts->class_name, text);
  char name[kMaxName];
  char* end = std::copy(text.begin(), text.end(), name);
  end = std::copy_n("+0x", 3, end);
  for (int shift = 60; shift >= 0; shift -= 4) {
    *end++ = "0123456789abcdef"[parts->holder >> shift & 0xf];
  }
  return Keep(&parts->class_name, {name, static_cast<size_t>(end - name)});
}

RegionOffset MethodStore::Copy(uint64_t method) {
  Parts parts = Read(method);
  if (!KeepClassName(&parts)) return 0;
  for (Name* name : {&parts.name, &parts.signature, &parts.file}) {
    if (!Keep(name, SymbolText(name->symbol))) return 0;
  }
  const RegionOffset at = region_->Allocate(sizeof(Parts) + parts.line_size);
  if (at == 0) return 0;
  Parts* stored = region_->At<Parts>(at);
  *stored = parts;
  if (parts.line_size > 0) std::memcpy(stored + 1, LinesOf(parts), parts.line_size);
  return at;
}

// Among the methods that were met at this address, the newest first.
MethodId MethodStore::FindVersion(uint32_t newest, uint64_t method) const {
  uint32_t number = newest;
  for (int i = 0; number != 0 && i < kVersions; ++i) {
    const Parts& known = *PartsOf(number);
    if (IsStill(known, method)) return static_cast<MethodId>(number);
    number = known.older;
  }
  return MethodId::kNone;
}

bool MethodStore::Intern(uint64_t method, MethodId* id) {
  *id = MethodId::kNone;
  Root* root = region_->At<Root>(root_);
  auto* index = region_->At<std::atomic<uint32_t>>(root->index);
  const auto start = static_cast<uint32_t>(MixHash(0, method));
  bool sound = false;
  uint32_t stored = 0;
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    // Each address has one entry, which leads to the newest method that was met there.
    std::atomic<uint32_t>& entry = index[IndexPlace(start, probe, root->mask)];
    uint32_t newest = entry.load(std::memory_order_acquire);
    while (newest == 0 || PartsOf(newest)->method == method) {
      // An address that was met before was a Method then, and is one again: it was found where
      // only Methods are.
      sound = sound || newest != 0 || LooksSound(method);
      if (!sound) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        return false;
      }
      *id = FindVersion(newest, method);
      if (*id != MethodId::kNone) return true;
      if (stored == 0) {
        const RegionOffset at = Copy(method);
        if (at == 0) {
          root->dropped.fetch_add(1, std::memory_order_relaxed);
          return true;
        }
        stored = static_cast<uint32_t>(at / 16);
      }
      PartsOf(stored)->older = newest;
      if (entry.compare_exchange_strong(newest, stored, std::memory_order_acq_rel)) {
        root->methods.fetch_add(1, std::memory_order_relaxed);
        *id = static_cast<MethodId>(stored);
        return true;
      }
    }
  }
  if (!sound && !LooksSound(method)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  root->dropped.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool MethodStore::InternAt(uint64_t method, uint64_t bcp, MethodId* id, int32_t* bci) {
  if (!Intern(method, id)) return false;
  *bci = -1;
  if (IsNative(method)) return true;
  const auto const_method = Load<uint64_t>(method, layout_.method_const_method);
  const uint64_t code = const_method + static_cast<uint64_t>(layout_.const_method_size);
  if (bcp < code || bcp - code >= Load<uint16_t>(const_method, layout_.const_method_code_size)) {
    return false;
  }
  *bci = static_cast<int32_t>(bcp - code);
  return true;
}

bool MethodStore::IsNative(uint64_t method) const {
  return (Load<uint16_t>(method, layout_.method_access_flags) & kAccNative) != 0;
}

MethodName MethodStore::Get(MethodId id) const {
  MethodName name;
  if (!region_->Has<Parts>(static_cast<RegionOffset>(id) * 16)) return name;
  const auto& parts = *PartsOf(static_cast<uint32_t>(id));
  const auto text = [this](const Name& kept) {
    if (!region_->Has<char>(kept.text, kept.size)) return std::string_view();
    return std::string_view(region_->At<char>(kept.text), kept.size);
  };
  name.class_name = text(parts.class_name);
  name.name = text(parts.name);
  name.signature = text(parts.signature);
  name.file = text(parts.file);
  name.native = (parts.access & kAccNative) != 0;
  name.hidden = parts.hidden != 0;
  return name;
}

int32_t MethodStore::LineAt(MethodId id, int32_t bci) const {
  const RegionOffset at = static_cast<RegionOffset>(id) * 16;
  if (bci < 0 || !region_->Has<Parts>(at)) return 0;
  const auto* parts = PartsOf(static_cast<uint32_t>(id));
  if (!region_->Has<uint8_t>(at + sizeof(Parts), parts->line_size)) return 0;
  return LineOf(LineTableReader(reinterpret_cast<const uint8_t*>(parts + 1), parts->line_size,
                                region_->At<Root>(root_)->unsigned5_excluded),
                bci);
}

uint64_t MethodStore::dropped() const {
  return region_->At<Root>(root_)->dropped.load(std::memory_order_relaxed);
}

uint32_t MethodStore::count() const {
  return region_->At<Root>(root_)->methods.load(std::memory_order_relaxed);
}

}  // namespace fdorigin
