#include "interpose/elf_image.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "arch/relocations.h"

namespace fdorigin {

ElfImage::ElfImage(uint64_t load_bias, const ElfW(Phdr) * headers, int count)
    : headers_(headers), header_count_(count), load_bias_(load_bias) {
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

// What the dynamic section points to. The loader has made these addresses absolute for every image
// but the vDSO, which may be linked to any address: the last megabytes of all, for instance, so
// that its load bias is a negative one.
struct ElfImage::Dynamic {
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const ElfW(Rela) * tables[2] = {};  // PLT slots; all others
  uint64_t sizes[2] = {};
  uint64_t relative = 0;  // of all others, the first so many refer to no symbol
  bool with_addend = true;
  const uint32_t* hash = nullptr;
  const uint32_t* gnu_hash = nullptr;

  // How many dynamic symbols there are: only the hash tables tell.
  uint32_t SymbolCount() const {
    if (hash != nullptr) return hash[1];
    if (gnu_hash == nullptr) return 0;
    const uint32_t buckets = gnu_hash[0];
    const uint32_t first = gnu_hash[1];
    const uint32_t bloom_words = gnu_hash[2];
    const uint32_t* bucket = gnu_hash + 4 + bloom_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t* chain = bucket + buckets;
    uint32_t last = 0;
    for (uint32_t i = 0; i < buckets; ++i) last = std::max(last, bucket[i]);
    if (last < first) return first;
    while (!(chain[last - first] & 1)) ++last;
    return last + 1;
  }

  // Calls `visit` with each symbol of that name. False where there is no table to look it up in.
  template <typename Visit>
  bool LookUp(const char* name, Visit visit) const {
    if (gnu_hash == nullptr) return false;
    uint32_t wanted = 5381;
    for (const char* c = name; *c != '\0'; ++c) wanted = wanted * 33 + static_cast<uint8_t>(*c);
    const uint32_t first = gnu_hash[1];
    const uint32_t* bucket = gnu_hash + 4 + gnu_hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t* chain = bucket + gnu_hash[0];
    uint32_t at = gnu_hash[0] == 0 ? 0 : bucket[wanted % gnu_hash[0]];
    if (at < first) return true;
    // The lowest bit marks the last of a bucket.
    for (uint32_t found = 0; (found & 1) == 0; ++at) {
      found = chain[at - first];
      if ((found | 1) == (wanted | 1) && std::strcmp(strings + symbols[at].st_name, name) == 0) {
        visit(symbols[at]);
      }
    }
    return true;
  }
};

namespace {

bool IsFunction(const ElfW(Sym) & symbol) {
  return symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC;
}

}  // namespace

ElfImage::Dynamic ElfImage::ReadDynamic() const {
  Dynamic read;
  if (dynamic_ == nullptr) return read;
  const auto address = [this](ElfW(Addr) value) {
    return value >= low_ && value < high_ ? value : value + load_bias_;
  };
  for (const ElfW(Dyn)* entry = dynamic_; entry->d_tag != DT_NULL; ++entry) {
    const ElfW(Addr) at = address(entry->d_un.d_ptr);
    switch (entry->d_tag) {
      case DT_SYMTAB:
        read.symbols = reinterpret_cast<const ElfW(Sym)*>(at);
        break;
      case DT_STRTAB:
        read.strings = reinterpret_cast<const char*>(at);
        break;
      case DT_JMPREL:
        read.tables[0] = reinterpret_cast<const ElfW(Rela)*>(at);
        break;
      case DT_PLTRELSZ:
        read.sizes[0] = entry->d_un.d_val;
        break;
      case DT_PLTREL:
        read.with_addend = entry->d_un.d_val == DT_RELA;
        break;
      case DT_RELA:
        read.tables[1] = reinterpret_cast<const ElfW(Rela)*>(at);
        break;
      case DT_RELASZ:
        read.sizes[1] = entry->d_un.d_val;
        break;
      case DT_RELACOUNT:
        read.relative = entry->d_un.d_val;
        break;
      case DT_HASH:
        read.hash = reinterpret_cast<const uint32_t*>(at);
        break;
      case DT_GNU_HASH:
        read.gnu_hash = reinterpret_cast<const uint32_t*>(at);
        break;
      default:
        break;
    }
  }
  return read;
}

void ElfImage::VisitExports(
    const std::function<void(const char* name, void* address, uint64_t size)>& visit) const {
  const Dynamic dynamic = ReadDynamic();
  if (dynamic.symbols == nullptr || dynamic.strings == nullptr) return;
  const uint32_t count = dynamic.SymbolCount();
  for (uint32_t i = 1; i < count; ++i) {
    const ElfW(Sym)& symbol = dynamic.symbols[i];
    if (!IsFunction(symbol)) continue;
    visit(dynamic.strings + symbol.st_name, reinterpret_cast<void*>(load_bias_ + symbol.st_value),
          symbol.st_size);
  }
}

void ElfImage::FindExports(const char* name,
                           const std::function<void(void* address, uint64_t size)>& visit) const {
  const Dynamic dynamic = ReadDynamic();
  if (dynamic.symbols == nullptr || dynamic.strings == nullptr) return;
  const bool looked_up = dynamic.LookUp(name, [&](const ElfW(Sym) & symbol) {
    if (!IsFunction(symbol)) return;
    visit(reinterpret_cast<void*>(load_bias_ + symbol.st_value), symbol.st_size);
  });
  if (looked_up) return;
  VisitExports([&](const char* exported, void* address, uint64_t size) {
    if (std::strcmp(exported, name) == 0) visit(address, size);
  });
}

void ElfImage::VisitImports(const std::function<void(const char* name, void** slot)>& visit) const {
  const Dynamic dynamic = ReadDynamic();
  if (dynamic.symbols == nullptr || dynamic.strings == nullptr || !dynamic.with_addend) return;
  for (int table = 0; table < 2; ++table) {
    if (dynamic.tables[table] == nullptr) continue;
    const uint64_t count = dynamic.sizes[table] / sizeof(ElfW(Rela));
    // libjvm has a hundred thousand relative ones, and some hundred others.
    for (uint64_t i = table == 0 ? 0 : dynamic.relative; i < count; ++i) {
      const ElfW(Rela)& relocation = dynamic.tables[table][i];
      const auto type = static_cast<uint32_t>(ELF64_R_TYPE(relocation.r_info));
      if (type != kRelocationJumpSlot && type != kRelocationGlobDat && type != kRelocationPointer) {
        continue;
      }
      const ElfW(Sym)& symbol = dynamic.symbols[ELF64_R_SYM(relocation.r_info)];
      if (symbol.st_shndx != SHN_UNDEF || symbol.st_name == 0) continue;
      visit(dynamic.strings + symbol.st_name,
            reinterpret_cast<void**>(load_bias_ + relocation.r_offset));
    }
  }
}

void ElfImage::VisitCode(const std::function<void(std::span<const uint8_t> code)>& visit) const {
  for (int i = 0; i < header_count_; ++i) {
    const ElfW(Phdr)& header = headers_[i];
    if (header.p_type != PT_LOAD || (header.p_flags & (PF_R | PF_X)) != (PF_R | PF_X)) continue;
    visit({reinterpret_cast<const uint8_t*>(load_bias_ + header.p_vaddr), header.p_filesz});
  }
}

bool ElfImage::IsReadOnlyAfterRelocation(const void* address) const {
  const auto at = reinterpret_cast<uint64_t>(address);
  return at >= relro_low_ && at < relro_high_;
}

void* FindExport(const char* name, const void* but) {
  struct Search {
    const char* name;
    const void* but;
    void* found;
  } search = {name, but, nullptr};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* argument) {
        auto* wanted = static_cast<Search*>(argument);
        // Captures one pointer: nothing is allocated while the loader's lock is held.
        ElfImage(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum)
            .FindExports(wanted->name, [wanted](void* address, uint64_t) {
              if (address != wanted->but) wanted->found = address;
            });
        return wanted->found != nullptr ? 1 : 0;
      },
      &search);
  return search.found;
}

}  // namespace fdorigin
