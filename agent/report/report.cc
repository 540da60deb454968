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
#include "report/json_text.h"
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

  // Writes those referred to, as an array.
  void Write(JsonText* out);

 private:
  const ReportInput& input_;
  std::unordered_map<StackId, std::vector<SymbolizedFrame>> frames_;
  std::unordered_map<StackId, size_t> referred_;
  std::vector<StackId> order_;
};

void WriteUnlessEmpty(const char* key, const std::string& value, JsonText* out) {
  if (!value.empty()) out->Key(key).String(value);
}

void WriteJavaFrame(const SymbolizedFrame& frame, JsonText* out) {
  out->Key("class").String(frame.class_name);
  WriteUnlessEmpty("file", frame.file, out);
  if (frame.gap) out->Key("gap").Bool(true);
  if (frame.hidden) out->Key("hidden").Bool(true);
  WriteUnlessEmpty("jar", frame.jar, out);
  out->Key("kind").String("java");
  if (frame.line) out->Key("line").Number(*frame.line);
  out->Key("method").String(frame.method);
  if (frame.native_method) out->Key("native").Bool(true);
  WriteUnlessEmpty("reason", frame.nameless_because, out);
  out->Key("signature").String(frame.signature);
}

void WriteNativeFrame(const SymbolizedFrame& frame, JsonText* out) {
  WriteUnlessEmpty("buildId", frame.build_id, out);
  WriteUnlessEmpty("file", frame.file, out);
  if (frame.gap) out->Key("gap").Bool(true);
  out->Key("kind").String("native");
  if (frame.line) out->Key("line").Number(*frame.line);
  out->Key("module").String(frame.module);
  out->Key("offset").Number(frame.offset);
  WriteUnlessEmpty("symbol", frame.symbol, out);
}

void Stacks::Write(JsonText* out) {
  out->BeginArray();
  for (const StackId id : order_) {
    out->BeginObject();
    out->Key("frames").BeginArray();
    for (const SymbolizedFrame& frame : Frames(id)) {
      out->BeginObject();
      if (frame.kind == FrameKind::kJava) {
        WriteJavaFrame(frame, out);
      } else {
        WriteNativeFrame(frame, out);
      }
      out->EndObject();
    }
    out->EndArray();
    out->Key("id").Number(Refer(id));
    out->EndObject();
  }
  out->EndArray();
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

void WriteThread(const ReportInput& input, const CallRecord& record, JsonText* out) {
  const char* kind = "native";
  if (record.thread_kind == ThreadKind::kJava || record.thread_kind == ThreadKind::kVirtual) {
    kind = "java";
  } else if (record.thread_kind == ThreadKind::kVm) {
    kind = "vm";
  }
  std::string name;
  if (input.string && record.thread_name != StringId::kNone) {
    name = input.string(record.thread_name);
  }
  out->BeginObject();
  out->Key("kind").String(kind);
  out->Key("name").String(name);
  out->Key("tid").Number(record.tid);
  out->Key("virtual").Bool(record.thread_kind == ThreadKind::kVirtual);
  out->EndObject();
}

void WriteCall(const ReportInput& input, const CallRecord& record, Stacks* stacks, JsonText* out) {
  const bool known = record.call != CallId::kNone;
  out->BeginObject();
  out->Key("arguments");
  WriteArguments(known ? input.table->call(record.call) : CallInfo(), record, out);
  out->Key("at").String(FormatTime(record.at_ns));
  out->Key("call").String(known ? input.table->call(record.call).name : "unknown");
  if (record.from_fd >= 0) {
    out->Key("from").BeginObject();
    out->Key("fd").Number(record.from_fd);
    out->EndObject();
  }
  const bool withdrawn =
      input.withdrawn && record.stack != StackId::kNone && input.withdrawn(record.stack);
  out->Key("javaStack")
      .String(withdrawn ? "they were read in a way that has proved wrong in this JVM"
                        : JavaStackText(record.java_stack));
  if (record.stack != StackId::kNone) out->Key("stack").Number(stacks->Refer(record.stack));
  out->Key("thread");
  WriteThread(input, record, out);
  out->EndObject();
}

void WriteSocket(const SocketDetails& socket, JsonText* out) {
  out->BeginObject();
  WriteUnlessEmpty("family", socket.family, out);
  out->Key("local").String(socket.local);
  if (socket.peer) {
    out->Key("peer").BeginObject();
    if (socket.peer->fd >= 0) out->Key("fd").Number(socket.peer->fd);
    if (socket.peer->inode != 0) out->Key("inode").Number(socket.peer->inode);
    if (socket.peer->pid != 0) out->Key("pid").Number(socket.peer->pid);
    WriteUnlessEmpty("process", socket.peer->process, out);
    out->EndObject();
  }
  WriteUnlessEmpty("protocol", socket.protocol, out);
  out->Key("remote").String(socket.remote);
  WriteUnlessEmpty("state", socket.state, out);
  WriteUnlessEmpty("type", socket.type, out);
  out->EndObject();
}

void WriteCulprit(const Culprit& culprit, const SymbolizedFrame& frame, Stacks* stacks,
                  JsonText* out) {
  const bool java = frame.kind == FrameKind::kJava;
  out->BeginObject();
  if (java) out->Key("class").String(frame.class_name);
  WriteUnlessEmpty("file", frame.file, out);
  out->Key("frame").Number(culprit.frame);
  if (java) WriteUnlessEmpty("jar", frame.jar, out);
  if (frame.line) out->Key("line").Number(*frame.line);
  if (java) {
    out->Key("method").String(frame.method);
  } else {
    out->Key("module").String(frame.module);
    out->Key("offset").Number(frame.offset);
  }
  out->Key("stack").Number(stacks->Refer(culprit.stack));
  if (!java) WriteUnlessEmpty("symbol", frame.symbol, out);
  out->EndObject();
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

void WriteAdvice(const FdTable& table, const OpenDescriptor& descriptor,
                 const Attribution& attribution, const JoinedFailures& joined,
                 const std::vector<size_t>& failures, const std::optional<Culprit>& culprit,
                 Stacks* stacks, JsonText* out) {
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
  out->BeginObject();
  out->Key("kind").String(advice.kind);
  out->Key("text").String(advice.text);
  out->EndObject();
}

// Whether it has advice.
bool WriteDescriptor(const ReportInput& input, const OpenDescriptor& descriptor,
                     const JoinedFailures& joined, const std::vector<size_t>& failures,
                     Attributor* attributor, Stacks* stacks, JsonText* out) {
  const Attribution attribution = attributor->Of(descriptor);
  const bool traced = attribution.word == std::string_view("traced");
  const bool known = traced || attribution.word == std::string_view("inherited");
  std::optional<Culprit> culprit;
  if (known) {
    const FdEntry& entry = *descriptor.entry;
    // Ids are given in the order of the calls, whatever comes first in the text.
    if (traced && entry.origin.stack != StackId::kNone) stacks->Refer(entry.origin.stack);
    for (const CallRecord& step : entry.history) {
      if (step.stack != StackId::kNone) stacks->Refer(step.stack);
    }
    culprit = FindCulprit(
        entry, *input.table, [&](StackId id) -> const auto& { return stacks->Frames(id); });
  }
  const bool advised = !failures.empty() || MayBeMeant(joined, descriptor);

  out->BeginObject();
  if (advised) {
    out->Key("advice");
    WriteAdvice(*input.table, descriptor, attribution, joined, failures, culprit, stacks, out);
  }
  out->Key("attribution").String(attribution.word);
  out->Key("blocking").Bool(!failures.empty());
  if (culprit) {
    out->Key("culprit");
    WriteCulprit(*culprit, stacks->Frames(culprit->stack)[culprit->frame], stacks, out);
  }
  if (!failures.empty()) {
    out->Key("failures").BeginArray();
    for (const size_t failure : failures) out->Number(failure);
    out->EndArray();
  }
  out->Key("fd").Number(descriptor.fd);
  out->Key("flags").BeginArray();
  for (const std::string& flag : descriptor.flags) out->String(flag);
  out->EndArray();
  if (known) {
    const FdEntry& entry = *descriptor.entry;
    if (traced || !entry.history.empty()) {
      out->Key("history").BeginArray();
      for (const CallRecord& step : entry.history) WriteCall(input, step, stacks, out);
      out->EndArray();
    }
    if (entry.history_cut) out->Key("historyCut").Bool(true);
  }
  out->Key("inode").Number(descriptor.identity.ino);
  out->Key("kind").String(descriptor.kind);
  if (traced) {
    out->Key("origin");
    WriteCall(input, descriptor.entry->origin, stacks, out);
  }
  WriteUnlessEmpty("reason", attribution.reason, out);
  if (descriptor.socket) {
    out->Key("socket");
    WriteSocket(*descriptor.socket, out);
  }
  out->Key("target").String(descriptor.target);
  if (descriptor.unverified) out->Key("unverified").Bool(true);
  out->EndObject();
  return advised;
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

  constexpr size_t kUsualBytes = 1536;  // of one descriptor; what is not used costs nothing
  constexpr int kDepth = 1;             // of the members of the report
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
  JsonText descriptors(&text, kDepth);
  descriptors.Key("descriptors").BeginArray();
  json told = json::array();
  for (size_t i = 0; i < input.snapshot->descriptors.size(); ++i) {
    const size_t begin = text.size();
    const bool advised = WriteDescriptor(input, input.snapshot->descriptors[i], joined,
                                         joined.failures[i], &attributor, &stacks, &descriptors);
    descriptors.Flush();
    told.push_back(advised ? json::parse(text.begin() + text.find('{', begin), text.end())
                           : json());
  }
  descriptors.EndArray();
  descriptors.Flush();
  text += ',';
  const json process = ProcessToJson(input);
  AppendMembers({{"process", process}, {"schemaVersion", kSchemaVersion}}, &text);
  text += ',';
  JsonText stack_text(&text, kDepth);
  stacks.Write(&stack_text.Key("stacks"));
  stack_text.Flush();
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
