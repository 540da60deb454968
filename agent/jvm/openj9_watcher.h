// Notices that a checkpoint by OpenJ9's CRIU support failed, and has it reported.
//
// org.eclipse.openj9.criu.CRIUSupport.checkpointJVM() and OpenJ9's own jdk.crac.Core both end in
// the native checkpointJVMImpl of openj9.internal.criu.InternalCRIUSupport (of CRIUSupport itself
// in early builds), which runs the hooks that want the other threads stopped, lets criu dump the
// process, and throws what failed. It is wrapped when it is bound (NativeMethodBind). Nothing names
// a descriptor there: criu's log does. What was open when criu came is listed in the extension
// event openj9.event.VMCheckpoint, which comes last before the dump, with all other threads stopped
// and none to be waited for; early builds ran the hooks of a restore after a failed dump, too,
// which may open others. A build without that event has its descriptors listed when the native
// returns.
//
// What fails before the native, in a hook that runs beside other threads, is not seen: the JVMTI
// Exception event would be the price, and the failure is not a descriptor's.
//
// None of this was run on OpenJ9 (docs/openj9.md).
//
// Who calls it: CheckpointWatcher, on VMInit and NativeMethodBind; the wrapper and the extension
// events, on the thread that checkpoints. Nothing throws.
#ifndef FDORIGIN_AGENT_JVM_OPENJ9_WATCHER_H_
#define FDORIGIN_AGENT_JVM_OPENJ9_WATCHER_H_

#include <jvmti.h>

#include <atomic>
#include <string_view>

#include "jvm/reporter.h"

namespace fdorigin {

class Openj9Watcher {
 public:
  static constexpr const char* kNativeName = "checkpointJVMImpl";

  Openj9Watcher(jvmtiEnv* jvmti, FdTable* table, Reporter* reporter)
      : jvmti_(jvmti), table_(table), reporter_(reporter) {}

  // Whether failures are reported. At any time.
  void SetReporting(bool reports) { reports_.store(reports, std::memory_order_relaxed); }

  // On VMInit: arms the extension events. False where the VM has none of them.
  bool Start();

  // On NativeMethodBind: puts the wrapper into `replacement` if this is the native of a checkpoint
  // and its arguments are known to be handed on rightly.
  void Bind(std::string_view class_signature, std::string_view name, std::string_view signature,
            void* address, void** replacement);

  // The wrapper's two halves: before the native, and after it, with what it has thrown pending.
  void Begin();
  void End(JNIEnv* jni);

  // openj9.event.VMCheckpoint.
  void OnCheckpoint();

 private:
  void Report(JNIEnv* jni, jthrowable thrown);

  jvmtiEnv* jvmti_;
  FdTable* table_;
  Reporter* reporter_;
  std::atomic<bool> reports_{true};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_OPENJ9_WATCHER_H_
