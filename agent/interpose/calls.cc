#include "interpose/calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "interpose/hook_kinds.h"

// What open() becomes under _FORTIFY_SOURCE (glibc: debug/open_2.c); no header declares them.
extern "C" int __open_2(const char* path, int flags);
extern "C" int __open64_2(const char* path, int flags);

// libc declares some originals with attributes (nonnull), which a template argument cannot carry.
#pragma GCC diagnostic ignored "-Wignored-attributes"

namespace fdorigin {
namespace {

enum class Call : uint8_t {
  kNone,
#define X(symbol, ...) k_##symbol,
  FDORIGIN_HOOKED_CALLS(X)
#undef X
};

template <CallId kCall, auto kOriginal>
struct ReplacesFlags : Replaces<kCall, kOriginal, int> {};

template <CallId kCall, auto kOriginal>
struct Fcntl {
  static int Hook(int fd, int command, long argument) {
    const int result = kOriginal(fd, command, argument);
    if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC)) {
      // These commands take an int; what is above it in the register is nobody's.
      CallArguments kept = KeepArguments(fd, command, static_cast<int>(argument));
      kept.from_fd = fd;
      Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), result, kept);
    }
    return result;
  }
};

template <CallId kCall, auto kOriginal>
struct OpensChecked {
  static int Hook(const char* path, int flags) {
    const int fd = kOriginal(path, flags);
    if (fd >= 0) Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fd, KeepArguments(flags));
    return fd;
  }
};

template <CallId kCall, auto kOriginal>
struct OpensStream {
  static FILE* Hook(const char* path, const char* mode) {
    FILE* stream = kOriginal(path, mode);
    if (stream != nullptr) Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), fileno(stream), {});
    return stream;
  }
};

template <CallId kCall, auto kOriginal>
struct ClosesStream {
  static int Hook(FILE* stream) {
    const int saved = errno;
    const int fd = fileno(stream);  // -1 for a stream without a descriptor
    errno = saved;
    if (fd >= 0) Recorder::Closing(fd);
    return kOriginal(stream);
  }
};

template <CallId kCall, auto kOriginal>
struct OpensDirectory {
  static DIR* Hook(const char* path) {
    DIR* directory = kOriginal(path);
    if (directory != nullptr) Recorder::Opened(kCall, FDORIGIN_HOOK_FRAME(), dirfd(directory), {});
    return directory;
  }
};

template <CallId kCall, auto kOriginal>
struct ClosesDirectory {
  static int Hook(DIR* directory) {
    if (directory != nullptr) Recorder::Closing(dirfd(directory));
    return kOriginal(directory);
  }
};

// Ties a hook to the type of its original: a hook that takes or returns something else does not
// compile. Variadic originals have no such type, and are listed by hand.
template <typename Hook, typename Original>
struct SameShape : std::false_type {};
template <typename R, typename... A>
struct SameShape<R (*)(A...), R (*)(A...)> : std::true_type {};
template <typename R, typename... A>
struct SameShape<R (*)(A...), R (*)(A...) noexcept> : std::true_type {};
template <>
struct SameShape<int (*)(const char*, int, mode_t), int (*)(const char*, int, ...)>
    : std::true_type {};
template <>
struct SameShape<int (*)(int, const char*, int, mode_t), int (*)(int, const char*, int, ...)>
    : std::true_type {};
template <>
struct SameShape<int (*)(int, int, long), int (*)(int, int, ...)> : std::true_type {};

#define X(symbol, kind, ...)                                                                       \
  static_assert(SameShape<decltype(&kind<static_cast<CallId>(Call::k_##symbol), &::symbol>::Hook), \
                          decltype(&::symbol)>::value,                                             \
                "the hook of " #symbol " has not the type of its original");
FDORIGIN_HOOKED_CALLS(X)
#undef X

const HookedFunction kFunctions[] = {
#define X(symbol, kind, ...)                                                               \
  {#symbol,                                                                                \
   reinterpret_cast<void*>(&kind<static_cast<CallId>(Call::k_##symbol), &::symbol>::Hook), \
   reinterpret_cast<void*>(&::symbol)},
    FDORIGIN_HOOKED_CALLS(X)
#undef X
};

using enum ArgumentKind;
constexpr CallInfo kCalls[] = {{"", {}},
#define X(symbol, kind, ...) {#symbol, {__VA_ARGS__}},
                               FDORIGIN_HOOKED_CALLS(X)
#undef X
};

}  // namespace

std::span<const HookedFunction> HookedFunctions() { return kFunctions; }
std::span<const CallInfo> HookedCalls() { return kCalls; }

}  // namespace fdorigin
