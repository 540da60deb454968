// A verdict, for those who read it: a person, and the machines of a CI service.
//
// Who uses it: the verb check. Nothing out of a report has a meaning in any of these formats,
// however it is written: it goes through DisplayText first, and then through the format's own
// escapes.
#ifndef FDORIGIN_CLI_CHECK_FORMATS_H_
#define FDORIGIN_CLI_CHECK_FORMATS_H_

#include <string>

#include "check/judge.h"
#include "check/source_files.h"
#include "model/report.h"
#include "text/sheet.h"

namespace fdorigin::check {

struct Judged {
  const model::Report& report;
  const Rules& rules;
  const Verdict& verdict;
  const SourceFiles& sources;
  bool has_baseline = false;
};

// For a terminal or a log.
void ToText(const Judged& judged, Sheet* sheet);
// Workflow commands of GitHub Actions: annotations at the culprits' lines.
std::string ToGitHub(const Judged& judged);
// XML as JUnit's and Surefire's: a test case per finding, per excused one and per rule that allows.
std::string ToJUnit(const Judged& judged);
// SARIF 2.1.0 (OASIS), a result per finding, with the stack.
std::string ToSarif(const Judged& judged);
// GitHub-flavoured Markdown, for a job's summary or a comment.
std::string ToMarkdown(const Judged& judged);

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_FORMATS_H_
