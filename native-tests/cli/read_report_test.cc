// The reader of reports: what it takes, and that everything else is one clear line.
#include "model/read_report.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "catch2/catch_test_macros.hpp"
#include "catch2/matchers/catch_matchers_string.hpp"
#include "cli/sample_report.h"

namespace fdorigin::model {
namespace {

using Catch::Matchers::ContainsSubstring;
using testing::Json;
using testing::SampleReport;

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Report> report = ParseReport(text, "r.json");
  REQUIRE_FALSE(report.ok());
  CHECK(report.status().code() == absl::StatusCode::kDataLoss);
  CHECK(report.status().message().find('\n') == absl::string_view::npos);
  return std::string(report.status().message());
}

std::string ErrorOf(const Json& report) { return ErrorOf(report.dump()); }

TEST_CASE("a report is read key by key") {
  const absl::StatusOr<Report> report = ParseReport(SampleReport().dump(1), "r.json");
  INFO(report.status().message());
  REQUIRE(report.ok());
  CHECK(report->process.pid == 4711);
  CHECK(report->process.command_line.size() == 3);
  CHECK(report->trigger.suppressed.at(0).fd == 7);
  CHECK(report->coverage.libc_entries.at(0) == "socket");
  REQUIRE(report->descriptors.size() == 3);
  const Descriptor* listening = report->Find(7);
  REQUIRE(listening != nullptr);
  CHECK(listening->inode == 236832272);
  CHECK(listening->blocking);
  CHECK(listening->flags[0] == "nonblock");
  CHECK(listening->failures[0] == 0);
  CHECK(listening->socket->local == "[::]:8080");
  REQUIRE(listening->origin != nullptr);
  CHECK(listening->origin->call == "socket");
  CHECK(std::get<std::string_view>(listening->origin->arguments[0].value) == "AF_INET6");
  CHECK(std::get<int64_t>(listening->origin->arguments[2].value) == 0);
  CHECK(listening->history.size() == 2);
  CHECK(listening->advice->kind == "resource");
  REQUIRE(report->FrameOf(*listening) != nullptr);
  CHECK(report->FrameOf(*listening)->class_name == "com.example.Harbor");
  CHECK(report->StackOf(*listening->origin)->frames.size() == 4);
  CHECK(report->Find(8)->origin == nullptr);
  CHECK(report->Find(8)->reason == "not seen by any hook");
  CHECK(report->Find(10) == nullptr);
}

TEST_CASE("frames are told apart by whose code they are") {
  Json json = SampleReport();
  Json& frames = json["stacks"][0]["frames"];
  frames.push_back({{"kind", "native"}, {"module", "/usr/lib/libc.so.6"}, {"offset", 1}});
  frames.push_back({{"kind", "native"}, {"module", "/opt/jdk/lib/libodd.so"}, {"offset", 1}});
  frames.push_back({{"kind", "native"}, {"module", "/srv/libpier.so"}, {"offset", 1}});
  frames.push_back({{"kind", "java"},
                    {"class", "io.netty.channel.Channel"},
                    {"method", "m"},
                    {"signature", "()V"},
                    {"jar", "/srv/netty.jar"}});
  frames.push_back({{"kind", "java"},
                    {"class", "javax.mail.Session"},
                    {"method", "m"},
                    {"signature", "()V"},
                    {"jar", "/srv/mail.jar"}});
  const absl::StatusOr<Report> report = ParseReport(json.dump(), "r.json");
  REQUIRE(report.ok());
  std::vector<FrameOwner> owners;
  for (const Frame& frame : report->stacks[0].frames) owners.push_back(frame.owner);
  CHECK(owners == std::vector<FrameOwner>{
                      FrameOwner::kJdk, FrameOwner::kJdk, FrameOwner::kApplication,
                      FrameOwner::kJvm, FrameOwner::kLibc, FrameOwner::kJdk,
                      FrameOwner::kApplication, FrameOwner::kFramework, FrameOwner::kApplication});
}

TEST_CASE("keys that are not known are passed over, and minor versions read") {
  Json json = SampleReport();
  json["schemaVersion"] = "1.9";
  json["novelty"] = {{"deep", {1, 2, 3}}};
  json["descriptors"][0]["novelty"] = 1.5;
  CHECK(ParseReport(json.dump(), "r.json").ok());
}

TEST_CASE("a newer major version is refused by name") {
  Json json = SampleReport();
  json["schemaVersion"] = "2.0";
  CHECK_THAT(ErrorOf(json), ContainsSubstring("version 2.0"));
  json["schemaVersion"] = "10.0";
  CHECK_THAT(ErrorOf(json), ContainsSubstring("version 10.0"));
}

TEST_CASE("what is no report is said to be none") {
  CHECK_THAT(ErrorOf(std::string()), ContainsSubstring("it is empty"));
  CHECK_THAT(ErrorOf(std::string(" \n")), ContainsSubstring("it is empty"));
  CHECK_THAT(ErrorOf(std::string("\x7f"
                                 "ELF\x02")),
             ContainsSubstring("no JSON object"));
  CHECK_THAT(ErrorOf(std::string("[]")), ContainsSubstring("no JSON object"));
  CHECK_THAT(ErrorOf(std::string("{}")), ContainsSubstring("has no schemaVersion"));
  CHECK_THAT(ErrorOf(std::string("{\"schemaVersion\": NaN}")), ContainsSubstring("not valid JSON"));
  CHECK_THAT(ErrorOf(std::string("{\"a\": \"\xff\"}")), ContainsSubstring("not UTF-8"));
}

TEST_CASE("every way of cutting a report short is noticed") {
  const std::string text = SampleReport().dump();
  for (size_t size = 1; size < text.size(); ++size) {
    INFO(size);
    ErrorOf(text.substr(0, size));
  }
}

TEST_CASE("nesting without end is refused, not followed") {
  const std::string deep(100000, '[');
  CHECK_THAT(
      ErrorOf("{\"schemaVersion\": \"1.0\", \"a\": " + deep + std::string(100000, ']') + "}"),
      ContainsSubstring("nested too deep"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK_THAT(ErrorOf(objects + "1" + std::string(100000, '}')),
             ContainsSubstring("nested too deep"));
}

TEST_CASE("a key that is there twice is refused, wherever it is") {
  const std::string text = SampleReport().dump();
  for (const std::string key : {"\"fd\":7,", "\"call\":\"socket\",", "\"domain\":\"AF_INET6\",",
                                "\"pid\":4711,", "\"schemaVersion\":\"1.0\","}) {
    INFO(key);
    std::string twice = text;
    twice.insert(twice.find(key), key);
    CHECK_THAT(ErrorOf(twice), ContainsSubstring("twice"));
  }
}

TEST_CASE("an error says where it is") {
  Json json = SampleReport();
  json["descriptors"][0]["history"][1]["thread"]["tid"] = "12";
  CHECK_THAT(ErrorOf(json),
             ContainsSubstring(": descriptors[0].history[1].thread.tid is no number"));
  json = SampleReport();
  json["descriptors"][1].erase("kind");
  CHECK_THAT(ErrorOf(json), ContainsSubstring(": descriptors[1] has no kind"));
  json = SampleReport();
  json["stacks"][0]["frames"][2]["kind"] = "lost";
  CHECK_THAT(ErrorOf(json), ContainsSubstring(": stacks[0].frames[2] is neither"));
}

TEST_CASE("what refers to something that is not there is refused") {
  Json json = SampleReport();
  json["descriptors"][0]["origin"]["stack"] = 5;
  CHECK_THAT(ErrorOf(json), ContainsSubstring("origin.stack names the stack 5"));
  json = SampleReport();
  json["descriptors"][0]["culprit"]["frame"] = 4;
  CHECK_THAT(ErrorOf(json), ContainsSubstring("frame that is not there"));
  json = SampleReport();
  json["descriptors"][0]["failures"] = {1};
  CHECK_THAT(ErrorOf(json), ContainsSubstring("failures[0] is no index"));
  json = SampleReport();
  json["stacks"].push_back(json["stacks"][0]);
  CHECK_THAT(ErrorOf(json), ContainsSubstring("id 1 of another stack"));
  json = SampleReport();
  json["descriptors"].push_back(json["descriptors"][0]);
  CHECK_THAT(ErrorOf(json), ContainsSubstring("out of the order"));
}

TEST_CASE("numbers that fit nowhere are refused") {
  for (const char* number : {"-1", "1.5", "99999999999", "1e400", "null"}) {
    std::string text = SampleReport().dump();
    const std::string was = "\"fd\":8";
    text.replace(text.find(was), was.size(), std::string("\"fd\":") + number);
    INFO(number);
    ErrorOf(text);
  }
}

TEST_CASE("a key's name in an error cannot command a terminal") {
  Json json = SampleReport();
  json["descriptors"][0]["origin"]["arguments"]["\x1b[31m"] = nullptr;
  CHECK_THAT(ErrorOf(json), ContainsSubstring("\\x1b[31m"));
}

TEST_CASE("files are read, and what cannot be is said") {
  CHECK(ReadReport("/nowhere/r.json").status().code() == absl::StatusCode::kNotFound);
  CHECK(ReadReport("/").status().code() == absl::StatusCode::kNotFound);
  std::string path = "/tmp/fdorigin-read-XXXXXX";
  const int fd = mkstemp(path.data());
  REQUIRE(fd >= 0);
  const std::string text = SampleReport().dump();
  REQUIRE(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(fd);
  CHECK(ReadReport(path).ok());
  std::remove(path.c_str());
}

}  // namespace
}  // namespace fdorigin::model
