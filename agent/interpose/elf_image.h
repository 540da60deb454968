// A loaded ELF image, read from memory: where its imports are bound.
//
// Who calls it: the patcher, cold, under its lock, while the image is kept from being unloaded.
#ifndef FDORIGIN_AGENT_INTERPOSE_ELF_IMAGE_H_
#define FDORIGIN_AGENT_INTERPOSE_ELF_IMAGE_H_

#include <link.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/image_table.h"

namespace fdorigin {

class ElfImage {
 public:
  // From what dl_iterate_phdr says of an image. Reads program headers only.
  ElfImage(uint64_t load_bias, const ElfW(Phdr) * headers, int count);

  uint64_t low() const { return low_; }
  uint64_t high() const { return high_; }
  uint64_t load_bias() const { return load_bias_; }
  // Copies the GNU build-id, at most 20 bytes; returns its size, 0 where there is none.
  uint8_t BuildId(uint8_t* out) const;

  // Calls `visit` with the name and the slot of every undefined function symbol whose address the
  // dynamic linker writes into memory: PLT slots, GOT slots and pointers in data.
  void VisitImports(const std::function<void(const char* name, void** slot)>& visit) const;

  // Calls `visit` for every function symbol that the image defines and exports.
  void VisitExports(
      const std::function<void(const char* name, void* address, uint64_t size)>& visit) const;

  // The same for those of one name: several, where the function has several versions. Looks them up
  // by their hash.
  void FindExports(const char* name,
                   const std::function<void(void* address, uint64_t size)>& visit) const;

  // Calls `visit` for every segment that can be executed and read.
  void VisitCode(const std::function<void(std::span<const uint8_t> code)>& visit) const;

  // The page range the loader makes read-only after relocation; empty where there is none.
  bool IsReadOnlyAfterRelocation(const void* address) const;

 private:
  struct Dynamic;
  Dynamic ReadDynamic() const;

  const ElfW(Phdr) * headers_;
  int header_count_;
  uint64_t load_bias_;
  uint64_t low_ = ~uint64_t{0};
  uint64_t high_ = 0;
  uint64_t relro_low_ = 0;
  uint64_t relro_high_ = 0;
  const ElfW(Dyn) * dynamic_ = nullptr;
  const char* notes_ = nullptr;
  uint64_t notes_size_ = 0;
};

// Where a loaded image defines and exports the function, other than at `but`; null where none does.
void* FindExport(const char* name, const void* but = nullptr);

// Whether any loaded image defines and exports the function.
inline bool AnyImageExports(const char* name) { return FindExport(name) != nullptr; }

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_INTERPOSE_ELF_IMAGE_H_
