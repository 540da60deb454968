// Finds the ELF images of the process, and puts hooks into the words through which they call libc.
//
// Who calls it: Agent_OnLoad or Agent_OnAttach once (Start), the hooks of dlopen and dlclose
// afterwards (Rescan), on any thread, never in hook context. It holds a mutex that no hook takes.
// Every slot of an import is written with one atomic store; a page that the loader protects is made
// writable for it and protected again. Nothing is ever unpatched.
#ifndef FDORIGIN_AGENT_INTERPOSE_PATCHER_H_
#define FDORIGIN_AGENT_INTERPOSE_PATCHER_H_

#include <string>
#include <vector>

#include "arch/entry_patch.h"
#include "base/fact_store.h"
#include "base/image_table.h"
#include "base/native_methods.h"
#include "base/string_store.h"

namespace fdorigin {

// A function that is not libc's: the JVM's own, by name. `original` is filled in when the first
// slot is found.
struct ExtraHook {
  const char* name;
  void* hook;
  void** original;
};

class Patcher {
 public:
  struct Refusal {
    std::string what;
    std::string reason;
  };
  struct Totals {
    int libraries = 0;  // images looked at that are loaded now
    int slots = 0;      // words written, over the life of the process
    std::vector<std::string> libc_entries;
    std::vector<Refusal> refused;
  };

  // All stay valid for good; `facts` learns what GetTotals() says. Patches all that is loaded, and
  // from then on what is loaded later. `libc`: also the entries of libc's own functions, which then
  // need no slots. `moment`: whether other threads are about.
  static void Start(ImageTable* images, StringStore* strings, FactStore* facts, bool libc,
                    EntryMoment moment = EntryMoment::kStart);
  // Has the native methods of the JDK's libraries noted. Before Start().
  static void NoteNativeMethods(NativeMethods* methods);
  // Looks for images that came or went. Cheap where none did.
  static void Rescan();
  // Also replaces `hook.name` in every image. Before Start().
  static void AddExtra(const ExtraHook& hook);
  // After a look for new images: from then on all that stacks were recorded in have their names.
  static Totals GetTotals();
  // The paths of the loaded images that make system calls by themselves, past libc and so past
  // every hook; not those of libc, the JDK and the agent. Reads all their code.
  static std::vector<std::string> ImagesWithSystemCalls();
  // There is a library in a link-map namespace of its own (dlmopen), with a libc of its own. On any
  // thread, under any lock.
  static void NoteNamespace();
  // Whether a function of this name is hooked in slots.
  static bool IsHooked(const char* name);
  // What dlsym is to answer for `name` instead of `found`, libc's function: the hook, where calls
  // through a pointer would not be seen otherwise; null where `found` is right.
  static void* HookFor(const char* name, void* found);
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_PATCHER_H_
