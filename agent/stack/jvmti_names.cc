#include "stack/jvmti_names.h"

#include <charconv>
#include <cstring>

namespace fdorigin {
namespace {

// What a frame says is one string of the store: its parts, with zero bytes between, which modified
// UTF-8 does not have. The number and the mark come first, so that they are never cut off.
class Parts {
 public:
  void Add(std::string_view part) {
    if (size_ > 0 && size_ < sizeof(text_)) text_[size_++] = '\0';
    if (part.size() > sizeof(text_) - size_) part = {};
    size_ += part.copy(text_ + size_, part.size());
  }
  std::string_view text() const { return {text_, size_}; }

 private:
  char text_[4000];
  size_t size_ = 0;
};

// Memory that JVMTI gave, until the end of a scope.
template <typename T>
class Given {
 public:
  explicit Given(jvmtiEnv* jvmti) : jvmti_(jvmti) {}
  ~Given() { jvmti_->Deallocate(reinterpret_cast<unsigned char*>(data_)); }
  Given(const Given&) = delete;
  Given& operator=(const Given&) = delete;

  T** out() { return &data_; }
  const T* data() const { return data_; }

 private:
  jvmtiEnv* jvmti_;
  T* data_ = nullptr;
};

std::string_view TextOf(const Given<char>& text) {
  return text.data() == nullptr ? std::string_view() : text.data();
}

// As the JVM's own stack traces have it: the entry that begins last at or before the location, and
// of several that begin there the first.
int32_t LineOf(jvmtiEnv* jvmti, jmethodID method, jlocation location) {
  jint count = 0;
  Given<jvmtiLineNumberEntry> lines(jvmti);
  if (location < 0 || jvmti->GetLineNumberTable(method, &count, lines.out()) != JVMTI_ERROR_NONE) {
    return 0;
  }
  int32_t line = 0;
  jlocation start = -1;
  for (jint i = 0; i < count; ++i) {
    const jvmtiLineNumberEntry& entry = lines.data()[i];
    if (entry.start_location > location || entry.start_location <= start) continue;
    start = entry.start_location;
    line = entry.line_number;
  }
  return line;
}

std::string_view Next(std::string_view* rest) {
  const size_t end = rest->find('\0');
  const std::string_view part = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  return part;
}

}  // namespace

Frame NameFrame(jvmtiEnv* jvmti, JNIEnv* jni, jmethodID method, jlocation location,
                StringStore* strings) {
  Frame frame;
  std::memset(&frame, 0, sizeof(frame));
  frame.bci = location < 0 ? -1 : static_cast<int32_t>(location);
  frame.kind = FrameKind::kNamed;

  Given<char> name(jvmti);
  Given<char> signature(jvmti);
  Given<char> class_signature(jvmti);
  Given<char> file(jvmti);
  jvmti->GetMethodName(method, name.out(), signature.out(), nullptr);
  jclass type = nullptr;
  if (jvmti->GetMethodDeclaringClass(method, &type) == JVMTI_ERROR_NONE) {
    jvmti->GetClassSignature(type, class_signature.out(), nullptr);
    jvmti->GetSourceFileName(type, file.out());
    jni->DeleteLocalRef(type);
  }
  jboolean native = JNI_FALSE;
  jvmti->IsMethodNative(method, &native);

  char line[16];
  const auto [end, status] =
      std::to_chars(line, line + sizeof(line), LineOf(jvmti, method, location));
  Parts parts;
  parts.Add({line, static_cast<size_t>(end - line)});
  parts.Add(native ? "n" : "j");
  parts.Add(TextOf(class_signature));
  parts.Add(TextOf(name));
  parts.Add(TextOf(file));
  parts.Add(TextOf(signature));
  frame.value = static_cast<uint64_t>(strings->Intern(parts.text()));
  return frame;
}

NamedMethod ReadNamedMethod(const Frame& frame, const StringStore& strings) {
  std::string_view rest = strings.Get(static_cast<StringId>(frame.value));
  NamedMethod method;
  const std::string_view line = Next(&rest);
  std::from_chars(line.data(), line.data() + line.size(), method.line);
  method.native = Next(&rest) == "n";
  method.class_signature = Next(&rest);
  method.name = Next(&rest);
  method.file = Next(&rest);
  method.signature = Next(&rest);
  return method;
}

}  // namespace fdorigin
