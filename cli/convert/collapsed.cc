#include "convert/collapsed.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "convert/weighted_stack.h"
#include "fmt/format.h"
#include "model/display_text.h"
#include "text/describe.h"

namespace fdorigin {
namespace {

using model::Frame;

std::string NameOf(const Frame& frame) {
  if (!frame.is_java) {
    const std::string_view module = FileName(frame.module);
    return frame.symbol.empty() ? fmt::format("{}+{:#x}", module, frame.offset)
                                : std::string(frame.symbol);
  }
  if (frame.class_name.empty()) return "[unknown Java]";
  std::string name(frame.class_name);
  std::replace(name.begin(), name.end(), '.', '/');
  return fmt::format("{}.{}", name, frame.method);
}

// `name` is put in front: the frames come innermost first.
void AddOuter(std::string_view name, std::string* line) {
  std::string frame = DisplayText(name);
  std::replace(frame.begin(), frame.end(), ';', ':');
  if (!line->empty()) frame += ';';
  line->insert(0, frame);
}

std::string LineOf(const WeightedStack& weighed) {
  std::string line;
  if (!weighed.call.empty()) AddOuter(weighed.call, &line);
  if (weighed.stack == nullptr) {
    AddOuter(weighed.call.empty() ? fmt::format("[{}]", weighed.attribution) : kNoStack, &line);
    return line;
  }
  for (const Frame& frame : weighed.stack->frames) {
    AddOuter(NameOf(frame), &line);
    if (frame.has_gap) AddOuter(kFramesLeftOut, &line);
  }
  return line;
}

}  // namespace

std::string ToCollapsed(const model::Report& report) {
  std::map<std::string, size_t> lines;
  for (const WeightedStack& weighed : WeighStacks(report, /*blocking_only=*/false)) {
    lines[LineOf(weighed)] += weighed.descriptors;
  }
  std::string text;
  for (const auto& [line, count] : lines) text += fmt::format("{} {}\n", line, count);
  return text;
}

}  // namespace fdorigin
