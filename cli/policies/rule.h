// A rule of the file that -Djdk.crac.resource-policies names: lines `key: value`, between lines
// `---`. It is no YAML: nothing can be quoted, and a value ends with its line.
//
// Who uses it: the draft of `policies`.
#ifndef FDORIGIN_CLI_POLICIES_RULE_H_
#define FDORIGIN_CLI_POLICIES_RULE_H_

#include <optional>
#include <string>
#include <string_view>

#include "model/report.h"
#include "policies/owner_message.h"

namespace fdorigin {

struct Rule {
  // The first rule that fits is taken, so that they are written in this order: a rule for the
  // connections of a port must come before the one for who listens there, since builds that do not
  // know the key `listening` ask both.
  enum class Order { kConnection, kDatagram, kListening, kUnix, kPipe, kFile, kRaw };

  Order order = Order::kConnection;
  std::string lines;               // each with its end
  std::string_view remark;         // what is to be known of all rules like it
  bool kernel_chose_port = false;  // so that it is of no use to the next run as it is
};

struct RuleOrReason {
  std::optional<Rule> rule;
  std::string_view reason;  // why there is none
};

// For a descriptor that `message`, of level kJava, complains of.
RuleOrReason MakeRule(const model::Report& report, const model::Descriptor& descriptor,
                      const OwnerMessage& message);

// For all pipes: they have nothing to be told by.
Rule RuleOfPipes();

// What matches `path` and nothing else, of a pattern "glob:…" of Java's and on one line of the
// file; nothing where that cannot be written.
std::optional<std::string> ExactGlob(std::string_view path);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_POLICIES_RULE_H_
