// What a verb prints for a person: lines of a given width, with colours where they are wanted.
//
// Who uses it: the verbs that print more than a line. They put in text of DisplayText, and print
// str() in one piece.
#ifndef FDORIGIN_CLI_TEXT_SHEET_H_
#define FDORIGIN_CLI_TEXT_SHEET_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fdorigin {

enum class Ink { kPlain, kBold, kDim, kRed, kGreen, kYellow, kCyan };

// Text in one colour.
struct Inked {
  std::string text;
  Ink ink = Ink::kPlain;

  Inked(std::string words, Ink color = Ink::kPlain)  // NOLINT: text without a colour is plain
      : text(std::move(words)), ink(color) {}
  Inked(const char* words) : text(words) {}  // NOLINT
};

using InkedText = std::vector<Inked>;

class Sheet {
 public:
  // `width` in columns.
  Sheet(size_t width, bool colored) : width_(width), colored_(colored) {}

  // A paragraph, broken between words where it is wider than the sheet, and inside of those that
  // are wider themselves: after a dot or a slash, if it can be. `hang`: how far all lines but the
  // first are indented; the first is by `indent`.
  void Paragraph(size_t indent, size_t hang, const InkedText& words);

  // A labelled paragraph: "  label       text", its lines below each other.
  void Item(std::string_view label, const InkedText& words);
  // A paragraph where an item's text stands, that hangs two columns further.
  void More(const InkedText& words) { Paragraph(kTextColumn, kTextColumn + 2, words); }

  void BlankLine() { text_.push_back('\n'); }

  const std::string& str() const { return text_; }

  static constexpr size_t kLabelColumn = 2;
  static constexpr size_t kTextColumn = 12;

 private:
  void Append(std::string_view text, Ink ink);

  size_t width_;
  bool colored_;
  std::string text_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_TEXT_SHEET_H_
