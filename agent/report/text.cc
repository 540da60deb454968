#include "report/text.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "base/spare_descriptors.h"

namespace fdorigin {
namespace {

// The length of the well-formed UTF-8 sequence at the start of `s`, 0 where there is none.
size_t SequenceLength(std::string_view s, uint32_t* code_point) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(s[i])); };
  const uint32_t first = byte(0);
  if (first < 0x80) {
    *code_point = first;
    return 1;
  }
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc0 || first > 0xf7 || s.size() < length) return 0;
  uint32_t value = first & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLowest[length] || value > 0x10ffff) return 0;
  *code_point = value;  // surrogates included: the caller joins or refuses them
  return length;
}

void AppendEscaped(char byte, std::string* out) {
  char text[8];
  std::snprintf(text, sizeof(text), "\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(byte)));
  *out += text;
}

void AppendUtf8(uint32_t code_point, std::string* out) {
  *out += static_cast<char>(0xf0 | code_point >> 18);
  *out += static_cast<char>(0x80 | (code_point >> 12 & 0x3f));
  *out += static_cast<char>(0x80 | (code_point >> 6 & 0x3f));
  *out += static_cast<char>(0x80 | (code_point & 0x3f));
}

std::string Convert(std::string_view s, bool printable) {
  std::string out;
  out.reserve(s.size());
  while (!s.empty()) {
    uint32_t code_point = 0;
    const size_t length = SequenceLength(s, &code_point);
    const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    if (length == 0 || surrogate) {
      uint32_t low = 0;
      if (length == 3 && code_point <= 0xdbff && s.size() >= 6 &&
          SequenceLength(s.substr(3), &low) == 3 && low >= 0xdc00 && low <= 0xdfff) {
        AppendUtf8(0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00), &out);
        s.remove_prefix(6);
        continue;
      }
      AppendEscaped(s.front(), &out);
      s.remove_prefix(1);
      continue;
    }
    if (printable && (code_point < 0x20 || code_point == 0x7f)) {
      AppendEscaped(s.front(), &out);
    } else if (printable && code_point == '\\') {
      out += "\\\\";
    } else {
      out += s.substr(0, length);
    }
    s.remove_prefix(length);
  }
  return out;
}

std::string ReadWhole(const std::string& path) {
  std::string content;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return content;
  char buffer[4096];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got > 0) {
      content.append(buffer, static_cast<size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      break;
    }
  }
  const int error = errno;
  close(fd);
  errno = error;
  return content;
}

}  // namespace

std::string EscapeToUtf8(std::string_view bytes) {
  const auto is_ascii = [](char c) { return static_cast<uint8_t>(c) < 0x80; };
  if (std::all_of(bytes.begin(), bytes.end(), is_ascii)) return std::string(bytes);
  return Convert(bytes, /*printable=*/false);
}

std::string ToPrintable(std::string_view bytes) { return Convert(bytes, /*printable=*/true); }

std::string FormatTime(int64_t realtime_ns) {
  using std::chrono::floor;
  using std::chrono::microseconds;
  const std::chrono::sys_time<microseconds> time(
      floor<microseconds>(std::chrono::nanoseconds(realtime_ns)));
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text = "0000-00-00T00:00:00.000000Z";
  const auto put = [&text](size_t end, int64_t number) {
    for (; number > 0; number /= 10) text[--end] = static_cast<char>('0' + number % 10);
  };
  put(4, static_cast<int>(date.year()));
  put(7, static_cast<unsigned>(date.month()));
  put(10, static_cast<unsigned>(date.day()));
  put(13, clock.hours().count());
  put(16, clock.minutes().count());
  put(19, clock.seconds().count());
  put(26, clock.subseconds().count());
  return text;
}

std::string ErrnoText(int error) {
  char buffer[128];
  return strerror_r(error, buffer, sizeof(buffer));  // the GNU one: returns the text
}

std::string ReadSmallFile(const std::string& path) {
  std::string content;
  WithSpareDescriptors([&](Table) { content = ReadWhole(path); });
  return content;
}

bool ParseNumber(std::string_view text, uint64_t* number) {
  if (text.empty()) return false;
  const char* end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, *number);
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace fdorigin
