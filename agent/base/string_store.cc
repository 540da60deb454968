#include "base/string_store.h"

#include <cstring>

#include "base/hash.h"

namespace fdorigin {
namespace {

// One string in the region: this header, then the bytes. A StringId is the header's offset in
// units of 16 bytes.
struct StoredString {
  uint32_t hash;
  uint32_t size;
};

constexpr size_t kMaxLength = 4095;
constexpr uint32_t kProbes = 32;

uint32_t HashOf(std::string_view text) {
  uint64_t hash = text.size();
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    hash = MixHash(hash, word);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, text.data() + at, text.size() - at);
  return static_cast<uint32_t>(MixHash(hash, tail));
}

}  // namespace

bool StringStore::Create(Region* region) {
  region_ = region;
  writable_ = region;
  uint32_t entries = 1024;
  while (entries < region->size() / 1024) entries *= 2;
  index_mask_ = entries - 1;
  index_ = region->AllocateTable(entries * sizeof(std::atomic<uint32_t>), kNearBytes);
  region->header()->string_store = index_;
  return index_ != 0;
}

void StringStore::Open(const Region* region) { region_ = region; }

StringId StringStore::Intern(std::string_view text) {
  if (text.empty()) return StringId::kNone;
  if (text.size() > kMaxLength) text = text.substr(0, kMaxLength);
  const uint32_t hash = HashOf(text);
  auto* index = region_->At<std::atomic<uint32_t>>(index_);
  uint32_t stored = 0;  // our own copy, made once, wherever it ends up
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    std::atomic<uint32_t>& entry = index[IndexPlace(hash, probe, index_mask_)];
    uint32_t id = entry.load(std::memory_order_acquire);
    if (id == 0) {
      if (stored == 0) {
        const RegionOffset at = writable_->Allocate(sizeof(StoredString) + text.size());
        if (at == 0) return StringId::kNone;
        *region_->At<StoredString>(at) = {hash, static_cast<uint32_t>(text.size())};
        std::memcpy(region_->At<char>(at + sizeof(StoredString)), text.data(), text.size());
        stored = static_cast<uint32_t>(at / 16);
      }
      if (entry.compare_exchange_strong(id, stored, std::memory_order_acq_rel)) {
        return static_cast<StringId>(stored);
      }
    }
    if (Get(static_cast<StringId>(id)) == text) return static_cast<StringId>(id);
  }
  return StringId::kNone;
}

std::string_view StringStore::Get(StringId id) const {
  if (id == StringId::kNone) return {};
  const RegionOffset at = static_cast<RegionOffset>(id) * 16;
  if (!region_->Has<StoredString>(at)) return {};
  const uint32_t size = region_->At<StoredString>(at)->size;
  const RegionOffset text = at + sizeof(StoredString);
  if (!region_->Has<char>(text, size)) return {};
  return {region_->At<char>(text), size};
}

}  // namespace fdorigin
