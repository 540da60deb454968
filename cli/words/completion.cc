#include "words/completion.h"

#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "words/word_tree.h"

namespace fdorigin {
namespace {

// Where a process is meant, those of java are offered; everywhere else files.
constexpr std::string_view kProcess = "PID";

std::string Joined(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::vector<std::string> NamesOf(const VerbWords& words) {
  std::vector<std::string> names;
  for (const OptionWords& option : words.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

bool TakesProcess(const VerbWords& verb) {
  return !verb.positionals.empty() && verb.positionals[0].name == kProcess;
}

std::vector<std::string> PositionalValues(const VerbWords& verb) {
  return verb.positionals.empty() ? std::vector<std::string>() : verb.positionals[0].values;
}

// Inside zsh's '[…]' and ':…' a few characters mean something.
std::string ZshText(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, text.find(" ["))) {
    if (c == '\'') {
      result += "'\\''";
    } else if (c == '[' || c == ']' || c == ':') {
      result += fmt::format("\\{}", c);
    } else {
      result += c;
    }
  }
  return result;
}

std::string ZshOption(const OptionWords& option) {
  std::string value;
  if (option.takes_value) {
    value = !option.values.empty() ? fmt::format(":value:({})", Joined(option.values, " "))
            : option.takes_text    ? ":value:_files"
                                   : ":number: ";
  }
  const std::string text = fmt::format("[{}]{}", ZshText(option.description), value);
  std::string arguments;
  for (const std::string& name : option.names) {
    const bool is_long = name.starts_with("--");
    arguments += fmt::format(" '({}){}{}{}'", Joined(option.names, " "), name,
                             option.takes_value ? (is_long ? "=" : "+") : "", text);
  }
  return arguments;
}

}  // namespace

std::string BashCompletion(const CLI::App& command) {
  const std::vector<VerbWords> verbs = VerbsOf(command);
  const VerbWords common = WordsOf(command);
  std::vector<std::string> names;
  std::string options_of_verbs;
  std::string values;
  std::string positionals;
  const auto add_values = [&values](const std::string& verb, const VerbWords& words) {
    for (const OptionWords& option : words.options) {
      if (!option.takes_value) continue;
      for (const std::string& name : option.names) {
        values += fmt::format("    '{} {}') {} ;;\n", verb, name,
                              !option.values.empty()
                                  ? fmt::format("offered='{}'", Joined(option.values, " "))
                              : option.takes_text ? "files=yes"
                                                  : ":");
      }
    }
  };
  for (const VerbWords& verb : verbs) {
    names.push_back(verb.name);
    options_of_verbs +=
        fmt::format("    {}) options='{}' ;;\n", verb.name, Joined(NamesOf(verb), " "));
    add_values(verb.name, verb);
    add_values(verb.name, common);
    if (TakesProcess(verb)) {
      positionals += fmt::format("    {}) offered=$(pgrep -x java); files=yes ;;\n", verb.name);
    } else if (const auto fixed = PositionalValues(verb); !fixed.empty()) {
      positionals += fmt::format("    {}) offered='{}' ;;\n", verb.name, Joined(fixed, " "));
    } else if (!verb.positionals.empty()) {
      positionals += fmt::format("    {}) files=yes ;;\n", verb.name);
    }
  }
  add_values("", common);
  const std::string all = Joined(names, " ");
  return fmt::format(R"(# Completion of fdorigin for bash, made by: fdorigin completion bash
_fdorigin() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local verb= word options='{common}' offered= files=
  # "--color=auto" comes as three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
    case $word in
    {verbs}) verb=$word && break ;;
    esac
  done
  case $verb in
{options}  esac
  case "$verb $previous" in
{values}    *)
      if [[ $current == -* ]]; then
        offered="$options"
      elif [[ -z $verb ]]; then
        offered='{all}'
      else
        case $verb in
{positionals}        esac
      fi
      ;;
  esac
  COMPREPLY=()
  [[ -z $offered ]] || mapfile -t COMPREPLY < <(compgen -W "$offered" -- "$current")
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
  fi
}}
complete -F _fdorigin fdorigin
)",
                     fmt::arg("common", Joined(NamesOf(common), " ")),
                     fmt::arg("verbs", Joined(names, " | ")), fmt::arg("options", options_of_verbs),
                     fmt::arg("values", values), fmt::arg("all", all),
                     fmt::arg("positionals", positionals));
}

std::string ZshCompletion(const CLI::App& command) {
  std::string described;
  std::string cases;
  for (const VerbWords& verb : VerbsOf(command)) {
    described += fmt::format("    '{}:{}'\n", verb.name, ZshText(verb.description));
    std::string arguments;
    for (const OptionWords& option : verb.options) arguments += ZshOption(option);
    for (const PositionalWords& positional : verb.positionals) {
      const std::string action =
          positional.name == kProcess ? "_alternative \"processes:java:($(pgrep -x java))\" "
                                        "\"files:core file:_files\""
          : positional.values.empty() ? std::string("_files")
                                      : fmt::format("({})", Joined(positional.values, " "));
      arguments += fmt::format(" ':{}:{}'", positional.name, action);
    }
    cases += fmt::format("        {}) _arguments{} ;;\n", verb.name, arguments);
  }
  std::string common;
  for (const OptionWords& option : WordsOf(command).options) common += ZshOption(option);
  return fmt::format(R"(#compdef fdorigin
# Completion of fdorigin for zsh, made by: fdorigin completion zsh
_fdorigin() {{
  local curcontext="$curcontext" state line
  typeset -A opt_args
  local -a verbs=(
{verbs}  )
  _arguments -C{common} '1: :->verb' '*:: :->words'
  case $state in
    verb) _describe verb verbs ;;
    words)
      case $words[1] in
{cases}      esac
      ;;
  esac
}}
if [[ $funcstack[1] == _fdorigin ]]; then
  _fdorigin "$@"
else
  compdef _fdorigin fdorigin
fi
)",
                     fmt::arg("verbs", described), fmt::arg("common", common),
                     fmt::arg("cases", cases));
}

}  // namespace fdorigin
