#include "symbolize/native_symbolizer.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/spare_descriptors.h"
#include "symbolize/demangle.h"
#include "symbolize/elf_symbols.h"
#include "symbolize/hex.h"
#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

FrameOwner OwnerOf(ImageRole role) {
  switch (role) {
    case ImageRole::kSelf:
      return FrameOwner::kAgent;
    case ImageRole::kLibc:
    case ImageRole::kLoader:
      return FrameOwner::kLibc;
    case ImageRole::kJvm:
      return FrameOwner::kJvm;
    case ImageRole::kJdk:
      return FrameOwner::kJdk;
    case ImageRole::kOther:
      break;
  }
  return FrameOwner::kApplication;
}

std::string_view BuildIdOf(const Image& image) {
  return {reinterpret_cast<const char*>(image.build_id),
          std::min<size_t>(image.build_id_size, sizeof(image.build_id))};
}

}  // namespace

NativeSymbolizer::NativeSymbolizer(const ImageTable* images, const StringStore* strings,
                                   FindFiles find_files)
    : images_(images), strings_(strings), find_files_(std::move(find_files)) {}

NativeSymbolizer::~NativeSymbolizer() = default;

const ElfSymbols* NativeSymbolizer::SymbolsOf(ImageId id, const Image& image) {
  const auto [entry, is_new] = symbols_.try_emplace(id);
  if (is_new) {
    const std::string path(strings_->Get(image.path));
    // What has no path ("linux-vdso.so.1", "[vdso]") has no file.
    if (path.find('/') != std::string::npos) {
      WithSpareDescriptors([&](Table) {
        const Files files =
            find_files_ ? find_files_(image, path) : Files{path, ElfSymbols::kDebugRoot};
        entry->second = ElfSymbols::Read(files.file, BuildIdOf(image), files.debug_root);
      });
    }
  }
  return entry->second.get();
}

SymbolizedFrame NativeSymbolizer::Symbolize(const Frame& frame) {
  SymbolizedFrame named;
  named.kind = FrameKind::kNative;
  named.offset = frame.value;
  const Image* image = images_->Get(frame.image);
  if (image == nullptr) {
    named.owner = FrameOwner::kJvm;
    return named;
  }
  named.owner = OwnerOf(image->role);
  named.module = ToUtf8(strings_->Get(image->path));
  named.build_id = ToHex(BuildIdOf(*image));
  if (const ElfSymbols* symbols = SymbolsOf(frame.image, *image); symbols != nullptr) {
    named.symbol = Demangle(symbols->Find(frame.value - 1));
    if (const SourceLine source = symbols->LineOf(frame.value - 1); source.line != 0) {
      named.file = ToUtf8(source.file);
      named.line = source.line;
    }
  }
  return named;
}

}  // namespace fdorigin
