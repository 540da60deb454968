// What `doctor` has found: a line each, with what to do.
#ifndef FDORIGIN_CLI_DOCTOR_FINDING_H_
#define FDORIGIN_CLI_DOCTOR_FINDING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/sheet.h"

namespace fdorigin {

enum class Verdict : uint8_t {
  kOk,
  kWarning,  // something works less well, or only sometimes
  kProblem,  // something will not work
};

struct Finding {
  Verdict verdict;
  std::string_view topic;  // one word of the JSON, and the label of the line
  std::string text;        // of DisplayText
  std::string remedy;      // of DisplayText; may be empty
};

using Findings = std::vector<Finding>;

void TellFindings(const Findings& findings, Sheet* sheet);
std::string FindingsAsJson(const Findings& findings);
bool HaveProblem(const Findings& findings);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_DOCTOR_FINDING_H_
