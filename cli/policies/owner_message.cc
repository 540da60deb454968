#include "policies/owner_message.h"

#include <string_view>

namespace fdorigin {
namespace {

bool Take(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

bool IsBusySelector(std::string_view class_name, std::string_view message) {
  return class_name.ends_with("BusySelectorException") ||
         class_name.ends_with(".IllegalSelectorException") || message.starts_with("EPoll FD ") ||
         message.starts_with("EPoll Event FD ") ||
         (message.starts_with("Selector ") &&
          message.find(" has registered keys from channels: [") != std::string_view::npos);
}

bool IsBusyWatch(std::string_view message) {
  return message.find("WatchService") != std::string_view::npos && message.ends_with("with keys");
}

// "tcp6 localAddr :: localPort 8080 remoteAddr :: remotePort 0", "socket:[1609469]".
bool IsOfOldScan(std::string_view message) {
  return message.find(" localPort ") != std::string_view::npos || message.starts_with("socket:[") ||
         message.starts_with("pipe:[") || message.starts_with("anon_inode:");
}

// "Socket[addr=…", "java.nio.channels.SocketChannel[…", "sun.nio.ch.DatagramChannelImpl@1f".
bool IsOwnersText(std::string_view message) {
  const std::string_view name = message.substr(0, message.find_first_of("[@"));
  return name.size() < message.size() && name.find_first_of(" /") == std::string_view::npos &&
         (name == "Socket" || name == "ServerSocket" ||
          name.find("Channel") != std::string_view::npos);
}

// "FileDescriptor 7: regular: /x"; "FileDescriptor 4 left open: /x (regular) […]" of builds that
// have no rule for it.
bool ReadRaw(std::string_view message, OwnerMessage* read) {
  if (!Take(&message, "FileDescriptor ")) return false;
  const size_t digits = message.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos) return false;
  message.remove_prefix(digits);
  read->is_raw = true;
  if (Take(&message, ": ")) read->description = message;
  return true;
}

}  // namespace

OwnerMessage ReadOwnerMessage(const model::Suppressed& suppressed) {
  OwnerMessage read;
  std::string_view message = suppressed.message;
  const auto of = [&](MessageLevel level) {
    read.level = level;
    return read;
  };
  if (message.starts_with("FD fd=")) return of(MessageLevel::kVm);
  if (IsBusySelector(suppressed.class_name, message) || IsBusyWatch(message)) {
    return of(MessageLevel::kSelector);
  }
  if (ReadRaw(message, &read)) return of(MessageLevel::kJava);

  // What follows is a description without a mark of its own, which the class has to vouch for.
  const std::string_view name =
      suppressed.class_name.substr(suppressed.class_name.find_last_of(".$") + 1);
  const bool cannot = Take(&message, "Cannot close ") ||
                      Take(&message, "Cannot find local address for ") ||
                      Take(&message, "Cannot find remote address for ");
  if (!cannot && !name.starts_with("CheckpointOpen")) return read;
  if (IsOfOldScan(message)) return of(MessageLevel::kVm);
  if (message.starts_with("sun.nio.ch.PipeImpl")) {
    read.is_pipe = true;
    return of(MessageLevel::kJava);
  }
  if (IsOwnersText(message)) return of(MessageLevel::kJava);
  if (name != "CheckpointOpenFileException" && !message.starts_with('/')) return read;
  // In the first generations a path alone is what the VM's scan says.
  if (suppressed.class_name.starts_with("jdk.crac.impl.") && !cannot) return of(MessageLevel::kVm);
  read.path = message;
  return of(MessageLevel::kJava);
}

}  // namespace fdorigin
