// Names of compilers. The pairs are those of the languages' documents: Rust RFC 2603 for _R, what
// rustc's documentation says of its older scheme, and the Itanium C++ ABI.
#include "symbolize/demangle.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace fdorigin {
namespace {

TEST_CASE("Rust's names are readable") {
  CHECK(Demangle("_RNvC6_123foo3bar") == "123foo::bar");
  CHECK(Demangle("_RNvNtNtCs1234_7mycrate3foo3bar3baz") == "mycrate::foo::bar::baz");
  CHECK(Demangle("_RINvNtC3std3mem8align_ofdE") == "std::mem::align_of::<f64>");
  CHECK(Demangle("_RINvNtC3std3mem8align_ofjE") == "std::mem::align_of::<usize>");
  CHECK(Demangle("_RNCNvC7mycrate4main0") == "mycrate::main::{closure#0}");
  CHECK(Demangle("_RNvXC7mycrateNtB2_3FooNtB2_3Bar3baz") == "<mycrate::Foo as mycrate::Bar>::baz");
  // The crate that made an instance, and what LLVM appends, are no part of the name.
  CHECK(Demangle("_RINvNtC3std3mem8align_ofjEC7mycrate") == "std::mem::align_of::<usize>");
  CHECK(Demangle("_RNvC6_123foo3bar.llvm.9D1C9369") == "123foo::bar");
}

TEST_CASE("Rust's older names are readable, without their hash") {
  CHECK(Demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE") == "core::fmt::Formatter::pad");
  CHECK(Demangle("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
                 "3bar17h930b740aa94f1d3aE") == "<Test + 'static as foo::Bar<Test>>::bar");
  CHECK(Demangle("_ZN5heron4nest17h0123456789abcdefE.llvm.1234567890") == "heron::nest");
}

TEST_CASE("C++ names are what they were") {
  CHECK(Demangle("_ZN7heronry4Nest5CountEPKcm") ==
        "heronry::Nest::Count(char const*, unsigned long)");
  CHECK(Demangle("_ZN5heron4nestEv") == "heron::nest()");
  // 'h' and sixteen digits are no hash where something follows: a parameter list.
  CHECK(Demangle("_ZN5heron17h0123456789abcdefEv") == "heron::h0123456789abcdef()");
}

TEST_CASE("what is no compiler's name stays as it is") {
  for (const std::string name :
       {"", "_", "_R", "_Z", "_ZN", "_RN", "_Rock", "_ZZZZ", "socket",
        "Java_sun_nio_ch_Net_socket0", "_RNvC6_123foo", "_RNvB_3foo", "_RYYYYYYYY"}) {
    CHECK(Demangle(name) == name);
  }
  CHECK(Demangle("caf\xe9") == "caf\xef\xbf\xbd");
}

// Rust's numbers in base 62: "_" is 0, "0_" is 1.
std::string Base62(size_t value) {
  if (value == 0) return "_";
  std::string digits;
  for (--value;; value /= 62) {
    digits.insert(digits.begin(),
                  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[value % 62]);
    if (value < 62) break;
  }
  return digits + "_";
}

TEST_CASE("a name that would become endless stays as it is") {
  // Tuples of ten, each of them the tuple before: references let a few bytes stand for all of it.
  std::string name = "_RINvC1a1b";
  size_t at = name.size() - 2;
  name += "ThhhhhhhhhhE";
  for (int level = 0; level < 12; ++level) {
    const std::string reference = "B" + Base62(at);
    at = name.size() - 2;
    name += "T";
    for (int i = 0; i < 10; ++i) name += reference;
    name += "E";
    // Small enough at first, which shows that the references are right.
    if (level == 0) {
      CHECK(
          Demangle(name + "E").starts_with("a::b::<(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8), ((u"));
    }
  }
  name += "E";
  CHECK(Demangle(name) == name);
  CHECK(Demangle("_RNvC1a1b") == "a::b");

  const std::string deep = "_RINvC1a1b" + std::string(4000, 'R') + "hE";
  CHECK(Demangle(deep) == deep);
  const std::string long_one = "_Z" + std::to_string(20000) + std::string(20000, 'x') + "v";
  CHECK(Demangle(long_one) == long_one);
}

}  // namespace
}  // namespace fdorigin
