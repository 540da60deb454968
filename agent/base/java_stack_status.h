#ifndef FDORIGIN_AGENT_BASE_JAVA_STACK_STATUS_H_
#define FDORIGIN_AGENT_BASE_JAVA_STACK_STATUS_H_

#include <cstdint>

namespace fdorigin {

// Why a recorded call has the Java frames it has, or none (the report's origin.javaStack).
enum class JavaStackStatus : uint8_t {
  kComplete = 0,        // every Java frame of the thread
  kTruncated = 1,       // `depth` frames: the innermost, and the outermost where they are known
  kNotAJavaThread = 2,  // the thread has no Java frames: "none"
  kBeforeVmInit = 3,    // JVMTI answers WRONG_PHASE
  kAfterVmDeath = 4,
  kNotInNative = 5,      // JavaThread::_thread_state is not _thread_in_native
  kCallerInsideJvm = 6,  // libjvm itself called, and may hold its own locks
  kNoVmStructs = 7,      // the VM's tables could not be read, so the state is unknown
  kWalkRefused = 8,      // both walkers answered with an error
  kOnSignalStack = 9,    // the call was made on an alternate signal stack
  kMustNotWait = 10,     // only a walk that may wait would do, and the caller may hold locks
  kNotAsked = 11,        // stacks are not recorded for this kind of descriptor (kinds=sockets)
  kFrozen = 12,          // the innermost frames; a virtual thread's others were in the Java heap
  kStopped = 13,         // the innermost frames; what was behind them looked like none
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_JAVA_STACK_STATUS_H_
