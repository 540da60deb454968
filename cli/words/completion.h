// Scripts by which a shell completes the command's words.
//
// Who uses it: `fdorigin completion`, by which CMake makes the files that are installed.
#ifndef FDORIGIN_CLI_WORDS_COMPLETION_H_
#define FDORIGIN_CLI_WORDS_COMPLETION_H_

#include <string>

#include "CLI/App.hpp"

namespace fdorigin {

std::string BashCompletion(const CLI::App& command);
std::string ZshCompletion(const CLI::App& command);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_WORDS_COMPLETION_H_
