#include "stack/stack_store.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace fdorigin {
namespace {

// In the region: Root, an index of stacks, an index of frames. A StackId and a frame number are
// offsets in units of 16 bytes, so both fit into 32 bits for regions of up to 64 GiB.
struct Root {
  RegionOffset stack_index;
  RegionOffset frame_index;
  uint32_t stack_mask;
  uint32_t frame_mask;
  std::atomic<uint32_t> stacks;
};

struct StoredStack {
  uint32_t hash;
  uint32_t count;
  // then `count` frame numbers
};

constexpr uint32_t kProbes = 64;

uint32_t HashOf(const Frame& frame, uint64_t seed) {
  uint64_t word;
  std::memcpy(&word, reinterpret_cast<const char*>(&frame) + 8, 8);
  return static_cast<uint32_t>(MixHash(MixHash(seed, frame.value), word));
}

uint64_t HashOf(const Frame* frames, int count) {
  uint64_t hash = static_cast<uint64_t>(count);
  for (int i = 0; i < count; ++i) {
    uint64_t word;
    std::memcpy(&word, reinterpret_cast<const char*>(&frames[i]) + 8, 8);
    hash = MixHash(hash ^ word, frames[i].value);
  }
  return hash;
}

}  // namespace

bool StackStore::Create(Region* region) {
  region_ = region;
  root_ = region->Allocate(sizeof(Root));
  if (root_ == 0) return false;
  uint32_t stacks = 1024;
  while (stacks < region->size() / 1024) stacks *= 2;
  uint32_t frames = stacks * 4;
  Root* root = region->At<Root>(root_);
  root->stack_mask = stacks - 1;
  root->frame_mask = frames - 1;
  root->stack_index = region->AllocateTable(stacks * sizeof(std::atomic<uint32_t>), kNearBytes);
  root->frame_index = region->AllocateTable(frames * sizeof(std::atomic<uint32_t>), kNearBytes);
  region->header()->stack_store = root_;
  return root->stack_index != 0 && root->frame_index != 0;
}

void StackStore::Open(Region* region) {
  region_ = region;
  root_ = region->header()->stack_store;
}

uint32_t StackStore::InternFrame(const Frame& frame) {
  Root* root = region_->At<Root>(root_);
  auto* index = region_->At<std::atomic<uint32_t>>(root->frame_index);
  const uint32_t hash = HashOf(frame, 0);
  uint32_t stored = 0;
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    std::atomic<uint32_t>& entry = index[IndexPlace(hash, probe, root->frame_mask)];
    uint32_t number = entry.load(std::memory_order_acquire);
    if (number == 0) {
      if (stored == 0) {
        const RegionOffset at = region_->Allocate(sizeof(Frame));
        if (at == 0) return 0;
        *region_->At<Frame>(at) = frame;
        stored = static_cast<uint32_t>(at / 16);
      }
      if (entry.compare_exchange_strong(number, stored, std::memory_order_acq_rel)) return stored;
    }
    if (*region_->At<Frame>(static_cast<RegionOffset>(number) * 16) == frame) return number;
  }
  return 0;
}

bool StackStore::Same(RegionOffset stack, uint32_t hash, const Frame* frames, int count) const {
  const auto* stored = region_->At<StoredStack>(stack);
  if (stored->hash != hash || stored->count != static_cast<uint32_t>(count)) return false;
  const auto* numbers = region_->At<uint32_t>(stack + sizeof(StoredStack));
  for (int i = 0; i < count; ++i) {
    if (!(*region_->At<Frame>(static_cast<RegionOffset>(numbers[i]) * 16) == frames[i])) {
      return false;
    }
  }
  return true;
}

StackId StackStore::Intern(const Frame* frames, int count) {
  if (count <= 0) return StackId::kNone;
  Root* root = region_->At<Root>(root_);
  auto* index = region_->At<std::atomic<uint32_t>>(root->stack_index);
  const uint64_t wide = HashOf(frames, count);
  const uint32_t hash = static_cast<uint32_t>(wide >> 32);
  const uint32_t start = static_cast<uint32_t>(wide);
  uint32_t stored = 0;
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    std::atomic<uint32_t>& entry = index[IndexPlace(start, probe, root->stack_mask)];
    uint32_t id = entry.load(std::memory_order_acquire);
    if (id == 0) {
      if (stored == 0) {
        // The frames first: a stack for which there is no room must not use up the region.
        for (int i = 0; i < count; ++i) {
          if (InternFrame(frames[i]) == 0) return StackId::kNone;
        }
        const size_t words = static_cast<size_t>(count);
        const RegionOffset at = region_->Allocate(sizeof(StoredStack) + words * sizeof(uint32_t));
        if (at == 0) return StackId::kNone;
        *region_->At<StoredStack>(at) = {hash, static_cast<uint32_t>(count)};
        auto* numbers = region_->At<uint32_t>(at + sizeof(StoredStack));
        for (int i = 0; i < count; ++i) numbers[i] = InternFrame(frames[i]);
        stored = static_cast<uint32_t>(at / 16);
      }
      if (entry.compare_exchange_strong(id, stored, std::memory_order_acq_rel)) {
        root->stacks.fetch_add(1, std::memory_order_relaxed);
        return static_cast<StackId>(stored);
      }
    }
    if (Same(static_cast<RegionOffset>(id) * 16, hash, frames, count)) {
      return static_cast<StackId>(id);
    }
  }
  return StackId::kNone;
}

std::vector<Frame> StackStore::Get(StackId id) const {
  std::vector<Frame> frames;
  if (id == StackId::kNone) return frames;
  const RegionOffset at = static_cast<RegionOffset>(id) * 16;
  if (!region_->Has<StoredStack>(at)) return frames;
  const uint32_t count = region_->At<StoredStack>(at)->count;
  const auto* numbers = region_->At<uint32_t>(at + sizeof(StoredStack));
  if (!region_->Has<uint32_t>(at + sizeof(StoredStack), count)) return frames;
  frames.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const RegionOffset frame = static_cast<RegionOffset>(numbers[i]) * 16;
    if (!region_->Has<Frame>(frame)) return {};
    frames.push_back(*region_->At<Frame>(frame));
  }
  return frames;
}

uint32_t StackStore::count() const {
  return region_->At<Root>(root_)->stacks.load(std::memory_order_relaxed);
}

bool HasMethods(const std::vector<Frame>& stack) {
  return std::any_of(stack.begin(), stack.end(),
                     [](const Frame& frame) { return frame.kind == FrameKind::kMethod; });
}

std::vector<Frame> WithoutMethods(const std::vector<Frame>& stack) {
  std::vector<Frame> rest;
  for (const Frame& frame : stack) {
    if (frame.kind != FrameKind::kMethod) {
      rest.push_back(frame);
    } else if (!rest.empty()) {
      rest.back().gap = 1;
    }
  }
  return rest;
}

}  // namespace fdorigin
