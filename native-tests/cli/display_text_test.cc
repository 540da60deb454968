// What is shown to a person is what is there, and can do nothing.
#include "model/display_text.h"

#include <string>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin {
namespace {

TEST_CASE("what commands a terminal is shown, not done") {
  CHECK(DisplayText("\x1b[31mred\x07\r\n") == "\\x1b[31mred\\x07\\x0d\\x0a");
  CHECK(DisplayText("\xc2\x9b"
                    "31m") == "\\x9b31m");
  CHECK(DisplayText("\x7f") == "\\x7f");
}

TEST_CASE("what turns text round or hides in it is shown") {
  CHECK(DisplayText("a\u202egpj.exe") == "a\\u{202e}gpj.exe");
  CHECK(DisplayText("\u2066x\u2069") == "\\u{2066}x\\u{2069}");
  CHECK(DisplayText("pay\u200bpal") == "pay\\u{200b}pal");
  CHECK(DisplayText("\ufeff\u2028") == "\\u{feff}\\u{2028}");
  CHECK(DisplayText("\U000e0041") == "\\u{e0041}");
}

TEST_CASE("letters of every script stay as they are") {
  const std::string text = "Größe 日本語 ελληνικά 🛳 é";
  CHECK(DisplayText(text) == text);
}

TEST_CASE("bytes that are no UTF-8 are shown one by one") {
  CHECK(DisplayText("\xff\xc0\xaf") == "\\xff\\xc0\\xaf");
  CHECK(DisplayText("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  CHECK(DisplayText("\xe6\x97") == "\\xe6\\x97");
}

TEST_CASE("widths are those of a terminal") {
  CHECK(DisplayWidth("abc") == 3);
  CHECK(DisplayWidth("日本") == 4);
  CHECK(DisplayWidth("e\u0301") == 1);
}

TEST_CASE("text is cut to its columns") {
  CHECK(CutEnd("abcdef", 6) == "abcdef");
  CHECK(CutEnd("abcdefg", 6) == "abcde…");
  CHECK(CutEnd("日本語", 4) == "日…");
  CHECK(CutFront("/a/long/path", 6) == "…/path");
  CHECK(CutFront("日本語", 4) == "…語");
  CHECK(CutEnd("abc", 0).empty());
}

}  // namespace
}  // namespace fdorigin
