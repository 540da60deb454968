// Workflow commands of GitHub Actions. In a command's text, %, CR and LF are escaped; in a
// property's value : and , as well (docs.github.com, "Workflow commands for GitHub Actions"; the
// runner's ActionCommand has the same list).
#include <optional>
#include <string>
#include <string_view>

#include "check/finding_text.h"
#include "check/formats.h"
#include "fmt/format.h"
#include "model/display_text.h"

namespace fdorigin::check {
namespace {

std::string Escape(std::string_view text, std::string_view special) {
  std::string escaped;
  for (const char c : text) {
    if (special.find(c) == std::string_view::npos) {
      escaped.push_back(c);
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned>(c));
    }
  }
  return escaped;
}

std::string EscapeText(std::string_view text) { return Escape(text, "%\r\n"); }
std::string EscapeProperty(std::string_view text) { return Escape(text, "%\r\n:,"); }

class Command {
 public:
  explicit Command(std::string_view name) : line_("::" + std::string(name)) {}

  Command& Property(std::string_view name, std::string_view value) {
    line_ += fmt::format("{}{}={}", has_property_ ? "," : " ", name, EscapeProperty(value));
    has_property_ = true;
    return *this;
  }
  std::string Text(std::string_view text) const {
    return fmt::format("{}::{}\n", line_, EscapeText(text));
  }

 private:
  std::string line_;
  bool has_property_ = false;
};

std::string Annotation(const Judged& judged, const Finding& finding) {
  Command command("error");
  const model::Frame* culprit =
      finding.descriptors.empty() ? nullptr : judged.report.FrameOf(*finding.descriptors.front());
  std::optional<SourcePlace> place;
  if (culprit != nullptr) place = judged.sources.PlaceOf(*culprit);
  if (place) {
    command.Property("file", DisplayText(place->path));
    if (place->line > 0) command.Property("line", std::to_string(place->line));
  }
  command.Property("title", fmt::format("fdorigin: {}", TitleOf(judged.report, finding)));
  std::string text = fmt::format("{}: {}", WhatIsFound(finding), WhyItIsFound(finding));
  for (const std::string& more : {WhoOpenedIt(judged.report, finding), AdviceFor(finding),
                                  "fingerprint " + finding.fingerprint}) {
    if (!more.empty()) text += "\n" + more;
  }
  return command.Text(text);
}

}  // namespace

std::string ToGitHub(const Judged& judged) {
  std::string text;
  for (const Finding& finding : judged.verdict.findings) text += Annotation(judged, finding);
  for (const Notice& notice : judged.verdict.notices) {
    Command command("warning");
    command.Property("file", DisplayText(notice.path));
    if (notice.place.line > 0) command.Property("line", std::to_string(notice.place.line));
    text += command.Property("title", "fdorigin: rules").Text(DisplayText(notice.text));
  }
  return text + Command("notice")
                    .Property("title", "fdorigin")
                    .Text(fmt::format("{}: {}", DisplayText(judged.report.path),
                                      Summary(judged.report, judged.verdict)));
}

}  // namespace fdorigin::check
