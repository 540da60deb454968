#include "show/story.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "fmt/format.h"
#include "model/display_text.h"
#include "show/folded_stack.h"
#include "text/describe.h"

namespace fdorigin {
namespace {

using model::Call;
using model::Descriptor;
using model::Frame;
using model::Report;
using model::Suppressed;

// Of those alike, how many are listed by name.
constexpr size_t kMostListed = 10;

std::string StoryOf(const Descriptor& descriptor) {
  std::string story = fmt::format("{} {} {} {} {}\n", descriptor.kind, descriptor.attribution,
                                  descriptor.blocking, descriptor.reason, descriptor.unverified);
  const auto add = [&story](const Call& call) {
    story += fmt::format("{} {} {}\n", call.call, call.stack, call.java_stack);
  };
  if (descriptor.origin != nullptr) add(*descriptor.origin);
  for (const Call& call : descriptor.history) add(call);
  // What nobody was seen to open has nothing in common but that.
  if (descriptor.origin == nullptr) story += fmt::format("fd {}\n", descriptor.fd);
  return story;
}

// "…impl.CheckpointOpenSocketException: tcp6 …", with the class's own name only.
std::string InWords(const Suppressed& suppressed) {
  const std::string name = DisplayText(SimpleName(suppressed.class_name));
  return suppressed.message.empty() ? name
                                    : fmt::format("{}: {}", name, DisplayText(suppressed.message));
}

void TellHeading(const Alike& alike, const StoryOptions& options, Sheet* sheet) {
  const Descriptor& first = *alike.front();
  InkedText heading = {{fmt::format("fd {}", first.fd), Ink::kBold},
                       "  " + DescribeDescriptor(first)};
  if (alike.size() > 1) heading.push_back(fmt::format(", and {} alike", alike.size() - 1));
  sheet->Paragraph(0, 2, heading);
  if (alike.size() == 1) return;
  const size_t listed = options.full ? alike.size() : std::min(alike.size(), kMostListed + 1);
  for (size_t i = 1; i < listed; ++i) {
    sheet->Paragraph(
        0, 2,
        {{fmt::format("fd {}", alike[i]->fd), Ink::kBold}, "  " + DescribeDescriptor(*alike[i])});
  }
  if (listed < alike.size()) {
    sheet->Paragraph(2, 4, {{fmt::format("… and {} more", alike.size() - listed), Ink::kDim}});
  }
}

void TellFailures(const Report& report, const Descriptor& descriptor, Sheet* sheet) {
  bool is_first = true;
  for (const int index : descriptor.failures) {
    const InkedText words = {
        {InWords(report.trigger.suppressed[static_cast<size_t>(index)]), Ink::kRed}};
    if (is_first) {
      sheet->Item("blocks", words);
    } else {
      sheet->More(words);
    }
    is_first = false;
  }
}

void TellCulprit(const Report& report, const Descriptor& descriptor, Sheet* sheet) {
  const Frame* frame = report.FrameOf(descriptor);
  if (frame == nullptr) return;
  InkedText words = {{DescribeFrame(*frame), Ink::kGreen}};
  const std::string_view place = frame->is_java ? frame->jar : frame->module;
  if (!place.empty()) words.push_back(fmt::format(" in {}", DisplayText(place)));
  sheet->Item("culprit", words);
}

// With the time and the thread, which later calls of the same thread do not repeat.
InkedText CallInWords(const Report& report, const Descriptor& descriptor, const Call& call) {
  const bool is_origin = &call == descriptor.origin;
  std::string text = DescribeCall(call, descriptor.fd);
  if (call.from_fd >= 0) text += fmt::format(" from fd {}", call.from_fd);
  std::string when = "at " + DescribeTime(report, call.at);
  const std::string before = DescribeInterval(call.at, report.created_at);
  if (is_origin && !before.empty()) when += fmt::format(", {} before the report", before);
  if (is_origin || descriptor.origin == nullptr ||
      call.thread.tid != descriptor.origin->thread.tid) {
    when += ", " + DescribeThread(call.thread);
  }
  return {text, {"  " + when, Ink::kDim}};
}

void TellStack(const Report& report, const Call& call, std::optional<size_t> culprit,
               const StoryOptions& options, Sheet* sheet) {
  const model::Stack* stack = report.StackOf(call);
  if (stack != nullptr) {
    for (const StackLine& line : FoldStack(*stack, culprit, options.full)) {
      if (line.frame == nullptr) {
        sheet->More({{fmt::format("· {} frames: {}", line.folded, line.owners), Ink::kDim}});
      } else {
        const bool is_culprit = culprit == line.index;
        const bool is_application = line.frame->owner == model::FrameOwner::kApplication;
        InkedText words = {{is_culprit ? "> " : "  ", Ink::kGreen}};
        const Ink ink = is_culprit ? Ink::kGreen : is_application ? Ink::kPlain : Ink::kDim;
        words.push_back({DescribeFrame(*line.frame), ink});
        const std::string origin = line.frame->is_java ? OriginOf(*line.frame) : std::string();
        if (!origin.empty()) words.push_back({"  " + origin, Ink::kDim});
        sheet->More(words);
      }
      if (line.gap) sheet->More({{"· frames that could not be proven", Ink::kYellow}});
    }
  }
  if (call.java_stack == "complete" || call.java_stack == "none") return;
  sheet->More({{call.java_stack == "truncated"
                    ? std::string("· more Java frames than the option depth allows")
                    : "· " + DisplayText(call.java_stack),
                Ink::kYellow}});
}

void TellOrigin(const Report& report, const Descriptor& descriptor, const StoryOptions& options,
                Sheet* sheet) {
  if (descriptor.origin == nullptr) {
    if (descriptor.attribution == "inherited") {
      sheet->Item("opened", {report.coverage.since == "attach"
                                 ? "before the agent was attached"
                                 : "before the agent was loaded: by the parent process, or by "
                                   "the JVM as it started"});
    } else {
      sheet->Item("opened", {"unseen: " + DisplayText(descriptor.reason)});
    }
    return;
  }
  const Call& origin = *descriptor.origin;
  sheet->Item("opened", CallInWords(report, descriptor, origin));
  std::optional<size_t> culprit;
  if (descriptor.culprit && descriptor.culprit->stack == origin.stack) {
    culprit = static_cast<size_t>(descriptor.culprit->frame);
  }
  TellStack(report, origin, culprit, options, sheet);
  if (descriptor.unverified) {
    sheet->More({{"· the kernel could not be asked whether it is still this one", Ink::kYellow}});
  }
}

void TellHistory(const Report& report, const Descriptor& descriptor, const StoryOptions& options,
                 Sheet* sheet) {
  bool is_first = true;
  int stack = descriptor.origin == nullptr ? -1 : descriptor.origin->stack;
  for (const Call& call : descriptor.history) {
    const InkedText words = CallInWords(report, descriptor, call);
    if (is_first) {
      sheet->Item("then", words);
    } else {
      sheet->More(words);
    }
    is_first = false;
    // The same stack again says nothing.
    const bool is_new = call.stack >= 0 && call.stack != stack;
    const bool is_culprits = descriptor.culprit && descriptor.culprit->stack == call.stack;
    if (is_new && (options.full || is_culprits)) {
      TellStack(report, call,
                is_culprits ? std::optional(static_cast<size_t>(descriptor.culprit->frame))
                            : std::nullopt,
                options, sheet);
    } else if (is_new) {
      for (const Frame& frame : report.StackOf(call)->frames) {
        if (frame.owner != model::FrameOwner::kApplication || frame.is_hidden) continue;
        sheet->More({{"  " + DescribeFrame(frame), Ink::kPlain}});
        break;
      }
    }
    stack = call.stack;
  }
  if (descriptor.history_cut)
    sheet->More({{"· some calls in between were not kept", Ink::kYellow}});
}

}  // namespace

std::vector<Alike> GroupByStory(const std::vector<const Descriptor*>& descriptors) {
  std::vector<Alike> groups;
  std::unordered_map<std::string, size_t> group_of_story;
  for (const Descriptor* descriptor : descriptors) {
    const auto [found, is_new] = group_of_story.emplace(StoryOf(*descriptor), groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(descriptor);
  }
  return groups;
}

void TellStory(const Report& report, const Alike& alike, const StoryOptions& options,
               Sheet* sheet) {
  const Descriptor& descriptor = *alike.front();
  TellHeading(alike, options, sheet);
  if (const std::string peer = DescribePeer(report, descriptor); !peer.empty()) {
    sheet->Item("other end", {peer});
  }
  TellFailures(report, descriptor, sheet);
  TellCulprit(report, descriptor, sheet);
  TellOrigin(report, descriptor, options, sheet);
  TellHistory(report, descriptor, options, sheet);
  if (descriptor.advice) {
    sheet->Item("advice", {{DisplayText(descriptor.advice->text), Ink::kCyan}});
  }
}

void TellBeginning(const Report& report, Sheet* sheet) {
  const auto blocking = static_cast<size_t>(
      std::count_if(report.descriptors.begin(), report.descriptors.end(),
                    [](const Descriptor& descriptor) { return descriptor.blocking; }));
  const std::string open = Count(report.descriptors.size(), "open descriptor");
  const std::string_view kind = report.trigger.kind;
  std::string what;
  if (kind == "checkpoint-failure") {
    what = blocking == 0 ? fmt::format("The checkpoint failed and names none of {}.", open)
                         : fmt::format("The checkpoint failed; {} of {} {} it.", blocking, open,
                                       blocking == 1 ? "blocks" : "block");
  } else {
    const std::string_view why = kind == "exit"     ? " as the JVM ended"
                                 : kind == "emfile" ? " when an open failed for want of numbers"
                                 : kind == "signal" ? " when the signal came"
                                 : kind == "force"  ? ", read from outside the process"
                                                    : ", asked for";
    what = fmt::format("{}{}.", open, why);
  }
  sheet->Paragraph(0, 0, {{what, Ink::kBold}});

  std::string process =
      fmt::format("pid {} on {}", report.process.pid, DisplayText(report.process.hostname));
  const std::string age = DescribeInterval(report.process.started_at, report.created_at);
  if (!age.empty()) process += fmt::format(", {} after its start", age);
  process += fmt::format(", {}", DisplayText(report.created_at));
  sheet->Item("process", {process});
  std::string command;
  for (const std::string_view word : report.process.command_line) {
    command += command.empty() ? DisplayText(word) : " " + DisplayText(word);
  }
  constexpr size_t kLongCommand = 400;
  if (!command.empty()) sheet->Item("command", {CutEnd(command, kLongCommand)});
  sheet->Item("JVM", {fmt::format("{} {}", DisplayText(report.process.jvm_name),
                                  DisplayText(report.process.jvm_version))});
  if (report.trigger.has_exception) {
    std::string thrown = DisplayText(report.trigger.class_name);
    if (!report.trigger.message.empty()) thrown += ": " + DisplayText(report.trigger.message);
    sheet->Item("thrown", {{thrown, Ink::kRed}});
    for (const model::Cause& cause : report.trigger.causes) {
      sheet->More({{fmt::format("caused by {}: {}", DisplayText(cause.class_name),
                                DisplayText(cause.message)),
                    Ink::kRed}});
    }
    // What names no descriptor is told nowhere else.
    std::vector<bool> is_told(report.trigger.suppressed.size());
    for (const Descriptor& descriptor : report.descriptors) {
      for (const int index : descriptor.failures) is_told[static_cast<size_t>(index)] = true;
    }
    for (size_t i = 0; i < is_told.size(); ++i) {
      if (!is_told[i]) sheet->More({{InWords(report.trigger.suppressed[i]), Ink::kRed}});
    }
  }
  if (report.coverage.since == "attach") {
    sheet->Item("watched", {"since the agent was attached; what was open then is inherited"});
  }
  if (report.coverage.dropped > 0) {
    sheet->Item("dropped",
                {{fmt::format("{} were not recorded, for want of memory (option memory=)",
                              Count(static_cast<size_t>(report.coverage.dropped), "event")),
                  Ink::kYellow}});
  }
}

}  // namespace fdorigin
