// Two reports compared: how many descriptors each origin has in the one and the other. An origin is
// a call and its stack, by what the stack holds: its number means nothing outside of one report.
//
// Who uses it: the verb diff.
#ifndef FDORIGIN_CLI_DIFF_GROWTH_H_
#define FDORIGIN_CLI_DIFF_GROWTH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/report.h"

namespace fdorigin::diff {

struct Group {
  std::vector<const model::Descriptor*> before;  // of the old report, by number
  std::vector<const model::Descriptor*> after;   // of the new one
  // Of `after`, those that were not there before. Where it is another process that are all.
  std::vector<const model::Descriptor*> opened;

  int64_t growth() const {
    return static_cast<int64_t>(after.size()) - static_cast<int64_t>(before.size());
  }
  // One of them, to tell what they are: the newest number.
  const model::Descriptor& example() const {
    return !opened.empty() ? *opened.back() : !after.empty() ? *after.back() : *before.back();
  }
  bool example_is_new() const { return !after.empty(); }
};

struct Growth {
  bool same_process = false;
  // Between the two reports; nothing where one has no time, or it is another process.
  std::optional<double> seconds;
  std::vector<Group> groups;  // the most grown first, then the most opened, then by number
};

Growth Compare(const model::Report& before, const model::Report& after);

}  // namespace fdorigin::diff

#endif  // FDORIGIN_CLI_DIFF_GROWTH_H_
