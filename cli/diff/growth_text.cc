#include "diff/growth_text.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "fmt/format.h"
#include "model/display_text.h"
#include "nlohmann/json.hpp"
#include "text/describe.h"

namespace fdorigin::diff {
namespace {

using Json = nlohmann::ordered_json;
using model::Descriptor;
using model::Frame;
using model::Report;

constexpr size_t kIndent = 2;
constexpr size_t kMostExamples = 3;
constexpr double kSecondsInHour = 3600;

const Report& ReportOf(const Compared& compared, const Group& group) {
  return group.example_is_new() ? compared.after : compared.before;
}

// Nothing where it is not known, or the two reports are of one moment.
std::optional<double> PerHour(const Compared& compared, const Group& group) {
  const std::optional<double> seconds = compared.growth.seconds;
  if (!seconds || *seconds <= 0) return std::nullopt;
  return static_cast<double>(group.growth()) * kSecondsInHour / *seconds;
}

std::string Rate(const Compared& compared, const Group& group) {
  const std::optional<double> per_hour = PerHour(compared, group);
  if (!per_hour || group.growth() == 0) return {};
  const bool by_minute = std::abs(*per_hour) >= 120;
  return fmt::format(", {:+.1f} {}", by_minute ? *per_hour / 60 : *per_hour,
                     by_minute ? "a minute" : "an hour");
}

// "socket() by com.example.Harbor.moor (Harbor.java:9)".
std::string Origin(const Compared& compared, const Group& group) {
  const Descriptor& descriptor = group.example();
  const std::string kind = DisplayText(descriptor.kind);
  if (descriptor.attribution == "inherited") return kind + ", open before the agent came";
  if (descriptor.origin == nullptr) return kind + ", not seen when opened";
  const std::string call = DisplayText(descriptor.origin->call) + "()";
  const Frame* culprit = ReportOf(compared, group).FrameOf(descriptor);
  return culprit == nullptr ? fmt::format("{}, {} with no frame of the application", kind, call)
                            : fmt::format("{} by {}", call, DescribeFrame(*culprit));
}

// The newest of them first.
std::string Examples(const std::vector<const Descriptor*>& descriptors) {
  std::string text;
  const size_t shown = std::min(descriptors.size(), kMostExamples);
  for (size_t i = 0; i < shown; ++i) {
    const Descriptor& descriptor = *descriptors[descriptors.size() - 1 - i];
    if (i > 0) text += "; ";
    text += fmt::format("fd {} {}", descriptor.fd, DescribeDescriptor(descriptor));
  }
  if (descriptors.size() > shown) text += fmt::format("; {} more", descriptors.size() - shown);
  return text;
}

void AddGroup(const Compared& compared, const Group& group, Sheet* sheet) {
  const Ink ink = group.growth() > 0 ? Ink::kRed : group.growth() < 0 ? Ink::kGreen : Ink::kPlain;
  sheet->Paragraph(0, kIndent,
                   {{fmt::format("{:+}", group.growth()), ink},
                    {fmt::format(" ({} -> {}){}: ", group.before.size(), group.after.size(),
                                 Rate(compared, group))},
                    {Origin(compared, group), Ink::kBold}});
  if (compared.growth.same_process && !group.opened.empty()) {
    sheet->Paragraph(
        kIndent, 2 * kIndent,
        {{fmt::format("{} opened in between: {}", group.opened.size(), Examples(group.opened))}});
    return;
  }
  const bool is_there = !group.after.empty();
  sheet->Paragraph(kIndent, 2 * kIndent,
                   {{fmt::format("{}: {}", is_there ? "open now" : "was open",
                                 Examples(is_there ? group.after : group.before))}});
}

void AddBeginning(const Compared& compared, Sheet* sheet) {
  const Report& before = compared.before;
  const Report& after = compared.after;
  const std::string interval = DescribeInterval(before.created_at, after.created_at);
  std::string text = fmt::format("{} -> {}: ", DisplayText(before.path), DisplayText(after.path));
  if (compared.growth.same_process) {
    text += fmt::format("process {}, {} later", after.process.pid,
                        interval.empty() ? "some time" : interval);
  } else {
    text += fmt::format("another process ({} on {}, {} on {}), so there are no rates",
                        before.process.pid, DisplayText(before.process.hostname), after.process.pid,
                        DisplayText(after.process.hostname));
  }
  sheet->Paragraph(0, kIndent, {{text}});
  const int64_t growth = static_cast<int64_t>(after.descriptors.size()) -
                         static_cast<int64_t>(before.descriptors.size());
  const auto grown = static_cast<size_t>(
      std::count_if(compared.growth.groups.begin(), compared.growth.groups.end(),
                    [](const Group& group) { return group.growth() > 0; }));
  sheet->Paragraph(0, kIndent,
                   {{fmt::format("{} -> {} descriptors ({:+}); {} grew", before.descriptors.size(),
                                 after.descriptors.size(), growth,
                                 grown == 0 ? "no origin" : Count(grown, "origin"))}});
}

bool HasChanged(const Compared& compared, const Group& group) {
  return group.growth() != 0 || (compared.growth.same_process && !group.opened.empty());
}

Json ReportInJson(const Report& report) {
  Json json = {{"path", report.path},
               {"createdAt", report.created_at},
               {"pid", report.process.pid},
               {"hostname", report.process.hostname}};
  if (!report.process.started_at.empty()) json["startedAt"] = report.process.started_at;
  json["descriptors"] = report.descriptors.size();
  return json;
}

Json NumbersOf(const std::vector<const Descriptor*>& descriptors) {
  Json numbers = Json::array();
  for (const Descriptor* descriptor : descriptors) numbers.push_back(descriptor->fd);
  return numbers;
}

Json GroupInJson(const Compared& compared, const Group& group) {
  const Report& report = ReportOf(compared, group);
  const Descriptor& example = group.example();
  Json json = {{"kind", example.kind},
               {"attribution", example.attribution},
               {"before", group.before.size()},
               {"after", group.after.size()},
               {"growth", group.growth()}};
  if (const std::optional<double> rate = PerHour(compared, group)) json["perHour"] = *rate;
  if (compared.growth.same_process) json["opened"] = NumbersOf(group.opened);
  if (example.origin == nullptr) return json;
  json["call"] = example.origin->call;
  if (const Frame* culprit = report.FrameOf(example)) json["culprit"] = DescribeFrame(*culprit);
  if (const model::Stack* stack = report.StackOf(*example.origin)) {
    Json frames = Json::array();
    for (const Frame& frame : stack->frames) frames.push_back(DescribeFrame(frame));
    json["stack"] = std::move(frames);
  }
  return json;
}

}  // namespace

void ToText(const Compared& compared, bool all, Sheet* sheet) {
  AddBeginning(compared, sheet);
  for (const Group& group : compared.growth.groups) {
    if (!all && !HasChanged(compared, group)) continue;
    sheet->BlankLine();
    AddGroup(compared, group, sheet);
  }
}

std::string ToJson(const Compared& compared) {
  Json groups = Json::array();
  for (const Group& group : compared.growth.groups) {
    groups.push_back(GroupInJson(compared, group));
  }
  Json json = {{"before", ReportInJson(compared.before)},
               {"after", ReportInJson(compared.after)},
               {"sameProcess", compared.growth.same_process}};
  if (compared.growth.seconds) json["seconds"] = *compared.growth.seconds;
  json["groups"] = std::move(groups);
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fdorigin::diff
