// A draft of a file for -Djdk.crac.resource-policies: what the failed checkpoint of a report would
// have needed, and, as comments, what no policy can do.
//
// Who uses it: `policies`.
#ifndef FDORIGIN_CLI_POLICIES_DRAFT_H_
#define FDORIGIN_CLI_POLICIES_DRAFT_H_

#include <cstddef>
#include <string>

#include "model/report.h"

namespace fdorigin {

struct PoliciesDraft {
  std::string text;
  size_t rules = 0;
  size_t out_of_reach = 0;  // descriptors that stand in the way, and that no rule is for
};

// The text is UTF-8, harmless for a terminal.
PoliciesDraft DraftPolicies(const model::Report& report);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_POLICIES_DRAFT_H_
