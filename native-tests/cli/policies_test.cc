// A draft says what the checkpoint's own parser would take it to say: it is read here by the
// grammar of CRaC's documentation and of nothing else.
#include <algorithm>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "catch2/catch_test_macros.hpp"
#include "cli/sample_report.h"
#include "model/read_report.h"
#include "policies/draft.h"
#include "policies/rule.h"

namespace fdorigin {
namespace {

using testing::Json;
using testing::SampleCall;
using testing::SampleReport;

using Rules = std::vector<std::map<std::string, std::string>>;

std::string Trim(const std::string& text) {
  const auto is_space = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  const auto begin = std::find_if_not(text.begin(), text.end(), is_space);
  const auto end = std::find_if_not(text.rbegin(), text.rend(), is_space).base();
  return begin < end ? std::string(begin, end) : std::string();
}

// Rules between lines that are `---`; blank lines and those with # are passed over; every other
// line has a colon and a blank, the first of which divide it; type and action are a must.
Rules ParsePolicies(const std::string& text) {
  Rules rules(1);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = Trim(line);
    if (line == "---") {
      rules.emplace_back();
    } else if (!line.empty() && line[0] != '#') {
      const size_t colon = line.find(": ");
      INFO(line);
      REQUIRE(colon != std::string::npos);
      rules.back()[Trim(line.substr(0, colon))] = Trim(line.substr(colon + 2));
    }
  }
  std::erase_if(rules, [](const auto& rule) { return rule.empty(); });
  for (const auto& rule : rules) {
    REQUIRE(rule.contains("type"));
    REQUIRE(rule.contains("action"));
  }
  return rules;
}

class Draft {
 public:
  Draft() : json_(SampleReport()) {
    json_["descriptors"] = Json::array();
    json_["trigger"]["exception"]["suppressed"] = Json::array();
  }

  // A descriptor, and the message that the checkpoint had for it.
  Draft& Add(const std::string& exception, const std::string& message, Json descriptor) {
    Json& suppressed = json_["trigger"]["exception"]["suppressed"];
    const int fd = 10 + static_cast<int>(json_["descriptors"].size());
    Json whole = {{"fd", fd},
                  {"kind", "socket"},
                  {"inode", 1000 + fd},
                  {"target", "socket:[" + std::to_string(1000 + fd) + "]"},
                  {"flags", Json::array()},
                  {"attribution", "traced"},
                  {"blocking", true},
                  {"failures", {suppressed.size()}},
                  {"origin", SampleCall("socket", 1)},
                  {"history", Json::array()},
                  {"advice", {{"kind", "resource"}, {"text", "Close it."}}}};
    whole.update(descriptor);
    json_["descriptors"].push_back(whole);
    suppressed.push_back({{"class", exception}, {"message", message}});
    return *this;
  }

  Json& json() { return json_; }

  PoliciesDraft Make() const {
    const auto report = model::ParseReport(json_.dump(), "report.json");
    INFO(report.status().message());
    REQUIRE(report.ok());
    return DraftPolicies(*report);
  }

  Rules Parsed() const { return ParsePolicies(Make().text); }

 private:
  Json json_;
};

constexpr const char* kSocketException =
    "jdk.internal.crac.mirror.impl.CheckpointOpenSocketException";
constexpr const char* kFileException = "jdk.internal.crac.mirror.impl.CheckpointOpenFileException";
constexpr const char* kResourceException =
    "jdk.internal.crac.mirror.impl.CheckpointOpenResourceException";

Json Tcp(const std::string& state, const std::string& local, const std::string& remote,
         const std::string& protocol = "tcp") {
  return {{"socket",
           {{"family", "ipv6"},
            {"type", protocol == "tcp" ? "stream" : "dgram"},
            {"protocol", protocol},
            {"state", state},
            {"local", local},
            {"remote", remote}}}};
}

Json File(const std::string& target) { return {{"kind", "file"}, {"target", target}}; }

TEST_CASE("who listens is opened again, by its port") {
  const Draft draft = Draft().Add(kSocketException, "sun.nio.ch.ServerSocketChannelImpl[]",
                                  Tcp("LISTEN", "[::]:8080", ""));
  CHECK(draft.Parsed() == Rules{{{"type", "socket"},
                                 {"localPort", "8080"},
                                 {"listening", "true"},
                                 {"action", "reopen"}}});
}

TEST_CASE("a connection to somebody is closed, by his numeric address") {
  const Draft draft =
      Draft().Add(kSocketException, "Socket[addr=db/10.0.0.7,port=5432,localport=1]",
                  Tcp("ESTABLISHED", "[::ffff:10.0.0.2]:1", "[::ffff:10.0.0.7]:5432"));
  CHECK(draft.Parsed() == Rules{{{"type", "socket"},
                                 {"remoteAddress", "10.0.0.7"},
                                 {"remotePort", "5432"},
                                 {"action", "close"}}});
}

TEST_CASE("accepted connections come before who accepted them") {
  Json accepted = Tcp("ESTABLISHED", "[::1]:8080", "[::1]:4711");
  accepted["origin"] = SampleCall("accept", 1);
  const Draft draft =
      Draft()
          .Add(kSocketException, "sun.nio.ch.ServerSocketChannelImpl[]",
               Tcp("LISTEN", "[::]:8080", ""))
          .Add(kSocketException, "java.nio.channels.SocketChannel[connected]", accepted);
  const Rules rules = draft.Parsed();
  REQUIRE(rules.size() == 2);
  CHECK(rules[0] == std::map<std::string, std::string>{{"type", "socket"},
                                                       {"localPort", "8080"},
                                                       {"listening", "false"},
                                                       {"action", "close"}});
  CHECK(rules[1].at("action") == "reopen");
}

TEST_CASE("alike connections have one rule, and no more than eight are named") {
  Draft draft;
  for (int i = 0; i < 1000; ++i) {
    draft.Add(kSocketException, "Socket[…]",
              Tcp("ESTABLISHED", "10.0.0.2:" + std::to_string(1000 + i), "10.0.0.7:5432"));
  }
  const PoliciesDraft made = draft.Make();
  CHECK(ParsePolicies(made.text).size() == 1);
  CHECK(made.rules == 1);
  CHECK(made.text.find("and 992 more") != std::string::npos);
}

TEST_CASE("a port that the kernel chose is said to be one") {
  Json listening = Tcp("LISTEN", "[::]:40123", "");
  listening["history"] = {SampleCall("bind", 1, {{"sockfd", 10}, {"addr", "[::]:0"}})};
  constexpr std::string_view kSaid = "The kernel chose this port";
  CHECK(Draft().Add(kSocketException, "Socket[]", listening).Make().text.find(kSaid) !=
        std::string::npos);
  listening["history"] = {SampleCall("bind", 1, {{"sockfd", 10}, {"addr", "[::]:40123"}})};
  CHECK(Draft().Add(kSocketException, "Socket[addr=", listening).Make().text.find(kSaid) ==
        std::string::npos);
}

TEST_CASE("a file is opened again at its path, as Java has it") {
  const Draft draft = Draft().Add(kFileException, "logs/a.txt", File("/srv/logs/a.txt"));
  CHECK(draft.Parsed() == Rules{{{"type", "file"}, {"path", "logs/a.txt"}, {"action", "reopen"}}});
  CHECK(Draft().Add(kFileException, "/a", File("/a (deleted)")).Parsed()[0].at("action") ==
        "close");
  Json fifo = File("/a");
  fifo["kind"] = "fifo";
  CHECK(Draft().Add(kFileException, "/a", fifo).Parsed()[0].at("action") == "close");
}

TEST_CASE("a name that a line cannot have becomes a comment") {
  for (const std::string name : {"/tmp/a\nb", "/tmp/a\rb", "/tmp/\x1b[31m", "/tmp/\xe2\x80\xaetxt",
                                 "/tmp/\\xff", "/tmp/\xef\xbf\xbd"}) {
    INFO(name);
    const PoliciesDraft made = Draft().Add(kFileException, name, File(name)).Make();
    CHECK(ParsePolicies(made.text).empty());
    CHECK(made.out_of_reach == 1);
    CHECK(made.text.find("No rule can be written") != std::string::npos);
    CHECK(std::all_of(made.text.begin(), made.text.end(),
                      [](char c) { return c == '\n' || static_cast<unsigned char>(c) >= ' '; }));
  }
}

TEST_CASE("a glob has its signs escaped, and blanks that would be trimmed in brackets") {
  CHECK(ExactGlob("/a*b?c") == "/a\\*b\\?c");
  CHECK(ExactGlob("/{x,y}[0-9]") == "/\\{x,y\\}\\[0-9\\]");
  CHECK(ExactGlob("/a\\b") == "/a\\\\b");
  CHECK(ExactGlob(" a b ") == "[ ]a b[ ]");
  CHECK(ExactGlob("/#: ---") == "/#: ---");
}

TEST_CASE("a raw FileDescriptor is told by what the JDK says of it") {
  Draft draft;
  draft.Add(kResourceException, "FileDescriptor 7: regular: /srv/a+b.lock", File("/srv/a+b.lock"));
  const Rules rules = draft.Parsed();
  REQUIRE(rules.size() == 1);
  CHECK(rules[0].at("type") == "filedescriptor");
  CHECK(rules[0].at("regex") == "^\\Qregular: /srv/a+b.lock\\E$");
  CHECK(rules[0].at("action") == "close");
}

TEST_CASE("a pipe is closed, also where its message names no descriptor") {
  Draft draft;
  draft.Add(kResourceException, "sun.nio.ch.PipeImpl@1f",
            {{"kind", "pipe"}, {"target", "pipe:[1]"}});
  const Rules expected = {{{"type", "pipe"}, {"action", "close"}}};
  CHECK(draft.Parsed() == expected);
  draft.json()["descriptors"] = Json::array();
  CHECK(draft.Parsed() == expected);
}

TEST_CASE("unix sockets are told by the end that has a name") {
  const auto unix_socket = [](const std::string& local, const std::string& remote) {
    return Json{{"socket",
                 {{"family", "unix"},
                  {"type", "stream"},
                  {"protocol", "unix"},
                  {"state", remote.empty() ? "LISTEN" : "ESTABLISHED"},
                  {"local", local},
                  {"remote", remote}}}};
  };
  const auto drafted = [&](const std::string& local, const std::string& remote) {
    return Draft().Add(kSocketException, "sun.nio.ch.SocketChannelImpl[…]",
                       unix_socket(local, remote));
  };
  CHECK(drafted("", "/run/a*.sock").Parsed() == Rules{{{"type", "socket"},
                                                       {"family", "unix"},
                                                       {"remotePath", "/run/a\\*.sock"},
                                                       {"action", "close"}}});
  CHECK(drafted("/run/b", "").Parsed()[0].at("localPath") == "/run/b");
  CHECK(drafted("", "").Parsed().empty());
  CHECK(drafted("/run/\\x0A", "").Parsed().empty());
}

TEST_CASE("what the VM's scan found, or a selector has, gets no rule but its remedy") {
  const char* messages[] = {
      "FD fd=10 type=socket path=socket:[1010],port=29295",
      "EPoll FD 10 left open in sun.nio.ch.EPollSelectorImpl@1 with registered keys.",
      "Selector sun.nio.ch.EPollSelectorImpl@1 has registered keys from channels: [x[closed]]",
      "socket:[1010]",
      "tcp6 localAddr :: localPort 8080 remoteAddr :: remotePort 0",
      "LinuxWatchService.processCheckpointRestore with keys",
      "Native checkpoint failed.",
  };
  for (const char* message : messages) {
    INFO(message);
    const PoliciesDraft made =
        Draft().Add(kSocketException, message, Tcp("LISTEN", "[::]:8080", "")).Make();
    CHECK(ParsePolicies(made.text).empty());
    CHECK(made.out_of_reach == 1);
    CHECK(made.text.find("#   Close it.\n") != std::string::npos);
  }
  // A link is no path, whatever class it comes with.
  for (const char* link : {"pipe:[1010]", "anon_inode:[eventpoll]", "socket:[1010]"}) {
    CHECK(Draft().Add(kFileException, link, File(link)).Parsed().empty());
  }
  // The first generation's scan says a bare path.
  CHECK(
      Draft().Add("jdk.crac.impl.CheckpointOpenFileException", "/a", File("/a")).Parsed().empty());
}

TEST_CASE("of several messages the most telling one counts") {
  Draft draft;
  draft.Add(kSocketException, "sun.nio.ch.ServerSocketChannelImpl[]",
            Tcp("LISTEN", "[::]:8080", ""));
  draft.json()["trigger"]["exception"]["suppressed"].push_back(
      {{"class", "sun.nio.ch.EPollSelectorImpl$BusySelectorException"}, {"message", "Selector …"}});
  CHECK(draft.Parsed().size() == 1);
  draft.json()["descriptors"][0]["failures"] = {0, 1};
  CHECK(draft.Parsed().empty());
}

TEST_CASE("without a failed checkpoint there is no rule, and it is said why") {
  Json json = SampleReport();
  json["trigger"] = {{"kind", "attach"}, {"thread", "main"}};
  json["descriptors"][0].erase("failures");
  json["descriptors"][0]["blocking"] = false;
  json["descriptors"][0].erase("advice");
  const auto report = model::ParseReport(json.dump(), "report.json");
  REQUIRE(report.ok());
  const PoliciesDraft made = DraftPolicies(*report);
  CHECK(ParsePolicies(made.text).empty());
  CHECK(made.text.find("no failed checkpoint") != std::string::npos);
}

}  // namespace
}  // namespace fdorigin
