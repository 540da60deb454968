#include "interpose/libc_entries.h"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <iterator>
#include <map>
#include <string_view>

#include "interpose/calls.h"

namespace fdorigin {
namespace {

// An upper bound of the bytes that PatchEntries() moves.
constexpr uint64_t kMovedAtMost = 32;

struct Code {
  void* address = nullptr;
  uint64_t size = 0;
};

// What functions of kComposite reach come down to inside libc. While one of these has no hook at
// its entry, the composites are hooked in the slots as well.
constexpr std::string_view kMadeOf[] = {"open",  "openat", "__open64_nocancel", "close",
                                        "pipe2", "dup2",   "__close_nocancel",  "close_range"};

// Where libc defines the hooked functions. A name with several versions at different addresses is
// left out, unless one of them is what this library itself was bound to.
std::map<std::string_view, Code> FindFunctions(const ElfImage& libc) {
  std::map<std::string_view, Code> functions;
  for (const HookedFunction& function : HookedFunctions()) {
    if (function.reach == HookReach::kComposite) continue;
    std::vector<Code> versions;
    libc.FindExports(function.name, [&](void* address, uint64_t size) {
      versions.push_back({address, size});
    });
    for (const Code& code : versions) {
      if (versions.size() == 1 || code.address == function.bound) {
        functions[function.name] = code;
      }
    }
  }
  return functions;
}

// Where each function begins, and where the next one does that libc exports, if that is within
// kMovedAtMost bytes.
std::map<uint64_t, uint64_t> FindNeighbours(const ElfImage& libc,
                                            const std::map<std::string_view, Code>& functions) {
  std::map<uint64_t, uint64_t> next_of;
  // libc exports thousands, of which hardly any begins near one of ours: a bit for each stretch of
  // kMovedAtMost bytes (and those far away that fall on the same bit) tells them.
  constexpr uint64_t kBits = 1 << 13;
  std::bitset<kBits> near;
  const auto bit = [](uint64_t address) { return address / kMovedAtMost % kBits; };
  for (const auto& [name, code] : functions) {
    const auto start = reinterpret_cast<uint64_t>(code.address);
    next_of[start] = UINT64_MAX;
    near.set(bit(start));
    near.set(bit(start + kMovedAtMost));
  }
  libc.VisitExports([&](const char*, void* exported, uint64_t) {
    const auto address = reinterpret_cast<uint64_t>(exported);
    if (!near.test(bit(address))) return;
    const auto behind = next_of.lower_bound(address);
    if (behind == next_of.begin()) return;
    uint64_t& next = std::prev(behind)->second;
    next = std::min(next, address);
  });
  return next_of;
}

}  // namespace

LibcEntries PatchLibcEntries(const ElfImage& libc, EntryMoment moment) {
  const std::map<std::string_view, Code> functions = FindFunctions(libc);
  const std::map<uint64_t, uint64_t> next_of = FindNeighbours(libc, functions);
  std::vector<EntryPatch> patches;
  std::map<void*, size_t> patch_of;  // by address: one function may have several names
  for (const HookedFunction& function : HookedFunctions()) {
    const auto code = functions.find(function.name);
    if (code == functions.end() || patch_of.contains(code->second.address)) continue;
    // Another function that begins among the first instructions would lose its own. Behind the
    // function's end nothing is moved.
    const auto start = reinterpret_cast<uint64_t>(code->second.address);
    const uint64_t size = code->second.size == 0 ? kMovedAtMost : code->second.size;
    if (next_of.at(start) - start < std::min(kMovedAtMost, size)) continue;
    patch_of[code->second.address] = patches.size();
    EntryPatch& patch = patches.emplace_back();
    patch.function = code->second.address;
    patch.size = code->second.size;
    patch.hook = function.hook;
    // Written before the entry changes, and by nobody else.
    static_assert(sizeof(std::atomic<void*>) == sizeof(void*));
    patch.original = reinterpret_cast<void**>(&originals[static_cast<size_t>(function.call)]);
  }
  PatchEntries(patches, moment);

  LibcEntries entries;
  std::set<std::string_view> open_ways;  // names that can still be reached past every entry hook
  for (const HookedFunction& function : HookedFunctions()) {
    if (function.reach == HookReach::kComposite) continue;
    const auto code = functions.find(function.name);
    if (code == functions.end()) {
      if (function.bound != nullptr) {
        entries.refused.push_back({function.name, "libc.so.6 does not export it"});
        open_ways.insert(function.name);
      }
      continue;
    }
    const auto planned = patch_of.find(code->second.address);
    if (planned == patch_of.end()) {
      entries.refused.push_back(
          {function.name, "another function begins inside its first instructions"});
      open_ways.insert(function.name);
      continue;
    }
    const EntryPatch& patch = patches[planned->second];
    if (patch.refusal.empty()) {
      // A second name's own hook is not reached any more, but for slots that were patched already.
      originals[static_cast<size_t>(function.call)].store(*patch.original,
                                                          std::memory_order_release);
      entries.patched.emplace_back(function.name);
      entries.covered.insert(function.call);
    } else {
      entries.refused.push_back({function.name, patch.refusal});
      open_ways.insert(function.name);
    }
  }
  const bool composites_are_seen =
      std::none_of(std::begin(kMadeOf), std::end(kMadeOf),
                   [&](std::string_view name) { return open_ways.contains(name); });
  for (const HookedFunction& function : HookedFunctions()) {
    if (function.reach == HookReach::kComposite && composites_are_seen) {
      entries.covered.insert(function.call);
    }
  }
  return entries;
}

}  // namespace fdorigin
