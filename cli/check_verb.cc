// fdorigin check REPORT: a verdict for a CI job, by rules.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "check/baseline.h"
#include "check/formats.h"
#include "check/judge.h"
#include "check/read_rules.h"
#include "fmt/format.h"
#include "model/read_report.h"
#include "output_file.h"
#include "verb.h"

namespace fdorigin {
namespace {

constexpr size_t kWidthOfFiles = 80;

struct CheckWords {
  std::string report;
  std::string rules;
  std::string format = "text";
  std::string baseline;
  std::string new_baseline;
  bool all = false;
  std::vector<std::string> source_roots = {"src/main/java", "src/main/kotlin", "src/test/java"};
  OutputFile output;
};

std::string InFormat(const check::Judged& judged, const CheckWords& words, const Console& console) {
  if (words.format == "github") return check::ToGitHub(judged);
  if (words.format == "junit") return check::ToJUnit(judged);
  if (words.format == "sarif") return check::ToSarif(judged);
  if (words.format == "markdown") return check::ToMarkdown(judged);
  Sheet sheet =
      words.output.is_file() ? Sheet(kWidthOfFiles, /*colored=*/false) : console.NewSheet();
  check::ToText(judged, &sheet);
  return sheet.str();
}

absl::Status WriteNewBaseline(const model::Report& report, const check::Verdict& verdict,
                              const OutputFile& file, const Console& console) {
  const check::Baseline baseline = check::BaselineOf(report, verdict);
  if (const absl::Status status = file.Write(check::WriteBaseline(baseline)); !status.ok()) {
    return status;
  }
  if (!file.is_file()) return absl::OkStatus();
  console.Answer(file.path);
  console.Note(
      fmt::format("fdorigin check --baseline {} REPORT fails for new ones only", file.path));
  return absl::OkStatus();
}

// What to do next, and what an answer without findings does not mean.
void SayWhatIsNext(const model::Report& report, const check::Verdict& verdict,
                   const CheckWords& words, const Console& console) {
  if (words.format != "text") return;
  if (!verdict.findings.empty()) {
    console.Note(fmt::format("fdorigin show {} tells how they were opened", words.report));
  } else if (report.trigger.kind != "checkpoint-failure" && verdict.checked == 0) {
    console.Note(
        "this report was not made at a failed checkpoint, so nothing in it is blocking; --all "
        "checks every descriptor");
  }
}

absl::StatusOr<ExitStatus> Check(const CheckWords& words, const Console& console) {
  const OutputFile new_baseline = {words.new_baseline, words.output.overwrite};
  for (const OutputFile& file : {words.output, new_baseline}) {
    if (const absl::Status status = file.Check(); !status.ok()) return status;
  }
  check::Rules rules;
  if (!words.rules.empty()) {
    absl::StatusOr<check::Rules> read = check::ReadRules(words.rules);
    if (!read.ok()) return read.status();
    rules = *std::move(read);
  }
  std::optional<check::Baseline> baseline;
  if (!words.baseline.empty()) {
    absl::StatusOr<check::Baseline> read = check::ReadBaseline(words.baseline);
    if (!read.ok()) return read.status();
    baseline = *std::move(read);
  }
  const absl::StatusOr<model::Report> report = model::ReadReport(words.report);
  if (!report.ok()) return report.status();
  const check::Scope scope = {
      .rules = &rules,
      .baseline = baseline ? &*baseline : nullptr,
      .check_all = words.all,
      .today = absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone())};
  const check::Verdict verdict = check::Judge(*report, scope);
  if (!words.new_baseline.empty()) {
    const absl::Status status = WriteNewBaseline(*report, verdict, new_baseline, console);
    if (!status.ok()) return status;
    return ExitStatus::kFine;
  }
  const check::SourceFiles sources(words.source_roots);
  const check::Judged judged = {*report, rules, verdict, sources, baseline.has_value()};
  const absl::Status status = words.output.Write(InFormat(judged, words, console));
  if (!status.ok()) return status;
  SayWhatIsNext(*report, verdict, words, console);
  return verdict.findings.empty() ? ExitStatus::kFine : ExitStatus::kFindings;
}

}  // namespace

Verb DefineCheck(CLI::App* command) {
  CLI::App* verb = command->add_subcommand(
      "check", "For CI: fail where a descriptor blocks the checkpoint, or breaks the rules");
  const auto words = std::make_shared<CheckWords>();
  verb->add_option("REPORT", words->report, "A report of the agent's, - for stdin")->required();
  verb->add_option("--rules", words->rules,
                   "What is allowed, in YAML or JSON [no blocking descriptor is]");
  verb->add_option("--format", words->format,
                   "text, github (annotations), junit, sarif or markdown [text]")
      ->check(CLI::IsMember({"text", "github", "junit", "sarif", "markdown"}));
  verb->add_option("--baseline", words->baseline, "Findings that are known, and do not fail");
  verb->add_option("--write-baseline", words->new_baseline,
                   "Write the findings there for --baseline, and do not fail");
  verb->add_flag("--all", words->all, "Check all descriptors, not the blocking ones only");
  verb->add_option("--source-root", words->source_roots,
                   "Folder that holds packages; may be given several times [src/main/java, "
                   "src/main/kotlin, src/test/java]")
      ->allow_extra_args(false);
  words->output.AddTo(verb, "Where the answer goes [stdout]");
  verb->footer(
      "Exit status: 0 where nothing was found, 1 where something was.\n\n"
      "Example:\n"
      "  fdorigin check fdorigin-4711-1.json\n"
      "  fdorigin check --rules fdorigin-rules.yaml --format junit -o fds.xml "
      "fdorigin-4711-1.json\n"
      "  fdorigin check --write-baseline known.json fdorigin-4711-1.json");
  return {verb, [words](const Console& console) {
            const absl::StatusOr<ExitStatus> status = Check(*words, console);
            return status.ok() ? *status : console.Fail(status.status());
          }};
}

}  // namespace fdorigin
