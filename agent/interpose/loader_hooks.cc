#include "interpose/loader_hooks.h"

#include <dlfcn.h>

#include <atomic>
#include <cstring>

#include "interpose/patcher.h"
#include "interpose/recorder.h"

// arch/<processor>/loader_stubs.S
extern "C" void* FdoriginDlopenStub(const char* path, int flags);
extern "C" void* FdoriginDlsymStub(void* handle, const char* name);
extern "C" void* FdoriginDlvsymStub(void* handle, const char* name, const char* version);

namespace {

// A dlopen was handed on: there may be images that are not patched yet.
constinit std::atomic<bool> rescan_due{false};

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

// Before a symbol is looked up, its library is patched. The answer is the hook, if the symbol is a
// hooked function of libc; null hands the call on. RTLD_NEXT depends on the caller and is handed
// on: it is asked by wrappers of the function, which call what they find.
extern "C" void* FdoriginAnswerDlsym(void* handle, const char* name) {
  if (rescan_due.load(std::memory_order_acquire) && rescan_due.exchange(false)) {
    fdorigin::Patcher::Rescan();
  }
  if (name == nullptr || handle == RTLD_NEXT || !fdorigin::Patcher::IsHooked(name)) return nullptr;
  return fdorigin::Patcher::HookFor(name, dlsym(handle, name));
}

extern "C" void* FdoriginAnswerDlvsym(void* handle, const char* name, const char* version) {
  if (name == nullptr || handle == RTLD_NEXT || !fdorigin::Patcher::IsHooked(name)) return nullptr;
  return fdorigin::Patcher::HookFor(name, dlvsym(handle, name, version));
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
    {"dlsym", reinterpret_cast<void*>(&FdoriginDlsymStub), reinterpret_cast<void*>(&dlsym)},
    {"dlvsym", reinterpret_cast<void*>(&FdoriginDlvsymStub), reinterpret_cast<void*>(&dlvsym)},
    {"dlclose", reinterpret_cast<void*>(&Dlclose), reinterpret_cast<void*>(&dlclose)},
};

}  // namespace

std::span<const LoaderHook> LoaderHooks() { return kHooks; }

}  // namespace fdorigin
