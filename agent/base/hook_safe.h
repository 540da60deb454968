// Markers for the two worlds of the agent (docs/hook-context.md).
//
// A function marked HOOK_SAFE may run in hook context: on any thread, in a signal handler, on the
// VM thread at a safepoint, with any lock of the host held. It uses no heap, no stdio, no lock that
// a stopped thread may hold, and neither JNI nor JVMTI beyond the one gated stack walk. The marker
// expands to nothing; it exists to be grepped and to be read.
#ifndef FDORIGIN_AGENT_BASE_HOOK_SAFE_H_
#define FDORIGIN_AGENT_BASE_HOOK_SAFE_H_

#include <cerrno>

#define HOOK_SAFE

namespace fdorigin {

// Restores errno to its value at construction. For cold scopes; hooks do the same by hand, since
// they keep no object with a destructor across the original call (forced unwinding aborts there).
class ErrnoKeeper {
 public:
  ErrnoKeeper() : saved_(errno) {}
  ~ErrnoKeeper() { errno = saved_; }
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;

 private:
  int saved_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_HOOK_SAFE_H_
