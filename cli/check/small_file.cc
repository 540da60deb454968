#include "check/small_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "fmt/format.h"

namespace fdorigin::check {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t most) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  std::string content;
  char block[1 << 16];
  size_t size = 0;
  while (file != nullptr && content.size() <= most &&
         (size = std::fread(block, 1, sizeof(block), file.get())) > 0) {
    content.append(block, size);
  }
  if (file == nullptr || std::ferror(file.get()) != 0) {
    return absl::NotFoundError(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  if (content.size() > most) {
    return absl::DataLossError(fmt::format("{} is larger than {} bytes", path, most));
  }
  return content;
}

}  // namespace fdorigin::check
