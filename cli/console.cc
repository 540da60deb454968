#include "console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "write_all.h"

namespace fdorigin {
namespace {

constexpr std::string_view kRed = "\033[31m";
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kPlain = "\033[0m";

std::string_view ValueOf(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? std::string_view() : value;
}

bool UsesColor(std::string_view wish, int fd) {
  if (wish != "auto") return wish == "always";
  const std::string_view terminal = ValueOf("TERM");
  return ValueOf("NO_COLOR").empty() && isatty(fd) != 0 && !terminal.empty() && terminal != "dumb";
}

size_t WidthOfStdout() {
  constexpr size_t kNarrowest = 40;
  constexpr size_t kUsual = 80;
  constexpr size_t kWidest = 240;
  winsize size = {};
  size_t width = 0;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  if (width == 0) {
    const std::string_view columns = ValueOf("COLUMNS");
    std::from_chars(columns.data(), columns.data() + columns.size(), width);
  }
  return width == 0 ? kUsual : std::clamp(width, kNarrowest, kWidest);
}

std::string Line(std::string_view color, std::string_view prefix, std::string_view text) {
  std::string line(color);
  line.append(prefix);
  if (!color.empty()) line.append(kPlain);
  line.append(text).append("\n");
  return line;
}

}  // namespace

Console::Console(std::string_view color)
    : color_on_stdout_(UsesColor(color, STDOUT_FILENO)),
      color_on_stderr_(UsesColor(color, STDERR_FILENO)) {}

void Console::Answer(std::string_view line) const { WriteAll(STDOUT_FILENO, Line("", "", line)); }

void Console::Print(std::string_view text) const { WriteAll(STDOUT_FILENO, text); }

Sheet Console::NewSheet() const { return Sheet(WidthOfStdout(), color_on_stdout_); }

void Console::Note(std::string_view line) const {
  WriteAll(STDERR_FILENO, Line(color_on_stderr_ ? kDim : "", "fdorigin: ", line));
}

void Console::Error(std::string_view line) const {
  WriteAll(STDERR_FILENO, Line(color_on_stderr_ ? kRed : "", "fdorigin: ", line));
}

ExitStatus Console::Fail(const absl::Status& status) const {
  Error(std::string(status.message()));
  return ExitStatusOf(status);
}

}  // namespace fdorigin
