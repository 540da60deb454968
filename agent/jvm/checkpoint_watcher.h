// Notices that a CRaC checkpoint failed, in every generation of CRaC, and has it reported.
//
// An attempt runs on one thread: checkpointRestore0 (a native of jdk.crac.Core or
// jdk.internal.crac.mirror.Core) scans the descriptors and returns what it found; then Java code
// throws a CheckpointException that holds everything as suppressed exceptions, which themselves are
// never thrown. So:
//   - the native is wrapped when it is bound (NativeMethodBind), or JVM_Checkpoint, which it calls,
//     through the PLT slot of libjava: after a failure the descriptors are listed at once, before
//     Java's afterRestore opens others, and off the safepoint;
//   - the thrown exception (JVMTI Exception event) brings the suppressed list, and the report is
//     written. Where Java fails before the native is reached (generations before 3) the exception
//     is all there is;
//   - where the VM has CRaC's extension events, AfterRestore stands in for a native that could not
//     be wrapped.
// Before the first attempt none of this runs: on a VM without CRaC no event is enabled at all, and
// with CRaC only those for natives that are bound and classes that are prepared. The Exception
// event is enabled by the first attempt.
#ifndef FDORIGIN_AGENT_JVM_CHECKPOINT_WATCHER_H_
#define FDORIGIN_AGENT_JVM_CHECKPOINT_WATCHER_H_

#include <jvmti.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "jvm/reporter.h"

namespace fdorigin {

class CheckpointWatcher {
 public:
  CheckpointWatcher(jvmtiEnv* jvmti, FdTable* table, Reporter* reporter)
      : jvmti_(jvmti), table_(table), reporter_(reporter) {}

  // The capabilities and callbacks that the watcher wants; in Agent_OnLoad.
  static void AskFor(jvmtiCapabilities* capabilities);
  void AddCallbacks(jvmtiEventCallbacks* callbacks);

  // In Agent_OnLoad, before the patcher starts: has JVM_Checkpoint hooked.
  void AddHooks();

  // On VMInit: arms the events if this VM has CRaC.
  void Start(JNIEnv* jni);

  // On VMDeath: reports an attempt whose exception never came.
  void Finish(JNIEnv* jni);

  // One attempt, as the wrappers see it. `call` is the original; `claimed` the numbers that Java
  // objects own, where the generation hands them on.
  template <typename Call>
  jobjectArray Around(JNIEnv* jni, Call call, jintArray claimed = nullptr);

  // JVMTI events.
  void OnNativeMethodBind(JNIEnv* jni, jmethodID method, void* address, void** replacement);
  void OnClassPrepare(JNIEnv* jni, jthread thread, jclass type);
  void OnException(JNIEnv* jni, jthread thread, jobject exception, jmethodID catcher);
  void OnAfterRestore(JNIEnv* jni);

 private:
  // An attempt that waits for its exception.
  struct Attempt {
    bool failed = false;  // the native said so; AfterRestore does not know
    Snapshot snapshot;
    std::vector<SuppressedException> from_native;
  };

  void NativeReturned(JNIEnv* jni, jobjectArray bundle, jintArray claimed);
  void Keep(std::unique_ptr<Attempt> attempt);
  std::unique_ptr<Attempt> Take(int tid);
  void Report(JNIEnv* jni, const Snapshot& snapshot, CheckpointFailure failure);
  void ReportWithoutException(JNIEnv* jni, const Attempt& attempt);
  void SetWatchingExceptions(JNIEnv* jni, jvmtiEventMode mode);
  bool IsNewFailure(JNIEnv* jni, jobject exception);
  bool StaysInside(JNIEnv* jni, jmethodID catcher);

  jvmtiEnv* jvmti_;
  FdTable* table_;
  Reporter* reporter_;

  bool mirrored_ = false;  // generation 3: jdk.internal.crac.mirror
  // Guards what follows. The VM thread never takes it, so a holder may wait for a safepoint.
  std::mutex mutex_;
  std::map<int, std::unique_ptr<Attempt>> attempts_;  // by kernel thread id
  jclass failure_class_ = nullptr;                    // global reference
  jweak last_reported_ = nullptr;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_CHECKPOINT_WATCHER_H_
