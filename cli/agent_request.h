// A request to the agent in a running JVM, from the path of its library to its reply.
//
// Who uses it: the verbs attach and dump; and doctor, which asks for the library only.
#ifndef FDORIGIN_CLI_AGENT_REQUEST_H_
#define FDORIGIN_CLI_AGENT_REQUEST_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reply_file.h"
#include "target_process.h"

namespace fdorigin {

// libfdorigin.so, where `cmake --install` and the build put it, seen from the command; empty where
// it is not there.
std::string LibraryBesideCommand();

// The agent's library for `target`, as the target names it: the one that it has loaded, also if its
// file is gone, else `wished`, else the one that lies beside this command. An error where the
// target could not open it, with what to do.
absl::StatusOr<std::string> ChooseLibrary(const TargetProcess& target, const std::string& wished);

// Has `target` load `library` with `options` and a place for the reply.
absl::StatusOr<Reply> AskAgent(const TargetProcess& target, const std::string& library,
                               const std::string& options, std::chrono::milliseconds patience);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_AGENT_REQUEST_H_
