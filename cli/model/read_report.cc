#include "model/read_report.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <memory_resource>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "model/display_text.h"
#include "model/frame_owner.h"
#include "simdjson.h"

namespace fdorigin::model {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

// Reports nest six deep; what later versions add may nest deeper, but not without end.
constexpr size_t kDeepest = 64;
constexpr size_t kLargestFile = std::numeric_limits<uint32_t>::max() - simdjson::SIMDJSON_PADDING;
constexpr std::string_view kMajorVersion = "1.";
constexpr std::string_view kWhitespace = " \t\r\n";

// The text of a file, with the room behind it that simdjson wants.
struct Text {
  std::unique_ptr<char[]> bytes;
  size_t size = 0;
  std::string_view view() const { return {bytes.get(), size}; }
};

// What the views of a Report lead into.
struct Memory {
  simdjson::dom::parser parser{kLargestFile};
  std::pmr::monotonic_buffer_resource arena;
};

// A field of an object: its name, whether it must be there, and what reads its value.
template <typename Read>
struct Field {
  std::string_view name;
  bool required;
  Read read;
};

template <typename Read>
Field<Read> Must(std::string_view name, Read read) {
  return {name, true, read};
}

template <typename Read>
Field<Read> May(std::string_view name, Read read) {
  return {name, false, read};
}

// Turns JSON values into C++ ones. Each function answers whether it went well; where it did not,
// error() has a sentence that begins with the place.
class ValueReader {
 public:
  explicit ValueReader(std::pmr::monotonic_buffer_resource* arena) : arena_(arena) {}

  const std::string& error() const { return error_; }

 protected:
  bool Fail(std::string_view what) {
    error_ = fmt::format(" {}", what);  // a place comes before it
    return false;
  }
  // Puts the place before the sentence, the outermost last: "descriptors[3].origin.at is no text".
  bool At(std::string_view place) {
    const bool is_key = !error_.empty() && error_[0] != ' ' && error_[0] != '[';
    error_.insert(0, fmt::format("{}{}", place, is_key ? "." : ""));
    return false;
  }
  bool AtIndex(size_t index) { return At(fmt::format("[{}]", index)); }

  // Every field of the object once; those that are not named are passed over.
  template <typename... Reads>
  bool Object(element value, Field<Reads>... fields) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return Fail("is no object");
    uint32_t seen = 0;
    static_assert(sizeof...(fields) < 32);
    for (const simdjson::dom::key_value_pair pair : object) {
      uint32_t bit = 1;
      bool read = true;
      const auto take = [&](auto& field) {
        if (pair.key != field.name) {
          bit <<= 1;
          return false;
        }
        if ((seen & bit) != 0) {
          read = Fail("is there twice");
        } else {
          read = field.read(pair.value);
        }
        seen |= bit;
        return true;
      };
      (void)(take(fields) || ...);
      if (!read) return At(pair.key);
    }
    uint32_t bit = 1;
    std::string_view missing;
    const auto check = [&](const auto& field) {
      if (field.required && (seen & bit) == 0 && missing.empty()) missing = field.name;
      bit <<= 1;
    };
    (check(fields), ...);
    return missing.empty() || Fail(fmt::format("has no {}", missing));
  }

  template <typename... Reads>
  auto Inside(Field<Reads>... fields) {
    return [this, fields...](element value) { return Object(value, fields...); };
  }

  template <typename T, typename Read>
  bool Each(element value, std::vector<T>* into, const Read& read) {
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) return Fail("is no array");
    into->reserve(array.size());
    for (const element item : array) {
      if (!read(item, &into->emplace_back())) return AtIndex(into->size() - 1);
    }
    return true;
  }

  // The same into memory that lives as long as the report.
  template <typename T, typename Read>
  bool Each(element value, std::span<const T>* into, const Read& read) {
    static_assert(std::is_trivially_destructible_v<T>);
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) return Fail("is no array");
    T* items = New<T>(array.size());
    size_t count = 0;
    for (const element item : array) {
      if (!read(item, &items[count++])) return AtIndex(count - 1);
    }
    *into = std::span<const T>(items, count);
    return true;
  }

  template <typename T>
  T* New(size_t count) {
    T* items = static_cast<T*>(arena_->allocate(count * sizeof(T) + 1, alignof(T)));
    std::uninitialized_value_construct_n(items, count);
    return items;
  }

  auto To(std::string_view* into) {
    return [this, into](element value) {
      return value.get(*into) == simdjson::SUCCESS || Fail("is no text");
    };
  }
  auto To(bool* into) {
    return [this, into](element value) {
      return value.get(*into) == simdjson::SUCCESS || Fail("is neither true nor false");
    };
  }
  template <typename Integer>
  requires(std::is_integral_v<Integer>) auto To(Integer* into) {
    return [this, into](element value) {
      uint64_t number = 0;
      if (value.get(number) != simdjson::SUCCESS || !std::in_range<Integer>(number)) {
        return Fail("is no number that can stand here");
      }
      *into = static_cast<Integer>(number);
      return true;
    };
  }
  auto To(std::vector<std::string_view>* into) {
    return [this, into](element value) {
      return Each(value, into, [this](element e, std::string_view* text) { return To(text)(e); });
    };
  }

 private:
  std::pmr::monotonic_buffer_resource* arena_;
  std::string error_;
};

// The parts of a report, by its schema.
class ReportReader : public ValueReader {
 public:
  using ValueReader::ValueReader;

  bool Read(element root, Report* report) {
    element stacks;
    element descriptors;
    const auto later = [](element* into) {
      return [into](element value) {
        *into = value;
        return true;
      };
    };
    if (!Object(root, Must("schemaVersion", To(&report->schema_version)),
                Must("tool", Inside(Must("version", To(&report->tool_version)))),
                Must("createdAt", To(&report->created_at)),
                Must("trigger", [&](element e) { return ReadTrigger(e, &report->trigger); }),
                Must("process", [&](element e) { return ReadProcess(e, &report->process); }),
                Must("coverage", [&](element e) { return ReadCoverage(e, &report->coverage); }),
                Must("descriptors", later(&descriptors)), Must("stacks", later(&stacks)))) {
      return false;
    }
    // Descriptors refer to stacks, and the failed checkpoint's exceptions are counted by now.
    stacks_ = &report->stacks;
    suppressed_ = report->trigger.suppressed.size();
    if (!Each(stacks, &report->stacks, [this](element e, Stack* s) { return ReadStack(e, s); })) {
      return At("stacks");
    }
    const FrameOwners owners(report->stacks);
    for (Stack& stack : report->stacks) {
      for (Frame& frame : stack.frames) frame.owner = owners.OwnerOf(frame);
    }
    if (!Each(descriptors, &report->descriptors,
              [this](element e, Descriptor* d) { return ReadDescriptor(e, d); })) {
      return At("descriptors");
    }
    return InOrder(report->descriptors);
  }

 private:
  bool ReadTrigger(element value, Trigger* trigger) {
    const auto exception = [&](element e) {
      trigger->has_exception = true;
      return Object(
          e, Must("class", To(&trigger->class_name)),
          Must(
              "message",
              [&](element message) { return message.is_null() || To(&trigger->message)(message); }),
          Must("suppressed",
               [&](element list) {
                 return Each(list, &trigger->suppressed,
                             [this](element item, Suppressed* suppressed) {
                               return Object(item, Must("class", To(&suppressed->class_name)),
                                             Must("message", To(&suppressed->message)),
                                             May("fd", To(&suppressed->fd)),
                                             May("inode", To(&suppressed->inode)));
                             });
               }),
          May("causes", [&](element list) {
            return Each(list, &trigger->causes, [this](element item, Cause* cause) {
              return Object(item, Must("class", To(&cause->class_name)),
                            Must("message", To(&cause->message)));
            });
          }));
    };
    return Object(value, Must("kind", To(&trigger->kind)), Must("thread", To(&trigger->thread)),
                  May("exception", exception));
  }

  bool ReadProcess(element value, Process* process) {
    return Object(value, Must("pid", To(&process->pid)), Must("ppid", To(&process->ppid)),
                  Must("hostname", To(&process->hostname)),
                  May("startedAt", To(&process->started_at)),
                  Must("commandLine", To(&process->command_line)),
                  Must("jvm", Inside(Must("name", To(&process->jvm_name)),
                                     Must("version", To(&process->jvm_version)),
                                     Must("vendor", To(&process->jvm_vendor)))));
  }

  bool ReadCoverage(element value, Coverage* coverage) {
    return Object(
        value, Must("since", To(&coverage->since)), Must("libraries", To(&coverage->libraries)),
        Must("slots", To(&coverage->slots)), Must("libcEntries", To(&coverage->libc_entries)),
        Must("refused",
             [&](element list) {
               return Each(list, &coverage->refused, [this](element item, Refused* refused) {
                 return Object(item, Must("what", To(&refused->what)),
                               Must("reason", To(&refused->reason)));
               });
             }),
        Must("dropped", To(&coverage->dropped)), Must("memoryBytes", To(&coverage->memory_bytes)));
  }

  bool ReadStack(element value, Stack* stack) {
    if (!Object(value, Must("id", To(&stack->id)), Must("frames", [&](element list) {
                  return Each(list, &stack->frames, [this](element item, Frame* frame) {
                    return ReadFrame(item, frame);
                  });
                }))) {
      return false;
    }
    const int index = static_cast<int>(stack_of_id_.size());
    return stack_of_id_.emplace(stack->id, index).second ||
           Fail(fmt::format("has the id {} of another stack", stack->id));
  }

  bool ReadFrame(element value, Frame* frame) {
    std::string_view kind;
    if (!Object(value, Must("kind", To(&kind)), May("class", To(&frame->class_name)),
                May("method", To(&frame->method)), May("signature", To(&frame->signature)),
                May("file", To(&frame->file)), May("line", To(&frame->line)),
                May("native", To(&frame->is_native_method)), May("hidden", To(&frame->is_hidden)),
                May("jar", To(&frame->jar)), May("reason", To(&frame->reason)),
                May("symbol", To(&frame->symbol)), May("module", To(&frame->module)),
                May("offset", To(&frame->offset)), May("buildId", To(&frame->build_id)),
                May("gap", To(&frame->has_gap)))) {
      return false;
    }
    frame->is_java = kind == "java";
    return frame->is_java || kind == "native" || Fail("is neither a java nor a native frame");
  }

  bool ReadStackId(element value, int* stack) {
    int64_t id = 0;
    if (!To(&id)(value)) return false;
    const auto found = stack_of_id_.find(id);
    if (found == stack_of_id_.end())
      return Fail(fmt::format("names the stack {}, which is not there", id));
    *stack = found->second;
    return true;
  }

  bool ReadCall(element value, Call* call) {
    const auto thread = [&](element e) {
      return Object(e, Must("name", To(&call->thread.name)), Must("tid", To(&call->thread.tid)),
                    Must("kind", To(&call->thread.kind)),
                    Must("virtual", To(&call->thread.is_virtual)));
    };
    return Object(value, Must("call", To(&call->call)),
                  Must("arguments", [&](element e) { return ReadArguments(e, &call->arguments); }),
                  Must("at", To(&call->at)), Must("thread", thread),
                  May("stack", [&](element e) { return ReadStackId(e, &call->stack); }),
                  Must("javaStack", To(&call->java_stack)),
                  May("from", Inside(Must("fd", To(&call->from_fd)))));
  }

  bool ReadArguments(element value, std::span<const Argument>* arguments) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return Fail("is no object");
    Argument* items = New<Argument>(object.size());
    size_t count = 0;
    for (const simdjson::dom::key_value_pair pair : object) {
      Argument& argument = items[count++];
      argument.name = pair.key;
      std::string_view text;
      int64_t number = 0;
      if (pair.value.get(text) == simdjson::SUCCESS) {
        argument.value = text;
      } else if (pair.value.get(number) == simdjson::SUCCESS) {
        argument.value = number;
      } else {
        Fail("is neither text nor a whole number");
        return At(pair.key);
      }
      const auto has_this_name = [&pair](const Argument& other) { return other.name == pair.key; };
      if (std::any_of(items, items + count - 1, has_this_name)) {
        return Fail(fmt::format("has {} twice", pair.key));
      }
    }
    *arguments = std::span<const Argument>(items, count);
    return true;
  }

  bool ReadSocket(element value, Socket* socket) {
    const auto peer = [&](element e) {
      Peer& end = socket->peer.emplace();
      return Object(e, May("pid", To(&end.pid)), May("process", To(&end.process)),
                    May("fd", To(&end.fd)), May("inode", To(&end.inode)));
    };
    return Object(value, May("family", To(&socket->family)), May("type", To(&socket->type)),
                  May("protocol", To(&socket->protocol)), May("state", To(&socket->state)),
                  Must("local", To(&socket->local)), Must("remote", To(&socket->remote)),
                  May("peer", peer));
  }

  bool ReadCulprit(element value, Culprit* culprit) {
    if (!Object(value, Must("stack", [&](element e) { return ReadStackId(e, &culprit->stack); }),
                Must("frame", To(&culprit->frame)))) {
      return false;
    }
    std::vector<Frame>& frames = (*stacks_)[static_cast<size_t>(culprit->stack)].frames;
    if (static_cast<size_t>(culprit->frame) >= frames.size()) {
      return Fail("names a frame that is not there");
    }
    // The agent knew the class's module; names alone may have taken it for the JDK's.
    FrameOwner& owner = frames[static_cast<size_t>(culprit->frame)].owner;
    if (owner != FrameOwner::kFramework) owner = FrameOwner::kApplication;
    return true;
  }

  bool ReadDescriptor(element value, Descriptor* descriptor) {
    const auto origin = [&](element e) {
      Call* call = New<Call>(1);
      descriptor->origin = call;
      return ReadCall(e, call);
    };
    const auto failure = [this](element e, int* index) {
      return To(index)(e) &&
             (static_cast<size_t>(*index) < suppressed_ || Fail("is no index of a failure"));
    };
    return Object(
        value, Must("fd", To(&descriptor->fd)), Must("kind", To(&descriptor->kind)),
        Must("inode", To(&descriptor->inode)), Must("target", To(&descriptor->target)),
        Must("flags",
             [&](element list) {
               return Each(list, &descriptor->flags,
                           [this](element e, std::string_view* flag) { return To(flag)(e); });
             }),
        May("socket", [&](element e) { return ReadSocket(e, &descriptor->socket.emplace()); }),
        Must("attribution", To(&descriptor->attribution)), May("reason", To(&descriptor->reason)),
        May("unverified", To(&descriptor->unverified)), Must("blocking", To(&descriptor->blocking)),
        May("failures", [&](element list) { return Each(list, &descriptor->failures, failure); }),
        May("origin", origin),
        May("history",
            [&](element list) {
              return Each(list, &descriptor->history,
                          [this](element e, Call* call) { return ReadCall(e, call); });
            }),
        May("historyCut", To(&descriptor->history_cut)),
        May("culprit", [&](element e) { return ReadCulprit(e, &descriptor->culprit.emplace()); }),
        May("advice", [&](element e) {
          Advice& advice = descriptor->advice.emplace();
          return Object(e, Must("kind", To(&advice.kind)), Must("text", To(&advice.text)));
        }));
  }

  bool InOrder(const std::vector<Descriptor>& descriptors) {
    for (size_t i = 1; i < descriptors.size(); ++i) {
      if (descriptors[i - 1].fd < descriptors[i].fd) continue;
      Fail(fmt::format("is descriptor {}, out of the order of numbers", descriptors[i].fd));
      AtIndex(i);
      return At("descriptors");
    }
    return true;
  }

  std::vector<Stack>* stacks_ = nullptr;
  size_t suppressed_ = 0;
  std::unordered_map<int64_t, int> stack_of_id_;
};

absl::Status NoReport(const std::string& name, std::string_view why) {
  return absl::DataLossError(fmt::format("{} is no fdorigin report: {}", name, why));
}

absl::Status CannotRead(const std::string& name) {
  return absl::NotFoundError(fmt::format("cannot read {}: {}", name, std::strerror(errno)));
}

// What simdjson's word for an error means to who reads it.
absl::Status NoJson(const std::string& name, std::string_view text, simdjson::error_code error) {
  const size_t last = text.find_last_not_of(kWhitespace);
  if (error == simdjson::MEMALLOC)
    return absl::DataLossError(name + " is too large for the memory that there is");
  if (error == simdjson::DEPTH_ERROR) return NoReport(name, "it is nested too deep");
  if (error == simdjson::UTF8_ERROR) return NoReport(name, "it is not UTF-8");
  if (last == std::string_view::npos || text[last] != '}') return NoReport(name, "it is cut short");
  return NoReport(name, "it is not valid JSON");
}

// Only an object can be a report, and the first bytes say whether it is one: what is large and
// something else need not be read.
bool MayBeReport(std::string_view beginning) {
  const size_t first = beginning.find_first_not_of(kWhitespace);
  return first == std::string_view::npos || beginning[first] == '{';
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : fd_(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ > STDIN_FILENO) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<Text> ReadText(const std::string& path, const std::string& name) {
  const OpenFile file(path);
  struct stat status;
  if (file.fd() < 0 || fstat(file.fd(), &status) != 0) return CannotRead(name);
  Text text;
  // A pipe has no size; a file that grows is read as far as it went.
  size_t room = S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) : size_t{1} << 16;
  while (true) {
    room = std::min(room, kLargestFile);
    std::unique_ptr<char[]> larger(new (std::nothrow) char[room + simdjson::SIMDJSON_PADDING]);
    if (larger == nullptr) return NoJson(name, {}, simdjson::MEMALLOC);
    if (text.size > 0) std::memcpy(larger.get(), text.bytes.get(), text.size);
    text.bytes = std::move(larger);
    while (text.size < room) {
      // The first step is short, to see what it is.
      const size_t step = text.size == 0 ? size_t{1} << 16 : size_t{1} << 26;
      const ssize_t size =
          read(file.fd(), text.bytes.get() + text.size, std::min(step, room - text.size));
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return CannotRead(name);
      if (size == 0) break;
      text.size += static_cast<size_t>(size);
      if (!MayBeReport(text.view().substr(0, 4096))) return NoReport(name, "it is no JSON object");
    }
    if (text.size < room || S_ISREG(status.st_mode)) break;
    if (room == kLargestFile) return NoReport(name, "it is larger than 4 GiB");
    room *= 2;
  }
  std::memset(text.bytes.get() + text.size, 0, simdjson::SIMDJSON_PADDING);
  return text;
}

// A quarter of a report is indentation, and all of the text is in memory while it is parsed.
simdjson::error_code DropBlanks(Text* text) {
  const size_t room = text->size + simdjson::SIMDJSON_PADDING;
  Text dense{.bytes = std::unique_ptr<char[]>(new (std::nothrow) char[room])};
  if (dense.bytes == nullptr) return simdjson::MEMALLOC;
  // What cannot be made dense is for the parser to tell why.
  if (simdjson::minify(text->bytes.get(), text->size, dense.bytes.get(), dense.size) ==
      simdjson::SUCCESS) {
    std::memset(dense.bytes.get() + dense.size, 0, simdjson::SIMDJSON_PADDING);
    *text = std::move(dense);
  }
  return simdjson::SUCCESS;
}

absl::StatusOr<Report> Parse(Text text, const std::string& name) {
  if (text.view().find_first_not_of(kWhitespace) == std::string_view::npos) {
    return NoReport(name, "it is empty");
  }
  const auto memory = std::make_shared<Memory>();
  element root;
  simdjson::error_code error = DropBlanks(&text);
  if (error == simdjson::SUCCESS) error = memory->parser.allocate(text.size, kDeepest);
  if (error == simdjson::SUCCESS) {
    error = memory->parser.parse(text.bytes.get(), text.size, false).get(root);
  }
  if (error != simdjson::SUCCESS) return NoJson(name, text.view(), error);
  text.bytes.reset();

  std::string_view version;
  if (root.at_key("schemaVersion").get(version) != simdjson::SUCCESS) {
    return NoReport(name, "it has no schemaVersion");
  }
  if (!version.starts_with(kMajorVersion)) {
    return absl::DataLossError(fmt::format("{} is a report of version {}; this command reads 1.x",
                                           name, CutEnd(DisplayText(version), 20)));
  }
  Report report;
  ReportReader reader(&memory->arena);
  if (!reader.Read(root, &report)) return NoReport(name, DisplayText(reader.error()));
  report.path = name;
  report.memory = memory;
  return report;
}

}  // namespace

absl::StatusOr<Report> ReadReport(const std::string& path) {
  const std::string name = path == "-" ? "standard input" : path;
  absl::StatusOr<Text> text = ReadText(path, name);
  if (!text.ok()) return text.status();
  return Parse(*std::move(text), name);
}

absl::StatusOr<Report> ParseReport(std::string_view text, const std::string& name) {
  if (!MayBeReport(text)) return NoReport(name, "it is no JSON object");
  Text copy;
  copy.size = text.size();
  copy.bytes = std::make_unique<char[]>(text.size() + simdjson::SIMDJSON_PADDING);
  std::memcpy(copy.bytes.get(), text.data(), text.size());
  return Parse(std::move(copy), name);
}

}  // namespace fdorigin::model
