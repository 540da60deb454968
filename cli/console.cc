#include "console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace fdorigin {
namespace {

constexpr std::string_view kRed = "\033[31m";
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kPlain = "\033[0m";

bool UsesColor(std::string_view wish, int fd) {
  if (wish != "auto") return wish == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return (no_color == nullptr || *no_color == '\0') && isatty(fd) != 0 && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

void Write(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    text.remove_prefix(static_cast<size_t>(size));
  }
}

std::string Line(std::string_view color, std::string_view prefix, std::string_view text) {
  std::string line(color);
  line.append(prefix);
  if (!color.empty()) line.append(kPlain);
  line.append(text).append("\n");
  return line;
}

}  // namespace

Console::Console(std::string_view color) : color_on_stderr_(UsesColor(color, STDERR_FILENO)) {}

void Console::Answer(std::string_view line) const { Write(STDOUT_FILENO, Line("", "", line)); }

void Console::Note(std::string_view line) const {
  Write(STDERR_FILENO, Line(color_on_stderr_ ? kDim : "", "fdorigin: ", line));
}

void Console::Error(std::string_view line) const {
  Write(STDERR_FILENO, Line(color_on_stderr_ ? kRed : "", "fdorigin: ", line));
}

ExitStatus Console::Fail(const absl::Status& status) const {
  Error(std::string(status.message()));
  return ExitStatusOf(status);
}

}  // namespace fdorigin
