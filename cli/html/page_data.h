// A report as the page has it: the same facts in columns, every text once, stacks as numbers of
// frames. A hundred thousand descriptors are read in a browser in a fraction of a second then, and
// the page is a tenth of the report's size.
//
// Who uses it: page.cc. Who reads it: cli/web/src/report.ts, which has the same names.
#ifndef FDORIGIN_CLI_HTML_PAGE_DATA_H_
#define FDORIGIN_CLI_HTML_PAGE_DATA_H_

#include <string>

#include "model/report.h"

namespace fdorigin {

// One JSON object. A column is an array of numbers, with one for each row of its table: a number as
// it is, or an index into `strings` or another table; -1 is "none". Tables are `frames`, `threads`,
// `calls` (times in microseconds since `epoch`), `sockets`, `advice` and `descriptors`. `stacks`
// are arrays of frames, `arguments` arrays of strings (name, value, name, …), `failures` arrays of
// indices into trigger.exception.suppressed. A descriptor's history is calls number `history` and
// following, `historyCount` of them. An inode or offset beyond 2^53, to which JavaScript's numbers
// are exact, is -2 less the index of its text.
std::string PageData(const model::Report& report);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_HTML_PAGE_DATA_H_
