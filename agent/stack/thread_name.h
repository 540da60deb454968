// Reads the name of the virtual thread that runs out of HotSpot's Java heap, without asking the VM:
// the carrier may hold a lock for which the VM would have it wait.
//
// Who calls it: JavaWalker; Learn() cold, on a Java thread in native state, Read() in hook context,
// on one that runs a virtual thread.
//
// A collector moves objects while such a thread goes on. So only those are read from that move them
// in pauses (Serial, Parallel, G1), which count each pause before they move anything and say while
// one lasts: what was read is believed if there was none from the first load to the last. It may be
// that nothing is mapped there any more, so the kernel reads. And the places of the fields are in
// no table: they are believed once the name of one thread was read that JVMTI says is its.
#ifndef FDORIGIN_AGENT_STACK_THREAD_NAME_H_
#define FDORIGIN_AGENT_STACK_THREAD_NAME_H_

#include <jvmti.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hook_safe.h"

namespace fdorigin {

class ThreadNameReader {
 public:
  // Where things are in this VM. -1 for what is not known.
  struct Layout {
    int thread_object = -1;   // JavaThread::_threadObj, a pointer to a reference
    int thread_virtual = -1;  // _vthread, another: to what runs as the current thread
    uint64_t heap = 0;
    int heap_collections = -1;
    int heap_in_pause = -1;
    bool narrow = true;  // references in objects have 32 bits
    uint64_t narrow_base = 0;
    int narrow_shift = 0;
    int thread_name = -1;  // Thread.name
    int string_value = -1;
    int string_coder = -1;
    int array_length = -1;
    int array_first = -1;
  };

  // `thread` is the calling one, no virtual one, `java_thread` HotSpot's JavaThread for it, and
  // `name` its name by JVMTI. Where it fails it may be tried again on another thread, some times.
  void Learn(JavaVM* vm, JNIEnv* jni, jthread thread, const void* java_thread,
             std::string_view name);

  // Copies the name in UTF-8, cut at `size` - 1 bytes and no character in two; "" where it could
  // not be told, before Learn() for one.
  HOOK_SAFE void Read(const void* java_thread, char* name, size_t size) const;

  // The name of what runs as the current thread, if that is a virtual thread, or if it is none, as
  // asked for.
  HOOK_SAFE static bool ReadBy(const Layout& layout, const void* java_thread, bool is_virtual,
                               char* name, size_t size);

 private:
  static constexpr int kMostAttempts = 8;

  enum class State : uint8_t { kUntried, kLearning, kKnown };

  static bool ReadTables(JavaVM* vm, Layout* layout);
  static bool ReadFields(JNIEnv* jni, jthread thread, Layout* layout);
  Layout layout_;  // does not change once it is known
  std::atomic<State> state_{State::kUntried};
  std::atomic<int> attempts_{0};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_THREAD_NAME_H_
