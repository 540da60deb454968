// Which descriptors of a report a complaint of criu's is about.
//
// Who uses it: `explain`. What cannot be told for certain is said to be possible, and never more.
#ifndef FDORIGIN_CLI_EXPLAIN_JOIN_COMPLAINT_H_
#define FDORIGIN_CLI_EXPLAIN_JOIN_COMPLAINT_H_

#include <string>
#include <string_view>
#include <vector>

#include "explain/criu_log.h"
#include "model/report.h"

namespace fdorigin {

struct JoinedComplaint {
  // It is about one of these, or about the open file that all of them stand for.
  std::vector<const model::Descriptor*> descriptors;
  bool is_certain = false;     // else they are what may be meant
  std::string_view joined_by;  // "inode", "number", "path", "name", "kind"; empty: nothing fits
  std::string note;            // why it is not joined, where there is something to say
};

JoinedComplaint Join(const Complaint& complaint, const model::Report& report);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_EXPLAIN_JOIN_COMPLAINT_H_
