#include <sstream>
#include <string>
#include <string_view>

#include "check/finding_text.h"
#include "check/formats.h"
#include "fmt/format.h"
#include "model/display_text.h"
#include "model/stable_name.h"
#include "pugixml.hpp"

namespace fdorigin::check {
namespace {

// DisplayText has no control characters; what else XML 1.0 has no way to write is U+FFFE and
// U+FFFF.
std::string XmlText(std::string text) {
  for (const std::string_view bytes : {"\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    for (size_t at = text.find(bytes); at != std::string::npos; at = text.find(bytes)) {
      text.replace(at, bytes.size(), bytes.back() == '\xbe' ? "\\u{fffe}" : "\\u{ffff}");
    }
  }
  return text;
}

void Set(pugi::xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(XmlText(value).c_str());
}

// The class of the culprit, so that findings stand beside the tests of that class.
std::string ClassOf(const Judged& judged, const Finding& finding) {
  const model::Frame* culprit =
      finding.descriptors.empty() ? nullptr : judged.report.FrameOf(*finding.descriptors.front());
  if (culprit == nullptr || !culprit->is_java) return "fdorigin";
  return DisplayText(model::StableClass(culprit->class_name));
}

pugi::xml_node AddCase(const std::string& name, const std::string& class_name,
                       pugi::xml_node suite) {
  pugi::xml_node test = suite.append_child("testcase");
  Set(test, "name", name);
  Set(test, "classname", class_name);
  Set(test, "time", "0");
  return test;
}

pugi::xml_node AddFindingCase(const Judged& judged, const Finding& finding, pugi::xml_node suite) {
  return AddCase(fmt::format("{} ({})", TitleOf(judged.report, finding), finding.fingerprint),
                 ClassOf(judged, finding), suite);
}

}  // namespace

std::string ToJUnit(const Judged& judged) {
  const Verdict& verdict = judged.verdict;
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  Set(declaration, "version", "1.0");
  Set(declaration, "encoding", "UTF-8");
  pugi::xml_node suite = document.append_child("testsuites").append_child("testsuite");
  Set(suite, "name", "fdorigin check " + DisplayText(judged.report.path));
  pugi::xml_attribute tests = suite.append_attribute("tests");
  Set(suite, "failures", std::to_string(verdict.findings.size()));
  Set(suite, "errors", "0");
  Set(suite, "skipped", std::to_string(verdict.excused.size()));
  Set(suite, "time", "0");
  size_t count = verdict.findings.size() + verdict.excused.size();

  for (const Finding& finding : verdict.findings) {
    pugi::xml_node failure = AddFindingCase(judged, finding, suite).append_child("failure");
    Set(failure, "type", NameOf(finding.offence).id);
    Set(failure, "message", fmt::format("{}: {}", WhatIsFound(finding), WhyItIsFound(finding)));
    std::string text;
    for (const std::string& line : {WhatIsFound(finding), WhyItIsFound(finding),
                                    WhoOpenedIt(judged.report, finding), AdviceFor(finding)}) {
      if (!line.empty()) text += line + "\n";
    }
    failure.text().set(XmlText(text).c_str());
  }
  for (const Finding& finding : verdict.excused) {
    Set(AddFindingCase(judged, finding, suite).append_child("skipped"), "message",
        fmt::format("{}: {}", WhatIsFound(finding), WhyItIsExcused(finding)));
  }
  for (size_t i = 0; i < verdict.allowed_by.size(); ++i) {
    if (verdict.allowed_by[i] == 0) continue;
    AddCase("allowed: " + DisplayText(judged.rules.allow[i].name), "fdorigin", suite);
    ++count;
  }
  // A suite without a test is taken for a job that did not run.
  if (count == 0) {
    AddCase("no descriptor breaks the rules", "fdorigin", suite);
    ++count;
  }
  tests.set_value(std::to_string(count).c_str());
  std::string out = Summary(judged.report, verdict) + "\n";
  for (const Notice& notice : verdict.notices) {
    out += fmt::format("{}: {}\n", PlaceOf(notice), DisplayText(notice.text));
  }
  suite.append_child("system-out").text().set(XmlText(out).c_str());

  std::ostringstream text;
  document.save(text, "  ");
  return text.str();
}

}  // namespace fdorigin::check
