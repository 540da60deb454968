// The kinds of hooks: what a call does to descriptors decides what is noted, and when.
//
// A hook calls its original exactly once and returns what it returned, with the errno it left. It
// is not noexcept and keeps no object with a destructor across the original: accept, connect, close
// and open are cancellation points, and pthread_cancel unwinds through this frame by force.
// Each hook keeps a frame pointer, by which the caller's registers are found.
// Where the original has failed, the recorder is told of it, for one may fail for want of numbers.
//
// A kind is a template over the call's id and the type of its original, without noexcept. Its Hook
// has that type, or, for a variadic original, the one that callers use.
#ifndef FDORIGIN_AGENT_INTERPOSE_HOOK_KINDS_H_
#define FDORIGIN_AGENT_INTERPOSE_HOOK_KINDS_H_

#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "interpose/calls.h"
#include "interpose/recorder.h"

namespace fdorigin {

// Inlined into whatever wraps it (AsSystemCall below), whose frame is the hook's then.
#define HOOK_BODY [[gnu::always_inline]]

// The original of `call`, of type `F`.
template <typename F>
HOOK_SAFE F Original(CallId call) {
  return reinterpret_cast<F>(originals[static_cast<size_t>(call)].load(std::memory_order_relaxed));
}

// Numbers are kept as they are; pointers are not the report's business.
template <typename T>
int32_t KeptArgument(T argument) {
  if constexpr (std::is_pointer_v<T>) {
    return 0;
  } else {
    return static_cast<int32_t>(argument);
  }
}

template <typename... A>
CallArguments KeepArguments(A... arguments) {
  CallArguments kept;
  int at = 0;
  ((at < kMaxArguments ? void(kept.values[at++] = KeptArgument(arguments)) : void()), ...);
  return kept;
}

// Returns a new descriptor: socket, epoll_create1, memfd_create.
template <CallId kCall, typename F>
struct MakesOne;
template <CallId kCall, typename... A>
struct MakesOne<kCall, int (*)(A...)> {
  HOOK_BODY static int Hook(A... arguments) {
    const int fd = Original<int (*)(A...)>(kCall)(arguments...);
    Recorder::OpenedOrFailed(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(arguments...));
    return fd;
  }
};

// Returns a new descriptor made from its first argument: dup, accept, accept4.
template <CallId kCall, typename F>
struct MakesOneFrom;
template <CallId kCall, typename... A>
struct MakesOneFrom<kCall, int (*)(int, A...)> {
  HOOK_BODY static int Hook(int from, A... arguments) {
    const int fd = Original<int (*)(int, A...)>(kCall)(from, arguments...);
    if (fd >= 0) {
      CallArguments kept = KeepArguments(from, arguments...);
      kept.from_fd = from;
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fd, kept);
    } else {
      Recorder::OpenFailed();
    }
    return fd;
  }
};

// open and openat: the mode is there only where the flags say so.
template <CallId kCall, typename F>
struct Opens {
  HOOK_BODY static int Hook(const char* path, int flags, mode_t mode) {
    // A caller that passed no mode left something in its register; the original does not look at
    // it without O_CREAT or O_TMPFILE, and neither does the record.
    const int fd = Original<F>(kCall)(path, flags, mode);
    Recorder::OpenedOrFailed(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(flags));
    return fd;
  }
};
template <CallId kCall, typename F>
struct OpensAt {
  HOOK_BODY static int Hook(int directory, const char* path, int flags, mode_t mode) {
    const int fd = Original<F>(kCall)(directory, path, flags, mode);
    Recorder::OpenedOrFailed(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(directory, flags));
    return fd;
  }
};

// What open() and openat() become under _FORTIFY_SOURCE.
template <CallId kCall, typename F>
struct OpensChecked {
  HOOK_BODY static int Hook(const char* path, int flags) {
    const int fd = Original<F>(kCall)(path, flags);
    Recorder::OpenedOrFailed(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(flags));
    return fd;
  }
};
template <CallId kCall, typename F>
struct OpensAtChecked {
  HOOK_BODY static int Hook(int directory, const char* path, int flags) {
    const int fd = Original<F>(kCall)(directory, path, flags);
    Recorder::OpenedOrFailed(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(directory, flags));
    return fd;
  }
};

// Writes two new descriptors to its last argument: socketpair, pipe, pipe2.
template <CallId kCall, typename F>
struct MakesPair;
template <CallId kCall>
struct MakesPair<kCall, int (*)(int*)> {
  HOOK_BODY static int Hook(int* pair) {
    const int result = Original<int (*)(int*)>(kCall)(pair);
    if (result == 0) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[0], {});
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[1], {});
    } else {
      Recorder::OpenFailed();
    }
    return result;
  }
};
template <CallId kCall>
struct MakesPair<kCall, int (*)(int*, int)> {
  HOOK_BODY static int Hook(int* pair, int flags) {
    const int result = Original<int (*)(int*, int)>(kCall)(pair, flags);
    if (result == 0) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[0], KeepArguments(flags));
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[1], KeepArguments(flags));
    } else {
      Recorder::OpenFailed();
    }
    return result;
  }
};
template <CallId kCall>
struct MakesPair<kCall, int (*)(int, int, int, int*)> {
  HOOK_BODY static int Hook(int domain, int type, int protocol, int* pair) {
    const int result = Original<int (*)(int, int, int, int*)>(kCall)(domain, type, protocol, pair);
    if (result == 0) {
      const CallArguments kept = KeepArguments(domain, type, protocol);
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[0], kept);
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[1], kept);
    } else {
      Recorder::OpenFailed();
    }
    return result;
  }
};

// bind and connect: a step in the life of a socket.
template <CallId kCall, typename F>
HOOK_SAFE inline void Addressed(const void* frame, int fd, const sockaddr* address,
                                socklen_t size) {
  CallArguments kept = KeepArguments(fd);
  kept.address = address;
  kept.address_size = size;
  Recorder::Happened(kCall, frame, fd, kept);
}
template <CallId kCall, typename F>
struct Binds {
  HOOK_BODY static int Hook(int fd, const sockaddr* address, socklen_t size) {
    const int result = Original<F>(kCall)(fd, address, size);
    if (result == 0) Addressed<kCall, F>(FDORIGIN_HOOK_FRAME(), fd, address, size);
    return result;
  }
};

// A connect in progress counts, and one that was interrupted: it goes on (connect(2)), but for unix
// sockets.
template <CallId kCall, typename F>
struct Connects {
  HOOK_BODY static int Hook(int fd, const sockaddr* address, socklen_t size) {
    const int result = Original<F>(kCall)(fd, address, size);
    if (result == 0 || errno == EINPROGRESS || (errno == EINTR && address->sa_family != AF_UNIX)) {
      Addressed<kCall, F>(FDORIGIN_HOOK_FRAME(), fd, address, size);
    }
    return result;
  }
};

template <CallId kCall, typename F>
struct Listens {
  HOOK_BODY static int Hook(int fd, int backlog) {
    const int result = Original<F>(kCall)(fd, backlog);
    if (result == 0) {
      Recorder::Happened(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(fd, backlog));
    }
    return result;
  }
};

// Gives a number back. Noted first: once the original has run, the number may be another's.
template <CallId kCall, typename F>
struct Closes {
  HOOK_BODY static int Hook(int fd) {
    Recorder::Closing(fd);
    return Original<F>(kCall)(fd);
  }
};

// close_range. With CLOSE_RANGE_CLOEXEC nothing is closed yet; with CLOSE_RANGE_UNSHARE the thread
// leaves the table that the process shares, which nobody does in a JVM.
template <CallId kCall, typename F>
struct ClosesRange {
  HOOK_BODY static int Hook(unsigned first, unsigned last, int flags) {
    if (flags == 0) Recorder::ClosingRange(first, last);
    return Original<F>(kCall)(first, last, flags);
  }
};
template <CallId kCall, typename F>
struct ClosesFrom {
  HOOK_BODY static void Hook(int first) {
    Recorder::ClosingRange(first < 0 ? 0u : static_cast<unsigned>(first), ~0u);
    Original<F>(kCall)(first);
  }
};

// What these open they close by an instruction of their own, which no hook sees (glibc:
// sysdeps/unix/sysv/linux/ifaddrs.c): so it is not noted at all. It is open for as long as they
// run.
template <CallId kCall, typename F>
struct ClosesUnseen;
template <CallId kCall, typename R, typename... A>
struct ClosesUnseen<kCall, R (*)(A...)> {
  HOOK_BODY static R Hook(A... arguments) {
    Recorder::BeginOwnWork();
    const R result = Original<R (*)(A...)>(kCall)(arguments...);
    Recorder::EndOwnWork();
    if constexpr (std::is_pointer_v<R>) {
      if (result == nullptr) Recorder::OpenFailed();
    } else {
      if (result < 0) Recorder::OpenFailed();
    }
    return result;
  }
};

// dup2, dup3: ends what `to` was and begins a copy of `from`, in one step.
template <CallId kCall, typename F>
struct Replaces;
template <CallId kCall, typename... Flags>
struct Replaces<kCall, int (*)(int, int, Flags...)> {
  HOOK_BODY static int Hook(int from, int to, Flags... flags) {
    const auto original = Original<int (*)(int, int, Flags...)>(kCall);
    if (from == to) return original(from, to, flags...);
    const FdTable::Replacement taken = Recorder::Replacing(to);
    const int result = original(from, to, flags...);
    if (result >= 0) {
      CallArguments kept = KeepArguments(from, to, flags...);
      kept.from_fd = from;
      Recorder::Replaced(kCall, FDORIGIN_HOOK_FRAME(), to, taken, kept);
    } else {
      Recorder::NotReplaced(to, taken);
    }
    return result;
  }
};

template <CallId kCall, typename F>
struct Fcntl {
  HOOK_BODY static int Hook(int fd, int command, long argument) {
    const int result = Original<F>(kCall)(fd, command, argument);
    if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC)) {
      // These commands take an int; what is above it in the register is nobody's.
      CallArguments kept = KeepArguments(fd, command, static_cast<int>(argument));
      kept.from_fd = fd;
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), result, kept);
    } else if (result < 0) {
      Recorder::OpenFailed();
    }
    return result;
  }
};

// signalfd makes a descriptor only where it is given none.
template <CallId kCall, typename F>
struct MakesSignalFd;
template <CallId kCall, typename... A>
struct MakesSignalFd<kCall, int (*)(int, A...)> {
  HOOK_BODY static int Hook(int fd, A... arguments) {
    const int result = Original<int (*)(int, A...)>(kCall)(fd, arguments...);
    if (result >= 0 && fd == -1) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), result, KeepArguments(fd, arguments...));
    } else if (result < 0) {
      Recorder::OpenFailed();
    }
    return result;
  }
};

// recvmsg and recvmmsg: descriptors arrive in SCM_RIGHTS messages.
template <CallId kCall, typename F>
struct Receives {
  HOOK_BODY static ssize_t Hook(int fd, msghdr* message, int flags) {
    const ssize_t result = Original<F>(kCall)(fd, message, flags);
    if (result >= 0 && message->msg_controllen != 0) {
      Recorder::Received(kCall, FDORIGIN_HOOK_FRAME(), fd, message);
    }
    return result;
  }
};
template <CallId kCall, typename F>
struct ReceivesMany {
  HOOK_BODY static int Hook(int fd, mmsghdr* messages, unsigned count, int flags,
                            timespec* timeout) {
    const int result = Original<F>(kCall)(fd, messages, count, flags, timeout);
    for (int i = 0; i < result; ++i) {
      if (messages[i].msg_hdr.msg_controllen != 0) {
        Recorder::Received(kCall, FDORIGIN_HOOK_FRAME(), fd, &messages[i].msg_hdr);
      }
    }
    return result;
  }
};

// mq_open: the mode and the attributes are there only where the flags say so.
template <CallId kCall, typename F>
struct OpensQueue {
  HOOK_BODY static mqd_t Hook(const char* name, int flags, mode_t mode, mq_attr* attributes) {
    const mqd_t fd = Original<F>(kCall)(name, flags, mode, attributes);
    Recorder::OpenedOrFailed(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(flags));
    return fd;
  }
};

// Functions that open or close inside libc. Hooked only where the calls they make cannot be.
HOOK_SAFE inline int StreamFd(FILE* stream) {  // -1 for a stream without a descriptor
  const int saved = errno;
  const int fd = fileno(stream);
  errno = saved;
  return fd;
}
template <CallId kCall, typename F>
struct OpensStream;
template <CallId kCall, typename... A>
struct OpensStream<kCall, FILE* (*)(A...)> {
  HOOK_BODY static FILE* Hook(A... arguments) {
    FILE* stream = Original<FILE* (*)(A...)>(kCall)(arguments...);
    if (stream != nullptr) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fileno(stream), {});
    } else {
      Recorder::OpenFailed();
    }
    return stream;
  }
};

// freopen ends what the stream was, and mostly takes its number again.
template <CallId kCall, typename F>
struct ReopensStream {
  HOOK_BODY static FILE* Hook(const char* path, const char* mode, FILE* stream) {
    const int fd = StreamFd(stream);
    if (fd >= 0) Recorder::Closing(fd);
    FILE* reopened = Original<F>(kCall)(path, mode, stream);
    if (reopened != nullptr) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fileno(reopened), {});
    } else {
      Recorder::OpenFailed();
    }
    return reopened;
  }
};

template <CallId kCall, typename F>
struct ClosesStream {
  HOOK_BODY static int Hook(FILE* stream) {
    const int fd = StreamFd(stream);
    if (fd >= 0) Recorder::Closing(fd);
    return Original<F>(kCall)(stream);
  }
};

template <CallId kCall, typename F>
struct OpensDirectory {
  HOOK_BODY static DIR* Hook(const char* path) {
    DIR* directory = Original<F>(kCall)(path);
    if (directory != nullptr) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), dirfd(directory), {});
    } else {
      Recorder::OpenFailed();
    }
    return directory;
  }
};

template <CallId kCall, typename F>
struct ClosesDirectory {
  HOOK_BODY static int Hook(DIR* directory) {
    if (directory != nullptr) Recorder::Closing(dirfd(directory));
    return Original<F>(kCall)(directory);
  }
};

// vfork, posix_spawn and clone with CLONE_VFORK: while the child borrows this thread, the thread is
// marked (recorder.h). vfork returns twice, and is a stub (arch/x86_64/vfork_stub.S).
struct VforkStub {
  static pid_t Hook() __asm__("FdoriginVforkStub");
};
template <CallId kCall, typename F>
struct Vforks : VforkStub {};

template <CallId kCall, typename F>
struct Spawns;
template <CallId kCall, typename... A>
struct Spawns<kCall, int (*)(A...)> {
  HOOK_BODY static int Hook(A... arguments) {
    ++FdoriginVforkDepth;
    const int result = Original<int (*)(A...)>(kCall)(arguments...);
    --FdoriginVforkDepth;
    return result;
  }
};

template <CallId kCall, typename F>
struct Clones {
  HOOK_BODY static int Hook(int (*function)(void*), void* stack, int flags, void* argument,
                            pid_t* parent_tid, void* tls, pid_t* child_tid) {
    const bool borrows = (flags & CLONE_VM) != 0 && (flags & CLONE_THREAD) == 0;
    const bool waits = borrows && (flags & CLONE_VFORK) != 0;
    if (borrows && !waits) FdoriginAskForPid = true;  // for as long as it lives
    if (waits) ++FdoriginVforkDepth;
    const int result =
        Original<F>(kCall)(function, stack, flags, argument, parent_tid, tls, child_tid);
    if (waits) --FdoriginVforkDepth;
    return result;
  }
};

// syscall(2) leads to the hook of the system call that it is asked for, or straight to its original
// (arch/x86_64/system_call_stub.S): a fork or vfork made through it must not return through a frame
// of ours.
struct SyscallStub {
  static long Hook(long number, ...) __asm__("FdoriginSyscallStub");
};
template <CallId kCall, typename F>
struct Dispatches : SyscallStub {};

// The hook of a system call that was made through syscall(2), which returns a long.
template <typename Kind, typename F>
struct AsSystemCall;
template <typename Kind, typename R, typename... A>
struct AsSystemCall<Kind, R (*)(A...)> {
  static long Hook(A... arguments) { return Kind::Hook(arguments...); }
};

// And its original: libc's syscall(), `kSyscall`, with the number.
template <CallId kSyscall, long kNumber, typename F>
struct ThroughSyscall;
template <CallId kSyscall, long kNumber, typename R, typename... A>
struct ThroughSyscall<kSyscall, kNumber, R (*)(A...)> {
  HOOK_SAFE static R Call(A... arguments) {
    return static_cast<R>(Original<long (*)(long, ...)>(kSyscall)(kNumber, arguments...));
  }
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_HOOK_KINDS_H_
