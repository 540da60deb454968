#include "interpose/calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "interpose/hook_kinds.h"

// What open() and openat() become under _FORTIFY_SOURCE (glibc: debug/open_2.c, debug/openat_2.c);
// no header declares them.
extern "C" int __open_2(const char* path, int flags);
extern "C" int __open64_2(const char* path, int flags);
extern "C" int __openat_2(int directory, const char* path, int flags);
extern "C" int __openat64_2(int directory, const char* path, int flags);

// Newer than the oldest glibc that the agent runs on: null there, and then not hooked. glibc 2.36
// declares the last two for C only, so that they are null here too, and PrepareHooks() looks them
// up. That is as well: an import of that version, weak or not, would keep the agent out of 2.35.
#pragma weak close_range
#pragma weak closefrom
#pragma weak pidfd_open
#pragma weak pidfd_getfd

namespace fdorigin {
namespace {

enum class Call : uint8_t {
  kNone,
#define X(symbol, ...) k_##symbol,
  FDORIGIN_HOOKED_CALLS(X)
#undef X
      kCount
};

// A function's type as a pointer, without noexcept and without libc's attributes (nonnull), which a
// template argument does not carry.
template <typename R, typename... A>
auto Plain(R (*)(A...)) -> R (*)(A...);
template <typename R, typename... A>
auto Plain(R (*)(A..., ...)) -> R (*)(A..., ...);
#define FDORIGIN_TYPE(symbol) decltype(Plain(&::symbol))

// Ties a hook to the type of its original: a hook that takes or returns something else does not
// compile. Variadic originals have no such type, and are listed by hand.
template <typename Hook, typename Original>
struct SameShape : std::is_same<Hook, Original> {};
template <>
struct SameShape<int (*)(const char*, int, mode_t), int (*)(const char*, int, ...)>
    : std::true_type {};
template <>
struct SameShape<int (*)(int, const char*, int, mode_t), int (*)(int, const char*, int, ...)>
    : std::true_type {};
template <>
struct SameShape<int (*)(int, int, long), int (*)(int, int, ...)> : std::true_type {};

#define FDORIGIN_HOOK(symbol, like, kind) \
  kind<static_cast<CallId>(Call::k_##symbol), FDORIGIN_TYPE(like)>::Hook

#define X(symbol, like, reach, kind, ...)                                                  \
  static_assert(                                                                           \
      SameShape<decltype(&FDORIGIN_HOOK(symbol, like, kind)), FDORIGIN_TYPE(like)>::value, \
      "the hook of " #symbol " has not the type of its original");
FDORIGIN_HOOKED_CALLS(X)
#undef X

// The import of a function, if it is one that can be imported.
#define FDORIGIN_BOUND_kPrimitive(symbol) reinterpret_cast<void*>(&::symbol)
#define FDORIGIN_BOUND_kComposite(symbol) reinterpret_cast<void*>(&::symbol)
#define FDORIGIN_BOUND_kEntry(symbol) nullptr

constinit HookedFunction functions[] = {
#define X(symbol, like, reach, kind, ...)                            \
  {#symbol, static_cast<CallId>(Call::k_##symbol), HookReach::reach, \
   reinterpret_cast<void*>(&FDORIGIN_HOOK(symbol, like, kind)), FDORIGIN_BOUND_##reach(symbol)},
    FDORIGIN_HOOKED_CALLS(X)
#undef X
};

using enum ArgumentKind;
constexpr CallInfo kCalls[] = {{"", {}},
#define X(symbol, like, reach, kind, ...) {#symbol, {__VA_ARGS__}},
                               FDORIGIN_HOOKED_CALLS(X)
#undef X
};

}  // namespace

constinit std::atomic<void*> originals[static_cast<size_t>(Call::kCount)] = {};

void PrepareHooks() {
  for (HookedFunction& function : functions) {
    if (function.bound == nullptr && function.reach != HookReach::kEntry) {
      function.bound = dlsym(RTLD_DEFAULT, function.name);
      if (function.bound == nullptr) dlerror();
    }
    originals[static_cast<size_t>(function.call)].store(function.bound, std::memory_order_release);
  }
}

std::span<const HookedFunction> HookedFunctions() { return functions; }
std::span<const CallInfo> HookedCalls() { return kCalls; }

}  // namespace fdorigin
