// The agent's options: `key=value,…` behind -agentpath or at dynamic attach.
//
// Who calls it: Agent_OnLoad and Agent_OnAttach, before anything else. Cold.
#ifndef FDORIGIN_AGENT_BASE_OPTIONS_H_
#define FDORIGIN_AGENT_BASE_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace fdorigin {

struct Options {
  std::string report = "fdorigin-%p-%n.json";
  bool on_checkpoint = true;
  bool on_exit = false;
  bool on_emfile = false;
  bool on_signal = false;     // said so; `signal` decides
  int signal = 0;             // which asks for a report; 0 for none
  bool sockets_only = false;  // kinds=sockets
  int java_depth = 256;
  int native_depth = 64;
  bool libc = true;  // hook libc's functions at their entries
  bool summary = true;
  uint64_t memory_bytes = 32ull << 20;
  bool help = false;
};

// What ParseOptions() made of the text. `error` is one line without prefix, empty where all is
// well:
//   unknown option 'repotr'; did you mean 'report'?
// Where it is not empty, `options` holds what came before the mistake and is of no use.
struct ParsedOptions {
  Options options;
  std::string error;
};

// `text` may be null or empty. A comma inside a value cannot be written; a path with a comma has to
// be given another name. Of a key that is repeated the last value holds, as with the JVM's own
// options. Nothing at all between two commas, or behind the last one, is skipped.
//
// `start` is what holds where the text says nothing: the defaults, or for an agent that is loaded
// already what it has.
//
// `signal` is a trigger by itself; on=signal without it is an error and not ignored: who waits for
// a report and gets none would conclude that there was nothing to report.
ParsedOptions ParseOptions(const char* text, const Options& start = {});

// What `help` prints, with a line end.
std::string_view OptionsHelp();

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_OPTIONS_H_
