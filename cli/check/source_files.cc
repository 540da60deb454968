#include "check/source_files.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "model/stable_name.h"

namespace fdorigin::check {
namespace {

bool IsPlainName(std::string_view name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string_view::npos;
}

// "com/example/" of com.example.Harbor; nothing where a part of the package is empty.
std::optional<std::string> FolderOf(std::string_view class_name) {
  std::string folder;
  std::string_view rest = model::StableClass(class_name);
  for (size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    if (dot == 0) return std::nullopt;
    folder.append(rest.substr(0, dot)).push_back('/');
    rest.remove_prefix(dot + 1);
  }
  return folder;
}

}  // namespace

std::optional<SourcePlace> SourceFiles::PlaceOf(const model::Frame& frame) const {
  SourcePlace place;
  place.line = std::max(frame.line, 0);
  if (!frame.is_java) {
    // As the compiler wrote it.
    if (frame.file.empty()) return std::nullopt;
    place.path = frame.file;
    return place;
  }
  std::optional<std::string> folder = FolderOf(frame.class_name);
  if (!folder || !IsPlainName(frame.file)) return std::nullopt;
  place.path = folder->append(frame.file);
  for (const std::string& root : roots_) {
    const std::string path = root + (root.ends_with('/') ? "" : "/") + place.path;
    if (access(path.c_str(), F_OK) == 0) {
      place.path = path;
      break;
    }
  }
  return place;
}

}  // namespace fdorigin::check
