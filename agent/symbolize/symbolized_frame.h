// A frame with its names, as the report shows it.
//
// Include rule: agent/symbolize/ includes base and stack's types. Everything here is cold.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_SYMBOLIZED_FRAME_H_
#define FDORIGIN_AGENT_SYMBOLIZE_SYMBOLIZED_FRAME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "stack/frame.h"

namespace fdorigin {

// Whose code a frame is. The culprit is the first frame whose owner is kApplication.
enum class FrameOwner : uint8_t {
  kApplication = 0,  // the program, its frameworks, its native libraries
  kJdk = 1,          // a class of the JDK, or a native library beside libjvm.so
  kJvm = 2,          // libjvm.so
  kLibc = 3,         // glibc and the dynamic linker
  kAgent = 4,        // libfdorigin.so
};

struct SymbolizedFrame {
  FrameKind kind = FrameKind::kNone;
  FrameOwner owner = FrameOwner::kApplication;

  bool gap = false;  // frames between this one and the next are left out

  // Of both kinds, where they are known.
  std::string file;  // Java: the SourceFile attribute; native: a path, as debug information has it
  std::optional<int> line;

  // Java. Empty strings where a name could not be had (an unloaded class: class_name is empty).
  std::string class_name;  // with dots: "sun.nio.fs.LinuxWatchService"
  std::string method;      // "<init>"
  std::string signature;   // "(Ljava/lang/String;)V"
  bool native_method = false;
  bool hidden = false;  // left out of the VM's own stack traces: lambda forms, hidden classes
  std::string jar;      // where the class came from: path of the jar or directory
  std::string nameless_because;  // why there are no names, where that is known

  // Native.
  std::string symbol;    // demangled, without offset; empty where there is none
  std::string module;    // path of the ELF image
  uint64_t offset = 0;   // ELF virtual address inside the module (what addr2line takes)
  std::string build_id;  // lower-case hex
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_SYMBOLIZED_FRAME_H_
