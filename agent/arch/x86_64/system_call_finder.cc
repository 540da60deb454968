#include "arch/system_call_finder.h"

#include <Zydis/Decoder.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace fdorigin {
namespace {

constexpr std::string_view kSystemCall = "\x0f\x05";  // Intel SDM volume 2, SYSCALL

// Decoding that starts at a wrong place falls in with the right one after a few instructions. So an
// instruction begins at `at` if most of the decodings that start before it come by.
constexpr size_t kLongestInstruction = 15;
constexpr size_t kNearest = 32;
constexpr size_t kStarts = 16;

bool BeginsAt(const ZydisDecoder& decoder, std::span<const uint8_t> code, size_t at) {
  size_t came_by = 0;
  size_t tried = 0;
  for (size_t back = kNearest; back < kNearest + kStarts && back <= at; ++back) {
    ++tried;
    size_t offset = at - back;
    ZydisDecodedInstruction decoded = {};
    while (offset < at && ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
                              &decoder, nullptr, code.data() + offset,
                              std::min(code.size() - offset, kLongestInstruction), &decoded))) {
      offset += decoded.length;
    }
    if (offset == at) ++came_by;
  }
  return tried == 0 || came_by * 2 > tried;
}

}  // namespace

bool HasSystemCall(std::span<const uint8_t> code) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  const std::string_view bytes(reinterpret_cast<const char*>(code.data()), code.size());
  for (size_t at = bytes.find(kSystemCall); at != std::string_view::npos;
       at = bytes.find(kSystemCall, at + 1)) {
    if (BeginsAt(decoder, code, at)) return true;
  }
  return false;
}

}  // namespace fdorigin
