// The hash of the agent's tables, and where in a table to look for it. Not seeded: the keys are
// addresses and names of this process.
#ifndef FDORIGIN_AGENT_BASE_HASH_H_
#define FDORIGIN_AGENT_BASE_HASH_H_

#include <algorithm>
#include <cstdint>

namespace fdorigin {

// Mixes `value` into `seed`; multiply and fold, as wyhash does.
inline uint64_t MixHash(uint64_t seed, uint64_t value) {
  const __uint128_t product =
      static_cast<__uint128_t>(seed ^ 0x9e3779b97f4a7c15u) * (value ^ 0xd1b54a32d192ed03u);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// The bytes of a table with which a table of few entries gets by.
constexpr uint32_t kNearBytes = 4 * 4096;

// The place of probe number `probe`, from 0 on, in a table whose size is a power of two, `mask`
// + 1. The first two probes are among the first places, `near` of them, a power of two as well:
// those in its first kNearBytes. Each further one is among sixteen times as many as the one before.
// As long as there are few entries they share few pages, and all others stay untouched.
inline uint32_t ProbePlace(uint64_t hash, uint32_t probe, uint32_t mask, uint32_t near) {
  constexpr uint32_t kMostDoublings = 32;
  const uint32_t doublings = probe < 2 ? 0 : std::min(4 * (probe - 1), kMostDoublings);
  const uint64_t places = uint64_t{near} << doublings;
  const auto start = static_cast<uint32_t>(hash);
  // Who meets another one's first place does not meet its next ones. Odd: it comes by every place.
  const uint32_t step = (start * 0x9e3779b1u) >> 15 | 1;
  return (start + probe * step) & mask & static_cast<uint32_t>(places - 1);
}

// Of an index of 4-byte words.
inline uint32_t IndexPlace(uint64_t hash, uint32_t probe, uint32_t mask) {
  return ProbePlace(hash, probe, mask, kNearBytes / sizeof(uint32_t));
}

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_HASH_H_
