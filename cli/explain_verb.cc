// fdorigin explain --criu-log LOG REPORT: what criu refused to dump, and who opened it.
#include <memory>
#include <string>
#include <vector>

#include "explain/criu_log.h"
#include "explain/explained.h"
#include "fmt/format.h"
#include "model/display_text.h"
#include "model/read_report.h"
#include "text/describe.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct ExplainWords {
  std::string report;
  std::string log;
  bool json = false;
};

void SayWhatIsNext(const ExplainWords& words, const std::vector<Explained>& explained,
                   const Console& console) {
  for (const Explained& one : explained) {
    if (one.joined.descriptors.empty()) continue;
    console.Note(fmt::format("fdorigin show --fd {} {} tells how it was opened",
                             one.joined.descriptors.front()->fd, ShellWord(words.report)));
    return;
  }
}

absl::Status TellWhy(const ExplainWords& words, const Console& console) {
  const absl::StatusOr<CriuLog> log = ReadCriuLog(words.log);
  if (!log.ok()) return log.status();
  const absl::StatusOr<model::Report> report = model::ReadReport(words.report);
  if (!report.ok()) return report.status();
  const std::vector<Explained> explained = Explain(*log, *report);
  if (words.json) {
    console.Print(ExplainedAsJson(explained, *log, words.log, *report));
    return absl::OkStatus();
  }
  if (explained.empty()) {
    console.Answer(fmt::format("{} has no complaint of criu's{}", DisplayText(words.log),
                               log->says_failed ? ", but says that the dump failed" : ""));
    return absl::OkStatus();
  }
  Sheet sheet = console.NewSheet();
  TellExplained(explained, *log, *report, &sheet);
  console.Print(sheet.str());
  SayWhatIsNext(words, explained, console);
  return absl::OkStatus();
}

}  // namespace

Verb DefineExplain(CLI::App* command) {
  CLI::App* verb =
      command->add_subcommand("explain", "Tell who opened what criu refuses to dump, by its log");
  const auto words = std::make_shared<ExplainWords>();
  verb->add_option("--criu-log", words->log,
                   "criu's log: dump4.log or criu.log in the directory of the image")
      ->required();
  verb->add_option("REPORT", words->report, "A report of the agent's, - for stdin")->required();
  verb->add_flag("--json", words->json, "The same as JSON");
  verb->footer(
      "The more criu was told to log (-v4), the more certain the answer.\n\n"
      "Example:\n"
      "  fdorigin explain --criu-log cr/dump4.log fdorigin-4711-1.json");
  return {verb, [words](const Console& console) {
            const absl::Status status = TellWhy(*words, console);
            return status.ok() ? ExitStatus::kFine : console.Fail(status);
          }};
}

}  // namespace fdorigin
