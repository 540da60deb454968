// Symbols of compilers, as people write them.
//
// Who calls it: NativeSymbolizer. Cold.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_DEMANGLE_H_
#define FDORIGIN_AGENT_SYMBOLIZE_DEMANGLE_H_

#include <string>
#include <string_view>

namespace fdorigin {

// C++ (_Z…) and Rust (_R…, and _ZN…E with a hash at its end, which is left out). A name of another
// language, one that only looks so, and one that becomes too long stay as they are. Always UTF-8.
std::string Demangle(std::string_view symbol);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_DEMANGLE_H_
