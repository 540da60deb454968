// Writes one report: joins what the layers know, and keeps the reports of a process apart.
//
// Who calls it: the checkpoint watcher and the other triggers, on a thread attached to the VM in
// the live phase, outside hook context and outside a VM operation. Several threads may report at
// once: no lock is held while names are asked for, which may run the application's code.
#ifndef FDORIGIN_AGENT_JVM_REPORTER_H_
#define FDORIGIN_AGENT_JVM_REPORTER_H_

#include <jvmti.h>

#include <atomic>
#include <string>

#include "base/image_table.h"
#include "base/options.h"
#include "base/region.h"
#include "base/string_store.h"
#include "fdtable/fd_table.h"
#include "report/report.h"
#include "stack/method_store.h"
#include "stack/stack_store.h"

namespace fdorigin {

// What the agent recorded.
struct Recordings {
  Region region;
  StringStore strings;
  ImageTable images;
  StackStore stacks;
  MethodStore methods;
  FdTable table;
};

class Reporter {
 public:
  Reporter(const Options& options, const Recordings* recordings, jvmtiEnv* jvmti)
      : options_(options), recordings_(recordings), jvmti_(jvmti) {}

  // On VMInit: asks the VM for its name.
  void ReadJvmInfo(JNIEnv* jni);

  // The process was restored from a checkpoint. On any thread.
  void NoteRestore() { restored_.store(true, std::memory_order_relaxed); }

  // On VMInit: what keeps the stack walker from reading this VM's own data.
  void SetUnreadable(std::string missing) { unreadable_ = std::move(missing); }

  // Writes the report and the summary. A failure is one line on stderr.
  void Write(JNIEnv* jni, const Snapshot& snapshot, Trigger trigger);

 private:
  const Options options_;
  const Recordings* recordings_;
  jvmtiEnv* jvmti_;
  JvmInfo jvm_;
  std::string unreadable_;
  std::atomic<int> reports_{0};
  std::atomic<bool> restored_{false};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_REPORTER_H_
