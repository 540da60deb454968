// A program that is run to see what it says.
//
// Who uses it: the checks of `doctor`.
#ifndef FDORIGIN_CLI_DOCTOR_CHILD_H_
#define FDORIGIN_CLI_DOCTOR_CHILD_H_

#include <chrono>
#include <string>
#include <vector>

namespace fdorigin {

struct ChildResult {
  int error = 0;           // errno where it could not be started
  bool timed_out = false;  // it was killed, and whatever it had started
  int status = 0;          // its exit status; 128 and the signal's number where one killed it
  std::string output;      // of both its outputs, the first 4 MiB

  bool succeeded() const { return error == 0 && !timed_out && status == 0; }
};

// `words`: its path (one with a slash, or one of PATH) and arguments. It runs with no input, and
// without JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS and _JAVA_OPTIONS: what is found out is of the
// program, not of the shell. An interruption of the command ends the wait, too.
ChildResult RunChild(const std::vector<std::string>& words, std::chrono::milliseconds patience);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_DOCTOR_CHILD_H_
