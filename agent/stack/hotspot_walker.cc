#include "stack/hotspot_walker.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "arch/hotspot_frames.h"
#include "base/hash.h"
#include "stack/unsigned5.h"

namespace fdorigin {
namespace {

constexpr int kMaxInlined = 128;    // frames that one pc of compiled code stands for
constexpr int kMaxSteps = 1 << 16;  // frames of a walk that is asked for fewer
constexpr int32_t kMaxFrameWords = 1 << 17;
constexpr int32_t kInvocationEntry = -1;  // the bci of a call that is still on its way in

template <typename T>
T Load(uint64_t base, int64_t offset = 0) {
  T value;
  std::memcpy(&value, reinterpret_cast<const char*>(base) + offset, sizeof(T));
  return value;
}

bool StartsWith(const char* text, const char* start) {
  while (*start != '\0') {
    if (*text++ != *start++) return false;
  }
  return true;
}

}  // namespace

// The frames that a pc of compiled code stands for, innermost first. The key is the pc and the
// nmethod: its compile id is never given twice, so an entry that is found belongs to the very
// nmethod that is on the stack now. That has lived since the entry was written, and so have its
// methods: what is found needs no further check.
// A writer makes the sequence number odd meanwhile; whoever meets that goes without the cache. What
// lies between is stored with release and loaded with acquire order, so that nobody reads it as
// older or younger than the number says.
struct HotspotWalker::CachedCode {
  static constexpr int kFrames = 27;

  std::atomic<uint64_t> sequence;
  std::atomic<uint64_t> pc;
  std::atomic<uint64_t> blob;
  std::atomic<uint64_t> compilation;
  std::atomic<uint64_t> sizes;  // of the frame in words, then 8 bits: how many frames
  std::atomic<uint64_t> frames[kFrames];
};

bool HotspotWalker::Create(Region* region, MethodStore* methods) {
  static_assert(sizeof(CachedCode) == 256);
  region_ = region;
  methods_ = methods;
  uint32_t entries = 1024;
  while (entries < region->size() / 16384) entries *= 2;
  cache_mask_ = entries - 1;
  cache_ = region->Allocate(entries * sizeof(CachedCode));
  return cache_ != 0;
}

// The CodeBlob that contains `pc`, or 0. The block map is written without a lock by other threads,
// but not the part that belongs to a blob in use.
uint64_t HotspotWalker::FindBlob(uint64_t pc) const {
  for (int i = 0; i < layout_.heap_count; ++i) {
    const CodeHeapPlace& heap = layout_.heaps[i];
    if (pc < heap.low || pc >= heap.reserved_high) continue;
    if (pc >= __atomic_load_n(heap.committed_high, __ATOMIC_ACQUIRE)) return 0;
    constexpr uint8_t kFree = 0xff;
    uint64_t segment = (pc - heap.low) >> heap.segment_shift;
    uint8_t back = __atomic_load_n(&heap.segment_map[segment], __ATOMIC_RELAXED);
    while (back != 0) {
      if (back == kFree || back > segment) return 0;
      segment -= back;
      back = __atomic_load_n(&heap.segment_map[segment], __ATOMIC_RELAXED);
    }
    const uint64_t block = heap.low + (segment << heap.segment_shift);
    if (Load<uint8_t>(block, layout_.block_used) == 0) return 0;
    return block + static_cast<uint64_t>(layout_.block_size);
  }
  return 0;
}

// One walk.
class HotspotWalker::Pass {
 public:
  Pass(HotspotWalker* walker, uint64_t thread, uint64_t sp, JavaFrame* frames, int max)
      : walker_(walker),
        layout_(walker->layout_),
        thread_(thread),
        low_(sp),
        high_(Load<uint64_t>(thread, layout_.thread_stack_base)),
        frames_(frames),
        max_(max),
        kept_last_(max / 4 < kOutermost ? max / 4 : kOutermost) {}

  HOOK_SAFE HotspotWalkEnd Walk(uint64_t anchor, JavaActivation* activations, int max_activations);

  int frames() const { return total_ < max_ ? total_ : max_; }
  int total() const { return total_; }
  int innermost() const { return total_ > max_ ? max_ - kept_last_ : frames(); }
  // Puts the outermost frames in order. At the end.
  HOOK_SAFE void Finish();
  int activations() const { return activation_count_; }
  int compiled() const { return compiled_; }
  bool virtual_thread() const { return virtual_thread_; }

 private:
  // What to do after a frame.
  enum class Step { kOn, kNextActivation, kStop };

  // The frame that is looked at. `base_sp`: what a compiled frame's size counts from.
  struct Cursor {
    uint64_t pc;
    uint64_t sp;
    uint64_t base_sp;
    uint64_t fp;
  };

  HOOK_SAFE bool OnStack(uint64_t address) const {
    return address % kWord == 0 && address >= low_ && address <= high_ - kWord;
  }
  HOOK_SAFE static uint64_t Slot(uint64_t base, int slot) {
    return base + static_cast<uint64_t>(static_cast<int64_t>(slot) * static_cast<int64_t>(kWord));
  }
  HOOK_SAFE static uint64_t LoadSlot(uint64_t base, int slot) {
    return Load<uint64_t>(Slot(base, slot));
  }

  HOOK_SAFE Step Stop(HotspotWalkEnd end) {
    end_ = end;
    return Step::kStop;
  }
  // Beyond `max_` the latest ones go round in the places of the last ones.
  HOOK_SAFE void Add(const JavaFrame& frame) {
    const int over = total_ - max_;
    ++total_;
    if (over < 0) {
      frames_[total_ - 1] = frame;
    } else if (kept_last_ > 0) {
      frames_[max_ - kept_last_ + over % kept_last_] = frame;
    }
  }

  HOOK_SAFE Step Interpreted(Cursor* at);
  HOOK_SAFE Step Entry(const Cursor& at, JavaActivation* activation, uint64_t* next_anchor);
  HOOK_SAFE Step Upcall(const Cursor& at, uint64_t blob, JavaActivation* activation,
                        uint64_t* next_anchor);
  HOOK_SAFE void SetCaller(const Cursor& at, JavaActivation* activation);
  HOOK_SAFE Step Blob(Cursor* at, bool innermost, JavaActivation* activation,
                      uint64_t* next_anchor);
  HOOK_SAFE Step Compiled(uint64_t blob, uint64_t pc);
  HOOK_SAFE CachedCode& CacheEntry(uint64_t blob, uint64_t pc);
  HOOK_SAFE uint64_t CompilationOf(uint64_t blob) const;
  HOOK_SAFE int AddCached(uint64_t blob, uint64_t pc);
  HOOK_SAFE void Cache(uint64_t blob, uint64_t pc, const JavaFrame* frames, int count);
  HOOK_SAFE Step Nmethod(const Cursor& at, uint64_t blob, bool innermost);

  HOOK_SAFE bool IsNmethod(uint64_t blob) const;
  HOOK_SAFE bool IsUpcallStub(uint64_t blob) const;
  HOOK_SAFE bool IsDeoptimized(uint64_t blob, uint64_t pc) const;
  HOOK_SAFE uint64_t CodeBegin(uint64_t blob) const;
  HOOK_SAFE int Decode(uint64_t blob, uint64_t pc, JavaFrame* frames, int max,
                       HotspotWalkEnd* failure);

  HotspotWalker* walker_;
  const HotspotLayout& layout_;
  const uint64_t thread_;
  uint64_t low_;  // rises from frame to frame
  const uint64_t high_;
  JavaFrame* frames_;
  const int max_;
  const int kept_last_;
  int total_ = 0;
  int activation_count_ = 0;
  int compiled_ = 0;
  bool virtual_thread_ = false;
  HotspotWalkEnd end_ = HotspotWalkEnd::kOutermost;
};

void HotspotWalker::Pass::Finish() {
  if (total_ <= max_ || kept_last_ == 0) return;
  JavaFrame* last = frames_ + (max_ - kept_last_);
  std::rotate(last, last + (total_ - max_) % kept_last_, last + kept_last_);
}

HotspotWalkEnd HotspotWalker::Pass::Walk(uint64_t anchor, JavaActivation* activations,
                                         int max_activations) {
  for (int steps = 0;;) {
    const auto sp = Load<uint64_t>(anchor, layout_.anchor_sp);
    if (sp == 0) return HotspotWalkEnd::kOutermost;
    if (!OnStack(sp)) return HotspotWalkEnd::kBadStack;
    if (activation_count_ == max_activations) return HotspotWalkEnd::kTooManyActivations;
    auto pc = Load<uint64_t>(anchor, layout_.anchor_pc);
    if (pc == 0) pc = LoadSlot(sp, kAnchorPcSlot);
    Cursor at = {pc, sp, sp, Load<uint64_t>(anchor, layout_.anchor_fp)};
    low_ = sp;

    JavaActivation* activation = &activations[activation_count_++];
    *activation = {.first = total_, .count = 0, .anchor_sp = sp, .anchor_pc = pc};
    Step step = Step::kOn;
    for (bool innermost = true; step == Step::kOn; innermost = false) {
      if (++steps > kMaxSteps) {
        activation->count = total_ - activation->first;
        return HotspotWalkEnd::kDepth;
      }
      if (layout_.interpreter.Contains(at.pc)) {
        step = Interpreted(&at);
      } else if (at.pc == layout_.call_stub_return_pc) {
        step = Entry(at, activation, &anchor);
      } else {
        step = Blob(&at, innermost, activation, &anchor);
      }
    }
    activation->count = total_ - activation->first;
    if (step == Step::kStop) return end_;
  }
}

HotspotWalker::Pass::Step HotspotWalker::Pass::Interpreted(Cursor* at) {
  if (!OnStack(Slot(at->fp, kInterpreterLowestSlot)) || !OnStack(Slot(at->fp, kSenderSpSlot))) {
    return Stop(HotspotWalkEnd::kBadStack);
  }
  MethodId id;
  int32_t bci;
  if (!walker_->methods_->InternAt(LoadSlot(at->fp, kInterpreterMethodSlot),
                                   LoadSlot(at->fp, kInterpreterBcpSlot), &id, &bci)) {
    return Stop(HotspotWalkEnd::kBadMethod);
  }
  Add({id, bci});

  const uint64_t sender_sp = Slot(at->fp, kSenderSpSlot);
  *at = {.pc = LoadSlot(at->fp, kReturnSlot),
         .sp = sender_sp,
         .base_sp = LoadSlot(at->fp, kInterpreterSenderSpSlot),
         .fp = LoadSlot(at->fp, kLinkSlot)};
  // Adapters have moved the caller's arguments down, or a method handle's last one was popped: the
  // caller's stack may end on either side of where this frame's begins.
  const uint64_t lowest = Slot(sender_sp, -1);
  if (at->base_sp < lowest) return Stop(HotspotWalkEnd::kBadStack);
  low_ = lowest;
  return Step::kOn;
}

// The entry stubs keep a frame pointer.
void HotspotWalker::Pass::SetCaller(const Cursor& at, JavaActivation* activation) {
  activation->entry_sp = at.sp;
  activation->entry_fp = at.fp;
  activation->caller = {.pc = LoadSlot(at.fp, kReturnSlot),
                        .sp = Slot(at.fp, kSenderSpSlot),
                        .fp = LoadSlot(at.fp, kLinkSlot)};
  low_ = activation->caller.sp;
}

HotspotWalker::Pass::Step HotspotWalker::Pass::Entry(const Cursor& at, JavaActivation* activation,
                                                     uint64_t* next_anchor) {
  if (!OnStack(Slot(at.fp, kEntryWrapperSlot)) || !OnStack(Slot(at.fp, kSenderSpSlot))) {
    return Stop(HotspotWalkEnd::kBadStack);
  }
  const uint64_t wrapper = LoadSlot(at.fp, kEntryWrapperSlot);
  const uint64_t anchor = wrapper + static_cast<uint64_t>(layout_.wrapper_anchor);
  SetCaller(at, activation);
  if (!OnStack(anchor) || !OnStack(anchor + 2 * kWord)) return Stop(HotspotWalkEnd::kBadStack);
  *next_anchor = anchor;
  return Step::kNextActivation;
}

HotspotWalker::Pass::Step HotspotWalker::Pass::Upcall(const Cursor& at, uint64_t blob,
                                                      JavaActivation* activation,
                                                      uint64_t* next_anchor) {
  const auto data = static_cast<uint32_t>(Load<int32_t>(blob, layout_.upcall_frame_data));
  const uint64_t anchor = at.base_sp + data + static_cast<uint64_t>(layout_.upcall_data_anchor);
  if (!OnStack(anchor) || !OnStack(anchor + 2 * kWord) || at.fp <= anchor ||
      !OnStack(Slot(at.fp, kSenderSpSlot))) {
    return Stop(HotspotWalkEnd::kBadStack);
  }
  if (layout_.upcall_data_thread >= 0) {
    const uint64_t thread = at.base_sp + data + static_cast<uint64_t>(layout_.upcall_data_thread);
    if (!OnStack(thread) || Load<uint64_t>(thread) != thread_) {
      return Stop(HotspotWalkEnd::kUnknownCode);
    }
  }
  SetCaller(at, activation);
  *next_anchor = anchor;
  return Step::kNextActivation;
}

bool HotspotWalker::Pass::IsNmethod(uint64_t blob) const {
  if (layout_.blob_kind >= 0) return Load<uint8_t>(blob, layout_.blob_kind) == layout_.kind_nmethod;
  const auto* name = Load<const char*>(blob, layout_.blob_name);
  return name != nullptr && (StartsWith(name, "nmethod") || StartsWith(name, "native nmethod"));
}

bool HotspotWalker::Pass::IsUpcallStub(uint64_t blob) const {
  if (layout_.blob_kind >= 0) return Load<uint8_t>(blob, layout_.blob_kind) == layout_.kind_upcall;
  const auto* name = Load<const char*>(blob, layout_.blob_name);
  return layout_.upcall_name != nullptr && name != nullptr && StartsWith(name, layout_.upcall_name);
}

uint64_t HotspotWalker::Pass::CodeBegin(uint64_t blob) const {
  return layout_.blob_code_begin >= 0 ? Load<uint64_t>(blob, layout_.blob_code_begin)
                                      : blob + Load<uint32_t>(blob, layout_.blob_code_offset);
}

// Code that was thrown away returns to its deoptimization handler, and keeps the address where it
// was.
bool HotspotWalker::Pass::IsDeoptimized(uint64_t blob, uint64_t pc) const {
  if (layout_.blob_code_begin >= 0) {
    return pc == Load<uint64_t>(blob, layout_.nmethod_deopt) ||
           pc == Load<uint64_t>(blob, layout_.nmethod_deopt_mh);
  }
  const auto offset = static_cast<int64_t>(pc - blob);
  return offset == Load<int32_t>(blob, layout_.nmethod_deopt) ||
         (layout_.nmethod_deopt_mh >= 0 && offset == Load<int32_t>(blob, layout_.nmethod_deopt_mh));
}

HotspotWalker::Pass::Step HotspotWalker::Pass::Blob(Cursor* at, bool innermost,
                                                    JavaActivation* activation,
                                                    uint64_t* next_anchor) {
  const uint64_t blob = walker_->FindBlob(at->pc);
  if (blob == 0) return Stop(HotspotWalkEnd::kUnknownCode);
  int words = AddCached(blob, at->pc);
  const bool cached = words > 0;
  if (cached) {
    ++compiled_;
  } else {
    if (IsUpcallStub(blob)) return Upcall(*at, blob, activation, next_anchor);
    words = Load<int32_t>(blob, layout_.blob_frame_size);
    if (words <= 0 || words > kMaxFrameWords) {
      // A stub without a frame of its own: of those, a stack shows the one to which a virtual
      // thread returns whose outer frames have been left in the heap.
      const auto* name = Load<const char*>(blob, layout_.blob_name);
      if (layout_.feature >= 21 && name != nullptr && StartsWith(name, "StubRoutines (cont")) {
        virtual_thread_ = true;
        return Stop(HotspotWalkEnd::kFrozen);
      }
      return Stop(HotspotWalkEnd::kUnknownCode);
    }
  }
  // The two highest words of the frame.
  const uint64_t caller_sp = Slot(at->base_sp, words);
  if (!OnStack(at->base_sp) || !OnStack(Slot(caller_sp, kCompiledReturnSlot))) {
    return Stop(HotspotWalkEnd::kBadStack);
  }
  if (!cached && IsNmethod(blob)) {
    if (const Step step = Nmethod(*at, blob, innermost); step != Step::kOn) return step;
  }
  *at = {.pc = LoadSlot(caller_sp, kCompiledReturnSlot),
         .sp = caller_sp,
         .base_sp = caller_sp,
         .fp = LoadSlot(caller_sp, kCompiledLinkSlot)};
  low_ = caller_sp;
  return Step::kOn;
}

HotspotWalker::Pass::Step HotspotWalker::Pass::Nmethod(const Cursor& at, uint64_t blob,
                                                       bool innermost) {
  const auto method = Load<uint64_t>(blob, layout_.nmethod_method);
  if (walker_->methods_->IsNative(method)) {
    if (!innermost) {
      // A native method that has called compiled code is Continuation.enterSpecial, the outermost
      // frame of a virtual thread. Below it is the carrier.
      if (layout_.feature < 21 || (layout_.continuation_return_pc != nullptr &&
                                   walker_->FindBlob(*layout_.continuation_return_pc) != blob)) {
        return Stop(HotspotWalkEnd::kUnknownCode);
      }
      virtual_thread_ = true;
      return Stop(HotspotWalkEnd::kOutermost);
    }
    MethodId id;
    if (!walker_->methods_->Intern(method, &id)) return Stop(HotspotWalkEnd::kBadMethod);
    Add({id, -1});
    return Step::kOn;
  }
  uint64_t pc = at.pc;
  if (IsDeoptimized(blob, pc)) {
    const auto offset = Load<int32_t>(blob, layout_.nmethod_orig_pc_offset);
    const uint64_t saved = at.base_sp + static_cast<uint64_t>(static_cast<int64_t>(offset));
    if (!OnStack(saved)) return Stop(HotspotWalkEnd::kBadStack);
    pc = Load<uint64_t>(saved);
  }
  return Compiled(blob, pc);
}

HotspotWalker::CachedCode& HotspotWalker::Pass::CacheEntry(uint64_t blob, uint64_t pc) {
  auto* cache = walker_->region_->At<CachedCode>(walker_->cache_);
  return cache[MixHash(blob, pc) & walker_->cache_mask_];
}

// Compilations for entry in the middle of a loop are numbered apart.
uint64_t HotspotWalker::Pass::CompilationOf(uint64_t blob) const {
  return static_cast<uint64_t>(Load<uint32_t>(blob, layout_.nmethod_compile_id)) << 32 |
         Load<uint32_t>(blob, layout_.nmethod_entry_bci);
}

// Adds the frames of `pc` if they are known. The size of the frame in words if so; 0 if not.
int HotspotWalker::Pass::AddCached(uint64_t blob, uint64_t pc) {
  const CachedCode& entry = CacheEntry(blob, pc);
  const uint64_t sequence = entry.sequence.load(std::memory_order_acquire);
  if ((sequence & 1) != 0 || entry.pc.load(std::memory_order_acquire) != pc ||
      entry.blob.load(std::memory_order_acquire) != blob ||
      entry.compilation.load(std::memory_order_acquire) != CompilationOf(blob)) {
    return 0;
  }
  const uint64_t sizes = entry.sizes.load(std::memory_order_acquire);
  const int count = static_cast<int>(sizes & 0xff);
  JavaFrame frames[CachedCode::kFrames];
  for (int i = 0; i < count && i < CachedCode::kFrames; ++i) {
    const uint64_t word = entry.frames[i].load(std::memory_order_acquire);
    frames[i] = {static_cast<MethodId>(word >> 32), static_cast<int32_t>(word)};
  }
  if (entry.sequence.load(std::memory_order_relaxed) != sequence) return 0;
  for (int i = 0; i < count && i < CachedCode::kFrames; ++i) Add(frames[i]);
  return static_cast<int>(sizes >> 8);
}

void HotspotWalker::Pass::Cache(uint64_t blob, uint64_t pc, const JavaFrame* frames, int count) {
  if (count > CachedCode::kFrames) return;
  CachedCode& entry = CacheEntry(blob, pc);
  uint64_t sequence = entry.sequence.load(std::memory_order_relaxed);
  if ((sequence & 1) != 0 ||
      !entry.sequence.compare_exchange_strong(sequence, sequence + 1, std::memory_order_acq_rel)) {
    return;
  }
  entry.pc.store(pc, std::memory_order_release);
  entry.blob.store(blob, std::memory_order_release);
  entry.compilation.store(CompilationOf(blob), std::memory_order_release);
  const auto words = Load<uint32_t>(blob, layout_.blob_frame_size);
  entry.sizes.store(static_cast<uint64_t>(words) << 8 | static_cast<uint64_t>(count),
                    std::memory_order_release);
  for (int i = 0; i < count; ++i) {
    entry.frames[i].store(
        static_cast<uint64_t>(frames[i].method) << 32 | static_cast<uint32_t>(frames[i].bci),
        std::memory_order_release);
  }
  entry.sequence.store(sequence + 2, std::memory_order_release);
}

HotspotWalker::Pass::Step HotspotWalker::Pass::Compiled(uint64_t blob, uint64_t pc) {
  JavaFrame decoded[kMaxInlined];
  HotspotWalkEnd failure = HotspotWalkEnd::kNoDebugInfo;
  const int count = Decode(blob, pc, decoded, kMaxInlined, &failure);
  if (count <= 0) return Stop(failure);
  bool all_named = true;
  for (int i = 0; i < count; ++i) {
    all_named &= decoded[i].method != MethodId::kNone;
    Add(decoded[i]);
  }
  if (all_named) Cache(blob, pc, decoded, count);
  ++compiled_;
  return Step::kOn;
}

// The methods that are inlined at `pc`, innermost first, by the nmethod's debug information: a
// table from pc offsets to places in a compressed stream, where each scope says who its caller is.
// 0 where they cannot be told.
int HotspotWalker::Pass::Decode(uint64_t blob, uint64_t pc, JavaFrame* frames, int max,
                                HotspotWalkEnd* failure) {
  *failure = HotspotWalkEnd::kNoDebugInfo;
  const auto at = [blob](int field) { return Load<uint32_t>(blob, field); };
  uint64_t descriptors;
  uint64_t descriptors_end;
  uint64_t scopes;
  uint64_t scopes_end;
  uint64_t metadata;
  uint64_t metadata_end;
  if (layout_.blob_code_begin >= 0) {
    const uint64_t end = blob + at(layout_.blob_size);
    descriptors = blob + at(layout_.nmethod_scopes_pcs_offset);
    descriptors_end = blob + at(layout_.nmethod_dependencies_offset);
    scopes = Load<uint64_t>(blob, layout_.nmethod_scopes_data_begin);
    scopes_end = descriptors;
    metadata = blob + at(layout_.nmethod_metadata_offset);
    metadata_end = scopes;
    if (!(blob < metadata && metadata <= scopes && scopes <= descriptors &&
          descriptors <= descriptors_end && descriptors_end <= end)) {
      return 0;
    }
  } else {
    const auto immutable = Load<uint64_t>(blob, layout_.nmethod_immutable_data);
    const uint64_t size = at(layout_.nmethod_immutable_data_size);
    const uint64_t pcs = at(layout_.nmethod_scopes_pcs_offset);
    const uint64_t data = at(layout_.nmethod_scopes_data_offset);
    if (immutable == 0 || pcs > size || data > size) return 0;
    descriptors = immutable + pcs;
    scopes = immutable + data;
    // Whichever is first ends where the other begins.
    descriptors_end = immutable + (pcs < data ? data : size);
    scopes_end = immutable + (pcs < data ? size : pcs);
    const uint64_t relocations = at(layout_.blob_relocation_size);
    const uint64_t mutable_size = at(layout_.blob_mutable_data_size);
    if (relocations > mutable_size) return 0;
    metadata = Load<uint64_t>(blob, layout_.blob_mutable_data) + relocations;
    metadata_end = metadata + (mutable_size - relocations);
  }

  // The table is sorted, and has sentinels at both ends.
  const auto offset = static_cast<int64_t>(pc - CodeBegin(blob));
  const auto entry_size = static_cast<uint64_t>(layout_.pc_desc_size);
  uint64_t first = 0;
  uint64_t last = (descriptors_end - descriptors) / entry_size;
  while (first < last) {
    const uint64_t middle = (first + last) / 2;
    if (Load<int32_t>(descriptors + middle * entry_size, layout_.pc_desc_pc_offset) < offset) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  const uint64_t found = descriptors + first * entry_size;
  if (found + entry_size > descriptors_end ||
      Load<int32_t>(found, layout_.pc_desc_pc_offset) != offset) {
    return 0;
  }

  auto scope = Load<uint32_t>(found, layout_.pc_desc_scope);
  int count = 0;
  for (;;) {
    if (scope == 0 || scope >= scopes_end - scopes || count == max) return 0;
    Unsigned5Reader stream(reinterpret_cast<const uint8_t*>(scopes + scope),
                           scopes_end - scopes - scope, layout_.unsigned5_excluded);
    uint32_t sender;
    uint32_t method_index;
    uint32_t bci_plus_one;
    if (!stream.Read(&sender) || !stream.Read(&method_index) || !stream.Read(&bci_plus_one)) {
      return 0;
    }
    // 0 stands for no method, n for the n-th.
    if (method_index == 0 || method_index > (metadata_end - metadata) / kWord) return 0;
    const auto method = Load<uint64_t>(metadata + (method_index - 1) * kWord);
    MethodId id;
    if (!walker_->methods_->Intern(method, &id)) {
      *failure = HotspotWalkEnd::kBadMethod;
      return 0;
    }
    const auto bci = static_cast<int32_t>(bci_plus_one) - 1;
    frames[count++] = {id, bci == kInvocationEntry ? 0 : bci};
    if (sender == 0) return count;
    // Callers were written before those whom they call.
    if (sender >= scope) return 0;
    scope = sender;
  }
}

HotspotWalk HotspotWalker::Walk(const void* thread, uint64_t sp, JavaFrame* frames, int max,
                                JavaActivation* activations, int max_activations) {
  const auto java_thread = reinterpret_cast<uint64_t>(thread);
  Pass pass(this, java_thread, sp & ~(kWord - 1), frames, max);
  HotspotWalk walk;
  walk.end = pass.Walk(java_thread + static_cast<uint64_t>(layout_.thread_anchor), activations,
                       max_activations);
  pass.Finish();
  walk.frames = pass.frames();
  walk.total = pass.total();
  walk.innermost = pass.innermost();
  if (walk.end == HotspotWalkEnd::kOutermost && walk.total > walk.frames) {
    walk.end = HotspotWalkEnd::kDepth;
  }
  walk.activations = pass.activations();
  walk.compiled = pass.compiled();
  walk.virtual_thread = pass.virtual_thread();
  return walk;
}

}  // namespace fdorigin
