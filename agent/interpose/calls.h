// The one list of hooked calls. Adding a call is one entry here and one test.
//
// An entry: the symbol, the kind of hook (hook_kinds.h), and the arguments that the report shows,
// by their names in the manual page and in the order in which the hook keeps them.
#ifndef FDORIGIN_AGENT_INTERPOSE_CALLS_H_
#define FDORIGIN_AGENT_INTERPOSE_CALLS_H_

#include <span>

#include "fdtable/call.h"

// clang-format off
#define FDORIGIN_HOOKED_CALLS(X)                                                                  \
  /* sockets */                                                                                   \
  X(socket,         MakesOne,      {"domain", kSocketDomain}, {"type", kSocketType}, {"protocol", kSocketProtocol}) \
  X(socketpair,     MakesPair,     {"domain", kSocketDomain}, {"type", kSocketType}, {"protocol", kSocketProtocol}) \
  X(accept,         MakesOneFrom,  {"sockfd", kFd})                                               \
  X(accept4,        MakesOneFrom,  {"sockfd", kFd})                                               \
  X(bind,           Addresses,     {"sockfd", kFd}, {"addr", kAddress})                           \
  X(connect,        Addresses,     {"sockfd", kFd}, {"addr", kAddress})                           \
  X(listen,         Listens,       {"sockfd", kFd}, {"backlog", kInt})                            \
  /* copies and ends */                                                                           \
  X(dup,            MakesOneFrom,  {"oldfd", kFd})                                                \
  X(dup2,           Replaces,      {"oldfd", kFd}, {"newfd", kFd})                                \
  X(dup3,           ReplacesFlags, {"oldfd", kFd}, {"newfd", kFd}, {"flags", kOpenFlags})         \
  X(fcntl,          Fcntl,         {"fd", kFd}, {"cmd", kFcntlCommand}, {"arg", kInt})            \
  X(fcntl64,        Fcntl,         {"fd", kFd}, {"cmd", kFcntlCommand}, {"arg", kInt})            \
  X(close,          Closes,        {"fd", kFd})                                                   \
  /* files */                                                                                     \
  X(open,           Opens,         {"flags", kOpenFlags})                                         \
  X(open64,         Opens,         {"flags", kOpenFlags})                                         \
  X(__open_2,       OpensChecked,  {"flags", kOpenFlags})                                         \
  X(__open64_2,     OpensChecked,  {"flags", kOpenFlags})                                         \
  X(openat,         OpensAt,       {"dirfd", kFd}, {"flags", kOpenFlags})                         \
  X(openat64,       OpensAt,       {"dirfd", kFd}, {"flags", kOpenFlags})                         \
  X(creat,          MakesOne,      {nullptr, kNone}, {"mode", kMode})                             \
  X(creat64,        MakesOne,      {nullptr, kNone}, {"mode", kMode})                             \
  X(fopen,          OpensStream,   {nullptr, kNone})                                              \
  X(fopen64,        OpensStream,   {nullptr, kNone})                                              \
  X(fclose,         ClosesStream,  {nullptr, kNone})                                              \
  X(opendir,        OpensDirectory, {nullptr, kNone})                                             \
  X(closedir,       ClosesDirectory, {nullptr, kNone})                                            \
  X(memfd_create,   MakesOne,      {nullptr, kNone}, {"flags", kInt})                             \
  /* pipes and events */                                                                          \
  X(pipe,           MakesPair,     {nullptr, kNone})                                              \
  X(pipe2,          MakesPair,     {"flags", kOpenFlags})                                         \
  X(epoll_create,   MakesOne,      {"size", kInt})                                                \
  X(epoll_create1,  MakesOne,      {"flags", kEpollFlags})                                        \
  X(eventfd,        MakesOne,      {"initval", kInt}, {"flags", kEventFdFlags})                   \
  X(timerfd_create, MakesOne,      {"clockid", kClock}, {"flags", kInt})                          \
  X(signalfd,       MakesSignalFd, {"fd", kFd}, {"flags", kInt})                                  \
  X(inotify_init,   MakesOne,      {nullptr, kNone})                                              \
  X(inotify_init1,  MakesOne,      {"flags", kInt})
// clang-format on

namespace fdorigin {

// A function of libc that is replaced in every image that imports it.
struct HookedFunction {
  const char* name;
  void* hook;
  void* original;  // as this library's own import was bound
};

std::span<const HookedFunction> HookedFunctions();
// By CallId: entry 0 is empty.
std::span<const CallInfo> HookedCalls();

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_CALLS_H_
