// Text from outside, as the UTF-8 that a report can hold.
//
// Who calls it: the symbolizers. Cold.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_UTF8_H_
#define FDORIGIN_AGENT_SYMBOLIZE_UTF8_H_

#include <string>
#include <string_view>

namespace fdorigin {

// `text` is the JVM's modified UTF-8 (a supplementary character is a surrogate pair of two times
// three bytes, NUL is C0 80), or UTF-8, or bytes that ought to be either, like a file name. The
// result is valid UTF-8: U+FFFD stands for a lone surrogate and for each byte that means nothing.
std::string ToUtf8(std::string_view text);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_UTF8_H_
