// Writing to a descriptor: a terminal, a pipe, a file.
//
// Who uses it: the console, and what writes the file of -o.
#ifndef FDORIGIN_CLI_WRITE_ALL_H_
#define FDORIGIN_CLI_WRITE_ALL_H_

#include <string_view>

namespace fdorigin {

// All of `text`, in as many writes as it takes. False, with errno, where the kernel takes no more.
bool WriteAll(int fd, std::string_view text);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_WRITE_ALL_H_
