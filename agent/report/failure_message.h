// What one suppressed exception of a failed checkpoint says about descriptors.
//
// Every generation of CRaC writes these messages differently, and none of them is made to be
// parsed (docs/report.md, "How failures are joined", lists the forms). This file turns a message
// into claims; join.h looks for the descriptors that fit a claim.
//
// Who calls it: JoinFailures(), once per suppressed exception. Cold, no state.
#ifndef FDORIGIN_AGENT_REPORT_FAILURE_MESSAGE_H_
#define FDORIGIN_AGENT_REPORT_FAILURE_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/address.h"

namespace fdorigin {

// One descriptor as a message describes it. What is empty was not said; what was said must all fit.
struct DescriptorClaim {
  std::optional<int> fd;
  std::string kinds;      // the contract's words that can be meant, space-separated: "epoll"
  std::string target;     // the link text of /proc/self/fd
  std::string java_path;  // a path as Java has it: may be relative, or a symbolic link
  std::string protocol;   // "tcp", "udp"
  std::string family;     // "ipv4", "ipv6"
  std::optional<Endpoint> local;
  std::optional<Endpoint> remote;
  std::optional<uint16_t> local_port;  // where the local address was not said
  bool not_connected = false;
  bool not_bound = false;  // neither bound nor connected
  bool listening = false;
  // It says so little that it is believed only where no more descriptors fit than are described in
  // the same words.
  bool vague = false;
  std::optional<std::string> unix_local;
  std::optional<std::string> unix_remote;
};

// In ascending order of what they tell of a descriptor's owner.
enum class FailureLevel : uint8_t {
  kOther = 0,     // says nothing of a descriptor
  kVm = 1,        // the VM's own scan: no Java object is known to own the descriptor
  kJava = 2,      // a Java object owns it: a policy can be asked
  kSelector = 3,  // a selector, a watch service: Java's, but out of a policy's reach
  kCriu = 4,      // criu refused something, and only its log says what (OpenJ9)
};

struct FailureMessage {
  FailureLevel level = FailureLevel::kOther;
  std::vector<DescriptorClaim> claims;
  bool busy_selector = false;  // a selector with registered keys failed
  bool busy_watch = false;     // a watch service with registered keys failed
};

FailureMessage ParseFailureMessage(std::string_view class_name, std::string_view message);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_FAILURE_MESSAGE_H_
