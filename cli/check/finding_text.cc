#include "check/finding_text.h"

#include <algorithm>
#include <string>

#include "fmt/format.h"
#include "model/display_text.h"
#include "model/stable_name.h"
#include "text/describe.h"

namespace fdorigin::check {
namespace {

using model::Descriptor;
using model::Report;

constexpr OffenceName kNames[] = {
    {"forbidden-descriptor", "A descriptor is open that a rule forbids."},
    {"blocking-descriptor", "A descriptor blocks the checkpoint, and no rule allows it."},
    {"unexpected-descriptor", "A descriptor is open that no rule allows."},
    {"failed-checkpoint", "The checkpoint failed for a reason that names no open descriptor."},
};

constexpr size_t kMostNumbers = 5;

const Descriptor& FirstOf(const Finding& finding) { return *finding.descriptors.front(); }

size_t CountExcused(const Verdict& verdict, bool in_baseline) {
  size_t count = 0;
  for (const Finding& finding : verdict.excused) {
    if (finding.in_baseline == in_baseline) count += finding.count;
  }
  return count;
}

}  // namespace

const OffenceName& NameOf(Offence offence) { return kNames[static_cast<size_t>(offence)]; }

std::string TitleOf(const Report& report, const Finding& finding) {
  if (finding.offence == Offence::kFailure) return DisplayText(finding.failure);
  const Descriptor& descriptor = FirstOf(finding);
  std::string title = DisplayText(descriptor.kind) + ": ";
  if (descriptor.origin == nullptr) return title + DisplayText(descriptor.attribution);
  title += DisplayText(descriptor.origin->call) + "()";
  const model::Frame* culprit = report.FrameOf(descriptor);
  if (culprit != nullptr) title += " by " + DisplayText(model::StableName(*culprit));
  return title;
}

std::string WhatIsFound(const Finding& finding) {
  if (finding.offence == Offence::kFailure) {
    std::string text = DisplayText(finding.failure);
    if (!finding.message.empty()) text += ": " + DisplayText(finding.message);
    if (finding.count > 1) text += fmt::format(" (and {} more such)", finding.count - 1);
    return text;
  }
  std::string numbers = std::to_string(FirstOf(finding).fd);
  const size_t shown = std::min(finding.descriptors.size(), kMostNumbers);
  for (size_t i = 1; i < shown; ++i) numbers += fmt::format(", {}", finding.descriptors[i]->fd);
  if (finding.descriptors.size() > shown) {
    numbers += fmt::format(" and {} more", finding.descriptors.size() - shown);
  }
  return fmt::format("fd {}{} {}", numbers, shown > 1 ? ":" : "",
                     DescribeDescriptor(FirstOf(finding)));
}

std::string WhyItIsFound(const Finding& finding) {
  std::string text;
  const bool many = finding.count > 1;
  switch (finding.offence) {
    case Offence::kForbidden:
      return fmt::format("the rule '{}' forbids {}", DisplayText(finding.rule->name),
                         many ? "them" : "it");
    case Offence::kBlocking:
      text = many ? "they block the checkpoint" : "it blocks the checkpoint";
      break;
    case Offence::kNotAllowed:
      text = many ? "no rule allows them" : "no rule allows it";
      break;
    case Offence::kFailure:
      text = "the checkpoint failed, and this names no open descriptor";
      break;
  }
  if (finding.rule != nullptr) {
    text = fmt::format("{}; the rule '{}' allows {} only", text, DisplayText(finding.rule->name),
                       *finding.rule->at_most);
  }
  if (finding.known > 0) {
    text += fmt::format("; the baseline has {}, and there are {}", finding.known,
                        finding.known + finding.count);
  }
  return text;
}

std::string WhoOpenedIt(const Report& report, const Finding& finding) {
  if (finding.offence == Offence::kFailure) return {};
  const Descriptor& descriptor = FirstOf(finding);
  if (descriptor.attribution == "inherited") return "open before the agent came";
  if (descriptor.origin == nullptr) {
    return "nobody was seen to open it: " + DisplayText(descriptor.reason);
  }
  const std::string opening = DescribeOpening(report, descriptor);
  return descriptor.culprit ? opening : opening + ", with no frame of the application in its stack";
}

std::string AdviceFor(const Finding& finding) {
  if (finding.descriptors.empty() || !FirstOf(finding).advice) return {};
  return DisplayText(FirstOf(finding).advice->text);
}

std::string WhyItIsExcused(const Finding& finding) {
  if (finding.suppression == nullptr) return "in the baseline";
  return fmt::format("suppressed until {}: {}", finding.suppression->until,
                     DisplayText(finding.suppression->reason));
}

std::string Summary(const Report& report, const Verdict& verdict) {
  std::string text =
      verdict.findings.empty() ? "no finding" : Count(verdict.findings.size(), "finding");
  text += fmt::format("; {} of {} checked", verdict.checked,
                      Count(report.descriptors.size(), "descriptor"));
  const auto add = [&text](size_t count, std::string_view what) {
    if (count > 0) text += fmt::format(", {} {}", count, what);
  };
  add(verdict.allowed, "allowed");
  add(CountExcused(verdict, false), "suppressed");
  add(CountExcused(verdict, true), "in the baseline");
  return text;
}

std::string PlaceOf(const Notice& notice) {
  const std::string path = DisplayText(notice.path);
  return notice.place.line == 0 ? path : fmt::format("{}:{}", path, notice.place.line);
}

}  // namespace fdorigin::check
