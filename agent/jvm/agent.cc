// The entry points of libfdorigin.so, and its composition root: the one place that sees all
// folders.
//
// Agent_OnLoad and the VMInit event run on the thread that creates the VM; almost no other thread
// runs yet. There is one Agent, and it is never destroyed: hooks outlive the VM.
#include <dirent.h>
#include <jvmti.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "base/options.h"
#include "base/raw_output.h"
#include "interpose/calls.h"
#include "interpose/patcher.h"
#include "interpose/recorder.h"
#include "jvm/checkpoint_watcher.h"
#include "jvm/guarded.h"
#include "jvm/reporter.h"
#include "jvm/vm_facts.h"
#include "stack/stack_recorder.h"
#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

class Agent {
 public:
  Agent(JavaVM* vm, jvmtiEnv* jvmti, const Options& options)
      : vm_(vm),
        jvmti_(jvmti),
        options_(options),
        stack_recorder_(&recordings_.images, &native_walker_, &java_walker_, &recordings_.stacks),
        reporter_(options, &recordings_, jvmti),
        watcher_(jvmti, &recordings_.table, &reporter_) {}

  bool Start();

 private:
  bool CreateTables();
  bool ListenToVm();
  void NoteInherited();

  void OnVmInit(JNIEnv* jni, jthread thread);
  void OnVmDeath(JNIEnv* jni);
  void OnThreadStart(JNIEnv* jni, jthread thread);

  JavaVM* vm_;
  jvmtiEnv* jvmti_;
  const Options options_;
  Recordings recordings_;
  NativeWalker native_walker_;
  HotspotWalker hotspot_walker_;
  JavaWalker java_walker_{&hotspot_walker_};
  StackRecorder stack_recorder_;
  Reporter reporter_;
  CheckpointWatcher watcher_;
};

constinit Agent* agent = nullptr;

bool Agent::CreateTables() {
  Region* region = &recordings_.region;
  return region->Create(options_.memory_bytes) && recordings_.strings.Create(region) &&
         recordings_.images.Create(region) && recordings_.stacks.Create(region) &&
         recordings_.table.Create(region) &&
         recordings_.methods.Create(region, &recordings_.strings) &&
         native_walker_.Create(region, &recordings_.images) &&
         hotspot_walker_.Create(region, &recordings_.methods);
}

bool Agent::ListenToVm() {
  jvmtiCapabilities capabilities = {};
  capabilities.can_get_line_numbers = 1;
  capabilities.can_get_source_file_name = 1;
  if (options_.on_checkpoint) watcher_.AskFor(&capabilities);
  if (const jvmtiError error = jvmti_->AddCapabilities(&capabilities); error != JVMTI_ERROR_NONE) {
    PrintLine("this VM refuses what the agent needs (JVMTI AddCapabilities: error " +
              std::to_string(error) + ")");
    return false;
  }
  jvmtiEventCallbacks callbacks = {};
  callbacks.VMInit = [](jvmtiEnv*, JNIEnv* jni, jthread thread) {
    Guarded([=] { agent->OnVmInit(jni, thread); });
  };
  callbacks.VMDeath = [](jvmtiEnv*, JNIEnv* jni) { Guarded([=] { agent->OnVmDeath(jni); }); };
  callbacks.ThreadStart = [](jvmtiEnv*, JNIEnv* jni, jthread thread) {
    Guarded([=] { agent->OnThreadStart(jni, thread); });
  };
  callbacks.ThreadEnd = [](jvmtiEnv*, JNIEnv*, jthread) { Recorder::ForgetThread(); };
  // AsyncGetCallTrace answers only while somebody listens to ClassLoad (HotSpot: forte.cpp).
  callbacks.ClassLoad = [](jvmtiEnv*, JNIEnv*, jthread, jclass) {};
  if (options_.on_checkpoint) watcher_.AddCallbacks(&callbacks);
  if (jvmti_->SetEventCallbacks(&callbacks, sizeof(callbacks)) != JVMTI_ERROR_NONE) return false;
  for (const jvmtiEvent event :
       {JVMTI_EVENT_VM_INIT, JVMTI_EVENT_VM_DEATH, JVMTI_EVENT_THREAD_START, JVMTI_EVENT_THREAD_END,
        JVMTI_EVENT_CLASS_LOAD}) {
    if (jvmti_->SetEventNotificationMode(JVMTI_ENABLE, event, nullptr) != JVMTI_ERROR_NONE) {
      return false;
    }
  }
  return true;
}

// What is open already is not ours to explain, and is called inherited. The hooks are in place when
// this runs, so that nothing falls between.
void Agent::NoteInherited() {
  const OwnWork own_work;
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    char* end = nullptr;
    const long fd = strtol(entry->d_name, &end, 10);
    struct stat status;
    if (end == entry->d_name || *end != '\0' || fd == dirfd(directory)) continue;
    if (fstat(static_cast<int>(fd), &status) != 0) continue;
    recordings_.table.RecordInherited(static_cast<int>(fd), {status.st_dev, status.st_ino});
  }
  closedir(directory);
}

bool Agent::Start() {
  if (!CreateTables()) {
    PrintLine("no memory for the agent's tables; 'memory' asks for " +
              std::to_string(options_.memory_bytes) + " bytes");
    return false;
  }
  if (!ListenToVm()) return false;
  recordings_.table.SetCalls(HookedCalls());
  stack_recorder_.SetDepths(options_.java_depth, options_.native_depth);
  Recorder::Install(&recordings_.table, &stack_recorder_, &recordings_.strings,
                    options_.sockets_only);
  if (options_.on_checkpoint) watcher_.AddHooks();
  PrepareHooks();
  Patcher::Start(&recordings_.images, &recordings_.strings, options_.libc);
  NoteInherited();
  return true;
}

void Agent::OnVmInit(JNIEnv* jni, jthread thread) {
  const VmFacts facts = ReadVmFacts(vm_, jvmti_, jni, thread);
  java_walker_.SetFacts(facts);
  if (facts.hotspot.usable()) {
    // Only AsyncGetCallTrace needs it.
    jvmti_->SetEventNotificationMode(JVMTI_DISABLE, JVMTI_EVENT_CLASS_LOAD, nullptr);
  } else {
    reporter_.SetUnreadable(facts.hotspot.missing);
  }
  OnThreadStart(jni, thread);
  reporter_.ReadJvmInfo(jni);
  if (options_.on_checkpoint) watcher_.Start(jni);
  java_walker_.Start();
}

void Agent::OnVmDeath(JNIEnv* jni) {
  if (options_.on_checkpoint) watcher_.Finish(jni);
  java_walker_.Stop();
}

// Runs on the thread that starts.
void Agent::OnThreadStart(JNIEnv* jni, jthread thread) {
  jvmtiThreadInfo info = {};
  if (jvmti_->GetThreadInfo(thread, &info) != JVMTI_ERROR_NONE) return;
  Recorder::NameJavaThread(ToUtf8(std::string_view(info.name)));
  jvmti_->Deallocate(reinterpret_cast<unsigned char*>(info.name));
  jni->DeleteLocalRef(info.thread_group);
  jni->DeleteLocalRef(info.context_class_loader);
}

absl::Status MakeAbsolute(std::string* path) {
  if (path->starts_with('/')) return absl::OkStatus();
  char directory[PATH_MAX];
  if (getcwd(directory, sizeof(directory)) == nullptr) {
    return absl::ErrnoToStatus(errno, "the working directory cannot be told");
  }
  std::string absolute;
  for (const char* c = directory; *c != '\0'; ++c)
    absolute += *c == '%' ? "%%" : std::string(1, *c);
  *path = absolute + "/" + *path;
  return absl::OkStatus();
}

jint Load(JavaVM* vm, const char* text) {
  const ParsedOptions parsed = ParseOptions(text);
  if (parsed.options.help) {
    PrintText(OptionsHelp());
    exit(0);  // as -agentlib:jdwp=help does
  }
  if (!parsed.error.empty()) {
    PrintLine(parsed.error);
    return JNI_ERR;
  }
  if (agent != nullptr) {
    PrintLine("the agent is loaded a second time; the options of the first one hold");
    return JNI_OK;
  }
  // A report may be due when the working directory is another one.
  Options options = parsed.options;
  if (const absl::Status status = MakeAbsolute(&options.report); !status.ok()) {
    PrintLine(std::string(status.message()));
    return JNI_ERR;
  }
  const bool reports = options.on_checkpoint;
  if (const absl::Status status = CheckWritable(ExpandReportPath(options.report, 1));
      reports && !status.ok()) {
    PrintLine(std::string(status.message()));
    return JNI_ERR;
  }
  jvmtiEnv* jvmti = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&jvmti), JVMTI_VERSION_1_2) != JNI_OK) {
    PrintLine("this VM has no JVMTI");
    return JNI_ERR;
  }
  agent = new Agent(vm, jvmti, options);
  return agent->Start() ? JNI_OK : JNI_ERR;
}

}  // namespace
}  // namespace fdorigin

extern "C" JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void*) {
  return fdorigin::Load(vm, options);
}

extern "C" JNIEXPORT jint JNICALL Agent_OnAttach(JavaVM*, char*, void*) {
  fdorigin::PrintLine("attaching to a running JVM is not available yet; use -agentpath at start");
  return JNI_ERR;
}
