#include "base/native_methods.h"

#include <algorithm>
#include <cstring>

namespace fdorigin {

bool NativeMethods::Create(Region* region) {
  region_ = region;
  blocks_ = region->Allocate(kMaxImages * sizeof(Block));
  return blocks_ != 0;
}

void NativeMethods::Add(ImageId image, std::vector<Range> functions) {
  const int number = count_.load(std::memory_order_relaxed);
  if (region_ == nullptr || image == ImageId::kNone || functions.empty() || number == kMaxImages) {
    return;
  }
  std::sort(functions.begin(), functions.end(), [](const Range& a, const Range& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  // Aliases, of which the longest stays.
  std::vector<Range> kept;
  for (const Range& function : functions) {
    if (kept.empty() || function.begin >= kept.back().end) kept.push_back(function);
  }
  const RegionOffset ranges = region_->Allocate(kept.size() * sizeof(Range));
  if (ranges == 0) return;
  std::memcpy(region_->At<Range>(ranges), kept.data(), kept.size() * sizeof(Range));
  region_->At<Block>(blocks_)[number] = {image, static_cast<uint32_t>(kept.size()), ranges};
  count_.store(number + 1, std::memory_order_release);
}

bool NativeMethods::Contains(ImageId image, uint64_t return_address) const {
  const int count = count_.load(std::memory_order_acquire);
  if (count == 0) return false;
  const Block* blocks = region_->At<Block>(blocks_);
  for (int i = 0; i < count; ++i) {
    if (blocks[i].image != image) continue;
    const Range* ranges = region_->At<Range>(blocks[i].ranges);
    const uint64_t call = return_address - 1;  // the call may be the function's last instruction
    const Range* next =
        std::upper_bound(ranges, ranges + blocks[i].count, call,
                         [](uint64_t at, const Range& range) { return at < range.begin; });
    return next != ranges && call < next[-1].end;
  }
  return false;
}

}  // namespace fdorigin
