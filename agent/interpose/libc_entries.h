// Hooks libc's functions at their entries, so that libc's calls to itself are seen, and calls
// through pointers that somebody took from dlsym: the resolver, nscd's client, fopen, opendir; FFM,
// JNA.
//
// Who calls it: the patcher, once, when the agent comes, under its lock. Cold.
#ifndef FDORIGIN_AGENT_INTERPOSE_LIBC_ENTRIES_H_
#define FDORIGIN_AGENT_INTERPOSE_LIBC_ENTRIES_H_

#include <set>
#include <string>
#include <vector>

#include "arch/entry_patch.h"
#include "base/ids.h"
#include "interpose/elf_image.h"

namespace fdorigin {

struct RefusedEntry {
  std::string name;
  std::string reason;
};

struct LibcEntries {
  // The names that lead to a hook now, by whatever way they are called. Several may be one function
  // (open, open64): it has one hook, that of the first in the list.
  std::vector<std::string> patched;
  std::vector<RefusedEntry> refused;
  // The calls that need no slot: those above, and what is made of them alone.
  std::set<CallId> covered;
};

// `libc` is the image of libc.so.6. PrepareHooks() has run.
LibcEntries PatchLibcEntries(const ElfImage& libc, EntryMoment moment);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_LIBC_ENTRIES_H_
