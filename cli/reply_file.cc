#include "reply_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fdorigin {
namespace {

std::string RandomName(int inner_pid) {
  uint64_t number = 0;
  if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
    number = static_cast<uint64_t>(getpid());
  }
  return ".fdorigin-" + std::to_string(inner_pid) + "-" + std::to_string(number);
}

}  // namespace

// Lines of "key: value", then an empty one and the content.
Reply ParseReply(const std::string& text) {
  Reply reply;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) {
      reply.content = rest;
      break;
    }
    const size_t colon = std::min(line.find(": "), line.size());
    const std::string_view key = line.substr(0, colon);
    const std::string value(line.substr(std::min(colon + 2, line.size())));
    if (key == "error") reply.error = value;
    if (key == "cause") reply.wrong_option = value == "option";
    if (key == "note") reply.notes.push_back(value);
    if (key == "report") reply.report = value;
  }
  return reply;
}

absl::StatusOr<ReplyFile> ReplyFile::Create(const TargetProcess* target) {
  OwnedFd folder(openat(target->root(), "tmp", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string name = RandomName(target->status().inner_pid);
  const ActingAs its_user(target->status());
  OwnedFd file(
      openat(folder.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) {
    return absl::UnavailableError("nothing can be written to the /tmp of process " +
                                  std::to_string(target->pid()) + ": " + std::strerror(errno));
  }
  return ReplyFile(target, std::move(folder), std::move(file), std::move(name));
}

ReplyFile::~ReplyFile() {
  if (!file_.is_open()) return;  // moved from
  const ActingAs its_user(target_->status());
  unlinkat(folder_.get(), name_.c_str(), 0);
}

absl::StatusOr<Reply> ReplyFile::Read() const {
  std::string text;
  std::array<char, 65536> buffer;
  ssize_t size = 0;
  off_t at = 0;
  while ((size = pread(file_.get(), buffer.data(), buffer.size(), at)) > 0) {
    text.append(buffer.data(), static_cast<size_t>(size));
    at += size;
  }
  if (size < 0) return absl::UnavailableError(std::string("the reply: ") + std::strerror(errno));
  return ParseReply(text);
}

}  // namespace fdorigin
