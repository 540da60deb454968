// A region copied out of a process that goes on writing to it: what is read of a descriptor is of
// one moment, and a damaged region costs what it leads to and nothing else.
#include "force/region_copy.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "force/live_process.h"
#include "force/own_tables.h"

namespace fdorigin {
namespace {

TEST_CASE("what is read of a busy process is of one moment", "[copy]") {
  // The child shares the region, so that it can be written to while it is read through the kernel.
  constexpr int kFds = 24;
  Tables tables;
  void* shared = mmap(nullptr, tables.region.size(), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  std::memcpy(shared, tables.region.header(), tables.region.size());
  static_cast<RegionHeader*>(shared)->address = reinterpret_cast<uint64_t>(shared);
  Region region;
  region.Adopt(shared, tables.region.size());
  FdTable table;
  REQUIRE(table.Open(&region));

  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Each number has an identity of its own: its signature is a multiple of it.
    for (int32_t turn = 1;; ++turn) {
      const int fd = turn % kFds;
      const int32_t signature = turn / kFds * kFds + fd;
      const FdIdentity identity = {1, static_cast<uint64_t>(signature)};
      table.RecordOpen(fd, identity, Record(signature));
      for (int i = 0; i < turn % 7; ++i) table.RecordHistory(fd, Record(signature));
      if (turn % 3 == 0) table.RecordClose(fd);
    }
  }
  const absl::StatusOr<std::unique_ptr<LiveProcess>> process = LiveProcess::Open(child);
  REQUIRE(process.ok());
  const Anchor anchor(shared);

  // The child's memory, and an anchor of ours.
  class Source : public MemorySource {
   public:
    Source(const LiveProcess* live, const RegionAnchor* mark) : live_(live), mark_(mark) {
      const auto low = reinterpret_cast<uint64_t>(mark);
      ranges_.push_back({low, low + sizeof(*mark), true, "/lib/libfdorigin.so"});
    }
    const std::string& name() const override { return live_->name(); }
    const std::vector<MappedRange>& ranges() const override { return ranges_; }
    bool Read(uint64_t address, size_t bytes, void* to) const override {
      if (address == reinterpret_cast<uint64_t>(mark_)) {
        std::memcpy(to, static_cast<const void*>(mark_), bytes);
        return true;
      }
      return live_->Read(address, bytes, to);
    }

   private:
    const LiveProcess* live_;
    const RegionAnchor* mark_;
    std::vector<MappedRange> ranges_;
  };
  const Source source(process->get(), &anchor);

  std::vector<int> numbers(kFds);
  std::iota(numbers.begin(), numbers.end(), 0);
  int entries = 0;
  int earlier = 0;
  int mixed = 0;
  for (int round = 0; round < 200; ++round) {
    const absl::StatusOr<std::unique_ptr<RegionCopy>> copy = RegionCopy::Make(&source);
    REQUIRE(copy.ok());
    const auto look = [&](int fd, const std::optional<FdEntry>& entry, int* found) {
      if (!entry || entry->changing) return;
      ++*found;
      const auto signature = static_cast<uint64_t>(entry->origin.at_ns);
      bool whole = IsWhole(entry->origin) && entry->identity.ino == signature &&
                   signature % kFds == static_cast<uint64_t>(fd);
      for (const CallRecord& step : entry->history) {
        whole = whole && IsWhole(step) && static_cast<uint64_t>(step.at_ns) == signature;
      }
      if (!whole) ++mixed;
    };
    const std::vector<int> outdated = (*copy)->Outdated(numbers);
    for (const int fd : numbers) {
      if (!std::ranges::count(outdated, fd)) look(fd, (*copy)->EarlierEntry(fd), &earlier);
    }
    for (const int fd : numbers) look(fd, (*copy)->Entry(fd), &entries);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  munmap(shared, tables.region.size());
  CHECK(entries > 1000);
  INFO(earlier << " of " << entries << " had not changed");
  CHECK(mixed == 0);
}

TEST_CASE("a slot that stays locked is said to change", "[copy]") {
  Tables tables;
  tables.table.RecordOpen(7, {1, 2}, Record(7));
  tables.table.RecordOpen(8, {1, 2}, Record(8));
  // Before the second look at slot 7 its holder is stopped in the middle: every read finds another.
  const Anchor anchor(tables.region.header());
  OwnMemory memory(&anchor);
  const absl::StatusOr<std::unique_ptr<RegionCopy>> copy = RegionCopy::Make(&memory);
  REQUIRE(copy.ok());
  int32_t turn = 0;
  memory.meddle = [&] { tables.table.RecordOpen(7, {1, 2}, Record(++turn)); };
  const std::optional<FdEntry> busy = (*copy)->Entry(7);
  REQUIRE(busy);
  CHECK(busy->changing);
  memory.meddle = nullptr;
  const std::optional<FdEntry> calm = (*copy)->Entry(8);
  REQUIRE(calm);
  CHECK_FALSE(calm->changing);
  CHECK(IsWhole(calm->origin));
}

TEST_CASE("what the table learnt since the copy was made is outdated, and nothing else", "[copy]") {
  constexpr int kFds = 2000;
  std::mt19937 random(4711);
  const auto below = [&random](int end) {
    return static_cast<int>(random() % static_cast<unsigned>(end));
  };
  Tables tables;
  const Anchor anchor(tables.region.header());
  const OwnMemory memory(&anchor);
  for (int fd = 0; fd < kFds; ++fd) {
    if (below(3) > 0) tables.table.RecordOpen(fd, {1, 2}, Record(fd));
  }
  for (int round = 0; round < 20; ++round) {
    const absl::StatusOr<std::unique_ptr<RegionCopy>> copy = RegionCopy::Make(&memory);
    REQUIRE(copy.ok());
    std::set<int> changed;
    for (int i = 0; i < 100; ++i) {
      const int fd = below(kFds);
      const bool known = tables.table.Copy(fd).has_value();
      switch (below(3)) {
        case 0:  // the same file by the same call: only its generation tells
          tables.table.RecordOpen(fd, {1, 2}, Record(fd));
          break;
        case 1:
          tables.table.RecordClose(fd);
          break;
        default:
          if (!known) continue;
          tables.table.RecordHistory(fd, Record(fd));
      }
      changed.insert(fd);
    }
    // Every number of a stretch, and some with gaps between them.
    std::vector<int> asked;
    for (int fd = 0; fd < kFds; fd += fd < 1000 ? 1 : 1 + below(40)) asked.push_back(fd);
    std::vector<int> expected;
    std::ranges::copy_if(asked, std::back_inserter(expected),
                         [&](int fd) { return changed.contains(fd); });
    CHECK((*copy)->Outdated(asked) == expected);
    CHECK((*copy)->Outdated(asked) == expected);  // to ask changes nothing
    for (const int fd : asked) {
      const std::optional<FdEntry> now = tables.table.Copy(fd);
      const std::optional<FdEntry> entry =
          changed.contains(fd) ? (*copy)->Entry(fd) : (*copy)->EarlierEntry(fd);
      REQUIRE(entry.has_value() == now.has_value());
      if (now) CHECK(entry->generation == now->generation);
    }
  }
}

TEST_CASE("a slot that was copied locked is outdated, and is not waited for", "[copy]") {
  constexpr FdIdentity kIdentity = {0x1122334455667788, 0x99aabbccddeeff00};
  Tables tables;
  tables.table.RecordOpen(7, kIdentity, Record(7));
  // The slot begins two words before its identity, and its lock is the lowest bit.
  char* const begin = tables.region.At<char>(0);
  const auto slot =
      std::search(begin, begin + tables.region.used(), reinterpret_cast<const char*>(&kIdentity),
                  reinterpret_cast<const char*>(&kIdentity + 1)) -
      16;
  const Anchor anchor(tables.region.header());
  const OwnMemory memory(&anchor);
  *slot |= 1;
  const absl::StatusOr<std::unique_ptr<RegionCopy>> copy = RegionCopy::Make(&memory);
  REQUIRE(copy.ok());
  CHECK((*copy)->Outdated(std::vector{7}) == std::vector{7});
  *slot &= ~1;
  CHECK_FALSE((*copy)->EarlierEntry(7));
  CHECK((*copy)->table().dropped() == 0);
  CHECK((*copy)->Outdated(std::vector{7}) == std::vector{7});
  const std::optional<FdEntry> entry = (*copy)->Entry(7);
  REQUIRE(entry);
  CHECK(entry->identity == kIdentity);
}

TEST_CASE("what was recorded after the copy was made is found", "[copy]") {
  Tables tables;
  const Anchor anchor(tables.region.header());
  const OwnMemory memory(&anchor);
  const absl::StatusOr<std::unique_ptr<RegionCopy>> copy = RegionCopy::Make(&memory);
  REQUIRE(copy.ok());
  const Frame frames[] = {{.value = 4711, .bci = 3, .kind = FrameKind::kJava}};
  CallRecord record = Record(70'000);
  record.stack = tables.stacks.Intern(frames, 1);
  record.thread_name = tables.strings.Intern("late bird");
  tables.table.RecordOpen(70'000, {5, 6}, record);
  tables.facts.Note(FactKind::kJvmName, "First VM");
  tables.facts.Note(FactKind::kJvmName, "Second VM");
  CHECK((*copy)->Outdated(std::vector{70'000}) == std::vector{70'000});
  const std::optional<FdEntry> entry = (*copy)->Entry(70'000);
  REQUIRE(entry);
  REQUIRE((*copy)->Settle().ok());
  CHECK((*copy)->stacks().Get(entry->origin.stack) ==
        std::vector<Frame>(std::begin(frames), std::end(frames)));
  CHECK((*copy)->strings().Get(entry->origin.thread_name) == "late bird");
  CHECK((*copy)->facts().Latest(FactKind::kJvmName) == "Second VM");
  CHECK((*copy)->table().call(entry->origin.call).name == std::string("open"));
  CHECK((*copy)->table().call(static_cast<CallId>(200)).name == std::string("unknown"));
}

TEST_CASE("a region of another version is named, and not read", "[copy]") {
  Tables tables;
  tables.region.header()->layout_version = kRegionLayoutVersion + 41;
  std::memcpy(tables.region.header()->agent_version, "77.1", 5);
  const Anchor anchor(tables.region.header());
  const OwnMemory memory(&anchor);
  const absl::StatusOr<std::unique_ptr<RegionCopy>> copy = RegionCopy::Make(&memory);
  REQUIRE_FALSE(copy.ok());
  CHECK(copy.status().message().find("another version (77.1") != std::string::npos);
}

TEST_CASE("damage costs what it leads to and nothing else", "[copy]") {
  std::mt19937 random(20261122);
  for (int round = 0; round < 60; ++round) {
    Tables tables;
    const Frame frames[] = {{.value = 1, .kind = FrameKind::kNative},
                            {.value = 2, .kind = FrameKind::kMethod}};
    for (int fd = 0; fd < 40; ++fd) {
      CallRecord record = Record(fd);
      record.stack = tables.stacks.Intern(frames, 1 + fd % 2);
      record.thread_name = tables.strings.Intern("thread " + std::to_string(fd));
      tables.table.RecordOpen(fd, {1, static_cast<uint64_t>(fd)}, record);
      tables.table.RecordHistory(fd, record);
      tables.facts.Note(FactKind::kRefused, "place " + std::to_string(fd), "reason");
    }
    // Behind the magic number and the version anything may be anywhere.
    char* bytes = tables.region.At<char>(0);
    const size_t from = offsetof(RegionHeader, size);
    const size_t used = tables.region.used();
    for (int i = 0; i < 2000; ++i) {
      const size_t at = round % 2 == 0 ? from + random() % (used - from) : from + random() % 4096;
      bytes[at] = static_cast<char>(random());
    }
    const Anchor anchor(tables.region.header());
    OwnMemory memory(&anchor);
    const auto* header = tables.region.header();
    // A region that says it is larger than it is cannot be read there, as in a process.
    if (header->size > tables.region.size() || header->used.load() > tables.region.size()) continue;
    const absl::StatusOr<std::unique_ptr<RegionCopy>> copy = RegionCopy::Make(&memory);
    if (!copy.ok()) continue;
    for (const int fd : (*copy)->table().Numbers()) {
      const std::optional<FdEntry> entry = (*copy)->Entry(fd);
      if (!entry) continue;
      (*copy)->table().call(entry->origin.call);
      (*copy)->strings().Get(entry->origin.thread_name);
      for (const Frame& frame : (*copy)->stacks().Get(entry->origin.stack)) {
        (*copy)->images().Get(frame.image);
        (*copy)->methods().Get(static_cast<MethodId>(frame.value));
        (*copy)->methods().LineAt(static_cast<MethodId>(frame.value), frame.bci);
      }
    }
    (*copy)->facts().All(FactKind::kRefused);
    SUCCEED();
  }
}

}  // namespace
}  // namespace fdorigin
