// Which return addresses are a native method's.
#include "base/native_methods.h"

#include <catch2/catch_test_macros.hpp>

namespace fdorigin {
namespace {

constexpr ImageId kNet{3};
constexpr ImageId kNio{4};

struct Methods {
  Methods() {
    REQUIRE(region.Create(1 << 20));
    REQUIRE(methods.Create(&region));
  }
  Region region;
  NativeMethods methods;
};

TEST_CASE("a call is a native method's from its first byte to its last") {
  Methods fixture;
  NativeMethods& methods = fixture.methods;
  methods.Add(kNet, {{0x300, 0x310}, {0x100, 0x150}});
  // A return address is behind the call.
  CHECK_FALSE(methods.Contains(kNet, 0x100));
  CHECK(methods.Contains(kNet, 0x101));
  CHECK(methods.Contains(kNet, 0x150));
  CHECK_FALSE(methods.Contains(kNet, 0x151));
  CHECK(methods.Contains(kNet, 0x310));
  CHECK_FALSE(methods.Contains(kNet, 0x311));
  CHECK_FALSE(methods.Contains(kNet, 0));
}

TEST_CASE("another image's methods are its own") {
  Methods fixture;
  NativeMethods& methods = fixture.methods;
  CHECK_FALSE(methods.Contains(kNet, 0x110));
  methods.Add(kNet, {{0x100, 0x150}});
  methods.Add(kNio, {{0x400, 0x500}});
  CHECK_FALSE(methods.Contains(kNio, 0x110));
  CHECK(methods.Contains(kNio, 0x410));
  methods.Add(ImageId::kNone, {{0x600, 0x700}});
  CHECK_FALSE(methods.Contains(ImageId::kNone, 0x610));
}

TEST_CASE("a method with two names hides no other, and one without a size proves nothing") {
  Methods fixture;
  fixture.methods.Add(kNet, {{0x100, 0x120}, {0x100, 0x140}, {0x130, 0x130}, {0x140, 0x150}});
  CHECK(fixture.methods.Contains(kNet, 0x138));
  CHECK(fixture.methods.Contains(kNet, 0x148));
  CHECK_FALSE(fixture.methods.Contains(kNet, 0x151));
  fixture.methods.Add(kNio, {{0x100, 0x100}});
  CHECK_FALSE(fixture.methods.Contains(kNio, 0x101));
}

TEST_CASE("of more libraries than there is room for the first are known") {
  Methods fixture;
  for (uint16_t i = 1; i <= NativeMethods::kMaxImages + 1; ++i) {
    fixture.methods.Add(ImageId{i}, {{0x100, 0x150}});
  }
  CHECK(fixture.methods.Contains(ImageId{NativeMethods::kMaxImages}, 0x110));
  CHECK_FALSE(fixture.methods.Contains(ImageId{NativeMethods::kMaxImages + 1}, 0x110));
}

}  // namespace
}  // namespace fdorigin
