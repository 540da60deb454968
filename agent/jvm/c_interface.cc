#include "jvm/c_interface.h"

#include <atomic>
#include <string>
#include <utility>

#include "fdorigin/fdorigin.h"
#include "fdorigin_version.h"
#include "interpose/recorder.h"
#include "jvm/guarded.h"
#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

constinit JavaVM* java_vm = nullptr;
constinit std::atomic<Reporter*> reporter{nullptr};
constinit std::atomic<bool> vm_can_be_asked{false};

// The current thread as the VM knows it, attached for the object's life where it was not.
class VmThread {
 public:
  VmThread() {
    void* found = nullptr;
    if (!vm_can_be_asked.load(std::memory_order_acquire)) return;
    const jint status = java_vm->GetEnv(&found, JNI_VERSION_1_6);
    if (status == JNI_EDETACHED) {
      JavaVMAttachArgs arguments = {JNI_VERSION_1_6, const_cast<char*>("fdorigin"), nullptr};
      attached_ = java_vm->AttachCurrentThreadAsDaemon(&found, &arguments) == JNI_OK;
      if (!attached_) found = nullptr;
    } else if (status != JNI_OK) {
      found = nullptr;
    }
    jni_ = static_cast<JNIEnv*>(found);
  }
  ~VmThread() {
    if (attached_) java_vm->DetachCurrentThread();
  }
  VmThread(const VmThread&) = delete;
  VmThread& operator=(const VmThread&) = delete;

  // Null where the VM cannot be asked.
  JNIEnv* jni() const { return jni_; }
  bool attached() const { return attached_; }

 private:
  JNIEnv* jni_ = nullptr;
  bool attached_ = false;
};

int ToResult(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return FDORIGIN_OK;
    case absl::StatusCode::kAlreadyExists:
      return FDORIGIN_BUSY;
    case absl::StatusCode::kResourceExhausted:
      return FDORIGIN_NO_MEMORY;
    default:
      return FDORIGIN_NOT_WRITTEN;
  }
}

}  // namespace

void OpenCInterface(JavaVM* vm, Reporter* writer) {
  java_vm = vm;
  reporter.store(writer, std::memory_order_release);
}

void SetVmCanBeAsked(bool can) { vm_can_be_asked.store(can, std::memory_order_release); }

int Dump(const char* path) noexcept {
  Reporter* const writer = reporter.load(std::memory_order_acquire);
  if (writer == nullptr || !Recorder::InRecordingProcess()) return FDORIGIN_NO_AGENT;
  int result = FDORIGIN_NO_MEMORY;
  Guarded([&] {
    char kernels_name[Recorder::kThreadNameBytes];
    Recorder::CopyThreadName(kernels_name);
    const VmThread thread;
    std::string name = thread.jni() == nullptr || thread.attached()
                           ? ToUtf8(std::string_view(kernels_name))
                           : writer->CurrentThreadName(thread.jni());
    result = ToResult(
        writer->WriteNow(thread.jni(), "api", std::move(name), path == nullptr ? "" : path));
  });
  return result;
}

}  // namespace fdorigin

extern "C" [[gnu::visibility("default")]] const char* fdorigin_version(void) {
  return FDORIGIN_VERSION;
}

extern "C" [[gnu::visibility("default")]] int fdorigin_dump(const char* path) {
  return fdorigin::Dump(path);
}
