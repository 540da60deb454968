// What is read of a process, compared with what the kernel says otherwise.
#include "report/host.h"

#include <pthread.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace fdorigin {
namespace {

TEST_CASE("threads are counted, and it is told whether the first one sleeps") {
  const auto threads_of_status = [] {
    std::ifstream status("/proc/self/status");
    uint64_t count = 0;
    for (std::string line; std::getline(status, line);) {
      if (std::sscanf(line.c_str(), "Threads: %lu", &count) == 1) break;
    }
    return count;
  };
  REQUIRE(gettid() == getpid());
  const std::optional<ProcessStat> alone = ReadProcessStat();
  REQUIRE(alone);
  CHECK(alone->threads == threads_of_status());
  CHECK_FALSE(alone->first_thread_sleeps);

  uint64_t threads = 0;
  uint64_t expected = 0;
  bool seen_asleep = false;
  std::thread other([&] {
    // The first thread is on its way into join(), where it stays.
    while (!seen_asleep) {
      const std::optional<ProcessStat> stat = ReadProcessStat();
      if (!stat) return;
      threads = stat->threads;
      expected = threads_of_status();
      seen_asleep = stat->first_thread_sleeps;
    }
  });
  other.join();
  CHECK(seen_asleep);
  CHECK(threads == alone->threads + 1);
  CHECK(threads == expected);
}

TEST_CASE("a process's name may look like the fields behind it") {
  char name[16] = {};
  REQUIRE(pthread_getname_np(pthread_self(), name, sizeof(name)) == 0);
  const std::optional<uint64_t> before = ProcessStartTicks();
  REQUIRE(before);
  REQUIRE(pthread_setname_np(pthread_self(), "a) S 1 (b) R 2") == 0);
  CHECK(ProcessStartTicks() == before);
  const std::optional<ProcessStat> stat = ReadProcessStat();
  REQUIRE(stat);
  CHECK_FALSE(stat->first_thread_sleeps);
  pthread_setname_np(pthread_self(), name);
}

TEST_CASE("nothing is said of a process that is gone") {
  CHECK_FALSE(ReadProcessStat("/proc/none"));
  CHECK_FALSE(ProcessStartTicks("/proc/none"));
}

}  // namespace
}  // namespace fdorigin
