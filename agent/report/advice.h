// What can be done about a descriptor that stands in a checkpoint's way.
//
// Who calls it: RenderReport(), for the descriptors that a failed checkpoint names, and for those
// that a busy selector or watch service may be about. Cold, no state.
#ifndef FDORIGIN_AGENT_REPORT_ADVICE_H_
#define FDORIGIN_AGENT_REPORT_ADVICE_H_

#include <optional>
#include <string>
#include <vector>

#include "report/failure_message.h"
#include "report/snapshot.h"
#include "symbolize/symbolized_frame.h"

namespace fdorigin {

// Whose code asked for the descriptor, by the frames between libc and the first Java frame.
enum class Opener : uint8_t {
  kUnknown = 0,  // no stack
  kJava = 1,     // the JDK's native code on behalf of Java code: a Java object may own it
  kJvm = 2,      // libjvm itself
  kLibc = 3,     // libc for its own needs: a name service, the resolver, syslog
  kNative = 4,   // a native library that is neither the JVM's nor the JDK's
};

// `socket` says whether the descriptor is one: libc never hands out the sockets it makes, but it
// does hand out files and directories (fopen, opendir), whose opener is then its caller.
Opener FindOpener(const std::vector<SymbolizedFrame>& frames, bool socket);

struct AdviceQuery {
  const OpenDescriptor* descriptor = nullptr;
  std::string attribution;                    // "traced", "inherited", "untraced"
  std::string call;                           // of the origin; "" where it is not known
  FailureLevel level = FailureLevel::kOther;  // the most telling of its failures
  std::vector<SymbolizedFrame> frames;        // of the origin
  const SymbolizedFrame* culprit = nullptr;   // null where there is none
};

struct Advice {
  std::string kind;  // "resource", "policy", "native", "jvm"
  std::string text;
};

Advice Advise(const AdviceQuery& query);

// The frame of libc that the rest of the program called: "getpwuid_r". Null where the innermost
// frame is not libc's.
const SymbolizedFrame* LibcEntryPoint(const std::vector<SymbolizedFrame>& frames);

// "com.acme.Db.connect (Db.java:12)", "nss_sss_open in libnss_sss.so.2".
std::string DescribeFrame(const SymbolizedFrame& frame);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_ADVICE_H_
