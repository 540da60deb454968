// The command `fdorigin`. It reads command lines; each verb has a file of its own.
#include <exception>
#include <string>

#include "CLI/App.hpp"
#include "console.h"
#include "exit_status.h"
#include "fdorigin_version.h"
#include "interruption.h"
#include "verb.h"

namespace fdorigin {
namespace {

ExitStatus Run(int argc, char** argv) {
  CLI::App command("Who opened this file descriptor? Asks running JVMs, and reads their reports.",
                   "fdorigin");
  command.set_version_flag("--version", "fdorigin " FDORIGIN_VERSION);
  std::string color = "auto";
  command.add_option("--color", color, "Colours: auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->default_str("auto");
  command.require_subcommand(1);
  command.fallthrough();
  command.footer("fdorigin VERB --help says more, with an example.");
  const Verb verbs[] = {
      DefineShow(&command),    DefineCheck(&command),   DefineDiff(&command),
      DefineHtml(&command),    DefineConvert(&command), DefinePolicies(&command),
      DefineExplain(&command), DefineAttach(&command),  DefineDump(&command),
      DefineDoctor(&command),  DefineSchema(&command),  DefineCompletion(&command),
      DefineMan(&command)};
  try {
    command.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    if (asked_for_help) {
      command.exit(error);
      return ExitStatus::kFine;
    }
    const Console console(color);
    console.Error(error.what());
    console.Note("fdorigin --help says which words there are");
    return ExitStatus::kUsage;
  }
  const Console console(color);
  for (const Verb& verb : verbs) {
    if (!verb.words->parsed()) continue;
    NoteInterruptions();
    const ExitStatus status = verb.run(console);
    DieIfInterrupted();
    return status;
  }
  return ExitStatus::kUsage;
}

}  // namespace
}  // namespace fdorigin

int main(int argc, char** argv) {
  try {
    return static_cast<int>(fdorigin::Run(argc, argv));
  } catch (const std::exception& error) {
    fdorigin::Console().Error(error.what());
    return static_cast<int>(fdorigin::ExitStatus::kTargetFailed);
  }
}
