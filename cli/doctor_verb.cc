// fdorigin doctor: says what of the agent will work on this machine and in this JVM, and what to do
// about the rest.
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "agent_request.h"
#include "doctor/finding.h"
#include "doctor/java.h"
#include "doctor/jvm_checks.h"
#include "doctor/machine_checks.h"
#include "target_process.h"
#include "verb.h"

namespace fdorigin {
namespace {

struct DoctorWords {
  std::string java;
  std::string agent;
  bool json = false;
};

// As in /proc/self/environ.
std::string Environment() {
  std::string all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    all.append(*variable).push_back('\0');
  }
  return all;
}

absl::StatusOr<Findings> Examine(const DoctorWords& words) {
  Findings findings;
  const absl::StatusOr<Java> java = FindJava(words.java);
  if (!java.ok() && !absl::IsNotFound(java.status())) return java.status();
  CheckMachine(&findings);
  if (!java.ok()) {
    findings.push_back({Verdict::kProblem, "java", std::string(java.status().message()),
                        "Say which one with --java."});
    CheckCriu("", /*is_needed=*/false, &findings);
    return findings;
  }
  CheckJvm({.java = &*java,
            .agent = words.agent.empty() ? LibraryBesideCommand()
                                         : std::filesystem::absolute(words.agent).string(),
            .environment_disables_attach = DisablesAttach("", Environment())},
           &findings);
  const std::string_view engine = java->Flag("CRaCEngine");
  const bool uses_criu =
      java->is_openj9() || (java->flags.contains("CRaCCheckpointTo") &&
                            (engine.empty() || engine.find("criu") != std::string_view::npos));
  CheckCriu(std::string(java->Property("java.home")), uses_criu, &findings);
  return findings;
}

ExitStatus Report(const DoctorWords& words, const Console& console) {
  const absl::StatusOr<Findings> findings = Examine(words);
  if (!findings.ok()) return console.Fail(findings.status());
  if (words.json) {
    console.Print(FindingsAsJson(*findings));
  } else {
    Sheet sheet = console.NewSheet();
    TellFindings(*findings, &sheet);
    console.Print(sheet.str());
  }
  return HaveProblem(*findings) ? ExitStatus::kFindings : ExitStatus::kFine;
}

}  // namespace

Verb DefineDoctor(CLI::App* command) {
  CLI::App* verb =
      command->add_subcommand("doctor", "Say what will work on this machine, and in this JVM");
  const auto words = std::make_shared<DoctorWords>();
  verb->add_option("--java", words->java,
                   "A java, or a Java home [that of JAVA_HOME, else that of PATH]");
  verb->add_option("--agent", words->agent, "libfdorigin.so [beside this command, or in ../lib]")
      ->check(CLI::ExistingFile);
  verb->add_flag("--json", words->json, "The same as JSON");
  verb->footer(
      "Starts the JVM a few times, once with the agent. The status is 1 where something will not "
      "work.\n\n"
      "Example:\n"
      "  fdorigin doctor --java /usr/lib/jvm/java-17-openjdk-amd64");
  return {verb, [words](const Console& console) { return Report(*words, console); }};
}

}  // namespace fdorigin
