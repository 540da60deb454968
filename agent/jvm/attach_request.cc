#include "jvm/attach_request.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/raw_output.h"
#include "interpose/recorder.h"

namespace fdorigin {
namespace {

// After an empty line.
bool AppendFile(int fd, const std::string& path) {
  const int from = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0) return false;
  bool whole = WriteAll(fd, "\n");
  std::array<char, 65536> buffer;
  ssize_t size = 0;
  while (whole && (size = read(from, buffer.data(), buffer.size())) > 0) {
    whole = WriteAll(fd, {buffer.data(), static_cast<size_t>(size)});
  }
  close(from);
  return whole && size == 0;
}

}  // namespace

AttachRequest ParseAttachRequest(const char* text) {
  constexpr std::string_view kDump = "dump";
  constexpr std::string_view kDumpTo = "dump=";
  constexpr std::string_view kReply = "reply=";
  AttachRequest request;
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view word = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (word == kDump) {
      request.dump = true;
    } else if (word.starts_with(kDumpTo)) {
      request.dump = true;
      request.dump_path = word.substr(kDumpTo.size());
    } else if (word.starts_with(kReply)) {
      request.reply = word.substr(kReply.size());
    } else if (!word.empty()) {
      if (!request.options.empty()) request.options += ',';
      request.options += word;
    }
  }
  return request;
}

AttachReply::~AttachReply() {
  const OwnWork own_work;
  const bool written = has_file() && Write();
  if (!report_.empty()) unlink(report_.c_str());
  if (!written && !text_.empty()) PrintText(text_);
}

bool AttachReply::Write() const {
  const int fd = open(path_.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat status;
  bool whole = false;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
      status.st_size == 0) {
    unlink(path_.c_str());
    whole = WriteAll(fd, text_) && (report_.empty() || AppendFile(fd, report_));
  }
  close(fd);
  return whole;
}

void AttachReply::Say(std::string_view key, std::string_view text) {
  if (has_file()) {
    text_.append(key).append(": ");
  } else {
    text_.append("fdorigin: ");
  }
  for (const char c : text) text_ += c == '\n' ? ' ' : c;
  text_ += '\n';
}

void AttachReply::Error(const absl::Status& status) {
  Say("error", std::string(status.message()));
  if (has_file() && absl::IsInvalidArgument(status)) Say("cause", "option");
}

void AttachReply::Report(std::string_view path) {
  if (has_file()) Say("report", path);
}

}  // namespace fdorigin
