#include "report/json_text.h"

#include <algorithm>
#include <cstdint>

#include "report/text.h"

namespace fdorigin {
namespace {

bool IsPlain(char c) { return static_cast<uint8_t>(c) >= 0x20 && c != '"' && c != '\\'; }

void AppendEscaped(char c, std::string* text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
  constexpr std::string_view kNames = "\"\\bfnrt";
  if (const size_t at = kNamed.find(c); at != std::string_view::npos) {
    *text += '\\';
    *text += kNames[at];
    return;
  }
  const auto code = static_cast<uint8_t>(c);
  *text += "\\u00";
  *text += kHex[code >> 4];
  *text += kHex[code & 0xf];
}

// `utf8` as it stands between the quotes of a string.
void AppendUtf8(std::string_view utf8, std::string* text) {
  while (!utf8.empty()) {
    const auto plain =
        static_cast<size_t>(std::find_if_not(utf8.begin(), utf8.end(), IsPlain) - utf8.begin());
    text->append(utf8.substr(0, plain));
    if (plain == utf8.size()) return;
    AppendEscaped(utf8[plain], text);
    utf8.remove_prefix(plain + 1);
  }
}

}  // namespace

void JsonText::Place() {
  if (has_key_) {
    has_key_ = false;
    return;
  }
  if (!first_) *text_ += ',';
  first_ = false;
  *text_ += '\n';
  text_->append(static_cast<size_t>(depth_), ' ');
}

void JsonText::Begin(char bracket) {
  Place();
  *text_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonText::End(char bracket) {
  --depth_;
  if (!first_) {
    *text_ += '\n';
    text_->append(static_cast<size_t>(depth_), ' ');
  }
  *text_ += bracket;
  first_ = false;
}

void JsonText::Quote(std::string_view bytes) {
  *text_ += '"';
  if (IsAscii(bytes)) {
    AppendUtf8(bytes, text_);
  } else {
    AppendUtf8(EscapeToUtf8(bytes), text_);
  }
  *text_ += '"';
}

JsonText& JsonText::Key(std::string_view key) {
  Place();
  Quote(key);
  *text_ += ": ";
  has_key_ = true;
  return *this;
}

void JsonText::String(std::string_view bytes) {
  Place();
  Quote(bytes);
}

}  // namespace fdorigin
