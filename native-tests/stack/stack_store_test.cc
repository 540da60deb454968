// Distinct stacks are kept once, whoever comes first, within the memory that was promised.
#include "stack/stack_store.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

namespace fdorigin {
namespace {

Frame NativeFrame(uint64_t value, uint16_t image = 1) {
  return {.value = value,
          .bci = 0,
          .image = static_cast<ImageId>(image),
          .kind = FrameKind::kNative,
          .gap = 0};
}

Frame JavaFrame(uint64_t method, int32_t bci) {
  return {.value = method, .bci = bci, .image = ImageId::kNone, .kind = FrameKind::kJava, .gap = 0};
}

struct Store {
  explicit Store(size_t bytes) {
    REQUIRE(region.Create(bytes));
    REQUIRE(store.Create(&region));
  }
  StackId Intern(const std::vector<Frame>& frames) {
    return store.Intern(frames.data(), static_cast<int>(frames.size()));
  }
  Region region;
  StackStore store;
};

// The n-th of many distinct stacks, told by its first two frames. The others are shared by many, as
// they are in a program.
std::vector<Frame> NthStack(uint64_t n, size_t depth, uint64_t distinct = 4000) {
  std::vector<Frame> frames = {JavaFrame(n / 100, 1), JavaFrame(n % 100, 2)};
  uint64_t state = n * 0x9e3779b97f4a7c15u + 1;
  while (frames.size() < depth) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t value = (state >> 33) % distinct;
    frames.push_back(value % 2 == 0 ? NativeFrame(value, static_cast<uint16_t>(value % 9 + 1))
                                    : JavaFrame(0x7f0000000000 + value * 8, 3));
  }
  return frames;
}

TEST_CASE("a stack has one id and comes back as it was") {
  Store s(4 << 20);
  CHECK(s.store.Intern(nullptr, 0) == StackId::kNone);
  CHECK(s.store.Get(StackId::kNone).empty());
  CHECK(s.store.count() == 0);
  // Each differs from another in one place only.
  const std::vector<std::vector<Frame>> stacks = {
      {NativeFrame(16)},
      {NativeFrame(16, 2)},
      {NativeFrame(17)},
      {JavaFrame(16, 0)},
      {JavaFrame(16, -1)},
      {JavaFrame(16, 1)},
      {NativeFrame(16), NativeFrame(17)},
      {NativeFrame(17), NativeFrame(16)},
      {NativeFrame(16), NativeFrame(16)},
      {NativeFrame(16), NativeFrame(16), NativeFrame(16)},
      {NativeFrame(0)},
      {NativeFrame(0), NativeFrame(0)},
      std::vector<Frame>(1152, JavaFrame(1, 1)),
  };
  std::set<StackId> ids;
  for (const auto& stack : stacks) {
    const StackId id = s.Intern(stack);
    CHECK(id != StackId::kNone);
    CHECK(ids.insert(id).second);
    CHECK(s.store.count() == ids.size());
  }
  const size_t used = s.region.used();
  for (const auto& stack : stacks) {
    const StackId id = s.Intern(stack);
    CHECK(ids.count(id) == 1);
    CHECK(s.store.Get(id) == stack);
  }
  CHECK(s.region.used() == used);
  CHECK(s.store.count() == ids.size());
}

TEST_CASE("eight threads that intern the same 10,000 stacks agree") {
  Store s(64 << 20);
  constexpr size_t kStacks = 10000;
  std::vector<std::vector<StackId>> ids(8, std::vector<StackId>(kStacks));
  std::atomic<int> ready{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < ids.size(); ++t) {
    threads.emplace_back([&, t] {
      ++ready;
      while (ready < 8) std::this_thread::yield();
      for (size_t i = 0; i < kStacks; ++i) {
        // Half of the threads come from the other end.
        const size_t n = t % 2 == 0 ? i : kStacks - 1 - i;
        const std::vector<Frame> stack = NthStack(n, 5 + n % 30);
        ids[t][n] = s.Intern(stack);
        if (s.store.Get(ids[t][n]) != stack) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  for (size_t t = 1; t < ids.size(); ++t) CHECK(ids[t] == ids[0]);
  CHECK(std::set<StackId>(ids[0].begin(), ids[0].end()).size() == kStacks);
  CHECK(s.store.count() == kStacks);
}

TEST_CASE("10,000 distinct stacks of 100 frames fit into 12 MiB") {
  Store s(32 << 20);
  std::vector<StackId> ids;
  for (uint64_t n = 0; n < 10000; ++n) ids.push_back(s.Intern(NthStack(n, 100)));
  CHECK(s.store.count() == 10000);
  CHECK(s.region.used() <= 12 << 20);
  CHECK(s.region.refused() == 0);
  int wrong = 0;
  for (uint64_t n = 0; n < 10000; ++n) {
    if (s.store.Get(ids[n]) != NthStack(n, 100)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a full store refuses new stacks and keeps the old ones") {
  Store s(1 << 20);
  std::vector<StackId> ids;
  uint64_t n = 0;
  int refused = 0;
  for (; refused < 100; ++n) {
    REQUIRE(n < 100000);
    ids.push_back(s.Intern(NthStack(n, 60, 500)));
    if (ids.back() == StackId::kNone) ++refused;
  }
  CHECK(n > 500);
  CHECK(s.store.count() == n - 100);
  int wrong = 0;
  for (uint64_t i = 0; i < n; ++i) {
    if (ids[i] == StackId::kNone) continue;
    if (s.store.Get(ids[i]) != NthStack(i, 60, 500) || s.Intern(NthStack(i, 60, 500)) != ids[i])
      ++wrong;
  }
  CHECK(wrong == 0);
}

// The region is shared with the table of descriptors: a stack that is refused must not use it up.
TEST_CASE("a refused stack costs no memory") {
  Store s(1 << 20);
  uint64_t next = 1;
  const auto fresh = [&](size_t depth) {  // frames that nobody had before
    std::vector<Frame> frames;
    while (frames.size() < depth) frames.push_back(NativeFrame(next++));
    return frames;
  };
  // 1 MiB has an index of 4,096 frames: it is full long before the memory is.
  for (int i = 0; i < 100; ++i) s.Intern(fresh(100));
  const size_t used = s.region.used();
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    if (s.Intern(fresh(100)) == StackId::kNone) ++refused;
  }
  CHECK(refused == 1000);
  CHECK(s.region.used() < used + 16384);
  CHECK(s.region.Allocate(65536) != 0);
}

TEST_CASE("frames of methods are taken out, and the frame before says so") {
  Frame method = NativeFrame(7);
  method.kind = FrameKind::kMethod;
  const std::vector<Frame> stack = {NativeFrame(1), method, method, NativeFrame(2)};
  CHECK(HasMethods(stack));
  const std::vector<Frame> rest = WithoutMethods(stack);
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].value == NativeFrame(1).value);
  CHECK(rest[0].gap == 1);
  CHECK(rest[1] == NativeFrame(2));
  CHECK_FALSE(HasMethods(rest));
  CHECK(WithoutMethods({method}).empty());
}

}  // namespace
}  // namespace fdorigin
