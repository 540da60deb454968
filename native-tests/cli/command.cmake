# Runs the command as a shell does. Its statuses are those of docs/attach.md.
cmake_minimum_required(VERSION 3.25)

function(expect status out err)
  execute_process(COMMAND "${COMMAND}" ${ARGN} RESULT_VARIABLE was OUTPUT_VARIABLE said
                  ERROR_VARIABLE complained)
  if(NOT was STREQUAL status OR NOT said MATCHES "${out}" OR NOT complained MATCHES "${err}")
    message(FATAL_ERROR "fdorigin ${ARGN}: ${was}\n${said}\n${complained}")
  endif()
endfunction()

expect(0 "^fdorigin ${VERSION}\n$" "^$" --version)
expect(0 "show.*attach.*dump" "^$" --help)
expect(0 "Example:\n  fdorigin show" "^$" show --help)
expect(0 "Example:\n  fdorigin attach" "^$" attach --help)
expect(0 "Example:\n  fdorigin dump" "^$" dump --help)
expect(2 "^$" "^fdorigin: ")
expect(2 "^$" "^fdorigin: [^\n]*--nonsense" dump --nonsense 1)
expect(2 "^$" "^fdorigin: " dump abc)
expect(2 "^$" "^fdorigin: " --color=blue dump 1)
# The kernel gives no process this number.
expect(4 "^$" "^fdorigin: there is no process 4194304\n$" dump 4194304)
expect(4 "^$" "31mfdorigin: " --color=always dump 4194304)

if(NOT SANITIZED)
  execute_process(COMMAND "${READELF}" -d "${COMMAND}" OUTPUT_VARIABLE dynamic
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" needed "${dynamic}")
  foreach(library IN LISTS needed)
    if(NOT library MATCHES "\\[(libc\\.so|libm\\.so|ld-linux)")
      message(FATAL_ERROR "the command needs ${library}")
    endif()
  endforeach()
endif()
