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

bool Harness::HooksLibc() {
  const char* wanted = std::getenv("FDORIGIN_TEST_LIBC");
  return wanted != nullptr && std::string_view(wanted) == "on";
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
  dlmopen = reinterpret_cast<decltype(dlmopen)>(::dlsym(loader, "heron_dlmopen"));
  dlsym = reinterpret_cast<decltype(dlsym)>(::dlsym(loader, "heron_dlsym"));
  dlvsym = reinterpret_cast<decltype(dlvsym)>(::dlsym(loader, "heron_dlvsym"));
  dlclose = reinterpret_cast<decltype(dlclose)>(::dlsym(loader, "heron_dlclose"));
  REQUIRE(region_.Create(64 << 20));
  REQUIRE(strings.Create(&region_));
  REQUIRE(facts.Create(&region_, &strings));
  REQUIRE(images.Create(&region_));
  REQUIRE(stacks.Create(&region_));
  REQUIRE(table.Create(&region_));
  REQUIRE(native_walker_.Create(&region_, &images));
  table.SetCalls(HookedCalls());
  Recorder::Install(&table, &recorder_, &strings, false);
  PrepareHooks();
  inherited = OpenDescriptors();
  Patcher::Start(&images, &strings, &facts, HooksLibc());
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

namespace {

Caller CallerAt(const std::vector<Frame>& frames, size_t at) {
  Harness& harness = Harness::Get();
  Caller caller;
  if (at >= frames.size()) return caller;
  const Frame& frame = frames[at];
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
  caller.frame = at;
  return caller;
}

}  // namespace

Caller CallerOf(const CallRecord& record) {
  return CallerAt(Harness::Get().stacks.Get(record.stack), 0);
}

Caller CallerOutsideLibc(const CallRecord& record) {
  Harness& harness = Harness::Get();
  const std::vector<Frame> frames = harness.stacks.Get(record.stack);
  size_t at = 0;
  while (at < frames.size()) {
    const Image* image = harness.images.Get(frames[at].image);
    if (image == nullptr || image->role != ImageRole::kLibc) break;
    ++at;
  }
  return CallerAt(frames, at);
}

std::string NameOf(const CallRecord& record) { return Harness::Get().table.call(record.call).name; }

FdIdentity IdentityOf(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

std::set<int> OpenDescriptors(int end) {
  std::set<int> open;
  for (int fd = 0; fd < end; ++fd) {
    if (!(IdentityOf(fd) == FdIdentity{})) open.insert(fd);
  }
  return open;
}

void CheckTableIsRight() {
  constexpr int kEnd = 1024;
  const Harness& harness = Harness::Get();
  const std::set<int> open = OpenDescriptors(kEnd);
  for (int fd = 0; fd < kEnd; ++fd) {
    INFO("descriptor " << fd);
    const std::optional<FdEntry> entry = harness.table.Copy(fd);
    if (entry) {
      CHECK(open.contains(fd));
      CHECK(entry->identity == IdentityOf(fd));
      CHECK_FALSE(entry->lost);
    } else {
      CHECK((!open.contains(fd) || harness.inherited.contains(fd)));
    }
  }
}

}  // namespace fdorigin
