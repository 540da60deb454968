// What a descriptor is known by from one run to the next: what it is and who opened it, and neither
// its number nor its inode nor a line of the source.
//
// Who uses it: `check`, for baselines, suppressions and the formats that want such a thing.
#ifndef FDORIGIN_CLI_CHECK_FINGERPRINT_H_
#define FDORIGIN_CLI_CHECK_FINGERPRINT_H_

#include <string>
#include <string_view>
#include <vector>

#include "model/report.h"

namespace fdorigin::check {

// 16 hexadecimal digits. Of a traced descriptor they stand for its kind, the call, the culprit and
// the application's frames of the stack, by stable names (model/stable_name.h); of another one,
// where nobody is known, for its kind, its attribution and its path or address, ports that the
// kernel chose left out.
class Fingerprints {
 public:
  // `report` must outlive it.
  explicit Fingerprints(const model::Report& report)
      : report_(report), frames_(report.stacks.size()) {}

  std::string Of(const model::Descriptor& descriptor);
  // Of a failure of the checkpoint that names no descriptor: its class.
  static std::string OfFailure(std::string_view class_name);

 private:
  const std::string& FramesOf(int stack);

  const model::Report& report_;
  std::vector<std::string> frames_;  // of each stack, by its index; empty: not asked for yet
};

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_FINGERPRINT_H_
