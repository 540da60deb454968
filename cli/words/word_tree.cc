#include "words/word_tree.h"

#include <algorithm>
#include <string>
#include <vector>

namespace fdorigin {
namespace {

// CLI::IsMember and its like put "{a,b}" into the name of the option's type, and nowhere else.
std::vector<std::string> ValuesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{');
  const size_t end = type.find('}');
  std::vector<std::string> values;
  if (begin == std::string::npos || end == std::string::npos) return values;
  size_t from = begin + 1;
  while (from < end) {
    const size_t comma = std::min(type.find(',', from), end);
    values.push_back(type.substr(from, comma - from));
    from = comma + 1;
  }
  return values;
}

}  // namespace

VerbWords WordsOf(const CLI::App& app) {
  VerbWords words{.name = app.get_name(), .description = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      words.positionals.push_back({.name = option->get_name(true),
                                   .description = option->get_description(),
                                   .values = ValuesOf(*option),
                                   .required = option->get_required()});
      continue;
    }
    OptionWords option_words{.description = option->get_description(),
                             .takes_value = option->get_items_expected_max() > 0,
                             .takes_text = option->get_type_name().starts_with("TEXT"),
                             .values = ValuesOf(*option)};
    for (const std::string& name : option->get_snames()) option_words.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) option_words.names.push_back("--" + name);
    words.options.push_back(option_words);
  }
  words.footer = app.get_footer();
  return words;
}

std::vector<VerbWords> VerbsOf(const CLI::App& command) {
  std::vector<VerbWords> verbs;
  for (const CLI::App* verb : command.get_subcommands({})) verbs.push_back(WordsOf(*verb));
  return verbs;
}

}  // namespace fdorigin
