// The signal of the option `signal`, which asks the agent's thread for a report.
//
// Who calls it: Install() the VMInit event, once. The handler runs on any thread, inside anything,
// malloc included: it marks and wakes, and hands the signal on to the handler that was there
// before.
#ifndef FDORIGIN_AGENT_JVM_SIGNAL_TRIGGER_H_
#define FDORIGIN_AGENT_JVM_SIGNAL_TRIGGER_H_

#include "jvm/trigger_thread.h"

namespace fdorigin {

// False where the kernel refuses.
bool InstallSignalTrigger(int signal, TriggerThread* thread);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_SIGNAL_TRIGGER_H_
