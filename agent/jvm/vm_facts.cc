#include "jvm/vm_facts.h"

#include <stdlib.h>

#include <cstdint>
#include <string_view>

#include "jvm/java_thread.h"
#include "stack/vm_structs.h"

namespace fdorigin {
namespace {

// The JNIEnv is a part of the VM's own JavaThread. -1 where that is not known.
ptrdiff_t FindEnvOffset(JNIEnv* jni, jthread thread) {
  const JavaThreadField java_threads(jni, thread);
  const uint64_t java_thread = java_threads.known() ? java_threads.Of(thread) : 0;
  const uint64_t distance = reinterpret_cast<uint64_t>(jni) - java_thread;
  constexpr uint64_t kLargestJavaThread = 1 << 16;
  return java_thread != 0 && distance < kLargestJavaThread ? static_cast<ptrdiff_t>(distance) : -1;
}

bool HasTables(const JvmLibrary& jvm) {
  const char* setting = getenv("FDORIGIN_HOTSPOT");
  if (setting != nullptr && std::string_view(setting) == "off") return false;
  return jvm.Find("gHotSpotVMStructs") != nullptr;
}

}  // namespace

bool HasVmTables(JavaVM* vm) { return HasTables(JvmLibrary(vm)); }

VmFacts ReadVmFacts(JavaVM* vm, jvmtiEnv* jvmti, JNIEnv* jni, jthread thread) {
  VmFacts facts;
  facts.vm = vm;
  facts.jvmti = jvmti;
  constexpr jint kJdk21 = 0x00150000;
  facts.has_virtual_threads = jni->GetVersion() >= kJdk21;
  const JvmLibrary jvm(vm);
  if (!HasTables(jvm)) {
    facts.hotspot.missing = "it has none of HotSpot's tables";
    return facts;
  }
  facts.async_get_call_trace =
      reinterpret_cast<void (*)(void*, jint, void*)>(jvm.Find("AsyncGetCallTrace"));
  facts.find_boot_class =
      reinterpret_cast<jclass (*)(JNIEnv*, const char*)>(jvm.Find("JVM_FindClassFromBootLoader"));
  const VmTables tables(jvm);
  facts.os_thread_offset = tables.Offset("Thread", "_osthread");
  if (facts.os_thread_offset < 0) facts.os_thread_offset = tables.Offset("JavaThread", "_osthread");
  facts.thread_id_offset = tables.Offset("OSThread", "_thread_id");
  facts.thread_state_offset = tables.Offset("JavaThread", "_thread_state");
  if (facts.thread_state_offset < 0) return facts;  // not HotSpot, or its tables are gone
  facts.zero = IsZero(tables);
  // There it fails by an assertion that its build may have.
  if (facts.zero) {
    facts.async_get_call_trace = nullptr;
    facts.ffi_call = reinterpret_cast<uint64_t>(jvm.Find("ffi_call"));
  }
  if (!tables.IntConstant("_thread_in_native", &facts.thread_in_native)) return facts;
  facts.env_offset = FindEnvOffset(jni, thread);
  facts.stack_base_offset = tables.Offset("JavaThread", "_stack_base");
  facts.stack_size_offset = tables.Offset("JavaThread", "_stack_size");
  facts.cont_entry_offset = tables.Offset("JavaThread", "_cont_entry");
  const ptrdiff_t anchor = tables.Offset("JavaThread", "_anchor");
  const ptrdiff_t last_java_sp = tables.Offset("JavaFrameAnchor", "_last_Java_sp");
  facts.hotspot = ReadVmStructs(jvm, tables);
  if (anchor >= 0 && last_java_sp >= 0) facts.last_java_sp_offset = anchor + last_java_sp;
  return facts;
}

}  // namespace fdorigin
