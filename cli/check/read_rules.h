// Reads a rules file, YAML or JSON. What the schema (docs/rules.schema.json) refuses is refused
// here, too, and a misspelt key is an error: a rule that silently says less would let everything
// pass.
//
// Who uses it: the verb check.
#ifndef FDORIGIN_CLI_CHECK_READ_RULES_H_
#define FDORIGIN_CLI_CHECK_READ_RULES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "check/rules.h"

namespace fdorigin::check {

// NotFound where the file cannot be read. DataLoss where it holds no rules: one line that begins
// with the file's name and the place, "rules.yaml:12:5: ".
absl::StatusOr<Rules> ReadRules(const std::string& path);

// The same of text that is in memory. `name` is what errors call it.
absl::StatusOr<Rules> ParseRules(std::string_view text, const std::string& name);

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_READ_RULES_H_
