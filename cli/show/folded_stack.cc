#include "show/folded_stack.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "model/frame_owner.h"
#include "text/describe.h"

namespace fdorigin {
namespace {

using model::Frame;
using model::FrameOwner;

std::string OwnerInWords(const Frame& frame) {
  switch (frame.owner) {
    case FrameOwner::kApplication:
      return "application";
    case FrameOwner::kFramework:
      return std::string(model::FrameworkOf(frame.class_name));
    case FrameOwner::kJdk:
      return "JDK";
    case FrameOwner::kJvm:
      return "JVM";
    case FrameOwner::kLibc:
      return "libc";
  }
  return {};
}

std::string OwnersInWords(const Frame* first, const Frame* last) {
  std::vector<std::string> owners;
  for (const Frame* frame = first; frame != last; ++frame) {
    const std::string owner = OwnerInWords(*frame);
    if (std::find(owners.begin(), owners.end(), owner) == owners.end()) owners.push_back(owner);
  }
  std::string text;
  for (const std::string& owner : owners) {
    if (!text.empty()) text += ", ";
    text += owner;
  }
  return text;
}

}  // namespace

std::vector<StackLine> FoldStack(const model::Stack& stack, std::optional<size_t> culprit,
                                 bool full) {
  const std::vector<Frame>& frames = stack.frames;
  std::vector<bool> kept(frames.size());
  size_t of_application = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    const bool is_application = frames[i].owner == FrameOwner::kApplication && !frames[i].is_hidden;
    kept[i] = full || i == 0 || culprit == i ||
              (is_application && ++of_application <= kMostApplicationFrames);
  }
  std::vector<StackLine> lines;
  for (size_t i = 0; i < frames.size();) {
    size_t end = i + 1;
    while (!kept[i] && end < frames.size() && !kept[end] && !frames[end - 1].has_gap) ++end;
    StackLine line{.index = i, .gap = frames[end - 1].has_gap};
    if (kept[i] || end == i + 1) {
      line.frame = &frames[i];
    } else {
      line.folded = end - i;
      line.owners = OwnersInWords(&frames[i], frames.data() + end);
    }
    lines.push_back(line);
    i = end;
  }
  return lines;
}

}  // namespace fdorigin
