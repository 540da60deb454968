// Where HotSpot's frames keep what a walk needs, on x86-64 with the System V ABI. Slots are words
// from the frame pointer.
//
// Source: JDK 11, 17, 21 and 25 to 28, cpu/x86/frame_x86.hpp (the enums of frame) and
// frame_x86.inline.hpp (sender_for_compiled_frame, sender_for_interpreter_frame);
// cpu/x86/stubGenerator_x86_64.cpp (the call stub); the serviceability agent's
// runtime/x86/X86Frame.java says the same. The slots of interpreter frames are the same in all of
// them; since 21 that of the locals holds an index, which is not read here. The tables have two of
// these numbers, which vm_structs.cc compares.
#ifndef FDORIGIN_AGENT_ARCH_X86_64_HOTSPOT_FRAMES_H_
#define FDORIGIN_AGENT_ARCH_X86_64_HOTSPOT_FRAMES_H_

#include <cstdint>

namespace fdorigin {

inline constexpr uint64_t kWord = 8;

// Every frame that keeps a frame pointer: the caller's is at it, the return address above, and
// above that the caller's stack begins.
inline constexpr int kLinkSlot = 0;
inline constexpr int kReturnSlot = 1;
inline constexpr int kSenderSpSlot = 2;

// Interpreter frames. The caller's stack pointer as it was before an adapter moved arguments: what
// the caller's own frame size counts from.
inline constexpr int kInterpreterSenderSpSlot = -1;
inline constexpr int kInterpreterMethodSlot = -3;
inline constexpr int kInterpreterBcpSlot = -8;
// The lowest slot of the fixed part.
inline constexpr int kInterpreterLowestSlot = -9;

// Entry frames, which the call stub makes: the JavaCallWrapper*.
inline constexpr int kEntryWrapperSlot = -6;

// Compiled code and stubs: the frame size covers the return address, which is its highest word, and
// below that the caller's frame pointer is saved.
inline constexpr int kCompiledReturnSlot = -1;  // from the caller's stack pointer
inline constexpr int kCompiledLinkSlot = -2;

// An anchor without a pc: the call left it right below the stack pointer.
inline constexpr int kAnchorPcSlot = -1;  // from the anchor's stack pointer

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_ARCH_X86_64_HOTSPOT_FRAMES_H_
