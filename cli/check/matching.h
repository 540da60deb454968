// Whether a rule is about a descriptor.
//
// Who uses it: Judge (judge.h).
#ifndef FDORIGIN_CLI_CHECK_MATCHING_H_
#define FDORIGIN_CLI_CHECK_MATCHING_H_

#include <string>
#include <string_view>

#include "check/rules.h"
#include "model/report.h"

namespace fdorigin::check {

// `fingerprint`: the descriptor's.
bool Matches(const Conditions& conditions, const model::Report& report,
             const model::Descriptor& descriptor, const std::string& fingerprint);

// Whether they are about a failure of the checkpoint that names no descriptor. Only the conditions
// failure and fingerprint can be; with any other one they are not.
bool MatchesFailure(const Conditions& conditions, std::string_view class_name,
                    const std::string& fingerprint);

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_MATCHING_H_
