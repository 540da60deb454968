#include "jvm/signal_trigger.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

#include "base/hook_safe.h"
#include "interpose/recorder.h"

namespace fdorigin {
namespace {

constinit TriggerThread* trigger_thread = nullptr;
constinit struct sigaction previous = {};
// The VM suspends threads by this signal (HotSpot: SR_signum), by pthread_kill. It must get those,
// and none from outside, for which it is not made.
constinit bool is_the_vms = false;

// HotSpot's choice, unless this variable names another (signals_posix.cpp).
int SuspendSignal() {
  const char* text = getenv("_JAVA_SR_SIGNUM");
  return text == nullptr ? SIGUSR2 : atoi(text);
}

HOOK_SAFE bool IsSentByTheVm(const siginfo_t* info) {
  return is_the_vms && info->si_code == SI_TKILL && info->si_pid == getpid();
}

HOOK_SAFE void HandOn(int signal, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    if (previous.sa_sigaction != nullptr) previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
}

HOOK_SAFE void Handle(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const bool sent_by_the_vm = IsSentByTheVm(info);
  if (!sent_by_the_vm && Recorder::InRecordingProcess()) {
    trigger_thread->Ask(TriggerThread::Kind::kSignal);
  }
  errno = saved;
  if (sent_by_the_vm || !is_the_vms) HandOn(signal, info, context);
}

}  // namespace

bool InstallSignalTrigger(int signal, TriggerThread* thread) {
  trigger_thread = thread;
  if (sigaction(signal, nullptr, &previous) != 0) return false;
  is_the_vms = signal == SuspendSignal() && (previous.sa_flags & SA_SIGINFO) != 0;
  // As the one before has it, whose flags and mask are part of what it relies on.
  struct sigaction own = previous;
  own.sa_sigaction = &Handle;
  own.sa_flags |= SA_SIGINFO | SA_RESTART;
  own.sa_flags &= ~SA_RESETHAND;
  if (!is_the_vms) own.sa_flags |= SA_ONSTACK;
  return sigaction(signal, &own, nullptr) == 0;
}

}  // namespace fdorigin
