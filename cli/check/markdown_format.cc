#include <string>
#include <string_view>

#include "check/finding_text.h"
#include "check/formats.h"
#include "fmt/format.h"
#include "model/display_text.h"

namespace fdorigin::check {
namespace {

// Characters that Markdown or HTML may take for something else come as numeric references, which
// are never syntax (CommonMark 0.31, 6.2); among them is the vertical bar, at which a table is
// split before anything else is looked at.
std::string Escape(std::string_view text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins_link = (c == ':' && text.substr(i + 1).starts_with("//")) ||
                             (c == '.' && i >= 3 && text.substr(i - 3, 3) == "www");
    if (begins_link ||
        std::string_view("\\`*_{}[]<>#+!|~&$@\"'").find(c) != std::string_view::npos) {
      escaped += fmt::format("&#{};", static_cast<unsigned>(c));
    } else {
      escaped.push_back(c);
    }
  }
  return escaped;
}

std::string Code(std::string_view text) {
  return text.empty() ? "" : fmt::format("<code>{}</code>", Escape(text));
}

}  // namespace

std::string ToMarkdown(const Judged& judged) {
  const Verdict& verdict = judged.verdict;
  std::string text = fmt::format(
      "### fdorigin check: {}\n\n{} {}\n", verdict.findings.empty() ? "passed" : "failed",
      Code(DisplayText(judged.report.path)), Escape(Summary(judged.report, verdict)));
  if (!verdict.findings.empty()) {
    text += "\n| descriptor | why | opened by | what to do |\n|---|---|---|---|\n";
    for (const Finding& finding : verdict.findings) {
      text += fmt::format("| {} | {} | {} | {} |\n", Code(WhatIsFound(finding)),
                          Escape(WhyItIsFound(finding)), Code(WhoOpenedIt(judged.report, finding)),
                          Escape(AdviceFor(finding)));
    }
  }
  if (!verdict.excused.empty()) {
    text += "\n| excused | why |\n|---|---|\n";
    for (const Finding& finding : verdict.excused) {
      text +=
          fmt::format("| {} | {} |\n", Code(WhatIsFound(finding)), Escape(WhyItIsExcused(finding)));
    }
  }
  if (!verdict.notices.empty()) text += "\n";
  for (const Notice& notice : verdict.notices) {
    text += fmt::format("- {} {}\n", Code(PlaceOf(notice)), Escape(DisplayText(notice.text)));
  }
  return text;
}

}  // namespace fdorigin::check
