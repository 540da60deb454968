# What the agent is built with. All of it is linked in statically: libfdorigin.so is one file that
# needs glibc only. The targets defined here are fdorigin_absl, fdorigin_libunwind, fdorigin_zydis,
# fdorigin_simdjson, fdorigin_fmt, fdorigin_deflate, fdorigin_iberty, fdorigin_lzma and jvmti_headers; nlohmann_json::nlohmann_json
# comes from its own package.

find_package(nlohmann_json 3.11 REQUIRED)
find_package(Threads REQUIRED)

# Abseil, libunwind and Zydis, as scripts/setup builds them: position-independent and hidden,
# libunwind without its pipe. (Debian's archives of the first two link into programs only, and of
# the third it has none.)
set(FDORIGIN_DEPS "${PROJECT_SOURCE_DIR}/build/deps"
    CACHE PATH "Where scripts/setup put the libraries that it built")
foreach(archive IN ITEMS abseil/lib/libabsl.a libunwind/lib/libunwind.a
                         zydis/lib/libzydis.a simdjson/lib/libsimdjson.a fmtlib/lib/libfmt.a)
  if(NOT EXISTS "${FDORIGIN_DEPS}/${archive}")
    message(FATAL_ERROR "There is no ${FDORIGIN_DEPS}/${archive}: run scripts/setup first")
  endif()
endforeach()

add_library(fdorigin_absl INTERFACE)
target_include_directories(fdorigin_absl SYSTEM INTERFACE "${FDORIGIN_DEPS}/abseil/include")
target_link_libraries(fdorigin_absl INTERFACE "${FDORIGIN_DEPS}/abseil/lib/libabsl.a"
                                              Threads::Threads)

# The generic unwinder comes before the local one, which it refers to.
add_library(fdorigin_libunwind INTERFACE)
target_include_directories(fdorigin_libunwind SYSTEM
                           INTERFACE "${FDORIGIN_DEPS}/libunwind/include")
target_link_libraries(
  fdorigin_libunwind INTERFACE "${FDORIGIN_DEPS}/libunwind/lib/libunwind-${FDORIGIN_ARCH}.a"
                               "${FDORIGIN_DEPS}/libunwind/lib/libunwind.a")

# The decoder only, in its minimal mode.
add_library(fdorigin_zydis INTERFACE)
target_include_directories(fdorigin_zydis SYSTEM INTERFACE "${FDORIGIN_DEPS}/zydis/include")
target_compile_definitions(fdorigin_zydis INTERFACE ZYDIS_STATIC_BUILD ZYCORE_STATIC_BUILD)
target_link_libraries(fdorigin_zydis INTERFACE "${FDORIGIN_DEPS}/zydis/lib/libzydis.a")

# For the command only: what it reads reports with, and what it makes sentences with.
add_library(fdorigin_simdjson INTERFACE)
target_include_directories(fdorigin_simdjson SYSTEM INTERFACE "${FDORIGIN_DEPS}/simdjson/include")
target_link_libraries(fdorigin_simdjson INTERFACE "${FDORIGIN_DEPS}/simdjson/lib/libsimdjson.a")

add_library(fdorigin_fmt INTERFACE)
target_include_directories(fdorigin_fmt SYSTEM INTERFACE "${FDORIGIN_DEPS}/fmtlib/include")
target_link_libraries(fdorigin_fmt INTERFACE "${FDORIGIN_DEPS}/fmtlib/lib/libfmt.a")

# For symbols: zlib's and xz's formats, and Rust's names. Debian's own archives, which link into a
# shared object as they are (zlib's does not, hence libdeflate).
foreach(library IN ITEMS deflate iberty lzma)
  find_library(FDORIGIN_LIB${library} "lib${library}.a" REQUIRED
               DOC "Archive from Debian's lib${library}-dev")
  mark_as_advanced(FDORIGIN_LIB${library})
  add_library(fdorigin_${library} INTERFACE)
  target_link_libraries(fdorigin_${library} INTERFACE "${FDORIGIN_LIB${library}}")
endforeach()
target_compile_definitions(fdorigin_lzma INTERFACE LZMA_API_STATIC)
# Its header would declare basename once more, and differently.
target_compile_definitions(fdorigin_iberty INTERFACE HAVE_DECL_BASENAME=1)

# jni.h and jvmti.h, of JAVA_HOME or else of an installed JDK 17. Headers only: the agent finds the
# JVM that loads it at run time.
find_path(
  FDORIGIN_JVMTI_INCLUDE jvmti.h
  HINTS "$ENV{JAVA_HOME}/include"
  PATHS /usr/lib/jvm/java-17-openjdk-amd64/include /usr/lib/jvm/java-17-openjdk/include
        /usr/lib/jvm/default-java/include
  NO_DEFAULT_PATH REQUIRED
  DOC "Folder of the JDK's jvmti.h")
add_library(jvmti_headers INTERFACE)
target_include_directories(jvmti_headers SYSTEM INTERFACE "${FDORIGIN_JVMTI_INCLUDE}"
                                                          "${FDORIGIN_JVMTI_INCLUDE}/linux")
