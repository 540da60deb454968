// Where a verb's answer goes that is a file, or may be: the option -o.
//
// Who uses it: the verbs. It is either whole or not there, and nothing is overwritten unasked.
#ifndef FDORIGIN_CLI_OUTPUT_FILE_H_
#define FDORIGIN_CLI_OUTPUT_FILE_H_

#include <string>
#include <string_view>

#include "CLI/App.hpp"
#include "absl/status/status.h"

namespace fdorigin {

struct OutputFile {
  std::string path;  // "-": standard output; empty: none was given
  bool overwrite = false;

  // Adds -o and -f to a verb's words. `what`: the help of -o.
  void AddTo(CLI::App* verb, const std::string& what);

  // To be asked before long work: AlreadyExists where the file is there and may not be overwritten.
  absl::Status Check() const;

  // InvalidArgument where it cannot be written. Whoever reads standard output may stop reading:
  // that is no error.
  absl::Status Write(std::string_view content) const;

  bool is_file() const { return !path.empty() && path != "-"; }
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_OUTPUT_FILE_H_
