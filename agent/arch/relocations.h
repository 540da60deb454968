// The relocation types of the processor that the build is for.
#ifndef FDORIGIN_AGENT_ARCH_RELOCATIONS_H_
#define FDORIGIN_AGENT_ARCH_RELOCATIONS_H_

#if defined(__x86_64__)
#include "arch/x86_64/relocations.h"
#endif

#endif  // FDORIGIN_AGENT_ARCH_RELOCATIONS_H_
