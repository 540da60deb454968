#include "model/frame_owner.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "model/display_text.h"

namespace fdorigin::model {
namespace {

// Packages of the JDK's modules. Others under javax. are libraries' (jakarta's elders), and come
// from jars.
constexpr std::string_view kJdkPackages[] = {"java.",        "javax.",      "jdk.",
                                             "sun.",         "com.sun.",    "org.ietf.jgss.",
                                             "org.w3c.dom.", "org.xml.sax."};

// Frameworks, servers and drivers that open descriptors for others, by the package that all their
// classes share. A name that is missing here is shown rather than folded, which does no harm.
constexpr std::string_view kFrameworkPackages[] = {
    "akka.",
    "ch.qos.logback.",
    "com.fasterxml.jackson.",
    "com.google.common.",
    "com.google.inject.",
    "com.mongodb.",
    "com.mysql.",
    "com.rabbitmq.",
    "com.sun.enterprise.",
    "com.zaxxer.hikari.",
    "groovy.",
    "io.grpc.",
    "io.lettuce.",
    "io.micrometer.",
    "io.micronaut.",
    "io.netty.",
    "io.opentelemetry.",
    "io.projectreactor.",
    "io.quarkus.",
    "io.smallrye.",
    "io.undertow.",
    "io.vertx.",
    "jakarta.",
    "kotlin.",
    "kotlinx.",
    "net.bytebuddy.",
    "okhttp3.",
    "okio.",
    "org.apache.activemq.",
    "org.apache.catalina.",
    "org.apache.commons.",
    "org.apache.coyote.",
    "org.apache.cxf.",
    "org.apache.felix.",
    "org.apache.hc.",
    "org.apache.http.",
    "org.apache.kafka.",
    "org.apache.logging.",
    "org.apache.maven.",
    "org.apache.tomcat.",
    "org.codehaus.groovy.",
    "org.eclipse.jetty.",
    "org.eclipse.osgi.",
    "org.glassfish.",
    "org.h2.",
    "org.hibernate.",
    "org.jboss.",
    "org.junit.",
    "org.jvnet.hk2.",
    "org.mariadb.",
    "org.postgresql.",
    "org.slf4j.",
    "org.springframework.",
    "org.wildfly.",
    "org.xnio.",
    "reactor.",
    "redis.clients.",
    "scala.",
};

// The JDK's libraries that a report may name without having seen libjvm.so beside them.
constexpr std::string_view kJdkLibraries[] = {
    "libattach.so", "libextnet.so", "libinstrument.so", "libjava.so",
    "libjdwp.so",   "libjimage.so", "libjli.so",        "libmanagement.so",
    "libnet.so",    "libnio.so",    "libprefs.so",      "librmi.so",
    "libverify.so", "libzip.so",    "libsyslookup.so",  "libj2pkcs11.so"};

constexpr std::string_view kLibcLibraries[] = {
    "libc.so",  "libpthread.so", "ld-linux", "libresolv.so", "libnss_",      "libdl.so",
    "librt.so", "libm.so",       "libc-",    "libanl.so",    "linux-vdso.so"};

constexpr std::string_view kJvmLibraries[] = {"libjvm.so", "libj9vm", "libj9jvmti", "libj9prt",
                                              "libj9thr"};

bool StartsWithOneOf(std::string_view text, const auto& prefixes) {
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [text](std::string_view prefix) { return text.starts_with(prefix); });
}

std::string_view Folder(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

}  // namespace

FrameOwners::FrameOwners(const std::vector<Stack>& stacks) {
  for (const Stack& stack : stacks) {
    for (const Frame& frame : stack.frames) {
      if (frame.is_java || FileName(frame.module) != "libjvm.so") continue;
      // lib/server/libjvm.so, or lib/server/libjvm.so without the middle in odd builds.
      std::string folder(Folder(Folder(frame.module)));
      folder.push_back('/');
      if (folder.size() < 2 ||
          std::find(jdk_folders_.begin(), jdk_folders_.end(), folder) != jdk_folders_.end()) {
        continue;
      }
      jdk_folders_.push_back(folder);
    }
  }
}

FrameOwner FrameOwners::OwnerOf(const Frame& frame) const {
  if (frame.is_java) {
    if (frame.jar.empty() && StartsWithOneOf(frame.class_name, kJdkPackages)) {
      return FrameOwner::kJdk;
    }
    return FrameworkOf(frame.class_name).empty() ? FrameOwner::kApplication
                                                 : FrameOwner::kFramework;
  }
  const std::string_view file = FileName(frame.module);
  if (StartsWithOneOf(file, kJvmLibraries)) return FrameOwner::kJvm;
  if (StartsWithOneOf(file, kLibcLibraries)) return FrameOwner::kLibc;
  if (StartsWithOneOf(frame.module, jdk_folders_)) return FrameOwner::kJdk;
  for (const std::string_view library : kJdkLibraries) {
    if (file == library) return FrameOwner::kJdk;
  }
  // The launcher.
  if (file == "java" && frame.module.find("/bin/") != std::string_view::npos) {
    return FrameOwner::kJdk;
  }
  return FrameOwner::kApplication;
}

std::string_view FrameworkOf(std::string_view class_name) {
  for (const std::string_view package : kFrameworkPackages) {
    if (class_name.starts_with(package)) return package.substr(0, package.size() - 1);
  }
  return {};
}

}  // namespace fdorigin::model
