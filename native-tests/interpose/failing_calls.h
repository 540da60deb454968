// Calls that fail, each in its own way: one of every hooked call that can, several of those that
// fail for several reasons.
//
// Used by errno_test.cc twice, in a process with hooks and in one without. Nothing here asks which
// of the two it is in, so that both make the same calls.
#ifndef FDORIGIN_NATIVE_TESTS_INTERPOSE_FAILING_CALLS_H_
#define FDORIGIN_NATIVE_TESTS_INTERPOSE_FAILING_CALLS_H_

#include <functional>
#include <string>
#include <vector>

#include "fixtures/calls.h"

namespace fdorigin {

// How one call ended.
struct Answer {
  std::string name;  // of the call
  std::string how;   // it was made to fail
  long result = 0;
  int error = 0;

  friend bool operator==(const Answer&, const Answer&) = default;
};

// By what the calls are made.
struct Callers {
  // The functions of fixtures/calls.c by their names.
  std::function<heron_function(const std::string& name)> find;
  // That of fixtures/system_calls.c.
  long (*system_call)(long number, const long* arguments) = nullptr;
  // Runs each call once. What it does before and after happens in the call's own circumstances.
  std::function<void(const std::function<void()>& call)> around;
};

// On the calling thread and on others.
std::vector<Answer> MakeFailingCalls(const Callers& callers);

// The system calls that begin a process.
extern const std::vector<long> kStartsProcess;

// Runs `body` on a thread of its own, on which these system calls fail with `error`.
void OnThreadWithout(const std::vector<long>& system_calls, int error,
                     const std::function<void()>& body);

}  // namespace fdorigin

#endif  // FDORIGIN_NATIVE_TESTS_INTERPOSE_FAILING_CALLS_H_
