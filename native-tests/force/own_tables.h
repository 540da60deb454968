// Helpers of the tests of cli/force: an agent's tables in this process, and its memory as a source.
#ifndef FDORIGIN_NATIVE_TESTS_FORCE_OWN_TABLES_H_
#define FDORIGIN_NATIVE_TESTS_FORCE_OWN_TABLES_H_

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/fact_store.h"
#include "base/image_table.h"
#include "base/region.h"
#include "base/string_store.h"
#include "fdtable/fd_table.h"
#include "force/memory_source.h"
#include "stack/method_store.h"
#include "stack/stack_store.h"

namespace fdorigin {

inline constexpr CallInfo kCalls[] = {{"", {}}, {"open", {{"flags", ArgumentKind::kOpenFlags}}}};

// The tables of an agent, in this process.
struct Tables {
  Tables() {
    REQUIRE(region.Create(8 << 20));
    REQUIRE(strings.Create(&region));
    REQUIRE(facts.Create(&region, &strings));
    REQUIRE(images.Create(&region));
    REQUIRE(stacks.Create(&region));
    REQUIRE(table.Create(&region));
    REQUIRE(methods.Create(&region, &strings));
    REQUIRE(table.SetCalls(kCalls));
  }
  Region region;
  StringStore strings;
  FactStore facts;
  ImageTable images;
  StackStore stacks;
  MethodStore methods;
  FdTable table;
};

// A record of which every field is told by `signature`, so that a mixture of two is noticed.
inline CallRecord Record(int32_t signature) {
  CallRecord record = {};
  record.at_ns = signature;
  record.stack = static_cast<StackId>(signature);
  record.tid = signature;
  record.from_fd = signature;
  record.call = static_cast<CallId>(1);
  for (int32_t& argument : record.arguments) argument = signature;
  for (uint8_t& byte : record.address) byte = static_cast<uint8_t>(signature);
  return record;
}

inline bool IsWhole(const CallRecord& record) {
  const auto signature = static_cast<int32_t>(record.at_ns);
  CallRecord expected = Record(signature);
  bool whole = record.stack == expected.stack && record.tid == signature &&
               record.from_fd == signature && record.call == expected.call;
  for (int i = 0; i < kMaxArguments; ++i) whole = whole && record.arguments[i] == signature;
  return whole && std::memcmp(record.address, expected.address, sizeof(record.address)) == 0;
}

// This process's own memory, as if it were another's; `meddle` is called before each read.
class OwnMemory : public MemorySource {
 public:
  explicit OwnMemory(const RegionAnchor* anchor) {
    const auto low = reinterpret_cast<uint64_t>(anchor);
    ranges_.push_back({low, low + sizeof(*anchor), true, "/lib/libfdorigin.so"});
  }
  const std::string& name() const override { return name_; }
  const std::vector<MappedRange>& ranges() const override { return ranges_; }
  bool Read(uint64_t address, size_t bytes, void* to) const override {
    if (meddle) meddle();
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of this process
    std::memcpy(to, reinterpret_cast<const void*>(address), bytes);
    return true;
  }

  std::function<void()> meddle;

 private:
  std::string name_ = "process 1";
  std::vector<MappedRange> ranges_;
};

struct Anchor : RegionAnchor {
  explicit Anchor(const void* region) : RegionAnchor() {
    std::memcpy(magic, kRegionAnchorMagic, sizeof(magic));
    address.store(reinterpret_cast<uint64_t>(region));
  }
};

}  // namespace fdorigin

#endif  // FDORIGIN_NATIVE_TESTS_FORCE_OWN_TABLES_H_
