// A fuzzer of what reads a report, and of all that is made of one: whatever the bytes are, nothing
// crashes, nothing that commands a terminal comes out, and what should be JSON is. Run by
// scripts/fuzz.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "check/formats.h"
#include "check/judge.h"
#include "convert/collapsed.h"
#include "convert/speedscope.h"
#include "diff/growth.h"
#include "diff/growth_text.h"
#include "html/page_data.h"
#include "model/read_report.h"
#include "nlohmann/json.hpp"
#include "policies/draft.h"
#include "show/story.h"

namespace {

using fdorigin::Sheet;
using fdorigin::model::Descriptor;
using fdorigin::model::Report;

void MustBeHarmless(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) std::abort();
  }
}

void MustBeJson(const std::string& text) {
  if (!nlohmann::json::accept(text)) std::abort();
}

void Show(const Report& report) {
  std::vector<const Descriptor*> descriptors;
  for (const Descriptor& descriptor : report.descriptors) descriptors.push_back(&descriptor);
  for (const size_t width : {40, 80}) {
    Sheet sheet(width, false);
    fdorigin::TellBeginning(report, &sheet);
    for (const fdorigin::Alike& alike : fdorigin::GroupByStory(descriptors)) {
      fdorigin::TellStory(report, alike, {.full = width == 40}, &sheet);
    }
    MustBeHarmless(sheet.str());
  }
}

void Check(const Report& report) {
  namespace check = fdorigin::check;
  const check::Rules rules{.check_all = true};
  const check::Verdict verdict = check::Judge(report, {.rules = &rules, .today = "2026-01-01"});
  const check::SourceFiles sources({});
  const check::Judged judged{
      .report = report, .rules = rules, .verdict = verdict, .sources = sources};
  Sheet sheet(80, false);
  check::ToText(judged, &sheet);
  MustBeHarmless(sheet.str());
  MustBeHarmless(check::ToGitHub(judged));
  MustBeHarmless(check::ToMarkdown(judged));
  MustBeJson(check::ToSarif(judged));
  check::ToJUnit(judged);
}

void Compare(const Report& report) {
  const fdorigin::diff::Growth growth = fdorigin::diff::Compare(report, report);
  const fdorigin::diff::Compared compared{.before = report, .after = report, .growth = growth};
  Sheet sheet(80, false);
  fdorigin::diff::ToText(compared, /*all=*/true, &sheet);
  MustBeHarmless(sheet.str());
  MustBeJson(fdorigin::diff::ToJson(compared));
}

}  // namespace

// NOLINTNEXTLINE: libFuzzer gives it this name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto report = fdorigin::model::ParseReport(
      std::string_view(reinterpret_cast<const char*>(data), size), "fuzzed");
  if (!report.ok()) {
    if (report.status().message().find('\n') != absl::string_view::npos) std::abort();
    return 0;
  }
  Show(*report);
  Check(*report);
  Compare(*report);
  MustBeHarmless(fdorigin::ToCollapsed(*report));
  MustBeJson(fdorigin::ToSpeedscope(*report));
  MustBeJson(fdorigin::PageData(*report));
  MustBeHarmless(fdorigin::DraftPolicies(*report).text);
  return 0;
}
