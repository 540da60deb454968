#include "base/options.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <system_error>

namespace fdorigin {
namespace {

constexpr uint64_t kMinMemoryBytes = 1ull << 20;
constexpr uint64_t kMaxMemoryBytes = 4ull << 30;
constexpr int kMaxDepth = 1024;
constexpr int kMaxNativeDepth = 128;
// More of a wrong key or value than this says nothing more.
constexpr size_t kMaxQuotedBytes = 80;

// What the user wrote, as it can stand in a message of one line.
std::string Quote(std::string_view text) {
  std::string quoted = "'";
  for (char c : text.substr(0, kMaxQuotedBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    quoted += byte < ' ' || byte == 0x7f ? '?' : c;
  }
  if (text.size() > kMaxQuotedBytes) quoted += "...";
  quoted += "'";
  return quoted;
}

std::string Wants(std::string_view key, std::string_view wish, std::string_view value) {
  std::string error = "option '";
  error.append(key).append("' wants ").append(wish).append(", not ").append(Quote(value));
  return error;
}

// The setters answer the error, empty where the value is good.

std::string SetReport(std::string_view value, Options* options) {
  options->report = value;
  return {};
}

std::string SetOn(std::string_view value, Options* options) {
  constexpr std::string_view kWish = "checkpoint, exit, emfile, signal or none";
  Options wanted;
  wanted.on_checkpoint = false;
  bool none = false;
  std::string_view rest = value;
  for (bool more = true; more;) {
    const size_t plus = rest.find('+');
    const std::string_view word = rest.substr(0, plus);
    more = plus != std::string_view::npos;
    if (more) rest.remove_prefix(plus + 1);

    if (word == "checkpoint") {
      wanted.on_checkpoint = true;
    } else if (word == "exit") {
      wanted.on_exit = true;
    } else if (word == "emfile") {
      wanted.on_emfile = true;
    } else if (word == "signal") {
      wanted.on_signal = true;
    } else if (word == "none") {
      none = true;
    } else {
      return Wants("on", kWish, word);
    }
  }
  if (none && value != "none") return "option 'on' wants 'none' alone";
  options->on_checkpoint = wanted.on_checkpoint;
  options->on_exit = wanted.on_exit;
  options->on_emfile = wanted.on_emfile;
  options->on_signal = wanted.on_signal;
  return {};
}

std::string SetKinds(std::string_view value, Options* options) {
  if (value != "all" && value != "sockets") return Wants("kinds", "all or sockets", value);
  options->sockets_only = value == "sockets";
  return {};
}

std::string SetDepth(std::string_view value, Options* options) {
  int depth = 0;
  const char* end = value.data() + value.size();
  const auto [stop, status] = std::from_chars(value.data(), end, depth);
  if (status != std::errc() || stop != end || depth < 1 || depth > kMaxDepth) {
    return Wants("depth", "a number from 1 to 1024", value);
  }
  options->java_depth = depth;
  options->native_depth = std::min(depth, kMaxNativeDepth);
  return {};
}

std::string SetLibc(std::string_view value, Options* options) {
  if (value != "on" && value != "off") return Wants("libc", "on or off", value);
  options->libc = value == "on";
  return {};
}

std::string SetSummary(std::string_view value, Options* options) {
  if (value != "on" && value != "off") return Wants("summary", "on or off", value);
  options->summary = value == "on";
  return {};
}

// Signals whose meaning the application may choose. Of the others some cannot be caught, some are
// the JVM's (faults, SIGQUIT, SIGPIPE, and those at which it shuts down), and some are the
// terminal's.
constexpr int kUsableSignals[] = {SIGUSR1, SIGUSR2, SIGALRM,  SIGVTALRM, SIGPROF,
                                  SIGURG,  SIGIO,   SIGWINCH, SIGPWR,    SIGSTKFLT};

// "SIGUSR2" and "USR2"; "SIGRTMIN+3" up to SIGRTMAX. 0 for no signal.
int SignalNamed(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  constexpr std::string_view kRealTime = "RTMIN+";
  if (name.starts_with(kRealTime)) {
    name.remove_prefix(kRealTime.size());
    int above = 0;
    const auto [stop, status] = std::from_chars(name.data(), name.data() + name.size(), above);
    if (status != std::errc() || stop != name.data() + name.size() || above < 0) return 0;
    return above <= SIGRTMAX - SIGRTMIN ? SIGRTMIN + above : 0;
  }
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* known = sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return 0;
}

std::string SetSignal(std::string_view value, Options* options) {
  const int signal = SignalNamed(value);
  if (signal == 0) return Wants("signal", "the name of a signal, such as SIGUSR2", value);
  if (signal < SIGRTMIN && std::find(std::begin(kUsableSignals), std::end(kUsableSignals),
                                     signal) == std::end(kUsableSignals)) {
    return Wants("signal", "a signal that neither the JVM nor the kernel needs, such as SIGUSR2",
                 value);
  }
  options->signal = signal;
  return {};
}

std::string SetMemory(std::string_view value, Options* options) {
  const char* end = value.data() + value.size();
  uint64_t number = 0;
  const auto [stop, status] = std::from_chars(value.data(), end, number);
  bool good = status == std::errc();
  int shift = 0;
  if (good && stop != end) {
    switch (*stop) {
      case 'k':
      case 'K':
        shift = 10;
        break;
      case 'm':
      case 'M':
        shift = 20;
        break;
      case 'g':
      case 'G':
        shift = 30;
        break;
      default:
        good = false;
    }
    good = good && stop + 1 == end;
  }
  // The first comparison keeps the shift from overflowing.
  if (!good || number > kMaxMemoryBytes || number << shift > kMaxMemoryBytes ||
      number << shift < kMinMemoryBytes) {
    return Wants("memory", "a size from 1m to 4g", value);
  }
  options->memory_bytes = number << shift;
  return {};
}

struct Key {
  std::string_view name;
  std::string (*set)(std::string_view value, Options* options);
};

constexpr std::string_view kHelpKey = "help";
constexpr std::array kKeys = {
    Key{"report", SetReport}, Key{"on", SetOn},         Key{"kinds", SetKinds},
    Key{"depth", SetDepth},   Key{"libc", SetLibc},     Key{"summary", SetSummary},
    Key{"signal", SetSignal}, Key{"memory", SetMemory}, Key{kHelpKey, nullptr},
};

constexpr size_t kLongestKey = [] {
  size_t longest = 0;
  for (const Key& key : kKeys) longest = std::max(longest, key.name.size());
  return longest;
}();

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// How many letters have to be changed, left out, added, or exchanged with their neighbour to make
// `right` of `typed`, whatever their case. `right` is a key.
size_t Distance(std::string_view typed, std::string_view right) {
  using Row = std::array<size_t, kLongestKey + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  for (size_t j = 0; j <= right.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= typed.size(); ++i) {
    before_last = last;
    last = row;
    row[0] = i;
    for (size_t j = 1; j <= right.size(); ++j) {
      const size_t change = Lower(typed[i - 1]) == right[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && Lower(typed[i - 1]) == right[j - 2] &&
          Lower(typed[i - 2]) == right[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[right.size()];
}

std::string UnknownKey(std::string_view typed) {
  std::string error = "unknown option " + Quote(typed);
  std::string_view nearest;
  size_t nearest_distance = 0;
  if (typed.size() <= 2 * kLongestKey) {
    for (const Key& key : kKeys) {
      const size_t distance = Distance(typed, key.name);
      const size_t near = std::max<size_t>(1, key.name.size() / 3);
      if (distance <= near && (nearest.empty() || distance < nearest_distance)) {
        nearest = key.name;
        nearest_distance = distance;
      }
    }
  }
  if (nearest.empty()) return error + "; try 'help'";
  return error + "; did you mean '" + std::string(nearest) + "'?";
}

// One `key=value` or `key`.
std::string ParseOption(std::string_view item, Options* options) {
  const size_t equals = item.find('=');
  const std::string_view name = item.substr(0, equals);
  const auto* key =
      std::find_if(kKeys.begin(), kKeys.end(), [name](const Key& k) { return k.name == name; });
  if (key == kKeys.end()) return UnknownKey(name);
  if (key->name == kHelpKey) {
    if (equals != std::string_view::npos) return "option 'help' takes no value";
    options->help = true;
    return {};
  }
  if (equals == std::string_view::npos || equals + 1 == item.size()) {
    return "option '" + std::string(key->name) + "' wants a value";
  }
  return key->set(item.substr(equals + 1), options);
}

}  // namespace

ParsedOptions ParseOptions(const char* text, const Options& start) {
  ParsedOptions parsed;
  parsed.options = start;
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (item.empty()) continue;
    parsed.error = ParseOption(item, &parsed.options);
    if (!parsed.error.empty()) return parsed;
  }
  if (parsed.options.on_signal && parsed.options.signal == 0) {
    parsed.error = "on=signal wants a signal, as in signal=SIGUSR2";
  }
  return parsed;
}

std::string_view OptionsHelp() {
  return R"(fdorigin: who opened each file descriptor, told when a checkpoint fails.

  java -agentpath:/path/libfdorigin.so[=OPTION,...] ...
  fdorigin attach PID [OPTION,...]
  jcmd PID JVMTI.agent_load /path/libfdorigin.so '"OPTION,..."'

  report=PATH       where reports go; %p is the process, %n the number of the report in it,
                    %t the time in UTC, %h the host   [fdorigin-%p-%n.json]
  on=A+B            what triggers a report   [checkpoint]
                      checkpoint  a checkpoint fails
                      exit        the JVM ends
                      emfile      an open fails for want of numbers; the first one only
                      signal      the signal of signal=NAME arrives
                      none        nothing does
  kinds=all         which descriptors get stacks: all, or sockets   [all]
  depth=N           most frames of a stack, 1 to 1024; native ones at most 128
                    [256 Java frames, 64 native ones]
  libc=on           see calls that libc makes to itself and calls through pointers: on or off   [on]
  summary=on        a short summary on stderr with each report: on or off   [on]
  signal=NAME       a signal that asks for a report, as on=signal+...: SIGUSR1, SIGUSR2, SIGPROF,
                    SIGRTMIN+N and others   [none]
  memory=N[k,m,g]   bound of the agent's own memory, 1m to 4g   [32m]
  help              print this and leave the JVM unstarted

Options are separated by commas; a value cannot contain one. Of a repeated option the last holds.
)";
}

}  // namespace fdorigin
