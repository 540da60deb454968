#include "doctor/finding.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace fdorigin {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kTopicColumn = 9;
constexpr size_t kTextColumn = 22;

std::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kProblem:
      break;
  }
  return "problem";
}

Ink InkOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return Ink::kGreen;
    case Verdict::kWarning:
      return Ink::kYellow;
    case Verdict::kProblem:
      break;
  }
  return Ink::kRed;
}

}  // namespace

void TellFindings(const Findings& findings, Sheet* sheet) {
  for (const Finding& finding : findings) {
    const std::string_view verdict = NameOf(finding.verdict);
    const std::string gap(kTopicColumn - verdict.size(), ' ');
    const std::string label = fmt::format("{:<{}}", finding.topic, kTextColumn - kTopicColumn);
    sheet->Paragraph(0, kTextColumn,
                     {Inked(std::string(verdict), InkOf(finding.verdict)), Inked(gap), Inked(label),
                      Inked(finding.text)});
    if (!finding.remedy.empty()) {
      sheet->Paragraph(kTextColumn, kTextColumn + 2, {Inked("-> " + finding.remedy)});
    }
  }
}

std::string FindingsAsJson(const Findings& findings) {
  Json json = Json::array();
  for (const Finding& finding : findings) {
    Json one = {
        {"verdict", NameOf(finding.verdict)}, {"topic", finding.topic}, {"text", finding.text}};
    if (!finding.remedy.empty()) one["remedy"] = finding.remedy;
    json.push_back(std::move(one));
  }
  return Json{{"findings", std::move(json)}}.dump(1) + "\n";
}

bool HaveProblem(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.verdict == Verdict::kProblem; });
}

}  // namespace fdorigin
