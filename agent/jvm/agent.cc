// The entry points of libfdorigin.so, and its composition root: the one place that sees all
// folders.
//
// Agent_OnLoad and the VMInit event run on the thread that creates the VM; almost no other thread
// runs yet. Agent_OnAttach runs in the middle of the VM's life, on the thread that serves such
// requests, one at a time. There is one Agent, and it is never destroyed: hooks outlive the VM.
#include <dirent.h>
#include <dlfcn.h>
#include <jvmti.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/native_methods.h"
#include "base/options.h"
#include "base/raw_output.h"
#include "fdorigin/fdorigin.h"
#include "interpose/calls.h"
#include "interpose/elf_image.h"
#include "interpose/patcher.h"
#include "interpose/recorder.h"
#include "jvm/attach_request.h"
#include "jvm/c_interface.h"
#include "jvm/checkpoint_watcher.h"
#include "jvm/early_threads.h"
#include "jvm/guarded.h"
#include "jvm/java_binding.h"
#include "jvm/java_thread.h"
#include "jvm/reporter.h"
#include "jvm/signal_trigger.h"
#include "jvm/trigger_thread.h"
#include "jvm/vm_facts.h"
#include "jvm/walk_check.h"
#include "report/host.h"
#include "stack/stack_recorder.h"

namespace fdorigin {
namespace {

absl::Status MakeAbsolute(std::string* path) {
  if (path->starts_with('/')) return absl::OkStatus();
  char directory[PATH_MAX];
  if (getcwd(directory, sizeof(directory)) == nullptr) {
    return absl::ErrnoToStatus(errno, "the working directory cannot be told");
  }
  std::string absolute;
  for (const char* c = directory; *c != '\0'; ++c) {
    absolute += *c == '%' ? "%%" : std::string(1, *c);
  }
  *path = absolute + "/" + *path;
  return absl::OkStatus();
}

class Agent {
 public:
  Agent(JavaVM* vm, jvmtiEnv* jvmti, const Options& options)
      : vm_(vm),
        has_vm_tables_(HasVmTables(vm)),
        jvmti_(jvmti),
        options_(options),
        watches_checkpoints_(options.on_checkpoint),
        stack_recorder_(&recordings_.images, &native_walker_, &java_walker_, &recordings_.stacks),
        walk_check_(jvmti, &java_walker_, &stack_recorder_, &recordings_.methods,
                    &recordings_.facts),
        reporter_(options, &recordings_, jvmti, &walk_check_),
        watcher_(jvmti, &recordings_.table, &reporter_),
        trigger_thread_(jvmti, &reporter_) {}

  // At the start of the VM, and in a running one. An error is one line.
  absl::Status Start();
  absl::Status StartLate(JNIEnv* jni);

  // A later attach: takes over what can change, and notes what cannot.
  void SetOptions(JNIEnv* jni, const Options& options, AttachReply* reply);
  absl::Status Dump(JNIEnv* jni, const AttachRequest& request, AttachReply* reply);

  const Options& options() const { return options_; }

 private:
  absl::Status CreateTables();
  absl::Status ListenToVm();
  void StartHooks(bool late);
  void ReadVm(JNIEnv* jni, jthread thread);
  void OpenToJava(JNIEnv* jni);
  void StartTriggers(JNIEnv* jni);
  void NoteProcess(const std::optional<ProcessStat>& stat);
  void NoteInherited();

  void OnVmInit(JNIEnv* jni, jthread thread);
  void OnVmDeath(JNIEnv* jni);
  void OnThreadStart(JNIEnv* jni, jthread thread);

  JavaVM* vm_;
  const bool has_vm_tables_;  // it is a HotSpot
  jvmtiEnv* jvmti_;
  Options options_;  // changed by later attaches only
  bool watches_checkpoints_;
  Recordings recordings_;
  NativeWalker native_walker_;
  HotspotWalker hotspot_walker_;
  JavaWalker java_walker_{&hotspot_walker_, &recordings_.strings};
  NativeMethods native_methods_;  // on VMs other than HotSpot
  StackRecorder stack_recorder_;
  WalkCheck walk_check_;
  Reporter reporter_;
  CheckpointWatcher watcher_;
  TriggerThread trigger_thread_;
  int caught_signal_ = 0;  // there is a handler for it; 0 for none
};

constinit Agent* agent = nullptr;

absl::Status Agent::CreateTables() {
  Region* region = &recordings_.region;
  const bool created =
      region->Create(options_.memory_bytes) && recordings_.strings.Create(region) &&
      recordings_.facts.Create(region, &recordings_.strings) && recordings_.images.Create(region) &&
      recordings_.stacks.Create(region) && recordings_.table.Create(region) &&
      recordings_.methods.Create(region, &recordings_.strings) &&
      native_walker_.Create(region, &recordings_.images) &&
      hotspot_walker_.Create(region, &recordings_.methods);
  if (created) return absl::OkStatus();
  return absl::ResourceExhaustedError("no memory for the agent's tables; 'memory' asks for " +
                                      std::to_string(options_.memory_bytes) + " bytes");
}

absl::Status Agent::ListenToVm() {
  jvmtiCapabilities capabilities = {};
  capabilities.can_get_line_numbers = 1;
  capabilities.can_get_source_file_name = 1;
  if (watches_checkpoints_) watcher_.AskFor(&capabilities);
  const auto refused = [](const char* function, jvmtiError error) {
    return absl::FailedPreconditionError("this VM refuses what the agent needs (JVMTI " +
                                         std::string(function) + ": error " +
                                         std::to_string(error) + ")");
  };
  if (const jvmtiError error = jvmti_->AddCapabilities(&capabilities); error != JVMTI_ERROR_NONE) {
    return refused("AddCapabilities", error);
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
  // For ReadVm().
  callbacks.ClassLoad = [](jvmtiEnv*, JNIEnv*, jthread, jclass) {};
  if (watches_checkpoints_) watcher_.AddCallbacks(&callbacks);
  if (const jvmtiError error = jvmti_->SetEventCallbacks(&callbacks, sizeof(callbacks));
      error != JVMTI_ERROR_NONE) {
    return refused("SetEventCallbacks", error);
  }
  for (const jvmtiEvent event : {JVMTI_EVENT_VM_INIT, JVMTI_EVENT_VM_DEATH,
                                 JVMTI_EVENT_THREAD_START, JVMTI_EVENT_THREAD_END}) {
    if (const jvmtiError error = jvmti_->SetEventNotificationMode(JVMTI_ENABLE, event, nullptr);
        error != JVMTI_ERROR_NONE) {
      return refused("SetEventNotificationMode", error);
    }
  }
  return absl::OkStatus();
}

// What a core file does not tell, or who looks from outside cannot ask.
void Agent::NoteProcess(const std::optional<ProcessStat>& stat) {
  FactStore& facts = recordings_.facts;
  facts.Note(FactKind::kHostName, HostName());
  for (const std::string& word : CommandLine()) facts.Note(FactKind::kCommandWord, word);
  FactNumbers& numbers = facts.numbers();
  numbers.pid.store(getpid());
  if (stat) {
    numbers.start_ticks.store(stat->start_ticks);
    numbers.started_at_ns.store(NsOfTicks(stat->start_ticks).value_or(0));
  }
  numbers.libc_entries.store(options_.libc);
}

// At a start there is as a rule one thread besides this one: the first of the process, with which
// the launcher waits for this one (java_md.c, CallJavaMainInNewThread).
EntryMoment MomentOf(bool late, const std::optional<ProcessStat>& stat) {
  if (late) return EntryMoment::kRunning;
  const bool is_first = gettid() == getpid();
  const bool alone = stat && (stat->threads == 1 ||
                              (stat->threads == 2 && !is_first && stat->first_thread_sleeps));
  return alone ? EntryMoment::kAlone : EntryMoment::kStart;
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

absl::Status Agent::Start() {
  if (const absl::Status status = CreateTables(); !status.ok()) return status;
  if (const absl::Status status = ListenToVm(); !status.ok()) return status;
  StartHooks(/*late=*/false);
  OpenCInterface(vm_, &reporter_);
  return absl::OkStatus();
}

void Agent::StartHooks(bool late) {
  recordings_.table.SetCalls(HookedCalls());
  const std::optional<ProcessStat> stat = ReadProcessStat();
  NoteProcess(stat);
  recordings_.facts.numbers().since_startup.store(!late);
  stack_recorder_.SetDepths(options_.java_depth, options_.native_depth);
  Recorder::Install(&recordings_.table, &stack_recorder_, &recordings_.strings,
                    options_.sockets_only);
  if (watches_checkpoints_) watcher_.AddHooks();
  if (!has_vm_tables_ && native_methods_.Create(&recordings_.region)) {
    stack_recorder_.SetNativeMethods(&native_methods_);
    Patcher::NoteNativeMethods(&native_methods_);
  }
  AnswerToJniNames();
  PrepareHooks();
  Patcher::Start(&recordings_.images, &recordings_.strings, &recordings_.facts, options_.libc,
                 MomentOf(late, stat));
  NoteInherited();
}

// What VMInit does at a start comes first, so that the first call that is seen has its stack. It
// costs nothing here to watch checkpoints whether or not they are to be reported.
absl::Status Agent::StartLate(JNIEnv* jni) {
  watches_checkpoints_ = true;
  watcher_.SetReporting(options_.on_checkpoint);
  reporter_.SetAttached();
  if (const absl::Status status = CreateTables(); !status.ok()) return status;
  if (const absl::Status status = ListenToVm(); !status.ok()) return status;
  jthread thread = nullptr;
  if (jvmti_->GetCurrentThread(&thread) != JVMTI_ERROR_NONE) {
    return absl::InternalError("JVMTI does not know the thread that attaches");
  }
  ReadVm(jni, thread);
  java_walker_.LearnNames(jni, thread, ThreadName(jvmti_, jni, thread).value_or(""));
  jni->DeleteLocalRef(thread);
  StartHooks(/*late=*/true);
  // What was loaded between the listing and the hooks of dlopen.
  Patcher::Rescan();
  const std::string unseen = watcher_.StartLate(jni);
  if (!unseen.empty()) reporter_.AddRefusal({"failed checkpoints", unseen, false});
  OpenCInterface(vm_, &reporter_);
  OpenToJava(jni);
  return absl::OkStatus();
}

void Agent::SetOptions(JNIEnv* jni, const Options& options, AttachReply* reply) {
  Options next = options;
  if (next.libc != options_.libc) {
    reply->Note(std::string("option 'libc' stays ") + (options_.libc ? "on" : "off") +
                ": what is hooked does not change while the JVM runs");
    next.libc = options_.libc;
  }
  if (next.memory_bytes != options_.memory_bytes) {
    reply->Note("option 'memory' stays " + std::to_string(options_.memory_bytes) +
                " bytes: it was taken when the agent came");
    next.memory_bytes = options_.memory_bytes;
  }
  if (next.on_checkpoint && !watches_checkpoints_) {
    reply->Note("option 'on' cannot have checkpoint any more: the agent came without");
    next.on_checkpoint = false;
  }
  if (caught_signal_ != 0 && next.signal != caught_signal_) {
    reply->Note("option 'signal' stays as it is: another handler may have been put before it");
    next.signal = caught_signal_;
  }
  watcher_.SetReporting(next.on_checkpoint);
  stack_recorder_.SetDepths(next.java_depth, next.native_depth);
  Recorder::SetSocketsOnly(next.sockets_only);
  reporter_.SetOptions(next);
  options_ = next;
  StartTriggers(jni);
}

absl::Status Agent::Dump(JNIEnv* jni, const AttachRequest& request, AttachReply* reply) {
  std::string path = request.dump_path;
  const bool into_reply = path == "-";
  if (into_reply && !reply->has_file()) {
    return absl::InvalidArgumentError("dump=- goes into the file of reply=, and there is none");
  }
  if (into_reply) path = reply->PathForReport();
  if (!path.empty()) {
    if (const absl::Status status = MakeAbsolute(&path); !status.ok()) return status;
  }
  std::string written;
  const absl::Status status =
      reporter_.WriteNow(jni, "attach", reporter_.CurrentThreadName(jni), path, &written,
                         into_reply ? SummaryTo::kNobody : SummaryTo::kStderr);
  if (!status.ok()) return status;
  if (into_reply) {
    reply->TakeIn(written);
  } else {
    reply->Report(written);
  }
  return absl::OkStatus();
}

void Agent::OnVmInit(JNIEnv* jni, jthread thread) {
  ReadVm(jni, thread);
  if (watches_checkpoints_) watcher_.Start(jni);
  OpenToJava(jni);
}

// From here on the VM can be asked, and asks.
void Agent::OpenToJava(JNIEnv* jni) {
  SetVmCanBeAsked(true);
  if (!has_vm_tables_) StartJavaBinding(vm_, jni);
  StartTriggers(jni);
}

void Agent::StartTriggers(JNIEnv* jni) {
  const bool wanted = options_.on_emfile || options_.signal != 0;
  if (wanted && !trigger_thread_.Start(jni)) return;
  void (*tell)() = [] { agent->trigger_thread_.Ask(TriggerThread::Kind::kEmfile); };
  Recorder::TellOfExhaustion(options_.on_emfile ? tell : nullptr);
  if (options_.signal == caught_signal_) return;
  if (InstallSignalTrigger(options_.signal, &trigger_thread_)) {
    caught_signal_ = options_.signal;
  } else {
    PrintLine("the kernel refuses a handler for the signal of the option 'signal'");
  }
}

// `thread` is the current one. From then on Java frames are walked.
void Agent::ReadVm(JNIEnv* jni, jthread thread) {
  const VmFacts facts = ReadVmFacts(vm_, jvmti_, jni, thread);
  java_walker_.SetFacts(facts);
  if (facts.async_get_call_trace != nullptr) {
    // It answers only while somebody listens to ClassLoad (HotSpot: forte.cpp). An event takes some
    // microseconds for every class, so this is until the agent's own walk is proven (WalkCheck).
    jvmti_->SetEventNotificationMode(JVMTI_ENABLE, JVMTI_EVENT_CLASS_LOAD, nullptr);
  }
  watcher_.SetBootClasses(facts.find_boot_class);
  OnThreadStart(jni, thread);
  reporter_.ReadJvmInfo();
  if (has_vm_tables_) NameEarlyThreads(jvmti_, jni, thread, facts);
  java_walker_.Start();
  walk_check_.Start(jni, facts.hotspot);
}

void Agent::OnVmDeath(JNIEnv* jni) {
  if (watches_checkpoints_) watcher_.Finish(jni);
  trigger_thread_.Finish();
  if (options_.on_exit) {
    reporter_.WriteNow(jni, "exit", reporter_.CurrentThreadName(jni)).IgnoreError();
  }
  SetVmCanBeAsked(false);
  java_walker_.Stop();
}

// Runs on the thread that starts.
void Agent::OnThreadStart(JNIEnv* jni, jthread thread) {
  const std::optional<std::string> name = ThreadName(jvmti_, jni, thread);
  if (!name) return;
  Recorder::NameJavaThread(*name);
  const OwnWork own_work;  // of a process's first thread libc reads /proc/self/maps
  java_walker_.NoteThread();
  // A carrier of virtual threads, as a rule.
  if (name->starts_with("ForkJoinPool-")) java_walker_.LearnNames(jni, thread, *name);
}

// A report may be due when the working directory is another one, so its path is made absolute.
absl::Status PrepareReports(Options* options) {
  if (const absl::Status status = MakeAbsolute(&options->report); !status.ok()) return status;
  if (!options->on_checkpoint && !options->on_exit && !options->on_emfile && options->signal == 0) {
    return absl::OkStatus();
  }
  return CheckWritable(ExpandReportPath(options->report, 1));
}

absl::StatusOr<jvmtiEnv*> GetJvmti(JavaVM* vm) {
  jvmtiEnv* jvmti = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&jvmti), JVMTI_VERSION_1_2) == JNI_OK) return jvmti;
  return absl::FailedPreconditionError("this VM has no JVMTI");
}

absl::Status Load(JavaVM* vm, const char* text) {
  const ParsedOptions parsed = ParseOptions(text);
  if (parsed.options.help) {
    PrintText(OptionsHelp());
    exit(0);  // as -agentlib:jdwp=help does
  }
  if (!parsed.error.empty()) return absl::InvalidArgumentError(parsed.error);
  if (agent != nullptr) {
    PrintLine("the agent is loaded a second time; the options of the first one hold");
    return absl::OkStatus();
  }
  Options options = parsed.options;
  if (const absl::Status status = PrepareReports(&options); !status.ok()) return status;
  const absl::StatusOr<jvmtiEnv*> jvmti = GetJvmti(vm);
  if (!jvmti.ok()) return jvmti.status();
  agent = new Agent(vm, *jvmti, options);
  return agent->Start();
}

// Two agents would record everything twice, and each the other's doings.
absl::Status CheckOnlyCopy() {
  const void* other = FindExport("fdorigin_version", reinterpret_cast<void*>(&fdorigin_version));
  if (other == nullptr) return absl::OkStatus();
  Dl_info info = {};
  const bool named = dladdr(other, &info) != 0 && info.dli_fname != nullptr;
  return absl::AlreadyExistsError("another copy of the agent is loaded in this JVM: " +
                                  std::string(named ? info.dli_fname : "its path is not known"));
}

absl::Status StartLate(JavaVM* vm, JNIEnv* jni, const Options& options) {
  const absl::StatusOr<jvmtiEnv*> jvmti = GetJvmti(vm);
  if (!jvmti.ok()) return jvmti.status();
  agent = new Agent(vm, *jvmti, options);
  absl::Status status = agent->StartLate(jni);
  if (!status.ok()) {
    // Nothing is hooked, and no event enabled: as if nobody had come.
    (*jvmti)->DisposeEnvironment();
    delete agent;
    agent = nullptr;
  }
  return status;
}

absl::Status Attach(JavaVM* vm, const AttachRequest& request, AttachReply* reply) {
  JNIEnv* jni = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&jni), JNI_VERSION_1_6) != JNI_OK) {
    return absl::FailedPreconditionError("this thread is none of the VM's");
  }
  if (const absl::Status status = CheckOnlyCopy(); agent == nullptr && !status.ok()) return status;
  if (agent == nullptr && request.dump) {
    return absl::FailedPreconditionError(
        "the agent does not run in this JVM; attach it first, without 'dump'");
  }
  const Options before = agent == nullptr ? Options() : agent->options();
  const ParsedOptions parsed = ParseOptions(request.options.c_str(), before);
  if (!parsed.error.empty()) {
    // HotSpot's jcmd cuts an argument at its first =, and passes on what stands before.
    const bool cut = request.reply.empty() && request.options.find('=') == std::string::npos;
    return absl::InvalidArgumentError(
        parsed.error + (cut ? "; jcmd wants options in quotes of its own: '\"report=PATH\"'" : ""));
  }
  if (parsed.options.help) {
    return absl::InvalidArgumentError("option 'help' is for the start of a JVM");
  }
  Options options = parsed.options;
  if (agent == nullptr || options.report != before.report) {
    if (const absl::Status status = PrepareReports(&options); !status.ok()) {
      return absl::InvalidArgumentError(status.message());
    }
  }
  if (agent == nullptr) return StartLate(vm, jni, options);
  if (!request.options.empty()) agent->SetOptions(jni, options, reply);
  return request.dump ? agent->Dump(jni, request, reply) : absl::OkStatus();
}

}  // namespace
}  // namespace fdorigin

extern "C" JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void*) {
  const absl::Status status = fdorigin::Load(vm, options);
  if (!status.ok()) fdorigin::PrintLine(std::string(status.message()));
  return status.ok() ? JNI_OK : JNI_ERR;
}

extern "C" JNIEXPORT jint JNICALL Agent_OnAttach(JavaVM* vm, char* options, void*) {
  jint result = JNI_ERR;
  fdorigin::Guarded([&] {
    const fdorigin::AttachRequest request = fdorigin::ParseAttachRequest(options);
    fdorigin::AttachReply reply(request.reply);
    const absl::Status status = fdorigin::Attach(vm, request, &reply);
    if (!status.ok()) reply.Error(status);
    result = status.ok() ? JNI_OK : JNI_ERR;
  });
  return result;
}
