#include "interpose/loader_hooks.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <cstring>

#include "interpose/patcher.h"
#include "interpose/recorder.h"

// arch/<processor>/loader_stubs.S
extern "C" void* FdoriginDlopenStub(const char* path, int flags);
extern "C" void* FdoriginDlmopenStub(Lmid_t space, const char* path, int flags);
extern "C" void* FdoriginDlsymStub(void* handle, const char* name);
extern "C" void* FdoriginDlvsymStub(void* handle, const char* name, const char* version);

namespace {

// A dlopen was handed on: there may be images that are not patched yet.
constinit std::atomic<bool> rescan_due{false};

constinit std::span<const fdorigin::DlsymAnswer> own_answers;

// Null where dlsym itself finds something, or the name is none of ours.
void* FindOwn(void* handle, const char* name) {
  for (const fdorigin::DlsymAnswer& answer : own_answers) {
    if (std::strcmp(answer.name, name) != 0) continue;
    if (dlsym(handle, name) != nullptr) return nullptr;
    dlerror();
    return answer.function;
  }
  return nullptr;
}

// What RTLD_DEFAULT is to the code at `caller`: null where its library has a function of its own by
// that name, which goes first if it was loaded with RTLD_DEEPBIND. Whether it was cannot be asked.
void* FindDefault(const char* name, void* found, const void* caller) {
  Dl_info info;
  link_map* map = nullptr;
  if (dladdr1(caller, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 ||
      map == nullptr || map->l_name == nullptr || *map->l_name == '\0') {
    return found;  // the program's scope is the default
  }
  void* library = dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) {
    dlerror();
    return nullptr;
  }
  void* own = dlsym(library, name);
  if (own == nullptr) dlerror();
  dlclose(library);
  return own == nullptr || own == found ? found : nullptr;
}

}  // namespace

// Called by the stubs, with the application's arguments.

// Whether the answer of dlopen is the same whoever calls it.
extern "C" bool FdoriginMayWrapDlopen(const char* path, int) {
  const bool same =
      path == nullptr || (std::strchr(path, '/') != nullptr && std::strchr(path, '$') == nullptr);
  if (!same) rescan_due.store(true, std::memory_order_release);
  return same;
}

extern "C" void* FdoriginWrappedDlopen(const char* path, int flags) {
  fdorigin::Recorder::EnterLoader();
  void* handle = dlopen(path, flags);
  fdorigin::Recorder::LeaveLoader();
  if (handle != nullptr && path != nullptr) fdorigin::Patcher::Rescan();
  return handle;
}

extern "C" void FdoriginNoteDlmopen(Lmid_t space, const char*, int) {
  if (space == LM_ID_BASE) {
    rescan_due.store(true, std::memory_order_release);
  } else {
    fdorigin::Patcher::NoteNamespace();
  }
}

// Before a symbol is looked up, its library is patched. The answer is the hook, if the symbol is a
// hooked function of libc; null hands the call on. RTLD_NEXT depends on the caller and is handed
// on: it is asked by wrappers of the function, which call what they find.
extern "C" void* FdoriginAnswerDlsym(void* handle, const char* name, const void* caller) {
  if (rescan_due.load(std::memory_order_acquire) && rescan_due.exchange(false)) {
    fdorigin::Patcher::Rescan();
  }
  if (name == nullptr || handle == RTLD_NEXT) return nullptr;
  if (void* own = FindOwn(handle, name); own != nullptr) return own;
  if (!fdorigin::Patcher::IsHooked(name)) return nullptr;
  void* found = dlsym(handle, name);
  if (handle == RTLD_DEFAULT) found = FindDefault(name, found, caller);
  return fdorigin::Patcher::HookFor(name, found);
}

extern "C" void* FdoriginAnswerDlvsym(void* handle, const char* name, const char* version,
                                      const void* caller) {
  if (name == nullptr || handle == RTLD_NEXT || !fdorigin::Patcher::IsHooked(name)) return nullptr;
  void* found = dlvsym(handle, name, version);
  if (handle == RTLD_DEFAULT) found = FindDefault(name, found, caller);
  return fdorigin::Patcher::HookFor(name, found);
}

namespace fdorigin {
namespace {

int Dlclose(void* handle) {
  const int result = dlclose(handle);
  if (result == 0) Patcher::Rescan();
  return result;
}

const LoaderHook kHooks[] = {
    {"dlopen", reinterpret_cast<void*>(&FdoriginDlopenStub), reinterpret_cast<void*>(&dlopen)},
    {"dlmopen", reinterpret_cast<void*>(&FdoriginDlmopenStub), reinterpret_cast<void*>(&dlmopen)},
    {"dlsym", reinterpret_cast<void*>(&FdoriginDlsymStub), reinterpret_cast<void*>(&dlsym)},
    {"dlvsym", reinterpret_cast<void*>(&FdoriginDlvsymStub), reinterpret_cast<void*>(&dlvsym)},
    {"dlclose", reinterpret_cast<void*>(&Dlclose), reinterpret_cast<void*>(&dlclose)},
};

}  // namespace

std::span<const LoaderHook> LoaderHooks() { return kHooks; }

void SetDlsymAnswers(std::span<const DlsymAnswer> answers) { own_answers = answers; }

}  // namespace fdorigin
