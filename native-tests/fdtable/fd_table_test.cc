// What is known of a descriptor number: the last thing that happened to it, never a mixture, and
// never what somebody else did before.
#include "fdtable/fd_table.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

namespace fdorigin {
namespace {

struct Table {
  explicit Table(size_t bytes = 8 << 20) {
    REQUIRE(region.Create(bytes));
    REQUIRE(table.Create(&region));
  }
  Region region;
  FdTable table;
};

// A record of which every field is told by `signature`, so that a mixture of two is noticed.
CallRecord Record(int32_t signature) {
  CallRecord record = {};
  record.at_ns = signature;
  record.stack = static_cast<StackId>(signature);
  record.thread_name = static_cast<StringId>(signature);
  record.tid = signature;
  record.next = 0xdeadbeef;  // the table's own; what the caller left there must not matter
  record.from_fd = signature;
  for (int32_t& argument : record.arguments) argument = signature;
  for (uint8_t& byte : record.address) byte = static_cast<uint8_t>(signature);
  record.address_size = sizeof(record.address);
  return record;
}

FdIdentity Identity(int32_t signature) {
  return {static_cast<uint64_t>(signature), static_cast<uint64_t>(signature) * 3};
}

bool IsWhole(const CallRecord& record, int32_t signature) {
  bool whole = record.at_ns == signature && record.stack == static_cast<StackId>(signature) &&
               record.thread_name == static_cast<StringId>(signature) && record.tid == signature &&
               record.from_fd == signature;
  for (const int32_t argument : record.arguments) whole = whole && argument == signature;
  for (const uint8_t byte : record.address) {
    whole = whole && byte == static_cast<uint8_t>(signature);
  }
  return whole;
}

// Takes all that is left of the region, so that the table gets no more.
void Exhaust(Region* region) {
  for (size_t size = region->size(); size >= 16; size /= 2) {
    while (region->Allocate(size) != 0) {
    }
  }
}

TEST_CASE("an opened descriptor is known until it is closed") {
  Table t;
  CHECK_FALSE(t.table.Copy(7));
  t.table.RecordOpen(7, Identity(1), Record(1));
  const std::optional<FdEntry> entry = t.table.Copy(7);
  REQUIRE(entry);
  CHECK(entry->fd == 7);
  CHECK(entry->identity == Identity(1));
  CHECK(IsWhole(entry->origin, 1));
  CHECK(entry->history.empty());
  CHECK_FALSE(entry->history_cut);
  CHECK_FALSE(entry->inherited);
  CHECK_FALSE(entry->lost);
  CHECK_FALSE(t.table.Copy(6));
  CHECK_FALSE(t.table.Copy(8));
  t.table.RecordClose(7);
  CHECK_FALSE(t.table.Copy(7));
  CHECK(t.table.dropped() == 0);
}

TEST_CASE("each open of a number is another generation") {
  Table t;
  t.table.RecordOpen(3, Identity(1), Record(1));
  const uint32_t first = t.table.Copy(3)->generation;
  t.table.RecordClose(3);
  t.table.RecordOpen(3, Identity(2), Record(2));
  const FdEntry second = *t.table.Copy(3);
  CHECK(second.generation > first);
  CHECK(IsWhole(second.origin, 2));
  // An open without a close: the close was not seen. The later open holds.
  t.table.RecordHistory(3, Record(20));
  t.table.RecordOpen(3, Identity(3), Record(3));
  const FdEntry third = *t.table.Copy(3);
  CHECK(third.generation > second.generation);
  CHECK(IsWhole(third.origin, 3));
  CHECK(third.identity == Identity(3));
  CHECK(third.history.empty());
}

TEST_CASE("history is kept in order, the first steps and the latest") {
  Table t;
  t.table.RecordHistory(5, Record(99));  // of an unknown number: ignored
  CHECK_FALSE(t.table.Copy(5));
  t.table.RecordOpen(5, Identity(1), Record(1));
  for (int step = 1; step <= FdTable::kMaxHistory; ++step) {
    t.table.RecordHistory(5, Record(100 + step));
    const FdEntry entry = *t.table.Copy(5);
    REQUIRE(entry.history.size() == static_cast<size_t>(step));
    CHECK_FALSE(entry.history_cut);
    CHECK(IsWhole(entry.history.front(), 101));
    CHECK(IsWhole(entry.history.back(), 100 + step));
  }
  for (int step = FdTable::kMaxHistory + 1; step < 40; ++step) {
    t.table.RecordHistory(5, Record(100 + step));
    const FdEntry entry = *t.table.Copy(5);
    CHECK(entry.history_cut);
    REQUIRE(entry.history.size() == FdTable::kMaxHistory);
    for (int i = 0; i < FdTable::kMaxHistory - 1; ++i) {
      CHECK(IsWhole(entry.history[static_cast<size_t>(i)], 101 + i));
    }
    CHECK(IsWhole(entry.history.back(), 100 + step));
  }
  t.table.RecordOpen(5, Identity(2), Record(2));
  CHECK(t.table.Copy(5)->history.empty());
  CHECK_FALSE(t.table.Copy(5)->history_cut);
}

TEST_CASE("a replacement that succeeds puts the new record in") {
  Table t;
  t.table.RecordOpen(4, Identity(1), Record(1));
  t.table.RecordHistory(4, Record(11));
  const FdTable::Replacement taken = t.table.BeginReplace(4);
  CHECK(taken.valid);
  CHECK_FALSE(t.table.Copy(4));
  t.table.FinishReplace(4, taken, Identity(2), Record(2));
  const FdEntry entry = *t.table.Copy(4);
  CHECK(IsWhole(entry.origin, 2));
  CHECK(entry.identity == Identity(2));
  CHECK(entry.history.empty());
  // A number of which nothing was known can be replaced, too.
  t.table.FinishReplace(9000, t.table.BeginReplace(9000), Identity(3), Record(3));
  CHECK(IsWhole(t.table.Copy(9000)->origin, 3));
  CHECK(t.table.dropped() == 0);
}

TEST_CASE("a replacement that fails leaves everything as it was") {
  Table t;
  t.table.RecordOpen(4, Identity(1), Record(1));
  for (int step = 0; step < 20; ++step) t.table.RecordHistory(4, Record(50 + step));
  const FdEntry before = *t.table.Copy(4);
  t.table.CancelReplace(4, t.table.BeginReplace(4));
  const FdEntry after = *t.table.Copy(4);
  CHECK(IsWhole(after.origin, 1));
  CHECK(after.identity == before.identity);
  CHECK(after.history_cut);
  REQUIRE(after.history.size() == before.history.size());
  for (size_t i = 0; i < after.history.size(); ++i) {
    CHECK(after.history[i].tid == before.history[i].tid);
  }
  t.table.CancelReplace(5, t.table.BeginReplace(5));
  CHECK_FALSE(t.table.Copy(5));

  t.table.RecordInherited(6, Identity(6));
  t.table.CancelReplace(6, t.table.BeginReplace(6));
  REQUIRE(t.table.Copy(6));
  CHECK(t.table.Copy(6)->inherited);
  CHECK(t.table.Copy(6)->identity == Identity(6));
}

TEST_CASE("what another thread did during a replacement is later, and stays") {
  const bool succeeds = GENERATE(true, false);
  Table t;
  const auto end = [&](const FdTable::Replacement& taken) {
    if (succeeds) {
      t.table.FinishReplace(4, taken, Identity(2), Record(2));
    } else {
      t.table.CancelReplace(4, taken);
    }
  };
  t.table.RecordOpen(4, Identity(1), Record(1));
  SECTION("a close") {
    const FdTable::Replacement taken = t.table.BeginReplace(4);
    t.table.RecordClose(4);
    end(taken);
    CHECK_FALSE(t.table.Copy(4));
  }
  SECTION("a close and an open") {
    const FdTable::Replacement taken = t.table.BeginReplace(4);
    t.table.RecordClose(4);
    t.table.RecordOpen(4, Identity(3), Record(3));
    end(taken);
    REQUIRE(t.table.Copy(4));
    CHECK(IsWhole(t.table.Copy(4)->origin, 3));
  }
  SECTION("another replacement") {
    const FdTable::Replacement taken = t.table.BeginReplace(4);
    const FdTable::Replacement later = t.table.BeginReplace(4);
    t.table.FinishReplace(4, later, Identity(3), Record(3));
    end(taken);
    REQUIRE(t.table.Copy(4));
    CHECK(IsWhole(t.table.Copy(4)->origin, 3));
  }
  // The record that was taken out is not lost for the table.
  const size_t used = t.region.used();
  for (int i = 0; i < 1000; ++i) {
    const FdTable::Replacement taken = t.table.BeginReplace(4);
    t.table.RecordOpen(4, Identity(i), Record(i));
    end(taken);
  }
  CHECK(t.region.used() == used);
}

TEST_CASE("an inherited descriptor is known as such, unless a hook was first") {
  Table t;
  t.table.RecordInherited(0, Identity(1));
  const FdEntry entry = *t.table.Copy(0);
  CHECK(entry.inherited);
  CHECK(entry.identity == Identity(1));
  CHECK(entry.origin.call == CallId::kNone);
  t.table.RecordHistory(0, Record(5));
  REQUIRE(t.table.Copy(0)->history.size() == 1);
  CHECK(t.table.Copy(0)->inherited);

  t.table.RecordOpen(1, Identity(2), Record(2));
  t.table.RecordInherited(1, Identity(3));
  CHECK_FALSE(t.table.Copy(1)->inherited);
  CHECK(IsWhole(t.table.Copy(1)->origin, 2));
  CHECK(t.table.Copy(1)->identity == Identity(2));

  t.table.RecordOpen(0, Identity(4), Record(4));
  CHECK_FALSE(t.table.Copy(0)->inherited);
  t.table.RecordInherited(2, Identity(1));
  t.table.RecordClose(2);
  CHECK_FALSE(t.table.Copy(2));
}

TEST_CASE("an event for which there was no room is marked, not forgotten") {
  Table t(1 << 20);
  t.table.RecordOpen(3, Identity(1), Record(1));
  Exhaust(&t.region);
  int fd = 4;
  while (!t.table.Copy(fd - 1)->lost) {
    t.table.RecordOpen(fd, Identity(fd), Record(fd));
    REQUIRE(t.table.Copy(fd));
    ++fd;
    REQUIRE(fd < 512);
  }
  const int lost = fd - 1;
  CHECK(t.table.dropped() == 1);
  CHECK(t.table.Copy(lost)->origin.tid == 0);
  CHECK(t.table.Copy(lost)->identity == Identity(lost));
  CHECK_FALSE(t.table.Copy(lost - 1)->lost);

  // A step of a known descriptor: the origin stays, and the list is known to have a hole.
  t.table.RecordHistory(3, Record(33));
  CHECK(t.table.Copy(3)->history_cut);
  CHECK_FALSE(t.table.Copy(3)->lost);
  CHECK(IsWhole(t.table.Copy(3)->origin, 1));
  CHECK(t.table.Copy(3)->history.empty());
  CHECK(t.table.dropped() == 2);

  SECTION("a close gives room, and takes the mark away") {
    t.table.RecordClose(lost);
    CHECK_FALSE(t.table.Copy(lost));
    t.table.RecordClose(lost - 1);
    t.table.RecordOpen(lost, Identity(77), Record(77));
    CHECK_FALSE(t.table.Copy(lost)->lost);
    CHECK(IsWhole(t.table.Copy(lost)->origin, 77));
  }
  SECTION("a replacement that fails keeps the marks") {
    t.table.CancelReplace(3, t.table.BeginReplace(3));
    REQUIRE(t.table.Copy(3));
    CHECK(t.table.Copy(3)->history_cut);
    t.table.CancelReplace(lost, t.table.BeginReplace(lost));
    REQUIRE(t.table.Copy(lost));
    CHECK(t.table.Copy(lost)->lost);
  }
}

TEST_CASE("numbers out of range are counted as dropped") {
  Table t;
  t.table.RecordOpen(FdTable::kMaxFd - 1, Identity(1), Record(1));
  CHECK(IsWhole(t.table.Copy(FdTable::kMaxFd - 1)->origin, 1));
  CHECK(t.table.dropped() == 0);
  t.table.RecordOpen(FdTable::kMaxFd, Identity(1), Record(1));
  CHECK(t.table.dropped() == 1);
  t.table.RecordOpen(-1, Identity(1), Record(1));
  CHECK(t.table.dropped() == 2);
  const FdTable::Replacement taken = t.table.BeginReplace(FdTable::kMaxFd);
  CHECK_FALSE(taken.valid);
  t.table.FinishReplace(FdTable::kMaxFd, taken, Identity(1), Record(1));
  CHECK(t.table.dropped() == 3);
  // A call that fails changes nothing, so nothing of it is lost.
  t.table.CancelReplace(-1, t.table.BeginReplace(-1));
  t.table.RecordClose(-1);
  t.table.RecordHistory(FdTable::kMaxFd, Record(1));
  CHECK_FALSE(t.table.Copy(FdTable::kMaxFd));
  CHECK_FALSE(t.table.Copy(-1));
  CHECK(t.table.dropped() == 3);
}

TEST_CASE("ten million opens and closes take no more memory than the first hundred") {
  Table t(1 << 20);
  const auto round = [&](int i) {
    const int fd = i % 100;
    t.table.RecordOpen(fd, Identity(i), Record(i));
    for (int step = 0; step < i % 3; ++step) t.table.RecordHistory(fd, Record(step));
    if (i % 7 == 0) {
      t.table.FinishReplace(fd, t.table.BeginReplace(fd), Identity(i), Record(i));
    } else if (i % 7 == 1) {
      t.table.CancelReplace(fd, t.table.BeginReplace(fd));
    }
    if (i % 2 == 0) t.table.RecordClose(fd);
  };
  for (int i = 0; i < 2100; ++i) round(i);  // every combination at every number
  const size_t used = t.region.used();
  for (int i = 2100; i < 10'000'000; ++i) round(i);
  CHECK(t.region.used() <= used + 2 * 64 * sizeof(CallRecord));
  CHECK(t.table.dropped() == 0);
  CHECK(IsWhole(t.table.Copy(99)->origin, 9'999'999));
}

TEST_CASE("an open descriptor takes at most 256 bytes, two later calls included") {
  constexpr int kOpen = 10'000;
  Table t;
  t.table.RecordOpen(kOpen, Identity(1), Record(1));
  const size_t used = t.region.used();
  for (int fd = 0; fd < kOpen; ++fd) {
    t.table.RecordOpen(fd, Identity(fd), Record(fd));
    t.table.RecordHistory(fd, Record(fd));
    t.table.RecordHistory(fd, Record(fd));
  }
  CHECK(t.table.dropped() == 0);
  CHECK(t.region.used() - used <= size_t{256} * kOpen);
}

TEST_CASE("copies are whole while eight threads use the same few numbers") {
  Table t;
  constexpr int kFds = 4;
  std::atomic<bool> done{false};
  std::atomic<int> mixed{0};
  std::atomic<uint64_t> copies{0};
  std::vector<std::thread> writers;
  for (int thread = 0; thread < 6; ++thread) {
    writers.emplace_back([&, thread] {
      for (int i = 0; i < 20000; ++i) {
        const int fd = (i + thread) % kFds;
        // One signature of this thread and this turn, for the origin and all of its history.
        const int32_t signature = (thread + 1) * 100000 + i;
        switch (i % 5) {
          case 0:
            t.table.RecordClose(fd);
            break;
          case 1: {
            const FdTable::Replacement taken = t.table.BeginReplace(fd);
            if (i % 2 == 0) {
              t.table.FinishReplace(fd, taken, Identity(signature), Record(signature));
            } else {
              t.table.CancelReplace(fd, taken);
            }
            break;
          }
          case 2:
            t.table.RecordHistory(fd, Record(signature));
            break;
          default:
            t.table.RecordOpen(fd, Identity(signature), Record(signature));
            break;
        }
      }
    });
  }
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 2; ++thread) {
    readers.emplace_back([&] {
      for (int i = 0; !done.load(std::memory_order_relaxed); ++i) {
        const std::optional<FdEntry> entry = t.table.Copy(i % kFds);
        if (!entry || entry->lost) continue;
        ++copies;
        if (!IsWhole(entry->origin, entry->origin.tid) ||
            !(entry->identity == Identity(entry->origin.tid))) {
          ++mixed;
        }
        for (const CallRecord& step : entry->history) {
          if (!IsWhole(step, step.tid)) ++mixed;
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  // The readers may have been slower than the writers, and found nothing yet.
  while (copies == 0) t.table.RecordOpen(0, Identity(1), Record(1));
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(mixed == 0);
  // No cell was given out twice: each number can still be filled on its own.
  for (int fd = 0; fd < kFds; ++fd) t.table.RecordOpen(fd, Identity(fd + 1), Record(fd + 1));
  for (int fd = 0; fd < kFds; ++fd) CHECK(IsWhole(t.table.Copy(fd)->origin, fd + 1));
  CHECK(t.region.used() < 1 << 20);
}

}  // namespace
}  // namespace fdorigin
