// Reads a report, and believes nothing of it: what is not a whole report of a version that is known
// is an error of one line.
//
// Who uses it: every verb that takes a report.
#ifndef FDORIGIN_CLI_MODEL_READ_REPORT_H_
#define FDORIGIN_CLI_MODEL_READ_REPORT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/report.h"

namespace fdorigin::model {

// Of the file at `path`, or of standard input for "-". NotFound where it cannot be opened or read,
// DataLoss where it is no report: truncated, no JSON (RFC 8259: no NaN, no invalid UTF-8), nested
// deeper than reports are, a key missing, of the wrong type or there twice, a stack that is not
// there, a newer major version. Keys that are not known are passed over, as docs/report.md promises
// to writers of 1.x.
absl::StatusOr<Report> ReadReport(const std::string& path);

// The same of text that is in memory. `name` is what errors call it.
absl::StatusOr<Report> ParseReport(std::string_view text, const std::string& name);

}  // namespace fdorigin::model

#endif  // FDORIGIN_CLI_MODEL_READ_REPORT_H_
