// HotSpot's compressed numbers and line tables, in both of their alphabets. The expected bytes are
// worked out by hand from the format's description, or by an encoder that knows nothing of the
// reader; real tables are compared with JVMTI's in java-tests (Spelunker).
#include "stack/unsigned5.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <utility>
#include <vector>

namespace fdorigin {
namespace {

using Bytes = std::vector<uint8_t>;

// Digits of base 64, lowest first: the first four are in the upper 64 byte values while more
// follow; the last one is below them, but for a fifth, which may be anything.
Bytes Encode(uint32_t value, uint8_t excluded) {
  const uint32_t low = 192u - excluded;
  Bytes bytes;
  while (value >= low && bytes.size() < 4) {
    bytes.push_back(static_cast<uint8_t>(excluded + low + (value - low) % 64));
    value = (value - low) / 64;
  }
  bytes.push_back(static_cast<uint8_t>(excluded + value));
  return bytes;
}

uint32_t EncodeSign(int32_t value) {
  return (static_cast<uint32_t>(value) << 1) ^ static_cast<uint32_t>(value >> 31);
}

uint32_t ReadAll(const Bytes& bytes, uint8_t excluded) {
  Unsigned5Reader reader(bytes.data(), bytes.size(), excluded);
  uint32_t value = 0;
  REQUIRE(reader.Read(&value));
  REQUIRE(reader.position() == bytes.size());
  return value;
}

TEST_CASE("a number is read as JDK 17 writes it") {
  CHECK(ReadAll({0}, 0) == 0);
  CHECK(ReadAll({191}, 0) == 191);
  CHECK(ReadAll({192, 0}, 0) == 192);
  CHECK(ReadAll({255, 0}, 0) == 255);
  CHECK(ReadAll({192, 1}, 0) == 256);
  CHECK(ReadAll({255, 191}, 0) == 255 + 191 * 64);
  CHECK(ReadAll({192, 192, 0}, 0) == 192 + 192 * 64);
}

TEST_CASE("a number is read as JDK 21 and 25 write it, who leave the byte 0 out") {
  CHECK(ReadAll({1}, 1) == 0);
  CHECK(ReadAll({191}, 1) == 190);
  CHECK(ReadAll({192, 1}, 1) == 191);
  CHECK(ReadAll({255, 1}, 1) == 254);
  CHECK(ReadAll({192, 2}, 1) == 191 + 64);
}

TEST_CASE("numbers of every length come back") {
  std::vector<uint32_t> values = {0, 1, 63, 64, UINT32_MAX, UINT32_MAX - 1, INT32_MAX, 1u << 31};
  for (uint32_t shift = 1; shift < 32; ++shift) {
    for (uint32_t delta = 0; delta < 200; ++delta) {
      values.push_back((1u << shift) + delta);
      values.push_back((1u << shift) - delta);
    }
  }
  for (const uint8_t excluded : {uint8_t{0}, uint8_t{1}}) {
    int wrong = 0;
    for (const uint32_t value : values) {
      if (ReadAll(Encode(value, excluded), excluded) != value) ++wrong;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a stream that breaks off is no number") {
  const Bytes bytes = {255, 255, 255, 255, 7};
  for (size_t size = 0; size < bytes.size(); ++size) {
    Unsigned5Reader reader(bytes.data(), size, 0);
    uint32_t value;
    CHECK_FALSE(reader.Read(&value));
  }
  const uint8_t excluded = 0;
  Unsigned5Reader reader(&excluded, 1, 1);
  uint32_t value;
  CHECK_FALSE(reader.Read(&value));
}

using Lines = std::vector<std::pair<int32_t, int32_t>>;

Bytes EncodeLines(const Lines& lines, uint8_t excluded) {
  Bytes bytes;
  int32_t bci = 0;
  int32_t line = 0;
  for (const auto& [to_bci, to_line] : lines) {
    const int32_t bci_delta = to_bci - bci;
    const int32_t line_delta = to_line - line;
    const bool small = bci_delta >= 0 && bci_delta < 31 && line_delta >= 0 && line_delta < 8 &&
                       (bci_delta | line_delta) != 0;
    if (small) {
      bytes.push_back(static_cast<uint8_t>(bci_delta << 3 | line_delta));
    } else {
      bytes.push_back(0xff);
      for (const int32_t delta : {bci_delta, line_delta}) {
        for (const uint8_t byte : Encode(EncodeSign(delta), excluded)) bytes.push_back(byte);
      }
    }
    bci = to_bci;
    line = to_line;
  }
  bytes.push_back(0);
  return bytes;
}

const Lines kLines = {{0, 4711}, {5, 4712},  {5, 4600},    {30, 4716},
                      {61, 1},   {3, 65535}, {40000, 700}, {40001, 701}};

TEST_CASE("a table of lines comes back in its order, and says that it is complete") {
  for (const uint8_t excluded : {uint8_t{0}, uint8_t{1}}) {
    const Bytes bytes = EncodeLines(kLines, excluded);
    LineTableReader reader(bytes.data(), bytes.size(), excluded);
    Lines read;
    while (reader.Next()) read.emplace_back(reader.bci(), reader.line());
    CHECK(read == kLines);
    CHECK(reader.complete());
    CHECK(reader.position() == bytes.size());
  }
}

TEST_CASE("a table of lines that breaks off says so") {
  const Bytes bytes = EncodeLines(kLines, 0);
  for (size_t size = 0; size < bytes.size(); ++size) {
    LineTableReader reader(bytes.data(), size, 0);
    while (reader.Next()) {
    }
    CHECK_FALSE(reader.complete());
  }
}

// The rule of the JVM's own stack traces (JDK 17, Method::line_number_from_bci).
TEST_CASE("a bytecode is on the line that begins last before it, or first at it") {
  const Bytes bytes = EncodeLines(kLines, 0);
  const auto line = [&bytes](int32_t bci) {
    return LineOf(LineTableReader(bytes.data(), bytes.size(), 0), bci);
  };
  CHECK(line(0) == 4711);
  CHECK(line(2) == 4711);
  CHECK(line(3) == 65535);
  CHECK(line(4) == 65535);
  CHECK(line(5) == 4712);
  CHECK(line(6) == 4600);
  CHECK(line(60) == 4716);
  CHECK(line(39999) == 1);
  CHECK(line(40000) == 700);
  CHECK(line(65000) == 701);
  const uint8_t empty = 0;
  CHECK(LineOf(LineTableReader(&empty, 1, 0), 0) == 0);
}

}  // namespace
}  // namespace fdorigin
