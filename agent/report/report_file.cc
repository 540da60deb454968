// The file half of report.h: names of reports, and writing them.
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <string_view>

#include "absl/status/status.h"
#include "base/raw_output.h"
#include "base/spare_descriptors.h"
#include "report/host.h"
#include "report/report.h"
#include "report/text.h"

namespace fdorigin {
namespace {

std::string CompactUtcTime() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  struct tm utc = {};
  gmtime_r(&now.tv_sec, &utc);
  char text[32];
  strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// "cannot write the report '/x/y.json': No space left on device"
absl::Status CannotWrite(const std::string& path, int error) {
  const std::string text =
      "cannot write the report '" + ToPrintable(path) + "': " + ErrnoText(error);
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    default:
      return absl::UnavailableError(text);
  }
}

// A file that nobody else has, beside `path`; its name goes to `name`. -1 and errno on failure.
int OpenTemporary(const std::string& path, std::string* name) {
  constexpr int kTries = 100;
  static constinit std::atomic<unsigned> counter{0};
  int fd = -1;
  for (int tries = 0; tries < kTries; ++tries) {
    // Not made from the report's name, which may be as long as the file system allows.
    *name = DirectoryOf(path) + "/.fdorigin-" + std::to_string(getpid()) + "-" +
            std::to_string(counter.fetch_add(1, std::memory_order_relaxed)) + ".tmp";
    fd = open(name->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd >= 0 || errno != EEXIST) break;
  }
  return fd;
}

absl::Status WriteAndRename(const std::string& content, const std::string& path) {
  std::string temporary;
  const int fd = OpenTemporary(path, &temporary);
  if (fd < 0) return CannotWrite(path, errno);
  int error = WriteAll(fd, content) ? 0 : errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  unlink(temporary.c_str());
  return CannotWrite(path, error);
}

absl::Status WriteFile(const std::string& content, const std::string& path) {
  absl::Status status;
  WithSpareDescriptors([&](Table) { status = WriteAndRename(content, path); });
  return status;
}

}  // namespace

std::string ExpandReportPath(const std::string& pattern, int report_number) {
  std::string path;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char letter = pattern[i] == '%' && i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    switch (letter) {
      case 'p':
        path += std::to_string(getpid());
        break;
      case 'n':
        path += std::to_string(report_number);
        break;
      case 't':
        path += CompactUtcTime();
        break;
      case 'h': {
        std::string host = HostName();
        std::replace(host.begin(), host.end(), '/', '-');
        path += host;
        break;
      }
      case '%':
        path += '%';
        break;
      default:
        path += pattern[i];  // not one of ours: as it stands
        continue;
    }
    ++i;
  }
  return path;
}

absl::Status WriteReport(const std::string& text, const std::string& path) {
  try {
    if (text.empty()) return CannotWrite(path, ENOMEM);
    return WriteFile(text, path);
  } catch (const std::exception&) {
    return CannotWrite(path, ENOMEM);
  }
}

absl::Status CheckWritable(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  struct stat status = {};
  if (path.empty()) return CannotWrite(path, ENOENT);
  if (path.ends_with('/')) return CannotWrite(path, EISDIR);
  if (stat(directory.c_str(), &status) != 0) return CannotWrite(path, errno);
  if (!S_ISDIR(status.st_mode)) return CannotWrite(path, ENOTDIR);
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return CannotWrite(path, errno);
  }
  if (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return CannotWrite(path, EISDIR);
  }
  return absl::OkStatus();
}

}  // namespace fdorigin
