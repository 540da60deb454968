// What a hook does besides calling the original: note the call in the table, with its stack.
//
// Include rule: agent/interpose/ includes base, arch, and the recording interface of stack and
// fdtable. It never sees report.
// Who calls it: hooks, in hook context, on any thread. Before Install() and in a forked child every
// function returns at once, and the hook is nothing but its original.
#ifndef FDORIGIN_AGENT_INTERPOSE_RECORDER_H_
#define FDORIGIN_AGENT_INTERPOSE_RECORDER_H_

#include <sys/socket.h>

#include <atomic>
#include <string_view>
#include <vector>

#include "base/hook_safe.h"
#include "base/string_store.h"
#include "fdtable/fd_table.h"
#include "stack/stack_recorder.h"

// How many children borrow this thread, its stack and its thread-local storage (vfork,
// posix_spawn): while there are any, it is a child that runs here. Also written by
// arch/<processor>/vfork_stub.S.
extern "C" constinit thread_local int FdoriginVforkDepth;
// There may be children that share our memory in ways that leave no such mark: the pid is asked at
// every event. Never unset.
extern "C" bool FdoriginAskForPid;

namespace fdorigin {

// The frame address of the hook: from it the caller's registers are found.
#define FDORIGIN_HOOK_FRAME() __builtin_frame_address(0)

// The arguments of a call as they are kept.
struct CallArguments {
  int32_t values[kMaxArguments] = {};
  const sockaddr* address = nullptr;
  socklen_t address_size = 0;
  int from_fd = -1;
};

class Recorder {
 public:
  static constexpr size_t kThreadNameBytes = 64;

  // What the hooks write to. All outlive the process.
  static void Install(FdTable* table, StackRecorder* stacks, StringStore* strings,
                      bool sockets_only);
  // kinds=sockets. At any time.
  static void SetSocketsOnly(bool only);
  // The process has another pid than at Install(): it was restored, not forked.
  static void PidChanged();

  // False in a forked child, and before Install().
  HOOK_SAFE static bool InRecordingProcess();

  // The current thread is a Java thread of this name.
  static void NameJavaThread(std::string_view name);
  // The current thread is a Java thread no more.
  static void ForgetThread();

  // A Java thread that was there before the agent, which names itself by this when it records.
  struct EarlyThread {
    std::atomic<int> tid{0};  // 0 for none: it is not known, or has ended
    char name[kThreadNameBytes] = {};

    void SetName(std::string_view text);
  };
  // Once. Whoever ends after that forgets itself; the others are for ForgetEarlyThread().
  // `are_all`: a thread that is not among them and that NameJavaThread() has not named is no Java
  // thread.
  static void SetEarlyThreads(std::vector<EarlyThread> threads, bool are_all);
  static void ForgetEarlyThread(int index);
  // What is called, in hook context, when a call that makes descriptors has failed for want of
  // numbers (EMFILE, ENFILE). Not for the agent's own work.
  static void TellOfExhaustion(void (*tell)());

  // Of the current thread, with a zero at the end: a Java thread's when it started, else the
  // kernel's.
  HOOK_SAFE static void CopyThreadName(char (&name)[kThreadNameBytes]);

  // Between the two, what this thread does to descriptors is the agent's own work, and not noted.
  static void BeginOwnWork();
  static void EndOwnWork();

  // Marks the current thread as inside dlopen: stacks are walked without waiting.
  HOOK_SAFE static void EnterLoader();
  HOOK_SAFE static void LeaveLoader();
  HOOK_SAFE static bool InLoader();

  HOOK_SAFE static void Opened(CallId call, const void* frame, int fd,
                               const CallArguments& arguments);
  // The original of a call that makes descriptors has failed, with `errno`.
  HOOK_SAFE static void OpenFailed();
  // By what the call returned: a descriptor, or a negative number.
  HOOK_SAFE static void OpenedOrFailed(CallId call, const void* frame, int fd,
                                       const CallArguments& arguments) {
    if (fd >= 0) {
      Opened(call, frame, fd, arguments);
    } else {
      OpenFailed();
    }
  }
  HOOK_SAFE static void Happened(CallId call, const void* frame, int fd,
                                 const CallArguments& arguments);
  HOOK_SAFE static void Closing(int fd);
  HOOK_SAFE static void ClosingRange(unsigned first, unsigned last);
  // `message` was received on `socket` and has control data.
  HOOK_SAFE static void Received(CallId call, const void* frame, int socket, const msghdr* message);
  HOOK_SAFE static FdTable::Replacement Replacing(int fd);
  HOOK_SAFE static void Replaced(CallId call, const void* frame, int fd,
                                 const FdTable::Replacement& taken, const CallArguments& arguments);
  HOOK_SAFE static void NotReplaced(int fd, const FdTable::Replacement& taken);
};

// What this thread does to descriptors while one of these lives is the agent's own work.
class OwnWork {
 public:
  OwnWork() { Recorder::BeginOwnWork(); }
  ~OwnWork() { Recorder::EndOwnWork(); }
  OwnWork(const OwnWork&) = delete;
  OwnWork& operator=(const OwnWork&) = delete;
};

// Inside OwnWork: the application's code runs again, and is noted.
class HostWork {
 public:
  HostWork() { Recorder::EndOwnWork(); }
  ~HostWork() { Recorder::BeginOwnWork(); }
  HostWork(const HostWork&) = delete;
  HostWork& operator=(const HostWork&) = delete;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_RECORDER_H_
