// Where the agent writes its answer to a request: a file in the target's /tmp, which the agent
// unlinks as soon as it has opened it. The command holds it open and reads it when the request is
// over. (The attach protocol itself brings back a number only.)
//
// Who uses it: the verbs attach and dump. The format is that of docs/attach.md.
#ifndef FDORIGIN_CLI_REPLY_FILE_H_
#define FDORIGIN_CLI_REPLY_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "target_process.h"

namespace fdorigin {

// What the agent has to say.
struct Reply {
  std::string error;               // why it did not do it; one line
  bool wrong_option = false;       // that is because of an option
  std::vector<std::string> notes;  // what else to know; one line each
  std::string report;              // path of the report, as the target names it
  std::string content;             // the report itself, if that was asked for
};

Reply ParseReply(const std::string& text);

class ReplyFile {
 public:
  // In the /tmp of `target`, which outlives it, as that one's user.
  static absl::StatusOr<ReplyFile> Create(const TargetProcess* target);
  ReplyFile(ReplyFile&&) = default;
  ~ReplyFile();

  // As the target names it.
  std::string path() const { return "/tmp/" + name_; }
  absl::StatusOr<Reply> Read() const;

 private:
  ReplyFile(const TargetProcess* target, OwnedFd folder, OwnedFd file, std::string name)
      : target_(target),
        folder_(std::move(folder)),
        file_(std::move(file)),
        name_(std::move(name)) {}

  const TargetProcess* target_;
  OwnedFd folder_;
  OwnedFd file_;
  std::string name_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_REPLY_FILE_H_
