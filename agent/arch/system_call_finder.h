// Whether machine code makes system calls by itself, past libc and so past every hook.
//
// Who calls it: the patcher, cold, for a report that has to say what could have been missed.
#ifndef FDORIGIN_AGENT_ARCH_SYSTEM_CALL_FINDER_H_
#define FDORIGIN_AGENT_ARCH_SYSTEM_CALL_FINDER_H_

#include <cstdint>
#include <span>

namespace fdorigin {

// `code` is an executable segment. Where an instruction begins is not known; bytes that merely look
// like a system call, inside another instruction, are passed over.
bool HasSystemCall(std::span<const uint8_t> code);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_ARCH_SYSTEM_CALL_FINDER_H_
