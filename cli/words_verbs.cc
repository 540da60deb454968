// fdorigin completion SHELL, fdorigin man: the command's own words, for shells and for man.
#include <memory>
#include <string>

#include "verb.h"
#include "words/completion.h"
#include "words/man_page.h"

namespace fdorigin {

Verb DefineCompletion(CLI::App* command) {
  CLI::App* verb = command->add_subcommand("completion", "Print a shell's completion script");
  const auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "Which shell: bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  verb->footer(
      "Example:\n"
      "  fdorigin completion bash > ~/.local/share/bash-completion/completions/fdorigin\n"
      "  fdorigin completion zsh > ~/.zfunc/_fdorigin");
  return {verb, [command, shell](const Console& console) {
            console.Print(*shell == "bash" ? BashCompletion(*command) : ZshCompletion(*command));
            return ExitStatus::kFine;
          }};
}

Verb DefineMan(CLI::App* command) {
  CLI::App* verb = command->add_subcommand("man", "Print the manual page");
  verb->footer(
      "Example:\n"
      "  fdorigin man | man -l -");
  return {verb, [command](const Console& console) {
            console.Print(ManPage(*command));
            return ExitStatus::kFine;
          }};
}

}  // namespace fdorigin
