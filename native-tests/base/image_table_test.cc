// Which image an address belongs to: the loader itself is the oracle.
#include "base/image_table.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/string_store.h"

namespace fdorigin {
namespace {

struct Tables {
  Tables() {
    REQUIRE(region.Create(8 << 20));
    REQUIRE(strings.Create(&region));
    REQUIRE(images.Create(&region));
  }
  ImageId Add(uint64_t low, uint64_t high, const char* path) {
    Image image = {};
    image.low = low;
    image.high = high;
    image.load_bias = low;
    image.path = strings.Intern(path);
    image.loaded = 1;
    return images.Add(image);
  }
  std::string_view PathOf(ImageId id) const { return strings.Get(images.Get(id)->path); }

  Region region;
  StringStore strings;
  ImageTable images;
};

struct Segment {
  std::string name;
  uint64_t low;
  uint64_t high;
};

// Every loadable segment of the process; the segments of one image follow each other.
int ListSegments(dl_phdr_info* info, size_t, void* argument) {
  auto* segments = static_cast<std::vector<Segment>*>(argument);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    const uint64_t low = info->dlpi_addr + header.p_vaddr;
    segments->push_back(
        {info->dlpi_name[0] == '\0' ? "the program" : info->dlpi_name, low, low + header.p_memsz});
  }
  return 0;
}

TEST_CASE("every address of the process is found in the image that the loader names") {
  std::vector<Segment> segments;
  dl_iterate_phdr(&ListSegments, &segments);
  Tables tables;
  // Added from the last to the first, so that the order of Find is not the order of Add.
  for (size_t end = segments.size(); end > 0;) {
    size_t start = end - 1;
    while (start > 0 && segments[start - 1].name == segments[end - 1].name) --start;
    tables.Add(segments[start].low, segments[end - 1].high, segments[end - 1].name.c_str());
    end = start;
  }
  REQUIRE(tables.images.count() >= 5);  // program, libstdc++, libc, loader, vDSO at the least
  for (const Segment& segment : segments) {
    for (const uint64_t address :
         {segment.low, (segment.low + segment.high) / 2, segment.high - 1}) {
      INFO(segment.name << " " << std::hex << address);
      const ImageId id = tables.images.Find(address);
      REQUIRE(id != ImageId::kNone);
      CHECK(tables.PathOf(id) == segment.name);
    }
  }
  // dladdr agrees about functions.
  for (void* function : {reinterpret_cast<void*>(&getauxval), reinterpret_cast<void*>(&dlopen),
                         reinterpret_cast<void*>(static_cast<double (*)(double)>(&std::cbrt))}) {
    Dl_info info = {};
    REQUIRE(dladdr(function, &info) != 0);
    const ImageId id = tables.images.Find(reinterpret_cast<uint64_t>(function));
    CHECK(tables.PathOf(id) == info.dli_fname);
  }
  // What is in no image: the heap, a stack, anonymous memory, and nothing at all.
  int local = 0;
  std::vector<int> heap(100);
  void* anonymous = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(anonymous != MAP_FAILED);
  for (const void* nowhere :
       {static_cast<const void*>(&local), static_cast<const void*>(heap.data()),
        static_cast<const void*>(anonymous), static_cast<const void*>(nullptr)}) {
    CHECK(tables.images.Find(reinterpret_cast<uint64_t>(nowhere)) == ImageId::kNone);
  }
  CHECK(tables.images.Find(~uint64_t{0}) == ImageId::kNone);
  munmap(anonymous, 4096);
}

TEST_CASE("ranges are half open and need not touch") {
  Tables tables;
  const ImageId upper = tables.Add(0x3000, 0x4000, "upper");
  const ImageId lower = tables.Add(0x1000, 0x2000, "lower");
  const ImageId next = tables.Add(0x2000, 0x2800, "next");
  CHECK(tables.images.Find(0xfff) == ImageId::kNone);
  CHECK(tables.images.Find(0x1000) == lower);
  CHECK(tables.images.Find(0x1fff) == lower);
  CHECK(tables.images.Find(0x2000) == next);
  CHECK(tables.images.Find(0x2800) == ImageId::kNone);
  CHECK(tables.images.Find(0x2fff) == ImageId::kNone);
  CHECK(tables.images.Find(0x3fff) == upper);
  CHECK(tables.images.Find(0x4000) == ImageId::kNone);
}

TEST_CASE("a reloaded image gets a new id, and the old id keeps its meaning") {
  Tables tables;
  const ImageId first = tables.Add(0x10000, 0x20000, "libheron.so");
  CHECK(tables.images.unload_count() == 0);
  tables.images.Remove(first);
  CHECK(tables.images.unload_count() == 1);
  CHECK(tables.images.Find(0x18000) == ImageId::kNone);
  const ImageId second = tables.Add(0x10000, 0x20000, "libegret.so");
  CHECK(second != first);
  CHECK(tables.images.Find(0x18000) == second);
  REQUIRE(tables.images.Get(first) != nullptr);
  CHECK(tables.PathOf(first) == "libheron.so");
  CHECK(tables.images.Get(first)->loaded == 0);
  CHECK(tables.PathOf(second) == "libegret.so");
  CHECK(tables.images.Get(ImageId::kNone) == nullptr);
}

TEST_CASE("an image that was seen first keeps its id when it is completed") {
  Tables tables;
  tables.Add(0x10000, 0x20000, "/lib/libheron.so");
  const ImageId seen = tables.images.AddSeen(0x28000, 0x20000, 0x30000, 0x20000);
  REQUIRE(seen != ImageId::kNone);
  CHECK(tables.images.Find(0x20000) == seen);
  CHECK(tables.images.Find(0x2ffff) == seen);
  CHECK(tables.images.Get(seen)->load_bias == 0x20000);
  CHECK(tables.images.Get(seen)->path == StringId::kNone);
  // Once is enough, and what is known is not entered again.
  CHECK(tables.images.AddSeen(0x21000, 0x20000, 0x30000, 0x20000) == seen);
  CHECK(tables.images.AddSeen(0x10000, 0x10000, 0x20000, 0x10000) == tables.images.Find(0x10000));
  CHECK(tables.images.count() == 2);
  // Where another one is still entered, nothing is known of an address between the two.
  CHECK(tables.images.AddSeen(0x31000, 0x2f000, 0x32000, 0x2f000) == ImageId::kNone);
  CHECK(tables.images.AddSeen(0x31000, 0x8000, 0x32000, 0x8000) == ImageId::kNone);
  CHECK(tables.images.Find(0x31000) == ImageId::kNone);

  CHECK(tables.Add(0x20000, 0x30000, "/lib/libegret.so") == seen);
  CHECK(tables.PathOf(seen) == "/lib/libegret.so");
  CHECK(tables.images.count() == 2);
  // The next one there is another.
  tables.images.Remove(seen);
  CHECK(tables.images.Find(0x28000) == ImageId::kNone);
  CHECK(tables.images.AddSeen(0x28000, 0x20000, 0x30000, 0x20000) != seen);
}

TEST_CASE("threads that see an image at the same time enter it once") {
  Tables tables;
  constexpr uint64_t kImages = 200;
  const auto low = [](uint64_t i) { return 0x10000 * (i + 1); };
  std::atomic<bool> done{false};
  // The patcher's part, at addresses of its own.
  std::thread writer([&] {
    while (!done && tables.images.count() < ImageTable::kMaxImages / 2) {
      tables.images.Remove(tables.Add(0x70000000, 0x70010000, "/lib/libheron.so"));
    }
  });
  std::vector<std::thread> threads;
  std::vector<std::vector<ImageId>> seen(4, std::vector<ImageId>(kImages));
  for (std::vector<ImageId>& ids : seen) {
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < kImages; ++i) {
        while (ids[i] == ImageId::kNone) {
          ids[i] = tables.images.AddSeen(low(i) + 8, low(i), low(i) + 0x1000, low(i));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  writer.join();
  for (uint64_t i = 0; i < kImages; ++i) {
    INFO("image " << i);
    for (const std::vector<ImageId>& ids : seen) CHECK(ids[i] == seen[0][i]);
    CHECK(tables.images.Get(seen[0][i])->low == low(i));
    CHECK(tables.images.Find(low(i)) == seen[0][i]);
  }
}

TEST_CASE("a full table says so, and what it could not take can be removed again") {
  Tables tables;
  ImageId last = ImageId::kNone;
  for (int i = 0; i < ImageTable::kMaxImages; ++i) {
    // One at a time is loaded, as with a host that loads and unloads for ever.
    if (last != ImageId::kNone) tables.images.Remove(last);
    last = tables.Add(0x10000, 0x20000, "libheron.so");
    REQUIRE(last != ImageId::kNone);
  }
  CHECK(tables.images.count() == ImageTable::kMaxImages);
  const ImageId refused = tables.Add(0x30000, 0x40000, "libegret.so");
  CHECK(refused == ImageId::kNone);
  CHECK(tables.images.Find(0x38000) == ImageId::kNone);
  CHECK(tables.images.Find(0x18000) == last);
  tables.images.Remove(refused);
  CHECK(tables.images.Find(0x18000) == last);
}

// Images come and go at the same places while others look: each place belongs to one name, so an
// id of another name would be a wrong answer, and a gap belongs to nobody.
TEST_CASE("readers never get an id of another image while a writer changes the table") {
  Tables tables;
  constexpr uint64_t kSlots = 16;
  constexpr uint64_t kStride = 0x10000;
  std::string names[kSlots];
  for (uint64_t i = 0; i < kSlots; ++i) names[i] = "lib" + std::to_string(i) + ".so";
  const auto low = [](uint64_t slot) { return (slot + 1) * kStride; };
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> found{0};
  std::vector<std::thread> readers;
  for (unsigned t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      for (uint64_t i = t; !done.load(std::memory_order_relaxed); i = i * 7 + 1) {
        const uint64_t slot = i % kSlots;
        const ImageId id = tables.images.Find(low(slot) + 5);
        if (id != ImageId::kNone) {
          ++found;
          if (tables.images.Get(id)->low != low(slot) || tables.PathOf(id) != names[slot]) ++wrong;
        }
        if (tables.images.Find(low(slot) + kStride / 2 + 1) != ImageId::kNone) ++wrong;
      }
    });
  }
  ImageId ids[kSlots] = {};
  for (uint64_t i = 0; tables.images.count() < 4000; ++i) {
    const uint64_t slot = i * 5 % kSlots;
    if (ids[slot] != ImageId::kNone) {
      tables.images.Remove(ids[slot]);
      ids[slot] = ImageId::kNone;
    } else {
      ids[slot] = tables.Add(low(slot), low(slot) + kStride / 2, names[slot].c_str());
    }
  }
  // The writer may have been faster than the threads' start.
  while (found == 0) std::this_thread::yield();
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(wrong == 0);
}

// What a reader of the next test looks for, and how often it did and did not find it.
const ImageTable* looked_through = nullptr;
constexpr uint64_t kThere = 0x10000;
std::atomic<int> looks{0};
std::atomic<int> misses{0};

// A handler that interrupts the writer stands for all readers that run while it is stopped: it
// cannot go on before they have ended.
TEST_CASE("an image is found while the thread that changes the table is stopped") {
  Tables tables;
  tables.Add(kThere, kThere + 0x1000, "always.so");
  for (uint64_t i = 1; i < 3000; ++i) tables.Add(i * 0x100000, i * 0x100000 + 0x1000, "other.so");
  const ImageId changing = tables.Add(0x2000, 0x3000, "changing.so");
  looked_through = &tables.images;
  struct sigaction action = {};
  action.sa_handler = [](int) {
    if (looked_through->Find(kThere) == ImageId::kNone) ++misses;
    ++looks;
  };
  struct sigaction before = {};
  REQUIRE(sigaction(SIGUSR2, &action, &before) == 0);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    while (!done) tables.images.Remove(changing);
  });
  for (int i = 1; i <= 300; ++i) {
    pthread_kill(writer.native_handle(), SIGUSR2);
    while (looks < i) std::this_thread::yield();
  }
  done = true;
  writer.join();
  sigaction(SIGUSR2, &before, nullptr);
  CHECK(misses == 0);
}

}  // namespace
}  // namespace fdorigin
