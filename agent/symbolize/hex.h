// Bytes as text.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_HEX_H_
#define FDORIGIN_AGENT_SYMBOLIZE_HEX_H_

#include <string>
#include <string_view>

namespace fdorigin {

// Lower case, as in build-ids.
inline std::string ToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_HEX_H_
