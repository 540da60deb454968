// The relocation types of x86-64 that put the address of a function into a word of memory.
// Source: System V ABI, AMD64 supplement, "Relocation Types".
#ifndef FDORIGIN_AGENT_ARCH_X86_64_RELOCATIONS_H_
#define FDORIGIN_AGENT_ARCH_X86_64_RELOCATIONS_H_

#include <elf.h>

namespace fdorigin {

inline constexpr uint32_t kRelocationJumpSlot = R_X86_64_JUMP_SLOT;  // called through the PLT
inline constexpr uint32_t kRelocationGlobDat = R_X86_64_GLOB_DAT;    // called through the GOT
inline constexpr uint32_t kRelocationPointer = R_X86_64_64;          // a table of pointers

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_ARCH_X86_64_RELOCATIONS_H_
