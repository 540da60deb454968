// Descriptor number -> who opened it, and what was done to it since.
//
// A record belongs to one (number, generation): every open and every close of a number raises its
// generation, and a record carries st_dev and st_ino, so that a reader can tell whether the
// descriptor now open at that number is still the one that was recorded.
//
// Who calls it: the Record and End functions in hook context, on any thread. Order matters
// (docs/hook-context.md): an end is recorded before the number is free, an open after it is taken.
// Copy() at the dump, on any thread; of a copied region on one.
#ifndef FDORIGIN_AGENT_FDTABLE_FD_TABLE_H_
#define FDORIGIN_AGENT_FDTABLE_FD_TABLE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/hook_safe.h"
#include "base/ids.h"
#include "base/region.h"
#include "fdtable/call.h"

namespace fdorigin {

struct FdIdentity {
  uint64_t dev = 0;  // st_dev
  uint64_t ino = 0;  // st_ino; 0 with dev 0 where it is not known
  bool operator==(const FdIdentity&) const = default;
};

// A copy of one slot, for the dump.
struct FdEntry {
  int fd = -1;
  uint32_t generation = 0;
  FdIdentity identity;
  CallRecord origin = {};
  std::vector<CallRecord> history;  // oldest first
  bool history_cut = false;         // there were more steps than are kept, or one was lost
  bool inherited = false;           // open when the agent came; `origin` is empty
  bool lost = false;                // an open or an end of this number could not be recorded
  bool changing = false;            // it was being written all the while: nothing else is known
};

class FdTable {
 public:
  static constexpr int kMaxFd = 1 << 22;  // numbers above are counted as dropped
  static constexpr int kMaxHistory = 16;  // steps kept: the first and the latest

  bool Create(Region* region);
  // Over a region that is a copy of another process's: for Update(), Copy() and Numbers(). False
  // where it has no table.
  bool Open(Region* region);

  // The list of hooked calls, by CallId. Set once, before the first hook is in place; `calls`
  // outlives the table. The region gets a copy, for who reads it from outside.
  bool SetCalls(std::span<const CallInfo> calls);
  // What is no call of the list has the name "unknown".
  const CallInfo& call(CallId id) const;

  // A new descriptor: replaces whatever was known of the number.
  HOOK_SAFE void RecordOpen(int fd, const FdIdentity& identity, const CallRecord& origin);
  // A descriptor that was open when the agent came.
  void RecordInherited(int fd, const FdIdentity& identity);
  // A later call on an open descriptor. Ignored where nothing is known of the number.
  HOOK_SAFE void RecordHistory(int fd, const CallRecord& step);
  // The number is about to be closed. Nothing to undo: a close that fails frees it too, but for
  // EBADF, where nothing was known.
  HOOK_SAFE void RecordClose(int fd);
  // All numbers from `first` to `last`, both included, are about to be closed.
  HOOK_SAFE void RecordCloseRange(unsigned first, unsigned last);

  // dup2 and dup3 replace a number in one step. BeginReplace() before the call takes the old record
  // out; FinishReplace() after success puts the new one in, CancelReplace() after failure puts the
  // old one back. Both leave the slot alone where another thread changed it in between.
  struct Replacement {
    uint32_t generation = 0;
    uint32_t origin_cell = 0;
    uint32_t history_cell = 0;
    uint32_t history_count = 0;
    FdIdentity identity;
    uint8_t flags = 0;
    bool valid = false;
  };
  HOOK_SAFE Replacement BeginReplace(int fd);
  HOOK_SAFE void FinishReplace(int fd, const Replacement& taken, const FdIdentity& identity,
                               const CallRecord& origin);
  HOOK_SAFE void CancelReplace(int fd, const Replacement& taken);

  // An event of the number went by unrecorded. Counted as dropped; -1 is counted only.
  HOOK_SAFE void MarkLost(int fd);

  // What is known of `fd` now; nothing where no event was seen since the number was last closed.
  std::optional<FdEntry> Copy(int fd) const;

  // For a region that is a copy of one that lives on. Such a copy is not of one moment: a record
  // may be another's by the time that it is read, after the slot that led to it. Update() brings
  // what is kept of `fd` up to date and proves it to be of one moment: it reads the slot, what the
  // slot leads to, and the slot once more. `again` copies a part of the region anew; false where it
  // cannot. False where the slot changed, or was locked, all the while: then Copy() has an entry
  // that says so. It needs a copy of which the slots are older than the rest, which CopyAll()
  // makes: `copy_used` copies all that the region has.
  using CopyAgain = std::function<bool(RegionOffset at, size_t bytes)>;
  bool CopyAll(const CopyAgain& again, const std::function<bool()>& copy_used);
  bool Update(int fd, const CopyAgain& again);
  // Of several numbers, ascending, by few reads: those of which what is kept may not be true any
  // more, and has to be brought up to date. What is kept of the others is true now, and was all the
  // while since CopyAll() or their last Update().
  std::vector<int> Outdated(std::span<const int> numbers, const CopyAgain& again);
  // For a guess: st_dev as it is kept of `fd`, of whichever moment; 0 where nothing is.
  uint64_t DeviceOf(int fd) const;
  // Whether the copy was made in the middle of a change: then Copy() would wait for its end in
  // vain.
  bool IsLocked(int fd) const;

  // Every number of which something is known, ascending.
  std::vector<int> Numbers() const;

  // Events that were not recorded: no room, a number out of range, a slot that stayed locked.
  uint64_t dropped() const;
  HOOK_SAFE void CountDropped() const;

 private:
  struct Root;
  struct Slot;

  HOOK_SAFE Slot* FindSlot(int fd) const;
  HOOK_SAFE Slot* FindOrMakeSlot(int fd);
  // Where the slot stays locked, sets the flag that says what was lost.
  HOOK_SAFE bool Lock(Slot* slot, uint8_t lost_otherwise) const;
  HOOK_SAFE void Unlock(Slot* slot) const;
  HOOK_SAFE uint32_t TakeCell();
  HOOK_SAFE void GiveBackCell(uint32_t cell);
  HOOK_SAFE void GiveBackRecord(uint32_t origin, uint32_t history);
  HOOK_SAFE void Install(Slot* slot, const FdIdentity& identity, const CallRecord& origin);
  HOOK_SAFE void Empty(Slot* slot);
  HOOK_SAFE CallRecord* Cell(uint32_t cell) const;
  bool HasCell(uint32_t cell) const;

  Region* region_ = nullptr;
  RegionOffset root_ = 0;
  std::span<const CallInfo> calls_;
  std::vector<CallInfo> opened_calls_;  // what `calls_` is of after Open()
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_FDTABLE_FD_TABLE_H_
