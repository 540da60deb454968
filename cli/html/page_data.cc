#include "html/page_data.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "model/time.h"
#include "nlohmann/json.hpp"

namespace fdorigin {
namespace {

using Json = nlohmann::ordered_json;
using Column = std::vector<int64_t>;
using Names = std::initializer_list<const char*>;

// The bits of frames and of descriptors; report.ts has the same.
constexpr int kNativeFrame = 1, kNativeMethod = 2, kHidden = 4, kGap = 8;
constexpr int kBlocking = 1, kUnverified = 2, kHistoryCut = 4;
constexpr int64_t kNone = -1;

struct ColumnHash {
  size_t operator()(const Column& column) const {
    uint64_t hash = column.size();
    for (const int64_t number : column) {
      hash = (hash ^ static_cast<uint64_t>(number)) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 29;
    }
    return hash;
  }
};

// Columns are written as they are: a tree of JSON values of some millions of numbers would take
// more time and memory than all the rest.
void Append(std::string* json, int64_t number) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  json->append(digits, end);
}

void Append(std::string* json, std::string_view text) { *json += Json(text).dump(); }

template <typename Element>
void Append(std::string* json, const std::vector<Element>& elements) {
  *json += '[';
  for (const Element& element : elements) {
    if (&element != &elements.front()) *json += ',';
    Append(json, element);
  }
  *json += ']';
}

// A table: its columns, in the order of their names.
void Append(std::string* json, const std::vector<Column>& columns, Names names) {
  char separator = '{';
  size_t at = 0;
  for (const char* name : names) {
    json->append(1, separator).append("\"").append(name).append("\":");
    Append(json, at < columns.size() ? columns[at] : Column());
    ++at;
    separator = ',';
  }
  *json += '}';
}

// Rows that are equal are one.
class RowSet {
 public:
  int64_t Add(Column row) {
    const auto [place, is_new] = numbers_.try_emplace(std::move(row), rows_.size());
    if (is_new) rows_.push_back(&place->first);
    return static_cast<int64_t>(place->second);
  }

  std::vector<Column> Rows() const {
    std::vector<Column> rows;
    rows.reserve(rows_.size());
    for (const Column* row : rows_) rows.push_back(*row);
    return rows;
  }

  // The rows' first values, their second ones, and so on.
  std::vector<Column> Columns() const {
    std::vector<Column> columns(rows_.empty() ? 0 : rows_.front()->size());
    for (const Column* row : rows_) {
      for (size_t at = 0; at < columns.size(); ++at) columns[at].push_back((*row)[at]);
    }
    return columns;
  }

 private:
  std::unordered_map<Column, size_t, ColumnHash> numbers_;
  std::vector<const Column*> rows_;
};

int64_t TimeOf(const model::Call& call) { return model::MicrosecondsOf(call.at).value_or(kNone); }

class PageDataMaker {
 public:
  explicit PageDataMaker(const model::Report& report) : report_(report) {
    Text("");
    for (const model::Descriptor& one : report.descriptors) {
      NoteTime(one.origin);
      for (const model::Call& call : one.history) NoteTime(&call);
    }
    if (epoch_ == std::numeric_limits<int64_t>::max()) epoch_ = 0;
  }

  std::string Make() {
    AddStacks();
    for (const model::Descriptor& one : report_.descriptors) AddDescriptor(one);
    const Json head = {
        {"format", 1},          {"tool", report_.tool_version}, {"createdAt", report_.created_at},
        {"trigger", Trigger()}, {"process", Process()},         {"coverage", Coverage()},
        {"epoch", epoch_}};
    std::string json = head.dump();
    json.pop_back();  // its closing brace
    const auto key = [&json](const char* name) { json.append(",\"").append(name).append("\":"); };
    key("frames");
    Append(&json, frames_.Columns(),
           {"owner", "bits", "scope", "name", "signature", "file", "line", "from", "offset",
            "reason"});
    key("stacks");
    Append(&json, stacks_);
    key("threads");
    Append(&json, threads_.Columns(), {"name", "tid", "kind", "virtual"});
    key("arguments");
    Append(&json, arguments_.Rows());
    key("calls");
    Append(&json, calls_, {"name", "arguments", "at", "thread", "stack", "javaStack", "from"});
    key("sockets");
    Append(&json, sockets_,
           {"family", "type", "protocol", "state", "local", "remote", "peerPid", "peerProcess",
            "peerFd", "peerInode"});
    key("advice");
    Append(&json, advice_.Columns(), {"kind", "text"});
    key("failures");
    Append(&json, failures_.Rows());
    key("descriptors");
    Append(&json, descriptors_,
           {"fd", "kind", "inode", "target", "flags", "attribution", "reason", "bits", "socket",
            "failures", "origin", "history", "historyCount", "culprit", "culpritStack",
            "culpritFrame", "advice"});
    key("strings");
    Append(&json, strings_);
    json += '}';
    return json;
  }

 private:
  using Table = std::vector<Column>;  // columns, in the order of their names

  static int64_t AddRow(Table* table, std::initializer_list<int64_t> row) {
    table->resize(row.size());
    const auto number = static_cast<int64_t>(table->front().size());
    size_t at = 0;
    for (const int64_t value : row) (*table)[at++].push_back(value);
    return number;
  }

  int64_t Text(std::string_view text) {
    const auto [place, is_new] = numbers_.try_emplace(text, strings_.size());
    if (is_new) strings_.push_back(text);
    return static_cast<int64_t>(place->second);
  }

  // Of a text that is made here.
  int64_t OwnText(std::string text) {
    const auto found = numbers_.find(text);
    if (found != numbers_.end()) return static_cast<int64_t>(found->second);
    return Text(own_texts_.emplace_back(std::move(text)));
  }

  // What JavaScript's numbers hold exactly is a number; the rest is a text, of which this is -2
  // less its index.
  int64_t Exact(uint64_t number) {
    constexpr uint64_t kLargest = uint64_t{1} << 53;
    return number <= kLargest ? static_cast<int64_t>(number) : -2 - OwnText(std::to_string(number));
  }

  void NoteTime(const model::Call* call) {
    const int64_t at = call == nullptr ? kNone : TimeOf(*call);
    if (at != kNone && at < epoch_) epoch_ = at;
  }

  int64_t Frame(const model::Frame& frame) {
    const int bits = (frame.is_java ? 0 : kNativeFrame) |
                     (frame.is_native_method ? kNativeMethod : 0) |
                     (frame.is_hidden ? kHidden : 0) | (frame.has_gap ? kGap : 0);
    return frames_.Add({static_cast<int64_t>(frame.owner), bits,
                        Text(frame.is_java ? frame.class_name : std::string_view()),
                        Text(frame.is_java ? frame.method : frame.symbol), Text(frame.signature),
                        Text(frame.file), frame.line,
                        Text(frame.is_java ? frame.jar : frame.module),
                        frame.is_java ? kNone : Exact(frame.offset), Text(frame.reason)});
  }

  void AddStacks() {
    for (const model::Stack& stack : report_.stacks) {
      Column frames;
      frames.reserve(stack.frames.size());
      for (const model::Frame& frame : stack.frames) frames.push_back(Frame(frame));
      stacks_.push_back(std::move(frames));
    }
  }

  int64_t Call(const model::Call& call) {
    Column words;
    for (const model::Argument& argument : call.arguments) {
      words.push_back(Text(argument.name));
      if (const auto* number = std::get_if<int64_t>(&argument.value)) {
        words.push_back(OwnText(std::to_string(*number)));
      } else {
        words.push_back(Text(std::get<std::string_view>(argument.value)));
      }
    }
    const int64_t thread = threads_.Add({Text(call.thread.name), call.thread.tid,
                                         Text(call.thread.kind), call.thread.is_virtual ? 1 : 0});
    const int64_t at = TimeOf(call);
    return AddRow(&calls_, {Text(call.call), arguments_.Add(std::move(words)),
                            at == kNone ? kNone : at - epoch_, thread, call.stack,
                            Text(call.java_stack), call.from_fd});
  }

  int64_t Socket(const model::Descriptor& one) {
    if (!one.socket) return kNone;
    const model::Socket& socket = *one.socket;
    const model::Peer peer = socket.peer.value_or(model::Peer());
    return AddRow(&sockets_, {Text(socket.family), Text(socket.type), Text(socket.protocol),
                              Text(socket.state), Text(socket.local), Text(socket.remote),
                              peer.pid == 0 ? kNone : peer.pid, Text(peer.process), peer.fd,
                              peer.inode == 0 ? kNone : Exact(peer.inode)});
  }

  void AddDescriptor(const model::Descriptor& one) {
    std::string flags;
    for (const std::string_view flag : one.flags) {
      if (!flags.empty()) flags += ' ';
      flags += flag;
    }
    const int bits = (one.blocking ? kBlocking : 0) | (one.unverified ? kUnverified : 0) |
                     (one.history_cut ? kHistoryCut : 0);
    const int64_t origin = one.origin == nullptr ? kNone : Call(*one.origin);
    int64_t history = kNone;
    for (const model::Call& call : one.history) {
      const int64_t number = Call(call);
      if (history == kNone) history = number;
    }
    int64_t culprit = kNone, culprit_stack = kNone, culprit_frame = kNone;
    if (one.culprit) {
      culprit_stack = one.culprit->stack;
      culprit_frame = one.culprit->frame;
      culprit = stacks_[static_cast<size_t>(culprit_stack)][static_cast<size_t>(culprit_frame)];
    }
    const int64_t failures = one.failures.empty()
                                 ? kNone
                                 : failures_.Add(Column(one.failures.begin(), one.failures.end()));
    const int64_t advice =
        one.advice ? advice_.Add({Text(one.advice->kind), Text(one.advice->text)}) : kNone;
    AddRow(
        &descriptors_,
        {one.fd, Text(one.kind), Exact(one.inode), Text(one.target), OwnText(std::move(flags)),
         Text(one.attribution), Text(one.reason), bits, Socket(one), failures, origin, history,
         static_cast<int64_t>(one.history.size()), culprit, culprit_stack, culprit_frame, advice});
  }

  Json Trigger() const {
    const model::Trigger& trigger = report_.trigger;
    Json json = {{"kind", trigger.kind}, {"thread", trigger.thread}};
    if (!trigger.has_exception) return json;
    Json causes = Json::array(), suppressed = Json::array();
    for (const model::Cause& one : trigger.causes) {
      causes.push_back({{"class", one.class_name}, {"message", one.message}});
    }
    for (const model::Suppressed& one : trigger.suppressed) {
      suppressed.push_back({{"class", one.class_name}, {"message", one.message}, {"fd", one.fd}});
    }
    json["exception"] = {{"class", trigger.class_name},
                         {"message", trigger.message},
                         {"causes", std::move(causes)},
                         {"suppressed", std::move(suppressed)}};
    return json;
  }

  Json Process() const {
    const model::Process& process = report_.process;
    return {{"pid", process.pid},
            {"hostname", process.hostname},
            {"startedAt", process.started_at},
            {"commandLine", process.command_line},
            {"jvm",
             {{"name", process.jvm_name},
              {"version", process.jvm_version},
              {"vendor", process.jvm_vendor}}}};
  }

  Json Coverage() const {
    const model::Coverage& coverage = report_.coverage;
    Json refused = Json::array();
    for (const model::Refused& one : coverage.refused) {
      refused.push_back({{"what", one.what}, {"reason", one.reason}});
    }
    return {{"since", coverage.since},
            {"libraries", coverage.libraries},
            {"dropped", coverage.dropped},
            {"refused", std::move(refused)}};
  }

  const model::Report& report_;
  int64_t epoch_ = std::numeric_limits<int64_t>::max();
  std::unordered_map<std::string_view, size_t> numbers_;
  std::vector<std::string_view> strings_;
  std::deque<std::string> own_texts_;
  RowSet frames_, threads_, arguments_, failures_, advice_;
  std::vector<Column> stacks_;  // of numbers of frames
  Table calls_, sockets_, descriptors_;
};

}  // namespace

std::string PageData(const model::Report& report) { return PageDataMaker(report).Make(); }

}  // namespace fdorigin
