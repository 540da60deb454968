#include "reply_file.h"

#include <string>
#include <vector>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin {
namespace {

TEST_CASE("a reply has an error, notes and a path, a line each") {
  const Reply reply = ParseReply("note: one\nnote: two: and more\nreport: /tmp/a b.json\n");
  CHECK(reply.error.empty());
  CHECK(reply.notes == std::vector<std::string>{"one", "two: and more"});
  CHECK(reply.report == "/tmp/a b.json");
  CHECK(reply.content.empty());
  CHECK(ParseReply("error: no\n").error == "no");
  CHECK_FALSE(ParseReply("error: no\n").wrong_option);
  CHECK(ParseReply("error: no\ncause: option\n").wrong_option);
}

TEST_CASE("what follows an empty line is the report, byte by byte") {
  CHECK(ParseReply("note: one\n\n{\n\n\"error: x\"}\n").content == "{\n\n\"error: x\"}\n");
  CHECK(ParseReply("\n{}").content == "{}");
}

TEST_CASE("a reply that is cut, or of a later version, is read as far as it goes") {
  CHECK(ParseReply("").report.empty());
  CHECK(ParseReply("colour: red\nreport: /x").report == "/x");
  CHECK(ParseReply("report").report.empty());
}

}  // namespace
}  // namespace fdorigin
