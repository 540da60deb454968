// The growth between two reports, for a person and for a program.
//
// Who uses it: the verb diff.
#ifndef FDORIGIN_CLI_DIFF_GROWTH_TEXT_H_
#define FDORIGIN_CLI_DIFF_GROWTH_TEXT_H_

#include <string>

#include "diff/growth.h"
#include "model/report.h"
#include "text/sheet.h"

namespace fdorigin::diff {

struct Compared {
  const model::Report& before;
  const model::Report& after;
  const Growth& growth;
};

// Grown origins first, then those whose descriptors were replaced, then the shrunk ones; those of
// which nothing changed only with `all`.
void ToText(const Compared& compared, bool all, Sheet* sheet);

// The same as JSON, all groups; docs/diff.md has the keys.
std::string ToJson(const Compared& compared);

}  // namespace fdorigin::diff

#endif  // FDORIGIN_CLI_DIFF_GROWTH_TEXT_H_
