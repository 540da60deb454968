// The arguments of a recorded call, as its manual page writes them.
//
// Who calls it: RenderReport(). Cold, no state.
#ifndef FDORIGIN_AGENT_REPORT_ARGUMENTS_H_
#define FDORIGIN_AGENT_REPORT_ARGUMENTS_H_

#include "fdtable/call.h"
#include "nlohmann/json_fwd.hpp"

namespace fdorigin {

// {"domain": "AF_UNIX", "type": "SOCK_STREAM|SOCK_CLOEXEC", "protocol": 0}. Constants by name, what
// has none as a number ("0x…" among flags). A mode that the call did not use is left out, and so is
// an address that was not recorded.
nlohmann::json RenderArguments(const CallInfo& call, const CallRecord& record);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_ARGUMENTS_H_
