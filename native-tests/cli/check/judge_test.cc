// Verdicts: what each condition is about, and what excuses a finding.
#include "check/judge.h"

#include <string>
#include <vector>

#include "catch2/catch_test_macros.hpp"
#include "catch2/matchers/catch_matchers_string.hpp"
#include "check/fingerprint.h"
#include "check/matching.h"
#include "check/read_rules.h"
#include "cli/sample_report.h"
#include "model/read_report.h"

namespace fdorigin::check {
namespace {

using Catch::Matchers::ContainsSubstring;
using testing::Json;
using testing::SampleReport;

constexpr char kToday[] = "2026-11-22";

model::Report Read(const Json& json) {
  absl::StatusOr<model::Report> report = model::ParseReport(json.dump(), "r.json");
  INFO(report.status().message());
  REQUIRE(report.ok());
  return *std::move(report);
}

Rules RulesOf(const std::string& text) {
  absl::StatusOr<Rules> rules = ParseRules("version: 1\n" + text, "r.yaml");
  INFO(rules.status().message());
  REQUIRE(rules.ok());
  return *std::move(rules);
}

Verdict JudgeBy(const model::Report& report, const Rules& rules,
                const Baseline* baseline = nullptr) {
  return Judge(report, {.rules = &rules, .baseline = baseline, .today = kToday});
}

// The numbers of the sample's descriptors (7: a listening socket of Harbor's, 8: a file that was
// not seen, 9: an inherited pipe) about which an entry with these conditions is.
std::vector<int> About(const std::string& conditions, Json json = SampleReport()) {
  json["descriptors"].push_back(json["descriptors"][0]);
  Json& connected = json["descriptors"][3];
  connected["fd"] = 10;
  connected["blocking"] = false;
  connected.erase("failures");
  connected.erase("advice");
  connected["socket"]["state"] = "ESTABLISHED";
  connected["socket"]["local"] = "[::ffff:10.0.0.5]:40000";
  connected["socket"]["remote"] = "[::ffff:10.0.0.7]:5432";
  connected["origin"]["call"] = "accept4";
  const model::Report report = Read(json);
  const Rules rules = RulesOf("forbid:\n  - {name: n, " + conditions + "}\n");
  std::vector<int> numbers;
  Fingerprints fingerprints(report);
  for (const model::Descriptor& descriptor : report.descriptors) {
    if (Matches(rules.forbid[0].conditions, report, descriptor, fingerprints.Of(descriptor))) {
      numbers.push_back(descriptor.fd);
    }
  }
  return numbers;
}

using Numbers = std::vector<int>;

TEST_CASE("each condition is about some descriptors, and not about others") {
  CHECK(About("kind: socket") == Numbers{7, 10});
  CHECK(About("kind: [file, pipe]") == Numbers{8, 9});
  CHECK(About("kind: epoll").empty());
  CHECK(About("fd: 8") == Numbers{8});
  CHECK(About("fd: 8-10") == Numbers{8, 9, 10});
  CHECK(About("fd: [7, '9-9']") == Numbers{7, 9});
  CHECK(About("path: /etc/*") == Numbers{8});
  CHECK(About("path: /usr/*").empty());
  CHECK(About("local: '*:8080'") == Numbers{7});
  CHECK(About("remote: 10.0.0.0/24:5432") == Numbers{10});
  CHECK(About("address: '*:5432'") == Numbers{10});
  CHECK(About("address: 10.0.0.5") == Numbers{10});
  CHECK(About("local: '*:5432'").empty());
  CHECK(About("protocol: tcp") == Numbers{7, 10});
  CHECK(About("protocol: udp").empty());
  CHECK(About("state: LISTEN") == Numbers{7});
  CHECK(About("culprit: com.example.**") == Numbers{7, 10});
  CHECK(About("culprit: com.example.Harbor.moor") == Numbers{7, 10});
  CHECK(About("culprit: com.example.Pier").empty());
  CHECK(About("module: harbor.jar") == Numbers{7, 10});
  CHECK(About("module: /srv/**") == Numbers{7, 10});
  CHECK(About("module: pier.jar").empty());
  CHECK(About("call: accept4") == Numbers{10});
  CHECK(About("attribution: untraced") == Numbers{8});
  CHECK(About("attribution: [traced, inherited]") == Numbers{7, 9, 10});
  CHECK(About("advice: resource") == Numbers{7});
  CHECK(About("advice: jvm").empty());
  CHECK(About("failure: '**.CheckpointOpenSocketException'") == Numbers{7});
  CHECK(About("failure: '**.CheckpointOpenFileException'").empty());
}

TEST_CASE("all conditions of an entry must hold") {
  CHECK(About("kind: socket, state: LISTEN") == Numbers{7});
  CHECK(About("kind: file, state: LISTEN").empty());
  CHECK(About("culprit: com.example.**, remote: 10.0.0.7") == Numbers{10});
}

TEST_CASE("a deleted file is at the path that it had") {
  Json json = SampleReport();
  json["descriptors"][1]["target"] = "/etc/hostname (deleted)";
  CHECK(About("path: /etc/hostname", json) == Numbers{8});
  CHECK(About("path: '/etc/hostname (deleted)'", json) == Numbers{8});
}

TEST_CASE("a native culprit is known by its symbol and library") {
  Json json = SampleReport();
  json["stacks"][0]["frames"][2] = {
      {"kind", "native"}, {"symbol", "pier_open"}, {"module", "/srv/libpier.so"}, {"offset", 7}};
  CHECK(About("culprit: pier_*", json) == Numbers{7, 10});
  CHECK(About("module: libpier.so", json) == Numbers{7, 10});
  CHECK(About("module: libport.so", json).empty());
}

TEST_CASE("without rules, what blocks is a finding and nothing else") {
  const model::Report report = Read(SampleReport());
  const Verdict verdict = JudgeBy(report, {});
  REQUIRE(verdict.findings.size() == 1);
  CHECK(verdict.findings[0].offence == Offence::kBlocking);
  CHECK(verdict.findings[0].descriptors.at(0)->fd == 7);
  CHECK(verdict.checked == 1);
  CHECK(verdict.notices.empty());
}

TEST_CASE("with check: all, every descriptor must be allowed") {
  const model::Report report = Read(SampleReport());
  const Verdict verdict =
      JudgeBy(report, RulesOf("check: all\nallow:\n  - {name: pipes, kind: pipe}\n"));
  REQUIRE(verdict.findings.size() == 2);
  CHECK(verdict.findings[0].offence == Offence::kBlocking);
  CHECK(verdict.findings[1].offence == Offence::kNotAllowed);
  CHECK(verdict.findings[1].descriptors.at(0)->fd == 8);
  CHECK(verdict.allowed == 1);
}

TEST_CASE("what is forbidden is found, blocking or not, allowed or not") {
  const model::Report report = Read(SampleReport());
  const Verdict verdict = JudgeBy(report, RulesOf("allow:\n  - {name: all, fd: 0-100}\n"
                                                  "forbid:\n  - {name: no etc, path: /etc/**}\n"));
  REQUIRE(verdict.findings.size() == 1);
  CHECK(verdict.findings[0].offence == Offence::kForbidden);
  CHECK(verdict.findings[0].descriptors.at(0)->fd == 8);
  CHECK(verdict.allowed == 1);
}

TEST_CASE("a rule allows as many as it says, the lowest numbers first") {
  Json json = SampleReport();
  for (int fd = 20; fd < 25; ++fd) {
    json["descriptors"].push_back(json["descriptors"][0]);
    json["descriptors"].back()["fd"] = fd;
  }
  const model::Report report = Read(json);
  const Rules rules = RulesOf("allow:\n  - {name: few, kind: socket, atMost: 4}\n");
  const Verdict verdict = JudgeBy(report, rules);
  CHECK(verdict.allowed == 4);
  REQUIRE(verdict.findings.size() == 1);
  CHECK(verdict.findings[0].count == 2);
  CHECK(verdict.findings[0].descriptors.at(0)->fd == 23);
  CHECK(verdict.findings[0].rule == &rules.allow[0]);
  CHECK(JudgeBy(report, RulesOf("allow:\n  - {name: few, kind: socket, atMost: 6}\n"))
            .findings.empty());
}

TEST_CASE("a suppression holds through its last day, and not beyond") {
  const model::Report report = Read(SampleReport());
  for (const std::string day : {"2026-11-22", "2026-11-23", "9999-12-31"}) {
    const Rules rules =
        RulesOf("suppress:\n  - {culprit: com.example.**, reason: soon, until: " + day + "}\n");
    const Verdict verdict = JudgeBy(report, rules);
    CHECK(verdict.findings.empty());
    REQUIRE(verdict.excused.size() == 1);
    CHECK(verdict.excused[0].suppression == &rules.suppress[0]);
    CHECK(verdict.notices.empty());
  }
  const Verdict late =
      JudgeBy(report, RulesOf("suppress:\n  - {kind: socket, reason: soon, until: 2026-11-21}\n"));
  CHECK(late.findings.size() == 1);
  REQUIRE(late.notices.size() == 1);
  CHECK_THAT(late.notices[0].text, ContainsSubstring("ended on 2026-11-21"));
  CHECK(late.notices[0].place.line == 3);
}

TEST_CASE("rules that nothing needs are named with their lines") {
  const model::Report report = Read(SampleReport());
  const Verdict verdict =
      JudgeBy(report, RulesOf("allow:\n"
                              "  - {name: sockets, kind: socket}\n"
                              "  - {name: timers, kind: timerfd}\n"
                              "  - {name: covered, state: LISTEN}\n"
                              "forbid:\n"
                              "  - {name: memory, kind: memfd}\n"
                              "suppress:\n"
                              "  - {kind: epoll, reason: old, until: 2030-01-01}\n"));
  CHECK(verdict.findings.empty());
  REQUIRE(verdict.notices.size() == 4);
  CHECK_THAT(verdict.notices[0].text, ContainsSubstring("'timers'"));
  CHECK(verdict.notices[0].place.line == 4);
  CHECK_THAT(verdict.notices[1].text, ContainsSubstring("'covered'"));
  CHECK_THAT(verdict.notices[2].text, ContainsSubstring("'memory'"));
  CHECK_THAT(verdict.notices[3].text, ContainsSubstring("'old'"));
}

TEST_CASE("a failure that names no open descriptor is a finding, until a rule allows it") {
  Json json = SampleReport();
  json["trigger"]["exception"]["suppressed"].push_back(
      {{"class", "sun.nio.ch.EPollSelectorImpl$BusySelectorException"}, {"message", "keys"}});
  const model::Report report = Read(json);
  const Rules sockets = RulesOf("allow:\n  - {name: sockets, kind: socket}\n");
  const Verdict verdict = JudgeBy(report, sockets);
  REQUIRE(verdict.findings.size() == 1);
  CHECK(verdict.findings[0].offence == Offence::kFailure);
  CHECK(verdict.findings[0].message == "keys");
  CHECK(JudgeBy(report, RulesOf("allow:\n  - {name: sockets, kind: socket}\n"
                                "  - {name: selectors, failure: '**$BusySelectorException'}\n"))
            .findings.empty());
}

TEST_CASE("a failure of which nothing is known but itself is a finding") {
  Json json = SampleReport();
  json["descriptors"].erase(0);
  json["trigger"]["exception"] = {{"class", "org.eclipse.openj9.criu.SystemCheckpointException"},
                                  {"message", "Could not dump the JVM processes, err=-52"},
                                  {"suppressed", Json::array()}};
  const Verdict verdict = JudgeBy(Read(json), {});
  REQUIRE(verdict.findings.size() == 1);
  CHECK(verdict.findings[0].offence == Offence::kFailure);
}

TEST_CASE("a baseline excuses as many as it knows, and no more") {
  Json json = SampleReport();
  const model::Report before = Read(json);
  const Verdict first = JudgeBy(before, {});
  const absl::StatusOr<Baseline> baseline =
      ParseBaseline(WriteBaseline(BaselineOf(before, first)), "b.json");
  REQUIRE(baseline.ok());
  CHECK(JudgeBy(before, {}, &*baseline).findings.empty());
  CHECK(JudgeBy(before, {}, &*baseline).excused.size() == 1);

  json["descriptors"].push_back(json["descriptors"][0]);
  json["descriptors"].back()["fd"] = 20;
  json["descriptors"].back()["inode"] = 5;
  const model::Report after = Read(json);
  const Verdict second = JudgeBy(after, {}, &*baseline);
  REQUIRE(second.findings.size() == 1);
  CHECK(second.findings[0].descriptors.at(0)->fd == 20);
  CHECK(second.findings[0].known == 1);

  json["descriptors"].erase(3);
  json["descriptors"].erase(0);
  const model::Report fixed = Read(json);
  const Verdict third =
      JudgeBy(fixed, RulesOf("allow:\n  - {name: f, failure: '**'}\n"), &*baseline);
  CHECK(third.findings.empty());
  REQUIRE(third.notices.size() == 1);
  CHECK_THAT(third.notices[0].text, ContainsSubstring("socket() by com.example.Harbor.moor"));
}

TEST_CASE("what is no baseline is said to be none") {
  for (const char* text :
       {"", "[]", "{}", "{\"baselineVersion\":2,\"findings\":[]}", "{\"baselineVersion\":1}",
        "{\"baselineVersion\":1,\"findings\":[1]}",
        "{\"baselineVersion\":1,\"findings\":[{\"fingerprint\":\"x\",\"count\":1}]}",
        "{\"baselineVersion\":1,\"findings\":[{\"fingerprint\":\"0123456789abcdef\"}]}"}) {
    INFO(text);
    CHECK(ParseBaseline(text, "b.json").status().code() == absl::StatusCode::kDataLoss);
  }
  CHECK(ParseBaseline(std::string(1000000, '['), "b.json").status().code() ==
        absl::StatusCode::kDataLoss);
}

std::string FingerprintOf(const Json& json, int fd = 7) {
  const model::Report report = Read(json);
  return Fingerprints(report).Of(*report.Find(fd));
}

TEST_CASE("a fingerprint stays when numbers, inodes, lines and ids change") {
  const std::string fingerprint = FingerprintOf(SampleReport());
  Json json = SampleReport();
  json["descriptors"][0]["inode"] = 1;
  json["descriptors"][0]["target"] = "socket:[1]";
  json["descriptors"][0]["socket"]["local"] = "[::]:8081";
  json["descriptors"][0]["origin"]["at"] = "2027-01-01T00:00:00.000000Z";
  json["descriptors"][0]["origin"]["thread"]["tid"] = 1;
  json["stacks"][0]["frames"][2]["line"] = 1000;
  json["stacks"][0]["frames"][0]["offset"] = 1;
  json["descriptors"][0]["fd"] = 6;
  json["trigger"]["exception"]["suppressed"][0]["fd"] = 6;
  CHECK(FingerprintOf(json, 6) == fingerprint);
}

TEST_CASE("a fingerprint stays when the JVM names a lambda otherwise") {
  const auto with_lambda = [](const std::string& class_name, const std::string& method) {
    Json json = SampleReport();
    Json& frames = json["stacks"][0]["frames"];
    const Json frame = {
        {"kind", "java"}, {"class", class_name}, {"method", method}, {"signature", "()V"}};
    frames.insert(frames.begin() + 3, frame);
    return FingerprintOf(json);
  };
  const std::string fingerprint = with_lambda("com.example.Pier$$Lambda/0x00007f01", "lambda$go$0");
  CHECK(with_lambda("com.example.Pier$$Lambda/0x00007fff", "lambda$go$3") == fingerprint);
  CHECK(with_lambda("com.example.Pier$$Lambda$17", "lambda$go$1") == fingerprint);
  CHECK(with_lambda("com.example.Quay$$Lambda$17", "lambda$go$1") != fingerprint);
  CHECK(with_lambda("com.example.Pier", "go") != fingerprint);
}

TEST_CASE("a fingerprint changes with what it stands for") {
  const std::string fingerprint = FingerprintOf(SampleReport());
  Json json = SampleReport();
  json["descriptors"][0]["kind"] = "epoll";
  CHECK(FingerprintOf(json) != fingerprint);
  json = SampleReport();
  json["descriptors"][0]["origin"]["call"] = "socketpair";
  CHECK(FingerprintOf(json) != fingerprint);
  json = SampleReport();
  json["stacks"][0]["frames"][2]["method"] = "berth";
  CHECK(FingerprintOf(json) != fingerprint);
  json = SampleReport();
  json["stacks"][0]["frames"].push_back(json["stacks"][0]["frames"][2]);
  json["stacks"][0]["frames"].back()["method"] = "main";
  CHECK(FingerprintOf(json) != fingerprint);
  CHECK(FingerprintOf(SampleReport(), 8) != FingerprintOf(SampleReport(), 9));
}

TEST_CASE("a fingerprint is the same in every version and on every machine") {
  // Baselines are kept for years: a new value here breaks all of them. FNV-1a, of
  // "file\nuntraced\n/etc/hostname", by another implementation of it.
  CHECK(FingerprintOf(SampleReport(), 8) == "943ff6b2892e064a");
}

}  // namespace
}  // namespace fdorigin::check
