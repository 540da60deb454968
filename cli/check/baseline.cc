#include "check/baseline.h"

#include <string>
#include <string_view>

#include "check/small_file.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace fdorigin::check {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLargestFile = 64 << 20;
constexpr int kVersion = 1;

absl::Status NoBaseline(const std::string& name, std::string_view why) {
  return absl::DataLossError(fmt::format("{} is no baseline of fdorigin check: {}", name, why));
}

bool IsFingerprint(const std::string& text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

const Json* Find(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

absl::StatusOr<Baseline> ParseBaseline(std::string_view text, const std::string& name) {
  // Deep nesting and the like are errors of the parser, which does not recurse.
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return NoBaseline(name, "it is not valid JSON");
  const Json* version = Find(json, "baselineVersion");
  if (version == nullptr) return NoBaseline(name, "it has no baselineVersion");
  if (!version->is_number_integer() || *version != kVersion) {
    return NoBaseline(name, "its version is not 1, the one that this command knows");
  }
  const Json* findings = Find(json, "findings");
  if (findings == nullptr || !findings->is_array()) {
    return NoBaseline(name, "it has no list of findings");
  }
  Baseline baseline;
  baseline.path = name;
  for (size_t i = 0; i < findings->size(); ++i) {
    const Json* fingerprint = Find((*findings)[i], "fingerprint");
    const Json* count = Find((*findings)[i], "count");
    const Json* description = Find((*findings)[i], "description");
    if (fingerprint == nullptr || !fingerprint->is_string() ||
        !IsFingerprint(fingerprint->get<std::string>())) {
      return NoBaseline(name, fmt::format("findings[{}] has no fingerprint", i));
    }
    if (count == nullptr || !count->is_number_unsigned() || *count == 0) {
      return NoBaseline(name, fmt::format("findings[{}] has no count", i));
    }
    Known known;
    known.count = count->get<size_t>();
    if (description != nullptr && description->is_string()) {
      known.description = description->get<std::string>();
    }
    if (!baseline.known.emplace(fingerprint->get<std::string>(), std::move(known)).second) {
      return NoBaseline(name, fmt::format("findings[{}] has the fingerprint of another one", i));
    }
  }
  return baseline;
}

absl::StatusOr<Baseline> ReadBaseline(const std::string& path) {
  absl::StatusOr<std::string> text = ReadSmallFile(path, kLargestFile);
  if (!text.ok()) return text.status();
  return ParseBaseline(*text, path);
}

std::string WriteBaseline(const Baseline& baseline) {
  Json findings = Json::array();
  for (const auto& [fingerprint, known] : baseline.known) {
    findings.push_back(
        {{"fingerprint", fingerprint}, {"count", known.count}, {"description", known.description}});
  }
  const Json json = {{"baselineVersion", kVersion}, {"findings", std::move(findings)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fdorigin::check
