// The reader of rules: what it takes, and where it says that it stopped.
#include "check/read_rules.h"

#include <string>

#include "catch2/catch_test_macros.hpp"
#include "catch2/matchers/catch_matchers_string.hpp"

namespace fdorigin::check {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Rules> rules = ParseRules(text, "r.yaml");
  INFO(text);
  REQUIRE_FALSE(rules.ok());
  CHECK(rules.status().code() == absl::StatusCode::kDataLoss);
  CHECK(rules.status().message().find('\n') == absl::string_view::npos);
  return std::string(rules.status().message());
}

TEST_CASE("rules are read from YAML") {
  const absl::StatusOr<Rules> rules = ParseRules(
      "version: 1\n"
      "check: all\n"
      "allow:\n"
      "  - name: standard streams\n"
      "    fd: [0-2, 7]\n"
      "  - name: database\n"
      "    remote: 10.0.0.0/8:5432\n"
      "    atMost: 10\n"
      "forbid:\n"
      "  - {name: public, local: '*:80', kind: socket}\n"
      "suppress:\n"
      "  - culprit: com.example.**\n"
      "    reason: next release\n"
      "    until: 2027-02-28\n",
      "r.yaml");
  INFO(rules.status().message());
  REQUIRE(rules.ok());
  CHECK(rules->check_all);
  REQUIRE(rules->allow.size() == 2);
  CHECK(rules->allow[0].name == "standard streams");
  CHECK(rules->allow[0].place.line == 4);
  CHECK(rules->allow[0].place.column == 5);
  REQUIRE(rules->allow[0].conditions.numbers.size() == 2);
  CHECK(rules->allow[0].conditions.numbers[0].last == 2);
  CHECK(rules->allow[0].conditions.numbers[1].first == 7);
  CHECK(rules->allow[1].at_most == 10);
  CHECK(rules->forbid.at(0).conditions.kinds.at(0) == "socket");
  CHECK(rules->suppress.at(0).until == "2027-02-28");
}

TEST_CASE("JSON with tabs and escapes is read like YAML") {
  const absl::StatusOr<Rules> rules = ParseRules(
      "{\n\t\"version\": 1,\n\t\"allow\": [{\"name\": \"caf\\u00e9\", \"path\": "
      "\"\\/srv\\/*\"}]\n}",
      "r.json");
  INFO(rules.status().message());
  REQUIRE(rules.ok());
  CHECK(rules->allow.at(0).name == "caf\xc3\xa9");
  CHECK(rules->allow.at(0).conditions.paths.at(0).Matches("/srv/x"));
}

TEST_CASE("an error says line and column, and what would be right") {
  CHECK(ErrorOf("version: 1\nallow:\n  - name: a\n    knid: file\n") ==
        "r.yaml:4:5: 'knid' is no key here; there are name, atMost, kind, fd, path, address, "
        "local, remote, protocol, state, culprit, module, call, attribution, advice, failure, "
        "fingerprint");
  CHECK_THAT(ErrorOf("version: 1\nallow:\n  - name: a\n    kind: sokcet\n"),
             StartsWith("r.yaml:4:11: kind must be one of socket, file"));
  CHECK_THAT(ErrorOf("version: 1\nallow:\n  - name: a\n    remote: [10.0.0.1, example.com]\n"),
             StartsWith("r.yaml:4:24: remote must be an address"));
  CHECK_THAT(ErrorOf("version: 1\nallow:\n  - kind: file\n"),
             StartsWith("r.yaml:3:5: name is missing"));
  CHECK_THAT(ErrorOf("version: 1\nallow:\n  - name: everything\n"),
             ContainsSubstring("has no condition"));
  CHECK_THAT(ErrorOf("version: 1\nversion: 1\n"), StartsWith("r.yaml:2:1: version is there twice"));
  CHECK_THAT(ErrorOf("version: 2\n"), StartsWith("r.yaml:1:10: version must be 1"));
  CHECK_THAT(ErrorOf("a: 1\n b: 2\n"), StartsWith("r.yaml:2:3: "));
  CHECK_THAT(ErrorOf("version: 1\nallow:\n  - {name: a, local: *:80}\n"),
             ContainsSubstring("begins with * must be in quotes"));
}

TEST_CASE("a suppression needs a reason, and a day that is in the calendar") {
  const std::string begin = "version: 1\nsuppress:\n  - kind: file\n";
  CHECK_THAT(ErrorOf(begin + "    until: 2027-01-31\n"), ContainsSubstring("reason is missing"));
  CHECK_THAT(ErrorOf(begin + "    reason: x\n"), ContainsSubstring("until is missing"));
  for (const std::string day : {"2027-02-29", "2027-13-01", "31.1.2027", "soon", "2027-1-31"}) {
    CHECK_THAT(ErrorOf(begin + "    reason: x\n    until: " + day + "\n"),
               ContainsSubstring("until must be a date"));
  }
}

TEST_CASE("what is no rules file is refused in one line") {
  CHECK(ErrorOf("") == "r.yaml: it is empty");
  CHECK_THAT(ErrorOf("\x7f"
                     "ELF\xff"),
             ContainsSubstring("not UTF-8"));
  CHECK_THAT(ErrorOf("[]"), ContainsSubstring("a map of keys"));
  CHECK_THAT(ErrorOf("just text"), ContainsSubstring("a map of keys"));
  CHECK_THAT(ErrorOf(std::string(100000, '[')), ContainsSubstring("nested too deep"));
  CHECK_THAT(ErrorOf("version: 1\n---\nversion: 1\n"), ContainsSubstring("second document"));
  CHECK_THAT(ErrorOf("version: 1\nallow: &a [*a]\n"), ContainsSubstring("a map of keys"));
  std::string bomb = "version: 1\nallow:\n  - &a0 {name: x, kind: file}\n";
  for (int i = 1; i < 40; ++i) {
    bomb += "  - &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + ", *a" +
            std::to_string(i - 1) + "]\n";
  }
  CHECK_THAT(ErrorOf(bomb), ContainsSubstring("a map of keys"));
}

TEST_CASE("a file that cannot be read is the input's fault") {
  CHECK(ReadRules("/nonexistent/r.yaml").status().code() == absl::StatusCode::kNotFound);
  CHECK(ReadRules("/tmp").status().code() == absl::StatusCode::kNotFound);
  CHECK(ReadRules("/dev/zero").status().code() == absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace fdorigin::check
