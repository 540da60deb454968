#include "interruption.h"

#include <signal.h>

#include <csignal>
#include <initializer_list>

namespace fdorigin {
namespace {

volatile std::sig_atomic_t interruption = 0;

}  // namespace

void NoteInterruptions() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action = {};
    if (sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = [](int which) { interruption = which; };
    sigaction(number, &action, nullptr);
  }
}

bool IsInterrupted() { return interruption != 0; }

void DieIfInterrupted() {
  if (interruption == 0) return;
  signal(interruption, SIG_DFL);
  raise(interruption);
}

}  // namespace fdorigin
