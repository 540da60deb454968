// Times of a report, against libc's gmtime and date(1): what is no such time is none.
#include "model/time.h"

#include "catch2/catch_test_macros.hpp"

namespace fdorigin::model {
namespace {

TEST_CASE("a report's time is reckoned in microseconds") {
  CHECK(MicrosecondsOf("1970-01-01T00:00:00.000001Z") == 1);
  // date -u -d 2026-11-21T21:56:43Z +%s
  CHECK(MicrosecondsOf("2026-11-21T21:56:43.089411Z") == 1795298203089411);
  CHECK(MicrosecondsOf("2026-11-21T21:56:43Z") == 1795298203000000);
  CHECK(MicrosecondsOf("2026-11-21T21:56:43.5Z") == 1795298203500000);
}

TEST_CASE("what is no time of a report's is none") {
  for (const char* text : {"", "Z", "infinite-future", "2026-11-21", "2026-11-21T21:56:43.089411",
                           "2026-11-21T21:56:43.0894x1Z", "2026-11-21T21:56:43+01:00",
                           "2026-13-21T21:56:43Z", "2026-11-21T21:56:43ZZ"}) {
    INFO(text);
    CHECK_FALSE(MicrosecondsOf(text));
  }
}

}  // namespace
}  // namespace fdorigin::model
