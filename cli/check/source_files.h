// Where the source of a frame is in the checkout, for machines that show findings beside code.
//
// Who uses it: the formats of `check` that have places.
#ifndef FDORIGIN_CLI_CHECK_SOURCE_FILES_H_
#define FDORIGIN_CLI_CHECK_SOURCE_FILES_H_

#include <optional>
#include <string>
#include <vector>

#include "model/report.h"

namespace fdorigin::check {

struct SourcePlace {
  std::string path;  // relative to where the command runs, if it can be
  int line = 0;      // 0: unknown
};

class SourceFiles {
 public:
  // `roots`: the folders that hold packages, such as src/main/java.
  explicit SourceFiles(std::vector<std::string> roots) : roots_(std::move(roots)) {}

  // Where no root has the file, its path is the package's and the file's name: the report knows no
  // more. Nothing where it does not even know the file, or has a name for it that is none.
  std::optional<SourcePlace> PlaceOf(const model::Frame& frame) const;

 private:
  std::vector<std::string> roots_;
};

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_SOURCE_FILES_H_
