#include "fdorigin/fdorigin.h"
#include "fdorigin_version.h"

extern "C" [[gnu::visibility("default")]] const char* fdorigin_version(void) {
  return FDORIGIN_VERSION;
}
