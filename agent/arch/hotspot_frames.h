// Where HotSpot's frames keep what a walk needs, for the processor that the build is for.
#ifndef FDORIGIN_AGENT_ARCH_HOTSPOT_FRAMES_H_
#define FDORIGIN_AGENT_ARCH_HOTSPOT_FRAMES_H_

#if defined(__x86_64__)
#include "arch/x86_64/hotspot_frames.h"
#endif

#endif  // FDORIGIN_AGENT_ARCH_HOTSPOT_FRAMES_H_
