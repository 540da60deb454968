// The manual page, fdorigin(1), in the language of man(7).
//
// Who uses it: `fdorigin man`, by which CMake makes the file that is installed.
#ifndef FDORIGIN_CLI_WORDS_MAN_PAGE_H_
#define FDORIGIN_CLI_WORDS_MAN_PAGE_H_

#include <string>

#include "CLI/App.hpp"

namespace fdorigin {

std::string ManPage(const CLI::App& command);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_WORDS_MAN_PAGE_H_
