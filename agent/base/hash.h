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

// The place of probe number `probe`, from 0 on, in a table whose size is a power of two, `mask`
// + 1. The first two probes are among its first `near` places, which is a power of two as well: as
// long as there are few entries they share few pages, and all others stay untouched. The next
// probes are that far apart: the first places fill up, and who comes upon them must get past them.
inline uint32_t ProbePlace(uint64_t hash, uint32_t probe, uint32_t mask, uint32_t near) {
  const auto start = static_cast<uint32_t>(hash);
  if (probe < 2) return (start + probe) & std::min(mask, near - 1);
  return (start + probe * (near + 1)) & mask;
}

// Of an index of 4-byte words: near is what two pages hold.
inline uint32_t IndexPlace(uint64_t hash, uint32_t probe, uint32_t mask) {
  return ProbePlace(hash, probe, mask, 2048);
}

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_HASH_H_
