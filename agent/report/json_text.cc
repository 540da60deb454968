#include "report/json_text.h"

#include <array>
#include <cstdint>

#include "report/text.h"

namespace fdorigin {
namespace {

// By character: whether it stands for itself between quotes, and is a whole one.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain = {};
  for (int c = 0x20; c < 0x80; ++c) plain[static_cast<size_t>(c)] = c != '"' && c != '\\';
  return plain;
}();

void AppendEscaped(char c, std::string* text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
  constexpr std::string_view kNames = "\"\\bfnrt";
  const auto code = static_cast<uint8_t>(c);
  if (const size_t at = kNamed.find(c); at != std::string_view::npos) {
    *text += '\\';
    *text += kNames[at];
  } else if (code < 0x20) {
    *text += "\\u00";
    *text += kHex[code >> 4];
    *text += kHex[code & 0xf];
  } else {
    *text += c;
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
  size_t plain = 0;
  while (plain < bytes.size() && kPlain[static_cast<uint8_t>(bytes[plain])]) ++plain;
  *text_ += '"';
  if (plain == bytes.size()) {
    text_->append(bytes);
  } else {
    for (const char c : EscapeToUtf8(bytes)) AppendEscaped(c, text_);
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
