#include "report/advice.h"

#include <string>

#include "catch2/catch_test_macros.hpp"
#include "report/culprit.h"
#include "report/open_fd.h"

namespace fdorigin {
namespace {

SymbolizedFrame Native(const char* symbol, FrameOwner owner, const char* module = "/x/lib.so") {
  SymbolizedFrame frame;
  frame.kind = FrameKind::kNative;
  frame.owner = owner;
  frame.symbol = symbol;
  frame.module = module;
  return frame;
}

SymbolizedFrame Java(const char* class_name, FrameOwner owner, bool native_method = false) {
  SymbolizedFrame frame;
  frame.kind = FrameKind::kJava;
  frame.owner = owner;
  frame.class_name = class_name;
  frame.method = "m";
  frame.native_method = native_method;
  return frame;
}

const SymbolizedFrame kLibc = Native("", FrameOwner::kLibc);
const SymbolizedFrame kLibnio = Native("Java_sun_nio", FrameOwner::kJdk);
const SymbolizedFrame kLibjvm = Native("os::open", FrameOwner::kJvm);
const SymbolizedFrame kNetty = Native("netty_epoll", FrameOwner::kApplication);
const SymbolizedFrame kJdkClass = Java("sun.nio.ch.Net", FrameOwner::kJdk, true);
const SymbolizedFrame kAppClass = Java("com.acme.Db", FrameOwner::kApplication);

TEST_CASE("the opener is whose code stands between libc and Java") {
  CHECK(FindOpener({}, true) == Opener::kUnknown);
  CHECK(FindOpener({kLibnio, kJdkClass, kAppClass}, true) == Opener::kJava);
  CHECK(FindOpener({kLibjvm, kLibjvm}, false) == Opener::kJvm);
  CHECK(FindOpener({kNetty, kAppClass}, true) == Opener::kNative);
  // The VM reads its own archives through the JDK's libzip.
  CHECK(FindOpener({Native("ZIP_Open", FrameOwner::kJdk), kLibjvm, kAppClass}, false) ==
        Opener::kJvm);
  const SymbolizedFrame net = Native("Java_sun_nio_ch_Net_socket0", FrameOwner::kJdk);
  CHECK(FindOpener({net, kLibjvm}, true) == Opener::kJava);  // the Zero VM, with its interpreter
  CHECK(FindOpener({kJdkClass, kAppClass}, true) == Opener::kJava);  // native frames were lost
  CHECK(FindOpener({kAppClass}, true) == Opener::kNative);           // foreign-function call
  CHECK(FindOpener({Native("hook", FrameOwner::kAgent), kLibnio}, true) == Opener::kJava);
}

TEST_CASE("what libc opens for itself is told from what it hands out") {
  const SymbolizedFrame getpwuid = Native("getpwuid_r", FrameOwner::kLibc);
  const SymbolizedFrame opendir = Native("opendir", FrameOwner::kLibc);
  CHECK(FindOpener({kLibc, getpwuid, kLibnio, kJdkClass}, true) == Opener::kLibc);
  CHECK(FindOpener({kLibc, getpwuid, kLibnio, kJdkClass}, false) == Opener::kLibc);
  CHECK(FindOpener({kLibc, opendir, kLibnio, kJdkClass}, false) == Opener::kJava);
  CHECK(FindOpener({kLibc, opendir, kLibjvm}, false) == Opener::kJvm);
  // An NSS module calls socket itself, from inside libc.
  CHECK(FindOpener({kNetty, kLibc, getpwuid, kLibnio}, true) == Opener::kNative);
  CHECK(LibcEntryPoint({kLibc, getpwuid, kLibnio})->symbol == "getpwuid_r");
  CHECK(LibcEntryPoint({kLibnio}) == nullptr);
}

AdviceQuery Query(const OpenDescriptor& descriptor, std::vector<SymbolizedFrame> frames,
                  FailureLevel level, const SymbolizedFrame* culprit) {
  AdviceQuery query;
  query.descriptor = &descriptor;
  query.attribution = "traced";
  query.level = level;
  query.frames = std::move(frames);
  query.culprit = culprit;
  return query;
}

bool Contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a policy is proposed only where one is asked") {
  OpenDescriptor file;
  file.kind = "file";
  file.target = "/var/log/app.log";
  const Advice java = Advise(Query(file, {kLibnio, kJdkClass}, FailureLevel::kJava, &kAppClass));
  CHECK(java.kind == "resource");
  CHECK(Contains(java.text, "com.acme.Db"));
  CHECK(Contains(java.text, "type: file"));
  const Advice vm = Advise(Query(file, {kLibnio, kJdkClass}, FailureLevel::kVm, &kAppClass));
  CHECK(vm.kind == "resource");
  CHECK_FALSE(Contains(vm.text, "type: file"));
  const Advice no_culprit = Advise(Query(file, {kLibnio, kJdkClass}, FailureLevel::kJava, nullptr));
  CHECK(no_culprit.kind == "policy");
  const Advice jdk = Advise(Query(file, {kLibnio, kJdkClass}, FailureLevel::kVm, nullptr));
  CHECK(jdk.kind == "jvm");
  const Advice jvm = Advise(Query(file, {kLibjvm}, FailureLevel::kVm, &kAppClass));
  CHECK(jvm.kind == "jvm");
  const Advice native = Advise(Query(file, {kNetty}, FailureLevel::kVm, &kNetty));
  CHECK(native.kind == "native");
  CHECK(Contains(native.text, "netty_epoll in lib.so"));
}

TEST_CASE("reopen is proposed for listening sockets only") {
  OpenDescriptor socket;
  socket.kind = "socket";
  socket.socket.emplace();
  socket.socket->state = "LISTEN";
  socket.socket->local = "[::]:8080";
  CHECK(Contains(Advise(Query(socket, {kLibnio, kJdkClass}, FailureLevel::kJava, nullptr)).text,
                 "action: reopen"));
  socket.socket->state = "ESTABLISHED";
  socket.socket->remote = "10.0.0.1:5432";
  CHECK_FALSE(
      Contains(Advise(Query(socket, {kLibnio, kJdkClass}, FailureLevel::kJava, nullptr)).text,
               "action: reopen"));
}

TEST_CASE("parts of a watch service and of a selector are advised as such") {
  OpenDescriptor socket;
  socket.kind = "socket";
  socket.socket.emplace();
  const SymbolizedFrame watch = Java("sun.nio.fs.LinuxWatchService", FrameOwner::kJdk);
  const SymbolizedFrame epoll = Java("sun.nio.ch.EPollSelectorImpl", FrameOwner::kJdk);
  CHECK(Contains(
      Advise(Query(socket, {kLibnio, watch, kAppClass}, FailureLevel::kVm, &kAppClass)).text,
      "closes the WatchService"));
  CHECK(Contains(
      Advise(Query(socket, {kLibnio, epoll, kAppClass}, FailureLevel::kVm, &kAppClass)).text,
      "their selector"));
  // A channel in a busy selector; one of no selector.
  CHECK(Contains(
      Advise(Query(socket, {kLibnio, kJdkClass}, FailureLevel::kSelector, &kAppClass)).text,
      "their selector"));
  CHECK_FALSE(
      Contains(Advise(Query(socket, {kLibnio, kJdkClass}, FailureLevel::kJava, &kAppClass)).text,
               "their selector"));
}

TEST_CASE("the culprit is the first application frame that has a name") {
  TestTable table;
  FdEntry entry;
  entry.origin = MakeRecord(kSocketCall, {}, StackId{1});
  entry.history = {MakeRecord(kDupCall, {}, StackId{2}), MakeRecord(kListenCall, {}, StackId{3})};
  std::vector<SymbolizedFrame> stacks[4];
  const StackFrames frames = [&](StackId id) -> const std::vector<SymbolizedFrame>& {
    return stacks[static_cast<size_t>(id)];
  };
  stacks[1] = {kLibnio, kJdkClass};
  CHECK_FALSE(FindCulprit(entry, table.table, frames).has_value());
  stacks[2] = {kAppClass};  // a later call that does not say what the socket is for
  CHECK_FALSE(FindCulprit(entry, table.table, frames).has_value());
  stacks[3] = {kLibnio, kJdkClass, kAppClass};
  std::optional<Culprit> culprit = FindCulprit(entry, table.table, frames);
  REQUIRE(culprit.has_value());
  CHECK(culprit->stack == StackId{3});
  CHECK(culprit->frame == 2);
  CHECK(culprit->step == &entry.history[1]);
  stacks[1] = {kLibnio, Java("", FrameOwner::kApplication), kNetty, kAppClass};
  culprit = FindCulprit(entry, table.table, frames);
  CHECK(culprit->stack == StackId{1});
  CHECK(culprit->frame == 2);  // the unloaded class before it has no name
  CHECK(culprit->step == nullptr);
}

TEST_CASE("a class that the JVM made up is the culprit only where there is nothing else") {
  TestTable table;
  FdEntry entry;
  entry.origin = MakeRecord(kSocketCall, {}, StackId{1});
  entry.history = {MakeRecord(kListenCall, {}, StackId{2})};
  std::vector<SymbolizedFrame> stacks[3];
  const StackFrames frames = [&](StackId id) -> const std::vector<SymbolizedFrame>& {
    return stacks[static_cast<size_t>(id)];
  };
  for (const char* name :
       {"com.acme.Db$$Lambda/0x00007f2b1c000a00", "com.acme.Db$$Lambda$14/0x0000000800c03000",
        "com.acme.Db$$Lambda$14/1234", "com.acme.Db$$Lambda$14",
        "com.acme.Generated/0x0000000800c0", "$Proxy12", "com.sun.proxy.$Proxy3",
        "jdk.proxy2.$Proxy5", "com.acme.$Proxy0"}) {
    INFO(name);
    const SymbolizedFrame made_up = Java(name, FrameOwner::kApplication);
    stacks[1] = {kLibnio, kJdkClass, made_up, kJdkClass, kAppClass};
    stacks[2] = {};
    std::optional<Culprit> culprit = FindCulprit(entry, table.table, frames);
    REQUIRE(culprit.has_value());
    CHECK(culprit->frame == 4);

    stacks[1] = {kLibnio, kJdkClass, made_up, made_up};
    culprit = FindCulprit(entry, table.table, frames);
    REQUIRE(culprit.has_value());
    CHECK(culprit->frame == 2);
    CHECK(culprit->step == nullptr);

    // A later call with a real name says more.
    stacks[2] = {kJdkClass, made_up, kAppClass};
    culprit = FindCulprit(entry, table.table, frames);
    REQUIRE(culprit.has_value());
    CHECK(culprit->stack == StackId{2});
    CHECK(culprit->frame == 2);
    stacks[1] = {kLibnio, kJdkClass};
    stacks[2] = {kJdkClass, made_up};
    culprit = FindCulprit(entry, table.table, frames);
    REQUIRE(culprit.has_value());
    CHECK(culprit->stack == StackId{2});
    CHECK(culprit->frame == 1);
  }
  // Names that only look so.
  for (const char* name : {"com.acme.$ProxyFactory", "com.acme.$Proxy", "com.acme.Web$Proxy1",
                           "com.acme.Proxy1", "com.acme.Main$1"}) {
    INFO(name);
    stacks[1] = {kLibnio, kJdkClass, Java(name, FrameOwner::kApplication), kAppClass};
    CHECK(FindCulprit(entry, table.table, frames)->frame == 2);
  }
}

}  // namespace
}  // namespace fdorigin
