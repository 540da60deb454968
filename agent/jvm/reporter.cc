#include "jvm/reporter.h"

#include <exception>
#include <utility>
#include <vector>

#include "base/raw_output.h"
#include "interpose/patcher.h"
#include "interpose/recorder.h"
#include "jvm/java_thread.h"
#include "jvm/throwables.h"
#include "report/host.h"
#include "report/produce.h"
#include "symbolize/java_symbolizer.h"
#include "symbolize/native_symbolizer.h"
#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

constinit thread_local bool writing = false;

}  // namespace

Reporter::Reporter(const Options& options, Recordings* recordings, jvmtiEnv* jvmti,
                   WalkCheck* walk_check)
    : options_(options), recordings_(recordings), jvmti_(jvmti), walk_check_(walk_check) {}

void Reporter::ReadJvmInfo() {
  const auto property = [this](const char* name) {
    char* value = nullptr;
    if (jvmti_->GetSystemProperty(name, &value) != JVMTI_ERROR_NONE) return std::string();
    std::string text = ToUtf8(std::string_view(value));
    jvmti_->Deallocate(reinterpret_cast<unsigned char*>(value));
    return text;
  };
  jvm_.name = property("java.vm.name");
  jvm_.version = property("java.vm.version");
  jvm_.vendor = property("java.vm.vendor");
  recordings_->facts.Note(FactKind::kJvmName, jvm_.name);
  recordings_->facts.Note(FactKind::kJvmVersion, jvm_.version);
  recordings_->facts.Note(FactKind::kJvmVendor, jvm_.vendor);
}

void Reporter::NoteRestore() {
  restored_.store(true, std::memory_order_relaxed);
  FactNumbers& numbers = recordings_->facts.numbers();
  numbers.restored.store(true, std::memory_order_relaxed);
  numbers.pid.store(getpid(), std::memory_order_relaxed);
  numbers.started_at_ns.store(ProcessStartNs().value_or(0), std::memory_order_relaxed);
  recordings_->facts.Note(FactKind::kHostName, HostName());
}

void Reporter::AddRefusal(RefusedHook refusal) {
  recordings_->facts.Note(refusal.hides_calls ? FactKind::kRefused : FactKind::kUnreadable,
                          refusal.what, refusal.reason);
  refusals_.push_back(std::move(refusal));
}

std::string Reporter::CurrentThreadName(JNIEnv* jni) const {
  return ThreadName(jvmti_, jni, nullptr).value_or("");
}

void Reporter::SetOptions(const Options& options) {
  const std::lock_guard lock(options_mutex_);
  options_ = options;
}

Options Reporter::options() const {
  const std::lock_guard lock(options_mutex_);
  return options_;
}

// criu says nothing to the VM; but the process that it makes is a new one, and began later.
bool Reporter::WasRestored() const {
  if (restored_.load(std::memory_order_relaxed)) return true;
  const uint64_t then = recordings_->facts.numbers().start_ticks.load(std::memory_order_relaxed);
  const std::optional<uint64_t> now = ProcessStartTicks();
  return then != 0 && now && *now != then;
}

Snapshot Reporter::ListDescriptors() const {
  const OwnWork own_work;
  return TakeSnapshot(recordings_->table);
}

absl::Status Reporter::WriteNow(JNIEnv* jni, const char* kind, std::string thread,
                                const std::string& path, std::string* written, SummaryTo summary) {
  return Write(jni, ListDescriptors(), {kind, std::move(thread), std::nullopt}, path, written,
               summary);
}

absl::Status Reporter::Write(JNIEnv* jni, const Snapshot& snapshot, Trigger trigger,
                             const std::string& path, std::string* written, SummaryTo summary) {
  if (writing) return absl::AlreadyExistsError("this thread is writing a report already");
  const OwnWork own_work;
  Recorder::PidChanged();
  if (!restored_.load(std::memory_order_relaxed) && WasRestored()) NoteRestore();
  writing = true;
  absl::Status status;
  try {
    status = Produce(jni, snapshot, std::move(trigger), path, written, summary);
  } catch (const std::exception& error) {
    status = absl::ResourceExhaustedError(std::string("no report: ") + error.what());
  }
  writing = false;
  if (!status.ok()) PrintLine(std::string(status.message()));
  return status;
}

absl::Status Reporter::Produce(JNIEnv* jni, const Snapshot& snapshot, Trigger trigger,
                               const std::string& path, std::string* written, SummaryTo summary) {
  const Options options = this->options();
  NativeSymbolizer native(&recordings_->images, &recordings_->strings);
  JavaSymbolizer java(jni == nullptr ? nullptr : jvmti_, jni, &recordings_->methods,
                      &recordings_->strings);
  ReportInput input;
  input.snapshot = &snapshot;
  input.table = &recordings_->table;
  input.trigger = std::move(trigger);
  const Patcher::Totals totals = Patcher::GetTotals();
  input.coverage.since_startup = !attached_;
  input.coverage.libraries = totals.libraries;
  input.coverage.slots = totals.slots;
  input.coverage.libc_entries = totals.libc_entries;
  for (const Patcher::Refusal& refusal : totals.refused) {
    input.coverage.refused.push_back({refusal.what, refusal.reason});
  }
  if (jni != nullptr) walk_check_->Compare(jni);
  const std::string refusal = walk_check_->refusal();
  if (!refusal.empty()) {
    input.coverage.refused.push_back({WalkCheck::kJvmData, refusal, /*hides_calls=*/false});
  }
  const bool found_wrong = walk_check_->found_wrong();
  input.coverage.refused.insert(input.coverage.refused.end(), refusals_.begin(), refusals_.end());
  input.coverage.dropped = recordings_->table.dropped() + recordings_->methods.dropped();
  input.coverage.memory_bytes = recordings_->region.used();
  input.libraries_with_system_calls = &Patcher::ImagesWithSystemCalls;
  input.libc_entries = options.libc;
  input.restored = restored_.load(std::memory_order_relaxed);
  input.jvm = jvm_;
  input.stack = [&](StackId id) {
    std::vector<SymbolizedFrame> frames;
    const std::vector<Frame> stack = recordings_->stacks.Get(id);
    for (const Frame& frame : found_wrong ? WithoutMethods(stack) : stack) {
      if (frame.kind == FrameKind::kNative) {
        frames.push_back(native.Symbolize(frame));
      } else {
        const HostWork runs_java;
        frames.push_back(java.Symbolize(frame));
      }
      frames.back().gap = frame.gap != 0;
    }
    return frames;
  };
  if (found_wrong) {
    input.withdrawn = [this](StackId id) { return HasMethods(recordings_->stacks.Get(id)); };
  }
  input.string = [this](StringId id) { return std::string(recordings_->strings.Get(id)); };
  const std::string target = ExpandReportPath(path.empty() ? options.report : path, ++reports_);
  if (written != nullptr) *written = target;
  const ProducedReport produced = ProduceReport(input, target);
  if (options.summary && summary == SummaryTo::kStderr) PrintText(produced.summary);
  return produced.status;
}

}  // namespace fdorigin
