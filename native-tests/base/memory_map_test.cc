// The map of this process, compared with the text that the kernel makes of it.
#include "base/memory_map.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace fdorigin {
namespace {

struct Line {
  uint64_t low = 0;
  uint64_t high = 0;
  std::string permissions;
  std::string path;
};

std::vector<Line> ReadLines() {
  std::vector<Line> lines;
  std::ifstream maps("/proc/self/maps");
  for (std::string text; std::getline(maps, text);) {
    Line line;
    char permissions[8] = {};
    char path[256] = {};
    if (std::sscanf(text.c_str(), "%lx-%lx %7s %*s %*s %*s %255s", &line.low, &line.high,
                    permissions, path) < 3) {
      continue;
    }
    line.permissions = permissions;
    line.path = path;
    lines.push_back(line);
  }
  return lines;
}

std::string PermissionsOf(const Mapping& mapping) {
  std::string text = "---p";
  if ((mapping.protection & PROT_READ) != 0) text[0] = 'r';
  if ((mapping.protection & PROT_WRITE) != 0) text[1] = 'w';
  if ((mapping.protection & PROT_EXEC) != 0) text[2] = 'x';
  if (mapping.shared) text[3] = 's';
  return text;
}

// Of pages that stay as they are while a test runs.
class Pages {
 public:
  Pages(size_t count, int protection, int flags)
      : size_(count * 4096),
        low_(static_cast<char*>(mmap(nullptr, size_, protection, flags | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(low_ != MAP_FAILED);
  }
  ~Pages() { munmap(low_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  char* low() const { return low_; }
  uint64_t address() const { return reinterpret_cast<uint64_t>(low_); }

 private:
  size_t size_;
  char* low_;
};

// How many of these addresses are answered otherwise than the text says: the first and the last
// byte of every mapping whose file or name tells that it does not move, and the byte behind.
int Disagreements(MemoryMap* map) {
  int count = 0;
  const std::vector<Line> lines = ReadLines();
  for (size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    if (line.path.find(".so") == std::string::npos && line.path != "[vdso]") continue;
    for (const uint64_t address : {line.low, line.high - 1}) {
      const std::optional<Mapping> found = map->Find(address);
      count += !found || found->low != line.low || found->high != line.high ||
               PermissionsOf(*found) != line.permissions;
    }
    const bool is_free = i + 1 == lines.size() || lines[i + 1].low > line.high;
    count += is_free && map->Find(line.high).has_value();
  }
  return count;
}

// From here on the kernel knows no ioctl, as an older one does not know this.
bool ForgetIoctl() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {static_cast<unsigned short>(std::size(code)), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

TEST_CASE("what is mapped where is what the kernel lists") {
  const bool list_first = GENERATE(false, true);
  MemoryMap map;
  REQUIRE(map.Open());
  if (list_first) CHECK_FALSE(map.Gaps().empty());
  CHECK(Disagreements(&map) == 0);
  CHECK_FALSE(map.Find(0));
  CHECK_FALSE(map.Find(UINT64_MAX));
}

TEST_CASE("a kernel that has to be read to the end says the same") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    MemoryMap map;
    const bool ready = ForgetIoctl() && map.Open();
    _exit(!ready ? 100 : Disagreements(&map));
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("several mappings allow what each of them allows") {
  const Pages pages(3, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  REQUIRE(mprotect(pages.low() + 4096, 4096, PROT_READ) == 0);
  MemoryMap map;
  REQUIRE(map.Open());
  const uint64_t low = pages.address();
  CHECK(map.Allows(low, low + 3 * 4096, PROT_READ));
  CHECK(map.Allows(low, low + 4096, PROT_READ | PROT_WRITE));
  CHECK_FALSE(map.Allows(low, low + 4097, PROT_READ | PROT_WRITE));
  CHECK_FALSE(map.Allows(low, low + 1, PROT_EXEC));
  CHECK_FALSE(map.Allows(0, 1, PROT_NONE));
  REQUIRE(map.Find(low + 4096));
  CHECK(map.Find(low + 4096)->high == low + 2 * 4096);
}

TEST_CASE("memory that is shared is told from private memory") {
  const Pages pages(1, PROT_READ, MAP_SHARED);
  const Pages own(1, PROT_READ, MAP_PRIVATE);
  MemoryMap map;
  REQUIRE(map.Open());
  CHECK(map.Find(pages.address())->shared);
  CHECK_FALSE(map.Find(own.address())->shared);
}

TEST_CASE("in a gap nothing is mapped, and nothing soon will grow into it") {
  MemoryMap map;
  REQUIRE(map.Open());
  const std::vector<Gap> gaps = map.Gaps();
  REQUIRE(gaps.size() > 2);
  for (const Line& line : ReadLines()) {
    const bool is_stack = line.path == "[stack]";
    const bool is_heap = line.path == "[heap]";
    if (line.path.find(".so") == std::string::npos && !is_stack && !is_heap) continue;
    const uint64_t low = is_stack ? line.low - (100 << 20) : line.low;
    const uint64_t high = is_heap ? line.high + (500 << 20) : line.high;
    INFO(line.path);
    for (const Gap& gap : gaps) CHECK((gap.high <= low || gap.low >= high));
  }
}

TEST_CASE("no descriptor is left") {
  const int before = dup(0);
  REQUIRE(before >= 0);
  close(before);
  {
    MemoryMap map;
    REQUIRE(map.Open());
    map.Gaps();
  }
  const int after = dup(0);
  close(after);
  CHECK(after == before);
}

}  // namespace
}  // namespace fdorigin
