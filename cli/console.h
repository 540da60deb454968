// What the command says to the user: answers on stdout, everything else on stderr.
//
// Who uses it: the verbs. One line is one write.
#ifndef FDORIGIN_CLI_CONSOLE_H_
#define FDORIGIN_CLI_CONSOLE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "exit_status.h"
#include "text/sheet.h"

namespace fdorigin {

class Console {
 public:
  // `color`: auto, always or never. `auto` is for terminals, and honours NO_COLOR and TERM=dumb.
  explicit Console(std::string_view color = "auto");

  // A line of the answer.
  void Answer(std::string_view line) const;
  // The answer in one piece, as it is.
  void Print(std::string_view text) const;
  // What a long answer is laid out on: as wide as the terminal; where stdout is none, as wide as
  // COLUMNS says, else 80.
  Sheet NewSheet() const;
  // Something beside the answer: what to do next.
  void Note(std::string_view line) const;
  void Error(std::string_view line) const;
  // The same for an error that a verb ends with; the answer is what the command then returns.
  ExitStatus Fail(const absl::Status& status) const;

 private:
  bool color_on_stdout_;
  bool color_on_stderr_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_CONSOLE_H_
