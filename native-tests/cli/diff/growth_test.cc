// What grew between two reports, and what is no growth.
#include "diff/growth.h"

#include <string>

#include "catch2/catch_test_macros.hpp"
#include "cli/sample_report.h"
#include "model/read_report.h"

namespace fdorigin::diff {
namespace {

using testing::Json;
using testing::SampleReport;

model::Report Read(const Json& json) {
  absl::StatusOr<model::Report> report = model::ParseReport(json.dump(), "r.json");
  INFO(report.status().message());
  REQUIRE(report.ok());
  return *std::move(report);
}

// The sample with `count` more descriptors of the first one's origin.
Json Grown(int count, int from = 20) {
  Json json = SampleReport();
  for (int i = 0; i < count; ++i) {
    Json descriptor = json["descriptors"][0];
    descriptor["fd"] = from + i;
    descriptor["inode"] = 1000 + from + i;
    json["descriptors"].push_back(descriptor);
  }
  return json;
}

TEST_CASE("a leak is one group, with what was opened in between and how fast") {
  Json later = Grown(5);
  later["createdAt"] = "2026-11-21T22:40:09.726181Z";
  const model::Report before = Read(SampleReport());
  const model::Report after = Read(later);
  const Growth growth = Compare(before, after);
  CHECK(growth.same_process);
  CHECK(growth.seconds == 1800.0);
  REQUIRE(growth.groups.size() == 3);
  CHECK(growth.groups[0].growth() == 5);
  CHECK(growth.groups[0].before.size() == 1);
  CHECK(growth.groups[0].opened.size() == 5);
  CHECK(growth.groups[0].example().fd == 24);
  CHECK(growth.groups[1].growth() == 0);
  CHECK(growth.groups[1].opened.empty());
}

TEST_CASE("stacks are the same by what they hold, whatever their ids") {
  Json later = Grown(2);
  later["stacks"].insert(later["stacks"].begin(), Json{{"id", 77}, {"frames", Json::array()}});
  later["stacks"][1]["id"] = 900;
  for (Json& descriptor : later["descriptors"]) {
    if (!descriptor.contains("origin")) continue;
    descriptor["origin"]["stack"] = 900;
    descriptor["culprit"]["stack"] = 900;
    for (Json& call : descriptor["history"]) call["stack"] = 900;
  }
  const model::Report before = Read(SampleReport());
  const model::Report after = Read(later);
  CHECK(Compare(before, after).groups.at(0).before.size() == 1);
  later["stacks"][1]["frames"][2]["line"] = 10;
  const model::Report elsewhere = Read(later);
  const Growth growth = Compare(before, elsewhere);
  CHECK(growth.groups.at(0).before.empty());
  CHECK(growth.groups.back().growth() == -1);
}

TEST_CASE("replaced descriptors are opened ones, and no growth") {
  Json later = SampleReport();
  later["descriptors"][0]["inode"] = 99;
  const model::Report before = Read(SampleReport());
  const model::Report after = Read(later);
  const Growth growth = Compare(before, after);
  CHECK(growth.groups.at(0).growth() == 0);
  CHECK(growth.groups.at(0).opened.size() == 1);
}

TEST_CASE("what shrank and what vanished come last") {
  const model::Report before = Read(Grown(5));
  Json later = SampleReport();
  later["descriptors"].erase(2);
  const model::Report after = Read(later);
  const Growth growth = Compare(before, after);
  REQUIRE(growth.groups.size() == 3);
  CHECK(growth.groups[0].growth() == 0);
  CHECK(growth.groups[1].growth() == -1);
  CHECK(growth.groups[1].after.empty());
  CHECK(growth.groups[1].example().fd == 9);
  CHECK(growth.groups[2].growth() == -5);
}

TEST_CASE("another process has no rates") {
  for (const char* key : {"hostname", "startedAt", "pid"}) {
    INFO(key);
    Json later = Grown(1);
    later["createdAt"] = "2026-11-21T22:40:09.726181Z";
    later["process"]["hostname"] = key == std::string("hostname") ? "pier" : "harbor";
    if (key == std::string("startedAt")) later["process"][key] = "2026-11-21T21:00:02.000000Z";
    if (key == std::string("pid")) later["process"][key] = 4712;
    const model::Report before = Read(SampleReport());
    const model::Report after = Read(later);
    const Growth growth = Compare(before, after);
    CHECK_FALSE(growth.same_process);
    CHECK_FALSE(growth.seconds.has_value());
    CHECK(growth.groups.at(0).growth() == 1);
  }
}

TEST_CASE("a report by force may know the process by another number") {
  Json later = Grown(1);
  later["process"]["pid"] = 40;
  later["process"]["startedAt"] = "2026-11-21T21:00:00.010000Z";
  later["trigger"] = {{"kind", "force"}, {"thread", ""}};
  for (Json& descriptor : later["descriptors"]) {
    descriptor["blocking"] = false;
    descriptor.erase("failures");
  }
  const model::Report before = Read(SampleReport());
  const model::Report after = Read(later);
  CHECK(Compare(before, after).same_process);
}

}  // namespace
}  // namespace fdorigin::diff
