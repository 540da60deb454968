// The rules that are read from .eh_frame, for every row of every function of some libraries,
// compared with what readelf makes of them.
#include "arch/x86_64/eh_frame.h"

#include <link.h>
#include <stdio.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace fdorigin {
namespace {

struct Library {
  std::string path;
  uint64_t load_bias = 0;
};

// The loaded one whose path contains `name`; this program where it is empty.
Library Find(std::string_view name) {
  struct Search {
    std::string_view name;
    Library found;
  } search = {name, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* argument) {
        auto* wanted = static_cast<Search*>(argument);
        const std::string_view path = info->dlpi_name;
        if (wanted->name.empty() ? !path.empty()
                                 : path.find(wanted->name) == std::string_view::npos) {
          return 0;
        }
        wanted->found = {std::string(path.empty() ? "/proc/self/exe" : path), info->dlpi_addr};
        return 1;
      },
      &search);
  if (name.empty()) {
    char path[4096] = {};
    REQUIRE(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
    search.found.path = path;
  }
  return search.found;
}

// "rsp+16" is 16 of rsp; nothing where it is an expression.
std::optional<std::pair<std::string, int>> Place(const std::string& text) {
  const size_t sign = text.find_first_of("+-");
  if (sign == std::string::npos) return std::nullopt;
  return std::pair(text.substr(0, sign), std::atoi(text.c_str() + sign));
}

std::string Describe(const FrameRule& rule) {
  if (rule.kind == FrameRuleKind::kEnd) return "outermost";
  return (rule.cfa_from_fp ? "rbp+" : "rsp+") + std::to_string(rule.cfa_offset) +
         (rule.fp_saved ? ", rbp at " + std::to_string(rule.fp_offset) : "");
}

// A row as readelf prints it, in the words of Describe(); empty where it is of another form.
std::string Expected(const std::map<std::string, std::string>& row) {
  if (row.at("ra") == "u") return "outermost";
  const auto cfa = Place(row.at("CFA"));
  if (!cfa || (cfa->first != "rsp" && cfa->first != "rbp") || row.at("ra") != "c-8") return "";
  if (cfa->second >= 1 << 19) return "";  // a FrameRule has no room for it
  std::string text = row.at("CFA");
  const auto fp = row.find("rbp");
  if (fp == row.end() || fp->second == "u" || fp->second == "s") return text;
  const auto saved = Place(fp->second);
  if (!saved || saved->first != "c") return "";
  return text + ", rbp at " + std::to_string(saved->second);
}

struct Count {
  int rows = 0;       // of a form that is read
  int unread = 0;     // of these, not read all the same
  int outermost = 0;  // of these, where the return address is undefined
  int others = 0;     // of another form
  int wrong = 0;      // read as something else
  std::string first;  // of the wrong ones
};

Count CompareAll(const Library& library) {
  Count count;
  FILE* pipe = popen(("readelf --wide --debug-dump=frames-interp " + library.path).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string heading;
  bool signal_frame = false;
  std::string signal_cie;
  char buffer[1024];
  while (fgets(buffer, sizeof(buffer), pipe) != nullptr) {
    const std::string line = buffer;
    if (line.find(" CIE ") != std::string::npos || line.find(" FDE ") != std::string::npos) {
      heading.clear();
      // Those of signal handlers' callers are left to libunwind.
      if (line.find("\"zRS\"") != std::string::npos) signal_cie = "cie=" + line.substr(0, 8);
      signal_frame = !signal_cie.empty() && line.find(signal_cie) != std::string::npos;
      if (line.find(" CIE ") != std::string::npos) signal_frame = true;  // rows of no function
    } else if (line.find("   LOC ") == 0) {
      heading = line;
    } else if (!heading.empty() && line.size() > 16 && !signal_frame) {
      std::istringstream names(heading);
      std::istringstream values(line);
      std::map<std::string, std::string> row;
      std::string name;
      std::string value;
      while (names >> name && values >> value) {
        row[name] = value;
        if ((values >> std::ws).peek() == '(') values >> value;  // "r10 (r10)"
      }
      if (!row.contains("LOC") || !row.contains("CFA") || !row.contains("ra")) continue;
      const uint64_t pc = library.load_bias + std::strtoull(row["LOC"].c_str(), nullptr, 16);
      FrameRule rule;
      const bool read = ReadFrameRule(pc, /*interrupted=*/true, &rule);
      const std::string expected = Expected(row);
      (expected.empty() ? count.others : count.rows) += 1;
      if (expected == "outermost") ++count.outermost;
      if (!read && !expected.empty()) ++count.unread;
      if (read && Describe(rule) != expected) {
        ++count.wrong;
        if (count.first.empty()) count.first = row["LOC"] + ": " + Describe(rule) + ": " + line;
      }
    }
  }
  pclose(pipe);  // readelf's status is 1 where a separate file of debug information is missing
  return count;
}

}  // namespace

TEST_CASE("a rule that is read is readelf's, at every row of every function") {
  const Library library = Find(GENERATE("/libc.so", "/libstdc++.so", "/libm.so", ""));
  CAPTURE(library.path);
  REQUIRE(library.load_bias != 0);
  const Count count = CompareAll(library);
  CAPTURE(count.rows, count.others, count.first);
  CHECK(count.wrong == 0);
  CHECK(count.rows > 1000);
  // Whoever reads none is never wrong.
  CHECK(count.unread == 0);
  // _start of a program, in libc what a new thread begins with.
  if (library.path.find("/libc.so") != std::string::npos) CHECK(count.outermost > 0);
}

TEST_CASE(
    "a call at the end of a function is that function's, and an interrupted instruction not") {
  // Between rows of the same function the one before holds: the return address behind the first
  // instruction of a row belongs to it, and the row's own address as a return address does not.
  const Library library = Find("/libc.so");
  FILE* pipe = popen(("readelf --wide --debug-dump=frames-interp " + library.path).c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[1024];
  std::string before;
  int compared = 0;
  while (fgets(buffer, sizeof(buffer), pipe) != nullptr && compared < 1000) {
    char location[32];
    char cfa[32];
    int offset = 0;
    if (sscanf(buffer, "%16[0-9a-f] %31s", location, cfa) == 2 &&
        sscanf(cfa, "rsp+%d", &offset) == 1 && std::string(location).size() == 16) {
      FrameRule rule;
      const uint64_t pc = library.load_bias + std::strtoull(location, nullptr, 16);
      if (!before.empty() && ReadFrameRule(pc, /*interrupted=*/false, &rule)) {
        CHECK("rsp+" + std::to_string(rule.cfa_offset) == before);
        ++compared;
      }
      before = cfa;
    } else {
      before.clear();
    }
  }
  pclose(pipe);
  CHECK(compared == 1000);
}

TEST_CASE("there is no rule where no image is") {
  FrameRule rule;
  int on_stack = 0;
  CHECK_FALSE(ReadFrameRule(reinterpret_cast<uint64_t>(&on_stack), true, &rule));
  CHECK_FALSE(ReadFrameRule(0, true, &rule));
  CHECK_FALSE(ReadFrameRule(1, false, &rule));
}

}  // namespace fdorigin
