#include "model/time.h"

#include <ctime>
#include <string>

namespace fdorigin::model {

std::optional<int64_t> MicrosecondsOf(std::string_view time) {
  const std::string text(time);
  std::tm parts = {};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  int64_t microseconds = 0;
  if (*rest == '.') {
    int64_t unit = 100000;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) {
      microseconds += (*rest - '0') * unit;
    }
  }
  if (rest != text.c_str() + text.size() - 1 || *rest != 'Z') return std::nullopt;
  return timegm(&parts) * 1000000 + microseconds;
}

}  // namespace fdorigin::model
