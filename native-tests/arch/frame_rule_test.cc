// Steps from frame to frame, compared with what libgcc's unwinder says (backtrace()): another
// reader of the same unwind tables, with nothing in common with libunwind or with us.
#include "arch/frame_rule.h"

#include <dirent.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fixtures/frames.h"

extern "C" void HeronInterruptedAtEntry();
extern "C" void HeronInterruptedBehindPush();

namespace fdorigin {
namespace {

constexpr int kMaxFrames = 256;

// What both said. Plain arrays: it is filled in signal handlers, too.
struct Walks {
  int expected_count = 0;
  int walked_count = 0;
  std::array<uint64_t, kMaxFrames> expected;
  std::array<uint64_t, kMaxFrames> walked;
  std::array<FrameRuleKind, kMaxFrames> kinds;

  bool Used(FrameRuleKind kind) const {
    return std::find(kinds.begin(), kinds.begin() + walked_count, kind) !=
           kinds.begin() + walked_count;
  }
};

// Walks from the caller of this function.
[[gnu::noinline]] void WalkBothWays(void* argument) {
  auto* walks = static_cast<Walks*>(argument);
  void* addresses[kMaxFrames];
  const int count = backtrace(addresses, kMaxFrames);
  // From where this function returns to; what is above is its own business, and a sanitizer's.
  int first = 0;
  while (first < count && addresses[first] != __builtin_return_address(0)) ++first;
  walks->expected_count = count - first;
  for (int i = first; i < count; ++i) {
    walks->expected[static_cast<size_t>(i - first)] = reinterpret_cast<uint64_t>(addresses[i]);
  }
  StackProbe probe;
  WalkRegisters registers = RegistersOfCaller(__builtin_frame_address(0));
  walks->walked_count = 0;
  while (walks->walked_count < kMaxFrames) {
    const FrameRule learnt = LearnFrameRule(registers.pc, registers.interrupted);
    const auto at = static_cast<size_t>(walks->walked_count++);
    walks->walked[at] = registers.pc;
    walks->kinds[at] = learnt.kind;
    // As the walker does it: through the packed form.
    if (!ApplyFrameRule(FrameRule::Unpack(learnt.Pack()), &probe, &registers)) break;
  }
}

void CheckSame(const Walks& walks) {
  REQUIRE(walks.expected_count > 3);
  REQUIRE(walks.expected_count < kMaxFrames);
  REQUIRE(walks.walked_count == walks.expected_count);
  for (int i = 0; i < walks.walked_count; ++i) {
    INFO("frame " << i);
    CHECK(walks.walked[static_cast<size_t>(i)] == walks.expected[static_cast<size_t>(i)]);
  }
}

// The first use allocates and loads libgcc_s, which must not happen on a small stack.
void PrepareBothWays() {
  void* address;
  backtrace(&address, 1);
  PrepareUnwinding();
}

using Shape = void (*)(frame_chain*, int);
#define SHAPE_ADDRESS(name) &name,
constexpr Shape kShapes[] = {FRAME_SHAPES(SHAPE_ADDRESS, fp) FRAME_SHAPES(SHAPE_ADDRESS, nofp)
                                 FRAME_SHAPES(SHAPE_ADDRESS, o0) FRAME_SHAPES(SHAPE_ADDRESS, drap)};
// Frames that fit on a signal stack of 16 KiB.
constexpr Shape kSmallShapes[] = {fp_plain,     nofp_plain,   nofp_alloca,  drap_plain,
                                  drap_aligned, nofp_aligned, nofp_saved,   fp_alloca,
                                  o0_aligned,   nofp_saved,   drap_aligned, nofp_plain};

void RunChain(const Shape* shapes, int count, void (*visit)(void*), void* argument) {
  frame_chain chain = {shapes, count, visit, argument};
  shapes[0](&chain, 0);
}

void CheckAllOrders() {
  std::vector<Shape> shapes(std::begin(kShapes), std::end(kShapes));
  std::set<FrameRuleKind> kinds;
  for (size_t turn = 0; turn < shapes.size(); ++turn) {
    std::rotate(shapes.begin(), shapes.begin() + 7, shapes.end());
    if (turn == shapes.size() / 2) std::reverse(shapes.begin(), shapes.end());
    Walks walks;
    RunChain(shapes.data(), static_cast<int>(shapes.size()), &WalkBothWays, &walks);
    CheckSame(walks);
    REQUIRE(walks.walked_count > 48);
    kinds.insert(walks.kinds.begin(), walks.kinds.begin() + walks.walked_count);
  }
  CHECK(kinds.count(FrameRuleKind::kStandard) == 1);
  CHECK(kinds.count(FrameRuleKind::kComplex) == 1);
}

// It is set up by the first of them. The first test of the program that needs it.
TEST_CASE("threads that ask libunwind for the first time do not wait, and are never misled") {
  PrepareBothWays();
  constexpr int kThreads = 8;
  std::array<Walks, kThreads> first;
  std::array<Walks, kThreads> later;
  std::barrier together(kThreads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const Shape shape = drap_aligned;
      together.arrive_and_wait();
      RunChain(&shape, 1, &WalkBothWays, &first[i]);
      together.arrive_and_wait();
      RunChain(&shape, 1, &WalkBothWays, &later[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kThreads; ++i) {
    INFO("thread " << i);
    // Cut short at most.
    REQUIRE(first[i].walked_count > 0);
    REQUIRE(first[i].walked_count <= first[i].expected_count);
    CHECK(std::equal(first[i].walked.begin(), first[i].walked.begin() + first[i].walked_count,
                     first[i].expected.begin()));
    CHECK(later[i].Used(FrameRuleKind::kComplex));
    CheckSame(later[i]);
  }
}

TEST_CASE("each shape of frame is left as libgcc leaves it") {
  PrepareBothWays();
  for (size_t i = 0; i < std::size(kShapes); ++i) {
    INFO("shape " << i);
    Walks walks;
    RunChain(&kShapes[i], 1, &WalkBothWays, &walks);
    CheckSame(walks);
  }
}

TEST_CASE("frames with an expression for a CFA are complex, and are left all the same") {
  PrepareBothWays();
  Walks walks;
  const Shape shape = drap_aligned;
  RunChain(&shape, 1, &WalkBothWays, &walks);
  CHECK(walks.Used(FrameRuleKind::kComplex));
  CheckSame(walks);
}

TEST_CASE("frames too large for a packed rule are left all the same") {
  PrepareBothWays();
  Walks walks;
  const Shape shape = nofp_huge;
  RunChain(&shape, 1, &WalkBothWays, &walks);
  CHECK(walks.Used(FrameRuleKind::kComplex));
  CheckSame(walks);
}

TEST_CASE("mixed chains are walked to the program's start") {
  PrepareBothWays();
  CheckAllOrders();
}

TEST_CASE("mixed chains are walked to a thread's start") {
  PrepareBothWays();
  std::thread([] { CheckAllOrders(); }).join();
}

Walks* signal_walks;
std::atomic<int> handled;

void WalkInHandler(int) {
  RunChain(kSmallShapes, static_cast<int>(std::size(kSmallShapes)), &WalkBothWays, signal_walks);
  ++handled;
}

void WalkAndSkip(int, siginfo_t*, void* context) {
  WalkInHandler(0);
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] += 2;  // behind ud2
}

[[gnu::noinline]] void RaiseHere(void*) {
  pthread_kill(pthread_self(), SIGUSR1);
  handled += 0;  // not a tail call
}

// A handler, and the stack that it runs on.
class SignalSetUp {
 public:
  SignalSetUp(int signal, bool alternate) : signal_(signal) {
    if (alternate) {
      // Between pages that cannot be touched, so that an overflow is noticed.
      constexpr size_t kBytes = 16 << 10;
      memory_ = static_cast<char*>(
          mmap(nullptr, kBytes + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      REQUIRE(mprotect(memory_ + 4096, kBytes, PROT_READ | PROT_WRITE) == 0);
      stack_t stack = {};
      stack.ss_sp = memory_ + 4096;
      stack.ss_size = kBytes;
      REQUIRE(sigaltstack(&stack, &old_stack_) == 0);
    }
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO | (alternate ? SA_ONSTACK : 0);
    if (signal == SIGILL) {
      action.sa_sigaction = &WalkAndSkip;
    } else {
      action.sa_handler = &WalkInHandler;
    }
    REQUIRE(sigaction(signal, &action, &old_) == 0);
  }
  ~SignalSetUp() {
    sigaction(signal_, &old_, nullptr);
    if (memory_ != nullptr) {
      sigaltstack(&old_stack_, nullptr);
      munmap(memory_, (16 << 10) + 8192);
    }
  }
  SignalSetUp(const SignalSetUp&) = delete;
  SignalSetUp& operator=(const SignalSetUp&) = delete;

 private:
  int signal_;
  char* memory_ = nullptr;
  stack_t old_stack_ = {};
  struct sigaction old_ = {};
};

TEST_CASE("a signal handler is left for the code that was interrupted") {
  const bool alternate = GENERATE(false, true);
  PrepareBothWays();
  Walks walks;
  signal_walks = &walks;
  handled = 0;
  {
    const SignalSetUp set_up(SIGUSR1, alternate);
    RunChain(kSmallShapes, static_cast<int>(std::size(kSmallShapes)), &RaiseHere, nullptr);
  }
  REQUIRE(handled == 1);
  CHECK(walks.Used(FrameRuleKind::kSignal));
  CHECK(walks.walked_count > 2 * static_cast<int>(std::size(kSmallShapes)) + 5);
  CheckSame(walks);
}

TEST_CASE("an interrupted instruction is looked up itself, not the one before") {
  const bool alternate = GENERATE(false, true);
  void (*const interrupted)() = GENERATE(&HeronInterruptedAtEntry, &HeronInterruptedBehindPush);
  PrepareBothWays();
  Walks walks;
  signal_walks = &walks;
  handled = 0;
  {
    const SignalSetUp set_up(SIGILL, alternate);
    interrupted();
  }
  REQUIRE(handled == 1);
  CheckSame(walks);
  const auto pc = reinterpret_cast<uint64_t>(interrupted);
  CHECK(std::count_if(walks.walked.begin(), walks.walked.begin() + walks.walked_count,
                      [pc](uint64_t walked) { return walked == pc || walked == pc + 1; }) == 1);
}

TEST_CASE("the caller of a hook's frame is where the hook returns to") {
  const auto hook = []() __attribute__((noinline)) {
    const WalkRegisters registers = RegistersOfCaller(__builtin_frame_address(0));
    CHECK(registers.pc == reinterpret_cast<uint64_t>(__builtin_return_address(0)));
    CHECK(registers.sp == reinterpret_cast<uint64_t>(__builtin_frame_address(0)) + 16);
    CHECK_FALSE(registers.interrupted);
    return registers.fp;
  };
  CHECK(hook() == reinterpret_cast<uint64_t>(__builtin_frame_address(0)));
}

// Three pages, of which the middle one is made inaccessible.
class Pages {
 public:
  explicit Pages(bool unmapped) {
    base_ = static_cast<char*>(
        mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(base_ != MAP_FAILED);
    if (unmapped) {
      REQUIRE(munmap(base_ + kPage, kPage) == 0);
    } else {
      REQUIRE(mprotect(base_ + kPage, kPage, PROT_NONE) == 0);
    }
  }
  ~Pages() { munmap(base_, 3 * kPage); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  uint64_t at(uint64_t offset) const { return reinterpret_cast<uint64_t>(base_) + offset; }

  static constexpr uint64_t kPage = 4096;

 private:
  char* base_;
};

TEST_CASE("the probe knows what can be read, whatever it was asked before") {
  const bool unmapped = GENERATE(false, true);
  const Pages pages(unmapped);
  const uint64_t page = Pages::kPage;
  const auto expected = [&](uint64_t offset) {
    return offset + 8 <= page || (offset >= 2 * page && offset + 8 <= 3 * page);
  };
  std::vector<uint64_t> offsets = {0, 1, 4000, 2 * page, 2 * page + 1, 3 * page - 8};
  for (uint64_t around : {page, 2 * page}) {
    for (uint64_t i = around - 9; i < around + 9; ++i) offsets.push_back(i);
  }
  for (const uint64_t first : offsets) {
    for (const uint64_t second : offsets) {
      StackProbe probe;
      INFO(first << " then " << second);
      CHECK(probe.Readable(pages.at(first)) == expected(first));
      CHECK(probe.Readable(pages.at(second)) == expected(second));
      CHECK(probe.Readable(pages.at(first)) == expected(first));
    }
  }
}

TEST_CASE("the probe refuses addresses that no program has") {
  const Pages pages(false);
  for (const bool warm : {false, true}) {
    for (const uint64_t address :
         {uint64_t{0}, uint64_t{8}, uint64_t{4095}, ~uint64_t{0}, ~uint64_t{0} - 3,
          ~uint64_t{0} - 7, ~uint64_t{0} - 8, uint64_t{1} << 47, (uint64_t{1} << 47) - 4,
          uint64_t{1} << 63, uint64_t{0xffff800000000000}}) {
      INFO(std::hex << address << (warm ? " warm" : " cold"));
      StackProbe probe;
      if (warm) REQUIRE(probe.Readable(pages.at(0)));
      CHECK_FALSE(probe.Readable(address));
    }
  }
}

TEST_CASE("the probe keeps errno and the signal mask") {
  const Pages pages(false);
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  for (const uint64_t offset : {uint64_t{0}, Pages::kPage}) {
    errno = ENOTTY;
    StackProbe probe;
    CHECK(probe.Readable(pages.at(offset)) == (offset == 0));
    CHECK(errno == ENOTTY);
  }
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    CHECK(sigismember(&before, signal) == sigismember(&after, signal));
  }
}

TEST_CASE("a rule that leads to memory that cannot be read ends the walk") {
  const bool unmapped = GENERATE(false, true);
  const Pages pages(unmapped);
  const uint64_t page = Pages::kPage;
  auto* words = reinterpret_cast<uint64_t*>(pages.at(0));
  std::fill(words, words + page / 8, 0x1234);
  StackProbe probe;
  const WalkRegisters start = {1, pages.at(page - 64), pages.at(page - 32), false};

  FrameRule rule;
  rule.kind = FrameRuleKind::kStandard;
  rule.cfa_offset = 64;
  WalkRegisters registers = start;
  REQUIRE(ApplyFrameRule(rule, &probe, &registers));  // the last word of the page
  CHECK(registers.pc == 0x1234);
  CHECK(registers.sp == pages.at(page));
  CHECK(registers.fp == start.fp);

  registers = start;
  rule.cfa_offset = 65;  // partly outside
  CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  rule.cfa_offset = 72;
  CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  rule.cfa_offset = 64;
  rule.fp_saved = true;
  rule.fp_offset = 0;  // the frame pointer's word is outside
  registers = start;
  CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  rule.fp_offset = -16;
  registers = start;
  CHECK(ApplyFrameRule(rule, &probe, &registers));
  CHECK(registers.fp == 0x1234);

  rule = {};
  rule.kind = FrameRuleKind::kSignal;
  for (const uint64_t sp : {pages.at(page), pages.at(page - 8), uint64_t{0}, ~uint64_t{0} - 200}) {
    registers = {1, sp, 0, false};
    CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  }
}

TEST_CASE("a frame that does not lead towards the stack's base ends the walk") {
  std::vector<uint64_t> stack(64, 0x1234);
  const auto sp = reinterpret_cast<uint64_t>(&stack[32]);
  StackProbe probe;
  FrameRule rule;
  rule.kind = FrameRuleKind::kStandard;
  rule.cfa_from_fp = true;
  rule.cfa_offset = 16;
  WalkRegisters registers = {1, sp, sp - 16, false};
  CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));  // the CFA is sp itself
  registers = {1, sp, sp - 64, false};
  CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  registers = {1, sp, ~uint64_t{0} - 7, false};  // wraps round
  CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  registers = {1, sp, sp + (uint64_t{17} << 20), false};
  CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  registers = {1, sp, sp, false};
  CHECK(ApplyFrameRule(rule, &probe, &registers));
  // A return address of 0 is an end.
  std::fill(stack.begin(), stack.end(), 0);
  registers = {1, sp, sp, false};
  CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  for (const FrameRuleKind kind : {FrameRuleKind::kUnknown, FrameRuleKind::kEnd}) {
    rule = {};
    rule.kind = kind;
    registers = {1, sp, sp, false};
    CHECK_FALSE(ApplyFrameRule(rule, &probe, &registers));
  }
}

TEST_CASE("a rule survives being packed into 48 bits") {
  std::set<uint64_t> packed;
  int rules = 0;
  for (int kind = 0; kind <= 4; ++kind) {
    for (int flags = 0; flags < 4; ++flags) {
      for (const int32_t cfa_offset : {0, 1, 8, 16, 4096, 0x12345, (1 << 18), (1 << 19) - 1}) {
        for (const int32_t fp_offset :
             {0, 1, -1, -16, 16, 0x1234, -0x1234, (1 << 17) - 1, -((1 << 17) - 1)}) {
          FrameRule rule;
          rule.kind = static_cast<FrameRuleKind>(kind);
          rule.cfa_from_fp = flags & 1;
          rule.fp_saved = flags & 2;
          rule.cfa_offset = cfa_offset;
          rule.fp_offset = fp_offset;
          const uint64_t bits = rule.Pack();
          if (rule.kind != FrameRuleKind::kUnknown) REQUIRE(bits != 0);
          REQUIRE(bits >> 48 == 0);
          packed.insert(bits);
          ++rules;
          const FrameRule back = FrameRule::Unpack(bits);
          REQUIRE(back.kind == rule.kind);
          REQUIRE(back.cfa_from_fp == rule.cfa_from_fp);
          REQUIRE(back.fp_saved == rule.fp_saved);
          REQUIRE(back.cfa_offset == rule.cfa_offset);
          REQUIRE(back.fp_offset == rule.fp_offset);
        }
      }
    }
  }
  CHECK(packed.size() == static_cast<size_t>(rules));
}

std::set<std::string> OpenDescriptors() {
  std::set<std::string> open;
  DIR* directory = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(directory)) {
    if (std::stoi("0" + std::string(entry->d_name)) == dirfd(directory)) continue;
    char target[256];
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    const ssize_t size = readlink(path.c_str(), target, sizeof(target));
    open.insert(path + " " + std::string(target, size > 0 ? static_cast<size_t>(size) : 0));
  }
  closedir(directory);
  return open;
}

TEST_CASE("unwinding opens no descriptor") {
  const std::set<std::string> before = OpenDescriptors();
  REQUIRE(before.size() >= 4);  // the standard ones and the two dots
  PrepareBothWays();
  Walks walks;
  RunChain(kShapes, static_cast<int>(std::size(kShapes)), &WalkBothWays, &walks);
  std::thread([&] {
    RunChain(kShapes, static_cast<int>(std::size(kShapes)), &WalkBothWays, &walks);
  }).join();
  signal_walks = &walks;
  {
    const SignalSetUp set_up(SIGUSR1, true);
    RaiseHere(nullptr);
  }
  // Code of which nothing is known, and no code at all.
  LearnFrameRule(reinterpret_cast<uint64_t>(&HeronInterruptedAtEntry) - 1, false);
  LearnFrameRule(reinterpret_cast<uint64_t>(&walks), false);
  CHECK(OpenDescriptors() == before);
}

}  // namespace
}  // namespace fdorigin
