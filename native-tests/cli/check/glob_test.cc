// Patterns for names with parts.
#include "check/glob.h"

#include <string>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin::check {
namespace {

bool Matches(const std::string& pattern, const std::string& text, char separator = '.') {
  return Glob(pattern, separator).Matches(text);
}

TEST_CASE("a glob without stars is the name itself") {
  CHECK(Matches("com.example.Harbor", "com.example.Harbor"));
  CHECK_FALSE(Matches("com.example.Harbor", "com.example.Harbors"));
  CHECK_FALSE(Matches("com.example.Harbor", "com.example.Harbo"));
  CHECK_FALSE(Matches("com.example.Harbor", ""));
  CHECK(Matches("", ""));
}

TEST_CASE("one star stays within a part, two cross them") {
  CHECK(Matches("com.example.*", "com.example.Harbor"));
  CHECK_FALSE(Matches("com.example.*", "com.example.pier.Berth"));
  CHECK(Matches("com.example.**", "com.example.pier.Berth"));
  CHECK(Matches("com.example.**", "com.example.Harbor"));
  CHECK_FALSE(Matches("com.example.**", "com.examples.Harbor"));
  CHECK(Matches("**.Harbor", "com.example.Harbor"));
  CHECK(Matches("com.*.Harbor", "com.example.Harbor"));
  CHECK(Matches("/var/log/*.log", "/var/log/a.b.log", '/'));
  CHECK_FALSE(Matches("/var/log/*.log", "/var/log/a/b.log", '/'));
  CHECK(Matches("/var/**.log", "/var/log/a/b.log", '/'));
}

TEST_CASE("two stars that are a part may be no part, and never half a name") {
  CHECK(Matches("/srv/**/x", "/srv/x", '/'));
  CHECK(Matches("/srv/**/x", "/srv/a/b/x", '/'));
  CHECK_FALSE(Matches("/srv/**/x", "/srv/ax", '/'));
  CHECK_FALSE(Matches("/srv/**/x", "/srvx", '/'));
  CHECK(Matches("**.Harbor", "Harbor"));
  CHECK_FALSE(Matches("**.Harbor", "NoHarbor"));
}

TEST_CASE("a question mark is one character, however many bytes it has") {
  CHECK(Matches("Harb?r", "Harb\xc3\xb6r"));
  CHECK_FALSE(Matches("Harb?r", "Harbr"));
  CHECK_FALSE(Matches("a?b", "a.b"));
}

TEST_CASE("a backslash takes the next character as it is") {
  CHECK(Matches("a\\*", "a*"));
  CHECK_FALSE(Matches("a\\*", "ab"));
  CHECK(Matches("a\\\\", "a\\"));
}

TEST_CASE("a pattern of many stars takes no longer than its length says") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  // Backtracking would not end in a lifetime.
  CHECK_FALSE(Matches(pattern + "b", std::string(2000, 'a')));
}

}  // namespace
}  // namespace fdorigin::check
