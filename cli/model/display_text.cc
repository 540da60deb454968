#include "model/display_text.h"

#include <clocale>
#include <cstdio>
#include <cwchar>
#include <string>
#include <string_view>

namespace fdorigin {
namespace {

constexpr std::string_view kEllipsis = "…";

// The character that begins at `position`, and its bytes; of what is no UTF-8, one byte and
// kNoCharacter.
constexpr char32_t kNoCharacter = 0xffffffff;
struct Character {
  char32_t code;
  size_t size;
};

Character CharacterAt(std::string_view text, size_t position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t size = first >= 0xf0 && first < 0xf5   ? 4
                      : first >= 0xe0 && first < 0xf0 ? 3
                      : first >= 0xc2 && first < 0xe0 ? 2
                                                      : 1;
  if (size == 1 || position + size > text.size()) return {kNoCharacter, 1};
  char32_t code = first & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0u) != 0x80) return {kNoCharacter, 1};
    code = (code << 6) | (byte(i) & 0x3fu);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool impossible = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff;
  if (overlong || impossible) return {kNoCharacter, 1};
  return {code, size};
}

// Characters that change what stands around them, or that nobody sees: Unicode's Bidi_Control and
// Default_Ignorable_Code_Point (Unicode Standard, DerivedCoreProperties.txt), and the separators
// that some viewers break lines at.
bool IsTreacherous(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x34f ||
         code == 0x61c || code == 0x115f || code == 0x1160 || code == 0x17b4 || code == 0x17b5 ||
         (code >= 0x180b && code <= 0x180f) || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
         code == 0x3164 || (code >= 0xfe00 && code <= 0xfe0f) || code == 0xfeff || code == 0xffa0 ||
         (code >= 0xfff0 && code <= 0xfffb) || (code >= 0x1bca0 && code <= 0x1bca3) ||
         (code >= 0x1d173 && code <= 0x1d17a) || (code >= 0xe0000 && code <= 0xe0fff);
}

size_t WidthOf(char32_t code) {
  // The command never sets a locale, so that piped output is the same everywhere; widths are asked
  // of the one locale that every glibc has.
  static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (code < 0x80 || utf8 == nullptr) return 1;
  const locale_t before = uselocale(utf8);
  const int width = wcwidth(static_cast<wchar_t>(code));
  uselocale(before);
  return width < 0 ? 1 : static_cast<size_t>(width);
}

}  // namespace

std::string DisplayText(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  char escape[16];
  for (size_t i = 0; i < text.size();) {
    const Character character = CharacterAt(text, i);
    if (character.code == kNoCharacter ||
        (character.code < 0xa0 && IsTreacherous(character.code))) {
      const unsigned value = character.code == kNoCharacter ? static_cast<unsigned char>(text[i])
                                                            : static_cast<unsigned>(character.code);
      std::snprintf(escape, sizeof(escape), "\\x%02x", value);
      result.append(escape);
    } else if (IsTreacherous(character.code)) {
      std::snprintf(escape, sizeof(escape), "\\u{%x}", static_cast<unsigned>(character.code));
      result.append(escape);
    } else {
      result.append(text.substr(i, character.size));
    }
    i += character.size;
  }
  return result;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    const Character character = CharacterAt(text, i);
    width += character.code == kNoCharacter ? 1 : WidthOf(character.code);
    i += character.size;
  }
  return width;
}

std::string CutEnd(std::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return {};
  size_t taken = 0;
  size_t i = 0;
  while (i < text.size()) {
    const Character character = CharacterAt(text, i);
    const size_t more = character.code == kNoCharacter ? 1 : WidthOf(character.code);
    if (taken + more > width - 1) break;
    taken += more;
    i += character.size;
  }
  return std::string(text.substr(0, i)).append(kEllipsis);
}

std::string CutFront(std::string_view text, size_t width) {
  size_t left = DisplayWidth(text);
  if (left <= width) return std::string(text);
  if (width == 0) return {};
  size_t i = 0;
  while (i < text.size() && left > width - 1) {
    const Character character = CharacterAt(text, i);
    left -= character.code == kNoCharacter ? 1 : WidthOf(character.code);
    i += character.size;
  }
  return std::string(kEllipsis).append(text.substr(i));
}

}  // namespace fdorigin
