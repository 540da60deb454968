// The hash of the agent's tables. Not seeded: the keys are addresses and names of this process.
#ifndef FDORIGIN_AGENT_BASE_HASH_H_
#define FDORIGIN_AGENT_BASE_HASH_H_

#include <cstdint>

namespace fdorigin {

// Mixes `value` into `seed`; multiply and fold, as wyhash does.
inline uint64_t MixHash(uint64_t seed, uint64_t value) {
  const __uint128_t product =
      static_cast<__uint128_t>(seed ^ 0x9e3779b97f4a7c15u) * (value ^ 0xd1b54a32d192ed03u);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_HASH_H_
