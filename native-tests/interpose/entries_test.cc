// What no slot shows: libc's calls to itself, and calls through addresses that somebody looked up.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "interpose/harness.h"

namespace fdorigin {
namespace {

using SocketFunction = int (*)(int, int, int);

// Calls socket by an address: seen once, as this program's own call.
void CheckSeenOnce(void* address) {
  REQUIRE(address != nullptr);
  const auto function = reinterpret_cast<SocketFunction>(address);
  Library library("calls_now");
  const int probe = library.Socket();
  const uint32_t generation = Harness::Get().table.Copy(probe)->generation;
  library.Close(probe);
  const int fd = function(AF_INET, SOCK_DGRAM, 0);
  REQUIRE(fd == probe);
  const std::optional<FdEntry> entry = Harness::Get().table.Copy(fd);
  REQUIRE(entry);
  CHECK(NameOf(entry->origin) == "socket");
  CHECK(entry->origin.arguments[0] == AF_INET);
  CHECK(entry->identity == IdentityOf(fd));
  CHECK(entry->generation == generation + 2);  // one end, one open
  const std::vector<Frame> frames = Harness::Get().stacks.Get(entry->origin.stack);
  REQUIRE(frames.size() > 3);
  CHECK(Harness::Get().images.Get(frames[0].image)->role == ImageRole::kSelf);
  library.Close(fd);
}

TEST_CASE("a call through an address from dlsym is seen once") {
  Harness& harness = Harness::Get();
  void* libc = ::dlopen("libc.so.6", RTLD_NOLOAD | RTLD_LAZY);
  REQUIRE(libc != nullptr);
  CheckSeenOnce(harness.dlsym(RTLD_DEFAULT, "socket"));
  CheckSeenOnce(harness.dlsym(libc, "socket"));
  CheckSeenOnce(harness.dlvsym(RTLD_DEFAULT, "socket", "GLIBC_2.2.5"));
  CheckSeenOnce(harness.dlvsym(libc, "socket", "GLIBC_2.2.5"));
  ::dlclose(libc);
}

// The file's bytes are the oracle: a library that is loaded has its code as it was linked.
TEST_CASE("calls that make no descriptor keep their code") {
  Harness::Get();
  for (const char* name : {"read", "write", "poll", "epoll_wait", "send", "recv", "lseek"}) {
    INFO(name);
    const auto* code = static_cast<const char*>(::dlsym(RTLD_DEFAULT, name));
    REQUIRE(code != nullptr);
    Dl_info info;
    REQUIRE(dladdr(code, &info) != 0);
    if (kSanitized) continue;  // the sanitizer's own functions, in the program itself
    std::ifstream file(info.dli_fname, std::ios::binary);
    // libc's code is mapped from the file at its own offset.
    file.seekg(code - static_cast<const char*>(info.dli_fbase));
    char linked[32] = {};
    REQUIRE(file.read(linked, sizeof(linked)));
    CHECK(std::memcmp(code, linked, sizeof(linked)) == 0);
  }
}

TEST_CASE("dlsym answers as it would without hooks, but for hooked functions") {
  Harness& harness = Harness::Get();
  CHECK(harness.dlsym(RTLD_DEFAULT, "getppid") == ::dlsym(RTLD_DEFAULT, "getppid"));
  // RTLD_NEXT is what wrappers ask for: they call what they find, and are not to find themselves.
  CHECK(harness.dlsym(RTLD_NEXT, "socket") == ::dlsym(RTLD_DEFAULT, "socket"));
  CHECK(harness.dlvsym(RTLD_NEXT, "socket", "GLIBC_2.2.5") == ::dlsym(RTLD_DEFAULT, "socket"));
  // What is not there has libc's own message.
  const auto message = [](void* found) {
    CHECK(found == nullptr);
    const char* text = dlerror();
    return std::string(text == nullptr ? "" : text);
  };
  dlerror();
  const std::string symbol = message(harness.dlsym(RTLD_DEFAULT, "heron_that_is_not_there"));
  CHECK(symbol.find("heron_that_is_not_there") != std::string::npos);
  const std::string version = message(harness.dlvsym(RTLD_DEFAULT, "socket", "GLIBC_0.1"));
  CHECK(version.find("GLIBC_0.1") != std::string::npos);
  if (kSanitized) return;
  // A library's own function of that name is its own.
  void* library = harness.dlopen(Fixture("own_close").c_str(), RTLD_LAZY);
  REQUIRE(library != nullptr);
  void* found = harness.dlsym(library, "close");
  CHECK(found == ::dlsym(library, "close"));
  CHECK(found != ::dlsym(RTLD_DEFAULT, "close"));
  harness.dlclose(library);
}

TEST_CASE("with hooks in slots dlsym answers with the hook", "[slots]") {
  if (kSanitized) SKIP("a sanitizer has functions of its own in libc's place");
  Harness& harness = Harness::Get();
  void* socket = harness.dlsym(RTLD_DEFAULT, "socket");
  CHECK(socket != ::dlsym(RTLD_DEFAULT, "socket"));
  CHECK(harness.images.Get(harness.images.Find(reinterpret_cast<uint64_t>(socket)))->role ==
        ImageRole::kSelf);
  // The program's own slots are left alone: this is libc's.
  const int fd = reinterpret_cast<SocketFunction>(::dlsym(RTLD_DEFAULT, "socket"))(AF_UNIX, 1, 0);
  REQUIRE(fd >= 0);
  CHECK_FALSE(harness.table.Copy(fd));
  close(fd);
}

TEST_CASE("with hooks in entries dlsym answers with libc's own address", "[.entries]") {
  Harness& harness = Harness::Get();
  for (const char* name : {"socket", "open", "close", "fopen", "accept4"}) {
    INFO(name);
    CHECK(harness.dlsym(RTLD_DEFAULT, name) == ::dlsym(RTLD_DEFAULT, name));
  }
  CheckSeenOnce(::dlsym(RTLD_DEFAULT, "socket"));
}

TEST_CASE("every entry is hooked in this glibc, or refused with a reason", "[.entries]") {
  Harness::Get();
  const Patcher::Totals totals = Patcher::GetTotals();
  CHECK(totals.libc_entries.size() > 30);
  for (const char* name : {"socket", "open", "close", "openat", "__open64_nocancel",
                           "__close_nocancel", "pipe2", "dup2", "close_range"}) {
    INFO(name);
    CHECK(std::count(totals.libc_entries.begin(), totals.libc_entries.end(), name) == 1);
  }
  for (const Patcher::Refusal& refusal : totals.refused) {
    INFO(refusal.what);
    CHECK_FALSE(refusal.reason.empty());
  }
}

// As libc loads NSS modules: by no hooked dlopen. What such a library does is recorded before the
// patcher has heard of it.
TEST_CASE("a library that nobody was told of has its frames and its name", "[.entries]") {
  Harness& harness = Harness::Get();
  const std::string path = Fixture("early");
  ImageId last = ImageId::kNone;
  for (int load = 0; load < 2; ++load) {
    INFO("load " << load);
    void* library = ::dlopen(path.c_str(), RTLD_NOW);
    REQUIRE(library != nullptr);
    const int fd = *static_cast<int*>(::dlsym(library, "heron_early_fd"));
    const std::optional<FdEntry> entry = harness.table.Copy(fd);
    REQUIRE(entry);
    Patcher::GetTotals();
    const Caller caller = CallerOf(entry->origin);
    CHECK(caller.function == "heron_early_socket");
    CHECK(caller.file == path);
    const std::vector<Frame> frames = harness.stacks.Get(entry->origin.stack);
    CHECK(harness.images.Get(frames.back().image)->role == ImageRole::kSelf);
    CHECK(harness.images.Get(caller.image)->build_id_size > 0);
    CHECK(caller.image != last);
    last = caller.image;
    close(fd);
    REQUIRE(::dlclose(library) == 0);
    Patcher::Rescan();
    CHECK(harness.images.Get(last)->loaded == 0);
  }
  // One that is gone before anybody looks.
  void* library = ::dlopen(path.c_str(), RTLD_NOW);
  REQUIRE(library != nullptr);
  const int fd = *static_cast<int*>(::dlsym(library, "heron_early_fd"));
  const ImageId image = CallerOf(harness.table.Copy(fd)->origin).image;
  CHECK(image != ImageId::kNone);
  close(fd);
  REQUIRE(::dlclose(library) == 0);
  Patcher::Rescan();
  CHECK(harness.images.Get(image)->loaded == 0);
}

// How often the lowest free number was opened while `act` ran and left it free, by its generation.
template <typename Act>
int OpensDuring(Act act) {
  Library library("calls_now");
  const int probe = library.Socket();
  const uint32_t before = Harness::Get().table.Copy(probe)->generation;
  library.Close(probe);
  act();
  REQUIRE(library.Socket() == probe);
  const uint32_t after = Harness::Get().table.Copy(probe)->generation;
  library.Close(probe);
  // Beside ours each open has its end.
  REQUIRE((after - before) % 2 == 0);
  return static_cast<int>(after - before) / 2 - 1;
}

TEST_CASE("what libc opens for itself is seen, from its open to its end", "[.entries]") {
  // A first time for what libc loads and reads once: nsswitch.conf, NSS modules.
  const auto user = [] { REQUIRE(getpwuid(0) != nullptr); };
  const auto localhost = [] {
    addrinfo* found = nullptr;
    REQUIRE(getaddrinfo("localhost", "80", nullptr, &found) == 0);
    freeaddrinfo(found);
  };
  user();
  localhost();
  CHECK(OpensDuring([] {}) == 0);
  CHECK(OpensDuring([] { fclose(fopen("/dev/null", "re")); }) == 1);
  CHECK(OpensDuring([] { closedir(opendir("/")); }) == 1);
  CHECK(OpensDuring(user) >= 1);
  CHECK(OpensDuring(localhost) >= 1);
  // Connects to the log's socket, or tries.
  CHECK(OpensDuring([] {
          openlog("heron", LOG_NDELAY, LOG_USER);
          syslog(LOG_DEBUG, "a line of fdorigin's tests");
          closelog();
        }) >= 1);
  CHECK(OpensDuring([] { CHECK(pclose(popen("true", "r")) == 0); }) == 1);
  CheckTableIsRight();
}

TEST_CASE("no lookup, stream, directory or child leaves a ghost", "[.entries]") {
  constexpr int kTimes = 10000;
  const uint64_t dropped = Harness::Get().table.dropped();
  for (int i = 0; i < kTimes; ++i) {
    FILE* stream = fopen("/dev/null", i % 2 == 0 ? "r" : "re");
    if (stream == nullptr || fclose(stream) != 0) FAIL("fopen or fclose, turn " << i);
  }
  CheckTableIsRight();
  for (int i = 0; i < kTimes; ++i) {
    DIR* directory = opendir("/proc/self");
    if (directory == nullptr || closedir(directory) != 0) FAIL("a directory, turn " << i);
  }
  CheckTableIsRight();
  for (int i = 0; i < kTimes; ++i) {
    addrinfo* found = nullptr;
    if (getaddrinfo("localhost", "80", nullptr, &found) != 0) FAIL("getaddrinfo, turn " << i);
    freeaddrinfo(found);
    if (getpwuid(static_cast<uid_t>(i)) == nullptr && i == 0) FAIL("there is no root");
  }
  CheckTableIsRight();
  // These close what they opened by an instruction of their own.
  for (int i = 0; i < kTimes; ++i) {
    ifaddrs* addresses = nullptr;
    if (getifaddrs(&addresses) != 0) FAIL("getifaddrs, turn " << i);
    freeifaddrs(addresses);
    struct if_nameindex* names = if_nameindex();
    if (names == nullptr) FAIL("if_nameindex, turn " << i);
    const unsigned index = names->if_index;
    char name[IF_NAMESIZE] = {};
    if (if_indextoname(index, name) == nullptr || if_nametoindex(name) != index) FAIL(name);
    if_freenameindex(names);
  }
  CheckTableIsRight();
  std::atomic<int> failed{0};
  const auto run = [&failed] {
    for (int i = 0; i < kTimes / 2; ++i) {
      FILE* child = popen("exit 3", i % 2 == 0 ? "r" : "we");
      const int status = child == nullptr ? -1 : pclose(child);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 3) ++failed;
    }
  };
  std::thread other(run);
  run();
  other.join();
  CHECK(failed == 0);
  CheckTableIsRight();
  CHECK(Harness::Get().table.dropped() == dropped);
}

}  // namespace
}  // namespace fdorigin
