#include "convert/speedscope.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "convert/weighted_stack.h"
#include "fdorigin_version.h"
#include "fmt/format.h"
#include "model/display_text.h"
#include "nlohmann/json.hpp"
#include "text/describe.h"

namespace fdorigin {
namespace {

using Json = nlohmann::ordered_json;
using model::Frame;
using model::Report;

// The frames of all profiles, each once.
class SharedFrames {
 public:
  size_t Of(const Frame& frame) {
    const std::string_view module = FileName(frame.module);
    std::string name;
    if (!frame.is_java) {
      name = frame.symbol.empty() ? fmt::format("{}+{:#x}", module, frame.offset)
                                  : std::string(frame.symbol);
    } else if (frame.class_name.empty()) {
      name = "a Java frame without a name";
    } else {
      name = fmt::format("{}.{}", frame.class_name, frame.method);
    }
    const std::string_view file = frame.file.empty() ? frame.module : frame.file;
    return Of(name, file, frame.line);
  }

  size_t Of(std::string_view name, std::string_view file = {}, int line = -1) {
    const std::string shown = DisplayText(name);
    const std::string place = DisplayText(file);
    const auto [found, is_new] =
        places_.try_emplace(fmt::format("{}\n{}\n{}", shown, place, line), frames_.size());
    if (is_new) {
      Json frame = {{"name", shown}};
      if (!place.empty()) frame["file"] = place;
      if (line >= 0) frame["line"] = line;
      frames_.push_back(std::move(frame));
    }
    return found->second;
  }

  Json Take() { return std::move(frames_); }

 private:
  std::unordered_map<std::string, size_t> places_;
  Json frames_ = Json::array();
};

// From the outermost on.
std::vector<size_t> SampleOf(const WeightedStack& weighed, SharedFrames* frames) {
  std::vector<size_t> sample;
  if (!weighed.call.empty()) sample.push_back(frames->Of(weighed.call));
  if (weighed.stack == nullptr) {
    sample.push_back(weighed.call.empty() ? frames->Of(fmt::format("[{}]", weighed.attribution))
                                          : frames->Of(kNoStack));
  } else {
    for (const Frame& frame : weighed.stack->frames) {
      sample.push_back(frames->Of(frame));
      if (frame.has_gap) sample.push_back(frames->Of(kFramesLeftOut));
    }
  }
  std::reverse(sample.begin(), sample.end());
  return sample;
}

Json ProfileOf(std::string_view name, const std::vector<WeightedStack>& stacks,
               SharedFrames* frames) {
  Json samples = Json::array();
  Json weights = Json::array();
  size_t sum = 0;
  for (const WeightedStack& weighed : stacks) {
    samples.push_back(SampleOf(weighed, frames));
    weights.push_back(weighed.descriptors);
    sum += weighed.descriptors;
  }
  return {{"type", "sampled"},
          {"name", name},
          {"unit", "none"},
          {"startValue", 0},
          {"endValue", sum},
          {"samples", std::move(samples)},
          {"weights", std::move(weights)}};
}

}  // namespace

std::string ToSpeedscope(const Report& report) {
  SharedFrames frames;
  Json profiles = Json::array();
  const std::vector<WeightedStack> blocking = WeighStacks(report, /*blocking_only=*/true);
  if (!blocking.empty()) {
    profiles.push_back(ProfileOf("descriptors that block the checkpoint", blocking, &frames));
  }
  profiles.push_back(
      ProfileOf("open descriptors", WeighStacks(report, /*blocking_only=*/false), &frames));
  const Json file = {
      {"$schema", "https://www.speedscope.app/file-format-schema.json"},
      {"name", DisplayText(FileName(report.path))},
      {"exporter", "fdorigin " FDORIGIN_VERSION},
      {"activeProfileIndex", 0},
      {"shared", {{"frames", frames.Take()}}},
      {"profiles", std::move(profiles)},
  };
  return file.dump() + "\n";
}

}  // namespace fdorigin
