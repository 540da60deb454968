// Text that is written against the text of a tree with the same content.
#include "report/json_text.h"

#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "catch2/catch_test_macros.hpp"
#include "nlohmann/json.hpp"
#include "report/text.h"

namespace fdorigin {
namespace {

using nlohmann::json;

void Write(const json& value, JsonText* out) {
  if (value.is_object()) {
    out->BeginObject();
    for (const auto& [key, member] : value.items()) {
      out->Key(key);
      Write(member, out);
    }
    out->EndObject();
  } else if (value.is_array()) {
    out->BeginArray();
    for (const json& element : value) Write(element, out);
    out->EndArray();
  } else if (value.is_boolean()) {
    out->Bool(value.get<bool>());
  } else if (value.is_number_unsigned()) {
    out->Number(value.get<uint64_t>());
  } else if (value.is_number()) {
    out->Number(value.get<int64_t>());
  } else {
    out->String(value.get<std::string>());
  }
}

// Inside an object that is open already, as the members of a report are.
std::string Written(const json& value) {
  std::string text = "{";
  JsonText out(&text, /*depth=*/1);
  Write(value, &out.Key("value"));
  out.Flush();
  return text + "\n}";
}

std::string Dumped(const json& value) { return json{{"value", value}}.dump(1); }

class RandomJson {
 public:
  explicit RandomJson(unsigned seed) : random_(seed) {}

  json Next(int depth) {
    switch (Below(depth > 0 ? 6 : 4)) {
      case 0:
        return Text();
      case 1:
        return Below(2) == 0;
      case 2:
        return static_cast<uint64_t>(random_()) << Below(33);
      case 3:
        return -static_cast<int64_t>(random_() >> Below(32)) - 1;
      case 4: {
        json array = json::array();
        for (unsigned left = Below(4); left > 0; --left) array.push_back(Next(depth - 1));
        return array;
      }
      default: {
        json object = json::object();
        for (unsigned left = Below(4); left > 0; --left) object[Text()] = Next(depth - 1);
        return object;
      }
    }
  }

 private:
  unsigned Below(unsigned end) { return static_cast<unsigned>(random_() % end); }

  std::string Text() {
    std::string text;
    for (unsigned left = Below(12); left > 0; --left) {
      text += Below(8) == 0 ? "ü\U0001F71A" : std::string(1, static_cast<char>(Below(0x80)));
    }
    return text;
  }

  std::mt19937 random_;
};

TEST_CASE("what is written is what a tree's text would be") {
  RandomJson random(4711);
  for (int i = 0; i < 5000; ++i) {
    const json value = random.Next(/*depth=*/4);
    REQUIRE(Written(value) == Dumped(value));
  }
}

TEST_CASE("the ends of a number's range are written") {
  for (const json& value :
       {json(0), json(std::numeric_limits<uint64_t>::max()),
        json(std::numeric_limits<int64_t>::min()), json(std::numeric_limits<int64_t>::max())}) {
    CHECK(Written(value) == Dumped(value));
  }
}

TEST_CASE("every byte of a text comes back, or its escape where it belongs to no character") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  std::string text;
  JsonText out(&text, /*depth=*/0);
  out.String(bytes);
  out.Flush();
  CHECK(json::parse(text) == EscapeToUtf8(bytes));
}

}  // namespace
}  // namespace fdorigin
