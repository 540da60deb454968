#include "jvm/openj9_watcher.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "interpose/recorder.h"
#include "jvm/guarded.h"
#include "jvm/throwables.h"
#include "report/host.h"

namespace fdorigin {
namespace {

constinit Openj9Watcher* watcher = nullptr;

// The attempt of the current thread. Pointers only: thread-local storage must not be allocated.
struct OwnAttempt {
  bool running = false;
  Snapshot* before_dump = nullptr;  // owned
  int64_t started_ns = 0;           // the process
};
constinit thread_local OwnAttempt own_attempt;

// checkpointJVMImpl, bound.
void* original = nullptr;

// The native has had 14, 15 and 17 arguments, none of them a floating-point number. Every such
// argument takes one register or one word of the stack, in its low bits, so a wrapper that hands on
// as many words as there are arguments is right for each.
constexpr size_t kMostWords = 32;

template <size_t>
using WordOf = uint64_t;

template <size_t... kArgument>
void JNICALL Wrapper(JNIEnv* jni, jclass type, WordOf<kArgument>... arguments) {
  watcher->Begin();
  reinterpret_cast<void (*)(JNIEnv*, jclass, WordOf<kArgument>...)>(original)(jni, type,
                                                                              arguments...);
  watcher->End(jni);
}

template <size_t... kArgument>
void* WrapperOf(std::index_sequence<kArgument...>) {
  return reinterpret_cast<void*>(&Wrapper<kArgument...>);
}

template <size_t... kCount>
std::array<void*, sizeof...(kCount)> AllWrappers(std::index_sequence<kCount...>) {
  return {WrapperOf(std::make_index_sequence<kCount>())...};
}

// How many arguments a native method of this descriptor has; nothing where one is a floating-point
// number, or something is returned.
std::optional<size_t> CountWords(std::string_view descriptor) {
  if (!descriptor.starts_with('(') || !descriptor.ends_with(")V")) return std::nullopt;
  const std::string_view arguments = descriptor.substr(1, descriptor.size() - 3);
  size_t count = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t first = i;
    while (i < arguments.size() && arguments[i] == '[') ++i;
    if (i == arguments.size()) return std::nullopt;
    if (arguments[i] == 'L') {
      i = arguments.find(';', i);
      if (i == std::string_view::npos) return std::nullopt;
    } else if (i == first && (arguments[i] == 'F' || arguments[i] == 'D')) {
      return std::nullopt;
    }
    ++count;
  }
  return count;
}

// The events come with the JNIEnv and the thread behind the jvmtiEnv; nothing of it is needed, and
// JNI is not to be used: the other threads are stopped where they were.
void JNICALL CheckpointEvent(jvmtiEnv*, ...) {
  Guarded([] { watcher->OnCheckpoint(); });
}
void JNICALL RestoreEvent(jvmtiEnv*, ...) { Recorder::PidChanged(); }

Snapshot ListDescriptors(const FdTable& table) {
  const OwnWork own_work;
  return TakeSnapshot(table);
}

int64_t StartOfProcess() {
  const OwnWork own_work;
  return ProcessStartNs().value_or(0);
}

// Whether it is another process now that has gone on: restored from a dump, not left running. The
// start is known to some 10 ms.
bool IsRestored(int64_t started_ns) {
  constexpr int64_t kSame = 50'000'000;
  const int64_t now_ns = StartOfProcess();
  return now_ns - started_ns > kSame || started_ns - now_ns > kSame;
}

}  // namespace

bool Openj9Watcher::Start() {
  watcher = this;
  bool found = false;
  jint count = 0;
  jvmtiExtensionEventInfo* events = nullptr;
  if (jvmti_->GetExtensionEvents(&count, &events) != JVMTI_ERROR_NONE) return false;
  for (jint i = 0; i < count; ++i) {
    jvmtiExtensionEventInfo& event = events[i];
    const std::string_view id = event.id;
    jvmtiExtensionEvent callback = nullptr;
    if (id == "openj9.event.VMCheckpoint") {
      callback = reinterpret_cast<jvmtiExtensionEvent>(&CheckpointEvent);
    } else if (id == "openj9.event.VMRestore") {
      callback = reinterpret_cast<jvmtiExtensionEvent>(&RestoreEvent);
    }
    if (callback != nullptr) {
      found = true;
      jvmti_->SetExtensionEventCallback(event.extension_event_index, callback);
    }
    for (jint p = 0; p < event.param_count; ++p) {
      jvmti_->Deallocate(reinterpret_cast<unsigned char*>(event.params[p].name));
    }
    jvmti_->Deallocate(reinterpret_cast<unsigned char*>(event.params));
    jvmti_->Deallocate(reinterpret_cast<unsigned char*>(event.id));
    jvmti_->Deallocate(reinterpret_cast<unsigned char*>(event.short_description));
  }
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(events));
  return found;
}

void Openj9Watcher::Bind(std::string_view class_signature, std::string_view name,
                         std::string_view signature, void* address, void** replacement) {
  if (name != kNativeName || (class_signature != "Lopenj9/internal/criu/InternalCRIUSupport;" &&
                              class_signature != "Lorg/eclipse/openj9/criu/CRIUSupport;")) {
    return;
  }
  static const auto wrappers = AllWrappers(std::make_index_sequence<kMostWords + 1>());
  const std::optional<size_t> words = CountWords(signature);
  if (!words || *words > kMostWords) return;
  if (address != wrappers[*words]) original = address;
  *replacement = wrappers[*words];
}

void Openj9Watcher::Begin() {
  own_attempt.running = true;
  own_attempt.started_ns = StartOfProcess();
}

void Openj9Watcher::OnCheckpoint() {
  if (!own_attempt.running) return;
  delete own_attempt.before_dump;
  own_attempt.before_dump = nullptr;
  own_attempt.before_dump = new Snapshot(ListDescriptors(*table_));
}

void Openj9Watcher::End(JNIEnv* jni) {
  own_attempt.running = false;
  Recorder::PidChanged();
  jthrowable pending = jni->ExceptionOccurred();
  if (pending != nullptr) jni->ExceptionClear();
  Guarded([&] { Report(jni, pending); });
  if (pending == nullptr) return;
  jni->Throw(pending);
  jni->DeleteLocalRef(pending);
}

void Openj9Watcher::Report(JNIEnv* jni, jthrowable thrown) {
  const std::unique_ptr<Snapshot> before_dump(std::exchange(own_attempt.before_dump, nullptr));
  CheckpointFailure failure;
  if (thrown != nullptr) failure = ReadFailure(jni, thrown);
  // A failure after the dump is not the checkpoint's: JVMRestoreException, SystemRestoreException.
  if (thrown == nullptr || failure.class_name.ends_with("RestoreException")) {
    if (IsRestored(own_attempt.started_ns)) reporter_->NoteRestore();
    return;
  }
  if (!reports_.load(std::memory_order_relaxed)) return;
  Trigger trigger;
  trigger.kind = "checkpoint-failure";
  trigger.thread = reporter_->CurrentThreadName(jni);
  trigger.exception = std::move(failure);
  const Snapshot now = before_dump == nullptr ? ListDescriptors(*table_) : Snapshot();
  reporter_->Write(jni, before_dump == nullptr ? now : *before_dump, std::move(trigger))
      .IgnoreError();  // it has said so
}

}  // namespace fdorigin
