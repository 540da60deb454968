// The core of the agent in a process without a JVM: real tables, real hooks, in every library but
// the program itself. Calls are made through fixtures, because the program's own are not hooked.
//
// Hooks cannot be taken out again: they are put in by the first test that asks for the harness, and
// stay. ctest runs each test in a process of its own; run together they do not disturb each other.
//
// FDORIGIN_TEST_LIBC=on in the environment hooks libc's entries too, as the agent does by default.
// The program's own calls are seen then as well. ctest runs the tests both ways: tagged [slots]
// without, [.entries] with the entries only.
#ifndef FDORIGIN_NATIVE_TESTS_INTERPOSE_HARNESS_H_
#define FDORIGIN_NATIVE_TESTS_INTERPOSE_HARNESS_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fdtable/fd_table.h"
#include "fixtures/calls.h"
#include "interpose/patcher.h"
#include "interpose/recorder.h"
#include "stack/native_walker.h"
#include "stack/stack_recorder.h"
#include "stack/stack_store.h"

namespace fdorigin {

// A sanitizer stands between the application and libc, and forbids some of what is tested.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// The path of a fixture: Fixture("calls_now") is .../libcalls_now.so.
std::string Fixture(std::string_view name);

class Harness {
 public:
  // Puts the hooks in, at the first call. libcalls_lazy.so and libloader.so were loaded before.
  static Harness& Get();

  FdTable table;
  StackStore stacks;
  ImageTable images;
  StringStore strings;
  FactStore facts;

  // Whether the entries of libc's functions are hooked.
  static bool HooksLibc();
  // The numbers that were open when the hooks came: nothing is known of them.
  std::set<int> inherited;

  // Of the fixture libloader.so: these are hooked, and their caller is that library.
  void* (*dlopen)(const char* path, int flags) = nullptr;
  void* (*dlmopen)(const char* path, int flags) = nullptr;  // in a namespace of its own
  void* (*dlsym)(void* library, const char* name) = nullptr;
  void* (*dlvsym)(void* library, const char* name, const char* version) = nullptr;
  int (*dlclose)(void* library) = nullptr;

 private:
  Harness();
  Region region_;
  NativeWalker native_walker_;
  JavaWalker java_walker_;
  StackRecorder recorder_{&images, &native_walker_, &java_walker_, &stacks};
};

// A loaded fixture with the functions of calls.c.
class Library {
 public:
  // Loaded through the hooked dlopen of libloader.so.
  explicit Library(std::string_view name);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // Calls heron_<name>. On any thread.
  int Call(const std::string& name, heron_request* request);
  // A socket made and a descriptor closed by it. In signal handlers, too.
  int Socket();
  int Close(int fd);

  const std::string& path() const { return path_; }

 private:
  heron_function Find(const std::string& name);

  std::string path_;
  void* handle_;
  heron_function socket_ = nullptr;  // null in a library without it
  heron_function close_ = nullptr;
};

// A function on a recorded stack, as dladdr knows it, and the file that it is in.
struct Caller {
  std::string function;
  std::string file;
  ImageId image = ImageId::kNone;
  size_t frame = 0;  // its place on the stack
};
// The function that made a recorded call.
Caller CallerOf(const CallRecord& record);
// The innermost one that is not libc's.
Caller CallerOutsideLibc(const CallRecord& record);

// The name of the recorded call.
std::string NameOf(const CallRecord& record);

// What the kernel says of an open descriptor; {} where it is not open.
FdIdentity IdentityOf(int fd);

// The numbers below `end` that are open, by asking for each.
std::set<int> OpenDescriptors(int end = 1024);

// Every descriptor that was opened since the hooks came has its record, and nothing else has one.
void CheckTableIsRight();

}  // namespace fdorigin

#endif  // FDORIGIN_NATIVE_TESTS_INTERPOSE_HARNESS_H_
