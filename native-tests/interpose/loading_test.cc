// Libraries come and go in many ways; each is hooked when it is used, and none is broken.
#include <dlfcn.h>
#include <link.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "interpose/harness.h"

namespace fdorigin {
namespace {

// Whether this very descriptor was seen. Of a number that the program itself closed, whose calls
// are not hooked, an older one may be known.
bool IsKnown(int fd) {
  const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
  return entry && entry->identity == IdentityOf(fd);
}

// Makes a socket through a library that is loaded already; whether that was recorded as its doing.
bool IsHooked(void* library, const std::string& path) {
  const auto function = reinterpret_cast<heron_function>(dlsym(library, "heron_socket"));
  const auto end = reinterpret_cast<heron_function>(dlsym(library, "heron_close"));
  REQUIRE(function != nullptr);
  REQUIRE(end != nullptr);
  heron_request request = {.a = AF_UNIX, .b = SOCK_STREAM};
  const int fd = function(&request);
  REQUIRE(fd >= 0);
  const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
  const bool recorded = entry && entry->identity == IdentityOf(fd) &&
                        CallerOf(entry->origin).function == "heron_socket" &&
                        CallerOf(entry->origin).file == path;
  request.a = fd;
  end(&request);
  return recorded && !Harness::Get().table.Copy(fd);
}

uint64_t BaseOf(void* library) {
  link_map* map = nullptr;
  REQUIRE(dlinfo(library, RTLD_DI_LINKMAP, &map) == 0);
  return map->l_addr;
}

// Page -> protection, of all pages that are mapped from `path` or follow such a page without a
// name.
std::map<uint64_t, std::string> Protections(const std::string& path) {
  std::map<uint64_t, std::string> pages;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long low = 0;
    unsigned long high = 0;
    char protection[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &low, &high, protection) != 3) continue;
    if (line.find(path) == std::string::npos) continue;
    for (unsigned long page = low; page < high; page += 4096) pages[page] = protection;
  }
  return pages;
}

TEST_CASE("a library that was there before the hooks is hooked") {
  Harness::Get();
  const std::string path = Fixture("calls_lazy");
  void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  REQUIRE(library != nullptr);
  CHECK(IsHooked(library, path));
  dlclose(library);
}

TEST_CASE("pages have the protection that the loader gave them", "[slots]") {
  Harness::Get();
  const std::string name = GENERATE("calls_now", "calls_noplt", "calls_second", "slots");
  INFO(name);
  const std::string path = Fixture(name);
  const int slots = Patcher::GetTotals().slots;
  // By the test itself, which is not hooked: nothing is patched yet.
  void* library = dlopen(path.c_str(), RTLD_LAZY);
  REQUIRE(library != nullptr);
  const auto before = Protections(path);
  Patcher::Rescan();
  CHECK(Patcher::GetTotals().slots > slots);
  const auto after = Protections(path);
  CHECK(before.size() > 3);
  CHECK(before == after);
  dlclose(library);
  Patcher::Rescan();
}

TEST_CASE("a library loaded by path from another library is hooked when dlopen returns") {
  Harness& harness = Harness::Get();
  const std::string path = Fixture("calls_second");
  void* library = harness.dlopen(path.c_str(), RTLD_LAZY);
  REQUIRE(library != nullptr);
  CHECK(IsHooked(library, path));
  CHECK(harness.dlclose(library) == 0);
}

// Who calls dlopen decides where a bare name is looked for.
TEST_CASE("a bare name is found through the caller's RUNPATH, and hooked when it is used") {
  if (kSanitized) SKIP("the sanitizer's own dlopen is the caller");
  Harness& harness = Harness::Get();
  // Nobody else finds it.
  REQUIRE(dlopen("libcalls_hidden.so", RTLD_LAZY) == nullptr);
  void* library = harness.dlopen("libcalls_hidden.so", RTLD_LAZY);
  REQUIRE(library != nullptr);
  REQUIRE(harness.dlsym(library, "heron_socket") != nullptr);
  CHECK(IsHooked(library, std::string(TEST_FIXTURES) + "/sub/libcalls_hidden.so"));
  CHECK(harness.dlclose(library) == 0);
}

TEST_CASE("a failed dlopen is the application's, with its message") {
  Harness& harness = Harness::Get();
  for (const char* path : {"libfdorigin-not-there.so", "/not/there/libfdorigin.so"}) {
    INFO(path);
    dlerror();
    CHECK(harness.dlopen(path, RTLD_NOW) == nullptr);
    const char* message = dlerror();
    REQUIRE(message != nullptr);
    CHECK(std::string(message).find(path) != std::string::npos);
  }
  dlerror();
  CHECK(harness.dlsym(RTLD_DEFAULT, "fdorigin_not_there") == nullptr);
  const char* message = dlerror();
  REQUIRE(message != nullptr);
  CHECK(std::string(message).find("fdorigin_not_there") != std::string::npos);
  // The whole program, whose symbols include those of the test.
  void* program = harness.dlopen(nullptr, RTLD_NOW);
  REQUIRE(program != nullptr);
  CHECK(harness.dlsym(program, "dlopen") != nullptr);
  harness.dlclose(program);
}

TEST_CASE("a library that is unloaded and loaded again is hooked again, as another image") {
  Harness& harness = Harness::Get();
  const bool hooked_loader = GENERATE(true, false);
  INFO("hooked loader: " << hooked_loader);
  const std::string path = Fixture("calls_second");
  ImageId last = ImageId::kNone;
  for (int turn = 0; turn < 3; ++turn) {
    void* library =
        hooked_loader ? harness.dlopen(path.c_str(), RTLD_LAZY) : dlopen(path.c_str(), RTLD_LAZY);
    REQUIRE(library != nullptr);
    // What nobody told us of is found when something else is loaded.
    if (!hooked_loader) Patcher::Rescan();
    CHECK(IsHooked(library, path));
    const ImageId id = harness.images.Find(BaseOf(library));
    CHECK(id != ImageId::kNone);
    CHECK(id != last);
    last = id;
    REQUIRE((hooked_loader ? harness.dlclose(library) : dlclose(library)) == 0);
    REQUIRE(dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD) == nullptr);
    // Unloaded and loaded again between two looks at the list.
    if (!hooked_loader && turn == 1) continue;
    Patcher::Rescan();
    CHECK(harness.images.Get(id)->loaded == 0);
  }
}

// A file that was rebuilt while the application ran: same name, same place, another library.
TEST_CASE("another library of the same name at the same place is another image") {
  Harness& harness = Harness::Get();
  char folder[] = "/tmp/fdorigin-test-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/libreed.so";
  std::filesystem::copy_file(Fixture("reed200"), path);
  void* library = dlopen(path.c_str(), RTLD_NOW);
  REQUIRE(library != nullptr);
  Patcher::Rescan();
  const uint64_t base = BaseOf(library);
  const ImageId first = harness.images.Find(base);
  REQUIRE(first != ImageId::kNone);
  dlclose(library);
  std::filesystem::remove(path);
  std::filesystem::copy_file(Fixture("reed400"), path);
  library = dlopen(path.c_str(), RTLD_NOW);
  REQUIRE(library != nullptr);
  Patcher::Rescan();
  REQUIRE(BaseOf(library) == base);  // otherwise nothing was tried
  const ImageId second = harness.images.Find(base);
  CHECK(second != ImageId::kNone);
  CHECK(second != first);
  CHECK(harness.images.Get(first)->loaded == 0);
  dlclose(library);
  std::filesystem::remove_all(folder);
}

// dlsym on the library itself: the counter is its own.
int OwnCloses(const char* path) {
  void* library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  REQUIRE(library != nullptr);
  const int count = *static_cast<int*>(dlsym(library, "heron_own_closes"));
  dlclose(library);
  return count;
}

TEST_CASE("a library with a close of its own keeps it") {
  Harness& harness = Harness::Get();
  const std::string name = GENERATE("own_close_symbolic", "deepbind_now", "deepbind_lazy");
  INFO(name);
  if (kSanitized) SKIP("sanitizers refuse RTLD_DEEPBIND");
  const std::string path = Fixture(name);
  const std::string owner = name == "own_close_symbolic" ? path : Fixture("own_close");
  void* library = harness.dlopen(path.c_str(), RTLD_LAZY | RTLD_DEEPBIND);
  REQUIRE(library != nullptr);
  const auto function = reinterpret_cast<heron_function>(dlsym(library, "heron_calls_close"));
  REQUIRE(function != nullptr);
  const int before = OwnCloses(owner.c_str());
  heron_request request = {.a = dup(0)};
  REQUIRE(request.a > 0);
  CHECK(function(&request) == 0);
  CHECK(IdentityOf(request.a) == FdIdentity{});
  CHECK(OwnCloses(owner.c_str()) == before + 1);
  // What is not hooked is said.
  bool said = name == "own_close_symbolic" || Harness::HooksLibc();
  for (const Patcher::Refusal& refusal : Patcher::GetTotals().refused) {
    said = said ||
           (refusal.what == "close in " + path && refusal.reason.find(owner) != std::string::npos);
  }
  CHECK(said);
  CHECK(harness.dlclose(library) == 0);
}

TEST_CASE("a library that sees its own functions first is told of them by dlsym") {
  if (kSanitized) SKIP("sanitizers refuse RTLD_DEEPBIND");
  Harness& harness = Harness::Get();
  const std::string path = Fixture("deepbind_now");
  for (const int flags : {RTLD_LAZY | RTLD_DEEPBIND, RTLD_LAZY}) {
    INFO(flags);
    void* library = harness.dlopen(path.c_str(), flags);
    REQUIRE(library != nullptr);
    const auto ask = reinterpret_cast<void* (*)(const char*)>(dlsym(library, "heron_default"));
    const auto ask_version = reinterpret_cast<void* (*)(const char*, const char*)>(
        dlsym(library, "heron_default_version"));
    REQUIRE(ask != nullptr);
    REQUIRE(ask_version != nullptr);
    // Its scope has a close of its own. A plain library sees it after libc's, a deeply bound one
    // before.
    void* const own = dlsym(library, "close");
    const bool deep = (flags & RTLD_DEEPBIND) != 0;
    CHECK(own != ::dlsym(RTLD_DEFAULT, "close"));
    CHECK(ask("close") == (deep ? own : ::dlsym(RTLD_DEFAULT, "close")));
    if (!deep) CHECK(ask_version("close", "GLIBC_2.2.5") == ::dlsym(RTLD_DEFAULT, "close"));
    // All others are libc's, and hooked.
    const auto open_socket = reinterpret_cast<int (*)(int, int, int)>(ask("socket"));
    const int fd = open_socket(AF_UNIX, SOCK_STREAM, 0);
    const std::optional<FdEntry> entry = harness.table.Copy(fd);
    REQUIRE(entry);
    CHECK(entry->identity == IdentityOf(fd));
    CHECK(close(fd) == 0);
    CHECK(harness.dlclose(library) == 0);
  }
}

TEST_CASE("a library in a namespace of its own is left alone, and that is said") {
  if (kSanitized) SKIP("sanitizers do not know dlmopen");
  Harness& harness = Harness::Get();
  void* library = harness.dlmopen(Fixture("calls_second").c_str(), RTLD_NOW);
  REQUIRE(library != nullptr);
  const auto open_socket = reinterpret_cast<heron_function>(dlsym(library, "heron_socket"));
  const auto close_it = reinterpret_cast<heron_function>(dlsym(library, "heron_close"));
  heron_request request = {.a = AF_UNIX, .b = SOCK_STREAM};
  request.a = open_socket(&request);
  REQUIRE(request.a >= 0);
  CHECK_FALSE(IsKnown(request.a));
  bool said = false;
  for (const Patcher::Refusal& refusal : Patcher::GetTotals().refused) {
    said = said || refusal.what.find("dlmopen") != std::string::npos;
  }
  CHECK(said);
  CHECK(close_it(&request) == 0);
  CHECK(dlclose(library) == 0);
}

// Its constructor and destructor load and unload another one, through hooks, in the middle of ours.
TEST_CASE("a library that loads another while it is loaded comes through") {
  Harness& harness = Harness::Get();
  const std::string other = Fixture("calls_second");
  REQUIRE(setenv("HERON_NESTED", other.c_str(), 1) == 0);
  std::atomic<bool> done{false};
  // Another thread makes the lists of images change meanwhile.
  std::thread rival([&] {
    const std::string path = Fixture("calls_noplt");
    while (!done.load()) {
      void* library = harness.dlopen(path.c_str(), RTLD_LAZY);
      if (library != nullptr) harness.dlclose(library);
    }
  });
  const std::string nested = Fixture("nested");
  int loaded = 0;
  for (int i = 0; i < 100; ++i) {
    void* library = harness.dlopen(nested.c_str(), RTLD_NOW);
    if (library == nullptr) break;
    ++loaded;
    harness.dlclose(library);
  }
  done = true;
  rival.join();
  CHECK(loaded == 100);
  unsetenv("HERON_NESTED");
}

TEST_CASE("the program itself and libc are looked at, and left alone", "[slots]") {
  Harness& harness = Harness::Get();
  CHECK(harness.images.Get(harness.images.Find(reinterpret_cast<uint64_t>(&Fixture)))->role ==
        ImageRole::kSelf);
  CHECK(harness.images.Get(harness.images.Find(reinterpret_cast<uint64_t>(&::dup3)))->role ==
        ImageRole::kLibc);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_FALSE(IsKnown(fd));
  close(fd);
}

}  // namespace
}  // namespace fdorigin
