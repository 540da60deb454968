// The system calls of x86-64 that newer architectures have only in a later form. The columns are
// those of FDORIGIN_SYSTEM_CALLS (interpose/calls.h). Source: Linux,
// arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
#ifndef FDORIGIN_AGENT_ARCH_X86_64_SYSTEM_CALLS_H_
#define FDORIGIN_AGENT_ARCH_X86_64_SYSTEM_CALLS_H_

// Above the numbers of all system calls.
#define FDORIGIN_SYSTEM_CALL_LIMIT 512

// In the table of hooks, what stands for a system call that begins a child.
#define FDORIGIN_MAKES_CHILD 1

// clang-format off
#define FDORIGIN_SYSTEM_CALLS_OF_ARCH(X)                                                          \
  X(open,           int(const char*, int, mode_t), Opens,      {"flags", kOpenFlags})             \
  X(creat,          int(const char*, mode_t), MakesOne,        {nullptr, kNone}, {"mode", kMode}) \
  X(dup2,           int(int, int), Replaces,                   {"oldfd", kFd}, {"newfd", kFd})    \
  X(pipe,           int(int*), MakesPair,                      {nullptr, kNone})                  \
  X(epoll_create,   int(int), MakesOne,                        {"size", kInt})                    \
  X(eventfd,        int(unsigned), MakesOne,                   {"initval", kInt})                 \
  X(signalfd,       int(int, const void*, size_t), MakesSignalFd, {"fd", kFd})                    \
  X(inotify_init,   int(), MakesOne,                           {nullptr, kNone})
// clang-format on

#endif  // FDORIGIN_AGENT_ARCH_X86_64_SYSTEM_CALLS_H_
