// Reads memory of this process that may not be mapped, or no more: by the kernel, which says so.
//
// Who calls it: cold code and hook context, on any thread. One system call; errno may change.
#ifndef FDORIGIN_AGENT_BASE_OWN_MEMORY_H_
#define FDORIGIN_AGENT_BASE_OWN_MEMORY_H_

#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "base/hook_safe.h"

namespace fdorigin {

// False where not all of it could be read; then `to` may hold a part.
HOOK_SAFE inline bool ReadOwnMemory(uint64_t address, void* to, size_t size) {
  const iovec local = {to, size};
  const iovec remote = {reinterpret_cast<void*>(address), size};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

template <typename T>
HOOK_SAFE bool ReadOwnMemory(uint64_t address, T* value) {
  return ReadOwnMemory(address, value, sizeof(T));
}

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_OWN_MEMORY_H_
