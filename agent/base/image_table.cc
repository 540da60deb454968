#include "base/image_table.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

namespace fdorigin {
namespace {

struct Range {
  std::atomic<uint64_t> low;
  std::atomic<uint64_t> high;
  std::atomic<uint16_t> id;
};

// The loaded images in order of address, for Find().
struct Ranges {
  std::atomic<uint32_t> count;
  Range range[ImageTable::kMaxImages];
};

constexpr int kBlock = 64;  // images allocated at a time
constexpr int kTries = 1000;
constexpr int kWriterTries = 100;

// There are two copies of the ranges: the last bit of the sequence number says which one holds. A
// writer changes the other one and then raises the number, so that readers do not depend on a
// writer that is stopped meanwhile. Each word is released and acquired: who sees a word of the
// publication after the next sees the next number, too.
struct Root {
  std::atomic<uint32_t> sequence;
  RegionOffset blocks[ImageTable::kMaxImages / kBlock];
  Ranges copies[2];
};

}  // namespace

bool ImageTable::Create(Region* region) {
  region_ = region;
  root_ = region->Allocate(sizeof(Root));
  region->header()->image_table = root_;
  return root_ != 0;
}

bool ImageTable::Open(Region* region) {
  region_ = region;
  root_ = region->header()->image_table;
  return region->Has<Root>(root_);
}

ImageId ImageTable::Find(uint64_t address) const {
  const Root* root = region_->At<Root>(root_);
  for (int tries = 0; tries < kTries; ++tries) {
    const uint32_t before = root->sequence.load(std::memory_order_acquire);
    const Ranges& ranges = root->copies[before & 1];
    const uint32_t count = ranges.count.load(std::memory_order_acquire);
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (address < ranges.range[middle].high.load(std::memory_order_acquire)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    ImageId found = ImageId::kNone;
    if (low < count && address >= ranges.range[low].low.load(std::memory_order_acquire)) {
      found = static_cast<ImageId>(ranges.range[low].id.load(std::memory_order_acquire));
    }
    if (root->sequence.load(std::memory_order_acquire) == before) return found;
  }
  return ImageId::kNone;
}

const Image* ImageTable::Get(ImageId id) const {
  if (id == ImageId::kNone) return nullptr;
  const int index = static_cast<int>(id) - 1;
  if (index >= kMaxImages) return nullptr;
  const RegionOffset block = region_->At<Root>(root_)->blocks[index / kBlock];
  if (!region_->Has<Image>(block, kBlock)) return nullptr;
  return region_->At<Image>(block) + index % kBlock;
}

std::vector<Image> ImageTable::All() const {
  std::vector<Image> images;
  for (const RegionOffset block : region_->At<Root>(root_)->blocks) {
    if (!region_->Has<Image>(block, kBlock)) break;
    images.insert(images.end(), region_->At<Image>(block), region_->At<Image>(block) + kBlock);
  }
  return images;
}

bool ImageTable::Overlaps(uint64_t low, uint64_t high) const {
  const Root* root = region_->At<Root>(root_);
  const Ranges& ranges = root->copies[root->sequence.load(std::memory_order_acquire) & 1];
  const uint32_t count = ranges.count.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    if (low < ranges.range[i].high.load(std::memory_order_acquire) &&
        high > ranges.range[i].low.load(std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

ImageId ImageTable::Append(const Image& image) {
  const int count = count_.load(std::memory_order_relaxed);
  if (count == kMaxImages) return ImageId::kNone;
  Root* root = region_->At<Root>(root_);
  RegionOffset& block = root->blocks[count / kBlock];
  if (block == 0) block = region_->Allocate(kBlock * sizeof(Image));
  if (block == 0) return ImageId::kNone;
  region_->At<Image>(block)[count % kBlock] = image;
  count_.store(count + 1, std::memory_order_release);
  Publish();
  return static_cast<ImageId>(count + 1);
}

void ImageTable::BeginWriting() {
  while (writing_.exchange(true, std::memory_order_acquire)) sched_yield();
}

ImageId ImageTable::AddSeen(uint64_t pc, uint64_t low, uint64_t high, uint64_t load_bias) {
  for (int tries = 1; writing_.exchange(true, std::memory_order_acquire); ++tries) {
    if (tries == kWriterTries) return ImageId::kNone;
    sched_yield();
  }
  ImageId id = Find(pc);  // somebody may have been faster
  if (id == ImageId::kNone && !Overlaps(low, high)) {
    Image image = {};
    image.low = low;
    image.high = high;
    image.load_bias = load_bias;
    image.loaded = 1;
    id = Append(image);
  }
  EndWriting();
  return id;
}

ImageId ImageTable::Add(const Image& image) {
  BeginWriting();
  ImageId id = Find(image.low);
  if (id != ImageId::kNone && Get(id)->path == StringId::kNone &&
      Get(id)->load_bias == image.load_bias) {
    *const_cast<Image*>(Get(id)) = image;
    Publish();
  } else {
    id = Append(image);
  }
  EndWriting();
  return id;
}

void ImageTable::Remove(ImageId id) {
  if (id == ImageId::kNone) return;  // Add() had no room for it
  BeginWriting();
  const_cast<Image*>(Get(id))->loaded = 0;
  Publish();
  unloads_.fetch_add(1, std::memory_order_acq_rel);
  EndWriting();
}

void ImageTable::Publish() {
  Root* root = region_->At<Root>(root_);
  static uint16_t order[kMaxImages];  // writers are one at a time
  int loaded = 0;
  const int count = count_.load(std::memory_order_relaxed);
  for (int i = 0; i < count; ++i) {
    if (Get(static_cast<ImageId>(i + 1))->loaded != 0)
      order[loaded++] = static_cast<uint16_t>(i + 1);
  }
  std::sort(order, order + loaded, [this](uint16_t a, uint16_t b) {
    return Get(static_cast<ImageId>(a))->low < Get(static_cast<ImageId>(b))->low;
  });
  const uint32_t next = root->sequence.load(std::memory_order_relaxed) + 1;
  Ranges& ranges = root->copies[next & 1];
  for (int i = 0; i < loaded; ++i) {
    const Image* image = Get(static_cast<ImageId>(order[i]));
    ranges.range[i].low.store(image->low, std::memory_order_release);
    ranges.range[i].high.store(image->high, std::memory_order_release);
    ranges.range[i].id.store(order[i], std::memory_order_release);
  }
  ranges.count.store(static_cast<uint32_t>(loaded), std::memory_order_release);
  root->sequence.store(next, std::memory_order_release);
}

}  // namespace fdorigin
