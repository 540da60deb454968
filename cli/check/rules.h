// What a descriptor may be, as a rules file says it (docs/check.md, docs/rules.schema.json).
//
// Who uses it: `check`. ReadRules (read_rules.h) makes it.
#ifndef FDORIGIN_CLI_CHECK_RULES_H_
#define FDORIGIN_CLI_CHECK_RULES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/address_pattern.h"
#include "check/glob.h"

namespace fdorigin::check {

struct NumberRange {
  int64_t first = 0;
  int64_t last = 0;
};

// All that are given must hold; of a list, one of its values.
struct Conditions {
  std::vector<std::string> kinds, protocols, states, attributions, calls, advice, fingerprints;
  std::vector<NumberRange> numbers;
  std::vector<Glob> paths, culprits, modules, failures;
  std::vector<AddressPattern> addresses, locals, remotes;  // addresses: either end
};

// Where an entry stands in its file, for who has to change it. Both count from 1.
struct Place {
  int line = 0;
  int column = 0;
};

struct Rule {
  std::string name;
  Place place;
  Conditions conditions;
  std::optional<uint64_t> at_most;  // of allowing ones: how many descriptors
};

struct Suppression {
  std::string reason;
  std::string until;  // YYYY-MM-DD, the last day on which it holds
  Place place;
  Conditions conditions;
};

struct Rules {
  std::string path;        // as the user named it; empty where there is no file
  bool check_all = false;  // and not the blocking descriptors only
  std::vector<Rule> allow;
  std::vector<Rule> forbid;
  std::vector<Suppression> suppress;
};

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_RULES_H_
