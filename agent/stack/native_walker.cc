#include "stack/native_walker.h"

#include "base/hash.h"

namespace fdorigin {
namespace {

// What libunwind said of an address, for all threads. The key holds the address, how often an
// image was unloaded until then (what was learnt before is not found any more), and whether the
// address was interrupted or called from. The rule carries 16 bits of the key's hash: a reader that
// meets two writers of one entry sees that the halves do not belong together.
struct CachedRule {
  std::atomic<uint64_t> key;
  std::atomic<uint64_t> rule;
};

constexpr uint32_t kEntries = 8192;
constexpr uint32_t kProbes = 4;
constexpr int kTagShift = 48;

}  // namespace

bool NativeWalker::Create(Region* region, const ImageTable* images) {
  PrepareUnwinding();
  images_ = images;
  region_ = region;
  cache_ = region->Allocate(kEntries * sizeof(CachedRule));
  return cache_ != 0;
}

FrameRule NativeWalker::RuleFor(uint64_t pc, bool interrupted) {
  const uint64_t epoch = images_->unload_count();
  const uint64_t key = pc << 1 | static_cast<uint64_t>(interrupted) | epoch << kTagShift;
  const uint64_t hash = MixHash(0, key);
  const uint64_t tag = hash & ~uint64_t{0} << kTagShift;
  auto* cache = region_->At<CachedRule>(cache_);
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    const CachedRule& entry = cache[(hash + probe) % kEntries];
    if (entry.key.load(std::memory_order_acquire) != key) continue;
    const uint64_t rule = entry.rule.load(std::memory_order_acquire);
    if ((rule & ~uint64_t{0} << kTagShift) == tag) {
      return FrameRule::Unpack(rule & ~(~uint64_t{0} << kTagShift));
    }
  }
  const FrameRule rule = LearnFrameRule(pc, interrupted);
  // An empty place if there is one, else the first: what it held can be learnt again.
  uint32_t place = 0;
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    const uint64_t held = cache[(hash + probe) % kEntries].key.load(std::memory_order_relaxed);
    if (held == 0 || held == key) {
      place = probe;
      break;
    }
  }
  CachedRule& entry = cache[(hash + place) % kEntries];
  entry.key.store(key, std::memory_order_release);
  entry.rule.store(rule.Pack() | tag, std::memory_order_release);
  return rule;
}

int NativeWalker::Walk(WalkRegisters registers, Frame* frames, int max, WalkEnd* end) {
  int count = 0;
  StackProbe probe;
  while (true) {
    const ImageId image = images_->Find(registers.pc);
    if (image == ImageId::kNone) {
      *end = WalkEnd::kGeneratedCode;
      return count;
    }
    if (count == max) {
      *end = WalkEnd::kDepth;
      return count;
    }
    frames[count++] = {.value = registers.pc - images_->Get(image)->load_bias,
                       .bci = 0,
                       .image = image,
                       .kind = FrameKind::kNative,
                       .reserved = 0};
    if (!ApplyFrameRule(RuleFor(registers.pc, registers.interrupted), &probe, &registers)) {
      *end = WalkEnd::kOutermost;
      return count;
    }
  }
}

}  // namespace fdorigin
