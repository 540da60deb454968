#include "symbolize/demangle.h"

#include <cxxabi.h>
#include <libiberty/demangle.h>

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

// The demanglers recurse, and a longer name serves no reader.
constexpr size_t kMaxMangledBytes = 4096;

// What a Rust name becomes. References back into it let a few bytes stand for any length, and the
// demangler cannot be told to stop: when the room is full it is left by a jump.
struct RustName {
  std::array<char, 16 << 10> text;
  size_t size = 0;
  std::jmp_buf too_long;
};

extern "C" void AppendToRustName(const char* part, size_t bytes, void* opaque) {
  auto* name = static_cast<RustName*>(opaque);
  if (bytes > name->text.size() - name->size) std::longjmp(name->too_long, 1);
  std::memcpy(name->text.data() + name->size, part, bytes);
  name->size += bytes;
}

// No object with a destructor may be in this function: it is jumped into.
bool DemangleRust(const char* mangled, RustName* name) {
  if (setjmp(name->too_long) != 0) return false;
  return rust_demangle_callback(mangled, DMGL_NO_OPTS, &AppendToRustName, name) != 0;
}

std::optional<std::string> DemangleCpp(const char* mangled) {
  int status = 0;
  char* text = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  if (text == nullptr) return std::nullopt;
  std::string demangled = ToUtf8(text);
  std::free(text);
  return demangled;
}

}  // namespace

std::string Demangle(std::string_view symbol) {
  const std::string mangled(symbol);
  if (mangled.size() > kMaxMangledBytes) return ToUtf8(mangled);
  const bool looks_like_cpp = mangled.starts_with("_Z");
  if (looks_like_cpp || mangled.starts_with("_R")) {
    // Rust first: its older names are C++ names too, with the hash as their last part.
    RustName rust;
    if (DemangleRust(mangled.c_str(), &rust)) return ToUtf8({rust.text.data(), rust.size});
  }
  if (looks_like_cpp) {
    if (std::optional<std::string> cpp = DemangleCpp(mangled.c_str())) return *cpp;
  }
  return ToUtf8(mangled);
}

}  // namespace fdorigin
