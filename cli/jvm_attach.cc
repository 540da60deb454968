#include "jvm_attach.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "interruption.h"

namespace fdorigin {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between two looks at whether somebody wants the command to end, and whether the JVM still runs.
constexpr int kStepMilliseconds = 50;
// Between two looks for the JVM's socket.
constexpr int kSocketStepMilliseconds = 5;
// Others stop a process for a moment, too.
constexpr milliseconds kMaxStop{500};
// HotSpot's AttachOperation::arg_length_max.
constexpr size_t kMaxArgumentBytes = 1024;

std::string SystemError(const std::string& what) { return what + ": " + std::strerror(errno); }

// .attach_pidN, as long as it lives.
class Trigger {
 public:
  explicit Trigger(const TargetProcess& target)
      : target_(target), name_(".attach_pid" + std::to_string(target.status().inner_pid)) {}
  ~Trigger() {
    if (folder_ < 0) return;
    const ActingAs its_user(target_.status());
    unlinkat(folder_, name_.c_str(), 0);
  }
  Trigger(const Trigger&) = delete;
  Trigger& operator=(const Trigger&) = delete;

  // The JVM looks into its working directory first, and then into /tmp.
  absl::Status Create(int tmp) {
    const ActingAs its_user(target_.status());
    if (CreateIn(target_.working_directory()) || CreateIn(tmp)) return absl::OkStatus();
    return absl::UnavailableError(
        SystemError("nothing can be written to the JVM's working directory, nor to its /tmp"));
  }

 private:
  bool CreateIn(int folder) {
    if (folder < 0) return false;
    const OwnedFd file(
        openat(folder, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) {
      // Another command's, or left behind by one that was killed: it serves, and goes with us.
      if (errno != EEXIST) return false;
      folder_ = folder;
      return true;
    }
    folder_ = folder;
    struct stat status;
    if (fstat(file.get(), &status) == 0 &&
        (status.st_uid == 0 || status.st_uid == target_.status().effective_user)) {
      return true;
    }
    // A file system that gives files to somebody else: the JVM would not believe it.
    unlinkat(folder, name_.c_str(), 0);
    folder_ = -1;
    errno = EPERM;
    return false;
  }

  const TargetProcess& target_;
  const std::string name_;
  int folder_ = -1;
};

void AppendArgument(std::string* request, std::string_view argument) {
  request->append(argument).push_back('\0');
}

std::string OnOneLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// What the JVM said about `load`: JDK 9 and later answer 0 and "return code: N" where
// Agent_OnAttach ran, JDK 8 answers N, and text stands for what went wrong before.
absl::Status JudgeAnswer(const std::string& answer, const std::string& library) {
  const size_t end = std::min(answer.find('\n'), answer.size());
  int status = 0;
  const auto [stop, error] = std::from_chars(answer.data(), answer.data() + end, status);
  if (error != std::errc() || end == 0) {
    return absl::UnavailableError(
        "the JVM closed the connection: it talks to its own user and group only");
  }
  const std::string text = OnOneLine(answer.substr(std::min(end + 1, answer.size())));
  constexpr std::string_view kReturnCode = "return code: ";
  if (status == 0 && (text.empty() || text == "return code: 0")) return absl::OkStatus();
  if (text.find("Dynamic agent loading is not enabled") != std::string::npos) {
    return absl::FailedPreconditionError(
        "the JVM was started with -XX:-EnableDynamicAgentLoading: it loads no agent, and asks none "
        "that it has; start it with -agentpath, and read a running one from outside: fdorigin dump "
        "--force");
  }
  if (text.starts_with(kReturnCode)) {
    return absl::AbortedError("the agent refused (" + text +
                              "); its reason is on the JVM's stderr");
  }
  return absl::UnavailableError("the JVM did not load " + library + ": " +
                                (text.empty() ? "error " + std::to_string(status) : text));
}

}  // namespace

JvmAttach::JvmAttach(const TargetProcess* target, milliseconds patience)
    : target_(target),
      deadline_(steady_clock::now() + patience),
      patience_(patience),
      running_at_(steady_clock::now()),
      socket_folder_(openat(target->root(), "tmp", O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

absl::Status JvmAttach::CheckPatience(const char* for_what) {
  if (IsInterrupted()) return absl::CancelledError("interrupted");
  const auto now = steady_clock::now();
  const absl::Status running = target_->CheckRunning();
  if (running.ok()) running_at_ = now;
  if (now - running_at_ > kMaxStop) return running;
  if (now < deadline_) return absl::OkStatus();
  const std::string pid = std::to_string(target_->pid());
  return absl::DeadlineExceededError("process " + pid + " " + for_what + " within " +
                                     std::to_string(patience_.count() / 1000) +
                                     " s; if it hangs, read it from outside: fdorigin dump "
                                     "--force " +
                                     pid);
}

absl::Status JvmAttach::Wait(short events, const char* for_what) {
  while (true) {
    if (const absl::Status status = CheckPatience(for_what); !status.ok()) return status;
    pollfd connection = {connection_.get(), events, 0};
    if (poll(&connection, 1, kStepMilliseconds) > 0) return absl::OkStatus();
  }
}

// NotFound where the JVM does not listen yet.
absl::Status JvmAttach::TryConnect() {
  const std::string name = ".java_pid" + std::to_string(target_->status().inner_pid);
  const ActingAs its_user(target_->status());
  struct stat status;
  if (fstatat(socket_folder_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return absl::NotFoundError("no socket");
  }
  if (!S_ISSOCK(status.st_mode) || status.st_uid != target_->status().effective_user) {
    return absl::FailedPreconditionError("/tmp/" + name + " of process " +
                                         std::to_string(target_->pid()) +
                                         " is not its own socket; remove it");
  }
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // By our descriptor of the folder: short, and right in every mount namespace.
  const std::string path = "/proc/self/fd/" + std::to_string(socket_folder_.get()) + "/" + name;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  OwnedFd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection.is_open()) return absl::UnavailableError(SystemError("socket"));
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
      0) {
    // Left by an earlier process of that number; the JVM replaces it when it begins to listen.
    if (errno == ECONNREFUSED || errno == ENOENT) return absl::NotFoundError("nobody listens");
    return absl::UnavailableError(SystemError("the JVM's attach socket"));
  }
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid != 0 &&
      peer.pid != target_->pid()) {
    return absl::FailedPreconditionError("/tmp/" + name + " belongs to process " +
                                         std::to_string(peer.pid) +
                                         ", which shares /tmp "
                                         "with process " +
                                         std::to_string(target_->pid()) + " and has its number");
  }
  connection_ = std::move(connection);
  return absl::OkStatus();
}

absl::Status JvmAttach::Connect() {
  if (!socket_folder_.is_open()) {
    return absl::UnavailableError("process " + std::to_string(target_->pid()) + " has no /tmp");
  }
  absl::Status connected = TryConnect();
  if (!absl::IsNotFound(connected)) return connected;
  if (const absl::Status status = target_->CheckSignalable(); !status.ok()) return status;
  Trigger trigger(*target_);
  if (const absl::Status status = trigger.Create(socket_folder_.get()); !status.ok()) return status;
  if (const absl::Status status = target_->SendQuit(); !status.ok()) return status;
  while (absl::IsNotFound(connected = TryConnect())) {
    if (const absl::Status status = CheckPatience("did not begin to listen"); !status.ok()) {
      return status;
    }
    poll(nullptr, 0, kSocketStepMilliseconds);
  }
  return connected;
}

absl::Status JvmAttach::Send(const std::string& request) {
  size_t sent = 0;
  while (sent < request.size()) {
    const ssize_t size = send(connection_.get(), request.data() + sent, request.size() - sent,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size >= 0) {
      sent += static_cast<size_t>(size);
    } else if (errno == EAGAIN) {
      if (const absl::Status status = Wait(POLLOUT, "did not read the request"); !status.ok()) {
        return status;
      }
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return absl::OkStatus();  // it has refused already, and the answer says so
    } else if (errno != EINTR) {
      return absl::UnavailableError(SystemError("the JVM's attach socket"));
    }
  }
  return absl::OkStatus();
}

absl::Status JvmAttach::Receive(std::string* answer) {
  std::array<char, 4096> buffer;
  while (true) {
    if (const absl::Status status = Wait(POLLIN, "did not answer"); !status.ok()) {
      return status;
    }
    const ssize_t size = recv(connection_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size == 0) return absl::OkStatus();
    if (size > 0) {
      answer->append(buffer.data(), static_cast<size_t>(size));
    } else if (errno == ECONNRESET) {
      return absl::OkStatus();
    } else if (errno != EAGAIN && errno != EINTR) {
      return absl::UnavailableError(SystemError("the JVM's attach socket"));
    }
  }
}

absl::Status JvmAttach::Load(const std::string& library, const std::string& options) {
  if (library.size() > kMaxArgumentBytes || options.size() > kMaxArgumentBytes) {
    return absl::InvalidArgumentError(
        "the attach protocol carries at most 1024 bytes of options, and of the library's path");
  }
  if (const absl::Status status = Connect(); !status.ok()) return status;
  std::string request;
  for (const std::string_view argument :
       {std::string_view("1"), std::string_view("load"), std::string_view(library),
        std::string_view("true"), std::string_view(options)}) {
    AppendArgument(&request, argument);
  }
  std::string answer;
  if (const absl::Status status = Send(request); !status.ok()) return status;
  if (const absl::Status status = Receive(&answer); !status.ok()) return status;
  return JudgeAnswer(answer, library);
}

}  // namespace fdorigin
