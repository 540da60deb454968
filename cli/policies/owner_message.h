// Who owns the descriptor that a suppressed exception of a failed checkpoint complains of: a policy
// is asked for what a Java object owns, and for nothing else.
//
// Who uses it: the draft of `policies`. docs/report.md, "How failures are joined", has the
// messages.
#ifndef FDORIGIN_CLI_POLICIES_OWNER_MESSAGE_H_
#define FDORIGIN_CLI_POLICIES_OWNER_MESSAGE_H_

#include <cstdint>
#include <string_view>

#include "model/report.h"

namespace fdorigin {

// In ascending order of what they tell: of several messages about one descriptor the last counts.
enum class MessageLevel : uint8_t {
  kOther,     // of no descriptor
  kVm,        // the VM's own scan: no Java object is known
  kJava,      // a Java object owns it
  kSelector,  // so it is, but a selector or a watch service with keys, which no policy reaches
};

struct OwnerMessage {
  MessageLevel level = MessageLevel::kOther;
  std::string_view path;         // of a file, as Java has it: may be relative
  std::string_view description;  // of a raw java.io.FileDescriptor, as a policy's regex sees it
  bool is_raw = false;           // of a raw java.io.FileDescriptor
  bool is_pipe = false;          // of a java.nio.channels.Pipe
};

// Views into `suppressed`.
OwnerMessage ReadOwnerMessage(const model::Suppressed& suppressed);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_POLICIES_OWNER_MESSAGE_H_
