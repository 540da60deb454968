// The kinds of hooks: what a call does to descriptors decides what is noted, and when.
//
// A hook calls its original exactly once and returns what it returned, with the errno it left. It
// is not noexcept and keeps no object with a destructor across the original: accept, connect, close
// and open are cancellation points, and pthread_cancel unwinds through this frame by force.
// Each hook keeps a frame pointer, by which the caller's registers are found.
#ifndef FDORIGIN_AGENT_INTERPOSE_HOOK_KINDS_H_
#define FDORIGIN_AGENT_INTERPOSE_HOOK_KINDS_H_

#include <cerrno>
#include <cstdint>
#include <type_traits>

#include "interpose/recorder.h"

namespace fdorigin {

// Numbers of arguments are kept as they are; pointers are not the report's business.
template <typename T>
int64_t KeptArgument(T argument) {
  if constexpr (std::is_pointer_v<T>) {
    return 0;
  } else {
    return static_cast<int64_t>(argument);
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
template <CallId kCall, auto kOriginal, typename = decltype(kOriginal)>
struct MakesOne;
template <CallId kCall, auto kOriginal, typename... A>
struct MakesOne<kCall, kOriginal, int (*)(A...)> {
  static int Hook(A... arguments) {
    const int fd = kOriginal(arguments...);
    if (fd >= 0) Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(arguments...));
    return fd;
  }
};
template <CallId kCall, auto kOriginal, typename... A>
struct MakesOne<kCall, kOriginal, int (*)(A...) noexcept>
    : MakesOne<kCall, kOriginal, int (*)(A...)> {};

// Returns a new descriptor made from its first argument: dup, accept, accept4.
template <CallId kCall, auto kOriginal, typename = decltype(kOriginal)>
struct MakesOneFrom;
template <CallId kCall, auto kOriginal, typename... A>
struct MakesOneFrom<kCall, kOriginal, int (*)(int, A...)> {
  static int Hook(int from, A... arguments) {
    const int fd = kOriginal(from, arguments...);
    if (fd >= 0) {
      CallArguments kept = KeepArguments(from, arguments...);
      kept.from_fd = from;
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fd, kept);
    }
    return fd;
  }
};
template <CallId kCall, auto kOriginal, typename... A>
struct MakesOneFrom<kCall, kOriginal, int (*)(int, A...) noexcept>
    : MakesOneFrom<kCall, kOriginal, int (*)(int, A...)> {};

// open and openat: the mode is there only where the flags say so.
template <CallId kCall, int (*kOriginal)(const char*, int, ...)>
struct Opens {
  static int Hook(const char* path, int flags, mode_t mode) {
    // A caller that passed no mode left something in its register; the original does not look at
    // it without O_CREAT or O_TMPFILE, and neither does the record.
    const int fd = kOriginal(path, flags, mode);
    if (fd >= 0) Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(flags));
    return fd;
  }
};
template <CallId kCall, int (*kOriginal)(int, const char*, int, ...)>
struct OpensAt {
  static int Hook(int directory, const char* path, int flags, mode_t mode) {
    const int fd = kOriginal(directory, path, flags, mode);
    if (fd >= 0) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(directory, flags));
    }
    return fd;
  }
};

// Writes two new descriptors to its last argument: socketpair, pipe, pipe2.
template <CallId kCall, auto kOriginal, typename = decltype(kOriginal)>
struct MakesPair;
template <CallId kCall, auto kOriginal>
struct MakesPair<kCall, kOriginal, int (*)(int*) noexcept> {
  static int Hook(int* pair) {
    const int result = kOriginal(pair);
    if (result == 0) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[0], {});
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[1], {});
    }
    return result;
  }
};
template <CallId kCall, auto kOriginal>
struct MakesPair<kCall, kOriginal, int (*)(int*, int) noexcept> {
  static int Hook(int* pair, int flags) {
    const int result = kOriginal(pair, flags);
    if (result == 0) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[0], KeepArguments(flags));
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[1], KeepArguments(flags));
    }
    return result;
  }
};
template <CallId kCall, auto kOriginal>
struct MakesPair<kCall, kOriginal, int (*)(int, int, int, int*) noexcept> {
  static int Hook(int domain, int type, int protocol, int* pair) {
    const int result = kOriginal(domain, type, protocol, pair);
    if (result == 0) {
      const CallArguments kept = KeepArguments(domain, type, protocol);
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[0], kept);
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), pair[1], kept);
    }
    return result;
  }
};

// bind and connect: a step in the life of a socket. A connect in progress counts.
template <CallId kCall, auto kOriginal>
struct Addresses {
  static int Hook(int fd, const sockaddr* address, socklen_t size) {
    const int result = kOriginal(fd, address, size);
    if (result == 0 || errno == EINPROGRESS) {
      CallArguments kept = KeepArguments(fd);
      kept.address = address;
      kept.address_size = size;
      Recorder::Happened(kCall, FDORIGIN_HOOK_FRAME(), fd, kept);
    }
    return result;
  }
};

template <CallId kCall, auto kOriginal>
struct Listens {
  static int Hook(int fd, int backlog) {
    const int result = kOriginal(fd, backlog);
    if (result == 0) {
      Recorder::Happened(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(fd, backlog));
    }
    return result;
  }
};

// Gives a number back. Noted first: once the original has run, the number may be another's.
template <CallId kCall, auto kOriginal>
struct Closes {
  static int Hook(int fd) {
    Recorder::Closing(fd);
    return kOriginal(fd);
  }
};

// dup2, dup3: ends what `to` was and begins a copy of `from`, in one step.
template <CallId kCall, auto kOriginal, typename... Flags>
struct Replaces {
  static int Hook(int from, int to, Flags... flags) {
    if (from == to) return kOriginal(from, to, flags...);
    const FdTable::Replacement taken = Recorder::Replacing(to);
    const int result = kOriginal(from, to, flags...);
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

// signalfd makes a descriptor only where it is given none.
template <CallId kCall, auto kOriginal>
struct MakesSignalFd {
  static int Hook(int fd, const sigset_t* mask, int flags) {
    const int result = kOriginal(fd, mask, flags);
    if (result >= 0 && fd == -1) {
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), result, KeepArguments(fd, flags));
    }
    return result;
  }
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_HOOK_KINDS_H_
