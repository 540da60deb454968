// A report as the command reads it: the keys of docs/report.schema.json, with their types.
//
// Who uses it: every verb that takes a report. ReadReport (read_report.h) makes it; from then on
// nothing in it changes. Texts are views into the report's own memory, valid UTF-8, and whatever
// the process had in its names: they go to a terminal or a page through display_text.h only. A text
// that is absent is empty; where absence and emptiness differ, there is an optional.
//
// The namespace is one of its own because the command links the agent's, which has other types of
// some of these names.
#ifndef FDORIGIN_CLI_MODEL_REPORT_H_
#define FDORIGIN_CLI_MODEL_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fdorigin::model {

// Whose code a frame is. The report says it of the culprit only; of all others FrameOwners
// (frame_owner.h) tells it by names.
enum class FrameOwner : uint8_t { kApplication, kFramework, kJdk, kJvm, kLibc };

struct Frame {
  bool is_java = false;
  bool is_native_method = false;  // of Java frames
  bool is_hidden = false;         // of Java frames: the JVM's own stack traces leave it out
  bool has_gap = false;           // frames between this one and the next are left out
  FrameOwner owner = FrameOwner::kApplication;
  int line = -1;  // -1: unknown
  uint64_t offset = 0;
  std::string_view class_name, method, signature, jar, reason;  // of Java frames
  std::string_view symbol, module, build_id;                    // of native ones
  std::string_view file;                                        // of both
};

struct Stack {
  int64_t id = 0;
  std::vector<Frame> frames;  // innermost first
};

struct Thread {
  std::string_view name;
  std::string_view kind;  // java, vm, native
  int64_t tid = 0;
  bool is_virtual = false;
};

struct Argument {
  std::string_view name;
  std::variant<std::string_view, int64_t> value;
};

struct Call {
  std::string_view call;
  std::string_view at;  // RFC 3339
  std::string_view java_stack;
  std::span<const Argument> arguments;
  Thread thread;
  int stack = -1;    // index into Report::stacks; -1: none
  int from_fd = -1;  // -1: made from no other descriptor
};

struct Peer {
  int64_t pid = 0;  // 0: unknown
  std::string_view process;
  int fd = -1;         // -1: unknown
  uint64_t inode = 0;  // 0: unknown
};

struct Socket {
  std::string_view family, type, protocol, state, local, remote;
  std::optional<Peer> peer;
};

struct Culprit {
  int stack = 0;  // index into Report::stacks
  int frame = 0;  // index into its frames
};

struct Advice {
  std::string_view kind, text;
};

struct Descriptor {
  int fd = 0;
  uint64_t inode = 0;
  std::string_view kind, target, attribution, reason;
  std::span<const std::string_view> flags;
  bool blocking = false;
  bool unverified = false;
  bool history_cut = false;
  std::optional<Culprit> culprit;
  std::optional<Socket> socket;
  std::span<const int> failures;  // indices into Trigger::suppressed
  const Call* origin = nullptr;   // null where it is not traced
  std::span<const Call> history;  // oldest first
  std::optional<Advice> advice;
};

struct Suppressed {
  std::string_view class_name, message;
  int fd = -1;         // -1: names none
  uint64_t inode = 0;  // 0: names none
};

struct Cause {
  std::string_view class_name, message;
};

struct Trigger {
  std::string_view kind, thread;
  bool has_exception = false;
  std::string_view class_name;
  std::string_view message;
  std::vector<Suppressed> suppressed;
  std::vector<Cause> causes;  // nearest first
};

struct Process {
  int64_t pid = 0;
  int64_t ppid = 0;
  std::string_view hostname, started_at;
  std::vector<std::string_view> command_line;
  std::string_view jvm_name, jvm_version, jvm_vendor;
};

struct Refused {
  std::string_view what, reason;
};

struct Coverage {
  std::string_view since;
  int64_t libraries = 0;
  int64_t slots = 0;
  int64_t dropped = 0;
  int64_t memory_bytes = 0;
  std::vector<std::string_view> libc_entries;
  std::vector<Refused> refused;
};

struct Report {
  std::string path;  // as the user named it
  std::string_view schema_version, tool_version;
  std::string_view created_at;  // RFC 3339
  Trigger trigger;
  Process process;
  Coverage coverage;
  std::vector<Descriptor> descriptors;  // by number
  std::vector<Stack> stacks;
  std::shared_ptr<const void> memory;  // what the views, spans and pointers lead to

  const Stack* StackOf(const Call& call) const {
    return call.stack < 0 ? nullptr : &stacks[static_cast<size_t>(call.stack)];
  }
  const Frame* FrameOf(const Descriptor& descriptor) const {
    if (!descriptor.culprit) return nullptr;
    return &stacks[static_cast<size_t>(descriptor.culprit->stack)]
                .frames[static_cast<size_t>(descriptor.culprit->frame)];
  }
  // Null where there is no descriptor of that number.
  const Descriptor* Find(int fd) const;
};

}  // namespace fdorigin::model

#endif  // FDORIGIN_CLI_MODEL_REPORT_H_
