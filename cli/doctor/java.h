// A Java runtime, by what it says of itself.
//
// Who uses it: `doctor`.
#ifndef FDORIGIN_CLI_DOCTOR_JAVA_H_
#define FDORIGIN_CLI_DOCTOR_JAVA_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fdorigin {

struct Java {
  std::string path;                               // of bin/java
  std::map<std::string, std::string> properties;  // "java.vm.name", "java.home", …
  std::map<std::string, std::string> flags;       // of -XX:+PrintFlagsFinal; none on OpenJ9

  std::string_view Property(const std::string& name) const;
  // Empty where it knows no such flag.
  std::string_view Flag(const std::string& name) const;
  int feature_version() const;  // 17; 0 where it does not say
  bool is_openj9() const;
  bool is_zero() const;  // HotSpot without a compiler
};

// `wish`: a java, or a Java home; empty: that of JAVA_HOME, else that of PATH. NotFound where none
// was wished for and there is none; InvalidArgument where it is no java.
absl::StatusOr<Java> FindJava(const std::string& wish);

// What `java -XX:+PrintFlagsFinal -XshowSettings:properties -version` prints.
Java ParseJava(std::string path, std::string_view output);

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_DOCTOR_JAVA_H_
