#include <string>
#include <string_view>

#include "check/finding_text.h"
#include "check/formats.h"
#include "fmt/format.h"
#include "model/display_text.h"

namespace fdorigin::check {
namespace {

constexpr size_t kIndent = 2;

void AddFinding(const Judged& judged, const Finding& finding, Sheet* sheet) {
  sheet->Paragraph(0, kIndent, {{WhatIsFound(finding), Ink::kBold}});
  const auto add = [sheet](std::string_view label, const std::string& text, Ink ink) {
    if (!text.empty()) sheet->Item(label, {{text, ink}});
  };
  add("because", WhyItIsFound(finding), Ink::kRed);
  add("opened", WhoOpenedIt(judged.report, finding), Ink::kCyan);
  add("advice", AdviceFor(finding), Ink::kPlain);
  add("known as", finding.fingerprint, Ink::kDim);
  sheet->BlankLine();
}

}  // namespace

void ToText(const Judged& judged, Sheet* sheet) {
  const Verdict& verdict = judged.verdict;
  for (const Finding& finding : verdict.findings) AddFinding(judged, finding, sheet);
  for (const Finding& finding : verdict.excused) {
    sheet->Paragraph(
        0, kIndent,
        {{fmt::format("{}: {}", WhatIsFound(finding), WhyItIsExcused(finding)), Ink::kDim}});
  }
  for (const Notice& notice : verdict.notices) {
    sheet->Paragraph(
        0, kIndent,
        {{fmt::format("{}: {}", PlaceOf(notice), DisplayText(notice.text)), Ink::kYellow}});
  }
  if (!verdict.excused.empty() || !verdict.notices.empty()) sheet->BlankLine();
  sheet->Paragraph(
      0, kIndent,
      {{fmt::format("{}: {}", DisplayText(judged.report.path), Summary(judged.report, verdict)),
        verdict.findings.empty() ? Ink::kGreen : Ink::kRed}});
}

}  // namespace fdorigin::check
