#include "jvm/trigger_thread.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/raw_output.h"
#include "jvm/guarded.h"
#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

constexpr int64_t kListingMs = 100;
constexpr int64_t kFinishMs = 5000;

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

// Returns when the word is no longer `seen`, sooner for no reason, or when `timeout` (of
// CLOCK_MONOTONIC, absolute; null for none) has passed.
HOOK_SAFE void Await(std::atomic<uint32_t>* word, uint32_t seen, const timespec* timeout) {
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, timeout, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

HOOK_SAFE void RaiseAndWake(std::atomic<uint32_t>* word) {
  word->fetch_add(1, std::memory_order_release);
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX);
}

HOOK_SAFE int ThreadId() { return static_cast<int>(syscall(SYS_gettid)); }

// Of CLOCK_MONOTONIC.
HOOK_SAFE timespec FromNow(int64_t milliseconds) {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  const int64_t ns = time.tv_nsec + milliseconds * 1'000'000;
  return {time.tv_sec + ns / 1'000'000'000, ns % 1'000'000'000};
}

HOOK_SAFE bool IsOver(const timespec& end) {
  const timespec now = FromNow(0);
  return now.tv_sec != end.tv_sec ? now.tv_sec > end.tv_sec : now.tv_nsec >= end.tv_nsec;
}

// A java.lang.Thread that nobody has started. Null where Java refuses.
jobject NewThread(jvmtiEnv* jvmti, JNIEnv* jni, const char* name) {
  jint groups = 0;
  jthreadGroup* top = nullptr;
  if (jvmti->GetTopThreadGroups(&groups, &top) != JVMTI_ERROR_NONE || groups == 0) return nullptr;
  jobject thread = nullptr;
  jclass type = jni->FindClass("java/lang/Thread");
  jmethodID make = type == nullptr ? nullptr
                                   : jni->GetMethodID(type, "<init>",
                                                      "(Ljava/lang/ThreadGroup;Ljava/lang/String;)"
                                                      "V");
  jstring text = make == nullptr ? nullptr : jni->NewStringUTF(name);
  if (text != nullptr) thread = jni->NewObject(type, make, top[0], text);
  jni->ExceptionClear();
  jvmti->Deallocate(reinterpret_cast<unsigned char*>(top));
  return thread;
}

}  // namespace

bool TriggerThread::Start(JNIEnv* jni) {
  if (started_) return true;
  constexpr jint kReferences = 16;
  if (jni->PushLocalFrame(kReferences) != JNI_OK) {
    jni->ExceptionClear();
  } else {
    jobject thread = NewThread(jvmti_, jni, "fdorigin");
    const auto run = [](jvmtiEnv*, JNIEnv* own_jni, void* self) {
      static_cast<TriggerThread*>(self)->Run(own_jni);
    };
    started_ =
        thread != nullptr &&
        jvmti_->RunAgentThread(thread, run, this, JVMTI_THREAD_NORM_PRIORITY) == JVMTI_ERROR_NONE;
    jni->PopLocalFrame(nullptr);
  }
  if (!started_) PrintLine("the VM gives no thread for on=emfile and on=signal; they do nothing");
  return started_;
}

void TriggerThread::Ask(Kind kind) {
  const int saved = errno;
  Request& request = requests_[static_cast<size_t>(kind)];
  State idle = State::kIdle;
  if (request.state.compare_exchange_strong(idle, State::kBeingFilled, std::memory_order_acquire)) {
    Recorder::CopyThreadName(request.thread);
    request.state.store(State::kAsked, std::memory_order_release);
    RaiseAndWake(&asked_);
    if (kind == Kind::kEmfile) AwaitListing();
  }
  errno = saved;
}

void TriggerThread::AwaitListing() {
  if (ThreadId() == tid_.load(std::memory_order_acquire)) return;
  const timespec end = FromNow(kListingMs);
  while (listed_.load(std::memory_order_acquire) == 0 && !IsOver(end)) Await(&listed_, 0, &end);
}

bool TriggerThread::Serve(JNIEnv* jni, Kind kind) {
  Request& request = requests_[static_cast<size_t>(kind)];
  if (request.state.load(std::memory_order_acquire) != State::kAsked) return false;
  char thread[Recorder::kThreadNameBytes];
  std::memcpy(thread, request.thread, sizeof(thread));
  const bool once = kind == Kind::kEmfile;
  request.state.store(once ? State::kDone : State::kIdle, std::memory_order_release);
  Guarded([&] {
    const Snapshot snapshot = reporter_->ListDescriptors();
    if (once) RaiseAndWake(&listed_);
    Trigger trigger;
    trigger.kind = once ? "emfile" : "signal";
    trigger.thread = ToUtf8(std::string_view(thread));
    reporter_->Write(jni, snapshot, std::move(trigger)).IgnoreError();
  });
  RaiseAndWake(&served_);
  return true;
}

void TriggerThread::Run(JNIEnv* jni) {
  tid_.store(ThreadId(), std::memory_order_release);
  for (;;) {
    const uint32_t seen = asked_.load(std::memory_order_acquire);
    const bool emfile = Serve(jni, Kind::kEmfile);
    const bool signal = Serve(jni, Kind::kSignal);
    if (!emfile && !signal) Await(&asked_, seen, nullptr);
  }
}

void TriggerThread::Finish() {
  if (!started_) return;
  const timespec end = FromNow(kFinishMs);
  for (;;) {
    const uint32_t served = served_.load(std::memory_order_acquire);
    if (served == asked_.load(std::memory_order_acquire) || IsOver(end)) return;
    Await(&served_, served, &end);
  }
}

}  // namespace fdorigin
