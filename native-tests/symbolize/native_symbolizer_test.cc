// What the report says of a native frame. The addresses come from nm or from the running program,
// the owners from the roles that the test gives.
#include "symbolize/native_symbolizer.h"

#include <dlfcn.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

#include "base/region.h"
#include "symbolize/files.h"

extern "C" __attribute__((noinline, used)) int fdorigin_test_solitary_crane(int legs) {
  __asm__ volatile("");
  return legs * 2;
}

namespace fdorigin {
namespace {

namespace fs = std::filesystem;

// The tables that the agent has, filled by hand.
struct Images {
  Images() {
    REQUIRE(region.Create(16 << 20));
    REQUIRE(strings.Create(&region));
    REQUIRE(table.Create(&region));
  }

  ImageId Add(const std::string& path, const std::string& build_id = "",
              ImageRole role = ImageRole::kOther) {
    Image image{};
    image.low = next_low;
    image.high = next_low + 0x100000;
    image.load_bias = next_low;
    image.path = strings.Intern(path);
    image.role = role;
    image.loaded = 1;
    image.build_id_size = static_cast<uint8_t>(build_id.size());
    REQUIRE(build_id.size() <= sizeof(image.build_id));
    std::memcpy(image.build_id, build_id.data(), build_id.size());
    next_low += 0x200000;
    const ImageId id = table.Add(image);
    REQUIRE(id != ImageId::kNone);
    return id;
  }

  Region region;
  StringStore strings;
  ImageTable table;
  uint64_t next_low = 0x10000000;
};

Frame NativeFrame(ImageId image, uint64_t value) {
  return {.value = value, .bci = 0, .image = image, .kind = FrameKind::kNative, .gap = 0};
}

TEST_CASE("a frame has its function, module, offset and build-id") {
  Images images;
  const std::string hex = BuildIdByReadelf(TEST_HERONRY);
  const ImageId id = images.Add(TEST_HERONRY, BytesOfHex(hex));
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  const NmSymbol local = InHeronry("heronry_local");
  const SymbolizedFrame frame = symbolizer.Symbolize(NativeFrame(id, local.low + 4));
  CHECK(frame.kind == FrameKind::kNative);
  CHECK(frame.symbol == "heronry_local");
  CHECK(frame.module == TEST_HERONRY);
  CHECK(frame.offset == local.low + 4);
  CHECK(frame.build_id == hex);
  CHECK(frame.owner == FrameOwner::kApplication);
}

TEST_CASE("a return address behind a function's last call belongs to that function") {
  Images images;
  const ImageId id = images.Add(TEST_HERONRY);
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  const NmSymbol before = InHeronry("heronry_unsized_first");
  const NmSymbol after = InHeronry("heronry_unsized_second");
  REQUIRE(after.low == before.low + 32);
  const SymbolizedFrame frame = symbolizer.Symbolize(NativeFrame(id, after.low));
  CHECK(frame.symbol == "heronry_unsized_first");
  CHECK(frame.offset == after.low);
}

TEST_CASE("a frame has the source line of its call, where the library has debug information") {
  Images images;
  const ImageId id = images.Add(TEST_HERONRY);
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  const NmSymbol caller = InHeronry("heronry_calls_local");
  for (uint64_t after = caller.low + 1; after <= caller.low + caller.size; ++after) {
    std::ostringstream command;
    command << TEST_ADDR2LINE " -e " TEST_HERONRY " 0x" << std::hex << after - 1;
    const SymbolizedFrame frame = symbolizer.Symbolize(NativeFrame(id, after));
    REQUIRE(frame.line);
    CHECK(frame.file + ":" + std::to_string(*frame.line) == LinesOf(command.str()).front());
  }

  const ScratchDirectory scratch;
  const fs::path without = scratch.path() / "libheronry.so";
  LinesOf(TEST_OBJCOPY " --strip-debug " TEST_HERONRY " '" + without.string() + "'");
  const SymbolizedFrame frame =
      symbolizer.Symbolize(NativeFrame(images.Add(without), caller.low + 1));
  CHECK(frame.symbol == "heronry_calls_local");
  CHECK(frame.file == "");
  CHECK(!frame.line);
}

TEST_CASE("C++ names are readable") {
  Images images;
  const ImageId id = images.Add(TEST_HERONRY);
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  const NmSymbol count = InHeronry("_ZN7heronry4Nest5CountEPKcm");
  CHECK(symbolizer.Symbolize(NativeFrame(id, count.low + 1)).symbol ==
        "heronry::Nest::Count(char const*, unsigned long)");
}

TEST_CASE("a function of the running program is found") {
  Dl_info info;
  auto* function = reinterpret_cast<void*>(&fdorigin_test_solitary_crane);
  REQUIRE(dladdr(function, &info) != 0);
  const uint64_t address =
      reinterpret_cast<uintptr_t>(function) - reinterpret_cast<uintptr_t>(info.dli_fbase);
  Images images;
  const ImageId id = images.Add("/proc/self/exe");
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  CHECK(symbolizer.Symbolize(NativeFrame(id, address + 1)).symbol ==
        "fdorigin_test_solitary_crane");
}

TEST_CASE("the owner is the image's role") {
  Images images;
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  for (const auto& [role, owner] :
       {std::pair{ImageRole::kOther, FrameOwner::kApplication},
        std::pair{ImageRole::kSelf, FrameOwner::kAgent},
        std::pair{ImageRole::kLibc, FrameOwner::kLibc},
        std::pair{ImageRole::kJvm, FrameOwner::kJvm}, std::pair{ImageRole::kJdk, FrameOwner::kJdk},
        std::pair{ImageRole::kLoader, FrameOwner::kLibc}}) {
    const ImageId id = images.Add(TEST_HERONRY, "", role);
    CHECK(symbolizer.Symbolize(NativeFrame(id, 0x1000)).owner == owner);
  }
  // Outside every image is code that the JVM made.
  const SymbolizedFrame nowhere = symbolizer.Symbolize(NativeFrame(ImageId::kNone, 0x1234));
  CHECK(nowhere.owner == FrameOwner::kJvm);
  CHECK(nowhere.offset == 0x1234);
  CHECK(nowhere.module == "");
  CHECK(nowhere.symbol == "");
}

TEST_CASE("a file that is gone or was replaced gives no symbol, but the rest") {
  Images images;
  const std::string hex = BuildIdByReadelf(TEST_HERONRY);
  const NmSymbol exported = InHeronry("heronry_exported");
  NativeSymbolizer symbolizer(&images.table, &images.strings);

  std::string other = BytesOfHex(hex);
  other[5] = static_cast<char>(~other[5]);
  const SymbolizedFrame replaced =
      symbolizer.Symbolize(NativeFrame(images.Add(TEST_HERONRY, other), exported.low + 1));
  CHECK(replaced.symbol == "");
  CHECK(replaced.module == TEST_HERONRY);
  CHECK(replaced.offset == exported.low + 1);
  CHECK(replaced.build_id.size() == 40);
  CHECK(replaced.build_id != hex);

  const SymbolizedFrame gone = symbolizer.Symbolize(
      NativeFrame(images.Add("/nonexistent/libheron.so", BytesOfHex(hex)), exported.low + 1));
  CHECK(gone.symbol == "");
  CHECK(gone.module == "/nonexistent/libheron.so");
  CHECK(gone.offset == exported.low + 1);
  CHECK(gone.build_id == hex);
}

TEST_CASE("an image without path is not looked up in the working directory") {
  const ScratchDirectory scratch;
  for (const char* name : {"linux-vdso.so.1", "[vdso]"}) {
    fs::copy_file(TEST_HERONRY, scratch.path() / name);
  }
  const fs::path before = fs::current_path();
  fs::current_path(scratch.path());
  Images images;
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  const uint64_t address = InHeronry("heronry_exported").low + 1;
  for (const char* name : {"linux-vdso.so.1", "[vdso]", ""}) {
    const SymbolizedFrame frame = symbolizer.Symbolize(NativeFrame(images.Add(name), address));
    CHECK(frame.symbol == "");
    CHECK(frame.module == name);
    CHECK(frame.offset == address);
  }
  fs::current_path(before);
}

TEST_CASE("a path that is not UTF-8 becomes text that a report can hold") {
  Images images;
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  CHECK(symbolizer
            .Symbolize(NativeFrame(images.Add("/opt/b\xfc"
                                              "cher.so"),
                                   1))
            .module ==
        "/opt/b\xef\xbf\xbd"
        "cher.so");
}

TEST_CASE("no descriptor stays open") {
  const auto open_descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  Images images;
  const ImageId id = images.Add(TEST_HERONRY);
  const ImageId self = images.Add("/proc/self/exe");
  const ImageId odd = images.Add("/dev/zero");
  NativeSymbolizer symbolizer(&images.table, &images.strings);
  const auto before = open_descriptors();
  for (const ImageId image : {id, self, odd}) symbolizer.Symbolize(NativeFrame(image, 0x1100));
  CHECK(open_descriptors() == before);
}

}  // namespace
}  // namespace fdorigin
