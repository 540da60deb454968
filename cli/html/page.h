// The page of `fdorigin html`: the template that cli/web was built into, with a report in it.
//
// Who uses it: html_verb.cc.
#ifndef FDORIGIN_CLI_HTML_PAGE_H_
#define FDORIGIN_CLI_HTML_PAGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "model/report.h"

namespace fdorigin {

// Unimplemented where the command was built without its page (FDORIGIN_PAGE=OFF).
absl::Status CheckPage();

// One whole HTML file. The report is in it as base64 of a zlib stream, so that no text of it is
// ever read as HTML.
absl::StatusOr<std::string> MakePage(const model::Report& report);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_HTML_PAGE_H_
