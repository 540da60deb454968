// A fuzzer of what reads and shows a report: whatever the bytes are, nothing crashes, and nothing
// that commands a terminal comes out. Run by scripts/fuzz.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "model/read_report.h"
#include "show/story.h"

// NOLINTNEXTLINE: libFuzzer gives it this name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using fdorigin::model::Descriptor;
  const auto report = fdorigin::model::ParseReport(
      std::string_view(reinterpret_cast<const char*>(data), size), "fuzzed");
  if (!report.ok()) {
    if (report.status().message().find('\n') != absl::string_view::npos) std::abort();
    return 0;
  }
  std::vector<const Descriptor*> descriptors;
  for (const Descriptor& descriptor : report->descriptors) descriptors.push_back(&descriptor);
  for (const size_t width : {40, 80}) {
    fdorigin::Sheet sheet(width, false);
    fdorigin::TellBeginning(*report, &sheet);
    for (const fdorigin::Alike& alike : fdorigin::GroupByStory(descriptors)) {
      fdorigin::TellStory(*report, alike, {.full = width == 40}, &sheet);
    }
    for (const char c : sheet.str()) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && byte != '\n') || byte == 0x7f) std::abort();
    }
  }
  return 0;
}
