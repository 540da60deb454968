// Has a HotSpot JVM load an agent, by the JVM's own attach mechanism and without a JDK.
//
// The protocol (HotSpot's attachListener_posix.cpp, the same since JDK 6): a file .attach_pidN in
// the JVM's working directory or its /tmp, then SIGQUIT; the JVM finds the file and listens at
// /tmp/.java_pidN instead of printing its threads. N is its number in its own pid namespace. A
// request is the version "1", a command and three arguments, each ended by a zero byte. The answer
// is a number, a line end and text. The JVM talks to its own user and group only.
//
// Who uses it: the verbs attach and dump. The JVM keeps listening, as after jcmd; the file is gone
// when Load() returns, whatever happened, and a request that was sent is carried out even if nobody
// waits for its answer.
#ifndef FDORIGIN_CLI_JVM_ATTACH_H_
#define FDORIGIN_CLI_JVM_ATTACH_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "target_process.h"

namespace fdorigin {

class JvmAttach {
 public:
  // `target` outlives it. All waiting together takes `patience` at most.
  JvmAttach(const TargetProcess* target, std::chrono::milliseconds patience);

  // `library` as the target names it. OK where the JVM has loaded it and run its Agent_OnAttach,
  // and that has answered JNI_OK.
  absl::Status Load(const std::string& library, const std::string& options);

 private:
  absl::Status Connect();
  absl::Status TryConnect();
  absl::Status Send(const std::string& request);
  absl::Status Receive(std::string* answer);
  // Waits until the connection is ready for `events`.
  absl::Status Wait(short events, const char* for_what);
  // An error where it is in vain to wait any longer.
  absl::Status CheckPatience(const char* for_what);

  const TargetProcess* target_;
  const std::chrono::steady_clock::time_point deadline_;
  const std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point running_at_;  // when the target was last seen not stopped
  OwnedFd socket_folder_;
  OwnedFd connection_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_JVM_ATTACH_H_
