// The one list of hooked calls. Adding a call is one entry here and one test.
//
// An entry: the symbol; a function of the same type that a header declares; its reach; the kind of
// hook (hook_kinds.h); the arguments that the report shows, by their names in the manual page and
// in the order in which the hook keeps them.
//
// Reach says where the hook goes. kPrimitive: into the function's entry in libc where it can be
// patched, so that libc's calls to itself and calls through pointers come by; else into the slots
// of all images that import it. kEntry: libc's own, which nobody imports. kComposite: into slots,
// and only where a primitive that it is made of has no patched entry, since the call would be seen
// twice.
#ifndef FDORIGIN_AGENT_INTERPOSE_CALLS_H_
#define FDORIGIN_AGENT_INTERPOSE_CALLS_H_

#include <atomic>
#include <span>

#include "arch/system_calls.h"
#include "fdtable/call.h"

// clang-format off
#define FDORIGIN_HOOKED_CALLS(X)                                                                  \
  /* Leads to the list of system calls below. */                                                  \
  X(syscall,        syscall,        kPrimitive, Dispatches,    {"number", kInt})                  \
  /* sockets */                                                                                   \
  X(socket,         socket,         kPrimitive, MakesOne,      {"domain", kSocketDomain}, {"type", kSocketType}, {"protocol", kSocketProtocol}) \
  X(socketpair,     socketpair,     kPrimitive, MakesPair,     {"domain", kSocketDomain}, {"type", kSocketType}, {"protocol", kSocketProtocol}) \
  X(accept,         accept,         kPrimitive, MakesOneFrom,  {"sockfd", kFd})                   \
  X(accept4,        accept4,        kPrimitive, MakesOneFrom,  {"sockfd", kFd})                   \
  X(bind,           bind,           kPrimitive, Binds,         {"sockfd", kFd}, {"addr", kAddress}) \
  X(connect,        connect,        kPrimitive, Connects,      {"sockfd", kFd}, {"addr", kAddress}) \
  X(listen,         listen,         kPrimitive, Listens,       {"sockfd", kFd}, {"backlog", kInt}) \
  X(recvmsg,        recvmsg,        kPrimitive, Receives,      {"sockfd", kFd})                   \
  X(recvmmsg,       recvmmsg,       kPrimitive, ReceivesMany,  {"sockfd", kFd})                   \
  X(getifaddrs,     getifaddrs,     kPrimitive, ClosesUnseen,  {nullptr, kNone})                  \
  X(if_nameindex,   if_nameindex,   kPrimitive, ClosesUnseen,  {nullptr, kNone})                  \
  /* copies and ends */                                                                           \
  X(dup,            dup,            kPrimitive, MakesOneFrom,  {"oldfd", kFd})                    \
  X(dup2,           dup2,           kPrimitive, Replaces,      {"oldfd", kFd}, {"newfd", kFd})    \
  X(dup3,           dup3,           kPrimitive, Replaces,      {"oldfd", kFd}, {"newfd", kFd}, {"flags", kOpenFlags}) \
  X(fcntl,          fcntl,          kPrimitive, Fcntl,         {"fd", kFd}, {"cmd", kFcntlCommand}, {"arg", kInt}) \
  X(fcntl64,        fcntl64,        kPrimitive, Fcntl,         {"fd", kFd}, {"cmd", kFcntlCommand}, {"arg", kInt}) \
  X(close,          close,          kPrimitive, Closes,        {"fd", kFd})                       \
  X(__close_nocancel, close,        kEntry,     Closes,        {"fd", kFd})                       \
  X(close_range,    close_range,    kPrimitive, ClosesRange,   {"first", kInt}, {"last", kInt})   \
  X(closefrom,      closefrom,      kComposite, ClosesFrom,    {"lowfd", kInt})                   \
  /* files */                                                                                     \
  X(open,           open,           kPrimitive, Opens,         {"flags", kOpenFlags})             \
  X(open64,         open64,         kPrimitive, Opens,         {"flags", kOpenFlags})             \
  X(__open64_nocancel, open64,      kEntry,     Opens,         {"flags", kOpenFlags})             \
  X(__open_2,       __open_2,       kComposite, OpensChecked,  {"flags", kOpenFlags})             \
  X(__open64_2,     __open64_2,     kComposite, OpensChecked,  {"flags", kOpenFlags})             \
  X(openat,         openat,         kPrimitive, OpensAt,       {"dirfd", kFd}, {"flags", kOpenFlags}) \
  X(openat64,       openat64,       kPrimitive, OpensAt,       {"dirfd", kFd}, {"flags", kOpenFlags}) \
  X(__openat_2,     __openat_2,     kComposite, OpensAtChecked, {"dirfd", kFd}, {"flags", kOpenFlags}) \
  X(__openat64_2,   __openat64_2,   kComposite, OpensAtChecked, {"dirfd", kFd}, {"flags", kOpenFlags}) \
  X(creat,          creat,          kPrimitive, MakesOne,      {nullptr, kNone}, {"mode", kMode}) \
  X(creat64,        creat64,        kPrimitive, MakesOne,      {nullptr, kNone}, {"mode", kMode}) \
  X(fopen,          fopen,          kComposite, OpensStream,   {nullptr, kNone})                  \
  X(fopen64,        fopen64,        kComposite, OpensStream,   {nullptr, kNone})                  \
  X(freopen,        freopen,        kComposite, ReopensStream, {nullptr, kNone})                  \
  X(freopen64,      freopen64,      kComposite, ReopensStream, {nullptr, kNone})                  \
  X(fclose,         fclose,         kComposite, ClosesStream,  {nullptr, kNone})                  \
  X(tmpfile,        tmpfile,        kComposite, OpensStream,   {nullptr, kNone})                  \
  X(tmpfile64,      tmpfile64,      kComposite, OpensStream,   {nullptr, kNone})                  \
  X(popen,          popen,          kComposite, OpensStream,   {nullptr, kNone})                  \
  X(pclose,         pclose,         kComposite, ClosesStream,  {nullptr, kNone})                  \
  X(mkstemp,        mkstemp,        kComposite, MakesOne,      {nullptr, kNone})                  \
  X(mkstemp64,      mkstemp64,      kComposite, MakesOne,      {nullptr, kNone})                  \
  X(mkostemp,       mkostemp,       kComposite, MakesOne,      {nullptr, kNone}, {"flags", kOpenFlags}) \
  X(mkostemp64,     mkostemp64,     kComposite, MakesOne,      {nullptr, kNone}, {"flags", kOpenFlags}) \
  X(mkstemps,       mkstemps,       kComposite, MakesOne,      {nullptr, kNone}, {"suffixlen", kInt}) \
  X(mkstemps64,     mkstemps64,     kComposite, MakesOne,      {nullptr, kNone}, {"suffixlen", kInt}) \
  X(mkostemps,      mkostemps,      kComposite, MakesOne,      {nullptr, kNone}, {"suffixlen", kInt}, {"flags", kOpenFlags}) \
  X(mkostemps64,    mkostemps64,    kComposite, MakesOne,      {nullptr, kNone}, {"suffixlen", kInt}, {"flags", kOpenFlags}) \
  X(opendir,        opendir,        kComposite, OpensDirectory, {nullptr, kNone})                 \
  X(closedir,       closedir,       kComposite, ClosesDirectory, {nullptr, kNone})                \
  X(shm_open,       shm_open,       kComposite, MakesOne,      {nullptr, kNone}, {"oflag", kOpenFlags}, {"mode", kMode}) \
  X(posix_openpt,   posix_openpt,   kComposite, MakesOne,      {"flags", kOpenFlags})             \
  X(getpt,          getpt,          kComposite, MakesOne,      {nullptr, kNone})                  \
  X(open_by_handle_at, open_by_handle_at, kPrimitive, MakesOne, {"mount_fd", kFd}, {nullptr, kNone}, {"flags", kOpenFlags}) \
  X(mq_open,        mq_open,        kPrimitive, OpensQueue,    {"oflag", kOpenFlags})             \
  X(mq_close,       mq_close,       kPrimitive, Closes,        {"mqdes", kFd})                    \
  X(memfd_create,   memfd_create,   kPrimitive, MakesOne,      {nullptr, kNone}, {"flags", kInt}) \
  /* pipes and events */                                                                          \
  X(pipe,           pipe,           kPrimitive, MakesPair,     {nullptr, kNone})                  \
  X(pipe2,          pipe2,          kPrimitive, MakesPair,     {"flags", kOpenFlags})             \
  X(epoll_create,   epoll_create,   kPrimitive, MakesOne,      {"size", kInt})                    \
  X(epoll_create1,  epoll_create1,  kPrimitive, MakesOne,      {"flags", kEpollFlags})            \
  X(eventfd,        eventfd,        kPrimitive, MakesOne,      {"initval", kUnsigned}, {"flags", kEventFdFlags}) \
  X(timerfd_create, timerfd_create, kPrimitive, MakesOne,      {"clockid", kClock}, {"flags", kInt}) \
  X(signalfd,       signalfd,       kPrimitive, MakesSignalFd, {"fd", kFd}, {"flags", kInt})      \
  X(inotify_init,   inotify_init,   kPrimitive, MakesOne,      {nullptr, kNone})                  \
  X(inotify_init1,  inotify_init1,  kPrimitive, MakesOne,      {"flags", kInt})                   \
  X(fanotify_init,  fanotify_init,  kPrimitive, MakesOne,      {"flags", kInt}, {"event_f_flags", kOpenFlags}) \
  X(pidfd_open,     pidfd_open,     kPrimitive, MakesOne,      {"pid", kInt}, {"flags", kInt})    \
  X(pidfd_getfd,    pidfd_getfd,    kPrimitive, MakesOne,      {"pidfd", kFd}, {"targetfd", kInt}, {"flags", kInt}) \
  /* children that share our memory for a while: nothing is recorded, and nothing of theirs */     \
  X(vfork,          vfork,          kPrimitive, Vforks,        {nullptr, kNone})                  \
  X(posix_spawn,    posix_spawn,    kPrimitive, Spawns,        {nullptr, kNone})                  \
  X(posix_spawnp,   posix_spawnp,   kPrimitive, Spawns,        {nullptr, kNone})                  \
  X(clone,          clone,          kPrimitive, Clones,        {nullptr, kNone})                  \
  /* mounts */                                                                                    \
  X(fsopen,         fsopen,         kPrimitive, MakesOne,      {nullptr, kNone}, {"flags", kInt}) \
  X(fsmount,        fsmount,        kPrimitive, MakesOne,      {"fd", kFd}, {"flags", kInt}, {"attr_flags", kInt}) \
  X(fspick,         fspick,         kPrimitive, MakesOne,      {"dirfd", kFd}, {nullptr, kNone}, {"flags", kInt}) \
  X(open_tree,      open_tree,      kPrimitive, MakesOne,      {"dirfd", kFd}, {nullptr, kNone}, {"flags", kInt})

// The system calls that are hooked where they are made through syscall(2): what the list above does
// by libc's functions, and what libc has no function for. An entry: the system call; its type, by
// its manual page; kind and arguments as above. What an architecture has beside these is in its
// folder.
#define FDORIGIN_SYSTEM_CALLS(X)                                                                  \
  X(socket,         int(int, int, int), MakesOne,              {"domain", kSocketDomain}, {"type", kSocketType}, {"protocol", kSocketProtocol}) \
  X(socketpair,     int(int, int, int, int*), MakesPair,       {"domain", kSocketDomain}, {"type", kSocketType}, {"protocol", kSocketProtocol}) \
  X(accept,         int(int, void*, void*), MakesOneFrom,      {"sockfd", kFd})                   \
  X(accept4,        int(int, void*, void*, int), MakesOneFrom, {"sockfd", kFd})                   \
  X(bind,           int(int, const sockaddr*, socklen_t), Binds, {"sockfd", kFd}, {"addr", kAddress}) \
  X(connect,        int(int, const sockaddr*, socklen_t), Connects, {"sockfd", kFd}, {"addr", kAddress}) \
  X(listen,         int(int, int), Listens,                    {"sockfd", kFd}, {"backlog", kInt}) \
  X(recvmsg,        ssize_t(int, msghdr*, int), Receives,      {"sockfd", kFd})                   \
  X(recvmmsg,       int(int, mmsghdr*, unsigned, int, timespec*), ReceivesMany, {"sockfd", kFd})  \
  X(dup,            int(int), MakesOneFrom,                    {"oldfd", kFd})                    \
  X(dup3,           int(int, int, int), Replaces,              {"oldfd", kFd}, {"newfd", kFd}, {"flags", kOpenFlags}) \
  X(fcntl,          int(int, int, long), Fcntl,                {"fd", kFd}, {"cmd", kFcntlCommand}, {"arg", kInt}) \
  X(close,          int(int), Closes,                          {"fd", kFd})                       \
  X(close_range,    int(unsigned, unsigned, int), ClosesRange, {"first", kInt}, {"last", kInt})   \
  X(openat,         int(int, const char*, int, mode_t), OpensAt, {"dirfd", kFd}, {"flags", kOpenFlags}) \
  X(openat2,        int(int, const char*, void*, size_t), MakesOne, {"dirfd", kFd})               \
  X(open_by_handle_at, int(int, void*, int), MakesOne,         {"mount_fd", kFd}, {nullptr, kNone}, {"flags", kOpenFlags}) \
  X(mq_open,        mqd_t(const char*, int, mode_t, mq_attr*), OpensQueue, {"oflag", kOpenFlags}) \
  X(memfd_create,   int(const char*, unsigned), MakesOne,      {nullptr, kNone}, {"flags", kInt}) \
  X(memfd_secret,   int(unsigned), MakesOne,                   {"flags", kInt})                   \
  X(pipe2,          int(int*, int), MakesPair,                 {"flags", kOpenFlags})             \
  X(epoll_create1,  int(int), MakesOne,                        {"flags", kEpollFlags})            \
  X(eventfd2,       int(unsigned, int), MakesOne,              {"initval", kUnsigned}, {"flags", kEventFdFlags}) \
  X(timerfd_create, int(int, int), MakesOne,                   {"clockid", kClock}, {"flags", kInt}) \
  X(signalfd4,      int(int, const void*, size_t, int), MakesSignalFd, {"fd", kFd}, {nullptr, kNone}, {"sizemask", kInt}) \
  X(inotify_init1,  int(int), MakesOne,                        {"flags", kInt})                   \
  X(fanotify_init,  int(unsigned, unsigned), MakesOne,         {"flags", kInt}, {"event_f_flags", kOpenFlags}) \
  X(pidfd_open,     int(pid_t, unsigned), MakesOne,            {"pid", kInt}, {"flags", kInt})    \
  X(pidfd_getfd,    int(int, int, unsigned), MakesOne,         {"pidfd", kFd}, {"targetfd", kInt}, {"flags", kInt}) \
  X(userfaultfd,    int(int), MakesOne,                        {"flags", kOpenFlags})             \
  X(perf_event_open, int(void*, pid_t, int, int, unsigned long), MakesOne, {nullptr, kNone}, {"pid", kInt}, {"cpu", kInt}) \
  X(io_uring_setup, int(unsigned, void*), MakesOne,            {"entries", kInt})                 \
  X(fsopen,         int(const char*, unsigned), MakesOne,      {nullptr, kNone}, {"flags", kInt}) \
  X(fsmount,        int(int, unsigned, unsigned), MakesOne,    {"fd", kFd}, {"flags", kInt}, {"attr_flags", kInt}) \
  X(fspick,         int(int, const char*, unsigned), MakesOne, {"dirfd", kFd}, {nullptr, kNone}, {"flags", kInt}) \
  X(open_tree,      int(int, const char*, unsigned), MakesOne, {"dirfd", kFd}, {nullptr, kNone}, {"flags", kInt}) \
  FDORIGIN_SYSTEM_CALLS_OF_ARCH(X)
// clang-format on

namespace fdorigin {

enum class HookReach : uint8_t { kPrimitive, kEntry, kComposite };

// A function of libc that is replaced.
struct HookedFunction {
  const char* name;
  CallId call;
  HookReach reach;
  void* hook;
  void* bound;  // as this library's own import was bound; null for what nobody imports
};

// A system call that is hooked where it is made through syscall(2).
struct HookedSystemCall {
  long number;
  CallId call;
  void* hook;
  void* original;  // what the hook calls
};

// By CallId: the address by which each call's original is reached. It is libc's function, or, where
// that function's entry leads to the hook, the trampoline that holds its first instructions.
extern std::atomic<void*> originals[];

// Fills `originals`. Before the first hook is in place.
void PrepareHooks();

std::span<const HookedFunction> HookedFunctions();
std::span<const HookedSystemCall> HookedSystemCalls();
// By CallId: entry 0 is empty.
std::span<const CallInfo> HookedCalls();

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_CALLS_H_
