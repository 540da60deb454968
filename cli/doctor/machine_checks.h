// What of the agent works on this machine, whichever JVM it is.
//
// Who uses it: `doctor`.
#ifndef FDORIGIN_CLI_DOCTOR_MACHINE_CHECKS_H_
#define FDORIGIN_CLI_DOCTOR_MACHINE_CHECKS_H_

#include <cstdint>
#include <string>

#include "doctor/finding.h"

namespace fdorigin {

// The kernel's rules for reading other processes' memory, for `dump --force`. `scope`: what
// /proc/sys/kernel/yama/ptrace_scope says; -1 where there is none.
Finding CheckTracing(int scope, bool may_trace_all, bool is_root);

// Numbers of descriptors that a process may have.
Finding CheckNumbers(uint64_t soft, uint64_t hard);

// `java_home`: may have a criu of its own; empty: unknown. `is_needed`: whether the JVM would use
// one. Runs `criu check`.
void CheckCriu(const std::string& java_home, bool is_needed, Findings* findings);

void CheckMachine(Findings* findings);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_DOCTOR_MACHINE_CHECKS_H_
