// The typed ids that layers hand to each other. 0 always means "none".
//
// Include rule: agent/base/ includes nothing of ours.
#ifndef FDORIGIN_AGENT_BASE_IDS_H_
#define FDORIGIN_AGENT_BASE_IDS_H_

#include <cstdint>

namespace fdorigin {

// A distinct stack in the StackStore.
enum class StackId : uint32_t { kNone = 0 };

// One load of an ELF image, in the ImageTable. A library that is unloaded and loaded again gets a
// new id, so a frame recorded under an id never changes its meaning.
enum class ImageId : uint16_t { kNone = 0 };

// An interned string, in the StringStore.
enum class StringId : uint32_t { kNone = 0 };

// An entry of the list of hooked calls (interpose/calls.h).
enum class CallId : uint8_t { kNone = 0 };

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_IDS_H_
