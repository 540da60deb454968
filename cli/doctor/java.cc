#include "doctor/java.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "doctor/child.h"
#include "fmt/format.h"
#include "model/display_text.h"

namespace fdorigin {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

bool IsFolder(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool IsProgram(const std::string& path) {
  return !IsFolder(path) && access(path.c_str(), X_OK) == 0;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

// The first of that name in PATH.
std::string InPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? std::string_view() : path;
  while (!rest.empty()) {
    const size_t end = rest.find(':');
    std::string candidate(rest.substr(0, end));
    if (candidate.empty()) candidate = ".";
    candidate += "/" + name;
    if (IsProgram(candidate)) return candidate;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return "";
}

}  // namespace

std::string_view Java::Property(const std::string& name) const {
  const auto found = properties.find(name);
  return found == properties.end() ? std::string_view() : found->second;
}

std::string_view Java::Flag(const std::string& name) const {
  const auto found = flags.find(name);
  return found == flags.end() ? std::string_view() : found->second;
}

int Java::feature_version() const {
  const std::string_view version = Property("java.specification.version");
  int number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

bool Java::is_openj9() const {
  return Property("java.vm.name").find("OpenJ9") != std::string_view::npos;
}

bool Java::is_zero() const {
  return Property("java.vm.name").find("Zero VM") != std::string_view::npos;
}

Java ParseJava(std::string path, std::string_view output) {
  Java java;
  java.path = std::move(path);
  while (!output.empty()) {
    const size_t end = output.find('\n');
    const std::string_view line = Trim(output.substr(0, end));
    output = end == std::string_view::npos ? std::string_view() : output.substr(end + 1);
    // "    java.vm.name = OpenJDK 64-Bit Server VM"
    const size_t equals = line.find(" = ");
    const std::string_view before = line.substr(0, equals);
    if (equals != std::string_view::npos && before.find(' ') == std::string_view::npos) {
      java.properties.emplace(before, line.substr(equals + 3));
      continue;
    }
    // "     bool DisableAttachMechanism    = false     {product} {default}"
    const size_t sign = line.find('=');
    if (sign == std::string_view::npos) continue;
    const std::string_view left = Trim(line.substr(0, sign));
    const size_t blank = left.rfind(' ');
    if (blank == std::string_view::npos) continue;
    const std::string_view value = Trim(line.substr(sign + 1, line.find('{') - sign - 1));
    if (line.find('{') == std::string_view::npos) continue;
    java.flags.emplace(left.substr(blank + 1), value);
  }
  return java;
}

absl::StatusOr<Java> FindJava(const std::string& wish) {
  std::string path = wish;
  if (path.empty()) {
    const char* home = std::getenv("JAVA_HOME");
    path = home != nullptr && *home != '\0' ? home : InPath("java");
    if (path.empty()) return absl::NotFoundError("there is no java in JAVA_HOME or PATH");
  }
  if (IsFolder(path)) path += "/bin/java";
  if (!IsProgram(path)) {
    return absl::InvalidArgumentError(
        fmt::format("{} is no program that could be started", DisplayText(path)));
  }
  if (path.find('/') == std::string::npos) path.insert(0, "./");
  ChildResult said =
      RunChild({path, "-XX:+PrintFlagsFinal", "-XshowSettings:properties", "-version"}, kPatience);
  // A JVM that does not know the first.
  if (!said.succeeded() && said.error == 0) {
    said = RunChild({path, "-XshowSettings:properties", "-version"}, kPatience);
  }
  if (said.error != 0) {
    return absl::InvalidArgumentError(
        fmt::format("cannot start {}: {}", DisplayText(path), std::strerror(said.error)));
  }
  Java java = ParseJava(path, said.output);
  if (!said.succeeded() || java.Property("java.vm.name").empty()) {
    return absl::InvalidArgumentError(fmt::format("{} is no java", DisplayText(path)));
  }
  return java;
}

}  // namespace fdorigin
