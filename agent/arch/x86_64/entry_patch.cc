// The entry becomes `jmp rel32`, five bytes. Every rel32 leads at most 2 GiB away, and hooks may be
// anywhere, so it leads to a slot nearby:
//
//   slot + 0    jmp *2(%rip); ud2      the stub
//   slot + 8    the hook's address
//   slot + 16   the moved instructions  the trampoline, at most 4 + 15 bytes
//               jmp rel32               to the function, behind them
//
// One store changes the entry. It is atomic because the five bytes lie in one aligned 8-byte word,
// which is all that both Intel and AMD promise; functions of libraries begin at multiples of 16.
//
// The first instruction is the easy case where it has five bytes or more. If there is a boundary
// inside the five bytes, at k, some thread may have been interrupted there, and would go on in the
// middle of the jump. So the slot is put where bytes k..4 of the jump, the upper bytes of its
// distance, are the same as before: whoever stands at k finds the old instructions. That fixes the
// slot's address to within 256^(k-1) bytes. (Chamith et al., "Instruction Punning", PLDI 2017.) The
// addresses in question are mostly some hundred MiB above the library, where nothing is. Where they
// are taken or do not exist, any other slot will do while almost no other thread runs; in a JVM
// that runs already (EntryMoment::kRunning) the function is refused then. Where no other thread
// runs at all none of this is needed, and as each such slot has a page of its own, it is left out.
//
// That a core which is about to run the entry gets all of the old word or all of the new one is
// AMD's promise (volume 2, "Cross-Modifying Code"), and what HotSpot itself relies on where it puts
// a five-byte jump on the entry of a compiled method that threads run (NativeJump).
//
// An endbr64 is moved like any other instruction: the trampoline is then a valid target of indirect
// calls. The entry is one no more, which matters to nobody, as Linux does not track indirect
// branches in user mode. (Shadow stacks do not mind jumps.)
#include "arch/entry_patch.h"

#include <Zydis/Decoder.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "base/memory_map.h"

namespace fdorigin {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr size_t kJumpBytes = 5;
constexpr size_t kTrampolineOffset = 16;
constexpr size_t kMaxMovedBytes = kJumpBytes - 1 + ZYDIS_MAX_INSTRUCTION_LENGTH;
constexpr size_t kSlotBytes = 48;
static_assert(kTrampolineOffset + kMaxMovedBytes + kJumpBytes <= kSlotBytes);
constexpr uint8_t kJmpRel32 = 0xe9;
constexpr uint8_t kInt3 = 0xcc;

uint64_t AddressOf(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }
uint8_t* PointerTo(uint64_t address) { return reinterpret_cast<uint8_t*>(address); }
uint64_t PageOf(uint64_t address) { return address & ~(kPageBytes - 1); }

bool FitsInt32(int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; }

std::string SystemError(const char* call) {
  return std::string(call) + ": " + std::strerror(errno);
}

// ---- Memory for slots ---------------------------------------------------------------------------

// Where a slot may begin, both ends included.
struct Range {
  uint64_t first = 0;
  uint64_t last = 0;
};

// Pages of slots. Writable while they are filled, then executable for good: a page that threads may
// run in is not touched again.
class Arena {
 public:
  explicit Arena(MemoryMap* map) : map_(map) {}
  // Gives the pages back to which no entry leads.
  ~Arena() {
    for (const Block& block : blocks_) {
      if (!block.kept) munmap(PointerTo(block.low), block.high - block.low);
    }
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  struct Slot {
    uint64_t address = 0;
    size_t block = 0;
  };

  // Within `range`: in a page that is there, in one where the kernel likes it, or as near to
  // `function` as can be.
  std::optional<Slot> Allocate(const Range& range, uint64_t function) {
    for (size_t i = 0; i < blocks_.size(); ++i) {
      Block& block = blocks_[i];
      // Slots are aligned as far as the range leaves a choice.
      uint64_t address = std::max(block.used, range.first);
      if (range.last - address >= 15) address = (address + 15) & ~uint64_t{15};
      if (address > range.last || address + kSlotBytes > block.high) continue;
      block.used = address + kSlotBytes;
      return Slot{address, i};
    }
    if (std::optional<Slot> slot = AskForPage(range)) return slot;
    while (true) {
      size_t best = map_->Gaps().size();
      uint64_t best_address = 0;
      uint64_t best_distance = UINT64_MAX;
      for (size_t i = 0; i < map_->Gaps().size(); ++i) {
        const Gap& gap = map_->Gaps()[i];
        if (gap.high - gap.low < kSlotBytes) continue;
        const uint64_t lowest = std::max(gap.low, range.first);
        const uint64_t highest = std::min(gap.high - kSlotBytes, range.last);
        if (lowest > highest) continue;
        // The side that faces the function, at a page's start where the range leaves a choice.
        const bool below = gap.low < function;
        const uint64_t at_page = PageOf(below ? highest : lowest + kPageBytes - 1);
        uint64_t address = below ? highest : lowest;
        if (at_page >= lowest && at_page <= highest) address = at_page;
        const uint64_t distance = address < function ? function - address : address - function;
        if (distance >= best_distance) continue;
        best = i;
        best_address = address;
        best_distance = distance;
      }
      if (best == map_->Gaps().size()) return std::nullopt;
      if (Map(best, best_address)) return Slot{best_address, blocks_.size() - 1};
    }
  }

  // False where a page cannot be made executable; errno says why.
  bool MakeExecutable() {
    return std::all_of(blocks_.begin(), blocks_.end(), [](const Block& block) {
      return mprotect(PointerTo(block.low), block.high - block.low, PROT_READ | PROT_EXEC) == 0;
    });
  }

  void Keep(const Slot& slot) { blocks_[slot.block].kept = true; }

 private:
  // Where the kernel likes: as a rule next to the libraries, and then nobody needs to know what is
  // free.
  std::optional<Slot> AskForPage(const Range& range) {
    if (has_asked_ || range.last - range.first < kPageBytes) return std::nullopt;
    has_asked_ = true;
    blocks_.reserve(blocks_.size() + 1);
    void* mapped =
        mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return std::nullopt;
    const uint64_t low = AddressOf(mapped);
    if (low < range.first || low > range.last) {
      munmap(mapped, kPageBytes);
      return std::nullopt;
    }
    return Begin({low, low + kPageBytes, low + kSlotBytes, false});
  }

  struct Block {
    uint64_t low = 0;
    uint64_t high = 0;
    uint64_t used = 0;  // slots end here
    bool kept = false;
  };

  bool Map(size_t gap_index, uint64_t address) {
    Block block = {PageOf(address), PageOf(address + kSlotBytes - 1) + kPageBytes,
                   address + kSlotBytes, false};
    blocks_.reserve(blocks_.size() + 1);
    map_->Gaps().reserve(map_->Gaps().size() + 1);
    const size_t size = block.high - block.low;
    void* mapped = mmap(PointerTo(block.low), size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    const bool got_it = AddressOf(mapped) == block.low;
    // Kernels before 4.17 take the address for a wish.
    if (mapped != MAP_FAILED && !got_it) munmap(mapped, size);
    // Taken now: by us, or by somebody since the map was read.
    const Gap gap = map_->Gaps()[gap_index];
    map_->Gaps()[gap_index].high = std::max(gap.low, block.low);
    if (block.high < gap.high) map_->Gaps().push_back({block.high, gap.high});
    if (!got_it) return false;
    Begin(block);
    return true;
  }

  // With the first slot of a block that is mapped.
  Slot Begin(const Block& block) {
    std::memset(PointerTo(block.low), kInt3, block.high - block.low);
    blocks_.push_back(block);
    return {block.used - kSlotBytes, blocks_.size() - 1};
  }

  MemoryMap* map_;
  std::vector<Block> blocks_;
  bool has_asked_ = false;
};

// ---- The code -----------------------------------------------------------------------------------

struct Instruction {
  ZydisDecodedInstruction decoded;  // hundreds of bytes, all written by Code::Decode()
  size_t offset = 0;                // in the function

  size_t end() const { return offset + decoded.length; }
  // Of a jump, call or loop whose target is encoded relative to its end.
  std::optional<int64_t> Target() const {
    for (const auto& immediate : decoded.raw.imm) {
      if (immediate.size != 0 && immediate.is_relative) {
        return static_cast<int64_t>(end()) + immediate.value.s;
      }
    }
    return std::nullopt;
  }
  // An operand whose address is encoded relative to the instruction's end.
  bool IsRipRelative() const {
    return (decoded.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0 && decoded.raw.modrm.mod == 0 &&
           decoded.raw.modrm.rm == 5;
  }
};

class Code {
 public:
  Code(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {
    ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  }

  // False where there is none.
  bool Decode(size_t offset, Instruction* instruction) const {
    instruction->offset = offset;
    return offset < size_ &&
           ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder_, nullptr, bytes_ + offset,
                                                      size_ - offset, &instruction->decoded));
  }
  const uint8_t* bytes() const { return bytes_; }
  size_t size() const { return size_; }

 private:
  ZydisDecoder decoder_;
  const uint8_t* bytes_;
  size_t size_;
};

// What function prologues are made of, and does the same at any address. A list of what is known to
// be movable, not of what is not.
bool DoesTheSameAnywhere(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_ADC:
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_CDQ:
    case ZYDIS_MNEMONIC_CDQE:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_CQO:
    case ZYDIS_MNEMONIC_CWDE:
    case ZYDIS_MNEMONIC_DEC:
    case ZYDIS_MNEMONIC_ENDBR64:
    case ZYDIS_MNEMONIC_IMUL:
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_LEA:
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVAPS:
    case ZYDIS_MNEMONIC_MOVD:
    case ZYDIS_MNEMONIC_MOVDQA:
    case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_MOVQ:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
    case ZYDIS_MNEMONIC_MOVUPS:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_NEG:
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_NOT:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_PUSH:
    case ZYDIS_MNEMONIC_PXOR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_SBB:
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_XORPS:
      return true;
    default:
      return false;
  }
}

// What an instruction does that keeps it where it is; null where it can be moved.
const char* WhyNotMovable(const Instruction& instruction) {
  switch (instruction.decoded.mnemonic) {
    case ZYDIS_MNEMONIC_CALL:
      return "calls";
    case ZYDIS_MNEMONIC_JMP:
      return "jumps";
    case ZYDIS_MNEMONIC_RET:
      return "returns";
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_INT:
      return "enters the kernel";
    case ZYDIS_MNEMONIC_INT3:
      return "is a breakpoint";
    default:
      break;
  }
  if (instruction.Target()) return "jumps";
  if (!DoesTheSameAnywhere(instruction.decoded.mnemonic)) return "is of a kind that is not moved";
  if (instruction.IsRipRelative() &&
      (instruction.decoded.address_width != 64 || instruction.decoded.raw.disp.size != 32)) {
    return "is relative to itself in an unusual way";
  }
  return nullptr;
}

struct Moved {
  std::array<Instruction, kJumpBytes> instructions;  // at most one for each byte of the jump
  size_t count = 0;
  size_t size() const { return instructions[count - 1].end(); }
};

std::string ChooseInstructions(const Code& code, Moved* moved) {
  static constexpr const char* kOrdinals[] = {"first", "second", "third", "fourth", "fifth"};
  if (code.size() < kJumpBytes) {
    return "the function has only " + std::to_string(code.size()) + " bytes";
  }
  size_t offset = 0;
  while (offset < kJumpBytes) {
    const char* ordinal = kOrdinals[moved->count];
    Instruction& instruction = moved->instructions[moved->count];
    if (!code.Decode(offset, &instruction)) {
      return std::string("the ") + ordinal + " instruction is none";
    }
    if (const char* why = WhyNotMovable(instruction)) {
      if (offset == 0 && instruction.decoded.mnemonic == ZYDIS_MNEMONIC_JMP) {
        return "it begins with a jump: it is patched already, or leads elsewhere";
      }
      return std::string("the ") + ordinal + " instruction " + why;
    }
    ++moved->count;
    offset = instruction.end();
  }
  return "";
}

// Whether some of the function's bytes, wherever its instructions begin, could be one that
// LookForJumpsInto() looks for. Hardly any function has such bytes, and to decode dozens of
// functions is a good part of what patching takes.
bool MayLeadInto(const Code& code, size_t changed) {
  const uint8_t* bytes = code.bytes();
  const auto size = static_cast<int64_t>(code.size());
  const auto end_of_changed = static_cast<int64_t>(changed);
  constexpr int64_t kWideImmediate = 4;  // behind a displacement: of 0, 1, 2 or 4 bytes
  for (int64_t at = 0; at < size; ++at) {
    const uint8_t byte = bytes[at];
    if (byte == kInt3) return true;
    if (at + 1 < size) {
      const uint8_t next = bytes[at + 1];
      // jmp r/m and, of memory only, the far one; not through a fixed word
      const int reg = next >> 3 & 7;
      const bool jumps = reg == 4 || (reg == 5 && next < 0xc0);
      if (byte == 0xff && jumps && (next & 0xc7) != 5) return true;
      // jcc, jmp, loop, jrcxz rel8
      const bool is_short = (byte & 0xf0) == 0x70 || byte == 0xeb || (byte & 0xfc) == 0xe0;
      const int64_t target = at + 2 + static_cast<int8_t>(next);
      if (is_short && target > 0 && target < end_of_changed) return true;
    }
    if (at + 4 <= size) {
      // rel32, of whatever instruction, and operands relative to the instruction pointer
      int32_t distance = 0;
      std::memcpy(&distance, bytes + at, sizeof(distance));
      const int64_t target = at + 4 + distance;
      if (target > -kWideImmediate && target < end_of_changed) return true;
    }
  }
  return false;
}

// Nothing in the whole function may lead into the bytes that change.
std::string LookForJumpsInto(const Code& code, size_t changed) {
  Instruction instruction;
  for (size_t offset = 0; offset < code.size(); offset = instruction.end()) {
    const auto where = [offset] { return " at +" + std::to_string(offset); };
    if (!code.Decode(offset, &instruction)) return "the bytes" + where() + " are no instruction";
    const std::optional<int64_t> target = instruction.Target();
    if (target && *target > 0 && *target < static_cast<int64_t>(changed)) {
      return "bytes 1.." + std::to_string(changed - 1) + " are the target of a jump" + where();
    }
    if (instruction.IsRipRelative()) {
      const int64_t operand =
          static_cast<int64_t>(instruction.end()) + instruction.decoded.raw.disp.value;
      if (operand > 0 && operand < static_cast<int64_t>(changed)) {
        return "bytes 1.." + std::to_string(changed - 1) + " are referred to" + where();
      }
    }
    // A jump through one fixed word is a call of another function; any other may go through a
    // table, of which nobody knows where it leads.
    if (instruction.decoded.mnemonic == ZYDIS_MNEMONIC_JMP && !target &&
        !instruction.IsRipRelative()) {
      return "there is a jump to a computed address" + where();
    }
    if (instruction.decoded.mnemonic == ZYDIS_MNEMONIC_INT3) {
      return "there is a breakpoint" + where();
    }
  }
  return "";
}

// A jmp rel32 at `at`. The caller has checked that it reaches.
void WriteJump(uint8_t* bytes, uint64_t at, uint64_t target) {
  const auto distance = static_cast<int32_t>(target - (at + kJumpBytes));
  bytes[0] = kJmpRel32;
  std::memcpy(bytes + 1, &distance, sizeof(distance));
}

// False where something that the trampoline refers to is out of its reach.
bool WriteSlot(const Code& code, const Moved& moved, uint64_t hook, uint64_t slot) {
  const uint64_t function = AddressOf(code.bytes());
  std::array<uint8_t, kSlotBytes> bytes;
  bytes.fill(kInt3);
  static constexpr uint8_t kStub[] = {0xff, 0x25, 2, 0, 0, 0, 0x0f, 0x0b};  // jmp *2(%rip); ud2
  std::memcpy(bytes.data(), kStub, sizeof(kStub));
  std::memcpy(bytes.data() + sizeof(kStub), &hook, sizeof(hook));

  std::memcpy(bytes.data() + kTrampolineOffset, code.bytes(), moved.size());
  const uint64_t shift = slot + kTrampolineOffset - function;
  for (size_t i = 0; i < moved.count; ++i) {
    const Instruction& instruction = moved.instructions[i];
    if (!instruction.IsRipRelative()) continue;
    const int64_t rebased = instruction.decoded.raw.disp.value - static_cast<int64_t>(shift);
    if (!FitsInt32(rebased)) return false;
    const auto displacement = static_cast<int32_t>(rebased);
    std::memcpy(
        bytes.data() + kTrampolineOffset + instruction.offset + instruction.decoded.raw.disp.offset,
        &displacement, sizeof(displacement));
  }
  const size_t back = kTrampolineOffset + moved.size();
  if (!FitsInt32(static_cast<int64_t>(function + moved.size() - (slot + back + kJumpBytes)))) {
    return false;
  }
  WriteJump(bytes.data() + back, slot + back, function + moved.size());
  std::memcpy(PointerTo(slot), bytes.data(), bytes.size());
  return true;
}

Range Within(uint64_t distance, uint64_t function) {
  return {function > distance ? function - distance : 0, function + distance};
}

// Those for which the bytes of the jump from `boundary` (1..4) on are what they are now.
Range KeepingBytesFrom(size_t boundary, const uint8_t* function) {
  uint32_t fixed = 0;
  std::memcpy(&fixed, function + 1, sizeof(fixed));
  const uint32_t free_bits = static_cast<uint32_t>(8 * (boundary - 1));
  const uint32_t free_mask = (uint32_t{1} << free_bits) - 1;
  const auto distance = static_cast<int32_t>(fixed & ~free_mask);
  const uint64_t first =
      AddressOf(function) + kJumpBytes + static_cast<uint64_t>(int64_t{distance});
  return {first, first + free_mask};
}

// ---- From plan to patch -------------------------------------------------------------------------

struct Plan {
  EntryPatch* patch = nullptr;
  std::array<uint8_t, kJumpBytes> before;  // the entry as it was decoded
  Arena::Slot slot;
  Mapping mapping;  // that the entry is in
  bool done = false;

  uint64_t function() const { return AddressOf(patch->function); }
};

// Chooses the instructions, finds and fills the slot.
std::string MakePlan(MemoryMap* map, EntryMoment moment, Arena* arena, EntryPatch* patch,
                     Plan* plan) {
  const uint64_t function = AddressOf(patch->function);
  if (patch->size == 0) return "its size is not known";
  if (!map->Allows(function, function + patch->size, PROT_READ | PROT_EXEC)) {
    return "it is not in readable and executable memory";
  }
  const std::optional<Mapping> mapping = map->Find(function);
  if (mapping->shared) return "its memory is shared with a file or another process";

  const Code code(static_cast<const uint8_t*>(patch->function), patch->size);
  Moved moved;
  std::string refusal = ChooseInstructions(code, &moved);
  if (refusal.empty() && MayLeadInto(code, moved.size())) {
    refusal = LookForJumpsInto(code, moved.size());
  }
  if (!refusal.empty()) return refusal;
  if (function % 8 + kJumpBytes > 8) return "its first five bytes cannot be written at once";

  plan->patch = patch;
  std::memcpy(plan->before.data(), code.bytes(), kJumpBytes);
  plan->mapping = *mapping;

  // The last is as far as a jump reaches, but for a bit, so that the way back is possible too.
  std::array<Range, 3> ranges;
  size_t count = 0;
  const size_t boundary = moved.instructions[0].end();
  refusal = "no memory within 2 GiB";
  if (boundary < kJumpBytes && moment != EntryMoment::kAlone) {
    ranges[count++] = KeepingBytesFrom(boundary, code.bytes());
  }
  if (boundary < kJumpBytes && moment == EntryMoment::kRunning) {
    refusal = "a thread may stand behind its first instruction, and what would spare it is taken";
  } else {
    ranges[count++] = Within(uint64_t{1} << 30, function);
    ranges[count++] = Within((uint64_t{1} << 31) - kPageBytes, function);
  }
  for (size_t i = 0; i < count; ++i) {
    const std::optional<Arena::Slot> slot = arena->Allocate(ranges[i], function);
    if (!slot) continue;
    if (WriteSlot(code, moved, AddressOf(patch->hook), slot->address)) {
      plan->slot = *slot;
      return "";
    }
    refusal = "a first instruction refers to something too far away";
  }
  return refusal;
}

// ThreadSanitizer cannot watch code: it has no writable shadow memory for it.
[[gnu::no_sanitize("thread")]] void StoreCode(uint64_t* word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

// Changes one entry, whose page is writable. False where it was changed since it was decoded:
// another patch of this batch was for the same function, under another name.
bool Redirect(const Plan& plan) {
  const uint64_t function = plan.function();
  if (std::memcmp(plan.patch->function, plan.before.data(), kJumpBytes) != 0) return false;
  auto* word = reinterpret_cast<uint64_t*>(function & ~uint64_t{7});
  uint64_t after = *word;
  WriteJump(reinterpret_cast<uint8_t*>(&after) + function % 8, function, plan.slot.address);
  if (plan.patch->original != nullptr) {
    __atomic_store_n(plan.patch->original, PointerTo(plan.slot.address + kTrampolineOffset),
                     __ATOMIC_RELEASE);
  }
  StoreCode(word, after);
  return true;
}

// Those of one mapping, in order of address. It stays executable throughout, since other threads
// run in it. Other cores have seen the change when the second mprotect returns: it interrupts them.
// Nothing is allocated while it is writable. All its pages from the first to the last are made so
// at once, of which those alone are copied that are written to: a call for each would split the
// mapping in dozens, which costs more than the rest.
void RedirectMapping(std::span<Plan> plans, Arena* arena) {
  const uint64_t low = PageOf(plans.front().function());
  const size_t size = PageOf(plans.back().function()) + kPageBytes - low;
  const int protection = plans.front().mapping.protection;
  if (mprotect(PointerTo(low), size, protection | PROT_WRITE) != 0) {
    const std::string refusal = SystemError("mprotect");
    for (const Plan& plan : plans) plan.patch->refusal = refusal;
    return;
  }
  for (Plan& plan : plans) {
    plan.done = Redirect(plan);
    if (plan.done) arena->Keep(plan.slot);
  }
  // Cannot fail: it joins what the first one split.
  mprotect(PointerTo(low), size, protection);
  for (const Plan& plan : plans) {
    if (!plan.done) plan.patch->refusal = "it is patched already";
  }
}

}  // namespace

void PatchEntries(std::span<EntryPatch> patches, EntryMoment moment) {
  for (EntryPatch& patch : patches) patch.refusal.clear();
  MemoryMap map;
  if (!map.Open()) {
    const std::string refusal = SystemError("/proc/self/maps");
    for (EntryPatch& patch : patches) patch.refusal = refusal;
    return;
  }

  Arena arena(&map);
  std::vector<Plan> plans;
  plans.reserve(patches.size());
  for (EntryPatch& patch : patches) {
    Plan plan;
    patch.refusal = MakePlan(&map, moment, &arena, &patch, &plan);
    if (patch.refusal.empty()) plans.push_back(plan);
  }
  map.Close();
  if (!arena.MakeExecutable()) {
    const std::string refusal = SystemError("mprotect");
    for (const Plan& plan : plans) plan.patch->refusal = refusal;
    plans.clear();
  }

  std::stable_sort(plans.begin(), plans.end(),
                   [](const Plan& a, const Plan& b) { return a.function() < b.function(); });
  for (size_t begin = 0, end = 0; begin < plans.size(); begin = end) {
    while (end < plans.size() && plans[end].mapping.low == plans[begin].mapping.low) ++end;
    RedirectMapping(std::span(plans).subspan(begin, end - begin), &arena);
  }
}

}  // namespace fdorigin
