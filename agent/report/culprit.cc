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

// Whether stack traces leave the frame out, or the JVM made the class up: a hidden class
// ("C$$Lambda/0x0000000800c03000" of a lambda or a method reference, "C$$Lambda$14/0x…" in older
// JVMs) or a dynamic proxy ("$Proxy12", "jdk.proxy2.$Proxy5"). Nobody finds it in a source.
bool IsMadeUp(const SymbolizedFrame& frame) {
  if (frame.hidden) return true;
  constexpr std::string_view kProxy = "$Proxy";
  const std::string_view name = frame.class_name;
  if (name.find('/') != std::string_view::npos) return true;
  if (name.find("$$Lambda") != std::string_view::npos) return true;
  const std::string_view simple = name.substr(name.rfind('.') + 1);
  return simple.starts_with(kProxy) && simple.size() > kProxy.size() &&
         simple.find_first_not_of("0123456789", kProxy.size()) == std::string_view::npos;
}

std::optional<size_t> FirstApplicationFrame(const std::vector<SymbolizedFrame>& frames,
                                            bool made_up) {
  for (size_t i = 0; i < frames.size(); ++i) {
    if (IsApplication(frames[i]) && IsMadeUp(frames[i]) == made_up) return i;
  }
  return std::nullopt;
}

bool SaysWhatSocketIsFor(std::string_view call) {
  return call == "bind" || call == "listen" || call == "connect";
}

}  // namespace

std::optional<Culprit> FindCulprit(const FdEntry& entry, const FdTable& table,
                                   const StackFrames& frames) {
  const auto look = [&](const CallRecord& record, const CallRecord* step, bool made_up) {
    std::optional<Culprit> culprit;
    if (record.stack == StackId::kNone) return culprit;
    if (const std::optional<size_t> frame = FirstApplicationFrame(frames(record.stack), made_up)) {
      culprit = Culprit{.stack = record.stack, .frame = *frame, .step = step};
    }
    return culprit;
  };
  for (const bool made_up : {false, true}) {
    if (std::optional<Culprit> culprit = look(entry.origin, nullptr, made_up)) return culprit;
    for (const CallRecord& step : entry.history) {
      if (step.call == CallId::kNone || !SaysWhatSocketIsFor(table.call(step.call).name)) continue;
      if (std::optional<Culprit> culprit = look(step, &step, made_up)) return culprit;
    }
  }
  return std::nullopt;
}

}  // namespace fdorigin
