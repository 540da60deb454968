# Installs into an empty folder, and builds and runs a C program that knows that folder only.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${WORK_DIR}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${WORK_DIR}"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
foreach(path IN ITEMS lib/libfdorigin.so include/fdorigin/fdorigin.h
                      share/fdorigin/report.schema.json bin/fdorigin
                      share/man/man1/fdorigin.1 share/zsh/site-functions/_fdorigin
                      share/bash-completion/completions/fdorigin)
  if(NOT EXISTS "${WORK_DIR}/${path}")
    message(FATAL_ERROR "${path} was not installed")
  endif()
endforeach()
execute_process(
  COMMAND "${C_COMPILER}" -std=c11 -Wall -Wextra -Wpedantic -Werror "-I${WORK_DIR}/include"
          "${PROGRAM}" "-L${WORK_DIR}/lib" -lfdorigin "-Wl,-rpath,${WORK_DIR}/lib" -o
          "${WORK_DIR}/client" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${WORK_DIR}/client" OUTPUT_VARIABLE version
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "the library says that it is '${version}', the project is '${VERSION}'")
endif()
message("the installed library is ${version}")
