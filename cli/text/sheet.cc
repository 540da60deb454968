#include "text/sheet.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/display_text.h"

namespace fdorigin {
namespace {

constexpr std::string_view kEnd = "\033[0m";

std::string_view Begin(Ink ink) {
  switch (ink) {
    case Ink::kPlain:
      return "";
    case Ink::kBold:
      return "\033[1m";
    case Ink::kDim:
      return "\033[2m";
    case Ink::kRed:
      return "\033[31m";
    case Ink::kGreen:
      return "\033[32m";
    case Ink::kYellow:
      return "\033[33m";
    case Ink::kCyan:
      return "\033[36m";
  }
  return "";
}

// A word, or the blanks between two.
struct Token {
  std::string_view text;
  Ink ink;
  bool blank;
};

std::vector<Token> TokensOf(const InkedText& words) {
  std::vector<Token> tokens;
  for (const Inked& inked : words) {
    std::string_view rest = inked.text;
    while (!rest.empty()) {
      const bool blank = rest[0] == ' ';
      const size_t size =
          std::min(blank ? rest.find_first_not_of(' ') : rest.find(' '), rest.size());
      tokens.push_back({rest.substr(0, size), inked.ink, blank});
      rest.remove_prefix(size);
    }
  }
  return tokens;
}

// How many bytes of `text`, which is wider than `room`, go on this line: up to the last dot, slash
// or the like in the second half of the room, else as many as fit.
size_t BreakInside(std::string_view text, size_t room) {
  const std::string fits = CutEnd(text, room + 1);
  // All but the ellipsis, which takes three bytes.
  const size_t most = std::max<size_t>(fits.size() - 3, 1);
  const size_t good = text.substr(0, most).find_last_of("./,:;$@&=_-");
  return good != std::string_view::npos && good + 1 > most / 2 ? good + 1 : most;
}

}  // namespace

void Sheet::Append(std::string_view text, Ink ink) {
  if (!colored_ || ink == Ink::kPlain || text.empty()) {
    text_.append(text);
    return;
  }
  text_.append(Begin(ink)).append(text).append(kEnd);
}

void Sheet::Paragraph(size_t indent, size_t hang, const InkedText& words) {
  text_.append(indent, ' ');
  size_t column = indent;
  bool at_start = true;  // of a line: nothing but its indentation is there
  std::string_view blanks;
  const auto break_line = [&] {
    text_.push_back('\n');
    text_.append(hang, ' ');
    column = hang;
    at_start = true;
    blanks = {};
  };
  const std::vector<Token> tokens = TokensOf(words);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].blank) {
      if (i == 0) {
        text_.append(tokens[i].text);
        column += tokens[i].text.size();
      } else if (!at_start) {
        blanks = tokens[i].text;
      }
      continue;
    }
    // What follows without a blank, in another colour, belongs to the word.
    size_t width = 0;
    for (size_t j = i; j < tokens.size() && !tokens[j].blank; ++j) {
      width += DisplayWidth(tokens[j].text);
    }
    const bool continues = i > 0 && !tokens[i - 1].blank;
    if (!continues && !at_start && column + blanks.size() + width > width_) break_line();
    text_.append(blanks);
    column += blanks.size();
    blanks = {};
    std::string_view rest = tokens[i].text;
    while (column + DisplayWidth(rest) > width_ && width_ > hang + 8) {
      if (column + 8 > width_ && !at_start) {
        break_line();
        continue;
      }
      const size_t size = BreakInside(rest, width_ - column);
      Append(rest.substr(0, size), tokens[i].ink);
      rest.remove_prefix(size);
      break_line();
    }
    Append(rest, tokens[i].ink);
    column += DisplayWidth(rest);
    at_start = false;
  }
  text_.push_back('\n');
}

void Sheet::Item(std::string_view label, const InkedText& words) {
  std::string padded(label);
  padded.resize(std::max(padded.size() + 1, kTextColumn - kLabelColumn), ' ');
  text_.append(kLabelColumn, ' ');
  Append(padded, Ink::kDim);
  // The label is on the line already.
  Sheet rest(width_, colored_);
  rest.Paragraph(kTextColumn, kTextColumn, words);
  text_.append(std::string_view(rest.str()).substr(kTextColumn));
}

}  // namespace fdorigin
