// The verdict on a report: which descriptors break the rules, and which of those are known.
//
// Who uses it: the verb check; the formats show what it answers.
#ifndef FDORIGIN_CLI_CHECK_JUDGE_H_
#define FDORIGIN_CLI_CHECK_JUDGE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "check/baseline.h"
#include "check/rules.h"
#include "model/report.h"

namespace fdorigin::check {

enum class Offence {
  kForbidden,   // a rule forbids it
  kBlocking,    // it blocks the checkpoint, and no rule allows it
  kNotAllowed,  // the same of one that does not block, where all are checked
  kFailure,     // the checkpoint failed for a reason that names no open descriptor
};

// Descriptors that break the rules for one reason and have one fingerprint.
struct Finding {
  Offence offence;
  std::string fingerprint;
  // The one that forbids them; or one that allows such descriptors, but not so many.
  const Rule* rule = nullptr;
  std::vector<const model::Descriptor*> descriptors;  // by number; of kFailure there are none
  size_t count = 0;                                   // how many descriptors, or failures
  std::string_view failure, message;  // of kFailure: the exception's class and what it says
  // Why it is excused, where it is.
  const Suppression* suppression = nullptr;
  bool in_baseline = false;
  size_t known = 0;  // how many of this fingerprint the baseline has
};

// Something about the rules or the baseline themselves.
struct Notice {
  std::string path;
  Place place;  // line 0: the file as a whole
  std::string text;
};

struct Verdict {
  size_t checked = 0;  // descriptors
  size_t allowed = 0;
  std::vector<size_t> allowed_by;  // by the index of Rules::allow
  std::vector<Finding> findings;   // by the number of their first descriptor, failures last
  std::vector<Finding> excused;    // suppressed, or in the baseline
  std::vector<Notice> notices;
};

struct Scope {
  const Rules* rules;
  const Baseline* baseline = nullptr;  // null: none
  bool check_all = false;              // also where the rules do not say so
  std::string today;                   // YYYY-MM-DD
};

// What is answered refers to `report` and to the rules.
Verdict Judge(const model::Report& report, const Scope& scope);

// The baseline that would excuse all findings, and that still has what it excused before.
Baseline BaselineOf(const model::Report& report, const Verdict& verdict);

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_JUDGE_H_
