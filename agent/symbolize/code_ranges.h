// Where the code of an ELF file is.
//
// Who calls it: what reads symbols and line tables. A debug file has no code but the headers of its
// sections, and they are enough.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_CODE_RANGES_H_
#define FDORIGIN_AGENT_SYMBOLIZE_CODE_RANGES_H_

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace fdorigin {

class CodeRanges {
 public:
  explicit CodeRanges(const std::vector<Elf64_Shdr>& sections) {
    for (const Elf64_Shdr& section : sections) {
      constexpr uint64_t kCode = SHF_ALLOC | SHF_EXECINSTR;
      if ((section.sh_flags & kCode) == kCode && section.sh_size > 0 &&
          section.sh_size <= ~section.sh_addr) {
        ranges_.push_back({section.sh_addr, section.sh_addr + section.sh_size});
      }
    }
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.low < b.low; });
  }

  // One past the last address of the section that holds `address`; 0 where it is no code.
  uint64_t EndOf(uint64_t address) const {
    auto holder =
        std::upper_bound(ranges_.begin(), ranges_.end(), address,
                         [](uint64_t value, const Range& range) { return value < range.low; });
    if (holder == ranges_.begin()) return 0;
    --holder;
    return address < holder->high ? holder->high : 0;
  }

 private:
  struct Range {
    uint64_t low;
    uint64_t high;
  };
  std::vector<Range> ranges_;  // ordered by `low`
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_CODE_RANGES_H_
