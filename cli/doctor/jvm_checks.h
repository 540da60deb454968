// What of the agent works in a JVM: found out by starting it with the agent.
//
// Who uses it: `doctor`.
#ifndef FDORIGIN_CLI_DOCTOR_JVM_CHECKS_H_
#define FDORIGIN_CLI_DOCTOR_JVM_CHECKS_H_

#include <string>

#include "doctor/finding.h"
#include "doctor/java.h"

namespace fdorigin {

struct JvmQuery {
  const Java* java;
  std::string agent;  // libfdorigin.so
  // Whether -XX:+DisableAttachMechanism is in a variable that every JVM reads.
  bool environment_disables_attach = false;
};

// Starts the JVM once or twice, for a second or so each.
void CheckJvm(const JvmQuery& query, Findings* findings);

// The same for what a report of the trial says; for tests.
void CheckCoverage(const std::string& report, Findings* findings);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_DOCTOR_JVM_CHECKS_H_
