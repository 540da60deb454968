#include "interpose/recorder.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

constinit thread_local int FdoriginVforkDepth = 0;
constinit bool FdoriginAskForPid = false;

namespace fdorigin {
namespace {

constinit FdTable* table = nullptr;
constinit StackRecorder* stacks = nullptr;
constinit StringStore* strings = nullptr;
constinit std::atomic<bool> sockets_only{false};
// The process that records; 0 while none does.
constinit std::atomic<int> recording_pid{0};
// Whether this process records: a word in a page that the kernel gives to a child of fork as zeros
// (MADV_WIPEONFORK, Linux 4.14). That child has a copy of the table that nobody reads. A child of
// vfork has the table itself, and leaves it alone too: FdoriginVforkDepth. Asking for the pid would
// tell both, at the price of a system call for every event.
constinit std::atomic<const bool*> alive{nullptr};
constinit std::atomic<void (*)()> tell_of_exhaustion{nullptr};

// Gives the page its mark; after a restore, too, which may have lost it.
void MarkPage() {
  const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  auto* page = const_cast<bool*>(alive.load(std::memory_order_relaxed));
  if (page == nullptr) {
    void* fresh = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return;  // nothing is recorded then
    page = static_cast<bool*>(fresh);
  }
  if (madvise(page, size, MADV_WIPEONFORK) != 0) FdoriginAskForPid = true;
  *page = true;
  alive.store(page, std::memory_order_release);
}

// False in a child, and before Install().
HOOK_SAFE bool InThisProcess() {
  const bool* page = alive.load(std::memory_order_acquire);
  if (page == nullptr || !*page || FdoriginVforkDepth != 0) return false;
  return !FdoriginAskForPid || getpid() == recording_pid.load(std::memory_order_relaxed);
}

// Never given back: any thread may be reading.
struct EarlyThreads {
  std::vector<Recorder::EarlyThread> threads;
};
constinit std::atomic<EarlyThreads*> early_threads{nullptr};
// Every Java thread has told its name, or is among the early ones.
constinit std::atomic<bool> java_threads_known{false};

struct ThreadState {
  bool busy;  // a hook of this thread records, or its stack is walked
  bool named;
  bool not_early;  // it is not among the early threads
  ThreadKind kind;
  int in_loader;
  int own_work;
  int pid;  // the process in which `tid` was asked
  int tid;
  StringId name;                          // of `text`; kNone until the thread records
  char text[Recorder::kThreadNameBytes];  // a Java thread's name, when it started
};
constinit thread_local ThreadState thread_state = {};

// Enters recording of an event of `fd` on this thread; false where it must not.
HOOK_SAFE bool Enter(int fd) {
  if (thread_state.own_work != 0 || !InThisProcess()) return false;
  if (thread_state.busy) {
    // A signal handler that interrupted a hook. What is known of the number is true no more.
    table->MarkLost(fd);
    return false;
  }
  thread_state.busy = true;
  return true;
}

HOOK_SAFE void Leave() { thread_state.busy = false; }

// Null where this thread came later, or is none of Java's.
HOOK_SAFE Recorder::EarlyThread* FindEarlyThread(int tid) {
  EarlyThreads* early = early_threads.load(std::memory_order_acquire);
  if (early == nullptr) return nullptr;
  for (Recorder::EarlyThread& thread : early->threads) {
    if (thread.tid.load(std::memory_order_relaxed) == tid) return &thread;
  }
  return nullptr;
}

HOOK_SAFE void IdentifyThread() {
  const int pid = recording_pid.load(std::memory_order_relaxed);
  if (thread_state.pid != pid) {
    thread_state.pid = pid;
    thread_state.tid = static_cast<int>(syscall(SYS_gettid));
  }
  if (!thread_state.named && !thread_state.not_early &&
      early_threads.load(std::memory_order_relaxed) != nullptr) {
    const Recorder::EarlyThread* early = FindEarlyThread(thread_state.tid);
    thread_state.not_early = early == nullptr;
    if (early != nullptr) Recorder::NameJavaThread(early->name);
  }
  if (thread_state.named) {
    if (thread_state.name == StringId::kNone) {
      thread_state.name = strings->Intern(thread_state.text);
    }
    return;
  }
  char name[17] = {};
  prctl(PR_GET_NAME, name);
  thread_state.name = strings->Intern(name);
}

HOOK_SAFE bool WantsStack(const struct stat& status) {
  return !sockets_only.load(std::memory_order_relaxed) || S_ISSOCK(status.st_mode);
}

// After IdentifyThread().
HOOK_SAFE bool MayBeJava() {
  return thread_state.named || !java_threads_known.load(std::memory_order_acquire);
}

HOOK_SAFE bool HasJavaFrames(JavaStackStatus status) {
  return status == JavaStackStatus::kComplete || status == JavaStackStatus::kTruncated ||
         status == JavaStackStatus::kFrozen || status == JavaStackStatus::kStopped;
}

HOOK_SAFE CallRecord MakeRecord(CallId call, const void* frame, const CallArguments& arguments,
                                bool with_stack) {
  CallRecord record;
  std::memset(static_cast<void*>(&record), 0, sizeof(record));
  record.call = call;
  record.from_fd = arguments.from_fd;
  std::memcpy(record.arguments, arguments.values, sizeof(record.arguments));
  if (arguments.address != nullptr && arguments.address_size > 0) {
    const size_t size = arguments.address_size;
    std::memcpy(record.address, arguments.address, std::min(size, sizeof(record.address)));
    record.address_size = static_cast<uint8_t>(std::min(size, size_t{UINT8_MAX}));
  }
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  record.at_ns = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  IdentifyThread();
  record.tid = thread_state.tid;
  record.thread_name = thread_state.name;
  record.thread_kind = thread_state.kind;
  record.java_stack = JavaStackStatus::kNotAsked;
  if (with_stack) {
    const RecordedStack stack =
        stacks->Record(RegistersOfCaller(frame), MayBeJava(), thread_state.in_loader == 0);
    record.stack = stack.id;
    record.java_stack = stack.java_stack;
    if (stack.virtual_thread) {
      record.thread_kind = ThreadKind::kVirtual;
      record.thread_name = strings->Intern(stack.virtual_name);
    } else if (thread_state.kind == ThreadKind::kNative && HasJavaFrames(stack.java_stack)) {
      record.thread_kind = ThreadKind::kJava;  // started before VMInit, when no event tells
    } else if (thread_state.kind == ThreadKind::kNative && stack.through_jvm) {
      record.thread_kind = ThreadKind::kVm;
    }
    if (stack.id == StackId::kNone) table->CountDropped();
  }
  return record;
}

// Of the call that made a descriptor, which `status` is about.
HOOK_SAFE CallRecord MakeOrigin(CallId call, const void* frame, const CallArguments& arguments,
                                const struct stat& status) {
  CallRecord record = MakeRecord(call, frame, arguments, WantsStack(status));
  record.file_type = (status.st_mode & S_IFMT) >> 12 & 0xf;
  return record;
}

HOOK_SAFE bool Identify(int fd, struct stat* status, FdIdentity* identity) {
  if (fstat(fd, status) != 0) return false;
  *identity = {status->st_dev, status->st_ino};
  return true;
}

}  // namespace

void Recorder::Install(FdTable* fd_table, StackRecorder* stack_recorder, StringStore* string_store,
                       bool only_sockets) {
  table = fd_table;
  stacks = stack_recorder;
  strings = string_store;
  SetSocketsOnly(only_sockets);
  recording_pid.store(getpid(), std::memory_order_relaxed);
  MarkPage();
}

void Recorder::SetSocketsOnly(bool only) { sockets_only.store(only, std::memory_order_relaxed); }

void Recorder::PidChanged() {
  if (recording_pid.load(std::memory_order_relaxed) == 0) return;
  recording_pid.store(getpid(), std::memory_order_relaxed);
  MarkPage();
}

bool Recorder::InRecordingProcess() { return InThisProcess(); }

void Recorder::NameJavaThread(std::string_view name) {
  const size_t length = std::min(name.size(), sizeof(thread_state.text) - 1);
  std::memcpy(thread_state.text, name.data(), length);
  thread_state.text[length] = '\0';
  thread_state.name = StringId::kNone;
  thread_state.kind = ThreadKind::kJava;
  thread_state.named = true;
}

void Recorder::ForgetThread() {
  thread_state.named = false;
  thread_state.kind = ThreadKind::kNative;
  if (early_threads.load(std::memory_order_relaxed) == nullptr || thread_state.not_early) return;
  thread_state.not_early = true;
  // Its number may soon be another thread's.
  EarlyThread* early = FindEarlyThread(static_cast<int>(syscall(SYS_gettid)));
  if (early != nullptr) early->tid.store(0, std::memory_order_relaxed);
}

void Recorder::EarlyThread::SetName(std::string_view text) {
  const size_t length = std::min(text.size(), sizeof(name) - 1);
  std::memcpy(name, text.data(), length);
  name[length] = '\0';
}

void Recorder::SetEarlyThreads(std::vector<EarlyThread> threads, bool are_all) {
  early_threads.store(new EarlyThreads{std::move(threads)}, std::memory_order_release);
  java_threads_known.store(are_all, std::memory_order_release);
}

void Recorder::ForgetEarlyThread(int index) {
  EarlyThreads* early = early_threads.load(std::memory_order_relaxed);
  early->threads[static_cast<size_t>(index)].tid.store(0, std::memory_order_relaxed);
}

void Recorder::TellOfExhaustion(void (*tell)()) {
  tell_of_exhaustion.store(tell, std::memory_order_release);
}

void Recorder::CopyThreadName(char (&name)[kThreadNameBytes]) {
  std::memcpy(name, thread_state.text, sizeof(name));
  if (thread_state.named) return;
  name[0] = '\0';
  prctl(PR_GET_NAME, name);
}

void Recorder::BeginOwnWork() { ++thread_state.own_work; }
void Recorder::EndOwnWork() { --thread_state.own_work; }

void Recorder::EnterLoader() { ++thread_state.in_loader; }
void Recorder::LeaveLoader() { --thread_state.in_loader; }
bool Recorder::InLoader() {
  return thread_state.in_loader > 0 ||
         (stacks != nullptr && stacks->IsUnderLoader(RegistersOfCaller(FDORIGIN_HOOK_FRAME())));
}

// Every function below is entered after the original call (but Closing and Replacing, which come
// before it) and keeps errno, so that the host sees what the original left.

void Recorder::Opened(CallId call, const void* frame, int fd, const CallArguments& arguments) {
  const int saved = errno;
  if (Enter(fd)) {
    struct stat status;
    FdIdentity identity;
    if (Identify(fd, &status, &identity)) {
      table->RecordOpen(fd, identity, MakeOrigin(call, frame, arguments, status));
    }
    Leave();
  }
  errno = saved;
}

void Recorder::OpenFailed() {
  const int saved = errno;
  if (saved != EMFILE && saved != ENFILE) return;
  void (*tell)() = tell_of_exhaustion.load(std::memory_order_acquire);
  if (tell == nullptr || thread_state.own_work != 0 || !InThisProcess()) return;
  tell();
  errno = saved;
}

void Recorder::Happened(CallId call, const void* frame, int fd, const CallArguments& arguments) {
  const int saved = errno;
  if (Enter(fd)) {
    table->RecordHistory(fd, MakeRecord(call, frame, arguments, true));
    Leave();
  }
  errno = saved;
}

void Recorder::Received(CallId call, const void* frame, int socket, const msghdr* message) {
  const int saved = errno;
  auto* headers = const_cast<msghdr*>(message);  // CMSG_NXTHDR's signature; nothing is written
  for (cmsghdr* control = CMSG_FIRSTHDR(headers); control != nullptr;
       control = CMSG_NXTHDR(headers, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    // Where the buffer was too small (MSG_CTRUNC) the kernel has installed those that fit, and the
    // header's length says how many.
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(fd));
      CallArguments kept;
      kept.values[0] = socket;
      kept.from_fd = socket;
      Opened(call, frame, fd, kept);
    }
  }
  errno = saved;
}

void Recorder::ClosingRange(unsigned first, unsigned last) {
  const int saved = errno;
  if (Enter(-1)) {
    table->RecordCloseRange(first, last);
    Leave();
  }
  errno = saved;
}

void Recorder::Closing(int fd) {
  const int saved = errno;
  if (Enter(fd)) {
    table->RecordClose(fd);
    Leave();
  }
  errno = saved;
}

FdTable::Replacement Recorder::Replacing(int fd) {
  const int saved = errno;
  FdTable::Replacement taken;
  if (Enter(fd)) {
    taken = table->BeginReplace(fd);
    Leave();
  }
  errno = saved;
  return taken;
}

void Recorder::Replaced(CallId call, const void* frame, int fd, const FdTable::Replacement& taken,
                        const CallArguments& arguments) {
  const int saved = errno;
  if (!taken.valid) {
    if (Enter(fd)) {
      table->MarkLost(fd);
      Leave();
    }
  } else if (Enter(fd)) {
    struct stat status;
    FdIdentity identity;
    if (Identify(fd, &status, &identity)) {
      table->FinishReplace(fd, taken, identity, MakeOrigin(call, frame, arguments, status));
    } else {
      table->CancelReplace(fd, taken);
    }
    Leave();
  }
  errno = saved;
}

void Recorder::NotReplaced(int fd, const FdTable::Replacement& taken) {
  if (!taken.valid) return;
  const int saved = errno;
  if (Enter(fd)) {
    table->CancelReplace(fd, taken);
    Leave();
  }
  errno = saved;
}

}  // namespace fdorigin
