// What the report says of a Java frame, asked in a real JVM in this process and compared with the
// JVM's own stack traces, with Class.getName() and with javap.
#include "symbolize/java_symbolizer.h"

#include <dlfcn.h>
#include <jni.h>
#include <jvmti.h>
#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/region.h"
#include "base/string_store.h"
#include "stack/jvmti_names.h"
#include "symbolize/files.h"

#if defined(__SANITIZE_ADDRESS__)
// The JVM answers SIGSEGV itself, and its memory is not one that the leak detector can look
// through.
static bool g_jvm_was_here = false;
extern "C" const char* __asan_default_options() { return "handle_segv=0"; }
extern "C" int __lsan_is_turned_off() { return g_jvm_was_here; }
#endif

namespace fdorigin {
namespace {

namespace fs = std::filesystem;

// One JVM for all cases that run in this process. Its class path is two places with names that need
// escapes in a URL: a directory with Heron, and a jar with Egret. Bittern is on the boot class
// path, and Snipe in a jar on the module path, whose module is java.ws.rs by its manifest.
class Jvm {
 public:
  static Jvm& Get() {
#if defined(__SANITIZE_THREAD__)
    SKIP("the JVM's own synchronisation is invisible to ThreadSanitizer");
#endif
    static const ScratchDirectory scratch;
    // Never destroyed: HotSpot has threads until the process ends.
    static Jvm* jvm = new Jvm(scratch.path());
    jvm->TakeSignals();
    return *jvm;
  }

  JNIEnv* jni = nullptr;
  jvmtiEnv* jvmti = nullptr;      // with the capabilities that the agent has
  jvmtiEnv* incapable = nullptr;  // without any
  fs::path classes;               // Heron's directory
  fs::path jar;                   // Egret's archive
  fs::path boot;                  // Bittern's directory
  fs::path module;                // Snipe's archive

  jclass Find(const char* name) {
    jclass klass = jni->FindClass(name);
    if (klass == nullptr) jni->ExceptionDescribe();
    REQUIRE(klass != nullptr);
    return klass;
  }

 private:
  static constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM};

  explicit Jvm(const fs::path& scratch) {
#if defined(__SANITIZE_ADDRESS__)
    g_jvm_was_here = true;
#endif
    classes = scratch / "wading birds 100%+ #1";
    jar = scratch / "white birds" / "egret%20.jar";
    boot = scratch / "boot";
    module = scratch / "modules" / "snipe.jar";
    const fs::path all = fs::path(TEST_BIRDS) / "org/fdorigin/birds";
    const auto place = [&all](const std::string& prefix, const fs::path& root) {
      fs::create_directories(root / "org/fdorigin/birds");
      for (const auto& entry : fs::directory_iterator(all)) {
        if (entry.path().filename().string().starts_with(prefix)) {
          fs::copy_file(entry.path(), root / "org/fdorigin/birds" / entry.path().filename());
        }
      }
    };
    place("Heron", classes);
    place("Bittern", boot);
    fs::create_directories(jar.parent_path());
    LinesOf("'" + JdkHome() + "/bin/jar' --create --file '" + jar.string() +
            "' -C '" TEST_BIRDS "' org/fdorigin/birds/Egret.class");
    fs::create_directories(module.parent_path());
    WriteFile(scratch / "manifest", "Automatic-Module-Name: java.ws.rs\n");
    LinesOf("'" + JdkHome() + "/bin/jar' --create --file '" + module.string() + "' --manifest '" +
            (scratch / "manifest").string() +
            "' -C '" TEST_BIRDS "' org/fdorigin/marsh/Snipe.class");

    void* library = dlopen(LibjvmPath().c_str(), RTLD_NOW | RTLD_GLOBAL);
    INFO((library == nullptr ? dlerror() : ""));
    REQUIRE(library != nullptr);
    const auto create =
        reinterpret_cast<decltype(&JNI_CreateJavaVM)>(dlsym(library, "JNI_CreateJavaVM"));
    REQUIRE(create != nullptr);
    std::string class_path = "-Djava.class.path=" + classes.string() + ":" + jar.string();
    std::string boot_path = "-Xbootclasspath/a:" + boot.string();
    std::string module_path = "--module-path=" + module.parent_path().string();
    std::string add_module = "--add-modules=java.ws.rs";
    std::string unlock = "-XX:+UnlockDiagnosticVMOptions";
    std::string hidden = "-XX:+ShowHiddenFrames";  // stack traces show lambdas' classes
    std::string small = "-Xmx64m";
    std::string quiet = "-Xshare:auto";
    std::vector<JavaVMOption> options;
    for (std::string* option :
         {&class_path, &boot_path, &module_path, &add_module, &unlock, &hidden, &small, &quiet}) {
      options.push_back({.optionString = option->data(), .extraInfo = nullptr});
    }
    JavaVMInitArgs arguments{.version = JNI_VERSION_10,
                             .nOptions = static_cast<jint>(options.size()),
                             .options = options.data(),
                             .ignoreUnrecognized = JNI_FALSE};
    JavaVM* vm = nullptr;
    REQUIRE(create(&vm, reinterpret_cast<void**>(&jni), &arguments) == JNI_OK);
    REQUIRE(vm->GetEnv(reinterpret_cast<void**>(&jvmti), JVMTI_VERSION_11) == JNI_OK);
    REQUIRE(vm->GetEnv(reinterpret_cast<void**>(&incapable), JVMTI_VERSION_11) == JNI_OK);
    jvmtiCapabilities capabilities{};
    capabilities.can_get_source_file_name = 1;
    capabilities.can_get_line_numbers = 1;
    REQUIRE(jvmti->AddCapabilities(&capabilities) == JVMTI_ERROR_NONE);
    for (size_t i = 0; i < std::size(kSignals); ++i) {
      sigaction(kSignals[i], nullptr, &handlers_[i]);
    }
  }

  // Catch2 installs handlers of its own for each test case. The JVM needs its.
  void TakeSignals() {
    for (size_t i = 0; i < std::size(kSignals); ++i) {
      sigaction(kSignals[i], &handlers_[i], nullptr);
    }
  }

  struct sigaction handlers_[std::size(kSignals)];
};

Frame JavaFrame(jmethodID method, int bci) {
  return {.value = reinterpret_cast<uint64_t>(method),
          .bci = bci,
          .image = ImageId::kNone,
          .kind = FrameKind::kJava,
          .gap = 0};
}

jobject Call(JNIEnv* jni, jobject object, const char* method, const char* signature) {
  const jmethodID id = jni->GetMethodID(jni->GetObjectClass(object), method, signature);
  REQUIRE(id != nullptr);
  const jobject answer = jni->CallObjectMethod(object, id);
  REQUIRE_FALSE(jni->ExceptionCheck());
  return answer;
}

// In the UTF-8 that Java's own encoder makes.
std::string Text(JNIEnv* jni, jobject string) {
  if (string == nullptr) return {};
  const jmethodID get_bytes =
      jni->GetMethodID(jni->GetObjectClass(string), "getBytes", "(Ljava/lang/String;)[B");
  const auto bytes =
      static_cast<jbyteArray>(jni->CallObjectMethod(string, get_bytes, jni->NewStringUTF("UTF-8")));
  REQUIRE_FALSE(jni->ExceptionCheck());
  std::string utf8(static_cast<size_t>(jni->GetArrayLength(bytes)), '\0');
  jni->GetByteArrayRegion(bytes, 0, static_cast<jsize>(utf8.size()),
                          reinterpret_cast<jbyte*>(utf8.data()));
  return utf8;
}

// One stack, as JVMTI gives it to the agent and as Java gives it to its users. Taken in a native
// method, where nothing may throw, and looked at afterwards.
struct {
  jvmtiFrameInfo frames[100];
  jint count;
  jobject throwable;  // global reference
  Frame named[100];   // named at once
} g_catch;

// The names of frames that are named at once.
StringStore& Names() {
  static Region region;
  static StringStore names;
  static const bool created = region.Create(4 << 20) && names.Create(&region);
  REQUIRE(created);
  return names;
}

void JNICALL Fish(JNIEnv* jni, jclass) {
  g_catch.count = 0;
  Jvm::Get().jvmti->GetStackTrace(nullptr, 0, 100, g_catch.frames, &g_catch.count);
  for (jint i = 0; i < g_catch.count; ++i) {
    const jvmtiFrameInfo& place = g_catch.frames[i];
    g_catch.named[i] = NameFrame(Jvm::Get().jvmti, jni, place.method, place.location, &Names());
  }
  const jclass klass = jni->FindClass("java/lang/Throwable");
  if (klass == nullptr) return;
  const jobject thrown = jni->NewObject(klass, jni->GetMethodID(klass, "<init>", "()V"));
  g_catch.throwable = jni->NewGlobalRef(thrown);
}

// A StackTraceElement in our terms.
SymbolizedFrame FrameOf(JNIEnv* jni, jobject element) {
  const auto text = [&](const char* method) {
    return Text(jni, Call(jni, element, method, "()Ljava/lang/String;"));
  };
  const jclass klass = jni->GetObjectClass(element);
  SymbolizedFrame frame;
  frame.class_name = text("getClassName");
  frame.method = text("getMethodName");
  frame.file = text("getFileName");
  const jint line = jni->CallIntMethod(element, jni->GetMethodID(klass, "getLineNumber", "()I"));
  REQUIRE_FALSE(jni->ExceptionCheck());
  if (line > 0) frame.line = line;
  frame.native_method =
      jni->CallBooleanMethod(element, jni->GetMethodID(klass, "isNativeMethod", "()Z"));
  REQUIRE_FALSE(jni->ExceptionCheck());
  frame.owner = text("getModuleName") == "java.base" ? FrameOwner::kJdk : FrameOwner::kApplication;
  return frame;
}

TEST_CASE("every frame is named as the JVM's own stack trace names it") {
  Jvm& jvm = Jvm::Get();
  JNIEnv* jni = jvm.jni;
  const jclass heron = jvm.Find("org/fdorigin/birds/Heron");
  char name[] = "fish";
  char signature[] = "()V";
  const JNINativeMethod native{name, signature, reinterpret_cast<void*>(&Fish)};
  REQUIRE(jni->RegisterNatives(heron, &native, 1) == JNI_OK);
  g_catch = {};
  jni->CallStaticVoidMethod(heron, jni->GetStaticMethodID(heron, "wade", "(I)V"), 2);
  REQUIRE_FALSE(jni->ExceptionCheck());
  REQUIRE(g_catch.throwable != nullptr);
  const auto trace = static_cast<jobjectArray>(
      Call(jni, g_catch.throwable, "getStackTrace", "()[Ljava/lang/StackTraceElement;"));
  jni->DeleteGlobalRef(g_catch.throwable);
  REQUIRE(jni->GetArrayLength(trace) == g_catch.count);

  JavaSymbolizer symbolizer(jvm.jvmti, jni, nullptr, &Names());
  std::vector<SymbolizedFrame> stack;
  int hidden = 0;
  int of_jdk = 0;
  for (jint i = 0; i < g_catch.count; ++i) {
    REQUIRE(jni->PushLocalFrame(32) == JNI_OK);
    const SymbolizedFrame theirs = FrameOf(jni, jni->GetObjectArrayElement(trace, i));
    jni->PopLocalFrame(nullptr);
    const jvmtiFrameInfo& place = g_catch.frames[i];
    const SymbolizedFrame ours =
        symbolizer.Symbolize(JavaFrame(place.method, static_cast<int>(place.location)));
    INFO("frame " << i << ": " << theirs.class_name << "." << theirs.method);
    const SymbolizedFrame named = symbolizer.Symbolize(g_catch.named[i]);
    for (const SymbolizedFrame* one : {&ours, &named}) {
      CHECK(one->kind == FrameKind::kJava);
      CHECK(one->class_name == theirs.class_name);
      CHECK(one->method == theirs.method);
      CHECK(one->file == theirs.file);
      CHECK(one->line == theirs.line);
      CHECK(one->native_method == theirs.native_method);
      CHECK(one->owner == theirs.owner);
      CHECK(one->jar == (theirs.owner == FrameOwner::kJdk ? "" : jvm.classes.string() + "/"));
    }
    CHECK(named.signature == ours.signature);
    CHECK(ours.hidden == (theirs.class_name.find("/0x") != std::string::npos));
    hidden += theirs.class_name.find("/0x") != std::string::npos;
    of_jdk += theirs.owner == FrameOwner::kJdk;
    stack.push_back(ours);
  }
  // The stack has what the test is about.
  REQUIRE(stack.size() >= 8);
  CHECK(stack[0].method == "fish");
  CHECK(stack[0].native_method);
  CHECK_FALSE(stack[0].line.has_value());
  CHECK(stack[1].class_name == "org.fdorigin.birds.Heron$Inner");
  CHECK(stack[1].signature == "(Ljava/lang/String;)V");
  CHECK(stack[2].method ==
        "gr\xc3\xb6\xc3\x9f"
        "e\xf0\x9d\x92\xb3");
  CHECK(hidden == 1);
  CHECK(of_jdk >= 1);
}

TEST_CASE("lines are those of the class file, between its entries too") {
  Jvm& jvm = Jvm::Get();
  JavaSymbolizer symbolizer(jvm.jvmti, jvm.jni);
  const jclass string = jvm.Find("java/lang/String");
  const jmethodID length = jvm.jni->GetMethodID(string, "length", "()I");
  const jmethodID hash = jvm.jni->GetMethodID(string, "hashCode", "()I");

  // "line 1511: 0" below "public int length();"
  const std::vector<std::string> javap =
      LinesOf("'" + JdkHome() + "/bin/javap' -c -l java.lang.String");
  const auto check = [&](const std::string& declaration, jmethodID method) {
    std::vector<std::pair<int, int>> table;  // bci, line
    bool inside = false;
    for (const std::string& text : javap) {
      if (text.starts_with("  ") && !text.starts_with("   ")) inside = text == "  " + declaration;
      int line = 0;
      int bci = 0;
      if (inside && std::sscanf(text.c_str(), " line %d: %d", &line, &bci) == 2) {
        table.emplace_back(bci, line);
      }
    }
    REQUIRE_FALSE(table.empty());
    for (size_t i = 0; i < table.size(); ++i) {
      const auto [bci, line] = table[i];
      CHECK(symbolizer.Symbolize(JavaFrame(method, bci)).line == line);
      if (i + 1 < table.size() && table[i + 1].first > bci + 1) {
        CHECK(symbolizer.Symbolize(JavaFrame(method, table[i + 1].first - 1)).line == line);
      }
    }
  };
  check("public int length();", length);
  check("public int hashCode();", hash);

  const SymbolizedFrame frame = symbolizer.Symbolize(JavaFrame(length, 0));
  CHECK(frame.class_name == "java.lang.String");
  CHECK(frame.method == "length");
  CHECK(frame.signature == "()I");
  CHECK(frame.file == "String.java");
  CHECK(frame.jar == "");
  CHECK(frame.owner == FrameOwner::kJdk);
  CHECK_FALSE(frame.native_method);
  CHECK_FALSE(symbolizer.Symbolize(JavaFrame(length, -1)).line.has_value());
}

TEST_CASE("a class has the place it came from") {
  Jvm& jvm = Jvm::Get();
  JavaSymbolizer symbolizer(jvm.jvmti, jvm.jni);
  const jclass egret = jvm.Find("org/fdorigin/birds/Egret");
  const SymbolizedFrame of_jar =
      symbolizer.Symbolize(JavaFrame(jvm.jni->GetStaticMethodID(egret, "feathers", "()I"), 0));
  CHECK(of_jar.class_name == "org.fdorigin.birds.Egret");
  CHECK(of_jar.jar == jvm.jar.string());
  CHECK(of_jar.owner == FrameOwner::kApplication);

  // Agents append to the boot class path: not the JDK's, and the JVM does not tell from where.
  const jclass bittern = jvm.Find("org/fdorigin/birds/Bittern");
  const SymbolizedFrame of_boot = symbolizer.Symbolize(
      JavaFrame(jvm.jni->GetStaticMethodID(bittern, "boom", "()Ljava/lang/String;"), 0));
  CHECK(of_boot.class_name == "org.fdorigin.birds.Bittern");
  CHECK(of_boot.jar == "");
  CHECK(of_boot.owner == FrameOwner::kApplication);

  // A module of the JDK that is not java.base, of the application class loader's parent.
  const jclass sql = jvm.Find("java/sql/Date");
  const SymbolizedFrame of_module = symbolizer.Symbolize(
      JavaFrame(jvm.jni->GetMethodID(sql, "toString", "()Ljava/lang/String;"), 0));
  CHECK(of_module.owner == FrameOwner::kJdk);
  CHECK(of_module.jar == "");
}

// What the symbolizer says of the class, by its first method.
SymbolizedFrame FrameIn(Jvm& jvm, jclass klass) {
  jint count = 0;
  jmethodID* methods = nullptr;
  REQUIRE(jvm.jvmti->GetClassMethods(klass, &count, &methods) == JVMTI_ERROR_NONE);
  REQUIRE(count > 0);
  const jmethodID first = methods[0];
  jvm.jvmti->Deallocate(reinterpret_cast<unsigned char*>(methods));
  return JavaSymbolizer(jvm.jvmti, jvm.jni).Symbolize(JavaFrame(first, 0));
}

std::string ModuleOf(JNIEnv* jni, jclass klass) {
  const jobject module = Call(jni, klass, "getModule", "()Ljava/lang/Module;");
  return Text(jni, Call(jni, module, "getName", "()Ljava/lang/String;"));
}

TEST_CASE("a module's name alone does not make it the JDK's") {
  Jvm& jvm = Jvm::Get();
  const jclass snipe = jvm.Find("org/fdorigin/marsh/Snipe");
  REQUIRE(ModuleOf(jvm.jni, snipe) == "java.ws.rs");
  const SymbolizedFrame of_jar = FrameIn(jvm, snipe);
  CHECK(of_jar.owner == FrameOwner::kApplication);
  CHECK(of_jar.jar == jvm.module.string());

  // A module of the JDK's that has the application's class loader.
  const jclass javac = jvm.Find("com/sun/tools/javac/Main");
  REQUIRE(ModuleOf(jvm.jni, javac) == "jdk.compiler");
  const SymbolizedFrame of_jdk = FrameIn(jvm, javac);
  CHECK(of_jdk.owner == FrameOwner::kJdk);
  CHECK(of_jdk.jar == "");
}

TEST_CASE("what the JDK makes for proxies and reflection is the JDK's") {
  Jvm& jvm = Jvm::Get();
  const jclass snipe = jvm.Find("org/fdorigin/marsh/Snipe");
  const auto ask = [&](const char* method) {
    const jmethodID id = jvm.jni->GetStaticMethodID(snipe, method, "()Ljava/lang/Class;");
    const auto answer = static_cast<jclass>(jvm.jni->CallStaticObjectMethod(snipe, id));
    if (jvm.jni->ExceptionCheck()) jvm.jni->ExceptionDescribe();
    REQUIRE(answer != nullptr);
    return answer;
  };
  const jclass proxy = ask("mimic");
  REQUIRE(ModuleOf(jvm.jni, proxy).starts_with("jdk.proxy"));
  CHECK(FrameIn(jvm, proxy).owner == FrameOwner::kJdk);

  const SymbolizedFrame accessor = FrameIn(jvm, ask("drum"));
  INFO(accessor.class_name);
  CHECK((accessor.class_name.starts_with("jdk.internal.reflect.") ||
         accessor.class_name.starts_with("java.lang.invoke.")));
  CHECK(accessor.owner == FrameOwner::kJdk);
}

TEST_CASE("a module is the JDK's by its loader, or by its name and its place together") {
  CHECK(IsJdkModule("java.base", LoaderKind::kSystem, ""));
  CHECK(IsJdkModule("oracle.net", LoaderKind::kSystem, ""));
  CHECK(IsJdkModule("jdk.compiler", LoaderKind::kOther, "jrt:/jdk.compiler"));
  CHECK(IsJdkModule("jdk.proxy2", LoaderKind::kOther, ""));
  CHECK(IsJdkModule("", LoaderKind::kReflection, ""));
  CHECK_FALSE(IsJdkModule("", LoaderKind::kSystem, ""));  // -Xbootclasspath/a
  CHECK_FALSE(IsJdkModule("", LoaderKind::kOther, ""));
  CHECK_FALSE(IsJdkModule("java.ws.rs", LoaderKind::kOther, "file:/opt/lib/rs.jar"));
  CHECK_FALSE(IsJdkModule("jdk.proxy2", LoaderKind::kOther, "file:/opt/lib/proxy.jar"));
  CHECK_FALSE(IsJdkModule("jdk.proxyfactory", LoaderKind::kOther, ""));
  CHECK_FALSE(IsJdkModule("jdk.proxy", LoaderKind::kOther, ""));
  // jlink puts the application's modules into the image too.
  CHECK_FALSE(IsJdkModule("com.acme.shop", LoaderKind::kOther, "jrt:/com.acme.shop"));
}

TEST_CASE("a pending exception is still pending afterwards") {
  Jvm& jvm = Jvm::Get();
  JNIEnv* jni = jvm.jni;
  const jclass heron = jvm.Find("org/fdorigin/birds/Heron");
  const jmethodID method = jni->GetStaticMethodID(heron, "wade", "(I)V");
  const jclass kind = jvm.Find("java/lang/IllegalStateException");
  const jmethodID constructor = jni->GetMethodID(kind, "<init>", "()V");
  const auto thrown = static_cast<jthrowable>(jni->NewObject(kind, constructor));
  REQUIRE(jni->Throw(thrown) == JNI_OK);
  JavaSymbolizer symbolizer(jvm.jvmti, jni);
  const SymbolizedFrame frame = symbolizer.Symbolize(JavaFrame(method, 0));
  const jthrowable pending = jni->ExceptionOccurred();
  jni->ExceptionClear();
  CHECK(frame.class_name == "org.fdorigin.birds.Heron");
  CHECK(frame.jar == jvm.classes.string() + "/");
  CHECK(jni->IsSameObject(pending, thrown));

  // And none is left behind where there was none.
  JavaSymbolizer another(jvm.jvmti, jni);
  another.Symbolize(JavaFrame(method, 0));
  CHECK_FALSE(jni->ExceptionCheck());
}

TEST_CASE("a method of a class that was unloaded has no names, unless it was named before") {
  Jvm& jvm = Jvm::Get();
  JNIEnv* jni = jvm.jni;
  const jclass heron = jvm.Find("org/fdorigin/birds/Heron");
  REQUIRE(jni->PushLocalFrame(16) == JNI_OK);
  const auto egret = static_cast<jclass>(jni->CallStaticObjectMethod(
      heron, jni->GetStaticMethodID(heron, "migrate", "(Ljava/lang/String;)Ljava/lang/Class;"),
      jni->NewStringUTF(TEST_BIRDS)));
  if (jni->ExceptionCheck()) jni->ExceptionDescribe();
  REQUIRE(egret != nullptr);
  const jmethodID feathers = jni->GetStaticMethodID(egret, "feathers", "()I");
  const jweak weak = jni->NewWeakGlobalRef(egret);
  const Frame named = NameFrame(jvm.jvmti, jni, feathers, 0, &Names());
  {
    JavaSymbolizer symbolizer(jvm.jvmti, jni);
    CHECK(symbolizer.Symbolize(JavaFrame(feathers, 0)).jar == std::string(TEST_BIRDS) + "/");
  }
  jni->PopLocalFrame(nullptr);
  // Only what the symbolizer may have kept could hold the class now.
  for (int i = 0; i < 10 && !jni->IsSameObject(weak, nullptr); ++i) {
    REQUIRE(jvm.jvmti->ForceGarbageCollection() == JVMTI_ERROR_NONE);
  }
  REQUIRE(jni->IsSameObject(weak, nullptr));
  jni->DeleteWeakGlobalRef(weak);

  JavaSymbolizer symbolizer(jvm.jvmti, jni, nullptr, &Names());
  const SymbolizedFrame lasting = symbolizer.Symbolize(named);
  CHECK(lasting.class_name == "org.fdorigin.birds.Egret");
  CHECK(lasting.method == "feathers");
  CHECK(lasting.signature == "()I");
  CHECK(lasting.file == "Egret.java");
  CHECK(lasting.line.has_value());
  const SymbolizedFrame frame = symbolizer.Symbolize(JavaFrame(feathers, 0));
  CHECK(frame.kind == FrameKind::kJava);
  CHECK(frame.class_name == "");
  CHECK(frame.method == "");
  CHECK(frame.jar == "");
  CHECK_FALSE(frame.line.has_value());
  CHECK_FALSE(jni->ExceptionCheck());
  CHECK(symbolizer.Symbolize(JavaFrame(nullptr, 0)).class_name == "");
}

TEST_CASE("without capabilities file and line are absent, and nothing else") {
  Jvm& jvm = Jvm::Get();
  const jclass heron = jvm.Find("org/fdorigin/birds/Heron");
  JavaSymbolizer symbolizer(jvm.incapable, jvm.jni);
  const SymbolizedFrame frame =
      symbolizer.Symbolize(JavaFrame(jvm.jni->GetStaticMethodID(heron, "wade", "(I)V"), 0));
  CHECK(frame.class_name == "org.fdorigin.birds.Heron");
  CHECK(frame.method == "wade");
  CHECK(frame.file == "");
  CHECK_FALSE(frame.line.has_value());
}

TEST_CASE("class names have dots, and a slash before a hidden class's suffix") {
  CHECK(ClassNameOf("Lsun/nio/fs/LinuxWatchService;") == "sun.nio.fs.LinuxWatchService");
  CHECK(ClassNameOf("LMain;") == "Main");
  CHECK(ClassNameOf("Lapp/Main$1;") == "app.Main$1");
  CHECK(ClassNameOf("Lapp/Main$$Lambda.0x0000000800c03000;") ==
        "app.Main$$Lambda/0x0000000800c03000");
  CHECK(ClassNameOf("Lapp/Main$$Lambda$14/0x0000000800c03000;") ==
        "app.Main$$Lambda$14/0x0000000800c03000");
  CHECK(ClassNameOf("Lapp/Main$$Lambda$14/1234;") == "app.Main$$Lambda$14/1234");
  CHECK(ClassNameOf("") == "");
  CHECK(ClassNameOf("L") == "L");
}

TEST_CASE("a code source is a path where it can be one") {
  CHECK(PathOfCodeSource("file:/opt/app/lib/a.jar") == "/opt/app/lib/a.jar");
  CHECK(PathOfCodeSource("file:///opt/app/") == "/opt/app/");
  CHECK(PathOfCodeSource("file:/opt/my%20app/100%25/gr%C3%B6%C3%9Fe.jar") ==
        "/opt/my app/100%/gr\xc3\xb6\xc3\x9f"
        "e.jar");
  CHECK(PathOfCodeSource("file:/a%2") == "/a%2");
  CHECK(PathOfCodeSource("file:/a%") == "/a%");
  CHECK(PathOfCodeSource("file:/a%zz%+1%-1") == "/a%zz%+1%-1");
  CHECK(PathOfCodeSource("file:/a%FF") == "/a\xef\xbf\xbd");
  CHECK(PathOfCodeSource("file:/a+b.jar") == "/a+b.jar");
  CHECK(PathOfCodeSource("file://server/share/a.jar") == "file://server/share/a.jar");
  CHECK(PathOfCodeSource("jar:file:/app.jar!/BOOT-INF/lib/x.jar!/") ==
        "/app.jar!/BOOT-INF/lib/x.jar");
  CHECK(PathOfCodeSource("jar:file:/app.jar!/BOOT-INF/classes!/") == "/app.jar!/BOOT-INF/classes");
  CHECK(PathOfCodeSource("jar:nested:/app.jar/!BOOT-INF/lib/x.jar!/") ==
        "jar:nested:/app.jar/!BOOT-INF/lib/x.jar!/");
  CHECK(PathOfCodeSource("jrt:/java.sql") == "");
  CHECK(PathOfCodeSource("http://example.org/a.jar") == "http://example.org/a.jar");
  CHECK(PathOfCodeSource("") == "");
}

}  // namespace
}  // namespace fdorigin
