#include "report/text.h"

#include <cerrno>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin {
namespace {

TEST_CASE("valid UTF-8 goes through unchanged") {
  CHECK(EscapeToUtf8("Grüße, 日本, 🜚") == "Grüße, 日本, 🜚");
}

TEST_CASE("a byte that belongs to no character becomes an escape and takes nothing with it") {
  CHECK(EscapeToUtf8("caf\xe9 2") == "caf\\xe9 2");
  CHECK(EscapeToUtf8("\xc3") == "\\xc3");
  CHECK(EscapeToUtf8("\xff\xfe") == "\\xff\\xfe");
  CHECK(EscapeToUtf8("\xc0\xaf") == "\\xc0\\xaf");                    // overlong '/'
  CHECK(EscapeToUtf8("\xf5\x80\x80\x80") == "\\xf5\\x80\\x80\\x80");  // above U+10FFFF
}

TEST_CASE("the JVM's surrogate pairs become the character they stand for") {
  // U+1F71A in Java's modified UTF-8.
  CHECK(EscapeToUtf8("\xed\xa0\xbd\xed\xbc\x9a") == "🜚");
  CHECK(EscapeToUtf8("\xed\xa0\xbd!") == "\\xed\\xa0\\xbd!");
}

TEST_CASE("printable text has neither control characters nor bare backslashes") {
  using namespace std::string_view_literals;
  CHECK(ToPrintable("a\n\0b\\"sv) == "a\\x0a\\x00b\\\\");
  CHECK(ToPrintable("ü") == "ü");
}

TEST_CASE("times are RFC 3339 in UTC with microseconds") {
  CHECK(FormatTime(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(FormatTime(1'709'208'000'123'456'789) == "2024-02-29T12:00:00.123456Z");
  CHECK(FormatTime(-1) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("a number is digits only, and has to fit") {
  uint64_t number = 0;
  CHECK(ParseNumber("18446744073709551615", &number));
  CHECK(number == UINT64_MAX);
  CHECK_FALSE(ParseNumber("18446744073709551616", &number));
  CHECK_FALSE(ParseNumber("", &number));
  CHECK_FALSE(ParseNumber("-1", &number));
  CHECK_FALSE(ParseNumber("1 ", &number));
}

}  // namespace
}  // namespace fdorigin
