// The hooks of dlopen, dlsym and dlclose: how libraries that are loaded later come to be patched.
//
// dlopen looks at who calls it: a name without a slash is searched along the RUNPATH of the
// caller's library. A wrapper would be that caller. So a call whose answer may depend on the caller
// is handed on by a jump, with the caller's return address in place, and the new library is patched
// when the first of its symbols is looked up; all other calls are wrapped, and patched before they
// return.
//
// dlsym and dlvsym answer with the hook where they would with a function that is hooked in slots
// only: who takes the pointer (FFM, JNA) calls past every slot. dlmopen is handed on and noted.
#ifndef FDORIGIN_AGENT_INTERPOSE_LOADER_HOOKS_H_
#define FDORIGIN_AGENT_INTERPOSE_LOADER_HOOKS_H_

#include <span>

namespace fdorigin {

struct LoaderHook {
  const char* name;
  void* hook;
  void* original;
};

std::span<const LoaderHook> LoaderHooks();

// What dlsym answers for a name that it does not find, though no library exports it.
struct DlsymAnswer {
  const char* name;
  void* function;
};

// Before the hooks are in place. `answers` stays valid for good.
void SetDlsymAnswers(std::span<const DlsymAnswer> answers);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_LOADER_HOOKS_H_
