// What other viewers read says the same as the report: every descriptor counts once, where it was
// opened. (java-tests has the viewers' own programs and schema.)
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "catch2/catch_test_macros.hpp"
#include "cli/sample_report.h"
#include "convert/collapsed.h"
#include "convert/speedscope.h"
#include "model/read_report.h"
#include "nlohmann/json.hpp"

namespace fdorigin {
namespace {

using testing::Json;
using testing::SampleReport;

model::Report Parse(const Json& json) {
  auto report = model::ParseReport(json.dump(), "/srv/report.json");
  INFO(report.status().message());
  REQUIRE(report.ok());
  return *std::move(report);
}

// Stack to weight, as a reader of the format divides a line.
std::map<std::string, int> Collapsed(const Json& json) {
  std::map<std::string, int> stacks;
  std::istringstream lines(ToCollapsed(Parse(json)));
  for (std::string line; std::getline(lines, line);) {
    const size_t blank = line.rfind(' ');
    REQUIRE(blank != std::string::npos);
    CHECK(stacks.emplace(line.substr(0, blank), std::stoi(line.substr(blank + 1))).second);
  }
  return stacks;
}

TEST_CASE("a stack is collapsed from the outermost frame to the call, the unknown by what it is") {
  CHECK(Collapsed(SampleReport()) ==
        std::map<std::string, int>{
            {"JavaThread::run();com/example/Harbor.moor;sun/nio/ch/Net.socket0;"
             "Java_sun_nio_ch_Net_socket0;socket",
             1},
            {"[untraced]", 1},
            {"[inherited]", 1}});
}

TEST_CASE("equal stacks are one line with their number") {
  Json json = SampleReport();
  for (int fd = 10; fd < 30; ++fd) {
    Json copy = json["descriptors"][0];
    copy["fd"] = fd;
    json["descriptors"].push_back(copy);
  }
  const auto stacks = Collapsed(json);
  CHECK(stacks.size() == 3);
  CHECK(stacks.rbegin()->first == "[untraced]");
  CHECK(stacks.begin()->second == 21);
}

TEST_CASE("no name can add a frame or a line") {
  Json json = SampleReport();
  Json& frames = json["stacks"][0]["frames"];
  frames[0]["symbol"] = "core::slice::<[u8; 4]>::fill\nroot;evil 99";
  frames[1]["method"] = "a;b";
  const auto stacks = Collapsed(json);
  CHECK(stacks.size() == 3);
  CHECK(stacks.begin()->first ==
        "JavaThread::run();com/example/Harbor.moor;sun/nio/ch/Net.a:b;"
        "core::slice::<[u8: 4]>::fill\\x0aroot:evil 99;socket");
}

TEST_CASE("frames without names and gaps are said to be such") {
  Json json = SampleReport();
  Json& frames = json["stacks"][0]["frames"];
  frames[0].erase("symbol");
  frames[1]["gap"] = true;
  CHECK(Collapsed(json).begin()->first ==
        "JavaThread::run();com/example/Harbor.moor;[frames left out];sun/nio/ch/Net.socket0;"
        "libnio.so+0x8826;socket");
  json["descriptors"][0]["origin"].erase("stack");
  json["descriptors"][0].erase("culprit");
  CHECK(Collapsed(json).count("[no stack];socket") == 1);
}

TEST_CASE("speedscope gets all descriptors, and before them those that block") {
  Json json = SampleReport();
  const auto file = nlohmann::json::parse(ToSpeedscope(Parse(json)));
  CHECK(file["$schema"] == "https://www.speedscope.app/file-format-schema.json");
  CHECK(file["name"] == "report.json");
  REQUIRE(file["profiles"].size() == 2);
  const auto names = [&](const nlohmann::json& sample) {
    std::vector<std::string> frames;
    for (const size_t index : sample) frames.push_back(file["shared"]["frames"].at(index)["name"]);
    return frames;
  };
  const auto& blocking = file["profiles"][0];
  CHECK(blocking["weights"] == nlohmann::json{1});
  CHECK(blocking["endValue"] == 1);
  CHECK(names(blocking["samples"][0]) ==
        std::vector<std::string>{"JavaThread::run()", "com.example.Harbor.moor",
                                 "sun.nio.ch.Net.socket0", "Java_sun_nio_ch_Net_socket0",
                                 "socket"});
  const auto& all = file["profiles"][1];
  CHECK(all["endValue"] == 3);
  CHECK(names(all["samples"][2]) == std::vector<std::string>{"[inherited]"});
  const auto& moor = file["shared"]["frames"].at(blocking["samples"][0][1].get<size_t>());
  CHECK(moor["file"] == "Harbor.java");
  CHECK(moor["line"] == 9);
  // Without a checkpoint's failure there is one profile.
  json["descriptors"][0]["blocking"] = false;
  CHECK(nlohmann::json::parse(ToSpeedscope(Parse(json)))["profiles"].size() == 1);
}

}  // namespace
}  // namespace fdorigin
