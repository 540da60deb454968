// criu's complaints with the descriptors that they are about, for a person and as JSON.
//
// Who uses it: `explain`.
#ifndef FDORIGIN_CLI_EXPLAIN_EXPLAINED_H_
#define FDORIGIN_CLI_EXPLAIN_EXPLAINED_H_

#include <string>
#include <string_view>
#include <vector>

#include "explain/criu_log.h"
#include "explain/join_complaint.h"
#include "model/report.h"
#include "text/sheet.h"

namespace fdorigin {

struct Explained {
  const Complaint* complaint;
  JoinedComplaint joined;
};

std::vector<Explained> Explain(const CriuLog& log, const model::Report& report);

void TellExplained(const std::vector<Explained>& explained, const CriuLog& log,
                   const model::Report& report, Sheet* sheet);

// docs/explain.md has its keys.
std::string ExplainedAsJson(const std::vector<Explained>& explained, const CriuLog& log,
                            std::string_view log_path, const model::Report& report);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_EXPLAIN_EXPLAINED_H_
