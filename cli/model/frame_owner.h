// Whose code a frame is, by its names: the report itself says it of the culprit only.
//
// Who uses it: ReadReport, which fills in Frame::owner.
#ifndef FDORIGIN_CLI_MODEL_FRAME_OWNER_H_
#define FDORIGIN_CLI_MODEL_FRAME_OWNER_H_

#include <string>
#include <string_view>
#include <vector>

#include "model/report.h"

namespace fdorigin::model {

class FrameOwners {
 public:
  // Learns where the JDK's libraries are from the paths of libjvm.so in `stacks`.
  explicit FrameOwners(const std::vector<Stack>& stacks);

  // A Java frame is the JDK's where its package is and it came from no jar; a framework's where its
  // package is one of a list of well-known ones. A native frame is told by its file's name and
  // folder. What nothing is known of is the application's.
  FrameOwner OwnerOf(const Frame& frame) const;

 private:
  std::vector<std::string> jdk_folders_;  // with a slash at the end
};

// "java.base"-like names that people read: "the JDK", "io.netty", "libjvm.so", for a folded run of
// frames. For frameworks the name of the package by which it was recognised.
std::string_view FrameworkOf(std::string_view class_name);

}  // namespace fdorigin::model

#endif  // FDORIGIN_CLI_MODEL_FRAME_OWNER_H_
