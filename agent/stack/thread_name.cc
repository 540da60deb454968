#include "stack/thread_name.h"

#include <algorithm>
#include <cstring>

#include "base/own_memory.h"
#include "stack/vm_structs.h"

namespace fdorigin {
namespace {

// As much as is kept of a name, and more.
constexpr int32_t kMostBytes = 512;

template <typename T>
HOOK_SAFE bool ReadAt(uint64_t base, int offset, T* value) {
  return ReadOwnMemory(base + static_cast<uint64_t>(offset), value);
}

template <typename T>
HOOK_SAFE T LoadOwn(const void* base, int offset) {
  return __atomic_load_n(reinterpret_cast<const T*>(static_cast<const char*>(base) + offset),
                         __ATOMIC_ACQUIRE);
}

// Writes UTF-8 as long as whole characters fit.
class Utf8Writer {
 public:
  Utf8Writer(char* to, size_t size) : at_(to), end_(to + size - 1) {}
  ~Utf8Writer() { *at_ = '\0'; }

  HOOK_SAFE bool Put(uint32_t character) {
    const int more = character < 0x80 ? 0 : character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    if (end_ - at_ <= more) return false;
    constexpr uint8_t kFirst[] = {0, 0xc0, 0xe0, 0xf0};
    *at_++ = static_cast<char>(kFirst[more] | character >> (6 * more));
    for (int left = more; left > 0; --left) {
      *at_++ = static_cast<char>(0x80 | (character >> (6 * (left - 1)) & 0x3f));
    }
    return true;
  }

 private:
  char* at_;
  char* const end_;
};

// A String's bytes, up to a NUL: Latin-1, or UTF-16, whose lone surrogates become U+FFFD.
HOOK_SAFE void Decode(const uint8_t* bytes, int32_t size, bool latin, char* name, size_t room) {
  Utf8Writer out(name, room);
  const auto unit = [=](int32_t at) {
    return static_cast<uint32_t>(bytes[at] | (latin ? 0 : bytes[at + 1] << 8));
  };
  const int32_t width = latin ? 1 : 2;
  for (int32_t at = 0; at + width <= size; at += width) {
    uint32_t character = unit(at);
    if (character >= 0xd800 && character < 0xe000) {
      const uint32_t low = at + 2 * width <= size ? unit(at + width) : 0;
      if (character < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        character = 0x10000 + ((character - 0xd800) << 10) + (low - 0xdc00);
        at += width;
      } else {
        character = 0xfffd;
      }
    }
    if (character == 0 || !out.Put(character)) return;
  }
}

}  // namespace

bool ThreadNameReader::ReadTables(JavaVM* vm, Layout* layout) {
  const JvmLibrary jvm(vm);
  const VmTables tables(jvm);
  const auto static_field = [&tables](const char* type, const char* field, auto* value) {
    const void* at = tables.StaticField(type, field);
    if (at != nullptr) std::memcpy(value, at, sizeof(*value));
    return at != nullptr;
  };
  layout->thread_object = static_cast<int>(tables.Offset("JavaThread", "_threadObj"));
  layout->thread_virtual = static_cast<int>(tables.Offset("JavaThread", "_vthread"));
  layout->heap_collections = static_cast<int>(tables.Offset("CollectedHeap", "_total_collections"));
  layout->heap_in_pause = static_cast<int>(tables.Offset("CollectedHeap", "_is_stw_gc_active"));
  if (layout->thread_object < 0 || layout->thread_virtual < 0 || layout->heap_collections < 0 ||
      layout->heap_in_pause < 0 || !static_field("Universe", "_collectedHeap", &layout->heap)) {
    return false;
  }
  if (!static_field("CompressedOops", "_base", &layout->narrow_base) &&
      !static_field("CompressedOops", "_narrow_oop._base", &layout->narrow_base)) {
    return false;
  }
  if (!static_field("CompressedOops", "_shift", &layout->narrow_shift) &&
      !static_field("CompressedOops", "_narrow_oop._shift", &layout->narrow_shift)) {
    return false;
  }
  // Which collector it is.
  uint64_t barriers = 0;
  const ptrdiff_t kind = tables.Offset("BarrierSet", "_fake_rtti");
  const ptrdiff_t tag = tables.Offset("BarrierSet::FakeRtti", "_concrete_tag");
  if (kind < 0 || tag < 0 || !static_field("BarrierSet", "_barrier_set", &barriers)) return false;
  const auto found = LoadOwn<int>(reinterpret_cast<void*>(barriers), static_cast<int>(kind + tag));
  int g1 = 0;
  int cards = 0;
  const bool moves_in_pauses =
      (tables.IntConstant("BarrierSet::G1BarrierSet", &g1) && found == g1) ||
      (tables.IntConstant("BarrierSet::CardTableBarrierSet", &cards) && found == cards);
  return moves_in_pauses;
}

// A field's id has its place in the object, above two bits (runtime/jfieldIDWorkaround.hpp).
bool ThreadNameReader::ReadFields(JNIEnv* jni, jthread thread, Layout* layout) {
  const auto place = [jni](jobject object, const char* field, const char* type, int* offset) {
    const jclass of = jni->GetObjectClass(object);
    const jfieldID id = jni->GetFieldID(of, field, type);
    jni->ExceptionClear();
    jni->DeleteLocalRef(of);
    const auto number = reinterpret_cast<uint64_t>(id);
    constexpr uint64_t kLargestObject = 4096;
    if ((number & 3) != 2 || number >> 2 > kLargestObject) return jfieldID{};
    *offset = static_cast<int>(number >> 2);
    return id;
  };
  const jfieldID name = place(thread, "name", "Ljava/lang/String;", &layout->thread_name);
  const jobject text = name == nullptr ? nullptr : jni->GetObjectField(thread, name);
  if (text == nullptr) return false;
  const bool found = place(text, "value", "[B", &layout->string_value) != nullptr &&
                     place(text, "coder", "B", &layout->string_coder) != nullptr;
  jni->DeleteLocalRef(text);
  return found;
}

void ThreadNameReader::Learn(JavaVM* vm, JNIEnv* jni, jthread thread, const void* java_thread,
                             std::string_view name) {
  State untried = State::kUntried;
  if (name.empty() || attempts_.load(std::memory_order_relaxed) >= kMostAttempts ||
      !state_.compare_exchange_strong(untried, State::kLearning)) {
    return;
  }
  attempts_.fetch_add(1, std::memory_order_relaxed);
  Layout layout;
  if (ReadTables(vm, &layout) && ReadFields(jni, thread, &layout)) {
    // With compressed class pointers, without them (until 22 and since), and with compact headers.
    constexpr struct {
      int length;
      int first;
    } kArrays[] = {{12, 16}, {16, 24}, {16, 20}, {8, 12}};
    for (const bool narrow : {true, false}) {
      for (const auto& array : kArrays) {
        layout.narrow = narrow;
        layout.array_length = array.length;
        layout.array_first = array.first;
        char read[kMostBytes];
        if (ReadBy(layout, java_thread, /*is_virtual=*/false, read, sizeof(read)) && name == read) {
          layout_ = layout;
          state_.store(State::kKnown, std::memory_order_release);
          return;
        }
      }
    }
  }
  state_.store(State::kUntried, std::memory_order_release);
}

void ThreadNameReader::Read(const void* java_thread, char* name, size_t size) const {
  name[0] = '\0';
  if (state_.load(std::memory_order_acquire) != State::kKnown) return;
  ReadBy(layout_, java_thread, /*is_virtual=*/true, name, size);
}

bool ThreadNameReader::ReadBy(const Layout& layout, const void* java_thread, bool is_virtual,
                              char* name, size_t size) {
  name[0] = '\0';
  const auto* heap = reinterpret_cast<const void*>(layout.heap);
  const auto collections = LoadOwn<uint32_t>(heap, layout.heap_collections);
  const auto in_pause = [&] { return LoadOwn<uint8_t>(heap, layout.heap_in_pause) != 0; };
  if (in_pause()) return false;

  const auto object_by = [java_thread](int handle) {
    const auto* slot = LoadOwn<const void*>(java_thread, handle);
    return slot == nullptr ? uint64_t{0} : LoadOwn<uint64_t>(slot, 0);
  };
  const auto reference = [&layout](uint64_t object, int field, uint64_t* to) {
    if (!layout.narrow) return ReadAt(object, field, to) && *to != 0;
    uint32_t compressed = 0;
    if (!ReadAt(object, field, &compressed) || compressed == 0) return false;
    *to = layout.narrow_base + (uint64_t{compressed} << layout.narrow_shift);
    return true;
  };
  // While a virtual thread has its carrier do something, it is the carrier that runs.
  const uint64_t thread = object_by(layout.thread_virtual);
  if (thread == 0 || (thread != object_by(layout.thread_object)) != is_virtual) return false;
  uint64_t text = 0;
  uint64_t array = 0;
  uint8_t coder = 0;
  int32_t length = 0;
  uint8_t bytes[kMostBytes];
  if (!reference(thread, layout.thread_name, &text) ||
      !reference(text, layout.string_value, &array) || !ReadAt(text, layout.string_coder, &coder) ||
      coder > 1 || !ReadAt(array, layout.array_length, &length) || length < 0) {
    return false;
  }
  length = std::min(length, kMostBytes);
  if (length > 0 && !ReadOwnMemory(array + static_cast<uint64_t>(layout.array_first), bytes,
                                   static_cast<size_t>(length))) {
    return false;
  }
  if (in_pause() || LoadOwn<uint32_t>(heap, layout.heap_collections) != collections) return false;
  Decode(bytes, length, coder == 0, name, size);
  return true;
}

}  // namespace fdorigin
