#include <optional>
#include <string>
#include <string_view>

#include "check/finding_text.h"
#include "check/formats.h"
#include "fdorigin_version.h"
#include "fmt/format.h"
#include "model/display_text.h"
#include "nlohmann/json.hpp"
#include "text/describe.h"

namespace fdorigin::check {
namespace {

using Json = nlohmann::ordered_json;
using model::Frame;

constexpr Offence kOffences[] = {Offence::kForbidden, Offence::kBlocking, Offence::kNotAllowed,
                                 Offence::kFailure};

// In messages, {0} and [text](place) mean something (SARIF 2.1.0, 3.11.5 and 3.11.6).
Json Message(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '[' || c == ']') escaped.push_back('\\');
    if (c == '{' || c == '}') escaped.push_back(c);
    escaped.push_back(c);
  }
  return {{"text", escaped}};
}

// RFC 3986: all bytes but the unreserved ones and the slash, as %HH.
std::string Uri(std::string_view path) {
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') ||
                          std::string_view("-._~/").find(c) != std::string_view::npos;
    uri += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

Json Location(const SourcePlace& place) {
  Json physical = {{"artifactLocation", {{"uri", Uri(place.path)}}}};
  if (place.line > 0) physical["region"] = {{"startLine", place.line}};
  return physical;
}

Json LocationOf(const Judged& judged, const Frame& frame) {
  Json location = Json::object();
  if (const std::optional<SourcePlace> place = judged.sources.PlaceOf(frame)) {
    location["physicalLocation"] = Location(*place);
  }
  if (frame.is_java && !frame.class_name.empty()) {
    location["logicalLocations"] = {
        {{"fullyQualifiedName",
          fmt::format("{}.{}", DisplayText(frame.class_name), DisplayText(frame.method))},
         {"kind", "function"}}};
  }
  location["message"] = Message(DescribeFrame(frame));
  return location;
}

// Services that show results beside code drop those without a file: where no source is known, it
// is the report.
Json LocationsOf(const Judged& judged, const Finding& finding) {
  Json location = Json::object();
  const Frame* culprit =
      finding.descriptors.empty() ? nullptr : judged.report.FrameOf(*finding.descriptors.front());
  if (culprit != nullptr) location = LocationOf(judged, *culprit);
  if (!location.contains("physicalLocation")) {
    location["physicalLocation"] = Location({judged.report.path, 1});
  }
  return Json::array({std::move(location)});
}

Json StackOf(const Judged& judged, const model::Stack& stack) {
  Json frames = Json::array();
  for (const Frame& frame : stack.frames) {
    Json item = {{"location", LocationOf(judged, frame)}};
    const std::string origin = OriginOf(frame);
    if (!origin.empty()) item["module"] = origin;
    frames.push_back(std::move(item));
  }
  return {{"frames", std::move(frames)}};
}

Json ResultOf(const Judged& judged, const Finding& finding) {
  std::string text = fmt::format("{}: {}.", WhatIsFound(finding), WhyItIsFound(finding));
  const std::string opener = WhoOpenedIt(judged.report, finding);
  const std::string advice = AdviceFor(finding);
  if (!opener.empty()) text += fmt::format(" Origin: {}.", opener);
  if (!advice.empty()) text += " " + advice;
  const bool is_excused = finding.suppression != nullptr || finding.in_baseline;
  Json result = {{"ruleId", NameOf(finding.offence).id},
                 {"ruleIndex", static_cast<int>(finding.offence)},
                 {"level", "error"},
                 {"message", Message(text)},
                 {"locations", LocationsOf(judged, finding)},
                 {"partialFingerprints", {{"fdorigin/v1", finding.fingerprint}}},
                 {"occurrenceCount", finding.count}};
  if (!finding.descriptors.empty()) {
    const model::Descriptor& descriptor = *finding.descriptors.front();
    const model::Stack* stack =
        descriptor.origin == nullptr ? nullptr : judged.report.StackOf(*descriptor.origin);
    if (stack != nullptr && !stack->frames.empty()) {
      result["stacks"] = Json::array({StackOf(judged, *stack)});
    }
    Json numbers = Json::array();
    for (const model::Descriptor* each : finding.descriptors) numbers.push_back(each->fd);
    result["properties"] = {{"fds", std::move(numbers)}, {"kind", DisplayText(descriptor.kind)}};
  }
  if (judged.has_baseline) result["baselineState"] = finding.in_baseline ? "unchanged" : "new";
  if (finding.suppression != nullptr) {
    result["suppressions"] = {
        {{"kind", "external"}, {"status", "accepted"}, {"justification", WhyItIsExcused(finding)}}};
  } else if (is_excused) {
    result["level"] = "note";
  }
  return result;
}

Json RulesOfTool() {
  Json rules = Json::array();
  for (const Offence offence : kOffences) {
    const OffenceName& name = NameOf(offence);
    rules.push_back({{"id", name.id},
                     {"shortDescription", {{"text", name.description}}},
                     {"defaultConfiguration", {{"level", "error"}}}});
  }
  return rules;
}

Json InvocationOf(const Judged& judged) {
  Json notifications = Json::array();
  for (const Notice& notice : judged.verdict.notices) {
    notifications.push_back(
        {{"level", "warning"},
         {"message", Message(DisplayText(notice.text))},
         {"locations", {{{"physicalLocation", Location({notice.path, notice.place.line})}}}}});
  }
  return {{"executionSuccessful", true},
          {"toolConfigurationNotifications", std::move(notifications)}};
}

}  // namespace

std::string ToSarif(const Judged& judged) {
  Json results = Json::array();
  for (const auto* list : {&judged.verdict.findings, &judged.verdict.excused}) {
    for (const Finding& finding : *list) results.push_back(ResultOf(judged, finding));
  }
  const Json log = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
      {"version", "2.1.0"},
      {"runs",
       {{{"tool",
          {{"driver",
            {{"name", "fdorigin"}, {"version", FDORIGIN_VERSION}, {"rules", RulesOfTool()}}}}},
         {"columnKind", "unicodeCodePoints"},
         {"invocations", {InvocationOf(judged)}},
         {"results", std::move(results)}}}}};
  return log.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fdorigin::check
