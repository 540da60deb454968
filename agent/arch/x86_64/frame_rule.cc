// System V ABI for x86-64: the frame pointer is rbp, the return address is at CFA - 8.
#include "arch/frame_rule.h"

#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "arch/x86_64/eh_frame.h"

namespace fdorigin {
namespace {

// A rule is learnt by letting libunwind make one step from registers that no program has: the
// stack pointer and the frame pointer are far apart, and every word of memory near them reads as
// its own address plus kTag. Where the step ends therefore says how it got there: which register
// the CFA is based on, at what offset, and from which word each value was loaded.
//
// The accessor says so; but libunwind evaluates DWARF expressions (the CFA of a realigned stack is
// one) without asking it: it loads from the address itself. So the registers point into a mapping
// of our own, which reads as zero and is never touched otherwise. A step with a real stack gives
// libunwind the same place for every register whose value is not known.
constexpr uint64_t kFakeReach = uint64_t{2} << 20;
constexpr uint64_t kFakeSp = 1 * kFakeReach;  // offsets into the mapping, each in the middle
constexpr uint64_t kFakeFp = 3 * kFakeReach;  // of a range of its own
constexpr uint64_t kUnknown = 5 * kFakeReach;
constexpr uint64_t kFakeBytes = 6 * kFakeReach;
constexpr uint64_t kTag = uint64_t{1} << 62;

constinit uint64_t fake_memory = 0;  // set by PrepareUnwinding()

constexpr int32_t kMaxCfaOffset = (1 << 19) - 1;
constexpr int32_t kMaxFpOffset = (1 << 17) - 1;
constexpr uint64_t kMaxFrameBytes = 16u << 20;
constexpr uint64_t kPage = 4096;

// What the memory accessor is told through libunwind's argument. The context comes first, because
// libunwind hands on its address.
struct StepContext {
  ucontext_t registers;
  StackProbe* probe;  // null while a rule is learnt
};

bool IsNear(uint64_t address, uint64_t fake) {
  return address - (fake_memory + fake - kFakeReach) < 2 * kFakeReach;
}

// libunwind passes the context's address with its own "validate" flag in bit 0.
int AccessMemory(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write, void* arg) {
  auto* context = reinterpret_cast<StepContext*>(reinterpret_cast<uintptr_t>(arg) & ~uintptr_t{1});
  const uint64_t own = reinterpret_cast<uint64_t>(&context->registers);
  const bool own_register = address - own <= sizeof(ucontext_t) - 8;
  if (write) {
    if (!own_register) return -UNW_EINVAL;
    std::memcpy(reinterpret_cast<void*>(address), value, 8);
    return 0;
  }
  if (own_register) {
    std::memcpy(value, reinterpret_cast<const void*>(address), 8);
    return 0;
  }
  if (context->probe == nullptr) {
    if (!IsNear(address, kFakeSp) && !IsNear(address, kFakeFp)) return -UNW_EINVAL;
    *value = address + kTag;
    return 0;
  }
  if (!context->probe->Readable(address)) return -UNW_EINVAL;
  std::memcpy(value, reinterpret_cast<const void*>(address), 8);
  return 0;
}

// libunwind is prepared when it is first needed, which in many processes is never. False while
// another thread is at it, for which nobody waits.
bool CanAskLibunwind() {
  enum : int { kUntouched, kBusy, kReady };
  static constinit std::atomic<int> state{kUntouched};
  int found = state.load(std::memory_order_acquire);
  if (found != kUntouched || !state.compare_exchange_strong(found, kBusy)) return found == kReady;
  unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_NONE);
  unw_get_accessors(unw_local_addr_space)->access_mem = &AccessMemory;
  state.store(kReady, std::memory_order_release);
  return true;
}

enum class StepResult { kMoved, kEnd, kFailed };

// One step of libunwind from `from`. kEnd where the stack ends, or the code has no unwind
// information.
StepResult Step(StepContext* context, const WalkRegisters& from, WalkRegisters* to) {
  if (!CanAskLibunwind()) return StepResult::kFailed;
  std::memset(&context->registers, 0, sizeof(context->registers));
  greg_t* registers = context->registers.uc_mcontext.gregs;
  for (int i = REG_R8; i <= REG_RCX; ++i) {
    registers[i] = static_cast<greg_t>(fake_memory + kUnknown);
  }
  registers[REG_RIP] = static_cast<greg_t>(from.pc);
  registers[REG_RSP] = static_cast<greg_t>(from.sp);
  registers[REG_RBP] = static_cast<greg_t>(from.fp);
  unw_cursor_t cursor;
  if (unw_init_local2(&cursor, &context->registers, from.interrupted ? UNW_INIT_SIGNAL_FRAME : 0) <
      0) {
    return StepResult::kFailed;
  }
  const int moved = unw_step(&cursor);
  if (moved < 0) return StepResult::kFailed;
  unw_word_t pc = 0;
  unw_word_t sp = 0;
  unw_word_t fp = 0;
  if (moved == 0 || unw_get_reg(&cursor, UNW_X86_64_RIP, &pc) < 0 ||
      unw_get_reg(&cursor, UNW_X86_64_RSP, &sp) < 0 ||
      unw_get_reg(&cursor, UNW_X86_64_RBP, &fp) < 0 || pc == 0) {
    return StepResult::kEnd;
  }
  *to = {pc, sp, fp, false};
  return StepResult::kMoved;
}

// __restore_rt, the code a signal handler returns to: mov $15,%rax; syscall.
bool IsSignalReturn(uint64_t pc) {
  constexpr uint8_t kCode[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
  StackProbe probe;
  return probe.Readable(pc) && probe.Readable(pc + 8) &&
         std::memcmp(reinterpret_cast<const void*>(pc), kCode, sizeof(kCode)) == 0;
}

}  // namespace

uint64_t FrameRule::Pack() const {
  return static_cast<uint64_t>(kind) | static_cast<uint64_t>(cfa_from_fp) << 3 |
         static_cast<uint64_t>(fp_saved) << 4 | static_cast<uint64_t>(cfa_offset) << 5 |
         static_cast<uint64_t>(fp_offset + kMaxFpOffset) << 25;
}

FrameRule FrameRule::Unpack(uint64_t bits) {
  FrameRule rule;
  rule.kind = static_cast<FrameRuleKind>(bits & 7);
  rule.cfa_from_fp = bits >> 3 & 1;
  rule.fp_saved = bits >> 4 & 1;
  rule.cfa_offset = static_cast<int32_t>(bits >> 5 & 0xfffff);
  rule.fp_offset = static_cast<int32_t>(bits >> 25 & 0x7ffff) - kMaxFpOffset;
  return rule;
}

void PrepareUnwinding() {
  if (fake_memory == 0) {
    void* memory =
        mmap(nullptr, kFakeBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) fake_memory = reinterpret_cast<uint64_t>(memory);
  }
}

FrameRule LearnFrameRule(uint64_t pc, bool interrupted) {
  FrameRule rule;
  if (ReadFrameRule(pc, interrupted, &rule)) return rule;
  if (IsSignalReturn(pc)) {
    rule.kind = FrameRuleKind::kSignal;
    return rule;
  }
  rule.kind = FrameRuleKind::kEnd;
  if (fake_memory == 0) return rule;
  const uint64_t fake_sp = fake_memory + kFakeSp;
  const uint64_t fake_fp = fake_memory + kFakeFp;
  StepContext context;
  context.probe = nullptr;
  WalkRegisters to;
  const StepResult result = Step(&context, {pc, fake_sp, fake_fp, interrupted}, &to);
  if (result == StepResult::kEnd) return rule;

  // A step that only fails with registers like these asks for more than they can tell.
  rule.kind = FrameRuleKind::kComplex;
  if (result == StepResult::kFailed) return rule;
  rule.cfa_from_fp = IsNear(to.sp, kFakeFp);
  if (!rule.cfa_from_fp && !IsNear(to.sp, kFakeSp)) return rule;
  const uint64_t cfa_offset = to.sp - (rule.cfa_from_fp ? fake_fp : fake_sp);
  if (cfa_offset > kMaxCfaOffset || to.pc != to.sp - 8 + kTag) return rule;
  rule.cfa_offset = static_cast<int32_t>(cfa_offset);
  if (to.fp != fake_fp) {
    const int64_t fp_offset = static_cast<int64_t>(to.fp - kTag - to.sp);
    if (fp_offset > kMaxFpOffset || fp_offset < -kMaxFpOffset) return rule;
    rule.fp_saved = true;
    rule.fp_offset = static_cast<int32_t>(fp_offset);
  }
  rule.kind = FrameRuleKind::kStandard;
  return rule;
}

bool StackProbe::Readable(uint64_t address) {
  if (address < kPage || address > (uint64_t{1} << 47) - 8) return false;
  if (address >= readable_low && address + 8 <= readable_high) return true;
  const int saved = errno;
  // The kernel copies the 8 bytes before it looks at `how`: EFAULT where they cannot be read,
  // EINVAL where they can, and nothing changes either way.
  const bool readable =
      syscall(SYS_rt_sigprocmask, ~0L, address, nullptr, size_t{8}) == -1 && errno == EINVAL;
  errno = saved;
  if (!readable) return false;
  const uint64_t page = address & ~(kPage - 1);
  if (page == readable_high) {
    readable_high = page + kPage;
  } else {
    readable_low = page;
    readable_high = page + kPage;
  }
  return address + 8 <= readable_high || Readable(address + 7);
}

bool ApplyFrameRule(const FrameRule& rule, StackProbe* probe, WalkRegisters* registers) {
  const uint64_t old_sp = registers->sp;
  switch (rule.kind) {
    case FrameRuleKind::kStandard: {
      const uint64_t cfa = (rule.cfa_from_fp ? registers->fp : registers->sp) +
                           static_cast<uint64_t>(rule.cfa_offset);
      if (cfa <= old_sp || cfa - old_sp > kMaxFrameBytes || !probe->Readable(cfa - 8)) return false;
      if (rule.fp_saved) {
        const uint64_t at = cfa + static_cast<uint64_t>(static_cast<int64_t>(rule.fp_offset));
        if (!probe->Readable(at)) return false;
        registers->fp = *reinterpret_cast<const uint64_t*>(at);
      }
      registers->pc = *reinterpret_cast<const uint64_t*>(cfa - 8);
      registers->sp = cfa;
      registers->interrupted = false;
      return registers->pc != 0;
    }
    case FrameRuleKind::kSignal: {
      // The handler returned into __restore_rt, so sp is at the kernel's ucontext.
      const uint64_t gregs =
          old_sp + offsetof(ucontext_t, uc_mcontext) + offsetof(mcontext_t, gregs);
      const auto load = [&](int greg, uint64_t* value) {
        const uint64_t at = gregs + static_cast<uint64_t>(greg) * sizeof(greg_t);
        if (!probe->Readable(at)) return false;
        *value = *reinterpret_cast<const uint64_t*>(at);
        return true;
      };
      WalkRegisters saved;
      saved.interrupted = true;
      if (!load(REG_RIP, &saved.pc) || !load(REG_RSP, &saved.sp) || !load(REG_RBP, &saved.fp)) {
        return false;
      }
      *registers = saved;
      return registers->pc != 0;
    }
    case FrameRuleKind::kComplex: {
      StepContext context;
      context.probe = probe;
      WalkRegisters to;
      WalkRegisters from = *registers;
      // A frame pointer that is used as another register leads anywhere.
      if (!probe->Readable(from.fp) || !probe->Readable(from.fp - kPage)) {
        from.fp = fake_memory + kUnknown;
      }
      if (Step(&context, from, &to) != StepResult::kMoved) return false;
      if (to.fp == fake_memory + kUnknown) to.fp = registers->fp;
      if (to.sp <= old_sp || to.sp - old_sp > kMaxFrameBytes) return false;
      *registers = to;
      return true;
    }
    case FrameRuleKind::kUnknown:
    case FrameRuleKind::kEnd:
      return false;
  }
  return false;
}

WalkRegisters RegistersOfCaller(const void* frame_address) {
  const auto* frame = static_cast<const uint64_t*>(frame_address);
  return {frame[1], reinterpret_cast<uint64_t>(frame + 2), frame[0], false};
}

}  // namespace fdorigin
