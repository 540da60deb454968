#include "check/read_rules.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check/small_file.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "model/display_text.h"
#include "simdjson.h"
#include "yaml-cpp/depthguard.h"
#include "yaml-cpp/yaml.h"

namespace fdorigin::check {
namespace {

constexpr size_t kLargestFile = 1 << 20;

using Words = std::vector<std::string_view>;

const Words kKinds = {"socket",  "file",     "directory", "pipe",  "fifo",  "epoll",  "eventfd",
                      "timerfd", "signalfd", "inotify",   "memfd", "pidfd", "device", "other"};
const Words kAttributions = {"traced", "inherited", "untraced"};
const Words kAdvice = {"resource", "policy", "native", "jvm"};

// What a reader stops with. It never leaves this file: yaml-cpp throws anyhow.
struct Refusal {
  YAML::Mark mark;
  std::string why;
};

[[noreturn]] void Refuse(const YAML::Node& node, std::string why) {
  throw Refusal{node.Mark(), std::move(why)};
}

// How a scalar without quotes is meant, by YAML's core schema.
bool IsNumber(const std::string& text) {
  if (text.starts_with("0x") || text.starts_with("0o")) return true;
  if (text.find_first_not_of("+-.0123456789eE") != std::string::npos) return false;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

bool IsText(const YAML::Node& node) {
  static const Words kOthers = {"",     "~",    "null",  "Null",  "NULL", "true",
                                "True", "TRUE", "false", "False", "FALSE"};
  if (!node.IsScalar()) return false;
  if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return true;
  const std::string& text = node.Scalar();
  return std::find(kOthers.begin(), kOthers.end(), text) == kOthers.end() && !IsNumber(text);
}

std::string Text(const YAML::Node& node) {
  if (!IsText(node)) Refuse(node, "must be text; numbers and the like need quotes to be text");
  if (node.Scalar().empty()) Refuse(node, "must not be empty");
  return node.Scalar();
}

std::optional<uint64_t> WholeNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > 0x7fffffff) return {};
  return number;
}

uint64_t Number(const YAML::Node& node) {
  const std::optional<uint64_t> number =
      node.IsScalar() && node.Tag() != "!" ? WholeNumber(node.Scalar()) : std::nullopt;
  if (!number) Refuse(node, "must be a whole number");
  return *number;
}

std::string OneOf(const YAML::Node& node, const Words& words) {
  std::string text = Text(node);
  if (std::find(words.begin(), words.end(), text) == words.end()) {
    Refuse(node, fmt::format("must be one of {}", fmt::join(words, ", ")));
  }
  return text;
}

NumberRange Range(const YAML::Node& node) {
  if (!node.IsScalar()) Refuse(node, "must be a number or a range such as 3-9");
  const std::string_view text = node.Scalar();
  const size_t dash = text.find('-');
  const std::optional<uint64_t> first = WholeNumber(text.substr(0, dash));
  const std::optional<uint64_t> last =
      dash == std::string_view::npos ? first : WholeNumber(text.substr(dash + 1));
  if (!first || !last || *first > *last) {
    Refuse(node, "must be a number or a range such as 3-9");
  }
  return {static_cast<int64_t>(*first), static_cast<int64_t>(*last)};
}

AddressPattern Address(const YAML::Node& node) {
  std::optional<AddressPattern> pattern = AddressPattern::Parse(Text(node));
  if (!pattern) {
    Refuse(node,
           "must be an address such as 10.0.0.0/8:5432, [::1]:80, '*:8080', /run/a.sock or @name");
  }
  return *std::move(pattern);
}

std::string Fingerprint(const YAML::Node& node) {
  std::string text = Text(node);
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    Refuse(node, "must be a fingerprint: 16 hexadecimal digits, in quotes");
  }
  return text;
}

std::string Date(const YAML::Node& node) {
  std::string text = Text(node);
  const auto part = [&](size_t begin, size_t size) {
    return static_cast<unsigned>(WholeNumber(text.substr(begin, size)).value_or(0));
  };
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(part(0, 4))),
                                           std::chrono::month(part(5, 2)),
                                           std::chrono::day(part(8, 2))};
    if (date.ok()) return text;
  }
  Refuse(node, "must be a date such as 2027-01-31");
}

// A key of a map, and what reads its value.
struct Key {
  std::string_view name;
  std::function<void(const YAML::Node&)> read;
  bool required = false;
};

void ReadMap(const YAML::Node& node, const std::vector<Key>& keys) {
  if (!node.IsMap()) Refuse(node, "a map of keys is wanted here");
  std::vector<std::string> seen;
  for (const auto& pair : node) {
    const std::string name = pair.first.IsScalar() ? pair.first.Scalar() : "";
    const auto key =
        std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
    if (key == keys.end()) {
      Words names;
      for (const Key& known : keys) names.push_back(known.name);
      Refuse(pair.first,
             fmt::format("'{}' is no key here; there are {}", name, fmt::join(names, ", ")));
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      Refuse(pair.first, fmt::format("{} is there twice", name));
    }
    seen.push_back(name);
    try {
      key->read(pair.second);
    } catch (Refusal& refusal) {
      if (refusal.why.starts_with("must ")) refusal.why = fmt::format("{} {}", name, refusal.why);
      throw;
    }
  }
  for (const Key& key : keys) {
    if (key.required && std::find(seen.begin(), seen.end(), key.name) == seen.end()) {
      Refuse(node, fmt::format("{} is missing", key.name));
    }
  }
}

template <typename T, typename Read>
void ReadList(const YAML::Node& node, const Read& read, std::vector<T>* into) {
  if (!node.IsSequence()) Refuse(node, "must be a list");
  for (const YAML::Node& item : node) into->push_back(read(item));
}

// One value, or a list of them.
template <typename T, typename Read>
Key Values(std::string_view name, std::vector<T>* into, Read read) {
  return {name, [into, read](const YAML::Node& node) {
            if (!node.IsSequence()) {
              into->push_back(read(node));
              return;
            }
            if (node.size() == 0) Refuse(node, "must not be an empty list");
            ReadList(node, read, into);
          }};
}

auto PatternOf(char separator) {
  return [separator](const YAML::Node& node) { return Glob(Text(node), separator); };
}

auto WordOf(const Words& words) {
  return [&words](const YAML::Node& node) { return OneOf(node, words); };
}

std::vector<Key> KeysOf(Conditions* conditions) {
  return {Values("kind", &conditions->kinds, WordOf(kKinds)),
          Values("fd", &conditions->numbers, Range),
          Values("path", &conditions->paths, PatternOf('/')),
          Values("address", &conditions->addresses, Address),
          Values("local", &conditions->locals, Address),
          Values("remote", &conditions->remotes, Address),
          Values("protocol", &conditions->protocols, Text),
          Values("state", &conditions->states, Text),
          Values("culprit", &conditions->culprits, PatternOf('.')),
          Values("module", &conditions->modules, PatternOf('/')),
          Values("call", &conditions->calls, Text),
          Values("attribution", &conditions->attributions, WordOf(kAttributions)),
          Values("advice", &conditions->advice, WordOf(kAdvice)),
          Values("failure", &conditions->failures, PatternOf('.')),
          Values("fingerprint", &conditions->fingerprints, Fingerprint)};
}

// Reads the keys of an entry itself, `own`, and of its conditions, of which there must be one.
void ReadEntry(const YAML::Node& node, std::vector<Key> own, Conditions* conditions) {
  std::vector<Key> keys = KeysOf(conditions);
  size_t given = 0;
  for (Key& key : keys) {
    key.read = [&given, read = key.read](const YAML::Node& value) {
      ++given;
      read(value);
    };
  }
  keys.insert(keys.begin(), std::make_move_iterator(own.begin()),
              std::make_move_iterator(own.end()));
  ReadMap(node, keys);
  if (given == 0) Refuse(node, "it has no condition and would mean every descriptor");
}

Place PlaceOf(const YAML::Node& node) { return {node.Mark().line + 1, node.Mark().column + 1}; }

Rule ReadRule(const YAML::Node& node, bool allows) {
  Rule rule;
  rule.place = PlaceOf(node);
  std::vector<Key> own = {
      {"name", [&](const YAML::Node& value) { rule.name = Text(value); }, true}};
  if (allows) {
    own.push_back({"atMost", [&](const YAML::Node& value) { rule.at_most = Number(value); }});
  }
  ReadEntry(node, std::move(own), &rule.conditions);
  return rule;
}

Suppression ReadSuppression(const YAML::Node& node) {
  Suppression suppression;
  suppression.place = PlaceOf(node);
  ReadEntry(node,
            {{"reason", [&](const YAML::Node& value) { suppression.reason = Text(value); }, true},
             {"until", [&](const YAML::Node& value) { suppression.until = Date(value); }, true}},
            &suppression.conditions);
  return suppression;
}

void ReadRoot(const YAML::Node& root, Rules* rules) {
  const auto rules_to = [](std::vector<Rule>* into, bool allows) {
    return [into, allows](const YAML::Node& node) {
      ReadList(
          node, [allows](const YAML::Node& item) { return ReadRule(item, allows); }, into);
    };
  };
  ReadMap(root, {{"version",
                  [](const YAML::Node& node) {
                    if (Number(node) != 1)
                      Refuse(node, "must be 1, the version that this command knows");
                  },
                  true},
                 {"check",
                  [rules](const YAML::Node& node) {
                    static const Words kScopes = {"blocking", "all"};
                    rules->check_all = OneOf(node, kScopes) == "all";
                  }},
                 {"allow", rules_to(&rules->allow, true)},
                 {"forbid", rules_to(&rules->forbid, false)},
                 {"suppress", [rules](const YAML::Node& node) {
                    ReadList(node, ReadSuppression, &rules->suppress);
                  }}});
}

absl::Status ErrorAt(const std::string& name, const YAML::Mark& mark, std::string_view why) {
  if (mark.is_null()) return absl::DataLossError(fmt::format("{}: {}", name, DisplayText(why)));
  return absl::DataLossError(
      fmt::format("{}:{}:{}: {}", name, mark.line + 1, mark.column + 1, DisplayText(why)));
}

}  // namespace

absl::StatusOr<Rules> ParseRules(std::string_view text, const std::string& name) {
  Rules rules;
  rules.path = name;
  try {
    if (!simdjson::validate_utf8(text.data(), text.size()))
      return absl::DataLossError(name + ": it is not UTF-8");
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.empty()) return absl::DataLossError(name + ": it is empty");
    if (documents.size() > 1) Refuse(documents[1], "a second document is not read");
    ReadRoot(documents[0], &rules);
  } catch (const Refusal& refusal) {
    return ErrorAt(name, refusal.mark, refusal.why);
  } catch (const YAML::DeepRecursion&) {
    return absl::DataLossError(name + ": it is nested too deep");
  } catch (const YAML::Exception& error) {
    // A pattern that begins with a star and has no quotes is a reference, to YAML.
    const bool is_star = error.msg.find("anchor") != std::string::npos ||
                         error.msg.find("alias") != std::string::npos;
    return ErrorAt(name, error.mark,
                   is_star ? "text that begins with * must be in quotes" : error.msg);
  }
  return rules;
}

absl::StatusOr<Rules> ReadRules(const std::string& path) {
  absl::StatusOr<std::string> text = ReadSmallFile(path, kLargestFile);
  if (!text.ok()) return text.status();
  return ParseRules(*text, path);
}

}  // namespace fdorigin::check
