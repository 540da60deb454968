#include "symbolize/decompression.h"

#include <libdeflate.h>
#include <lzma.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace fdorigin {
namespace {

// .debug_line and .debug_str of the largest libraries have a few dozen megabytes.
constexpr uint64_t kMaxInflatedBytes = 256ull << 20;
// Deflate cannot pack closer than this, so what claims more is not worth the room.
constexpr uint64_t kMaxDeflateRatio = 1032;

// Mini debug information is a symbol table of local functions: less than two megabytes for libjvm.
constexpr size_t kMaxUnxzBytes = 64u << 20;
// xz -9 needs 65 MiB to unpack.
constexpr uint64_t kMaxXzDecoderBytes = 80ull << 20;
constexpr size_t kXzStepBytes = 256u << 10;

// CRC-64 of ECMA-182, reflected (the .xz file format 1.1.0, section 6).
constexpr uint64_t kCrcPolynomial = 0xc96c5795d7870f42;
constexpr std::array<uint64_t, 256> kCrcTable = [] {
  std::array<uint64_t, 256> table = {};
  for (uint64_t byte = 0; byte < table.size(); ++byte) {
    uint64_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ ((rest & 1) != 0 ? kCrcPolynomial : 0);
    table[byte] = rest;
  }
  return table;
}();

}  // namespace

bool Inflate(std::string_view packed, uint64_t size, std::string* content) {
  if (size == 0 || size > kMaxInflatedBytes || size / kMaxDeflateRatio > packed.size()) {
    return false;
  }
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  if (decompressor == nullptr) return false;
  content->resize(size);
  // Without a place for the actual size it has to be the expected one.
  const libdeflate_result result = libdeflate_zlib_decompress(
      decompressor, packed.data(), packed.size(), content->data(), content->size(), nullptr);
  libdeflate_free_decompressor(decompressor);
  return result == LIBDEFLATE_SUCCESS;
}

// Called by liblzma's decoder, in the place of its own, which asks the processor for its features
// as soon as the library is loaded, in every JVM: some 20 us a question where a hypervisor has to
// answer. The linker takes that one only where there is none yet.
extern "C" uint64_t lzma_crc64(const uint8_t* bytes, size_t size, uint64_t crc) noexcept {
  crc = ~crc;
  for (size_t i = 0; i < size; ++i) crc = crc >> 8 ^ kCrcTable[(crc ^ bytes[i]) & 0xff];
  return ~crc;
}

bool UnpackXz(std::string_view packed, std::string* content) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxXzDecoderBytes, 0) != LZMA_OK) return false;
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  lzma_ret result = LZMA_OK;
  size_t filled = 0;
  while (result == LZMA_OK && filled < kMaxUnxzBytes) {
    content->resize(filled + kXzStepBytes);
    stream.next_out = reinterpret_cast<uint8_t*>(content->data()) + filled;
    stream.avail_out = kXzStepBytes;
    result = lzma_code(&stream, LZMA_FINISH);
    filled = content->size() - stream.avail_out;
  }
  lzma_end(&stream);
  content->resize(filled);
  return result == LZMA_STREAM_END;
}

}  // namespace fdorigin
