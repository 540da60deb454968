#include "report/json_text.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "report/text.h"

namespace fdorigin {
namespace {

// By character: whether it stands for itself between quotes, and is a whole one.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain = {};
  for (int c = 0x20; c < 0x80; ++c) plain[static_cast<size_t>(c)] = c != '"' && c != '\\';
  return plain;
}();

// As it is written between quotes.
std::string Escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
  constexpr std::string_view kNames = "\"\\bfnrt";
  std::string escaped;
  for (const char c : text) {
    const auto code = static_cast<uint8_t>(c);
    if (const size_t at = kNamed.find(c); at != std::string_view::npos) {
      escaped += '\\';
      escaped += kNames[at];
    } else if (code < 0x20) {
      escaped += "\\u00";
      escaped += kHex[code >> 4];
      escaped += kHex[code & 0xf];
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace

void JsonText::Flush() {
  text_->append(buffer_, used_);
  used_ = 0;
}

void JsonText::Append(std::string_view bytes) {
  if (bytes.size() > sizeof(buffer_)) {
    Flush();
    text_->append(bytes);
    return;
  }
  std::memcpy(Room(bytes.size()), bytes.data(), bytes.size());
  used_ += bytes.size();
}

void JsonText::BreakLine() {
  constexpr std::string_view kBlanks = "                ";
  Append('\n');
  for (auto left = static_cast<size_t>(depth_); left > 0;) {
    const std::string_view some = kBlanks.substr(0, left);
    Append(some);
    left -= some.size();
  }
}

void JsonText::Place() {
  if (has_key_) {
    has_key_ = false;
    return;
  }
  if (!first_) Append(',');
  first_ = false;
  BreakLine();
}

void JsonText::Begin(char bracket) {
  Place();
  Append(bracket);
  ++depth_;
  first_ = true;
}

void JsonText::End(char bracket) {
  --depth_;
  if (!first_) BreakLine();
  Append(bracket);
  first_ = false;
}

void JsonText::Quote(std::string_view bytes) {
  size_t plain = 0;
  while (plain < bytes.size() && kPlain[static_cast<uint8_t>(bytes[plain])]) ++plain;
  Append('"');
  if (plain == bytes.size()) {
    Append(bytes);
  } else {
    Append(Escaped(EscapeToUtf8(bytes)));
  }
  Append('"');
}

JsonText& JsonText::Key(std::string_view key) {
  Place();
  Quote(key);
  Append(": ");
  has_key_ = true;
  return *this;
}

void JsonText::String(std::string_view bytes) {
  Place();
  Quote(bytes);
}

}  // namespace fdorigin
