// Patterns for names that have parts: the classes and packages of Java, and paths.
//
// Who uses it: the rules of `check`. `*` stands for any characters within a part, `**` for any
// characters at all, `?` for one character within a part, `\` takes the character after it as it
// is. `**` that is a part of its own may also be no part: /srv/**/x matches /srv/x.
#ifndef FDORIGIN_CLI_CHECK_GLOB_H_
#define FDORIGIN_CLI_CHECK_GLOB_H_

#include <string>
#include <string_view>
#include <vector>

namespace fdorigin::check {

class Glob {
 public:
  // `separator` stands between parts: a dot, a slash.
  Glob(std::string_view pattern, char separator);

  // Whether all of `text` matches. Takes time in proportion to both lengths, whatever they are.
  bool Matches(std::string_view text) const;

 private:
  enum class Step { kCharacter, kAnyCharacter, kAnyInPart, kAny, kEnterParts, kParts };
  struct Token {
    Step step;
    std::string character;  // of kCharacter, in UTF-8
  };

  void Parse(std::string_view pattern);
  // Adds `state`, and those that are reached from it without a character, to `states`.
  void Enter(size_t state, std::vector<bool>* states) const;

  char separator_;
  std::vector<Token> tokens_;
};

}  // namespace fdorigin::check

#endif  // FDORIGIN_CLI_CHECK_GLOB_H_
