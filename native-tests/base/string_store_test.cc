// One text has one id, whoever asks and when, until the store is full, which is said, not hidden.
#include "base/string_store.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace fdorigin {
namespace {

TEST_CASE("the same text has the same id and comes back as it was") {
  Region region;
  REQUIRE(region.Create(32 << 20));
  StringStore store;
  REQUIRE(store.Create(&region));
  CHECK(region.header()->string_store != 0);

  CHECK(store.Intern("") == StringId::kNone);
  CHECK(store.Get(StringId::kNone).empty());
  std::set<StringId> ids;
  std::vector<std::string> texts;
  // Lengths around the words that the hash reads, texts that differ in one byte, and a zero byte.
  for (size_t length = 1; length < 40; ++length) {
    for (size_t at = 0; at < length; ++at) {
      std::string text(length, 'a');
      text[at] = '\0';
      texts.push_back(text);
    }
  }
  for (const std::string& text : texts) {
    const StringId id = store.Intern(text);
    REQUIRE(id != StringId::kNone);
    CHECK(ids.insert(id).second);
  }
  for (const std::string& text : texts) {
    const StringId id = store.Intern(std::string(text));
    CHECK(ids.count(id) == 1);
    CHECK(store.Get(id) == text);
  }
}

TEST_CASE("a long text is cut at 4,095 bytes") {
  Region region;
  REQUIRE(region.Create(4 << 20));
  StringStore store;
  REQUIRE(store.Create(&region));
  const std::string fits(4095, 'x');
  const StringId id = store.Intern(fits);
  CHECK(store.Get(id) == fits);
  CHECK(store.Intern(fits + "y") == id);
  CHECK(store.Intern(std::string(100000, 'x')) == id);
  CHECK(store.Intern(std::string(4094, 'x')) != id);
}

TEST_CASE("threads that intern the same texts at once agree on the ids") {
  Region region;
  REQUIRE(region.Create(16 << 20));
  StringStore store;
  REQUIRE(store.Create(&region));
  constexpr int kTexts = 2000;
  std::vector<std::vector<StringId>> ids(8, std::vector<StringId>(kTexts));
  std::atomic<int> ready{0};
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      ++ready;
      while (ready < 8) std::this_thread::yield();
      for (int i = 0; i < kTexts; ++i) {
        const std::string text = "pool-" + std::to_string(i) + "-thread";
        ids[t][static_cast<size_t>(i)] = store.Intern(text);
        if (store.Get(ids[t][static_cast<size_t>(i)]) != text) ++torn;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(torn == 0);
  for (size_t t = 1; t < 8; ++t) CHECK(ids[t] == ids[0]);
  CHECK(std::set<StringId>(ids[0].begin(), ids[0].end()).size() == kTexts);
}

TEST_CASE("a full store refuses new texts and keeps the old ones") {
  Region region;
  REQUIRE(region.Create(1 << 20));
  StringStore store;
  REQUIRE(store.Create(&region));
  std::vector<std::pair<std::string, StringId>> kept;
  bool refused = false;
  for (int i = 0; i < 100000 && !refused; ++i) {
    const std::string text = "library-" + std::to_string(i) + std::string(500, '.');
    const StringId id = store.Intern(text);
    refused = id == StringId::kNone;
    if (!refused) kept.emplace_back(text, id);
  }
  CHECK(refused);
  CHECK(kept.size() > 500);
  size_t wrong = 0;
  for (const auto& [text, id] : kept) {
    if (store.Get(id) != text || store.Intern(text) != id) ++wrong;
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace fdorigin
