#include "stack/thread_name.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace fdorigin {
namespace {

// A Thread, its name and the bytes of that, as references of 64 bits lead from one to the next.
struct Objects {
  uint64_t name;   // of the Thread
  uint64_t value;  // of the String
  uint8_t coder;
  int32_t length;
  char bytes[100];

  void Place(std::string_view text, bool latin) {
    name = reinterpret_cast<uint64_t>(&value);
    value = reinterpret_cast<uint64_t>(&coder);
    coder = latin ? 0 : 1;
    length = static_cast<int32_t>(text.size());
    std::memcpy(bytes, text.data(), text.size());
  }
};

struct Vm {
  // JavaThread
  uint64_t* object = &carrier;
  uint64_t* current = &running;
  // What these lead to
  uint64_t carrier = 0;
  uint64_t running = 0;
  // CollectedHeap
  uint32_t collections = 7;
  uint8_t in_pause = 0;

  void Run(const Objects& thread) {
    __atomic_store_n(&running, reinterpret_cast<uint64_t>(&thread), __ATOMIC_RELEASE);
  }
};

ThreadNameReader::Layout LayoutOf(const Vm& vm) {
  ThreadNameReader::Layout layout;
  layout.thread_object = offsetof(Vm, object);
  layout.thread_virtual = offsetof(Vm, current);
  layout.heap = reinterpret_cast<uint64_t>(&vm);
  layout.heap_collections = offsetof(Vm, collections);
  layout.heap_in_pause = offsetof(Vm, in_pause);
  layout.narrow = false;
  layout.thread_name = offsetof(Objects, name);
  layout.string_value = 0;
  layout.string_coder = offsetof(Objects, coder) - offsetof(Objects, value);
  layout.array_length = offsetof(Objects, length) - offsetof(Objects, coder);
  layout.array_first = offsetof(Objects, bytes) - offsetof(Objects, coder);
  return layout;
}

// "none" where there is none.
std::string Read(const Vm& vm, bool is_virtual = true, size_t size = 64) {
  char name[64];
  const bool told = ThreadNameReader::ReadBy(LayoutOf(vm), &vm, is_virtual, name, size);
  return told ? name : "none";
}

TEST_CASE("a thread's name is read in both of a string's forms", "[names]") {
  Vm vm;
  Objects thread;
  vm.Run(thread);
  thread.Place("plain", true);
  CHECK(Read(vm) == "plain");
  thread.Place("\xfc\xdf", true);
  CHECK(Read(vm) == "\u00fc\u00df");
  thread.Place(std::string_view("a\0\xac\x20\x3d\xd8\xf6\xde", 8), false);
  CHECK(Read(vm) == "a\u20ac\U0001f6f6");
  thread.Place(std::string_view("\x3d\xd8.\0", 4), false);
  CHECK(Read(vm) == "\ufffd.");
  thread.Place("", true);
  CHECK(Read(vm).empty());
}

TEST_CASE("a thread's name is cut between characters", "[names]") {
  Vm vm;
  Objects thread;
  vm.Run(thread);
  thread.Place("abc\xfc", true);
  CHECK(Read(vm, true, 6) == "abc\u00fc");
  CHECK(Read(vm, true, 5) == "abc");
  CHECK(Read(vm, true, 1).empty());
}

TEST_CASE("a carrier's name is not that of what it carries", "[names]") {
  Vm vm;
  Objects carrier;
  carrier.Place("carrier", true);
  vm.Run(carrier);
  vm.carrier = vm.running;
  CHECK(Read(vm) == "none");
  CHECK(Read(vm, false) == "carrier");
}

TEST_CASE("nothing is read during a collection", "[names]") {
  Vm vm;
  Objects thread;
  thread.Place("plain", true);
  vm.Run(thread);
  vm.in_pause = 1;
  CHECK(Read(vm) == "none");
}

TEST_CASE("what is not mapped any more has no name", "[names]") {
  Vm vm;
  vm.running = 0x10000;
  CHECK(Read(vm) == "none");
}

// The collector does as HotSpot's do, at moments that are as bad as they can be.
TEST_CASE("a name is nobody else's while a collector moves objects", "[names]") {
  constexpr int kCollections = 2000;
  Vm vm;
  Objects places[2];
  places[0].Place("mine", true);
  places[1].Place("theirs", true);
  vm.Run(places[0]);
  std::atomic<uint32_t> reads{0};
  std::atomic<bool> over{false};
  std::thread collector([&] {
    for (int i = 1; i <= kCollections; ++i) {
      const uint32_t seen = reads.load();
      while (reads.load() == seen) std::this_thread::yield();
      __atomic_store_n(&vm.in_pause, 1, __ATOMIC_SEQ_CST);
      __atomic_fetch_add(&vm.collections, 1, __ATOMIC_SEQ_CST);
      places[i % 2].Place("mine", true);
      places[(i + 1) % 2].Place("theirs", true);
      vm.Run(places[i % 2]);
      __atomic_store_n(&vm.in_pause, 0, __ATOMIC_SEQ_CST);
    }
    over = true;
  });
  int wrong = 0;
  int told = 0;
  while (!over) {
    ++reads;
    const std::string name = Read(vm);
    told += name == "mine";
    wrong += name != "mine" && name != "none";
  }
  collector.join();
  CHECK(wrong == 0);
  CHECK(told > 0);
}

}  // namespace
}  // namespace fdorigin
