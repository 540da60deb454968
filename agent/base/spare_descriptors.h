// Room for descriptors in a process that has none left.
//
// A report needs a few numbers for a moment: to list /proc, to read libraries, for its own file. At
// RLIMIT_NOFILE there are none, and near it the few that are left are the application's. Then the
// work is done on a thread with a descriptor table of its own: a copy, in which everything above
// standard error is closed at once, so that the process's own table is not touched. It is a thread
// (CLONE_THREAD) and no child: there is nothing to reap, no SIGCHLD and no other pid.
//
// Who calls it: cold code, on any thread, that has told the recorder that what follows is its own
// work (OwnWork): the hooks would take the other table's descriptors for the process's.
#ifndef FDORIGIN_AGENT_BASE_SPARE_DESCRIPTORS_H_
#define FDORIGIN_AGENT_BASE_SPARE_DESCRIPTORS_H_

#include <type_traits>

namespace fdorigin {

enum class Table {
  kProcess,  // the one that all threads of the process share
  kOwn,      // the copy
};

// Calls work(argument, table) once, and returns when it is done. Behind kOwn stands another thread,
// which borrows the caller's thread-local storage and has all signals blocked; it must not call
// the VM, and must keep no descriptor. Where no such thread can be had it is kProcess all the same.
void WithSpareDescriptors(void (*work)(void* argument, Table table), void* argument);

// The same for a function object that takes a Table.
template <typename Work>
void WithSpareDescriptors(Work&& work) {
  WithSpareDescriptors(
      [](void* argument, Table table) {
        (*static_cast<std::remove_reference_t<Work>*>(argument))(table);
      },
      &work);
}

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_SPARE_DESCRIPTORS_H_
