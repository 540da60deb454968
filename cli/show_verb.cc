// fdorigin show REPORT: who opened the descriptors, told in the terminal.
#include <memory>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "model/read_report.h"
#include "show/story.h"
#include "text/describe.h"
#include "verb.h"

namespace fdorigin {
namespace {

using model::Descriptor;

struct ShowWords {
  std::string report;
  bool all = false;
  std::vector<int> fds;
  bool full = false;
};

using Chosen = std::vector<const Descriptor*>;

template <typename Predicate>
void Append(const model::Report& report, const Predicate& predicate, Chosen* chosen) {
  for (const Descriptor& descriptor : report.descriptors) {
    if (predicate(descriptor)) chosen->push_back(&descriptor);
  }
}

// All of them: the blocking ones first, then those that somebody of the application opened, then
// those of the JVM, then those that were not seen.
Chosen All(const model::Report& report) {
  Chosen chosen;
  Append(
      report, [](const Descriptor& d) { return d.blocking; }, &chosen);
  Append(
      report, [](const Descriptor& d) { return !d.blocking && d.culprit; }, &chosen);
  Append(
      report, [](const Descriptor& d) { return !d.blocking && !d.culprit && d.origin != nullptr; },
      &chosen);
  Append(
      report, [](const Descriptor& d) { return !d.blocking && !d.culprit && d.origin == nullptr; },
      &chosen);
  return chosen;
}

absl::StatusOr<Chosen> Choose(const model::Report& report, const ShowWords& words) {
  Chosen chosen;
  for (const int fd : words.fds) {
    const Descriptor* descriptor = report.Find(fd);
    if (descriptor == nullptr) {
      return absl::InvalidArgumentError(fmt::format("{} has no descriptor {}", report.path, fd));
    }
    chosen.push_back(descriptor);
  }
  if (!chosen.empty()) return chosen;
  if (words.all || report.trigger.kind != "checkpoint-failure") return All(report);
  Append(
      report, [](const Descriptor& d) { return d.blocking; }, &chosen);
  // A failure that names nothing has advice for those that it may be about.
  if (chosen.empty()) {
    Append(
        report, [](const Descriptor& d) { return d.advice.has_value(); }, &chosen);
  }
  return chosen;
}

void SayWhatIsNext(const model::Report& report, const ShowWords& words, size_t told,
                   const Console& console) {
  const std::string path = ShellWord(words.report);
  if (told == 0) {
    console.Note(
        fmt::format("fdorigin show --all {} shows all {}", path, report.descriptors.size()));
  } else if (!words.full) {
    console.Note(
        fmt::format("fdorigin show --full {} shows every frame; fdorigin html {} -o "
                    "page.html makes a page to search in",
                    path, path));
  }
}

absl::Status Show(const ShowWords& words, const Console& console) {
  const absl::StatusOr<model::Report> report = model::ReadReport(words.report);
  if (!report.ok()) return report.status();
  const absl::StatusOr<Chosen> chosen = Choose(*report, words);
  if (!chosen.ok()) return chosen.status();
  Sheet sheet = console.NewSheet();
  if (words.fds.empty()) TellBeginning(*report, &sheet);
  for (const Alike& alike : GroupByStory(*chosen)) {
    if (!sheet.str().empty()) sheet.BlankLine();
    TellStory(*report, alike, StoryOptions{.full = words.full}, &sheet);
  }
  console.Print(sheet.str());
  SayWhatIsNext(*report, words, chosen->size(), console);
  return absl::OkStatus();
}

}  // namespace

Verb DefineShow(CLI::App* command) {
  CLI::App* verb = command->add_subcommand("show", "Tell who opened the descriptors of a report");
  const auto words = std::make_shared<ShowWords>();
  verb->add_option("REPORT", words->report, "A report of the agent's, - for stdin")->required();
  verb->add_flag("--all", words->all,
                 "All descriptors [those that block the checkpoint, if there was one]");
  verb->add_option("--fd", words->fds, "The descriptor of this number; may be given several times")
      ->check(CLI::NonNegativeNumber)
      ->allow_extra_args(false);
  verb->add_flag("--full", words->full, "All frames, and all of those that are alike");
  verb->footer(
      "Example:\n"
      "  fdorigin show fdorigin-4711-1.json\n"
      "  fdorigin show --fd 7 --full fdorigin-4711-1.json");
  return {verb, [words](const Console& console) {
            const absl::Status status = Show(*words, console);
            return status.ok() ? ExitStatus::kFine : console.Fail(status);
          }};
}

}  // namespace fdorigin
