// A finding in a person's words: the sentences that all formats share. All of it is DisplayText.
//
// Who uses it: the formats of `check`, and baselines.
#ifndef FDORIGIN_CLI_CHECK_FINDING_TEXT_H_
#define FDORIGIN_CLI_CHECK_FINDING_TEXT_H_

#include <string>

#include "check/judge.h"
#include "model/report.h"

namespace fdorigin::check {

// "blocking-descriptor": names the offence for programs. In the order of Offence.
struct OffenceName {
  const char* id;
  const char* description;
};
const OffenceName& NameOf(Offence offence);

// The same in every run: "socket: socket() by com.example.Harbor.moor".
std::string TitleOf(const model::Report& report, const Finding& finding);

// "fd 7 socket ipv6/tcp listening on [::]:8080", "fd 7, 9: socket ..." (the first one
// is described), or the failure.
std::string WhatIsFound(const Finding& finding);

// "blocks the checkpoint", "the rule 'no cleartext' forbids it".
std::string WhyItIsFound(const Finding& finding);

// "socket() by com.example.Harbor.moor (Harbor.java:9)", "nobody was seen to open it: ...".
std::string WhoOpenedIt(const model::Report& report, const Finding& finding);

// Empty where the report has none.
std::string AdviceFor(const Finding& finding);

// Why it does not count: "suppressed until 2027-01-31: ...", "in the baseline".
std::string WhyItIsExcused(const Finding& finding);

// "2 findings in 5 of 18 descriptors: 3 allowed, 1 suppressed, 1 in the baseline".
std::string Summary(const model::Report& report, const Verdict& verdict);

// "rules.yaml:12".
std::string PlaceOf(const Notice& notice);

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_FINDING_TEXT_H_
