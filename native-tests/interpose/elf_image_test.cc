// What ElfImage reads of an image that this machine's loader and kernel do not make.
#include "interpose/elf_image.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace fdorigin {
namespace {

std::set<std::string> ExportsOf(const ElfImage& image) {
  std::set<std::string> names;
  image.VisitExports([&](const char* name, void*, uint64_t) { names.insert(name); });
  return names;
}

// The kernel's vDSO, copied, as if it had been linked to `base`: kernels before 3.16 have it in the
// last megabytes of the address space, and user-mode Linux has it there still.
class RelinkedVdso {
 public:
  explicit RelinkedVdso(uint64_t base) {
    const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(getauxval(AT_SYSINFO_EHDR));
    REQUIRE(header != nullptr);
    const auto* first = reinterpret_cast<const char*>(header);
    const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(first + header->e_phoff);
    headers_.assign(headers, headers + header->e_phnum);
    uint64_t size = 0;
    for (const ElfW(Phdr) & each : headers_) {
      if (each.p_type == PT_LOAD) size = std::max<uint64_t>(size, each.p_vaddr + each.p_memsz);
    }
    bytes_.assign(first, first + size);
    for (ElfW(Phdr) & each : headers_) {
      if (each.p_type == PT_DYNAMIC) Relink(each.p_vaddr, base);
      each.p_vaddr += base;
    }
    image_ = ElfImage(reinterpret_cast<uint64_t>(bytes_.data()) - base, headers_.data(),
                      static_cast<int>(headers_.size()));
  }
  RelinkedVdso(const RelinkedVdso&) = delete;
  RelinkedVdso& operator=(const RelinkedVdso&) = delete;

  const ElfImage& image() const { return image_; }

 private:
  void Relink(uint64_t dynamic, uint64_t base) {
    for (auto* entry = reinterpret_cast<ElfW(Dyn)*>(bytes_.data() + dynamic);
         entry->d_tag != DT_NULL; ++entry) {
      const bool is_address = entry->d_tag == DT_SYMTAB || entry->d_tag == DT_STRTAB ||
                              entry->d_tag == DT_HASH || entry->d_tag == DT_GNU_HASH;
      if (is_address) entry->d_un.d_ptr += base;
    }
  }

  std::vector<ElfW(Phdr)> headers_;
  std::vector<char> bytes_;
  ElfImage image_{0, nullptr, 0};
};

TEST_CASE("an image whose load bias is negative is read where it is") {
  const RelinkedVdso vdso(0xffffffffff700000);
  CHECK(ExportsOf(vdso.image()).contains("__vdso_clock_gettime"));
}

TEST_CASE("an image that nobody relocated is read where it is") {
  const RelinkedVdso vdso(0);
  CHECK(ExportsOf(vdso.image()).contains("__vdso_clock_gettime"));
}

}  // namespace
}  // namespace fdorigin
