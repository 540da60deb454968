#include "html/page.h"

#include <memory>
#include <string_view>

#include "absl/strings/escaping.h"
#include "embedded/PageTemplate.h"
#include "html/page_data.h"
#include "libdeflate.h"

namespace fdorigin {
namespace {

constexpr std::string_view kMarker = "@REPORT@";
// Of libdeflate's 1 to 12. Higher ones take twice the time for some percent of the size.
constexpr int kCompression = 6;

absl::StatusOr<std::string> Deflate(std::string_view text) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(kCompression), libdeflate_free_compressor);
  if (compressor == nullptr) return absl::ResourceExhaustedError("no memory to compress the page");
  std::string stream(libdeflate_zlib_compress_bound(compressor.get(), text.size()), '\0');
  stream.resize(libdeflate_zlib_compress(compressor.get(), text.data(), text.size(), stream.data(),
                                         stream.size()));
  return stream;
}

}  // namespace

absl::Status CheckPage() {
  if (PageTemplate().empty()) {
    return absl::UnimplementedError(
        "this fdorigin was built without its page (FDORIGIN_PAGE=OFF); the other verbs show the "
        "same in the terminal");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> MakePage(const model::Report& report) {
  if (const absl::Status status = CheckPage(); !status.ok()) return status;
  const std::string_view page = PageTemplate();
  const size_t marker = page.find(kMarker);
  if (marker == std::string_view::npos) {
    return absl::InternalError("the page that was built into this fdorigin has no place for data");
  }
  absl::StatusOr<std::string> stream = Deflate(PageData(report));
  if (!stream.ok()) return stream;
  std::string result(page.substr(0, marker));
  result.append(absl::Base64Escape(*stream));
  result.append(page.substr(marker + kMarker.size()));
  return result;
}

}  // namespace fdorigin
