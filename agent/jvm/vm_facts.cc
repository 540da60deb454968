#include "jvm/vm_facts.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstring>

namespace fdorigin {
namespace {

// libjvm, by the address of one of its functions: a host that embeds a JVM may have loaded it
// without RTLD_GLOBAL.
class JvmLibrary {
 public:
  explicit JvmLibrary(JavaVM* vm) {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(vm->functions->GetEnv), &info) != 0) {
      handle_ = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    }
    if (handle_ == nullptr) dlerror();
  }
  ~JvmLibrary() {
    if (handle_ != nullptr) dlclose(handle_);
  }
  JvmLibrary(const JvmLibrary&) = delete;
  JvmLibrary& operator=(const JvmLibrary&) = delete;

  void* Find(const char* symbol) const {
    void* at = handle_ == nullptr ? nullptr : dlsym(handle_, symbol);
    if (at == nullptr) dlerror();
    return at;
  }

  template <typename T>
  bool Read(const char* symbol, T* value) const {
    const void* at = Find(symbol);
    if (at == nullptr) return false;
    std::memcpy(value, at, sizeof(T));
    return true;
  }

 private:
  void* handle_ = nullptr;
};

// The table of fields: an array whose entry layout is exported beside it.
class VmStructs {
 public:
  explicit VmStructs(const JvmLibrary& jvm) {
    readable_ = jvm.Read("gHotSpotVMStructs", &entries_) &&
                jvm.Read("gHotSpotVMStructEntryTypeNameOffset", &type_name_) &&
                jvm.Read("gHotSpotVMStructEntryFieldNameOffset", &field_name_) &&
                jvm.Read("gHotSpotVMStructEntryOffsetOffset", &offset_) &&
                jvm.Read("gHotSpotVMStructEntryArrayStride", &stride_) && entries_ != nullptr;
  }

  // The offset of a field in its type, or -1. `type` may be a superclass by another name in other
  // JDKs, so several are asked in turn by the caller.
  ptrdiff_t Find(const char* type, const char* field) const {
    if (!readable_) return -1;
    for (const char* entry = entries_; Read<const char*>(entry + type_name_) != nullptr;
         entry += stride_) {
      const auto* field_name = Read<const char*>(entry + field_name_);
      if (field_name != nullptr && std::strcmp(Read<const char*>(entry + type_name_), type) == 0 &&
          std::strcmp(field_name, field) == 0) {
        return static_cast<ptrdiff_t>(Read<uint64_t>(entry + offset_));
      }
    }
    return -1;
  }

 private:
  template <typename T>
  static T Read(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
  }

  bool readable_ = false;
  const char* entries_ = nullptr;
  uint64_t type_name_ = 0;
  uint64_t field_name_ = 0;
  uint64_t offset_ = 0;
  uint64_t stride_ = 0;
};

// Thread.eetop is the address of the VM's own JavaThread, of which the JNIEnv is a part.
ptrdiff_t FindEnvOffset(JNIEnv* jni, jthread thread) {
  jclass type = jni->FindClass("java/lang/Thread");
  jfieldID field = type == nullptr ? nullptr : jni->GetFieldID(type, "eetop", "J");
  ptrdiff_t offset = -1;
  if (field != nullptr) {
    const auto java_thread = static_cast<uint64_t>(jni->GetLongField(thread, field));
    const uint64_t distance = reinterpret_cast<uint64_t>(jni) - java_thread;
    constexpr uint64_t kLargestJavaThread = 1 << 16;
    if (java_thread != 0 && distance < kLargestJavaThread) {
      offset = static_cast<ptrdiff_t>(distance);
    }
  }
  jni->ExceptionClear();
  if (type != nullptr) jni->DeleteLocalRef(type);
  return offset;
}

}  // namespace

VmFacts ReadVmFacts(JavaVM* vm, jvmtiEnv* jvmti, JNIEnv* jni, jthread thread) {
  VmFacts facts;
  facts.vm = vm;
  facts.jvmti = jvmti;
  const JvmLibrary jvm(vm);
  facts.async_get_call_trace =
      reinterpret_cast<void (*)(void*, jint, void*)>(jvm.Find("AsyncGetCallTrace"));
  constexpr jint kJdk21 = 0x00150000;
  facts.has_virtual_threads = jni->GetVersion() >= kJdk21;
  const VmStructs structs(jvm);
  facts.thread_state_offset = structs.Find("JavaThread", "_thread_state");
  if (facts.thread_state_offset < 0) return facts;  // not HotSpot, or its tables are gone
  facts.env_offset = FindEnvOffset(jni, thread);
  facts.stack_base_offset = structs.Find("JavaThread", "_stack_base");
  facts.stack_size_offset = structs.Find("JavaThread", "_stack_size");
  facts.cont_entry_offset = structs.Find("JavaThread", "_cont_entry");
  const ptrdiff_t anchor = structs.Find("JavaThread", "_anchor");
  const ptrdiff_t last_java_sp = structs.Find("JavaFrameAnchor", "_last_Java_sp");
  if (anchor >= 0 && last_java_sp >= 0) facts.last_java_sp_offset = anchor + last_java_sp;
  return facts;
}

}  // namespace fdorigin
