// The hooked system calls that not every architecture has, of the processor that the build is for.
#ifndef FDORIGIN_AGENT_ARCH_SYSTEM_CALLS_H_
#define FDORIGIN_AGENT_ARCH_SYSTEM_CALLS_H_

#if defined(__x86_64__)
#include "arch/x86_64/system_calls.h"
#endif

#endif  // FDORIGIN_AGENT_ARCH_SYSTEM_CALLS_H_
