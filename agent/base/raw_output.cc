#include "base/raw_output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace fdorigin {

void PrintLine(std::string_view text) {
  constexpr std::string_view kPrefix = "fdorigin: ";
  char line[1024];
  std::memcpy(line, kPrefix.data(), kPrefix.size());
  const size_t size = std::min(text.size(), size_t{1000});
  std::memcpy(line + kPrefix.size(), text.data(), size);
  line[kPrefix.size() + size] = '\n';
  PrintText({line, kPrefix.size() + size + 1});
}

void PrintText(std::string_view text) {
  const ErrnoKeeper keeper;
  WriteAll(STDERR_FILENO, text);  // a closed or full stderr is the application's own business
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = EIO;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace fdorigin
