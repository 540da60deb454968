// Names for addresses inside ELF images.
//
// Who calls it: the dump, on one thread at a time, outside hook context; it allocates, opens files
// and closes them again before it returns.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_NATIVE_SYMBOLIZER_H_
#define FDORIGIN_AGENT_SYMBOLIZE_NATIVE_SYMBOLIZER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/image_table.h"
#include "base/string_store.h"
#include "symbolize/symbolized_frame.h"

namespace fdorigin {

class ElfSymbols;  // the functions and lines of one file

class NativeSymbolizer {
 public:
  // Where the file of an image can be read, and where its debug files are looked for. `file` is
  // empty where it cannot be read, or not told from another one of that path.
  struct Files {
    std::string file;
    std::string debug_root;
  };
  using FindFiles = std::function<Files(const Image& image, const std::string& path)>;

  // Without `find_files` files are those of this process.
  NativeSymbolizer(const ImageTable* images, const StringStore* strings, FindFiles find_files = {});
  ~NativeSymbolizer();

  // `frame.kind` is kNative. Symbol, file and line come from what ElfSymbols finds in the file and
  // its debug files. The looked-up address is frame.value - 1: a return address may be the first
  // byte of the next function. Module, offset and build-id are there without the file too; the
  // others are not, where the file is gone or has another build-id than the image in memory. An
  // address outside every image is in code that the JVM generated.
  SymbolizedFrame Symbolize(const Frame& frame);

 private:
  const ElfSymbols* SymbolsOf(ImageId id, const Image& image);

  const ImageTable* images_;
  const StringStore* strings_;
  FindFiles find_files_;
  // Null for an image without symbols.
  std::map<ImageId, std::unique_ptr<ElfSymbols>> symbols_;
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_NATIVE_SYMBOLIZER_H_
