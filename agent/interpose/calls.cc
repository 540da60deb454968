#include "interpose/calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <mqueue.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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
#pragma weak fsopen
#pragma weak fsmount
#pragma weak fspick
#pragma weak open_tree

namespace fdorigin {
namespace {

enum class Call : uint8_t {
  kNone,
#define X(symbol, ...) k_##symbol,
  FDORIGIN_HOOKED_CALLS(X)
#undef X
#define X(name, ...) k_system_call_##name,
      FDORIGIN_SYSTEM_CALLS(X)
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
template <>
struct SameShape<int (*)(int (*)(void*), void*, int, void*, pid_t*, void*, pid_t*),
                 int (*)(int (*)(void*), void*, int, void*, ...)> : std::true_type {};
template <>
struct SameShape<mqd_t (*)(const char*, int, mode_t, mq_attr*), mqd_t (*)(const char*, int, ...)>
    : std::true_type {};

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

// What libc keeps for itself is shown by the name of the function that it is a form of.
#define FDORIGIN_SHOWN_kPrimitive(symbol, like) #symbol
#define FDORIGIN_SHOWN_kComposite(symbol, like) #symbol
#define FDORIGIN_SHOWN_kEntry(symbol, like) #like

using enum ArgumentKind;
constexpr CallInfo kCalls[] = {{"", {}},
#define X(symbol, like, reach, kind, ...) {FDORIGIN_SHOWN_##reach(symbol, like), {__VA_ARGS__}},
                               FDORIGIN_HOOKED_CALLS(X)
#undef X
#define X(name, type, kind, ...) {#name, {__VA_ARGS__}},
                                   FDORIGIN_SYSTEM_CALLS(X)
#undef X
};

// What is in the table for the system calls that begin a child (arch/x86_64/system_call_stub.S).
void* const kMakesChild = reinterpret_cast<void*>(FDORIGIN_MAKES_CHILD);
constexpr long kChildMakers[] = {
    SYS_clone,
    SYS_clone3,
#ifdef SYS_vfork
    SYS_vfork,
#endif
};

#define FDORIGIN_SYSTEM_CALL_HOOK(name, type, kind)                                             \
  AsSystemCall<kind<static_cast<CallId>(Call::k_system_call_##name), std::add_pointer_t<type>>, \
               std::add_pointer_t<type>>::Hook
#define FDORIGIN_SYSTEM_CALL(name, type) \
  ThroughSyscall<static_cast<CallId>(Call::k_syscall), SYS_##name, std::add_pointer_t<type>>::Call

constinit const HookedSystemCall kSystemCalls[] = {
#define X(name, type, kind, ...)                                          \
  {SYS_##name, static_cast<CallId>(Call::k_system_call_##name),           \
   reinterpret_cast<void*>(&FDORIGIN_SYSTEM_CALL_HOOK(name, type, kind)), \
   reinterpret_cast<void*>(&FDORIGIN_SYSTEM_CALL(name, type))},
    FDORIGIN_SYSTEM_CALLS(X)
#undef X
};

}  // namespace

constinit std::atomic<void*> originals[static_cast<size_t>(Call::kCount)] = {};

// Read by FdoriginSyscallStub: by the number of the system call, its hook; null for those that are
// none of ours. And where syscall() itself is reached.
extern "C" {
extern void* FdoriginSystemCallHooks[];
extern std::atomic<void*>* const FdoriginSyscallOriginal;
extern std::atomic<void*>* const FdoriginVforkOriginal;
int FdoriginSetErrno(int error);
constinit void* FdoriginSystemCallHooks[FDORIGIN_SYSTEM_CALL_LIMIT] = {};
constinit std::atomic<void*>* const FdoriginSyscallOriginal =
    &originals[static_cast<size_t>(Call::k_syscall)];
// Read by FdoriginVforkStub.
constinit std::atomic<void*>* const FdoriginVforkOriginal =
    &originals[static_cast<size_t>(Call::k_vfork)];
int FdoriginSetErrno(int error) {
  errno = error;
  return -1;
}
}

void PrepareHooks() {
  for (HookedFunction& function : functions) {
    if (function.bound == nullptr && function.reach != HookReach::kEntry) {
      function.bound = dlsym(RTLD_DEFAULT, function.name);
      if (function.bound == nullptr) dlerror();
    }
    originals[static_cast<size_t>(function.call)].store(function.bound, std::memory_order_release);
  }
  for (const HookedSystemCall& system_call : kSystemCalls) {
    originals[static_cast<size_t>(system_call.call)].store(system_call.original,
                                                           std::memory_order_release);
    FdoriginSystemCallHooks[system_call.number] = system_call.hook;
  }
  for (const long number : kChildMakers) FdoriginSystemCallHooks[number] = kMakesChild;
}

std::span<const HookedFunction> HookedFunctions() { return functions; }
std::span<const HookedSystemCall> HookedSystemCalls() { return kSystemCalls; }
std::span<const CallInfo> HookedCalls() { return kCalls; }

}  // namespace fdorigin
