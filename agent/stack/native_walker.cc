#include "stack/native_walker.h"

#include <dlfcn.h>
#include <link.h>

#include "base/hash.h"

#pragma weak _dl_find_object

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
constexpr uint32_t kNear = kNearBytes / sizeof(CachedRule);
constexpr uint32_t kProbes = 4;
constexpr int kTagShift = 48;

uint32_t Place(uint64_t hash, uint32_t probe) {
  return ProbePlace(hash, probe, kEntries - 1, kNear);
}

constexpr int kMaxSteps = 512;

// Whether an ELF image is mapped at the address that the table does not have; it is entered there
// if it can be. glibc answers without a lock (2.35 and later; before, such an address counts as
// generated code).
bool FindUnknown(uint64_t pc, ImageTable* images, ImageId* image) {
  dl_find_object found;
  if (_dl_find_object == nullptr || _dl_find_object(reinterpret_cast<void*>(pc), &found) != 0) {
    return false;
  }
  *image =
      images->AddSeen(pc, reinterpret_cast<uint64_t>(found.dlfo_map_start),
                      reinterpret_cast<uint64_t>(found.dlfo_map_end), found.dlfo_link_map->l_addr);
  return true;
}

}  // namespace

bool NativeWalker::Create(Region* region, ImageTable* images) {
  PrepareUnwinding();
  images_ = images;
  region_ = region;
  cache_ = region->AllocateTable(kEntries * sizeof(CachedRule), kNearBytes);
  return cache_ != 0;
}

FrameRule NativeWalker::RuleFor(uint64_t pc, bool interrupted) {
  const uint64_t epoch = images_->unload_count();
  const uint64_t key = pc << 1 | static_cast<uint64_t>(interrupted) | epoch << kTagShift;
  const uint64_t hash = MixHash(0, key);
  const uint64_t tag = hash & ~uint64_t{0} << kTagShift;
  auto* cache = region_->At<CachedRule>(cache_);
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    const CachedRule& entry = cache[Place(hash, probe)];
    const uint64_t held = entry.key.load(std::memory_order_acquire);
    if (held == 0) break;  // it would be here
    if (held != key) continue;
    const uint64_t rule = entry.rule.load(std::memory_order_acquire);
    if ((rule & ~uint64_t{0} << kTagShift) == tag) {
      return FrameRule::Unpack(rule & ~(~uint64_t{0} << kTagShift));
    }
  }
  const FrameRule rule = LearnFrameRule(pc, interrupted);
  // An empty place if there is one, else the last: what it held can be learnt again.
  uint32_t place = kProbes - 1;
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    const uint64_t held = cache[Place(hash, probe)].key.load(std::memory_order_relaxed);
    if (held == 0 || held == key) {
      place = probe;
      break;
    }
  }
  CachedRule& entry = cache[Place(hash, place)];
  entry.key.store(key, std::memory_order_release);
  entry.rule.store(rule.Pack() | tag, std::memory_order_release);
  return rule;
}

// Calls `visit` with each frame's address and image, until it says false. The image is kNone where
// it could not be entered. `at` moves along.
template <typename Visit>
WalkEnd NativeWalker::WalkImages(WalkRegisters* at, StackProbe probe, Visit visit) {
  for (int step = 0; step < kMaxSteps; ++step) {
    ImageId image = images_->Find(at->pc);
    if (image == ImageId::kNone && !FindUnknown(at->pc, images_, &image)) {
      return WalkEnd::kGeneratedCode;
    }
    if (!visit(at->pc, image)) return WalkEnd::kDepth;
    const FrameRule rule = RuleFor(at->pc, at->interrupted);
    if (ApplyFrameRule(rule, &probe, at)) continue;
    return rule.kind == FrameRuleKind::kEnd || at->pc == 0 ? WalkEnd::kOutermost : WalkEnd::kLost;
  }
  return WalkEnd::kDepth;
}

int NativeWalker::Walk(WalkRegisters registers, Frame* frames, int max, WalkEnd* end,
                       StackProbe probe, WalkRegisters* rest) {
  int count = 0;
  *end = WalkImages(&registers, probe, [&](uint64_t pc, ImageId image) {
    if (image == ImageId::kNone) {
      if (count > 0) frames[count - 1].gap = 1;
      return true;
    }
    if (count == max) return false;
    frames[count++] = {.value = pc - images_->Get(image)->load_bias,
                       .bci = 0,
                       .image = image,
                       .kind = FrameKind::kNative,
                       .gap = 0};
    return true;
  });
  if (rest != nullptr) *rest = registers;
  return count;
}

bool NativeWalker::IsUnderLoader(WalkRegisters registers) {
  bool found = false;
  WalkImages(&registers, {}, [&](uint64_t, ImageId image) {
    found = image != ImageId::kNone && images_->Get(image)->role == ImageRole::kLoader;
    return !found;
  });
  return found;
}

}  // namespace fdorigin
