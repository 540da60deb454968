// fdorigin policies REPORT: a draft of a file for -Djdk.crac.resource-policies.
#include <memory>
#include <string>

#include "fmt/format.h"
#include "model/read_report.h"
#include "output_file.h"
#include "policies/draft.h"
#include "text/describe.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct PoliciesWords {
  std::string report;
  OutputFile output;
};

absl::Status WriteDraft(PoliciesWords words, const Console& console) {
  if (words.output.path.empty()) words.output.path = "-";
  if (const absl::Status status = words.output.Check(); !status.ok()) return status;
  const absl::StatusOr<model::Report> report = model::ReadReport(words.report);
  if (!report.ok()) return report.status();
  const PoliciesDraft draft = DraftPolicies(*report);
  if (const absl::Status status = words.output.Write(draft.text); !status.ok()) return status;
  if (words.output.is_file()) console.Answer(words.output.path);
  console.Note(fmt::format("{}; out of the reach of policies: {}", Count(draft.rules, "rule"),
                           Count(draft.out_of_reach, "descriptor")));
  if (words.output.is_file() && draft.rules > 0) {
    console.Note(fmt::format("read it, then: java -Djdk.crac.resource-policies={} …",
                             ShellWord(words.output.path)));
  }
  return absl::OkStatus();
}

}  // namespace

Verb DefinePolicies(CLI::App* command) {
  CLI::App* verb = command->add_subcommand(
      "policies", "Draft a file for -Djdk.crac.resource-policies, of a failed checkpoint's report");
  const auto words = std::make_shared<PoliciesWords>();
  verb->add_option("REPORT", words->report, "A report of the agent's, - for stdin")->required();
  words->output.AddTo(verb, "Where the draft goes [stdout]");
  verb->footer(
      "What no policy can do is in the draft as comments, with what can be done instead.\n\n"
      "Example:\n"
      "  fdorigin policies fdorigin-4711-1.json -o policies.txt");
  return {verb, [words](const Console& console) {
            const absl::Status status = WriteDraft(*words, console);
            return status.ok() ? ExitStatus::kFine : console.Fail(status);
          }};
}

}  // namespace fdorigin
