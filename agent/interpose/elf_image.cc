#include "interpose/elf_image.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "arch/relocations.h"

namespace fdorigin {

ElfImage::ElfImage(uint64_t load_bias, const ElfW(Phdr) * headers, int count)
    : load_bias_(load_bias) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < count; ++i) {
    const ElfW(Phdr)& header = headers[i];
    const uint64_t start = load_bias + header.p_vaddr;
    switch (header.p_type) {
      case PT_LOAD:
        low_ = std::min(low_, start & ~(page - 1));
        high_ = std::max(high_, (start + header.p_memsz + page - 1) & ~(page - 1));
        break;
      case PT_DYNAMIC:
        dynamic_ = reinterpret_cast<const ElfW(Dyn)*>(start);
        break;
      case PT_GNU_RELRO:
        // Both ends are rounded down, as the loader does (glibc: _dl_protect_relro).
        relro_low_ = start & ~(page - 1);
        relro_high_ = (start + header.p_memsz) & ~(page - 1);
        break;
      case PT_NOTE:
        if (notes_ == nullptr || header.p_align == 4) {
          notes_ = reinterpret_cast<const char*>(start);
          notes_size_ = header.p_memsz;
        }
        break;
      default:
        break;
    }
  }
  if (low_ > high_) low_ = high_ = 0;
}

uint8_t ElfImage::BuildId(uint8_t* out) const {
  for (uint64_t at = 0; at + sizeof(ElfW(Nhdr)) <= notes_size_;) {
    const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(notes_ + at);
    const uint64_t name = at + sizeof(*note);
    const uint64_t content = name + ((note->n_namesz + 3u) & ~3u);
    const uint64_t next = content + ((note->n_descsz + 3u) & ~3u);
    if (next > notes_size_) return 0;
    if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
        std::memcmp(notes_ + name, "GNU", 4) == 0) {
      const uint32_t size = std::min(note->n_descsz, 20u);
      std::memcpy(out, notes_ + content, size);
      return static_cast<uint8_t>(size);
    }
    at = next;
  }
  return 0;
}

void ElfImage::VisitImports(const std::function<void(const char* name, void** slot)>& visit) const {
  if (dynamic_ == nullptr) return;
  const ElfW(Sym)* symbols = nullptr;
  const char* strings = nullptr;
  const ElfW(Rela) * tables[2] = {};
  uint64_t sizes[2] = {};
  bool with_addend = true;
  // The loader has made these addresses absolute for every image but the vDSO (glibc: _dl_map).
  const auto address = [this](ElfW(Addr) value) {
    return value < load_bias_ ? value + load_bias_ : value;
  };
  for (const ElfW(Dyn)* entry = dynamic_; entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
      case DT_SYMTAB:
        symbols = reinterpret_cast<const ElfW(Sym)*>(address(entry->d_un.d_ptr));
        break;
      case DT_STRTAB:
        strings = reinterpret_cast<const char*>(address(entry->d_un.d_ptr));
        break;
      case DT_JMPREL:
        tables[0] = reinterpret_cast<const ElfW(Rela)*>(address(entry->d_un.d_ptr));
        break;
      case DT_PLTRELSZ:
        sizes[0] = entry->d_un.d_val;
        break;
      case DT_PLTREL:
        with_addend = entry->d_un.d_val == DT_RELA;
        break;
      case DT_RELA:
        tables[1] = reinterpret_cast<const ElfW(Rela)*>(address(entry->d_un.d_ptr));
        break;
      case DT_RELASZ:
        sizes[1] = entry->d_un.d_val;
        break;
      default:
        break;
    }
  }
  if (symbols == nullptr || strings == nullptr || !with_addend) return;
  for (int table = 0; table < 2; ++table) {
    if (tables[table] == nullptr) continue;
    const uint64_t count = sizes[table] / sizeof(ElfW(Rela));
    for (uint64_t i = 0; i < count; ++i) {
      const ElfW(Rela)& relocation = tables[table][i];
      const auto type = static_cast<uint32_t>(ELF64_R_TYPE(relocation.r_info));
      if (type != kRelocationJumpSlot && type != kRelocationGlobDat && type != kRelocationPointer) {
        continue;
      }
      const ElfW(Sym)& symbol = symbols[ELF64_R_SYM(relocation.r_info)];
      if (symbol.st_shndx != SHN_UNDEF || symbol.st_name == 0) continue;
      visit(strings + symbol.st_name, reinterpret_cast<void**>(load_bias_ + relocation.r_offset));
    }
  }
}

bool ElfImage::IsReadOnlyAfterRelocation(const void* address) const {
  const auto at = reinterpret_cast<uint64_t>(address);
  return at >= relro_low_ && at < relro_high_;
}

}  // namespace fdorigin
