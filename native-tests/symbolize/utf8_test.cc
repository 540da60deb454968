// The expected bytes are those of the Unicode standard and of the JVM specification, 4.4.7.
#include "symbolize/utf8.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>

namespace fdorigin {
namespace {

using namespace std::string_view_literals;

constexpr auto kBad = "\xef\xbf\xbd"sv;  // U+FFFD

std::string Times(std::string_view text, int n) {
  std::string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

TEST_CASE("UTF-8 stays what it is") {
  for (const auto text :
       {""sv, "open"sv,
        "gr\xc3\xb6\xc3\x9f"
        "e"sv,
        "\xe2\x82\xac"sv, "\xef\xbf\xbf"sv, "\xf0\x9d\x92\xb3"sv, "\xf4\x8f\xbf\xbf"sv, "a\0b"sv}) {
    CHECK(ToUtf8(text) == text);
  }
}

TEST_CASE("modified UTF-8 becomes UTF-8") {
  CHECK(ToUtf8("a\xc0\x80z"sv) == "a\0z"sv);
  // U+1D4B3, U+10000 and U+10FFFF as surrogate pairs.
  CHECK(ToUtf8("\xed\xa0\xb5\xed\xb2\xb3"sv) == "\xf0\x9d\x92\xb3"sv);
  CHECK(ToUtf8("\xed\xa0\x80\xed\xb0\x80"sv) == "\xf0\x90\x80\x80"sv);
  CHECK(ToUtf8("<\xed\xaf\xbf\xed\xbf\xbf>"sv) == "<\xf4\x8f\xbf\xbf>"sv);
}

TEST_CASE("what is no character becomes U+FFFD and costs nothing around it") {
  CHECK(ToUtf8("a\x80z"sv) == "a" + Times(kBad, 1) + "z");
  CHECK(ToUtf8("\xff\xfe"sv) == Times(kBad, 2));
  CHECK(ToUtf8("\xc3"sv) == kBad);
  CHECK(ToUtf8("\xc3(\xc3\xb6"sv) == Times(kBad, 1) + "(\xc3\xb6");
  CHECK(ToUtf8("\xe2\x82"sv) == Times(kBad, 2));
  CHECK(ToUtf8("\xc1\x81"sv) == Times(kBad, 2));          // overlong
  CHECK(ToUtf8("\xe0\x80\xaf"sv) == Times(kBad, 3));      // overlong
  CHECK(ToUtf8("\xf0\x80\x80\xaf"sv) == Times(kBad, 4));  // overlong
  CHECK(ToUtf8("\xf4\x90\x80\x80"sv) == Times(kBad, 4));  // beyond U+10FFFF
  // Lone surrogates: high, low, high before a letter, low before high.
  CHECK(ToUtf8("\xed\xa0\xb5"sv) == kBad);
  CHECK(ToUtf8("\xed\xb2\xb3"sv) == kBad);
  CHECK(ToUtf8("\xed\xa0\xb5x"sv) == Times(kBad, 1) + "x");
  CHECK(ToUtf8("\xed\xb2\xb3\xed\xa0\xb5"sv) == Times(kBad, 2));
  CHECK(ToUtf8("\xed\xa0\xb5\xed\xa0\xb5\xed\xb2\xb3"sv) == Times(kBad, 1) + "\xf0\x9d\x92\xb3");
}

}  // namespace
}  // namespace fdorigin
