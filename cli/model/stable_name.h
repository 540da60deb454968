// Names of frames without what changes from run to run: numbers that the JVM and javac give to
// lambdas, the addresses of hidden classes, line numbers.
//
// Who uses it: what compares reports of different runs (fingerprints, diff).
#ifndef FDORIGIN_CLI_MODEL_STABLE_NAME_H_
#define FDORIGIN_CLI_MODEL_STABLE_NAME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "model/report.h"

namespace fdorigin::model {

// "com.example.Harbor" of "com.example.Harbor$$Lambda/0x00007f0e14001000".
std::string_view StableClass(std::string_view class_name);

// "com.example.Harbor.moor", "libnio.so!Java_sun_nio_ch_Net_socket0", "libpier.so" where there is
// no symbol. lambda$moor$3 is lambda$moor: the number counts the lambdas of the class.
std::string StableName(const Frame& frame);

// A 64-bit FNV-1a hash in hexadecimal: the same on every machine and in every version.
std::string StableHash(std::string_view text);

}  // namespace fdorigin::model

#endif  // FDORIGIN_CLI_MODEL_STABLE_NAME_H_
