#include "output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "target_process.h"
#include "write_all.h"

namespace fdorigin {
namespace {

absl::Status CannotWrite(const std::string& path) {
  return absl::InvalidArgumentError("cannot write " + path + ": " + std::strerror(errno));
}

// /dev/null, /dev/stdout, a named pipe: written to, and never replaced by a file.
bool IsDeviceOrPipe(const struct stat& status) {
  return !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

}  // namespace

void OutputFile::AddTo(CLI::App* verb, const std::string& what) {
  verb->add_option("-o,--output", path, what);
  verb->add_flag("-f,--overwrite", overwrite, "Overwrite the file of -o");
}

absl::Status OutputFile::Check() const {
  struct stat status;
  if (!is_file() || overwrite) return absl::OkStatus();
  if (stat(path.c_str(), &status) != 0 || IsDeviceOrPipe(status)) return absl::OkStatus();
  return absl::AlreadyExistsError(path + " exists; -f overwrites it");
}

// A file comes under a temporary name beside it, which is renamed.
absl::Status OutputFile::Write(std::string_view content) const {
  if (!is_file()) {
    if (WriteAll(STDOUT_FILENO, content) || errno == EPIPE) return absl::OkStatus();
    return CannotWrite("standard output");
  }
  struct stat there;
  if (stat(path.c_str(), &there) == 0 && IsDeviceOrPipe(there)) {
    const OwnedFd target(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return target.is_open() && WriteAll(target.get(), content) ? absl::OkStatus()
                                                               : CannotWrite(path);
  }
  const std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
  {
    const OwnedFd file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!file.is_open()) return CannotWrite(path);
    if (!WriteAll(file.get(), content)) {
      const absl::Status status = CannotWrite(path);
      unlink(temporary.c_str());
      return status;
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const absl::Status status = CannotWrite(path);
  unlink(temporary.c_str());
  return status;
}

}  // namespace fdorigin
