// Entries are patched in functions written for it (entries.S) and, in a process of their own
// (libc_entries.cc), in libc. Oracles: what the functions answer, objdump, the kernel's map.
#include "arch/entry_patch.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace fdorigin {
namespace {

using Function = long (*)(long, long);

struct Symbol {
  void* address = nullptr;
  size_t size = 0;
};

// As the agent will get them: from the dynamic symbols.
Symbol Find(const std::string& name) {
  Symbol symbol;
  symbol.address = dlsym(RTLD_DEFAULT, name.c_str());
  INFO(name);
  REQUIRE(symbol.address != nullptr);
  Dl_info info;
  const ElfW(Sym)* entry = nullptr;
  REQUIRE(dladdr1(symbol.address, &info, const_cast<void**>(reinterpret_cast<const void**>(&entry)),
                  RTLD_DL_SYMENT) != 0);
  REQUIRE(entry != nullptr);
  symbol.size = entry->st_size;
  return symbol;
}

std::string PermissionsOf(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long low = 0;
    unsigned long high = 0;
    char permissions[8] = {};
    REQUIRE(std::sscanf(line.c_str(), "%lx-%lx %7s", &low, &high, permissions) == 3);
    const auto at = reinterpret_cast<unsigned long>(address);
    if (at >= low && at < high) return permissions;
  }
  return "none";
}

int WritableAndExecutable() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    const std::string permissions = line.substr(line.find(' ') + 1, 4);
    count +=
        permissions.find('w') != std::string::npos && permissions.find('x') != std::string::npos;
  }
  return count;
}

// Pages of executable memory that belong to no file.
int AnonymousExecutable() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    std::string range, permissions, offset, device, inode, path;
    fields >> range >> permissions >> offset >> device >> inode >> path;
    if (permissions.find('x') == std::string::npos || inode != "0" || !path.empty()) continue;
    unsigned long low = 0;
    unsigned long high = 0;
    REQUIRE(std::sscanf(range.c_str(), "%lx-%lx", &low, &high) == 2);
    count += static_cast<int>((high - low) / 4096);
  }
  return count;
}

std::string Refusal(void* function, size_t size, void* hook, void** original) {
  EntryPatch patch = {function, size, hook, original, "stale"};
  PatchEntries({&patch, 1});
  return patch.refusal;
}

// ---- One hook that serves all fixtures ----

std::atomic<long> hook_calls;
Function hook_original;

[[gnu::noinline]] long Hook(long a, long b) {
  ++hook_calls;
  const long result = hook_original(a, b);
  asm volatile("");  // not a tail call: the original returns here
  return result;
}

struct Output {
  int status = -1;
  std::string text;
};

Output Run(const std::string& command) {
  Output output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  while (size_t size = fread(buffer, 1, sizeof(buffer), pipe)) output.text.append(buffer, size);
  const int status = pclose(pipe);
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
  return output;
}

// The instructions in memory, one a line, by objdump. Of those relative to the instruction pointer
// only the address that they mean is kept.
std::vector<std::string> Disassemble(const void* code, size_t size) {
  char path[] = "/tmp/fdorigin-entry-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, code, size) == static_cast<ssize_t>(size));
  close(fd);
  std::ostringstream command;
  command << "objdump -D -b binary -m i386:x86-64 --no-show-raw-insn --adjust-vma=" << code << ' '
          << path;
  const Output output = Run(command.str());
  unlink(path);
  REQUIRE(output.status == 0);
  std::vector<std::string> instructions;
  std::istringstream lines(output.text);
  static const std::regex kLine("^ *[0-9a-f]+:\\s+(.*?)\\s*$");
  static const std::regex kDisplacement("-?0x[0-9a-f]+\\(%rip\\)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, kLine)) continue;
    instructions.push_back(std::regex_replace(match[1].str(), kDisplacement, "(%rip)"));
  }
  return instructions;
}

std::string Hex(const void* address) {
  std::ostringstream text;
  text << address;
  return text.str();
}

TEST_CASE("each kind of first instructions is moved, and does what it did") {
  const std::string name = GENERATE(
      "HeronImmediate", "HeronMovs", "HeronPushes", "HeronManyPushes", "HeronStack", "HeronThread",
      "HeronRelativeCompare", "HeronRelativeLoad", "HeronRelativeAddress", "HeronRelativeTwice",
      "HeronMarked", "HeronVector", "HeronSevenBytes", "HeronTailCall", "HeronJustFits",
      "HeronLookalikes", "HeronQuietData", "HeronSkewed1", "HeronSkewed2", "HeronSkewed3");
  INFO(name);
  const Symbol symbol = Find(name);
  const auto function = reinterpret_cast<Function>(symbol.address);
  std::vector<long> expected;
  for (long a = -3; a < 4; ++a) expected.push_back(function(a, 100 * a));
  const std::vector<std::string> before = Disassemble(symbol.address, symbol.size);
  const std::string permissions = PermissionsOf(symbol.address);
  REQUIRE(permissions == "r-xp");
  const int writable = WritableAndExecutable();

  hook_original = nullptr;
  CHECK(Refusal(symbol.address, symbol.size, reinterpret_cast<void*>(&Hook),
                reinterpret_cast<void**>(&hook_original)) == "");
  REQUIRE(hook_original != nullptr);
  REQUIRE(hook_original != function);

  // Protections are what they were; the trampoline's are those of code.
  auto* trampoline = reinterpret_cast<uint8_t*>(hook_original);
  CHECK(PermissionsOf(symbol.address) == permissions);
  CHECK(PermissionsOf(trampoline) == "r-xp");
  CHECK(WritableAndExecutable() == writable);

  // objdump sees: the entry jumps to the stub, which jumps to the hook.
  const std::vector<std::string> entry = Disassemble(symbol.address, 5);
  REQUIRE(entry.size() == 1);
  const uint8_t* stub = trampoline - 16;
  CHECK(entry[0].starts_with("jmp"));
  CHECK(entry[0].ends_with(Hex(stub)));
  const std::vector<std::string> stub_code = Disassemble(stub, 6);
  REQUIRE(stub_code.size() == 1);
  CHECK(stub_code[0].find("jmp    *(%rip)") == 0);
  CHECK(stub_code[0].ends_with("# " + Hex(stub + 8)));
  void* target = nullptr;
  std::memcpy(&target, stub + 8, sizeof(target));
  CHECK(target == reinterpret_cast<void*>(&Hook));

  // The trampoline is the first instructions, with the same operands, and a jump behind them.
  const std::vector<std::string> moved = Disassemble(trampoline, 24 + 5);
  size_t count = 0;
  while (count < moved.size() && count < before.size() && moved[count] == before[count]) ++count;
  REQUIRE(count >= 1);
  REQUIRE(count < moved.size());
  CHECK(moved[count].starts_with("jmp"));
  const auto back = std::stoull(moved[count].substr(moved[count].find("0x")), nullptr, 16);
  const auto start = reinterpret_cast<uint64_t>(symbol.address);
  CHECK(back >= start + 5);
  CHECK(back <= start + symbol.size);

  // It is called through the hook, and still answers the same.
  hook_calls = 0;
  std::vector<long> hooked;
  for (long a = -3; a < 4; ++a) hooked.push_back(function(a, 100 * a));
  CHECK(hook_calls == 7);
  CHECK(hooked == expected);

  // Once only.
  const Function original = hook_original;
  void* untouched = &hook_calls;
  CHECK(Refusal(symbol.address, symbol.size, reinterpret_cast<void*>(&Hook), &untouched) ==
        "it begins with a jump: it is patched already, or leads elsewhere");
  CHECK(untouched == &hook_calls);
  CHECK(original(2, 200) == expected[5]);
}

TEST_CASE("what cannot be moved with certainty is refused, and nothing is changed") {
  struct Case {
    const char* name;
    const char* reason;
  };
  const Case each = GENERATE(
      Case{"HeronShortJump", "it begins with a jump: it is patched already, or leads elsewhere"},
      Case{"HeronNearJump", "it begins with a jump: it is patched already, or leads elsewhere"},
      Case{"HeronIndirectJump", "it begins with a jump: it is patched already, or leads elsewhere"},
      Case{"HeronCallFirst", "the first instruction calls"},
      Case{"HeronIndirectCall", "the second instruction calls"},
      Case{"HeronConditional", "the second instruction jumps"},
      Case{"HeronLoop", "the third instruction jumps"},
      Case{"HeronCounterIsZero", "the first instruction jumps"},
      Case{"HeronReturn", "the second instruction returns"},
      Case{"HeronSystemCall", "the third instruction enters the kernel"},
      Case{"HeronBreakpoint", "the first instruction is a breakpoint"},
      Case{"HeronUndefined", "the second instruction is of a kind that is not moved"},
      Case{"HeronTransaction", "the second instruction jumps"},
      Case{"HeronSwitchesSegments", "the first instruction is of a kind that is not moved"},
      Case{"HeronHalfRelative", "the first instruction is relative to itself in an unusual way"},
      Case{"HeronJumpsBack", "bytes 1..4 are the target of a jump at +8"},
      Case{"HeronCallsBack", "bytes 1..5 are the target of a jump at +13"},
      Case{"HeronJumpsBackBehind", "bytes 1..10 are the target of a jump at +12"},
      Case{"HeronRefersBack", "bytes 1..6 are referred to at +7"},
      Case{"HeronRefersBackByte", "bytes 1..6 are referred to at +7"},
      Case{"HeronRefersBackWord", "bytes 1..6 are referred to at +7"},
      Case{"HeronRefersBackLong", "bytes 1..6 are referred to at +7"},
      Case{"HeronLoopsBack", "bytes 1..6 are the target of a jump at +7"},
      Case{"HeronJumpsBackIfZero", "bytes 1..6 are the target of a jump at +7"},
      Case{"HeronJumpsFarBack", "bytes 1..6 are the target of a jump at +7"},
      Case{"HeronFarTable", "there is a jump to a computed address at +12"},
      Case{"HeronTable", "there is a jump to a computed address at +12"},
      Case{"HeronMemoryTable", "there is a jump to a computed address at +12"},
      Case{"HeronUndecodable", "the bytes at +6 are no instruction"},
      Case{"HeronCutOff", "the bytes at +6 are no instruction"},
      Case{"HeronBreakpointLater", "there is a breakpoint at +7"},
      Case{"HeronTooShort", "the function has only 4 bytes"},
      Case{"HeronEndsInside", "the third instruction is none"},
      Case{"HeronSkewed4", "its first five bytes cannot be written at once"},
      Case{"HeronSkewed5", "its first five bytes cannot be written at once"},
      Case{"HeronSkewed6", "its first five bytes cannot be written at once"},
      Case{"HeronSkewed7", "its first five bytes cannot be written at once"});
  INFO(each.name);
  const Symbol symbol = Find(each.name);
  const auto* bytes = static_cast<const uint8_t*>(symbol.address);
  const std::vector<uint8_t> before(bytes - 8, bytes + symbol.size + 8);
  const int executable = AnonymousExecutable();
  void* original = &hook_calls;
  CHECK(Refusal(symbol.address, symbol.size, reinterpret_cast<void*>(&Hook), &original) ==
        each.reason);
  CHECK(original == &hook_calls);
  CHECK(std::vector<uint8_t>(bytes - 8, bytes + symbol.size + 8) == before);
  CHECK(PermissionsOf(bytes) == "r-xp");
  CHECK(AnonymousExecutable() == executable);
}

TEST_CASE("an entry is refused where its size or its memory will not do") {
  const Symbol symbol = Find("HeronPlain3");
  const auto hook = reinterpret_cast<void*>(&Hook);
  void* original = nullptr;
  CHECK(Refusal(symbol.address, 0, hook, &original) == "its size is not known");
  CHECK(Refusal(symbol.address, 4, hook, &original) == "the function has only 4 bytes");
  CHECK(Refusal(&hook_calls, 16, hook, &original) == "it is not in readable and executable memory");
  CHECK(Refusal(nullptr, 16, hook, &original) == "it is not in readable and executable memory");
  CHECK(Refusal(symbol.address, size_t{1} << 40, hook, &original) ==
        "it is not in readable and executable memory");
  CHECK(original == nullptr);
}

// A page of code in memory of our own, with nothing usable for some distance below and above it.
class OwnCode {
 public:
  OwnCode(size_t below, size_t above, int flags, const std::vector<uint8_t>& code)
      : size_(below + 4096 + above), code_size_(code.size()) {
    base_ = static_cast<uint8_t*>(
        mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    REQUIRE(base_ != MAP_FAILED);
    code_ = base_ + below;
    REQUIRE(mmap(code_, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
            code_);
    std::memcpy(code_, code.data(), code.size());
    REQUIRE(mprotect(code_, 4096, PROT_READ | PROT_EXEC) == 0);
  }
  ~OwnCode() { munmap(base_, size_); }
  OwnCode(const OwnCode&) = delete;
  OwnCode& operator=(const OwnCode&) = delete;

  Function function() const { return reinterpret_cast<Function>(code_); }
  std::string Patch() const {
    hook_original = nullptr;
    return Refusal(code_, code_size_, reinterpret_cast<void*>(&Hook),
                   reinterpret_cast<void**>(&hook_original));
  }

 private:
  size_t size_;
  size_t code_size_;
  uint8_t* base_;
  uint8_t* code_;
};

constexpr size_t kMiB = size_t{1} << 20;
// mov $42, %eax; ret
const std::vector<uint8_t> kAnswer = {0xb8, 0x2a, 0, 0, 0, 0xc3};

TEST_CASE("an entry is refused where no memory is near enough") {
  const OwnCode code(2049 * kMiB, 2049 * kMiB, MAP_PRIVATE, kAnswer);
  CHECK(code.Patch() == "no memory within 2 GiB");
  CHECK(hook_original == nullptr);
  CHECK(code.function()(1, 2) == 42);
}

TEST_CASE("memory at some distance will do") {
  const OwnCode code(2049 * kMiB, 1500 * kMiB, MAP_PRIVATE, kAnswer);
  CHECK(code.Patch() == "");
  hook_calls = 0;
  CHECK(code.function()(1, 2) == 42);
  CHECK(hook_calls == 1);
  CHECK(PermissionsOf(reinterpret_cast<void*>(code.function())) == "r-xp");
}

// push %rbp; mov $42, %eax; pop %rbp; ret: who stands behind the push finds his instruction only if
// the jump leads some ten KiB up, where the page is taken.
const std::vector<uint8_t> kPushAndAnswer = {0x55, 0xb8, 0x2a, 0, 0, 0, 0x5d, 0xc3};

TEST_CASE("while threads run, no entry is patched in which one could stand and be hurt") {
  const OwnCode code(kMiB, kMiB, MAP_PRIVATE, kPushAndAnswer);
  void* original = nullptr;
  EntryPatch patch = {reinterpret_cast<void*>(code.function()), kPushAndAnswer.size(),
                      reinterpret_cast<void*>(&Hook), &original, ""};
  PatchEntries({&patch, 1}, EntryMoment::kRunning);
  CHECK(patch.refusal ==
        "a thread may stand behind its first instruction, and what would spare it is taken");
  CHECK(original == nullptr);
  CHECK(std::memcmp(reinterpret_cast<void*>(code.function()), kPushAndAnswer.data(),
                    kPushAndAnswer.size()) == 0);
  CHECK(code.Patch() == "");
}

TEST_CASE("while no other thread runs, entries need no pages of their own") {
  // push %rbp; mov $0x100000 or $0x110000, %eax; pop %rbp; ret: who stands behind the push finds
  // his instruction if the jump leads 256 or 272 MiB up.
  std::vector<uint8_t> code = {0x55, 0xb8, 0, 0, 0x10, 0, 0x5d, 0xc3};
  code.insert(code.end(), code.begin(), code.end());
  code[12] = 0x11;
  const auto patch = [&code](EntryMoment moment) {
    const OwnCode memory(kMiB, kMiB, MAP_PRIVATE, code);
    auto* first = reinterpret_cast<uint8_t*>(memory.function());
    std::array<void*, 2> originals = {};
    std::array<EntryPatch, 2> patches;
    for (size_t i = 0; i < 2; ++i) {
      patches[i] = {first + 8 * i, 8, reinterpret_cast<void*>(&Hook), &originals[i], ""};
    }
    const int before = AnonymousExecutable();
    PatchEntries(patches, moment);
    const int pages = AnonymousExecutable() - before;
    for (size_t i = 0; i < 2; ++i) {
      CHECK(patches[i].refusal == "");
      hook_original = reinterpret_cast<Function>(originals[i]);
      hook_calls = 0;
      CHECK(reinterpret_cast<Function>(first + 8 * i)(1, 2) == (i == 0 ? 0x100000 : 0x110000));
      CHECK(hook_calls == 1);
    }
    return pages;
  };
  CHECK(patch(EntryMoment::kStart) == 2);
  CHECK(patch(EntryMoment::kAlone) == 1);
}

TEST_CASE("while threads run, an entry is patched whose first instruction is all that changes") {
  const OwnCode code(kMiB, kMiB, MAP_PRIVATE, kAnswer);
  hook_original = nullptr;
  EntryPatch patch = {reinterpret_cast<void*>(code.function()), kAnswer.size(),
                      reinterpret_cast<void*>(&Hook), reinterpret_cast<void**>(&hook_original), ""};
  PatchEntries({&patch, 1}, EntryMoment::kRunning);
  CHECK(patch.refusal == "");
  hook_calls = 0;
  CHECK(code.function()(1, 2) == 42);
  CHECK(hook_calls == 1);
}

TEST_CASE("an entry is refused where its operand would be out of the trampoline's reach") {
  // lea -1 GiB(%rip), %rax; ret
  const std::vector<uint8_t> far = {0x48, 0x8d, 0x05, 0, 0, 0, 0xc0, 0xc3};
  const int executable = AnonymousExecutable();
  const OwnCode code(2049 * kMiB, 1500 * kMiB, MAP_PRIVATE, far);
  CHECK(code.Patch() == "a first instruction refers to something too far away");
  CHECK(hook_original == nullptr);
  const long expected = reinterpret_cast<long>(code.function()) + 7 - (1 << 30);
  CHECK(code.function()(1, 2) == expected);
  // What was tried is gone; there is only the code.
  CHECK(AnonymousExecutable() == executable + 1);
}

TEST_CASE("code that others share is not changed") {
  const OwnCode code(4096, 4096, MAP_SHARED, kAnswer);
  CHECK(code.Patch() == "its memory is shared with a file or another process");
  CHECK(hook_original == nullptr);
}

TEST_CASE("many at once share a page, and two names of one function are one") {
  const Symbol symbol = Find("HeronPlain1");
  const Symbol next = Find("HeronPlain2");
  const Symbol refused = Find("HeronCallFirst");
  const auto hook = reinterpret_cast<void*>(&Hook);
  void* first = nullptr;
  void* second = nullptr;
  std::vector<EntryPatch> patches = {{symbol.address, symbol.size, hook, &first, ""},
                                     {refused.address, refused.size, hook, &second, ""},
                                     {symbol.address, symbol.size, hook, &second, ""},
                                     {next.address, next.size, hook, nullptr, "stale"}};
  PatchEntries(patches);
  CHECK(patches[0].refusal == "");
  CHECK(patches[1].refusal == "the first instruction calls");
  CHECK(patches[2].refusal == "it is patched already");
  CHECK(patches[3].refusal == "");
  CHECK(first != nullptr);
  CHECK(second == nullptr);
  CHECK(reinterpret_cast<Function>(first)(1, 2) == 2);
}

TEST_CASE("a return address read by moved instructions is the hook's") {
  const Symbol symbol = Find("HeronReturnAddress");
  REQUIRE(Refusal(symbol.address, symbol.size, reinterpret_cast<void*>(&Hook),
                  reinterpret_cast<void**>(&hook_original)) == "");
  Dl_info info;
  const long address = reinterpret_cast<Function>(symbol.address)(0, 0);
  const auto hook = reinterpret_cast<long>(&Hook);
  CHECK(address > hook);
  CHECK(address < hook + 256);
  CHECK(dladdr(reinterpret_cast<void*>(address), &info) != 0);
}

TEST_CASE("calls of a function to itself are hooked too") {
  const Symbol symbol = Find("HeronFactorial");
  REQUIRE(Refusal(symbol.address, symbol.size, reinterpret_cast<void*>(&Hook),
                  reinterpret_cast<void**>(&hook_original)) == "");
  hook_calls = 0;
  CHECK(reinterpret_cast<Function>(symbol.address)(10, 0) == 3628800);
  CHECK(hook_calls == 10);
}

// ---- Stacks ----

using Callback = long (*)(long);
using CallsBack = long (*)(Callback, long);
CallsBack original_callback;
std::vector<void*> stack_in_hook;
std::vector<void*> stack_below;

std::vector<void*> Backtrace() {
  void* addresses[64];
  const int count = backtrace(addresses, 64);
  return std::vector<void*>(addresses, addresses + count);
}

std::string Names(const std::vector<void*>& stack) {
  std::string names;
  for (void* address : stack) {
    Dl_info info = {};
    dladdr(static_cast<char*>(address) - 1, &info);
    names += std::string(info.dli_sname == nullptr ? "?" : info.dli_sname) + " ";
  }
  return names;
}

}  // namespace

extern "C" {
[[gnu::noinline]] long HeronStackHook(Callback callback, long argument) {
  stack_in_hook = Backtrace();
  const long result = original_callback(callback, argument);
  return result + 10;
}
[[gnu::noinline]] long HeronBelow(long argument) {
  stack_below = Backtrace();
  if (argument < 0) throw std::out_of_range("heron");
  return argument;
}
[[gnu::noinline]] long HeronInner(CallsBack function, long argument) {
  const long result = function(&HeronBelow, argument);
  return result + 100;
}
[[gnu::noinline]] long HeronOuter(CallsBack function, long argument) {
  const long result = HeronInner(function, argument);
  return result + 1000;
}
}

namespace {

TEST_CASE("stacks lead through a patched function, and exceptions too") {
  const Symbol symbol = Find("HeronCallback");
  REQUIRE(Refusal(symbol.address, symbol.size, reinterpret_cast<void*>(&HeronStackHook),
                  reinterpret_cast<void**>(&original_callback)) == "");
  const auto function = reinterpret_cast<CallsBack>(symbol.address);
  CHECK(HeronOuter(function, 7) == 7 + 1 + 10 + 100 + 1000);
  INFO(Names(stack_in_hook) << '\n' << Names(stack_below));
  CHECK(Names(stack_in_hook).find("HeronStackHook HeronInner HeronOuter ") != std::string::npos);
  CHECK(Names(stack_below).find("HeronBelow HeronCallback HeronStackHook HeronInner HeronOuter ") !=
        std::string::npos);
  CHECK_THROWS_AS(HeronOuter(function, -1), std::out_of_range);
}

// ---- Threads ----

std::atomic<long> storm_calls;
std::atomic<Function> storm_original;

long StormHook(long a, long b) {
  storm_calls.fetch_add(1, std::memory_order_relaxed);
  return storm_original.load(std::memory_order_acquire)(a, b);
}

// Pages, each with a copy of HeronStorm, and room where the jump keeps the later bytes.
class StormPages {
 public:
  static constexpr int kCount = 40;

  StormPages() {
    const Symbol code = Find("HeronStorm");
    int32_t distance = 0;
    std::memcpy(&distance, static_cast<const uint8_t*>(code.address) + 1, sizeof(distance));
    REQUIRE(distance > int32_t{kBytes});
    size_ = static_cast<size_t>(distance) + 2 * kBytes;
    base_ = static_cast<uint8_t*>(
        mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    REQUIRE(base_ != MAP_FAILED);
    REQUIRE(mprotect(base_, kBytes, PROT_READ | PROT_WRITE) == 0);
    for (int i = 0; i < kCount; ++i) std::memcpy(at(i), code.address, code.size);
    REQUIRE(mprotect(base_, kBytes, PROT_READ | PROT_EXEC) == 0);
    const size_t begin = static_cast<size_t>(distance) / 4096 * 4096;
    REQUIRE(munmap(base_ + begin, size_ - begin) == 0);
    size_ = begin;
    code_size_ = code.size;
  }
  ~StormPages() { munmap(base_, size_); }
  StormPages(const StormPages&) = delete;
  StormPages& operator=(const StormPages&) = delete;

  uint8_t* at(int i) const { return base_ + i * 4096; }
  size_t code_size() const { return code_size_; }

 private:
  static constexpr int kBytes = kCount * 4096;
  size_t size_;
  uint8_t* base_;
  size_t code_size_;
};

// The first instruction has one byte, so a thread may well stand between two of those that are
// overwritten; the jump then keeps its later bytes as they were.
TEST_CASE("threads that call a function while it is patched never stumble") {
  const StormPages pages;
  std::atomic<Function> target = nullptr;
  std::atomic<bool> stop = false;
  std::atomic<long> wrong = 0;
  std::atomic<long> calls[3] = {};
  std::vector<std::thread> threads;
  for (auto& own_calls : calls) {
    threads.emplace_back([&] {
      for (long i = 0; !stop.load(std::memory_order_relaxed); ++i) {
        const Function function = target.load(std::memory_order_acquire);
        if (function != nullptr) {
          for (long j = 0; j < 100; ++j) wrong += function(i, j) != i + j + 3;
        }
        own_calls.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  const auto all_went_round = [&] {
    for (auto& own_calls : calls) {
      const long seen = own_calls;
      while (own_calls < seen + 2) std::this_thread::yield();
    }
  };
  for (int i = 0; i < StormPages::kCount; ++i) {
    INFO(i);
    const uint8_t* entry = pages.at(i);
    const std::vector<uint8_t> before(entry, entry + pages.code_size());
    target = reinterpret_cast<Function>(pages.at(i));
    all_went_round();
    // The hook may run before Refusal() returns.
    storm_calls = 0;
    static_assert(sizeof(storm_original) == sizeof(void*));
    CHECK(Refusal(pages.at(i), pages.code_size(), reinterpret_cast<void*>(&StormHook),
                  reinterpret_cast<void**>(&storm_original)) == "");
    all_went_round();
    CHECK(storm_calls >= 300);
    CHECK(entry[0] == 0xe9);
    CHECK(std::vector<uint8_t>(entry + 1, entry + pages.code_size()) ==
          std::vector<uint8_t>(before.begin() + 1, before.end()));
    // No call may be under way when the one original that all hooks share changes.
    target = nullptr;
    all_went_round();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

// ---- libc, in a process of its own ----

void CheckLibc(const std::string& command) {
  const Output output = Run(command);
  INFO(command << '\n' << output.text);
  CHECK(output.status == 0);
  CHECK(output.text.find("done\n") != std::string::npos);
  CHECK(output.text.find("FAILED") == std::string::npos);
  // glibc 2.36 for x86-64: all of them can be moved.
  CHECK(output.text.find("refused") == std::string::npos);
}

TEST_CASE("libc's functions are hooked however they are called") {
  CheckLibc(FDORIGIN_LIBC_ENTRIES " calls");
}

// Then the addresses that keep later bytes of an entry lie outside user space.
TEST_CASE("libc's functions are hooked without address space randomization") {
  const std::string plain = "setarch -R " FDORIGIN_LIBC_ENTRIES " calls";
  if (Run("setarch -R true").status != 0) SKIP("setarch -R is not allowed here");
  CheckLibc(plain);
}

TEST_CASE("a thread that waits in a patched function can be cancelled") {
  CheckLibc(FDORIGIN_LIBC_ENTRIES " cancel");
}

TEST_CASE("libc's functions can be patched while threads call them") {
  CheckLibc(FDORIGIN_LIBC_ENTRIES " storm");
}

}  // namespace
}  // namespace fdorigin
