// What a frame is, once it is stored: 16 bytes that stay true after the code they name is gone.
//
// Include rule: agent/stack/ includes base only. Everyone may read these types.
#ifndef FDORIGIN_AGENT_STACK_FRAME_H_
#define FDORIGIN_AGENT_STACK_FRAME_H_

#include <cstdint>

#include "base/ids.h"

namespace fdorigin {

enum class FrameKind : uint8_t {
  kNone = 0,
  kNative = 1,
  kJava = 2,    // as JVMTI names methods
  kMethod = 3,  // Java too, as the MethodStore does
  kNamed = 4,   // Java too, named when it was walked (jvmti_names.h)
};

struct Frame {
  // Native: the address inside the image, that is, the ELF virtual address of the *return address*
  // (of the instruction itself for the frame a signal interrupted). Java: the jmethodID, the
  // MethodId, or the StringId of its names.
  uint64_t value;
  // Java: the bytecode index, -1 in a native method. Native: 0.
  int32_t bci;
  ImageId image;  // native only
  FrameKind kind;
  // 1 where frames between this one and the next are left out, because they could not be proven.
  uint8_t gap;

  bool operator==(const Frame&) const = default;
};
static_assert(sizeof(Frame) == 16, "Frame is part of the region's layout");

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_FRAME_H_
