// The agent's own thread, which writes the reports that are asked for where nobody can: in a hook
// whose call has failed for want of numbers, and in a signal handler.
//
// A Java thread of the VM's system group, called "fdorigin", a daemon, started at VMInit and only
// where one of these triggers is wanted. Until somebody asks it is parked on a futex in native
// state, where no safepoint waits for it.
#ifndef FDORIGIN_AGENT_JVM_TRIGGER_THREAD_H_
#define FDORIGIN_AGENT_JVM_TRIGGER_THREAD_H_

#include <jvmti.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "base/hook_safe.h"
#include "interpose/recorder.h"
#include "jvm/reporter.h"

namespace fdorigin {

class TriggerThread {
 public:
  enum class Kind : uint8_t { kEmfile, kSignal };

  TriggerThread(jvmtiEnv* jvmti, Reporter* reporter) : jvmti_(jvmti), reporter_(reporter) {}

  // When the VM can be asked, once or more often. A failure is one line on stderr; then nothing may
  // be asked.
  bool Start(JNIEnv* jni);

  // Has a report written, soon. In hook context and in signal handlers. kEmfile is heard once in
  // the life of the process; kSignal not again before the report that was asked for has been begun.
  // kEmfile waits, but for 100 ms at most, until the descriptors have been listed: the caller's
  // next step may be to close what it has hoarded. The bound is what keeps this from a deadlock
  // with a caller that holds malloc's lock.
  HOOK_SAFE void Ask(Kind kind);

  // On VMDeath: waits for reports that were asked for, since the process ends next, but not for
  // ever: they may need a lock that the thread which ends the VM holds.
  void Finish();

 private:
  enum class State : uint32_t { kIdle, kBeingFilled, kAsked, kDone };
  struct Request {
    std::atomic<State> state{State::kIdle};
    char thread[Recorder::kThreadNameBytes] = {};  // in which it happened
  };

  void Run(JNIEnv* jni);
  HOOK_SAFE void AwaitListing();
  bool Serve(JNIEnv* jni, Kind kind);

  jvmtiEnv* jvmti_;
  Reporter* reporter_;
  std::array<Request, 2> requests_;  // by Kind
  bool started_ = false;
  std::atomic<int> tid_{0};  // of the thread itself
  // Futexes. The first is raised by each request, the last by each that has been served, the second
  // when the descriptors have been listed for kEmfile.
  std::atomic<uint32_t> asked_{0};
  std::atomic<uint32_t> listed_{0};
  std::atomic<uint32_t> served_{0};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_TRIGGER_THREAD_H_
