// The boundary between the VM and our C++: no exception crosses it.
#ifndef FDORIGIN_AGENT_JVM_GUARDED_H_
#define FDORIGIN_AGENT_JVM_GUARDED_H_

#include "base/raw_output.h"

namespace fdorigin {

// Runs what a callback of the VM does. What may be thrown is std::bad_alloc; the host goes on
// without what was to be done.
template <typename Work>
void Guarded(Work work) noexcept {
  try {
    work();
  } catch (...) {
    PrintLine("out of memory; something was not recorded or reported");
  }
}

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_GUARDED_H_
