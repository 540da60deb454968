// What `fdorigin html` makes of a report, before any browser: that the report is in it whole, and
// that nothing of it is there to be read as HTML.
#include "html/page.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "catch2/catch_test_macros.hpp"
#include "cli/sample_report.h"
#include "html/page_data.h"
#include "libdeflate.h"
#include "model/read_report.h"

namespace fdorigin {
namespace {

using testing::Json;
using testing::SampleReport;

model::Report Parse(const std::string& text) {
  absl::StatusOr<model::Report> report = model::ParseReport(text, "sample");
  REQUIRE(report.ok());
  return *std::move(report);
}

// The data element of a page, inflated.
std::string DataOf(std::string_view page) {
  constexpr std::string_view kBegin = "id=\"data\">";
  const size_t begin = page.find(kBegin) + kBegin.size();
  const std::string base64(page.substr(begin, page.find('<', begin) - begin));
  std::string stream;
  REQUIRE(absl::Base64Unescape(base64, &stream));
  std::string text(1 << 20, '\0');
  size_t size = 0;
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  REQUIRE(libdeflate_zlib_decompress(decompressor, stream.data(), stream.size(), text.data(),
                                     text.size(), &size) == LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(decompressor);
  text.resize(size);
  return text;
}

TEST_CASE("page data has every fact of a report, and every text once", "[page]") {
  const std::string text = SampleReport().dump();
  const Json data = Json::parse(PageData(Parse(text)));
  const Json& strings = data["strings"];
  const auto string = [&strings](const Json& index) { return strings[index.get<size_t>()]; };
  for (size_t i = 0; i < strings.size(); ++i) {
    for (size_t j = 0; j < i; ++j) CHECK(strings[i] != strings[j]);
  }
  const Json& descriptors = data["descriptors"];
  CHECK(descriptors["fd"] == Json({7, 8, 9}));
  CHECK(descriptors["inode"] == Json({236832272, 5406738, 12}));
  CHECK(string(descriptors["kind"][0]) == "socket");
  CHECK(string(descriptors["reason"][1]) == "not seen by any hook");
  CHECK(descriptors["bits"] == Json({1, 0, 0}));
  CHECK(descriptors["origin"] == Json({0, -1, -1}));
  CHECK(descriptors["historyCount"] == Json({2, 0, 0}));

  const Json& calls = data["calls"];
  const size_t bind = descriptors["history"][0].get<size_t>();
  CHECK(string(calls["name"][0]) == "socket");
  CHECK(string(calls["name"][bind]) == "bind");
  CHECK(string(calls["name"][bind + 1]) == "listen");
  // 2026-11-21T21:56:43.089411Z, as `date --date=… +%s` has it.
  CHECK(data["epoch"].get<int64_t>() + calls["at"][0].get<int64_t>() == 1795298203089411);

  const Json& words = data["arguments"][calls["arguments"][bind].get<size_t>()];
  REQUIRE(words.size() == 4);
  CHECK(string(words[0]) == "sockfd");
  CHECK(string(words[1]) == "7");
  CHECK(string(words[3]) == "[::]:8080");

  REQUIRE(data["stacks"].size() == 1);
  REQUIRE(data["stacks"][0].size() == 4);
  const Json& frames = data["frames"];
  const size_t culprit = data["stacks"][0][2].get<size_t>();
  CHECK(descriptors["culprit"] == Json({culprit, -1, -1}));
  CHECK(string(frames["scope"][culprit]) == "com.example.Harbor");
  CHECK(frames["line"][culprit] == 9);
  CHECK(string(data["sockets"]["local"][0]) == "[::]:8080");
  CHECK(data["trigger"]["exception"]["suppressed"][0]["fd"] == 7);
}

TEST_CASE("page data keeps equal frames once, and what differs apart", "[page]") {
  Json report = SampleReport();
  Json second = report["stacks"][0];
  second["id"] = 2;
  second["frames"][2]["line"] = 10;
  report["stacks"].push_back(second);
  const Json data = Json::parse(PageData(Parse(report.dump())));
  const Json& stacks = data["stacks"];
  CHECK(stacks[0][0] == stacks[1][0]);
  CHECK(stacks[0][2] != stacks[1][2]);
  CHECK(data["frames"]["line"].size() == 5);
}

TEST_CASE("page data has numbers that JavaScript's are too small for as texts", "[page]") {
  Json report = SampleReport();
  report["descriptors"][2]["inode"] = 18446744073709551615u;
  report["stacks"][0]["frames"][0]["offset"] = 18446744073699065856u;  // the vsyscall page
  const Json data = Json::parse(PageData(Parse(report.dump())));
  const auto text = [&data](const Json& number) {
    return data["strings"][static_cast<size_t>(-2 - number.get<int64_t>())];
  };
  CHECK(data["descriptors"]["inode"][1] == 5406738);
  CHECK(text(data["descriptors"]["inode"][2]) == "18446744073709551615");
  CHECK(text(data["frames"]["offset"][0]) == "18446744073699065856");
}

TEST_CASE("page has the report whole, and no text of it as HTML", "[page]") {
  if (!CheckPage().ok()) SKIP("built without the page");
  Json report = SampleReport();
  report["process"]["hostname"] = "</script><script>alert(1)</script>@REPORT@";
  const model::Report parsed = Parse(report.dump());
  const absl::StatusOr<std::string> page = MakePage(parsed);
  REQUIRE(page.ok());
  CHECK(page->find("alert(1)") == std::string::npos);
  CHECK(page->find("@REPORT@") == std::string::npos);
  CHECK(DataOf(*page) == PageData(parsed));
  CHECK(Json::parse(DataOf(*page))["process"]["hostname"] == report["process"]["hostname"]);
}

TEST_CASE("page of a report with nothing in it", "[page]") {
  Json report = SampleReport();
  report["descriptors"] = Json::array();
  report["stacks"] = Json::array();
  report["trigger"] = {{"kind", "exit"}, {"thread", ""}};
  const Json data = Json::parse(PageData(Parse(report.dump())));
  CHECK(data["descriptors"]["fd"] == Json::array());
  CHECK(data["calls"]["at"] == Json::array());
  CHECK(data["epoch"] == 0);
}

}  // namespace
}  // namespace fdorigin
