#include "symbolize/java_symbolizer.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <optional>
#include <system_error>

#include "stack/jvmti_names.h"
#include "symbolize/utf8.h"

namespace fdorigin {
namespace {

// More than the lookup of a method and its class makes.
constexpr jint kLocalReferences = 32;

// Sets the thread's pending exception aside, which JNI calls do not allow, and throws it again.
class PendingException {
 public:
  explicit PendingException(JNIEnv* jni) : jni_(jni), exception_(jni->ExceptionOccurred()) {
    if (exception_ != nullptr) jni_->ExceptionClear();
  }
  ~PendingException() {
    if (exception_ == nullptr) return;
    jni_->Throw(exception_);
    jni_->DeleteLocalRef(exception_);
  }
  PendingException(const PendingException&) = delete;
  PendingException& operator=(const PendingException&) = delete;

 private:
  JNIEnv* jni_;
  jthrowable exception_;
};

class LocalFrame {
 public:
  explicit LocalFrame(JNIEnv* jni)
      : jni_(jni), pushed_(jni->PushLocalFrame(kLocalReferences) == JNI_OK) {
    if (!pushed_) jni_->ExceptionClear();
  }
  ~LocalFrame() {
    if (pushed_) jni_->PopLocalFrame(nullptr);
  }
  LocalFrame(const LocalFrame&) = delete;
  LocalFrame& operator=(const LocalFrame&) = delete;

  bool pushed() const { return pushed_; }

 private:
  JNIEnv* jni_;
  bool pushed_;
};

// Memory that JVMTI allocated.
template <typename T>
class JvmtiArray {
 public:
  explicit JvmtiArray(jvmtiEnv* jvmti) : jvmti_(jvmti) {}
  ~JvmtiArray() { jvmti_->Deallocate(reinterpret_cast<unsigned char*>(data_)); }
  JvmtiArray(const JvmtiArray&) = delete;
  JvmtiArray& operator=(const JvmtiArray&) = delete;

  T** out() { return &data_; }
  const T* data() const { return data_; }

 private:
  jvmtiEnv* jvmti_;
  T* data_ = nullptr;
};

std::string TextOf(const JvmtiArray<char>& text) {
  return text.data() == nullptr ? std::string() : ToUtf8(text.data());
}

// What `object`'s method without arguments answers. Null where that is null, the object is null,
// the method does not exist or it throws.
jobject Ask(JNIEnv* jni, jobject object, const char* method, const char* signature) {
  if (object == nullptr) return nullptr;
  const jmethodID id = jni->GetMethodID(jni->GetObjectClass(object), method, signature);
  const jobject answer = id == nullptr ? nullptr : jni->CallObjectMethod(object, id);
  if (jni->ExceptionCheck()) {
    jni->ExceptionClear();
    return nullptr;
  }
  return answer;
}

std::string AskText(JNIEnv* jni, jobject object, const char* method) {
  const auto text = static_cast<jstring>(Ask(jni, object, method, "()Ljava/lang/String;"));
  if (text == nullptr) return {};
  const char* characters = jni->GetStringUTFChars(text, nullptr);
  if (characters == nullptr) {
    jni->ExceptionClear();
    return {};
  }
  std::string utf8 = ToUtf8(characters);
  jni->ReleaseStringUTFChars(text, characters);
  return utf8;
}

// "jdk.proxy2", as the modules are called that Java makes for the classes of dynamic proxies.
bool IsProxyModule(std::string_view module) {
  constexpr std::string_view kProxy = "jdk.proxy";
  return module.starts_with(kProxy) && module.size() > kProxy.size() &&
         module.find_first_not_of("0123456789", kProxy.size()) == std::string_view::npos;
}

// %XX is the byte XX; a percent sign that is not followed so is itself.
std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && text.size() - i > 2) {
      const char* digits = text.data() + i + 1;
      const auto [end, status] = std::from_chars(digits, digits + 2, value, 16);
      if (status == std::errc() && end == digits + 2) {
        decoded += static_cast<char>(value);
        i += 2;
        continue;
      }
    }
    decoded += text[i];
  }
  return decoded;
}

// The packages of the JDK, with those below them. Others have names that begin with javax and
// com.sun, too.
constexpr std::string_view kJdkPackages[] = {"java/",
                                             "jdk/",
                                             "sun/",
                                             "javax/accessibility/",
                                             "javax/annotation/processing/",
                                             "javax/crypto/",
                                             "javax/imageio/",
                                             "javax/lang/model/",
                                             "javax/management/",
                                             "javax/naming/",
                                             "javax/net/",
                                             "javax/print/",
                                             "javax/rmi/ssl/",
                                             "javax/script/",
                                             "javax/security/auth/callback/",
                                             "javax/security/auth/kerberos/",
                                             "javax/security/auth/login/",
                                             "javax/security/auth/spi/",
                                             "javax/security/auth/x500/",
                                             "javax/security/cert/",
                                             "javax/security/sasl/",
                                             "javax/sound/",
                                             "javax/sql/",
                                             "javax/swing/",
                                             "javax/tools/",
                                             "javax/transaction/xa/",
                                             "javax/xml/catalog/",
                                             "javax/xml/crypto/",
                                             "javax/xml/parsers/",
                                             "javax/xml/stream/",
                                             "javax/xml/transform/",
                                             "javax/xml/validation/",
                                             "javax/xml/xpath/",
                                             "com/sun/beans/",
                                             "com/sun/crypto/provider/",
                                             "com/sun/imageio/",
                                             "com/sun/java/swing/",
                                             "com/sun/jdi/",
                                             "com/sun/jmx/",
                                             "com/sun/jndi/",
                                             "com/sun/management/",
                                             "com/sun/media/sound/",
                                             "com/sun/naming/internal/",
                                             "com/sun/net/httpserver/",
                                             "com/sun/nio/file/",
                                             "com/sun/nio/sctp/",
                                             "com/sun/org/apache/xerces/internal/",
                                             "com/sun/org/apache/xml/internal/",
                                             "com/sun/org/apache/xalan/internal/",
                                             "com/sun/rowset/",
                                             "com/sun/security/",
                                             "com/sun/source/",
                                             "com/sun/tools/attach/",
                                             "com/sun/tools/javac/",
                                             "com/sun/tools/jdi/",
                                             "org/ietf/jgss/",
                                             "org/jcp/xml/dsig/internal/"};

// Of a class that is gone, or where there is no VM to ask.
FrameOwner OwnerBySignature(std::string_view signature) {
  if (!signature.empty()) signature.remove_prefix(1);  // the 'L'
  const bool of_jdk =
      std::any_of(std::begin(kJdkPackages), std::end(kJdkPackages),
                  [&](std::string_view package) { return signature.starts_with(package); });
  return of_jdk ? FrameOwner::kJdk : FrameOwner::kApplication;
}

}  // namespace

bool IsJdkModule(std::string_view module, LoaderKind loader, std::string_view location) {
  if (loader == LoaderKind::kReflection) return true;
  if (module.empty()) return false;
  if (loader == LoaderKind::kSystem) return true;
  if (location.empty()) return IsProxyModule(module);
  return location.starts_with("jrt:") &&
         (module.starts_with("java.") || module.starts_with("jdk."));
}

std::string ClassNameOf(std::string_view signature) {
  if (signature.size() > 2 && signature.front() == 'L' && signature.back() == ';') {
    signature = signature.substr(1, signature.size() - 2);
  }
  std::string name = ToUtf8(signature);
  for (size_t i = 0; i < name.size(); ++i) {
    const bool before_digit = i + 1 < name.size() && name[i + 1] >= '0' && name[i + 1] <= '9';
    if (name[i] == '.') {
      name[i] = '/';
    } else if (name[i] == '/' && !before_digit) {
      // No name begins with a digit: that is the suffix of a hidden class, which the JVMs before
      // 15 put behind a slash.
      name[i] = '.';
    }
  }
  return name;
}

std::string PathOfCodeSource(std::string_view url) {
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kJar = "jar:file:";
  constexpr std::string_view kInside = "!/";
  if (url.starts_with("jrt:")) return {};
  std::string_view path;
  if (url.starts_with(kFile)) {
    path = url.substr(kFile.size());
  } else if (url.starts_with(kJar)) {
    path = url.substr(kJar.size());
    if (path.ends_with(kInside)) path.remove_suffix(kInside.size());
  } else {
    return std::string(url);
  }
  if (path.starts_with("//")) {
    if (!path.starts_with("///")) return std::string(url);  // a file of another host
    path.remove_prefix(2);
  }
  return ToUtf8(PercentDecode(path));
}

JavaSymbolizer::JavaSymbolizer(jvmtiEnv* jvmti, JNIEnv* jni, const MethodStore* methods,
                               const StringStore* strings)
    : jvmti_(jvmti), jni_(jni), stored_(methods), strings_(strings) {}

JavaSymbolizer::~JavaSymbolizer() {
  if (frame_pushed_) jni_->PopLocalFrame(nullptr);
  for (const auto& [hash, known] : classes_) jni_->DeleteGlobalRef(known.klass);
}

LoaderKind JavaSymbolizer::LoaderOf(jclass klass) {
  jobject loader = nullptr;
  if (jvmti_->GetClassLoader(klass, &loader) != JVMTI_ERROR_NONE) return LoaderKind::kOther;
  if (loader == nullptr) return LoaderKind::kSystem;
  JvmtiArray<char> signature(jvmti_);
  if (jvmti_->GetClassSignature(jni_->GetObjectClass(loader), signature.out(), nullptr) !=
      JVMTI_ERROR_NONE) {
    return LoaderKind::kOther;
  }
  const std::string_view type = signature.data();
  if (type == "Ljdk/internal/loader/ClassLoaders$PlatformClassLoader;") return LoaderKind::kSystem;
  if (type == "Ljdk/internal/reflect/DelegatingClassLoader;") return LoaderKind::kReflection;
  return LoaderKind::kOther;
}

JavaSymbolizer::Class JavaSymbolizer::ReadClass(jclass klass) {
  Class read;
  JvmtiArray<char> signature(jvmti_);
  if (jvmti_->GetClassSignature(klass, signature.out(), nullptr) == JVMTI_ERROR_NONE) {
    read.name = ClassNameOf(signature.data());
  }
  JvmtiArray<char> file(jvmti_);
  if (jvmti_->GetSourceFileName(klass, file.out()) == JVMTI_ERROR_NONE) read.file = TextOf(file);

  const LoaderKind loader = LoaderOf(klass);
  const std::string module =
      AskText(jni_, Ask(jni_, klass, "getModule", "()Ljava/lang/Module;"), "getName");
  if (loader != LoaderKind::kOther && IsJdkModule(module, loader, "")) {
    read.owner = FrameOwner::kJdk;
    return read;
  }
  const jobject domain =
      Ask(jni_, klass, "getProtectionDomain", "()Ljava/security/ProtectionDomain;");
  const jobject source = Ask(jni_, domain, "getCodeSource", "()Ljava/security/CodeSource;");
  const jobject location = Ask(jni_, source, "getLocation", "()Ljava/net/URL;");
  const std::string url = AskText(jni_, location, "toExternalForm");
  if (IsJdkModule(module, loader, url)) {
    read.owner = FrameOwner::kJdk;
  } else {
    read.jar = PathOfCodeSource(url);
  }
  return read;
}

const JavaSymbolizer::Class* JavaSymbolizer::ClassOf(jclass klass) {
  jint hash = 0;
  if (jvmti_->GetObjectHashCode(klass, &hash) != JVMTI_ERROR_NONE) return nullptr;
  const auto [begin, end] = classes_.equal_range(hash);
  const auto known = std::find_if(begin, end, [this, klass](const auto& entry) {
    return jni_->IsSameObject(entry.second.klass, klass);
  });
  if (known != end) return &known->second;

  Class read = ReadClass(klass);
  read.klass = jni_->NewGlobalRef(klass);
  if (read.klass == nullptr) return nullptr;
  return &classes_.emplace(hash, std::move(read))->second;
}

JavaSymbolizer::Method JavaSymbolizer::ReadMethod(jmethodID id) {
  Method read;
  const PendingException pending(jni_);
  const LocalFrame frame(jni_);
  if (!frame.pushed()) return read;

  // The class first: the reference keeps the method from being unloaded.
  jclass klass = nullptr;
  if (jvmti_->GetMethodDeclaringClass(id, &klass) != JVMTI_ERROR_NONE) return read;
  JvmtiArray<char> name(jvmti_);
  JvmtiArray<char> signature(jvmti_);
  if (jvmti_->GetMethodName(id, name.out(), signature.out(), nullptr) != JVMTI_ERROR_NONE) {
    return read;
  }
  read.declaring = ClassOf(klass);
  read.name = TextOf(name);
  read.signature = TextOf(signature);
  jboolean native = JNI_FALSE;
  read.native = jvmti_->IsMethodNative(id, &native) == JVMTI_ERROR_NONE && native;

  jint count = 0;
  JvmtiArray<jvmtiLineNumberEntry> lines(jvmti_);
  if (jvmti_->GetLineNumberTable(id, &count, lines.out()) == JVMTI_ERROR_NONE) {
    for (jint i = 0; i < count; ++i) {
      read.lines.emplace_back(lines.data()[i].start_location, lines.data()[i].line_number);
    }
  }
  return read;
}

// One pass over all classes, which are some ten thousand, instead of one for each name.
void JavaSymbolizer::ListClasses() {
  if (listed_) return;
  listed_ = true;
  frame_pushed_ = jni_->PushLocalFrame(kLocalReferences) == JNI_OK;
  if (!frame_pushed_) {
    jni_->ExceptionClear();
    return;
  }
  jint count = 0;
  JvmtiArray<jclass> classes(jvmti_);
  if (jvmti_->GetLoadedClasses(&count, classes.out()) != JVMTI_ERROR_NONE) return;
  for (jint i = 0; i < count; ++i) {
    JvmtiArray<char> signature(jvmti_);
    if (jvmti_->GetClassSignature(classes.data()[i], signature.out(), nullptr) ==
        JVMTI_ERROR_NONE) {
      loaded_.emplace(signature.data(), classes.data()[i]);
    }
  }
}

JavaSymbolizer::Class JavaSymbolizer::DescribeClass(std::string_view internal_name) {
  // The suffix of a hidden class, an address of 16 digits, has a '+' before it here, a dot in
  // JVMTI's signature, and a slash in stack traces. Any other '+' is part of the name.
  constexpr std::string_view kSuffix = "+0x0123456789abcdef";
  std::string signature = "L" + std::string(internal_name) + ";";
  std::string name = ToUtf8(internal_name);
  std::replace(name.begin(), name.end(), '/', '.');
  if (const size_t plus = internal_name.rfind("+0x");
      plus != std::string_view::npos && plus + kSuffix.size() == internal_name.size()) {
    signature[plus + 1] = '.';
    name[name.size() - kSuffix.size()] = '/';
  }
  return DescribeSignature(signature, std::move(name));
}

// Whose class of this signature it is, and where it came from. Several loaders may have one of that
// name; then only what is true of all of them is said.
JavaSymbolizer::Class JavaSymbolizer::DescribeSignature(const std::string& signature,
                                                        std::string name) {
  Class described;
  described.name = std::move(name);
  if (jni_ == nullptr) {
    described.owner = OwnerBySignature(signature);
    return described;
  }
  const PendingException pending(jni_);
  ListClasses();
  auto [begin, end] = loaded_.equal_range(signature);
  const size_t dot = signature.rfind(".0x");
  if (begin == end && dot != std::string::npos) {
    // Until 16: JVMTI has a slash there, and the hash of an object in the place of the address.
    const std::string anonymous = signature.substr(0, dot) + "/";
    begin = loaded_.lower_bound(anonymous + "0");
    end = loaded_.lower_bound(anonymous + ":");  // which follows 9
  }
  if (begin == end) {
    described.owner = OwnerBySignature(signature);
    return described;
  }
  for (auto candidate = begin; candidate != end; ++candidate) {
    const LocalFrame frame(jni_);
    if (!frame.pushed()) return described;
    const Class* known = ClassOf(candidate->second);
    if (known == nullptr) return described;
    if (candidate == begin) {
      described.owner = known->owner;
      described.jar = known->jar;
    } else {
      if (known->owner != described.owner) described.owner = FrameOwner::kApplication;
      if (known->jar != described.jar) described.jar.clear();
    }
  }
  return described;
}

template <typename Kept>
void JavaSymbolizer::FillIn(const Class& described, const Kept& method, SymbolizedFrame* named) {
  named->owner = described.owner;
  named->class_name = described.name;
  named->jar = described.jar;
  named->file = ToUtf8(method.file);
  named->method = ToUtf8(method.name);
  named->signature = ToUtf8(method.signature);
  named->native_method = method.native;
}

SymbolizedFrame JavaSymbolizer::SymbolizeStored(const Frame& frame) {
  SymbolizedFrame named;
  named.kind = FrameKind::kJava;
  const auto id = static_cast<MethodId>(frame.value);
  if (stored_ == nullptr || id == MethodId::kNone) return named;
  const MethodName method = stored_->Get(id);
  auto known = described_.find(method.class_name);
  if (known == described_.end()) {
    known = described_.emplace(method.class_name, DescribeClass(method.class_name)).first;
  }
  FillIn(known->second, method, &named);
  named.hidden = method.hidden;
  if (const int32_t line = stored_->LineAt(id, frame.bci); line > 0) named.line = line;
  return named;
}

SymbolizedFrame JavaSymbolizer::SymbolizeNamed(const Frame& frame) {
  SymbolizedFrame named;
  named.kind = FrameKind::kJava;
  if (strings_ == nullptr) return named;
  const NamedMethod method = ReadNamedMethod(frame, *strings_);
  auto known = described_.find(method.class_signature);
  if (known == described_.end()) {
    const std::string signature(method.class_signature);
    known =
        described_.emplace(signature, DescribeSignature(signature, ClassNameOf(signature))).first;
  }
  FillIn(known->second, method, &named);
  if (method.line > 0) named.line = method.line;
  return named;
}

SymbolizedFrame JavaSymbolizer::Symbolize(const Frame& frame) {
  if (frame.kind == FrameKind::kMethod) return SymbolizeStored(frame);
  if (frame.kind == FrameKind::kNamed) return SymbolizeNamed(frame);
  if (jni_ == nullptr) {
    SymbolizedFrame nameless;
    nameless.kind = FrameKind::kJava;
    return nameless;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a stored frame has no pointers
  const auto id = reinterpret_cast<jmethodID>(frame.value);
  auto known = methods_.find(id);
  if (known == methods_.end()) known = methods_.emplace(id, ReadMethod(id)).first;
  const Method& method = known->second;

  SymbolizedFrame named;
  named.kind = FrameKind::kJava;
  if (method.declaring == nullptr) return named;
  named.owner = method.declaring->owner;
  named.class_name = method.declaring->name;
  named.file = method.declaring->file;
  named.jar = method.declaring->jar;
  named.method = method.name;
  named.signature = method.signature;
  named.native_method = method.native;
  // JVMTI does not tell @Hidden. All methods of a hidden class are, and no other name has a slash.
  named.hidden = named.class_name.find('/') != std::string::npos;

  // The entry that begins last at or before the bci, as in the JVM's own stack traces: the table
  // need not be in order, and of two that begin at the bci itself the JVM takes the first.
  std::optional<jlocation> start;
  for (const auto& [from, line] : method.lines) {
    if (from > frame.bci || (start && from < *start)) continue;
    start = from;
    named.line = line;
    if (from == frame.bci) break;
  }
  return named;
}

}  // namespace fdorigin
