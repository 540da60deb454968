// fdorigin diff OLD NEW: what was opened between two reports, by who opened it: the leak view.
#include <algorithm>
#include <memory>
#include <string>

#include "diff/growth.h"
#include "diff/growth_text.h"
#include "fmt/format.h"
#include "model/read_report.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct DiffWords {
  std::string before;
  std::string after;
  bool all = false;
  bool json = false;
  int64_t most_growth = 0;  // 0: any growth is fine
};

absl::StatusOr<ExitStatus> Diff(const DiffWords& words, const Console& console) {
  if (words.before == "-" && words.after == "-") {
    return absl::InvalidArgumentError("only one of the two can be standard input");
  }
  const absl::StatusOr<model::Report> before = model::ReadReport(words.before);
  if (!before.ok()) return before.status();
  const absl::StatusOr<model::Report> after = model::ReadReport(words.after);
  if (!after.ok()) return after.status();
  const diff::Growth growth = diff::Compare(*before, *after);
  if (growth.seconds && *growth.seconds < 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} is older than {}; the old one comes first", words.after, words.before));
  }
  const diff::Compared compared = {*before, *after, growth};
  if (words.json) {
    console.Print(diff::ToJson(compared));
  } else {
    Sheet sheet = console.NewSheet();
    diff::ToText(compared, words.all, &sheet);
    console.Print(sheet.str());
  }
  // The most grown group is the first.
  const int64_t most = growth.groups.empty() ? 0 : growth.groups.front().growth();
  if (most > 0 && !words.json) {
    console.Note(fmt::format("fdorigin show --fd {} {} tells how that one was opened",
                             growth.groups.front().example().fd, words.after));
  }
  return words.most_growth > 0 && most >= words.most_growth ? ExitStatus::kFindings
                                                            : ExitStatus::kFine;
}

}  // namespace

Verb DefineDiff(CLI::App* command) {
  CLI::App* verb =
      command->add_subcommand("diff", "Tell what was opened between two reports, and by whom");
  const auto words = std::make_shared<DiffWords>();
  verb->add_option("OLD", words->before, "The earlier report, - for stdin")->required();
  verb->add_option("NEW", words->after, "The later one")->required();
  verb->add_flag("--all", words->all, "Also the origins of which nothing changed");
  verb->add_flag("--json", words->json, "JSON, for programs");
  verb->add_option("--fail-on-growth", words->most_growth,
                   "End with status 1 where one origin has N more descriptors, or more than that")
      ->check(CLI::Range(1, 1000000000));
  verb->footer(
      "Example:\n"
      "  fdorigin diff monday.json friday.json\n"
      "  fdorigin diff --fail-on-growth 100 before.json after.json");
  return {verb, [words](const Console& console) {
            const absl::StatusOr<ExitStatus> status = Diff(*words, console);
            return status.ok() ? *status : console.Fail(status.status());
          }};
}

}  // namespace fdorigin
