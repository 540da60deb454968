// Walks of the running thread, compared with backtrace(), and mapped to images by the loader.
#include "stack/native_walker.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/string_store.h"
#include "fixtures/frames.h"

namespace fdorigin {
namespace {

int AddImage(dl_phdr_info* info, size_t, void* argument);

// A walker whose images are those of this process.
class Walker {
 public:
  Walker() {
    REQUIRE(region.Create(16 << 20));
    REQUIRE(strings.Create(&region));
    REQUIRE(images.Create(&region));
    REQUIRE(walker.Create(&region, &images));
    dl_iterate_phdr(&AddImage, this);
    void* address;
    backtrace(&address, 1);  // the first use loads a library and allocates
  }
  // What the loader knows and the table does not.
  void AddNew() { dl_iterate_phdr(&AddImage, this); }

  Region region;
  StringStore strings;
  ImageTable images;
  NativeWalker walker;
};

int AddImage(dl_phdr_info* info, size_t, void* argument) {
  auto* self = static_cast<Walker*>(argument);
  Image image = {};
  image.low = ~uint64_t{0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    image.low = std::min(image.low, info->dlpi_addr + header.p_vaddr);
    image.high = std::max(image.high, info->dlpi_addr + header.p_vaddr + header.p_memsz);
  }
  if (self->images.Find(image.low) != ImageId::kNone) return 0;
  image.load_bias = info->dlpi_addr;
  image.path = self->strings.Intern(info->dlpi_name[0] == '\0' ? "the program" : info->dlpi_name);
  image.loaded = 1;
  REQUIRE(self->images.Add(image) != ImageId::kNone);
  return 0;
}

struct Visit {
  Walker* walker;
  int max = 200;
  // backtrace() without the frame of the visitor itself.
  int expected_count = 0;
  void* expected[400] = {};
  int count = 0;
  Frame frames[400] = {};
  WalkEnd end = {};

  uint64_t Address(int i) const {
    return frames[i].value + walker->images.Get(frames[i].image)->load_bias;
  }
};

[[gnu::noinline]] void VisitStack(void* argument) {
  auto* visit = static_cast<Visit*>(argument);
  void* addresses[400];
  const int count = backtrace(addresses, 400);
  // From where this function returns to; what is above is its own business, and a sanitizer's.
  int first = 0;
  while (first < count && addresses[first] != __builtin_return_address(0)) ++first;
  visit->expected_count = count - first;
  std::copy(addresses + first, addresses + count, visit->expected);
  visit->count = visit->walker->walker.Walk(RegistersOfCaller(__builtin_frame_address(0)),
                                            visit->frames, visit->max, &visit->end);
}

// The frames that were walked are the first ones of backtrace(), in the images that dladdr names.
void CheckFrames(const Visit& visit) {
  REQUIRE(visit.count <= visit.expected_count);
  for (int i = 0; i < visit.count; ++i) {
    INFO("frame " << i);
    const Frame& frame = visit.frames[i];
    REQUIRE(frame.kind == FrameKind::kNative);
    CHECK(frame.bci == 0);
    CHECK(frame.gap == 0);
    CHECK(visit.Address(i) == reinterpret_cast<uint64_t>(visit.expected[i]));
    Dl_info info = {};
    REQUIRE(dladdr(visit.expected[i], &info) != 0);
    CHECK(frame.value == reinterpret_cast<uint64_t>(visit.expected[i]) -
                             reinterpret_cast<uint64_t>(info.dli_fbase));
  }
}

using Shape = void (*)(frame_chain*, int);
#define SHAPE_ADDRESS(name) &name,
constexpr Shape kShapes[] = {FRAME_SHAPES(SHAPE_ADDRESS, fp) FRAME_SHAPES(SHAPE_ADDRESS, nofp)
                                 FRAME_SHAPES(SHAPE_ADDRESS, o0) FRAME_SHAPES(SHAPE_ADDRESS, drap)};

// Frames of all shapes but the huge one, again and again.
std::vector<Shape> DeepShapes(size_t count) {
  std::vector<Shape> shapes;
  for (size_t i = 0; shapes.size() < count; ++i) {
    const Shape shape = kShapes[i * 5 % std::size(kShapes)];
    if (shape != fp_huge && shape != nofp_huge && shape != o0_huge && shape != drap_huge) {
      shapes.push_back(shape);
    }
  }
  return shapes;
}

void RunChain(const std::vector<Shape>& shapes, void (*visit)(void*), void* argument) {
  frame_chain chain = {shapes.data(), static_cast<int>(shapes.size()), visit, argument};
  shapes[0](&chain, 0);
}

TEST_CASE("a deep stack is walked to its start, twice the same") {
  Walker walker;
  Visit visit = {.walker = &walker};
  for (int turn = 0; turn < 2; ++turn) {  // rules learnt, rules from the cache
    RunChain(DeepShapes(80), &VisitStack, &visit);
    CHECK(visit.end == WalkEnd::kOutermost);
    CHECK(visit.count == visit.expected_count);
    CHECK(visit.count > 160);
    CheckFrames(visit);
  }
}

TEST_CASE("no more frames are written than asked for") {
  Walker walker;
  for (const int max : {0, 1, 2, 7, 64}) {
    INFO(max);
    Visit visit = {.walker = &walker, .max = max};
    RunChain(DeepShapes(80), &VisitStack, &visit);
    CHECK(visit.end == WalkEnd::kDepth);
    CHECK(visit.count == max);
    CheckFrames(visit);
    CHECK(visit.frames[max].kind == FrameKind::kNone);
  }
  // Exactly as many as there are is not cut.
  Visit all = {.walker = &walker};
  RunChain(DeepShapes(5), &VisitStack, &all);
  Visit exact = {.walker = &walker, .max = all.count};
  RunChain(DeepShapes(5), &VisitStack, &exact);
  CHECK(exact.count == all.count);
  CHECK(exact.end == WalkEnd::kOutermost);
}

TEST_CASE("walks of many threads at once are each right") {
  Walker walker;
  std::vector<Visit> visits(8);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < visits.size(); ++t) {
    visits[t].walker = &walker;
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 200; ++i) {
        const std::vector<Shape> shapes = DeepShapes(1 + (i * 7 + t * 3) % 20);
        RunChain(shapes, &VisitStack, &visits[t]);
        bool same = visits[t].count == visits[t].expected_count;
        for (int at = 0; same && at < visits[t].count; ++at) {
          same = visits[t].Address(at) == reinterpret_cast<uint64_t>(visits[t].expected[at]);
        }
        if (!same) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(visits[0].count > 4);
}

Visit* handler_visit;

void VisitInHandler(int) { VisitStack(handler_visit); }

TEST_CASE("a walk in a signal handler shows what was interrupted") {
  Walker walker;
  Visit visit = {.walker = &walker};
  handler_visit = &visit;
  struct sigaction action = {};
  struct sigaction old = {};
  action.sa_handler = &VisitInHandler;
  REQUIRE(sigaction(SIGUSR1, &action, &old) == 0);
  RunChain(
      DeepShapes(10), [](void*) { pthread_kill(pthread_self(), SIGUSR1); }, nullptr);
  sigaction(SIGUSR1, &old, nullptr);
  CHECK(visit.end == WalkEnd::kOutermost);
  CHECK(visit.count == visit.expected_count);
  CHECK(visit.count > 20);
  CheckFrames(visit);
}

// Code outside every image, as a JIT makes it.
class GeneratedCode {
 public:
  GeneratedCode() {
    constexpr uint8_t kCode[] = {
        0x55,              // push %rbp
        0x48, 0x89, 0xe5,  // mov %rsp, %rbp
        0x48, 0x89, 0xf8,  // mov %rdi, %rax
        0x48, 0x89, 0xf7,  // mov %rsi, %rdi
        0xff, 0xd0,        // call *%rax
        0x5d,              // pop %rbp
        0xc3,              // ret
    };
    page_ = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page_ != MAP_FAILED);
    std::memcpy(page_, kCode, sizeof(kCode));
    REQUIRE(mprotect(page_, 4096, PROT_READ | PROT_EXEC) == 0);
  }
  ~GeneratedCode() { munmap(page_, 4096); }
  GeneratedCode(const GeneratedCode&) = delete;
  GeneratedCode& operator=(const GeneratedCode&) = delete;

  void Call(void (*next)(void*), void* argument) const {
    reinterpret_cast<void (*)(void (*)(void*), void*)>(page_)(next, argument);
  }
  void* return_address() const { return static_cast<char*>(page_) + 12; }

 private:
  void* page_;
};

TEST_CASE("a walk ends where generated code begins") {
  Walker walker;
  const GeneratedCode generated;
  Visit visit = {.walker = &walker};
  generated.Call(
      [](void* argument) {
        RunChain(DeepShapes(12), &VisitStack, argument);
        std::atomic_signal_fence(std::memory_order_seq_cst);
      },
      &visit);
  CHECK(visit.end == WalkEnd::kGeneratedCode);
  CheckFrames(visit);
  // The chain (two frames for each), the functions between it and the generated code, no more.
  REQUIRE(visit.count > 24);
  REQUIRE(visit.count < visit.expected_count);
  CHECK(visit.expected[visit.count] == generated.return_address());

  visit = {.walker = &walker};
  generated.Call(&VisitStack, &visit);
  CHECK(visit.end == WalkEnd::kGeneratedCode);
  CHECK(visit.count == 0);
}

TEST_CASE("nothing is attributed to a library that another one has replaced") {
  Walker walker;
  using Call = void (*)(void (*)(void*), void*);
  const auto walk = [&](const char* path, Visit* visit) {
    void* library = dlopen(path, RTLD_NOW);
    REQUIRE(library != nullptr);
    walker.AddNew();
    const auto call = reinterpret_cast<Call>(dlsym(library, "reed_call"));
    REQUIRE(call != nullptr);
    call(&VisitStack, visit);
    REQUIRE(visit->count == visit->expected_count);
    CheckFrames(*visit);
    const ImageId id = visit->frames[0].image;
    CHECK(walker.strings.Get(walker.images.Get(id)->path) == path);
    walker.images.Remove(id);
    dlclose(library);
    return id;
  };
  Visit first = {.walker = &walker};
  Visit second = {.walker = &walker};
  const ImageId first_id = walk(TEST_REED200, &first);
  const ImageId second_id = walk(TEST_REED400, &second);
  CHECK(first_id != second_id);
  // Otherwise nothing was tried: the two must have been at the same place.
  REQUIRE(first.expected[0] == second.expected[0]);
  CHECK(walker.images.Find(reinterpret_cast<uint64_t>(first.expected[0])) == ImageId::kNone);
  CHECK(walker.strings.Get(walker.images.Get(first_id)->path) == TEST_REED200);
}

}  // namespace
}  // namespace fdorigin
