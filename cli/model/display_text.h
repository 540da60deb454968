// Text out of a report, made harmless for a terminal, a log or a table: nothing in it moves the
// cursor, changes colours, breaks the line, or shows letters in another order than they have.
//
// Who uses it: everything that shows a report's text to a person.
#ifndef FDORIGIN_CLI_MODEL_DISPLAY_TEXT_H_
#define FDORIGIN_CLI_MODEL_DISPLAY_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace fdorigin {

// `text` is UTF-8. Control characters (C0, DEL, C1), line and paragraph separators, those that
// control direction (Unicode's Bidi_Control) and invisible ones (zero width, byte order mark, tags)
// come as \xHH or \u{HHHH}; bytes that are no UTF-8 as \xHH.
std::string DisplayText(std::string_view text);

// The last part of a path.
inline std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Columns of a terminal that `text`, of DisplayText, takes: 2 for East Asian wide characters, 0 for
// combining ones.
size_t DisplayWidth(std::string_view text);

// `text` cut to `width` columns, with an ellipsis where something is lost: at the end, or, for
// paths, where what is last tells most, at the front.
std::string CutEnd(std::string_view text, size_t width);
std::string CutFront(std::string_view text, size_t width);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_MODEL_DISPLAY_TEXT_H_
