// fdorigin html REPORT -o FILE: the report as one page for a browser.
#include <memory>
#include <string>

#include "html/page.h"
#include "model/read_report.h"
#include "output_file.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct HtmlWords {
  std::string report;
  OutputFile output;
};

absl::Status WriteHtml(const HtmlWords& words, const Console& console) {
  if (const absl::Status status = CheckPage(); !status.ok()) return status;
  if (const absl::Status status = words.output.Check(); !status.ok()) return status;
  const absl::StatusOr<model::Report> report = model::ReadReport(words.report);
  if (!report.ok()) return report.status();
  const absl::StatusOr<std::string> page = MakePage(*report);
  if (!page.ok()) return page.status();
  if (const absl::Status status = words.output.Write(*page); !status.ok()) return status;
  if (words.output.is_file()) {
    console.Answer(words.output.path);
    console.Note("any browser shows it, without a network: xdg-open " + words.output.path);
  }
  return absl::OkStatus();
}

}  // namespace

Verb DefineHtml(CLI::App* command) {
  CLI::App* verb = command->add_subcommand("html", "Write a report as one page for a browser");
  const auto words = std::make_shared<HtmlWords>();
  verb->add_option("REPORT", words->report, "The report, - for stdin")->required();
  words->output.AddTo(verb, "Where the page goes, - for stdout");
  verb->get_option("--output")->required();
  verb->footer(
      "The page is one file that needs no network: table, search, stacks, flame graph.\n"
      "Prints its path.\n\n"
      "Example:\n"
      "  fdorigin html fdorigin-4711-1.json -o fds.html");
  return {verb, [words](const Console& console) {
            const absl::Status status = WriteHtml(*words, console);
            return status.ok() ? ExitStatus::kFine : console.Fail(status);
          }};
}

}  // namespace fdorigin
