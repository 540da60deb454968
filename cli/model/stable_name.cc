#include "model/stable_name.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "model/display_text.h"

namespace fdorigin::model {
namespace {

std::string_view StableMethod(std::string_view method) {
  if (!method.starts_with("lambda$")) return method;
  const size_t end = method.find_last_not_of("0123456789");
  return end + 1 < method.size() && method[end] == '$' ? method.substr(0, end) : method;
}

}  // namespace

std::string_view StableClass(std::string_view class_name) {
  // Lambdas, and the subclasses that frameworks generate, have two dollars; hidden classes a slash.
  const size_t end = std::min(class_name.find("$$"), class_name.find('/'));
  return end == 0 ? class_name : class_name.substr(0, end);
}

std::string StableName(const Frame& frame) {
  if (frame.is_java) {
    return fmt::format("{}.{}", StableClass(frame.class_name), StableMethod(frame.method));
  }
  const std::string_view file = FileName(frame.module);
  return frame.symbol.empty() ? std::string(file) : fmt::format("{}!{}", file, frame.symbol);
}

std::string StableHash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace fdorigin::model
