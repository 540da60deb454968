# fdorigin_options: how every target of this project is compiled. Each links it PRIVATE, so that
# nothing leaks to other targets and no global flag is needed.
add_library(fdorigin_options INTERFACE)
target_compile_features(fdorigin_options INTERFACE cxx_std_20)

# The public header and the generated version; agent/ is for those who link a library of it.
target_include_directories(fdorigin_options INTERFACE "${PROJECT_SOURCE_DIR}/include"
                                                      "${PROJECT_BINARY_DIR}/generated")
target_compile_definitions(fdorigin_options INTERFACE _GNU_SOURCE)

set(c_family "$<COMPILE_LANGUAGE:C,CXX>")
target_compile_options(
  fdorigin_options
  INTERFACE
    "$<${c_family}:-Wall;-Wextra;-Wshadow;-Wconversion;-Wno-missing-field-initializers>"
    "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Woverloaded-virtual>"
    # The agent walks its own frames too, and people profile what it costs.
    "$<${c_family}:-fno-omit-frame-pointer>"
    "$<${c_family}:-ffunction-sections;-fdata-sections>")
if(FDORIGIN_WERROR)
  target_compile_options(fdorigin_options INTERFACE "$<${c_family}:-Werror>")
endif()

if(FDORIGIN_SANITIZE STREQUAL "address")
  # The check of vptr looks at memory through a pipe of its own: there are tests where no descriptor
  # is left for it, and some in which its calls would be seen.
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined)
elseif(FDORIGIN_SANITIZE STREQUAL "thread")
  set(sanitizers -fsanitize=thread)
elseif(FDORIGIN_SANITIZE STREQUAL "fuzzer")
  set(sanitizers -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
elseif(FDORIGIN_SANITIZE)
  message(FATAL_ERROR "FDORIGIN_SANITIZE is '${FDORIGIN_SANITIZE}'; known are address, thread and fuzzer")
endif()
target_compile_options(fdorigin_options INTERFACE "$<${c_family}:${sanitizers}>")
target_link_options(fdorigin_options INTERFACE ${sanitizers})
unset(sanitizers)
unset(c_family)

# fdorigin_agent_library(<target> <STATIC|OBJECT>)
#
# One library per folder of agent/. Its code ends in libfdorigin.so, hence position-independent and
# hidden. Includes name the folder: "base/ids.h". initial-exec: a hook may be the first to touch a thread's variables, and must not make the
# loader allocate them.
function(fdorigin_agent_library target type)
  add_library(${target} ${type})
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/agent")
  set_target_properties(
    ${target}
    PROPERTIES POSITION_INDEPENDENT_CODE ON
               CXX_VISIBILITY_PRESET hidden
               C_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:C,CXX>:-ftls-model=initial-exec>")
  target_link_libraries(${target} PRIVATE fdorigin_options)
endfunction()
