// Small conversions that everything in the report uses: bytes to UTF-8, times, errno.
//
// Who calls it: the rest of agent/report/. Cold, any thread, no state.
#ifndef FDORIGIN_AGENT_REPORT_TEXT_H_
#define FDORIGIN_AGENT_REPORT_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace fdorigin {

// `bytes` as valid UTF-8. What the JVM writes as a surrogate pair (its modified UTF-8) becomes the
// one character it stands for; a byte that belongs to no character becomes "\xHH". Control
// characters stay, since JSON can carry them.
std::string EscapeToUtf8(std::string_view bytes);

// The same, and control characters and backslashes are escaped too ("\x0a", "\\"): for names of
// sockets, where the result has to be one printable word that can be turned back.
std::string ToPrintable(std::string_view bytes);

// "2025-03-01T12:00:00.123456Z" for nanoseconds since 1970.
std::string FormatTime(int64_t realtime_ns);

// "No such file or directory"
std::string ErrnoText(int error);

// The whole content of a small file of /proc; "" where it cannot be read. errno tells why.
std::string ReadSmallFile(const std::string& path);

// `text` as a decimal number; false where anything else is in it, or it does not fit.
bool ParseNumber(std::string_view text, uint64_t* number);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_TEXT_H_
