// HotSpot's compressed streams: numbers in one to five bytes (UNSIGNED5), and the table of a
// method's lines.
//
// Who calls it: the Java stack walker in hook context, on memory of the VM; the dump, on copies.
// Source of the encodings: JDK 17 code/compressedStream.cpp, JDK 25 utilities/unsigned5.hpp and
// code/compressedStream.hpp.
#ifndef FDORIGIN_AGENT_STACK_UNSIGNED5_H_
#define FDORIGIN_AGENT_STACK_UNSIGNED5_H_

#include <cstddef>
#include <cstdint>

#include "base/hook_safe.h"

namespace fdorigin {

// Reads a stream that ends at `size` for certain: beyond it everything reads as failure.
class Unsigned5Reader {
 public:
  // `excluded`: how many of the lowest byte values the encoding does not use: none until JDK 19,
  // one (0) since 20.
  HOOK_SAFE Unsigned5Reader(const uint8_t* bytes, size_t size, uint8_t excluded)
      : bytes_(bytes), size_(size), excluded_(excluded) {}

  // One byte as it is. False at the end.
  HOOK_SAFE bool ReadByte(uint8_t* value) {
    if (at_ >= size_) return false;
    *value = bytes_[at_++];
    return true;
  }

  // False at the end, and at a byte that the encoding excludes.
  HOOK_SAFE bool Read(uint32_t* value) {
    // Bytes from kLow on say that another digit follows; the fifth is the last whatever it is.
    const uint32_t low = 256 - kHigh - excluded_;
    uint32_t sum = 0;
    for (int digit = 0; digit < kMaxDigits; ++digit) {
      uint8_t byte;
      if (!ReadByte(&byte) || byte < excluded_) return false;
      const uint32_t part = static_cast<uint32_t>(byte) - excluded_;
      sum += part << (kShift * digit);
      if (part < low) break;
    }
    *value = sum;
    return true;
  }

  HOOK_SAFE bool ReadSigned(int32_t* value) {
    uint32_t bits;
    if (!Read(&bits)) return false;
    *value = static_cast<int32_t>((bits >> 1) ^ (0 - (bits & 1)));
    return true;
  }

  size_t position() const { return at_; }

 private:
  static constexpr int kShift = 6;
  static constexpr uint32_t kHigh = 1u << kShift;
  static constexpr int kMaxDigits = 5;

  const uint8_t* bytes_;
  size_t size_;
  size_t at_ = 0;
  uint8_t excluded_;
};

// The (bci, line) pairs of a compressed line number table, in its order.
class LineTableReader {
 public:
  HOOK_SAFE LineTableReader(const uint8_t* bytes, size_t size, uint8_t excluded)
      : stream_(bytes, size, excluded) {}

  // False at the end of the table, where `complete()` says whether it was the end that the VM wrote
  // (a zero byte).
  HOOK_SAFE bool Next() {
    // A pair that is close to the last one is one byte, five bits of bci and three of line; any
    // other is this byte and two signed numbers.
    constexpr uint8_t kEscape = 0xff;
    uint8_t byte;
    if (!stream_.ReadByte(&byte)) return false;
    if (byte == 0) {
      complete_ = true;
      return false;
    }
    if (byte != kEscape) {
      bci_ += byte >> 3;
      line_ += byte & 7;
      return true;
    }
    int32_t bci;
    int32_t line;
    if (!stream_.ReadSigned(&bci) || !stream_.ReadSigned(&line)) return false;
    // Deltas may be anything in a damaged table.
    bci_ = static_cast<int32_t>(static_cast<uint32_t>(bci_) + static_cast<uint32_t>(bci));
    line_ = static_cast<int32_t>(static_cast<uint32_t>(line_) + static_cast<uint32_t>(line));
    return true;
  }

  int32_t bci() const { return bci_; }
  int32_t line() const { return line_; }
  bool complete() const { return complete_; }
  size_t position() const { return stream_.position(); }

 private:
  Unsigned5Reader stream_;
  int32_t bci_ = 0;
  int32_t line_ = 0;
  bool complete_ = false;
};

// The line of `bci`, as the VM's own stack traces have it: of the entry that begins last at or
// before it, and of several that begin at the bci itself the first. 0 where there is none.
HOOK_SAFE inline int32_t LineOf(LineTableReader table, int32_t bci) {
  int32_t best = -1;
  int32_t line = 0;
  while (table.Next()) {
    if (table.bci() == bci) return table.line();
    if (table.bci() < bci && table.bci() >= best) {
      best = table.bci();
      line = table.line();
    }
  }
  return line;
}

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_UNSIGNED5_H_
