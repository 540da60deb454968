#include "report/culprit.h"

#include <string_view>

namespace fdorigin {
namespace {

bool IsApplication(const SymbolizedFrame& frame) {
  if (frame.owner != FrameOwner::kApplication) return false;
  // A frame that has no name belongs to nobody who can be asked.
  return frame.kind == FrameKind::kJava     ? !frame.class_name.empty()
         : frame.kind == FrameKind::kNative ? !frame.module.empty()
                                            : false;
}

std::optional<size_t> FirstApplicationFrame(const std::vector<SymbolizedFrame>& frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    if (IsApplication(frames[i])) return i;
  }
  return std::nullopt;
}

bool SaysWhatSocketIsFor(std::string_view call) {
  return call == "bind" || call == "listen" || call == "connect";
}

}  // namespace

std::optional<Culprit> FindCulprit(const FdEntry& entry, const FdTable& table,
                                   const StackFrames& frames) {
  const auto look = [&](const CallRecord& record, const CallRecord* step) {
    std::optional<Culprit> culprit;
    if (record.stack == StackId::kNone) return culprit;
    if (const std::optional<size_t> frame = FirstApplicationFrame(frames(record.stack))) {
      culprit = Culprit{.stack = record.stack, .frame = *frame, .step = step};
    }
    return culprit;
  };
  if (std::optional<Culprit> culprit = look(entry.origin, nullptr)) return culprit;
  for (const CallRecord& step : entry.history) {
    if (step.call == CallId::kNone || !SaysWhatSocketIsFor(table.call(step.call).name)) continue;
    if (std::optional<Culprit> culprit = look(step, &step)) return culprit;
  }
  return std::nullopt;
}

}  // namespace fdorigin
