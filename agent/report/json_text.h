// JSON as text, written as it is told: for what a report has so many of that the time goes into
// making and freeing a tree of it. Laid out as nlohmann::json::dump(1) lays out such a tree.
//
// Who calls it: RenderReport(). Cold. Whoever calls it tells the keys of an object in ascending
// order, which is that of a tree.
#ifndef FDORIGIN_AGENT_REPORT_JSON_TEXT_H_
#define FDORIGIN_AGENT_REPORT_JSON_TEXT_H_

#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace fdorigin {

class JsonText {
 public:
  // Appends to `text`, which outlives it; `depth` says how many objects and arrays are open there.
  // In the innermost of them nothing is written yet, as far as commas go.
  JsonText(std::string* text, int depth) : text_(text), depth_(depth) {}

  // Only what was told before this is in the text for certain. Memory may run out here as anywhere,
  // so it is not left to a destructor.
  void Flush();

  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }

  // The value, or the object or array, comes next.
  JsonText& Key(std::string_view key);

  // Any bytes: EscapeToUtf8() makes text of them.
  void String(std::string_view bytes);
  void Bool(bool value) {
    Place();
    Append(value ? "true" : "false");
  }
  void Number(std::integral auto value) {
    Place();
    constexpr size_t kDigits = 24;
    char* digits = Room(kDigits);
    used_ += static_cast<size_t>(std::to_chars(digits, digits + kDigits, value).ptr - digits);
  }

 private:
  void Begin(char bracket);
  void End(char bracket);
  void BreakLine();
  // Brings the text to where a key, or a value that has none, begins.
  void Place();
  void Quote(std::string_view bytes);
  void Append(std::string_view bytes);
  void Append(char byte) {
    *Room(1) = byte;
    ++used_;
  }
  // At least so many bytes behind those used, of which there are fewer in all of `buffer_`.
  char* Room(size_t bytes) {
    if (bytes > sizeof(buffer_) - used_) Flush();
    return buffer_ + used_;
  }

  // A report's text grows by some bytes at a time, which a string does at a price.
  char buffer_[4096];
  size_t used_ = 0;
  std::string* text_;
  int depth_;
  bool first_ = true;     // nothing is in the innermost object or array yet
  bool has_key_ = false;  // of the value that comes next
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_REPORT_JSON_TEXT_H_
