// Notices that a CRaC checkpoint failed, in every generation of CRaC, and has it reported.
//
// An attempt runs on one thread: checkpointRestore0, a native of jdk.crac.Core or
// jdk.internal.crac.mirror.Core, scans the descriptors and returns what it found. The native is
// wrapped when it is bound (NativeMethodBind), or JVM_Checkpoint, which it calls, through the PLT
// slot of libjava. After a failure the descriptors are listed at once, before Java's afterRestore
// opens others, and off the safepoint. What Java then throws holds everything as suppressed
// exceptions, which themselves are never thrown; how the list is had differs:
//
// Generation 3 (JDK 21 and later, Zulu 17): every attempt reaches the native, and the report is
// written when it returns. The VM's failures are in what it returned; Java's own are in the
// CheckpointException that already exists then, which is looked for on the heap, and only where
// Java has told the native that it failed (the argument dryRun). The JVMTI Exception event would
// bring the thrown exception, but the mere capability for it makes every exception of the program
// 35 to 150 times as slow (HotSpot compiles no fast path for them), so it is not taken.
//
// Generations before: Java may fail without reaching the native, so the Exception event is what is
// left, and its price is paid on those VMs. It is enabled from the first attempt on.
//
// OpenJ9 fails in a way of its own (openj9_watcher.h), which comes here by NativeMethodBind too.
//
// Where the VM has CRaC's extension events, AfterRestore tells that the process may have another
// pid, and, where the Exception event is to be had, stands in for a native that was not wrapped.
//
// Who calls it: JVMTI events and the wrappers, on the threads that they run on. Nothing throws.
#ifndef FDORIGIN_AGENT_JVM_CHECKPOINT_WATCHER_H_
#define FDORIGIN_AGENT_JVM_CHECKPOINT_WATCHER_H_

#include <jvmti.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "jvm/openj9_watcher.h"
#include "jvm/reporter.h"

namespace fdorigin {

class CheckpointWatcher {
 public:
  CheckpointWatcher(jvmtiEnv* jvmti, FdTable* table, Reporter* reporter)
      : jvmti_(jvmti), table_(table), reporter_(reporter), openj9_(jvmti, table, reporter) {}

  // The capabilities and callbacks that the watcher wants; in Agent_OnLoad or Agent_OnAttach.
  void AskFor(jvmtiCapabilities* capabilities);
  void AddCallbacks(jvmtiEventCallbacks* callbacks);

  // There as well, before the patcher starts: has JVM_Checkpoint hooked.
  void AddHooks();

  // Before Start(): VmFacts::find_boot_class.
  void SetBootClasses(jclass (*find)(JNIEnv* jni, const char* name));

  // On VMInit: arms the events if this VM has CRaC, or OpenJ9's CRIU support.
  void Start(JNIEnv* jni);

  // In Agent_OnAttach, instead: the native may have been bound long ago. The answer is what cannot
  // be watched any more, empty where everything is.
  std::string StartLate(JNIEnv* jni);

  // The option on=checkpoint. At any time.
  void SetReporting(bool reports) {
    reports_.store(reports, std::memory_order_relaxed);
    openj9_.SetReporting(reports);
  }

  // On VMDeath: reports an attempt whose exception never came.
  void Finish(JNIEnv* jni);

  // What the native was told.
  struct Arguments {
    jintArray claimed = nullptr;  // numbers that Java objects own; null where it does not say
    bool dry_run = false;         // Java has failed already
  };
  // One attempt, as the wrappers see it. `call` is the original.
  template <typename Call>
  jobjectArray Around(JNIEnv* jni, Call call, const Arguments& arguments);

  bool mirrored() const { return mirrored_; }

  // JVMTI events.
  void OnNativeMethodBind(JNIEnv* jni, jmethodID method, void* address, void** replacement);
  void OnClassPrepare(JNIEnv* jni, jclass type);
  void OnException(JNIEnv* jni, jthread thread, jobject exception, jmethodID catcher);
  void OnAfterRestore(JNIEnv* jni);

 private:
  // What the native returned.
  struct Outcome {
    bool failed = false;
    std::vector<SuppressedException> suppressed;
  };
  // An attempt that waits for its exception.
  struct Attempt {
    bool failed = false;  // the native said so; AfterRestore does not know
    std::string thread;
    Snapshot snapshot;
    std::vector<SuppressedException> suppressed;
  };

  void NativeReturned(JNIEnv* jni, jobjectArray bundle, const Arguments& arguments);
  Outcome ReadOutcome(JNIEnv* jni, jobjectArray bundle, bool dry_run) const;
  std::vector<SuppressedException> FindJavaFailures(JNIEnv* jni);
  bool IsSeen(JNIEnv* jni, jobject exception);
  void ArmExceptions(JNIEnv* jni);
  bool WrapBoundNative(JNIEnv* jni, const char* class_name);
  void Keep(std::unique_ptr<Attempt> attempt);
  std::unique_ptr<Attempt> Take(int tid);
  void Report(JNIEnv* jni, const Snapshot& snapshot, const std::string& thread,
              CheckpointFailure failure);
  void ReportWithoutException(JNIEnv* jni, const Attempt& attempt);
  void SetWatchingExceptions(JNIEnv* jni, jvmtiEventMode mode);
  bool IsNewFailure(JNIEnv* jni, jobject exception);
  bool StaysInside(JNIEnv* jni, jmethodID catcher);

  jvmtiEnv* jvmti_;
  FdTable* table_;
  Reporter* reporter_;
  Openj9Watcher openj9_;

  std::atomic<bool> reports_{true};
  bool has_crac_ = false;
  bool has_criu_ = false;              // OpenJ9's
  bool mirrored_ = false;              // generation 3: jdk.internal.crac.mirror
  bool has_exception_events_ = false;  // the capability was taken
  // Guards what follows. The VM thread never takes it, so a holder may wait for a safepoint.
  std::mutex mutex_;
  std::map<int, std::unique_ptr<Attempt>> attempts_;  // by kernel thread id
  jclass failure_class_ = nullptr;                    // global reference
  jweak last_reported_ = nullptr;
  std::vector<jweak> seen_;  // CheckpointExceptions of earlier attempts, found on the heap
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_CHECKPOINT_WATCHER_H_
