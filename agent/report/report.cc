#include "report/report.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "fdorigin_version.h"
#include "nlohmann/json.hpp"
#include "report/advice.h"
#include "report/arguments.h"
#include "report/attribution.h"
#include "report/culprit.h"
#include "report/host.h"
#include "report/join.h"
#include "report/text.h"

namespace fdorigin {
namespace {

using nlohmann::json;

constexpr const char* kSchemaVersion = "1.0";

// `object` as it stands in the text of the report, between its braces.
void AppendMembers(const json& object, std::string* text) {
  const std::string dumped = object.dump(1, ' ', false, json::error_handler_t::replace);
  text->append(dumped, 1, dumped.size() - 3);
}

// An array of the report, turned into text a few elements at a time: the tree of a whole report
// takes several times the text's memory, and longer to make and to free than all else does.
class ArrayText {
 public:
  // Appends the member `key` to `text`.
  ArrayText(const char* key, std::string* text) : key_(key), text_(text) {}

  void Add(json element) {
    batch_.push_back(std::move(element));
    if (batch_.size() == kBatch) Flush();
  }

  void Finish() {
    if (!begun_ || !batch_.empty()) Flush();
  }

 private:
  static constexpr size_t kBatch = 16;  // what they take stays in the processor's cache

  void Flush() {
    json object;
    object[key_] = std::exchange(batch_, json::array());
    if (!begun_) {
      AppendMembers(object, text_);
      begun_ = true;
      return;
    }
    std::string array;
    AppendMembers(object, &array);
    constexpr std::string_view kEnd = "\n ]";
    text_->resize(text_->size() - kEnd.size());
    *text_ += ',';
    text_->append(array, array.find('[') + 1);
  }

  const char* key_;
  std::string* text_;
  json batch_ = json::array();
  bool begun_ = false;
};

// The stacks that the report refers to, each symbolized once, in the order of their first use.
class Stacks {
 public:
  explicit Stacks(const ReportInput& input) : input_(input) {}

  const std::vector<SymbolizedFrame>& Frames(StackId id) {
    const auto [at, added] = frames_.try_emplace(id);
    if (added && input_.stack && id != StackId::kNone) at->second = input_.stack(id);
    return at->second;
  }

  // The id as the report writes it, counted from 1 in the order of first use, and the promise that
  // the stack will be in `stacks`.
  size_t Refer(StackId id) {
    const auto [at, added] = referred_.try_emplace(id, order_.size() + 1);
    if (added) order_.push_back(id);
    return at->second;
  }

  // Appends the member `stacks` of the report.
  void AppendTo(std::string* text);

 private:
  const ReportInput& input_;
  std::unordered_map<StackId, std::vector<SymbolizedFrame>> frames_;
  std::unordered_map<StackId, size_t> referred_;
  std::vector<StackId> order_;
};

void SetUnlessEmpty(json* object, const char* key, const std::string& value) {
  if (!value.empty()) (*object)[key] = EscapeToUtf8(value);
}

json FrameToJson(const SymbolizedFrame& frame) {
  json object;
  if (frame.gap) object["gap"] = true;
  if (frame.kind == FrameKind::kJava) {
    object["kind"] = "java";
    object["class"] = EscapeToUtf8(frame.class_name);
    object["method"] = EscapeToUtf8(frame.method);
    object["signature"] = EscapeToUtf8(frame.signature);
    SetUnlessEmpty(&object, "file", frame.file);
    if (frame.line) object["line"] = *frame.line;
    if (frame.native_method) object["native"] = true;
    if (frame.hidden) object["hidden"] = true;
    SetUnlessEmpty(&object, "jar", frame.jar);
    SetUnlessEmpty(&object, "reason", frame.nameless_because);
    return object;
  }
  object["kind"] = "native";
  SetUnlessEmpty(&object, "symbol", frame.symbol);
  object["module"] = EscapeToUtf8(frame.module);
  object["offset"] = frame.offset;
  SetUnlessEmpty(&object, "buildId", frame.build_id);
  SetUnlessEmpty(&object, "file", frame.file);
  if (frame.line) object["line"] = *frame.line;
  return object;
}

void Stacks::AppendTo(std::string* text) {
  ArrayText stacks("stacks", text);
  for (const StackId id : order_) {
    json frames = json::array();
    for (const SymbolizedFrame& frame : Frames(id)) frames.push_back(FrameToJson(frame));
    stacks.Add({{"id", Refer(id)}, {"frames", std::move(frames)}});
  }
  stacks.Finish();
}

// "complete", "none", or the reason why there are no Java frames, or not all.
const char* JavaStackText(JavaStackStatus status) {
  switch (status) {
    case JavaStackStatus::kComplete:
      return "complete";
    case JavaStackStatus::kTruncated:
      return "truncated";
    case JavaStackStatus::kNotAJavaThread:
      return "none";
    case JavaStackStatus::kBeforeVmInit:
      return "the JVM was still starting";
    case JavaStackStatus::kAfterVmDeath:
      return "the JVM was already shutting down";
    case JavaStackStatus::kNotInNative:
      return "the thread was not in native code, where alone its Java frames can be walked";
    case JavaStackStatus::kCallerInsideJvm:
      return "the JVM itself made the call and may have held its own locks";
    case JavaStackStatus::kNoVmStructs:
      return "the state of the thread could not be read from this JVM";
    case JavaStackStatus::kWalkRefused:
      return "the JVM refused to walk the stack";
    case JavaStackStatus::kOnSignalStack:
      return "the call was made in a signal handler";
    case JavaStackStatus::kMustNotWait:
      return "they could only have been had by waiting, and the caller may have held locks";
    case JavaStackStatus::kFrozen:
      return "the outer frames of the virtual thread were not on a stack";
    case JavaStackStatus::kStopped:
      return "the outer frames could not be told with certainty";
    case JavaStackStatus::kNotAsked:
      return "stacks are not recorded for this kind of descriptor";
  }
  return "unknown";
}

json ThreadToJson(const ReportInput& input, const CallRecord& record) {
  const char* kind = "native";
  if (record.thread_kind == ThreadKind::kJava || record.thread_kind == ThreadKind::kVirtual) {
    kind = "java";
  } else if (record.thread_kind == ThreadKind::kVm) {
    kind = "vm";
  }
  std::string name;
  if (input.string && record.thread_name != StringId::kNone)
    name = input.string(record.thread_name);
  json object;
  object["name"] = EscapeToUtf8(name);
  object["tid"] = record.tid;
  object["kind"] = kind;
  object["virtual"] = record.thread_kind == ThreadKind::kVirtual;
  return object;
}

json CallToJson(const ReportInput& input, const CallRecord& record, Stacks* stacks) {
  json object;
  if (record.call == CallId::kNone) {
    object["call"] = "unknown";
    object["arguments"] = json::object();
  } else {
    const CallInfo& call = input.table->call(record.call);
    object["call"] = call.name;
    object["arguments"] = RenderArguments(call, record);
  }
  object["at"] = FormatTime(record.at_ns);
  object["thread"] = ThreadToJson(input, record);
  if (record.stack != StackId::kNone) object["stack"] = stacks->Refer(record.stack);
  const bool withdrawn =
      input.withdrawn && record.stack != StackId::kNone && input.withdrawn(record.stack);
  object["javaStack"] = withdrawn ? "they were read in a way that has proved wrong in this JVM"
                                  : JavaStackText(record.java_stack);
  if (record.from_fd >= 0) object["from"] = {{"fd", record.from_fd}};
  return object;
}

json SocketToJson(const SocketDetails& socket) {
  json object;
  SetUnlessEmpty(&object, "family", socket.family);
  SetUnlessEmpty(&object, "type", socket.type);
  SetUnlessEmpty(&object, "protocol", socket.protocol);
  SetUnlessEmpty(&object, "state", socket.state);
  object["local"] = EscapeToUtf8(socket.local);
  object["remote"] = EscapeToUtf8(socket.remote);
  if (socket.peer) {
    json peer = json::object();
    if (socket.peer->pid != 0) peer["pid"] = socket.peer->pid;
    SetUnlessEmpty(&peer, "process", socket.peer->process);
    if (socket.peer->fd >= 0) peer["fd"] = socket.peer->fd;
    if (socket.peer->inode != 0) peer["inode"] = socket.peer->inode;
    object["peer"] = std::move(peer);
  }
  return object;
}

json CulpritToJson(const Culprit& culprit, const SymbolizedFrame& frame, Stacks* stacks) {
  json object;
  object["stack"] = stacks->Refer(culprit.stack);
  object["frame"] = culprit.frame;
  if (frame.kind == FrameKind::kJava) {
    object["class"] = EscapeToUtf8(frame.class_name);
    object["method"] = EscapeToUtf8(frame.method);
    SetUnlessEmpty(&object, "jar", frame.jar);
  } else {
    SetUnlessEmpty(&object, "symbol", frame.symbol);
    object["module"] = EscapeToUtf8(frame.module);
    object["offset"] = frame.offset;
  }
  SetUnlessEmpty(&object, "file", frame.file);
  if (frame.line) object["line"] = *frame.line;
  return object;
}

// Whether criu, as OpenJ9 calls it, may refuse to dump this.
bool MayStopCriu(const OpenDescriptor& descriptor) {
  if (descriptor.target.ends_with(" (deleted)")) return true;
  if (!descriptor.socket) return descriptor.kind == "other";
  const SocketDetails& socket = *descriptor.socket;
  if (socket.state == "LISTEN") return false;
  if (socket.protocol == "tcp") return !socket.remote.empty();
  // The other end is not dumped with this process.
  return socket.family == "unix" && socket.state == "ESTABLISHED" &&
         (!socket.peer || socket.peer->pid != getpid());
}

// Whether a failure that names no descriptor may be about this one.
bool MayBeMeant(const JoinedFailures& joined, const OpenDescriptor& descriptor) {
  if (joined.busy_watch && descriptor.kind == "inotify") return true;
  if (joined.criu_failed && MayStopCriu(descriptor)) return true;
  if (!joined.busy_selector) return false;
  if (descriptor.kind == "epoll" || descriptor.kind == "eventfd") return true;
  return descriptor.socket && descriptor.socket->family != "netlink" &&
         (!descriptor.socket->local.empty() || !descriptor.socket->remote.empty());
}

// A Java object tells more than the VM's scan, and a selector with keys has to be dealt with before
// a policy for its channels helps.
FailureLevel MostTellingLevel(const JoinedFailures& joined, const std::vector<size_t>& failures) {
  FailureLevel level = FailureLevel::kOther;
  for (const size_t failure : failures) level = std::max(level, joined.suppressed[failure].level);
  return level;
}

json AdviceToJson(const FdTable& table, const OpenDescriptor& descriptor,
                  const Attribution& attribution, const JoinedFailures& joined,
                  const std::vector<size_t>& failures, const std::optional<Culprit>& culprit,
                  Stacks* stacks) {
  AdviceQuery query;
  query.descriptor = &descriptor;
  query.attribution = attribution.word;
  query.level = joined.criu_failed ? FailureLevel::kCriu
                : failures.empty() ? FailureLevel::kSelector
                                   : MostTellingLevel(joined, failures);
  if (query.attribution == "traced") {
    const CallRecord& origin = descriptor.entry->origin;
    if (origin.call != CallId::kNone) query.call = table.call(origin.call).name;
    query.frames = stacks->Frames(origin.stack);
  }
  if (culprit) query.culprit = &stacks->Frames(culprit->stack)[culprit->frame];
  const Advice advice = Advise(query);
  return {{"kind", advice.kind}, {"text", advice.text}};
}

json DescriptorToJson(const ReportInput& input, const OpenDescriptor& descriptor,
                      const JoinedFailures& joined, const std::vector<size_t>& failures,
                      Attributor* attributor, Stacks* stacks) {
  json object;
  object["fd"] = descriptor.fd;
  object["kind"] = descriptor.kind;
  object["inode"] = descriptor.identity.ino;
  object["target"] = EscapeToUtf8(descriptor.target);
  object["flags"] = descriptor.flags;
  if (descriptor.socket) object["socket"] = SocketToJson(*descriptor.socket);

  const Attribution attribution = attributor->Of(descriptor);
  object["attribution"] = attribution.word;
  if (!attribution.reason.empty()) object["reason"] = attribution.reason;
  if (descriptor.unverified) object["unverified"] = true;
  object["blocking"] = !failures.empty();
  if (!failures.empty()) object["failures"] = failures;

  std::optional<Culprit> culprit;
  const bool traced = attribution.word == std::string_view("traced");
  const bool inherited = attribution.word == std::string_view("inherited");
  if (traced) object["origin"] = CallToJson(input, descriptor.entry->origin, stacks);
  if (traced || inherited) {
    const FdEntry& entry = *descriptor.entry;
    json history = json::array();
    for (const CallRecord& step : entry.history) {
      history.push_back(CallToJson(input, step, stacks));
    }
    if (traced || !history.empty()) object["history"] = std::move(history);
    if (entry.history_cut) object["historyCut"] = true;
    culprit = FindCulprit(
        entry, *input.table, [&](StackId id) -> const auto& { return stacks->Frames(id); });
  }
  if (culprit) {
    const SymbolizedFrame& frame = stacks->Frames(culprit->stack)[culprit->frame];
    object["culprit"] = CulpritToJson(*culprit, frame, stacks);
  }
  if (!failures.empty() || MayBeMeant(joined, descriptor)) {
    object["advice"] =
        AdviceToJson(*input.table, descriptor, attribution, joined, failures, culprit, stacks);
  }
  return object;
}

json TriggerToJson(const Trigger& trigger, const JoinedFailures& joined) {
  json object = {{"kind", trigger.kind}, {"thread", EscapeToUtf8(trigger.thread)}};
  if (!trigger.exception) return object;
  const CheckpointFailure& failure = *trigger.exception;
  json suppressed = json::array();
  for (size_t i = 0; i < failure.suppressed.size(); ++i) {
    json one = {{"class", EscapeToUtf8(failure.suppressed[i].class_name)},
                {"message", EscapeToUtf8(failure.suppressed[i].message)}};
    if (joined.suppressed[i].fd) one["fd"] = *joined.suppressed[i].fd;
    if (joined.suppressed[i].inode) one["inode"] = *joined.suppressed[i].inode;
    suppressed.push_back(std::move(one));
  }
  object["exception"] = {
      {"class", EscapeToUtf8(failure.class_name)},
      {"message", failure.message ? json(EscapeToUtf8(*failure.message)) : json()},
      {"suppressed", std::move(suppressed)}};
  for (const SuppressedException& cause : failure.causes) {
    object["exception"]["causes"].push_back(
        {{"class", EscapeToUtf8(cause.class_name)}, {"message", EscapeToUtf8(cause.message)}});
  }
  return object;
}

json ProcessToJson(const ReportInput& input) {
  json command_line = json::array();
  const ProcessFacts process = input.process ? *input.process : DescribeProcess();
  for (const std::string& word : process.command_line) command_line.push_back(EscapeToUtf8(word));
  json object = {{"pid", input.snapshot->pid},
                 {"ppid", process.ppid},
                 {"hostname", EscapeToUtf8(process.host_name)},
                 {"commandLine", std::move(command_line)},
                 {"jvm",
                  {{"name", EscapeToUtf8(input.jvm.name)},
                   {"version", EscapeToUtf8(input.jvm.version)},
                   {"vendor", EscapeToUtf8(input.jvm.vendor)}}}};
  if (process.started_at_ns) object["startedAt"] = FormatTime(*process.started_at_ns);
  return object;
}

json CoverageToJson(const Coverage& coverage) {
  json entries = json::array();
  for (const std::string& entry : coverage.libc_entries) entries.push_back(EscapeToUtf8(entry));
  json refused = json::array();
  for (const RefusedHook& hook : coverage.refused) {
    refused.push_back({{"what", EscapeToUtf8(hook.what)}, {"reason", EscapeToUtf8(hook.reason)}});
  }
  return {{"since", coverage.since_startup ? "startup" : "attach"},
          {"libraries", coverage.libraries},
          {"slots", coverage.slots},
          {"libcEntries", std::move(entries)},
          {"refused", std::move(refused)},
          {"dropped", coverage.dropped},
          {"memoryBytes", coverage.memory_bytes},
          {"selfDescriptors", 0}};
}

std::string Render(const ReportInput& input, json* digest) {
  JoinedFailures joined;
  joined.failures.resize(input.snapshot->descriptors.size());
  if (input.trigger.exception) joined = JoinFailures(*input.snapshot, *input.trigger.exception);

  constexpr size_t kUsualBytes = 1024;  // of one descriptor
  std::string text;
  text.reserve(input.snapshot->descriptors.size() * kUsualBytes);
  // By key, as nlohmann writes an object.
  text += '{';
  AppendMembers({{"coverage", CoverageToJson(input.coverage)},
                 {"createdAt", FormatTime(input.snapshot->at_ns)}},
                &text);
  text += ',';
  Stacks stacks(input);
  Attributor attributor(input);
  ArrayText descriptors("descriptors", &text);
  json told = json::array();
  for (size_t i = 0; i < input.snapshot->descriptors.size(); ++i) {
    json one = DescriptorToJson(input, input.snapshot->descriptors[i], joined, joined.failures[i],
                                &attributor, &stacks);
    told.push_back(one.contains("advice") ? one : json());
    descriptors.Add(std::move(one));
  }
  descriptors.Finish();
  text += ',';
  const json process = ProcessToJson(input);
  AppendMembers({{"process", process}, {"schemaVersion", kSchemaVersion}}, &text);
  text += ',';
  stacks.AppendTo(&text);
  text += ',';
  const json trigger = TriggerToJson(input.trigger, joined);
  AppendMembers(
      {{"tool", {{"name", "fdorigin"}, {"version", FDORIGIN_VERSION}}}, {"trigger", trigger}},
      &text);
  text += "\n}\n";
  if (digest != nullptr) {
    *digest = {{"descriptors", std::move(told)}, {"process", process}, {"trigger", trigger}};
  }
  return text;
}

}  // namespace

std::string RenderReport(const ReportInput& input, json* digest) {
  try {
    return Render(input, digest);
  } catch (const std::exception&) {
    return "";  // out of memory
  }
}

}  // namespace fdorigin
