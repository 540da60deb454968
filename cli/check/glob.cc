#include "check/glob.h"

#include <string>
#include <string_view>
#include <vector>

namespace fdorigin::check {
namespace {

// The bytes of the character that `text` begins with.
std::string_view FirstCharacter(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0u) == 0x80) ++size;
  return text.substr(0, size);
}

}  // namespace

Glob::Glob(std::string_view pattern, char separator) : separator_(separator) { Parse(pattern); }

void Glob::Parse(std::string_view pattern) {
  bool at_part = true;  // a part begins here
  while (!pattern.empty()) {
    const bool began_part = at_part;
    at_part = false;
    if (pattern.starts_with("**")) {
      pattern.remove_prefix(2);
      if (began_part && pattern.starts_with(separator_)) {
        pattern.remove_prefix(1);
        tokens_.push_back({Step::kEnterParts, {}});
        tokens_.push_back({Step::kParts, {}});
        at_part = true;
      } else {
        tokens_.push_back({Step::kAny, {}});
      }
      continue;
    }
    if (pattern[0] == '*' || pattern[0] == '?') {
      tokens_.push_back({pattern[0] == '*' ? Step::kAnyInPart : Step::kAnyCharacter, {}});
      pattern.remove_prefix(1);
      continue;
    }
    if (pattern[0] == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
    const std::string_view character = FirstCharacter(pattern);
    tokens_.push_back({Step::kCharacter, std::string(character)});
    at_part = character[0] == separator_;
    pattern.remove_prefix(character.size());
  }
}

void Glob::Enter(size_t state, std::vector<bool>* states) const {
  for (; !(*states)[state]; ++state) {
    (*states)[state] = true;
    if (state == tokens_.size()) return;
    const Step step = tokens_[state].step;
    if (step == Step::kEnterParts) Enter(state + 2, states);
    if (step != Step::kAny && step != Step::kAnyInPart && step != Step::kEnterParts) return;
  }
}

bool Glob::Matches(std::string_view text) const {
  std::vector<bool> states(tokens_.size() + 1);
  Enter(0, &states);
  while (!text.empty()) {
    const std::string_view character = FirstCharacter(text);
    text.remove_prefix(character.size());
    const bool is_separator = character[0] == separator_;
    std::vector<bool> next(states.size());
    for (size_t state = 0; state < tokens_.size(); ++state) {
      if (!states[state]) continue;
      const Token& token = tokens_[state];
      switch (token.step) {
        case Step::kCharacter:
          if (token.character == character) Enter(state + 1, &next);
          break;
        case Step::kAnyCharacter:
          if (!is_separator) Enter(state + 1, &next);
          break;
        case Step::kAnyInPart:
          if (!is_separator) Enter(state, &next);
          break;
        case Step::kAny:
          Enter(state, &next);
          break;
        case Step::kEnterParts:
          break;
        case Step::kParts:
          Enter(state, &next);
          if (is_separator) Enter(state + 1, &next);
          break;
      }
    }
    states.swap(next);
  }
  return states.back();
}

}  // namespace fdorigin::check
