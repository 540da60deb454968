// Writes one report: joins what the layers know, and keeps the reports of a process apart.
//
// Who calls it: the checkpoint watcher and the other triggers, outside hook context and outside a
// VM operation, mostly on a thread attached to the VM in the live phase. Several threads may report
// at once: no lock is held while names are asked for, which may run the application's code.
#ifndef FDORIGIN_AGENT_JVM_REPORTER_H_
#define FDORIGIN_AGENT_JVM_REPORTER_H_

#include <jvmti.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/fact_store.h"
#include "base/image_table.h"
#include "base/options.h"
#include "base/region.h"
#include "base/string_store.h"
#include "fdtable/fd_table.h"
#include "jvm/walk_check.h"
#include "report/report.h"
#include "stack/method_store.h"
#include "stack/stack_store.h"

namespace fdorigin {

// What the agent recorded.
struct Recordings {
  Region region;
  StringStore strings;
  FactStore facts;
  ImageTable images;
  StackStore stacks;
  MethodStore methods;
  FdTable table;
};

enum class SummaryTo {
  kStderr,  // if the option summary says so
  kNobody,  // the report goes to somebody else, who reads it
};

class Reporter {
 public:
  Reporter(const Options& options, Recordings* recordings, jvmtiEnv* jvmti, WalkCheck* walk_check);

  // On VMInit: asks the VM for its name.
  void ReadJvmInfo();

  // The process was restored from a checkpoint: the VM says so, or a report finds it. On any
  // thread.
  void NoteRestore();

  // The agent was loaded into a running JVM. Before the first report.
  void SetAttached() { attached_ = true; }

  // What of the options may change while the agent runs: report and summary. On any thread.
  void SetOptions(const Options& options);

  // Something that is not watched, for coverage.refused. Before the first report.
  void AddRefusal(RefusedHook refusal);

  // Writes the report and the summary. A failure is one line on stderr, and the status.
  // `jni`: null where the VM cannot be asked, before and after its live phase; then Java frames
  // have the names that were kept, and no jar.
  // `path`: empty for the option's; `written` gets where the report went, with its signs expanded.
  // absl::StatusCode::kAlreadyExists where this thread is writing a report already: Java code that
  // was run for its sake asked for another.
  absl::Status Write(JNIEnv* jni, const Snapshot& snapshot, Trigger trigger,
                     const std::string& path = {}, std::string* written = nullptr,
                     SummaryTo summary = SummaryTo::kStderr);

  // What is open now.
  Snapshot ListDescriptors() const;

  // Both in one.
  absl::Status WriteNow(JNIEnv* jni, const char* kind, std::string thread,
                        const std::string& path = {}, std::string* written = nullptr,
                        SummaryTo summary = SummaryTo::kStderr);

  // The current thread's, as it is called now.
  std::string CurrentThreadName(JNIEnv* jni) const;

 private:
  Options options() const;
  absl::Status Produce(JNIEnv* jni, const Snapshot& snapshot, Trigger trigger,
                       const std::string& path, std::string* written, SummaryTo summary);
  bool WasRestored() const;

  mutable std::mutex options_mutex_;
  Options options_;
  Recordings* recordings_;
  jvmtiEnv* jvmti_;
  WalkCheck* walk_check_;
  JvmInfo jvm_;
  bool attached_ = false;
  std::vector<RefusedHook> refusals_;
  std::atomic<int> reports_{0};
  std::atomic<bool> restored_{false};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_REPORTER_H_
