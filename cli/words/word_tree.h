// The words of the command, read off CLI11's own tree: so what is completed and what the manual
// page lists is what is parsed.
//
// Who uses it: completion.h and man_page.h.
#ifndef FDORIGIN_CLI_WORDS_WORD_TREE_H_
#define FDORIGIN_CLI_WORDS_WORD_TREE_H_

#include <string>
#include <vector>

#include "CLI/App.hpp"

namespace fdorigin {

struct OptionWords {
  std::vector<std::string> names;  // "-o", "--output"
  std::string description;
  bool takes_value = false;
  bool takes_text = false;          // a value that is no number: a file, as a rule
  std::vector<std::string> values;  // those that are allowed, where they are few
};

struct PositionalWords {
  std::string name;  // "REPORT"
  std::string description;
  std::vector<std::string> values;
  bool required = false;
};

struct VerbWords {
  std::string name;
  std::string description;
  std::vector<OptionWords> options;
  std::vector<PositionalWords> positionals;
  std::string footer;  // with the example
};

// Of the command itself (its verbs are not among its words).
VerbWords WordsOf(const CLI::App& app);

// Of its verbs, in the order in which they are listed.
std::vector<VerbWords> VerbsOf(const CLI::App& command);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_WORDS_WORD_TREE_H_
