// What is asked of the agent by a dynamic attach, and how the answer comes back.
//
// The attach mechanism carries one text to Agent_OnAttach and one number back. Beside options the
// text may have two words: `dump` asks for a report now, and `reply=PATH` names an empty file of
// the asker's, for what a number cannot say. docs/attach.md has both.
//
// Who calls it: Agent_OnAttach, on the thread of the VM that serves such requests. Cold.
#ifndef FDORIGIN_AGENT_JVM_ATTACH_REQUEST_H_
#define FDORIGIN_AGENT_JVM_ATTACH_REQUEST_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace fdorigin {

struct AttachRequest {
  bool dump = false;
  // Where the report goes: empty for the option report=, "-" for into the reply.
  std::string dump_path;
  std::string reply;
  std::string options;  // all other words
};

// `text` may be null.
AttachRequest ParseAttachRequest(const char* text);

// What the asker gets to read, a line each. Written when it ends, into the file of `reply=`, which
// is opened only then, so that no report lists it; on stderr where there is none.
class AttachReply {
 public:
  explicit AttachReply(std::string path) : path_(std::move(path)) {}
  ~AttachReply();
  AttachReply(const AttachReply&) = delete;
  AttachReply& operator=(const AttachReply&) = delete;

  bool has_file() const { return !path_.empty(); }
  // Why nothing was done.
  void Error(const absl::Status& status);
  void Note(std::string_view text) { Say("note", text); }
  void Report(std::string_view path);

  // A report that is to go into the reply itself is written here first, and then taken in.
  std::string PathForReport() const { return path_ + ".json"; }
  void TakeIn(std::string report) { report_ = std::move(report); }

 private:
  void Say(std::string_view key, std::string_view text);
  bool Write() const;

  const std::string path_;
  std::string text_;
  std::string report_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_JVM_ATTACH_REQUEST_H_
