#include "base/spare_descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <exception>

namespace fdorigin {
namespace {

// So many numbers have to be free, or none is taken: a report has at most a handful open at a time.
constexpr int kSpare = 32;
constexpr size_t kStackBytes = 512 << 10;
constexpr size_t kGuardBytes = 64 << 10;

struct Job {
  void (*work)(void*, Table);
  void* argument;
  std::exception_ptr failure;
};

int NumberLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return INT_MAX;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, INT_MAX));
}

// From the top, because the kernel gives the lowest free number: as long as there are many, the
// first ones looked at are free.
bool HasSpareNumbers() {
  int free = 0;
  for (int fd = NumberLimit() - 1; fd >= 0 && free < kSpare; --fd) {
    if (fcntl(fd, F_GETFD) < 0) ++free;
  }
  return free == kSpare;
}

void CloseAllButStandard() {
  constexpr int kFirst = STDERR_FILENO + 1;
#ifdef SYS_close_range
  if (syscall(SYS_close_range, kFirst, ~0u, 0) == 0) return;
#endif
  // Linux before 5.9. As many numbers as are needed; the others end with the thread.
  const int end = std::min(NumberLimit(), kFirst + 2 * kSpare);
  for (int fd = kFirst; fd < end; ++fd) close(fd);
}

int RunJob(void* argument) {
  auto* job = static_cast<Job*>(argument);
  CloseAllButStandard();
  try {
    job->work(job->argument, Table::kOwn);
  } catch (...) {
    job->failure = std::current_exception();
  }
  return 0;
}

// False where the kernel or a filter of the container refuses.
bool RunOnTableOfItsOwn(Job* job) {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  char* stack = static_cast<char*>(memory) + kGuardBytes;
  bool done = false;
  if (mprotect(stack, kStackBytes, PROT_READ | PROT_WRITE) == 0) {
    // A handler of the application must not run on a thread that it knows nothing of.
    sigset_t all;
    sigset_t saved;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    // As a thread of this process has it, but for CLONE_FILES. With CLONE_VFORK this thread waits
    // until that one has ended, and may lend it its thread-local storage and its stack's memory.
    constexpr int kFlags =
        CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_VFORK;
    done = clone(&RunJob, stack + kStackBytes, kFlags, job) > 0;
    pthread_sigmask(SIG_SETMASK, &saved, nullptr);
  }
  munmap(memory, kGuardBytes + kStackBytes);
  return done;
}

}  // namespace

void WithSpareDescriptors(void (*work)(void*, Table), void* argument) {
  Job job = {work, argument, nullptr};
  if (HasSpareNumbers() || !RunOnTableOfItsOwn(&job)) {
    work(argument, Table::kProcess);
  } else if (job.failure != nullptr) {
    std::rethrow_exception(job.failure);
  }
}

}  // namespace fdorigin
