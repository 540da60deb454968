// fdorigin convert REPORT: its stacks, in the formats of other people's viewers.
#include <memory>
#include <string>

#include "convert/collapsed.h"
#include "convert/speedscope.h"
#include "model/read_report.h"
#include "output_file.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct ConvertWords {
  std::string report;
  std::string format;
  OutputFile output;
};

absl::Status Convert(ConvertWords words, const Console& console) {
  if (words.output.path.empty()) words.output.path = "-";
  if (const absl::Status status = words.output.Check(); !status.ok()) return status;
  const absl::StatusOr<model::Report> report = model::ReadReport(words.report);
  if (!report.ok()) return report.status();
  const std::string text =
      words.format == "collapsed" ? ToCollapsed(*report) : ToSpeedscope(*report);
  if (const absl::Status status = words.output.Write(text); !status.ok()) return status;
  if (words.output.is_file()) console.Answer(words.output.path);
  return absl::OkStatus();
}

}  // namespace

Verb DefineConvert(CLI::App* command) {
  CLI::App* verb =
      command->add_subcommand("convert", "Turn a report's stacks into a profile for other viewers");
  const auto words = std::make_shared<ConvertWords>();
  verb->add_option("REPORT", words->report, "A report of the agent's, - for stdin")->required();
  verb->add_option("--to", words->format,
                   "collapsed (flamegraph.pl, async-profiler's converter) or speedscope")
      ->required()
      ->check(CLI::IsMember({"collapsed", "speedscope"}));
  words->output.AddTo(verb, "Where it goes [stdout]");
  verb->footer(
      "The weight of a stack is the number of descriptors that were opened there.\n\n"
      "Example:\n"
      "  fdorigin convert fdorigin-4711-1.json --to collapsed | flamegraph.pl > fds.svg\n"
      "  fdorigin convert fdorigin-4711-1.json --to speedscope -o fds.speedscope.json");
  return {verb, [words](const Console& console) {
            const absl::Status status = Convert(*words, console);
            return status.ok() ? ExitStatus::kFine : console.Fail(status);
          }};
}

}  // namespace fdorigin
