// Names for Java methods, from the MethodStore or through JVMTI and JNI.
//
// Who calls it: the dump, on a thread attached to the VM, in the live phase, outside hook context
// and outside a VM operation. It may run Java code (Class.getProtectionDomain), clears every
// exception that this raises, and keeps no local reference.
#ifndef FDORIGIN_AGENT_SYMBOLIZE_JAVA_SYMBOLIZER_H_
#define FDORIGIN_AGENT_SYMBOLIZE_JAVA_SYMBOLIZER_H_

#include <jvmti.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/string_store.h"
#include "stack/method_store.h"
#include "symbolize/symbolized_frame.h"

namespace fdorigin {

enum class LoaderKind : uint8_t {
  kOther = 0,
  kSystem = 1,      // the boot loader, or the platform loader
  kReflection = 2,  // of an accessor that reflection generates for a busy method, in JDKs before 22
};

// Whether a class is the JDK's, by the name of its module ("" where it has none), its loader and
// the URL of its code source ("" where it has none). The name alone says little: automatic modules
// may be called java.ws.rs. Nor does the place, for jlink puts applications into the run-time
// image.
bool IsJdkModule(std::string_view module, LoaderKind loader, std::string_view location);

class JavaSymbolizer {
 public:
  // Both stay valid for the object's life: one dump, on one thread. File and line need the
  // capabilities can_get_source_file_name and can_get_line_numbers; without one its field is empty.
  // `methods`: of frames of kMethod, `strings`: of frames of kNamed; may be null where there are
  // none. Without a VM to ask (both of the first null) frames of these kinds have their names, and
  // belong to whom the name says, and those of kJava have none.
  JavaSymbolizer(jvmtiEnv* jvmti, JNIEnv* jni, const MethodStore* methods = nullptr,
                 const StringStore* strings = nullptr);
  ~JavaSymbolizer();
  JavaSymbolizer(const JavaSymbolizer&) = delete;
  JavaSymbolizer& operator=(const JavaSymbolizer&) = delete;

  // `frame.kind` is kJava, kMethod or kNamed; the answer's is kJava. A method of the first kind
  // whose class is gone (JVMTI_ERROR_INVALID_METHODID) has empty names; one of the others has no
  // jar then. A class is the JDK's where IsJdkModule() says so of its module, and the application's
  // otherwise. An exception that is pending when this is called is pending again when it returns.
  SymbolizedFrame Symbolize(const Frame& frame);

 private:
  struct Class {
    jobject klass = nullptr;  // global reference
    std::string name;
    std::string file;
    std::string jar;
    FrameOwner owner = FrameOwner::kApplication;
  };
  struct Method {
    const Class* declaring = nullptr;  // in classes_; null where the method is gone
    std::string name;
    std::string signature;
    bool native = false;
    std::vector<std::pair<jlocation, int>> lines;  // from which bci on, in the class file's order
  };

  // What MethodName and NamedMethod have in common.
  template <typename Kept>
  static void FillIn(const Class& described, const Kept& method, SymbolizedFrame* named);
  SymbolizedFrame SymbolizeStored(const Frame& frame);
  SymbolizedFrame SymbolizeNamed(const Frame& frame);
  Class DescribeClass(std::string_view internal_name);
  Class DescribeSignature(const std::string& signature, std::string name);
  void ListClasses();
  Method ReadMethod(jmethodID id);
  const Class* ClassOf(jclass klass);
  Class ReadClass(jclass klass);
  LoaderKind LoaderOf(jclass klass);

  jvmtiEnv* jvmti_;
  JNIEnv* jni_;
  std::map<jmethodID, Method> methods_;
  std::multimap<jint, Class> classes_;  // by identity hash
  const MethodStore* stored_;
  const StringStore* strings_;
  std::map<std::string, Class, std::less<>> described_;  // by internal name, or JVMTI's signature
  // All loaded classes by JVMTI's signature, and the local frame that their references are in.
  std::multimap<std::string, jclass, std::less<>> loaded_;
  bool listed_ = false;
  bool frame_pushed_ = false;
};

// The name that Class.getName() gives to the class or interface of this JVMTI signature:
// "Lsun/nio/ch/Net;" is "sun.nio.ch.Net". The signature of a hidden class has its suffix behind a
// dot ("Lapp/Main$$Lambda.0x0000000800c03000;"), its name has it behind a slash, and so have stack
// traces.
std::string ClassNameOf(std::string_view signature);

// Where a class came from, for people: the path of a file: URL or, with "!/", of a jar: URL into
// one; nothing for the JDK's run-time image (jrt:); every other URL as it is.
std::string PathOfCodeSource(std::string_view url);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_SYMBOLIZE_JAVA_SYMBOLIZER_H_
