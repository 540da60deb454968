#include "interpose/harness.h"

#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "interpose/calls.h"

namespace fdorigin {

std::string Fixture(std::string_view name) {
  return std::string(TEST_FIXTURES "/lib") + std::string(name) + ".so";
}

Harness& Harness::Get() {
  static Harness& harness = *new Harness;
  return harness;
}

Harness::Harness() {
  // Lazily, so that the slots of the first one are not bound when the hooks come.
  REQUIRE(::dlopen(Fixture("calls_lazy").c_str(), RTLD_LAZY) != nullptr);
  void* loader = ::dlopen(Fixture("loader").c_str(), RTLD_LAZY);
  REQUIRE(loader != nullptr);
  dlopen = reinterpret_cast<decltype(dlopen)>(::dlsym(loader, "heron_dlopen"));
  dlsym = reinterpret_cast<decltype(dlsym)>(::dlsym(loader, "heron_dlsym"));
  dlclose = reinterpret_cast<decltype(dlclose)>(::dlsym(loader, "heron_dlclose"));
  REQUIRE(region_.Create(64 << 20));
  REQUIRE(strings.Create(&region_));
  REQUIRE(images.Create(&region_));
  REQUIRE(stacks.Create(&region_));
  REQUIRE(table.Create(&region_));
  REQUIRE(native_walker_.Create(&region_, &images));
  table.SetCalls(HookedCalls());
  Recorder::Install(&table, &recorder_, &strings, false);
  Patcher::Start(&images, &strings);
}

Library::Library(std::string_view name)
    : path_(Fixture(name)), handle_(Harness::Get().dlopen(path_.c_str(), RTLD_LAZY)) {
  REQUIRE(handle_ != nullptr);
  socket_ = Find("socket");
  close_ = Find("close");
}

Library::~Library() {
  if (handle_ != nullptr) Harness::Get().dlclose(handle_);
}

heron_function Library::Find(const std::string& name) {
  // Not the hooked dlsym, which would look for new libraries.
  return reinterpret_cast<heron_function>(dlsym(handle_, ("heron_" + name).c_str()));
}

int Library::Call(const std::string& name, heron_request* request) {
  const heron_function function = Find(name);
  if (function == nullptr) std::abort();  // not REQUIRE, which is for one thread only
  return function(request);
}

int Library::Socket() {
  heron_request request = {.a = AF_UNIX, .b = SOCK_STREAM};
  return socket_(&request);
}

int Library::Close(int fd) {
  heron_request request = {.a = fd};
  return close_(&request);
}

Caller CallerOf(const CallRecord& record) {
  Harness& harness = Harness::Get();
  Caller caller;
  const std::vector<Frame> frames = harness.stacks.Get(record.stack);
  if (frames.empty()) return caller;
  const Frame& frame = frames[0];
  const Image* image = harness.images.Get(frame.image);
  if (frame.kind != FrameKind::kNative || image == nullptr) return caller;
  // The frame is where the call returns to: one byte back is in the call.
  const uint64_t address = image->load_bias + frame.value - 1;
  Dl_info info = {};
  if (dladdr(reinterpret_cast<void*>(address), &info) == 0 || info.dli_sname == nullptr) {
    return caller;
  }
  caller.image = frame.image;
  caller.function = info.dli_sname;
  if (harness.strings.Get(image->path) == info.dli_fname) caller.file = info.dli_fname;
  return caller;
}

std::string NameOf(const CallRecord& record) { return Harness::Get().table.call(record.call).name; }

FdIdentity IdentityOf(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

}  // namespace fdorigin
