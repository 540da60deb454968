#include "fdtable/fd_table.h"

#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <string_view>

namespace fdorigin {
namespace {

constexpr int kSlotsPerChunk = 512;
constexpr int kChunks = FdTable::kMaxFd / kSlotsPerChunk;
constexpr int kCellsPerBlock = 64;
constexpr uint32_t kUnit = 8;  // cell numbers are region offsets in units of this many bytes

// Slot::state: bit 0 is the lock, the rest the generation.
constexpr uint32_t kLocked = 1;
constexpr uint32_t kGenerationStep = 2;

constexpr uint8_t kInherited = 1;
constexpr uint8_t kLost = 2;         // an open or an end could not be recorded
constexpr uint8_t kHistoryLost = 4;  // a step in between could not
constexpr uint8_t kChanging = 8;     // only in a copy, where Update() did not come to an end

// A slot is locked for a few dozen instructions, never across a call into the host. Who meets a
// locked one spins, then lets others run, since the holder may have lost its processor; a holder
// that is stopped for good (SIGSTOP, a debugger) makes others give up.
constexpr int kLockSpins = 1024;
constexpr int kLockTries = kLockSpins + 256;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Writes a cell that belongs to a slot, as the last of its list. Around `next`, which a thread in
// TakeCell() may read still, having seen the cell when it was free.
void Fill(CallRecord* cell, const CallRecord& record) {
  constexpr size_t kNext = offsetof(CallRecord, next);
  constexpr size_t kBehind = kNext + sizeof(cell->next);
  auto* to = reinterpret_cast<char*>(cell);
  const auto* from = reinterpret_cast<const char*>(&record);
  std::memcpy(to, from, kNext);
  std::memcpy(to + kBehind, from + kBehind, sizeof(record) - kBehind);
  std::atomic_ref<uint32_t>(cell->next).store(0, std::memory_order_relaxed);
}

// The list of hooked calls in the region. Texts end with a NUL.
struct StoredCall {
  char name[40];
  struct {
    char name[20];
    ArgumentKind kind;
  } arguments[kMaxArguments];
};

template <size_t kSize>
bool StoreText(const char* text, char (&to)[kSize]) {
  const std::string_view stored = text == nullptr ? "" : text;
  if (stored.size() >= kSize) return false;
  stored.copy(to, stored.size());
  return true;
}

constexpr CallInfo kUnknownCall = {"unknown", {}};

}  // namespace

struct FdTable::Slot {
  std::atomic<uint32_t> state;
  uint32_t origin;        // cell of the origin, 0 where the number is closed or unknown
  uint32_t history;       // cell of the first later call
  uint8_t history_count;  // no more than 255
  std::atomic<uint8_t> flags;
  uint16_t history_changes;  // raised with each change of the history
  FdIdentity identity;
};

struct FdTable::Root {
  std::atomic<uint64_t> free_cells;  // tag in the upper half against ABA, cell number in the lower
  std::atomic<uint64_t> dropped;
  RegionOffset calls;
  uint64_t call_count;
  std::atomic<RegionOffset> chunks[kChunks];
};

bool FdTable::Create(Region* region) {
  static_assert(sizeof(Slot) == 32, "Slot is part of the region's layout");
  region_ = region;
  root_ = region->Allocate(sizeof(Root));
  region->header()->fd_table = root_;
  return root_ != 0;
}

bool FdTable::Open(Region* region) {
  region_ = region;
  root_ = region->header()->fd_table;
  if (!region->Has<Root>(root_)) return false;
  const Root* root = region->At<Root>(root_);
  if (!region->Has<StoredCall>(root->calls, root->call_count)) return false;
  auto* stored = region->At<StoredCall>(root->calls);
  opened_calls_.resize(root->call_count);
  for (CallInfo& call : opened_calls_) {
    stored->name[sizeof(stored->name) - 1] = '\0';
    call.name = stored->name;
    for (int i = 0; i < kMaxArguments; ++i) {
      auto& argument = stored->arguments[i];
      argument.name[sizeof(argument.name) - 1] = '\0';
      call.arguments[i] = {argument.name, argument.kind};
    }
    ++stored;
  }
  calls_ = opened_calls_;
  return true;
}

bool FdTable::SetCalls(std::span<const CallInfo> calls) {
  calls_ = calls;
  Root* root = region_->At<Root>(root_);
  const RegionOffset at = region_->Allocate(calls.size() * sizeof(StoredCall));
  if (at == 0) return false;
  auto* stored = region_->At<StoredCall>(at);
  bool fits = true;
  for (const CallInfo& call : calls) {
    fits = fits && StoreText(call.name, stored->name);
    for (int i = 0; i < kMaxArguments; ++i) {
      fits = fits && StoreText(call.arguments[i].name, stored->arguments[i].name);
      stored->arguments[i].kind = call.arguments[i].kind;
    }
    ++stored;
  }
  root->calls = at;
  root->call_count = calls.size();
  return fits;
}

const CallInfo& FdTable::call(CallId id) const {
  const auto index = static_cast<size_t>(id);
  return index < calls_.size() ? calls_[index] : kUnknownCall;
}

uint64_t FdTable::dropped() const {
  return region_->At<Root>(root_)->dropped.load(std::memory_order_relaxed);
}

void FdTable::CountDropped() const {
  region_->At<Root>(root_)->dropped.fetch_add(1, std::memory_order_relaxed);
}

FdTable::Slot* FdTable::FindSlot(int fd) const {
  if (fd < 0 || fd >= kMaxFd) return nullptr;
  const RegionOffset chunk =
      region_->At<Root>(root_)->chunks[fd / kSlotsPerChunk].load(std::memory_order_acquire);
  return region_->Has<Slot>(chunk, kSlotsPerChunk) ? region_->At<Slot>(chunk) + fd % kSlotsPerChunk
                                                   : nullptr;
}

FdTable::Slot* FdTable::FindOrMakeSlot(int fd) {
  if (Slot* slot = FindSlot(fd)) return slot;
  if (fd < 0 || fd >= kMaxFd) return nullptr;
  const RegionOffset made = region_->Allocate(kSlotsPerChunk * sizeof(Slot));
  if (made == 0) return nullptr;
  // Where two threads make the same chunk, one is left unused: 16 KiB, at most once a chunk.
  RegionOffset expected = 0;
  region_->At<Root>(root_)->chunks[fd / kSlotsPerChunk].compare_exchange_strong(
      expected, made, std::memory_order_acq_rel);
  return FindSlot(fd);
}

bool FdTable::Lock(Slot* slot, uint8_t lost_otherwise) const {
  for (int tries = 0; tries < kLockTries; ++tries) {
    uint32_t state = slot->state.load(std::memory_order_relaxed);
    if (!(state & kLocked) &&
        slot->state.compare_exchange_weak(state, state | kLocked, std::memory_order_acquire)) {
      return true;
    }
    if (tries < kLockSpins) {
      Pause();
    } else {
      sched_yield();
    }
  }
  slot->flags.fetch_or(lost_otherwise, std::memory_order_relaxed);
  CountDropped();
  return false;
}

void FdTable::Unlock(Slot* slot) const {
  slot->state.fetch_and(~kLocked, std::memory_order_release);
}

CallRecord* FdTable::Cell(uint32_t cell) const {
  return region_->At<CallRecord>(static_cast<RegionOffset>(cell) * kUnit);
}

uint32_t FdTable::TakeCell() {
  std::atomic<uint64_t>& free_cells = region_->At<Root>(root_)->free_cells;
  uint64_t head = free_cells.load(std::memory_order_acquire);
  while (static_cast<uint32_t>(head) != 0) {
    // The cell may be taken and given back in between; its `next` is then a stale word, which the
    // tag keeps from being used.
    const uint32_t next = std::atomic_ref<uint32_t>(Cell(static_cast<uint32_t>(head))->next)
                              .load(std::memory_order_relaxed);
    const uint64_t wanted = ((head >> 32) + 1) << 32 | next;
    if (free_cells.compare_exchange_weak(head, wanted, std::memory_order_acq_rel)) {
      return static_cast<uint32_t>(head);
    }
  }
  const RegionOffset block = region_->Allocate(kCellsPerBlock * sizeof(CallRecord));
  if (block == 0) return 0;
  for (int i = 1; i < kCellsPerBlock; ++i) {
    const RegionOffset at = block + static_cast<RegionOffset>(i) * sizeof(CallRecord);
    GiveBackCell(static_cast<uint32_t>(at / kUnit));
  }
  return static_cast<uint32_t>(block / kUnit);
}

void FdTable::GiveBackCell(uint32_t cell) {
  std::atomic<uint64_t>& free_cells = region_->At<Root>(root_)->free_cells;
  uint64_t head = free_cells.load(std::memory_order_acquire);
  uint64_t wanted;
  do {
    std::atomic_ref<uint32_t>(Cell(cell)->next)
        .store(static_cast<uint32_t>(head), std::memory_order_relaxed);
    wanted = ((head >> 32) + 1) << 32 | cell;
  } while (!free_cells.compare_exchange_weak(head, wanted, std::memory_order_acq_rel));
}

void FdTable::GiveBackRecord(uint32_t origin, uint32_t history) {
  while (history != 0) {
    const uint32_t next = Cell(history)->next;
    GiveBackCell(history);
    history = next;
  }
  if (origin != 0) GiveBackCell(origin);
}

void FdTable::Empty(Slot* slot) {
  GiveBackRecord(slot->origin, slot->history);
  slot->origin = 0;
  slot->history = 0;
  slot->history_count = 0;
  slot->identity = {};
  slot->flags.store(0, std::memory_order_relaxed);
  slot->state.fetch_add(kGenerationStep, std::memory_order_relaxed);
}

void FdTable::Install(Slot* slot, const FdIdentity& identity, const CallRecord& origin) {
  Empty(slot);
  slot->identity = identity;
  slot->origin = TakeCell();
  if (slot->origin == 0) {
    slot->flags.store(kLost, std::memory_order_relaxed);
    CountDropped();
    return;
  }
  Fill(Cell(slot->origin), origin);
}

void FdTable::RecordOpen(int fd, const FdIdentity& identity, const CallRecord& origin) {
  Slot* slot = FindOrMakeSlot(fd);
  if (slot == nullptr) {
    CountDropped();
    return;
  }
  if (!Lock(slot, kLost)) return;
  Install(slot, identity, origin);
  Unlock(slot);
}

void FdTable::RecordInherited(int fd, const FdIdentity& identity) {
  Slot* slot = FindOrMakeSlot(fd);
  if (slot == nullptr || !Lock(slot, kLost)) return;
  // A hook may have been first: what it saw is later than the list this comes from.
  if (slot->origin == 0) {
    Empty(slot);
    slot->identity = identity;
    slot->flags.store(kInherited, std::memory_order_relaxed);
  }
  Unlock(slot);
}

void FdTable::RecordHistory(int fd, const CallRecord& step) {
  Slot* slot = FindSlot(fd);
  if (slot == nullptr || !Lock(slot, kHistoryLost)) return;
  const bool known = slot->origin != 0 || slot->flags.load(std::memory_order_relaxed) & kInherited;
  if (known) {
    uint32_t* link = &slot->history;
    for (int i = 1; i < kMaxHistory && *link != 0; ++i) link = &Cell(*link)->next;
    if (*link == 0) std::atomic_ref<uint32_t>(*link).store(TakeCell(), std::memory_order_relaxed);
    if (*link == 0) {
      slot->flags.fetch_or(kHistoryLost, std::memory_order_relaxed);
      CountDropped();
    } else {
      // The last place is written again and again: the newest step is worth more than the middle.
      Fill(Cell(*link), step);
      if (slot->history_count < UINT8_MAX) ++slot->history_count;
      ++slot->history_changes;
    }
  }
  Unlock(slot);
}

void FdTable::RecordClose(int fd) {
  Slot* slot = FindSlot(fd);
  if (slot == nullptr || !Lock(slot, kLost)) return;
  Empty(slot);
  Unlock(slot);
}

void FdTable::MarkLost(int fd) {
  CountDropped();
  if (Slot* slot = FindSlot(fd)) slot->flags.fetch_or(kLost, std::memory_order_relaxed);
}

void FdTable::RecordCloseRange(unsigned first, unsigned last) {
  const Root* root = region_->At<Root>(root_);
  const auto end = static_cast<int>(std::min(last, static_cast<unsigned>(kMaxFd - 1)));
  for (int fd = static_cast<int>(std::min(first, static_cast<unsigned>(kMaxFd))); fd <= end;) {
    const int chunk = fd / kSlotsPerChunk;
    if (root->chunks[chunk].load(std::memory_order_acquire) == 0) {
      fd = (chunk + 1) * kSlotsPerChunk;
    } else {
      RecordClose(fd++);
    }
  }
}

FdTable::Replacement FdTable::BeginReplace(int fd) {
  Replacement taken;
  Slot* slot = FindOrMakeSlot(fd);
  if (slot == nullptr || !Lock(slot, kLost)) return taken;
  taken.origin_cell = slot->origin;
  taken.history_cell = slot->history;
  taken.history_count = slot->history_count;
  taken.identity = slot->identity;
  taken.flags = slot->flags.load(std::memory_order_relaxed);
  taken.valid = true;
  slot->origin = 0;
  slot->history = 0;
  Empty(slot);
  taken.generation = slot->state.load(std::memory_order_relaxed) & ~kLocked;
  Unlock(slot);
  return taken;
}

void FdTable::FinishReplace(int fd, const Replacement& taken, const FdIdentity& identity,
                            const CallRecord& origin) {
  if (!taken.valid) {
    CountDropped();
    return;
  }
  Slot* slot = FindSlot(fd);
  if (Lock(slot, kLost)) {
    if ((slot->state.load(std::memory_order_relaxed) & ~kLocked) == taken.generation) {
      Install(slot, identity, origin);
    } else {
      CountDropped();  // somebody closed or replaced it between our call and now: theirs is later
    }
    Unlock(slot);
  }
  GiveBackRecord(taken.origin_cell, taken.history_cell);
}

void FdTable::CancelReplace(int fd, const Replacement& taken) {
  if (!taken.valid) return;
  Slot* slot = FindSlot(fd);
  bool restored = false;
  if (Lock(slot, kLost)) {
    if ((slot->state.load(std::memory_order_relaxed) & ~kLocked) == taken.generation) {
      slot->origin = taken.origin_cell;
      slot->history = taken.history_cell;
      slot->history_count = static_cast<uint8_t>(taken.history_count);
      slot->identity = taken.identity;
      // Added to what is there: an event may have been lost since.
      slot->flags.fetch_or(taken.flags, std::memory_order_relaxed);
      restored = true;
    }
    Unlock(slot);
  }
  if (!restored) GiveBackRecord(taken.origin_cell, taken.history_cell);
}

std::optional<FdEntry> FdTable::Copy(int fd) const {
  Slot* slot = FindSlot(fd);
  if (slot == nullptr) return std::nullopt;
  // Copied into plain memory first: nothing may allocate while the slot is locked.
  CallRecord steps[kMaxHistory];
  int kept = 0;
  FdEntry entry;
  entry.fd = fd;
  if (slot->flags.load(std::memory_order_relaxed) & kChanging) {
    entry.changing = true;
    return entry;
  }
  if (!Lock(slot, 0)) return std::nullopt;
  const uint8_t flags = slot->flags.load(std::memory_order_relaxed);
  const bool has_origin = HasCell(slot->origin);
  if (has_origin) entry.origin = *Cell(slot->origin);
  for (uint32_t cell = slot->history; HasCell(cell) && kept < kMaxHistory;
       cell = Cell(cell)->next) {
    steps[kept++] = *Cell(cell);
  }
  entry.history_cut = slot->history_count > kMaxHistory;
  entry.identity = slot->identity;
  entry.generation = (slot->state.load(std::memory_order_relaxed) & ~kLocked) / kGenerationStep;
  Unlock(slot);
  entry.inherited = flags & kInherited;
  entry.lost = flags & kLost;
  entry.history_cut |= (flags & kHistoryLost) != 0;
  if (!has_origin && !entry.inherited && !entry.lost) return std::nullopt;
  entry.history.assign(steps, steps + kept);
  return entry;
}

bool FdTable::HasCell(uint32_t cell) const {
  return region_->Has<CallRecord>(static_cast<RegionOffset>(cell) * kUnit);
}

bool FdTable::CopyAll(const CopyAgain& again, const std::function<bool()>& copy_used) {
  constexpr size_t kChunkBytes = kSlotsPerChunk * sizeof(Slot);
  std::map<RegionOffset, std::vector<char>> slots;
  const auto visit_chunks = [this](auto&& visit) {
    for (const auto& chunk : region_->At<Root>(root_)->chunks) {
      const RegionOffset at = chunk.load(std::memory_order_relaxed);
      if (region_->Has<Slot>(at, kSlotsPerChunk) && !visit(at, region_->At<char>(at))) return false;
    }
    return true;
  };
  const bool kept = again(root_, sizeof(Root)) && visit_chunks([&](RegionOffset at, char* bytes) {
                      if (!again(at, kChunkBytes)) return false;
                      slots.try_emplace(at, bytes, bytes + kChunkBytes);
                      return true;
                    });
  return kept && copy_used() && visit_chunks([&](RegionOffset at, char* bytes) {
           const auto old = slots.find(at);
           if (old == slots.end()) {
             std::memset(bytes, 0, kChunkBytes);  // it came in between
           } else {
             std::memcpy(bytes, old->second.data(), kChunkBytes);
           }
           return true;
         });
}

bool FdTable::Update(int fd, const CopyAgain& again) {
  // Enough for a slot that is written to as often as a busy thread can.
  constexpr int kTries = 64;
  if (fd < 0 || fd >= kMaxFd) return true;
  if (FindSlot(fd) == nullptr) {
    const size_t chunk = offsetof(Root, chunks) + static_cast<size_t>(fd / kSlotsPerChunk) *
                                                      sizeof(std::atomic<RegionOffset>);
    if (!again(root_ + chunk, sizeof(RegionOffset))) return false;
  }
  Slot* slot = FindSlot(fd);
  if (slot == nullptr) return true;
  const auto at = static_cast<RegionOffset>(reinterpret_cast<char*>(slot) - region_->At<char>(0));
  for (int tries = 0; tries < kTries; ++tries) {
    char before[sizeof(Slot)];
    std::memcpy(before, static_cast<const void*>(slot), sizeof(before));
    if (!again(at, sizeof(Slot))) break;
    const bool locked = slot->state.load(std::memory_order_relaxed) & kLocked;
    if (!locked && std::memcmp(before, static_cast<const void*>(slot), sizeof(before)) == 0) {
      return true;
    }
    if (locked) {
      sched_yield();
      continue;
    }
    const auto copy_cell = [&](uint32_t cell) {
      return HasCell(cell) && again(static_cast<RegionOffset>(cell) * kUnit, sizeof(CallRecord));
    };
    copy_cell(slot->origin);
    uint32_t cell = slot->history;
    for (int i = 0; i < kMaxHistory && copy_cell(cell); ++i) cell = Cell(cell)->next;
  }
  slot->state.fetch_and(~kLocked, std::memory_order_relaxed);
  slot->flags.fetch_or(kChanging, std::memory_order_relaxed);
  return false;
}

std::vector<int> FdTable::Outdated(std::span<const int> numbers, const CopyAgain& again) {
  std::vector<int> outdated;
  std::vector<char> kept;
  while (!numbers.empty()) {
    const int first = numbers.front();
    Slot* slots = FindSlot(first);
    if (slots == nullptr) {
      outdated.push_back(first);
      numbers = numbers.subspan(1);
      continue;
    }
    const auto next_chunk = std::ranges::find_if(
        numbers, [first](int fd) { return fd / kSlotsPerChunk != first / kSlotsPerChunk; });
    const auto here = numbers.first(static_cast<size_t>(next_chunk - numbers.begin()));
    numbers = numbers.subspan(here.size());
    char* bytes = reinterpret_cast<char*>(slots);
    kept.assign(bytes, bytes + static_cast<size_t>(here.back() - first + 1) * sizeof(Slot));
    const bool read = again(static_cast<RegionOffset>(bytes - region_->At<char>(0)), kept.size());
    for (const int fd : here) {
      const size_t at = static_cast<size_t>(fd - first) * sizeof(Slot);
      const bool same =
          read && !IsLocked(fd) && std::memcmp(bytes + at, kept.data() + at, sizeof(Slot)) == 0;
      if (!same) outdated.push_back(fd);
    }
    // The slots stay older than what they lead to.
    std::memcpy(bytes, kept.data(), kept.size());
  }
  return outdated;
}

uint64_t FdTable::DeviceOf(int fd) const {
  const Slot* slot = FindSlot(fd);
  return slot == nullptr ? 0 : slot->identity.dev;
}

bool FdTable::IsLocked(int fd) const {
  const Slot* slot = FindSlot(fd);
  return slot != nullptr && (slot->state.load(std::memory_order_relaxed) & kLocked) != 0;
}

std::vector<int> FdTable::Numbers() const {
  std::vector<int> numbers;
  for (int fd = 0; fd < kMaxFd; ++fd) {
    const Slot* slot = FindSlot(fd);
    if (slot == nullptr) {
      fd += kSlotsPerChunk - 1;  // the whole chunk
    } else if (slot->origin != 0 || slot->flags.load(std::memory_order_relaxed) != 0) {
      numbers.push_back(fd);
    }
  }
  return numbers;
}

}  // namespace fdorigin
