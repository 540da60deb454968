# fdorigin_embed(<target> <name> <file>)
#
# Puts the bytes of a file into a target, by the assembler: no copy of it in C++ that a compiler has
# to read. Who includes "embedded/<name>.h" has them as fdorigin::embedded::<name>(). A file that a
# custom command makes is made first.
function(fdorigin_embed target name file)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/generated")
  file(
    CONFIGURE
    OUTPUT "${folder}/embedded/${name}.h"
    CONTENT
      [[// Made by cmake/Embed.cmake.
#ifndef FDORIGIN_EMBEDDED_@name@
#define FDORIGIN_EMBEDDED_@name@

#include <cstddef>
#include <string_view>

extern "C" const char fdorigin_embedded_@name@[];
extern "C" const char fdorigin_embedded_@name@_end[];

namespace fdorigin::embedded {

inline std::string_view @name@() {
  return {fdorigin_embedded_@name@, static_cast<size_t>(fdorigin_embedded_@name@_end -
                                                        fdorigin_embedded_@name@)};
}

}  // namespace fdorigin::embedded

#endif
]]
    @ONLY)
  file(
    CONFIGURE
    OUTPUT "${folder}/${name}.S"
    CONTENT
      [[.section .rodata.fdorigin_embedded_@name@, "a"
.global fdorigin_embedded_@name@
.hidden fdorigin_embedded_@name@
.global fdorigin_embedded_@name@_end
.hidden fdorigin_embedded_@name@_end
fdorigin_embedded_@name@:
.incbin "@file@"
fdorigin_embedded_@name@_end:
.byte 0
.section .note.GNU-stack, "", @progbits
]]
    @ONLY)
  set_source_files_properties("${folder}/${name}.S" PROPERTIES OBJECT_DEPENDS "${file}")
  target_sources(${target} PRIVATE "${folder}/${name}.S")
  target_include_directories(${target} PRIVATE "${folder}")
endfunction()
