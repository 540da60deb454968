// The arguments of a recorded call, as its manual page writes them.
//
// Who calls it: RenderReport(). Cold, no state.
#ifndef FDORIGIN_AGENT_REPORT_ARGUMENTS_H_
#define FDORIGIN_AGENT_REPORT_ARGUMENTS_H_

#include "fdtable/call.h"
#include "report/json_text.h"

namespace fdorigin {

// {"domain": "AF_UNIX", "protocol": 0, "type": "SOCK_STREAM|SOCK_CLOEXEC"}. Constants by name, what
// has none as a number ("0x…" among flags). A mode that the call did not use is left out, and so is
// an address that was not recorded.
void WriteArguments(const CallInfo& call, const CallRecord& record, JsonText* out);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_ARGUMENTS_H_
