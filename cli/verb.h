// A verb of the command: its words, and what it does. One file per verb.
//
// Who uses it: main.cc, which parses the command line, finds the verb that was given and runs it.
#ifndef FDORIGIN_CLI_VERB_H_
#define FDORIGIN_CLI_VERB_H_

#include <functional>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "console.h"
#include "exit_status.h"

namespace fdorigin {

// The kernel's PID_MAX_LIMIT.
constexpr int kLargestPid = 4 << 20;

struct Verb {
  CLI::App* words;  // owned by the command's App
  std::function<ExitStatus(const Console&)> run;
};

// Each adds its verb to `command`. An example stands in the footer of every help.
Verb DefineShow(CLI::App* command);
Verb DefineCheck(CLI::App* command);
Verb DefineDiff(CLI::App* command);
Verb DefineHtml(CLI::App* command);
Verb DefineConvert(CLI::App* command);
Verb DefinePolicies(CLI::App* command);
Verb DefineExplain(CLI::App* command);
Verb DefineAttach(CLI::App* command);
Verb DefineDump(CLI::App* command);
Verb DefineDoctor(CLI::App* command);
Verb DefineSchema(CLI::App* command);
Verb DefineCompletion(CLI::App* command);
Verb DefineMan(CLI::App* command);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_VERB_H_
