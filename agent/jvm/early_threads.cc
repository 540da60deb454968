#include "jvm/early_threads.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/own_memory.h"
#include "interpose/recorder.h"
#include "jvm/java_thread.h"

namespace fdorigin {
namespace {

class ThreadIds {
 public:
  ThreadIds(JNIEnv* jni, jthread any, const VmFacts& facts)
      : java_threads_(jni, any), os_thread_(facts.os_thread_offset), id_(facts.thread_id_offset) {}

  bool known() const { return os_thread_ >= 0 && id_ >= 0 && java_threads_.known(); }

  // The thread may end meanwhile. 0 where it is not known. True only if the thread is alive after
  // this.
  int Of(jthread thread) const {
    const uint64_t java_thread = java_threads_.Of(thread);
    uint64_t os_thread = 0;
    pid_t id = 0;
    if (java_thread == 0 ||
        !ReadOwnMemory(java_thread + static_cast<uint64_t>(os_thread_), &os_thread) ||
        os_thread == 0 || !ReadOwnMemory(os_thread + static_cast<uint64_t>(id_), &id)) {
      return 0;
    }
    return id;
  }

 private:
  const JavaThreadField java_threads_;
  const ptrdiff_t os_thread_;
  const ptrdiff_t id_;
};

bool IsAlive(jvmtiEnv* jvmti, jthread thread) {
  jint state = 0;
  return jvmti->GetThreadState(thread, &state) == JVMTI_ERROR_NONE &&
         (state & JVMTI_THREAD_STATE_ALIVE) != 0;
}

}  // namespace

void NameEarlyThreads(jvmtiEnv* jvmti, JNIEnv* jni, jthread current, const VmFacts& facts) {
  const ThreadIds ids(jni, current, facts);
  jint count = 0;
  jthread* threads = nullptr;
  if (!ids.known() || jvmti->GetAllThreads(&count, &threads) != JVMTI_ERROR_NONE) return;
  std::vector<Recorder::EarlyThread> named(static_cast<size_t>(count));
  bool are_all = true;
  for (jint i = 0; i < count; ++i) {
    Recorder::EarlyThread& entry = named[static_cast<size_t>(i)];
    const int id = ids.Of(threads[i]);
    // The id was read from a live thread's memory if the thread is alive now.
    if (!IsAlive(jvmti, threads[i])) continue;
    const std::optional<std::string> name = ThreadName(jvmti, jni, threads[i]);
    if (id == 0 || !name) {
      are_all = false;
      continue;
    }
    entry.SetName(*name);
    entry.tid.store(id, std::memory_order_relaxed);
  }
  Recorder::SetEarlyThreads(std::move(named), are_all);
  for (jint i = 0; i < count; ++i) {
    // From here on ThreadEnd takes the name away. Who ended before that has not come to it.
    if (!IsAlive(jvmti, threads[i])) Recorder::ForgetEarlyThread(i);
    jni->DeleteLocalRef(threads[i]);
  }
  jvmti->Deallocate(reinterpret_cast<unsigned char*>(threads));
}

}  // namespace fdorigin
