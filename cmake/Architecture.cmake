# FDORIGIN_ARCH: the folder of agent/arch/ for the processor that the build is for. Code that
# depends on the processor lives there and nowhere else.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  set(FDORIGIN_ARCH x86_64)
else()
  message(FATAL_ERROR "fdorigin is not ported to '${CMAKE_SYSTEM_PROCESSOR}': "
                      "there is no folder for it in agent/arch/")
endif()
