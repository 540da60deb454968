// The agent's memory: bounded, zeroed, handed out once, and findable from outside.
#include "base/region.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace fdorigin {
namespace {

bool IsZero(const char* bytes, size_t size) {
  return std::all_of(bytes, bytes + size, [](char byte) { return byte == 0; });
}

TEST_CASE("a region is at least 1 MiB and a whole number of pages") {
  Region small;
  REQUIRE(small.Create(1));
  CHECK(small.size() == 1048576);
  Region odd;
  REQUIRE(odd.Create(1048577));
  CHECK(odd.size() == 1048576 + 4096);
}

TEST_CASE("a region larger than the address space is refused") {
  Region region;
  CHECK_FALSE(region.Create(size_t{1} << 60));
}

TEST_CASE("allocations are zeroed, aligned and end at the bound") {
  Region region;
  REQUIRE(region.Create(1 << 20));
  uint64_t end = sizeof(RegionHeader);
  size_t given = 0;
  size_t size = 1;
  for (;; size = size % 977 + 1) {
    const RegionOffset at = region.Allocate(size);
    if (at == 0) break;
    REQUIRE(at % 16 == 0);
    REQUIRE(at >= end);
    end = at + size;
    REQUIRE(end <= region.size());
    REQUIRE(IsZero(region.At<char>(at), size));
    std::memset(region.At<char>(at), 0xff, size);
    ++given;
  }
  CHECK(given > 1000);
  CHECK(region.refused() == 1);
  CHECK(region.size() - end < size + 16);
  CHECK(region.used() <= region.size());
  CHECK(region.Allocate(1 << 20) == 0);
  CHECK(region.refused() == 2);
}

TEST_CASE("a size that cannot be rounded up is refused, not wrapped") {
  Region region;
  REQUIRE(region.Create(1 << 20));
  const size_t before = region.used();
  CHECK(region.Allocate(std::numeric_limits<size_t>::max()) == 0);
  CHECK(region.Allocate(std::numeric_limits<size_t>::max() - 14) == 0);
  CHECK(region.refused() == 2);
  CHECK(region.used() == before);
}

TEST_CASE("threads that allocate at once never get the same byte") {
  Region region;
  REQUIRE(region.Create(8 << 20));
  struct Piece {
    RegionOffset at;
    size_t size;
    unsigned char mark;
  };
  std::vector<Piece> pieces[8];
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const auto mark = static_cast<unsigned char>(t + 1);
      for (size_t i = 0;; ++i) {
        const size_t size = 1 + (i * 131 + t) % 509;
        const RegionOffset at = region.Allocate(size);
        if (at == 0) break;
        std::memset(region.At<char>(at), mark, size);
        pieces[t].push_back({at, size, mark});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // What one thread wrote is still there: nobody else was given those bytes.
  size_t damaged = 0;
  size_t bytes = 0;
  for (const auto& list : pieces) {
    for (const Piece& piece : list) {
      const auto* start = region.At<unsigned char>(piece.at);
      damaged += static_cast<size_t>(std::count_if(
          start, start + piece.size, [&](unsigned char byte) { return byte != piece.mark; }));
      bytes += piece.size;
    }
  }
  CHECK(damaged == 0);
  CHECK(bytes > region.size() / 2);
  CHECK(region.refused() == 8);
}

// Whether a region starts here. Without a sanitizer's opinion of what may be looked at.
[[gnu::no_sanitize("address", "thread")]] bool HasMagic(uint64_t address) {
  const auto* bytes = reinterpret_cast<const volatile char*>(address);
  for (size_t i = 0; i < 8; ++i) {
    if (bytes[i] != "FDORIGIN"[i]) return false;
  }
  return true;
}

// A debugger or a core file has nothing but the mappings: the magic must stand at the start of a
// page of one.
TEST_CASE("the header is found by its magic in the process's own mappings") {
  Region region;
  REQUIRE(region.Create(3 << 20));
  // The list first: it must not change while the mappings are looked at.
  std::ostringstream text;
  text << std::ifstream("/proc/self/maps").rdbuf();
  std::istringstream lines(text.str());
  std::vector<const RegionHeader*> headers;
  for (std::string line; std::getline(lines, line);) {
    unsigned long low = 0;
    unsigned long high = 0;
    char protection[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &low, &high, protection) != 3) continue;
    // A sanitizer's shadow is far too large to be looked through, and holds no region.
    if (std::strcmp(protection, "rw-p") != 0 || high - low > (1ul << 28)) continue;
    if (line.find("[stack]") != std::string::npos) continue;
    for (unsigned long at = low; at < high; at += 4096) {
      if (HasMagic(at)) headers.push_back(reinterpret_cast<const RegionHeader*>(at));
    }
  }
  const auto found = std::find(headers.begin(), headers.end(), region.header());
  REQUIRE(found != headers.end());
  CHECK((*found)->layout_version == kRegionLayoutVersion);
  CHECK((*found)->header_size == sizeof(RegionHeader));
  CHECK((*found)->size == 3 << 20);
  CHECK((*found)->used.load() == region.used());
  CHECK((*found)->fd_table == 0);
}

}  // namespace
}  // namespace fdorigin
