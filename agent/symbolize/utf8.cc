#include "symbolize/utf8.h"

#include <cstddef>
#include <cstdint>

namespace fdorigin {
namespace {

constexpr uint32_t kReplacement = 0xfffd;

struct Decoded {
  uint32_t code;
  size_t bytes;  // how many were read; 0 where there is no sequence
};

bool IsHighSurrogate(uint32_t code) { return code >= 0xd800 && code <= 0xdbff; }
bool IsLowSurrogate(uint32_t code) { return code >= 0xdc00 && code <= 0xdfff; }

// The sequence at the start of `text`, which is not empty. Surrogates are let through.
Decoded DecodeOne(std::string_view text) {
  const auto byte = [text](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(text[i]));
  };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first == 0xc0 && text.size() > 1 && byte(1) == 0x80) return {0, 2};

  size_t bytes = 0;
  uint32_t least = 0;  // smaller codes have a shorter sequence
  uint32_t code = 0;
  if (first >= 0xc2 && first <= 0xdf) {
    bytes = 2;
    least = 0x80;
    code = first & 0x1f;
  } else if (first >= 0xe0 && first <= 0xef) {
    bytes = 3;
    least = 0x800;
    code = first & 0x0f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    bytes = 4;
    least = 0x10000;
    code = first & 0x07;
  } else {
    return {0, 0};
  }
  if (text.size() < bytes) return {0, 0};
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    code = code << 6 | (byte(i) & 0x3f);
  }
  if (code < least || code > 0x10ffff) return {0, 0};
  return {code, bytes};
}

void Append(uint32_t code, std::string* text) {
  const auto put = [text](uint32_t byte) { *text += static_cast<char>(byte); };
  const auto put_tail = [put](uint32_t bits) { put(0x80 | (bits & 0x3f)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put_tail(code);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put_tail(code >> 6);
    put_tail(code);
  } else {
    put(0xf0 | code >> 18);
    put_tail(code >> 12);
    put_tail(code >> 6);
    put_tail(code);
  }
}

}  // namespace

std::string ToUtf8(std::string_view text) {
  std::string utf8;
  utf8.reserve(text.size());
  while (!text.empty()) {
    Decoded one = DecodeOne(text);
    if (one.bytes == 0) {
      one = {kReplacement, 1};
    } else if (IsLowSurrogate(one.code)) {
      one.code = kReplacement;
    } else if (IsHighSurrogate(one.code)) {
      const std::string_view rest = text.substr(one.bytes);
      const Decoded low = rest.empty() ? Decoded{0, 0} : DecodeOne(rest);
      if (IsLowSurrogate(low.code)) {
        one = {0x10000 + ((one.code - 0xd800) << 10) + (low.code - 0xdc00), one.bytes + low.bytes};
      } else {
        one.code = kReplacement;
      }
    }
    Append(one.code, &utf8);
    text.remove_prefix(one.bytes);
  }
  return utf8;
}

}  // namespace fdorigin
