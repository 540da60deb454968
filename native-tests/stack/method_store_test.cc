// Names of methods that outlive them. The VM's memory is played by buffers in a layout of the
// test's own, which can be taken away and written over as a VM does.
#include "stack/method_store.h"

#include <sys/mman.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace fdorigin {
namespace {

constexpr uint64_t kTable = 0x1000;  // what stands for the VM's virtual tables

HotspotLayout TestLayout() {
  HotspotLayout layout;
  layout.feature = 17;
  layout.method_size = 32;
  layout.method_const_method = 8;
  layout.method_access_flags = 16;
  layout.method_flags = 20;
  layout.method_hidden_bit = 8;
  layout.const_method_size = 32;
  layout.const_method_constants = 8;
  layout.const_method_words = 16;
  layout.const_method_flags = 20;
  layout.const_method_lines_bit = 1;
  layout.const_method_code_size = 22;
  layout.const_method_name = 24;
  layout.const_method_signature = 26;
  layout.const_method_idnum = 28;
  layout.pool_size = 32;
  layout.pool_holder = 8;
  layout.pool_length = 16;
  layout.pool_source_file = 20;
  layout.klass_name = 8;
  layout.symbol_length = 4;
  layout.symbol_body = 6;
  layout.libjvm = {kTable, kTable + 8};
  return layout;
}

struct MethodText {
  std::string class_name = "org/fdorigin/Otter";
  std::string name = "swim";
  std::string signature = "(IJ)V";
  std::string file = "Otter.java";
  std::vector<uint8_t> lines = {0x0f, 0x49, 0};  // bci 1 line 7, bci 10 line 8
  uint16_t code_size = 20;
  bool native = false;
  bool hidden = false;
};

// One page of "metaspace": a method with all that it refers to, always at the same places.
class Memory {
 public:
  Memory()
      : at_(static_cast<char*>(
            mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    mprotect(at_ + kPage, kPage, PROT_NONE);
  }
  ~Memory() { munmap(at_, 2 * kPage); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  uint64_t Load(const MethodText& text) {
    std::memset(at_, 0, kPage);
    Put<uint64_t>(kMethod, kTable);
    Put<uint64_t>(kMethod + 8, Address(kConstMethod));
    Put<uint16_t>(kMethod + 16, text.native ? 0x109 : 0x9);
    Put<uint16_t>(kMethod + 20, text.hidden ? 8 : 0);
    const uint64_t size = 32u + text.code_size + text.lines.size();
    Put<uint64_t>(kConstMethod + 8, Address(kPool));
    Put<uint32_t>(kConstMethod + 16, static_cast<uint32_t>((size + 7) / 8));
    Put<uint16_t>(kConstMethod + 20, text.lines.empty() ? 0 : 1);
    Put<uint16_t>(kConstMethod + 22, text.code_size);
    Put<uint16_t>(kConstMethod + 24, 1);
    Put<uint16_t>(kConstMethod + 26, 2);
    Put<uint16_t>(kConstMethod + 28, 5);
    if (!text.lines.empty()) {
      std::memcpy(at_ + kConstMethod + 32 + text.code_size, text.lines.data(), text.lines.size());
    }
    Put<uint64_t>(kPool, kTable);
    Put<uint64_t>(kPool + 8, Address(kKlass));
    Put<int32_t>(kPool + 16, 4);
    Put<uint16_t>(kPool + 20, text.file.empty() ? 0 : 3);
    Put<uint64_t>(kPool + 32 + 8, PutSymbol(kName, text.name));
    Put<uint64_t>(kPool + 32 + 16, PutSymbol(kSignature, text.signature));
    Put<uint64_t>(kPool + 32 + 24, PutSymbol(kFile, text.file));
    Put<uint64_t>(kKlass, kTable);
    Put<uint64_t>(kKlass + 8, PutSymbol(kClassName, text.class_name));
    return method();
  }
  void Erase() { std::memset(at_, 0xee, kPage); }

  uint64_t method() const { return Address(kMethod); }
  uint64_t Bcp(int bci) const { return Address(kConstMethod) + 32 + static_cast<uint64_t>(bci); }
  uint64_t Address(size_t offset) const { return reinterpret_cast<uint64_t>(at_) + offset; }
  template <typename T>
  void Put(size_t offset, T value) {
    std::memcpy(at_ + offset, &value, sizeof(value));
  }

  static constexpr size_t kPage = 4096;
  static constexpr size_t kMethod = 64;
  static constexpr size_t kKlass = 128;
  static constexpr size_t kPool = 192;
  static constexpr size_t kConstMethod = 320;
  static constexpr size_t kClassName = 1024;
  static constexpr size_t kName = 1536;
  static constexpr size_t kSignature = 2048;
  static constexpr size_t kFile = 2560;

 private:
  uint64_t PutSymbol(size_t offset, const std::string& text) {
    // The number that a real symbol draws by lot: here always the same, the least favourable case.
    Put<uint32_t>(offset, 0x12340001);
    Put<uint16_t>(offset + 4, static_cast<uint16_t>(text.size()));
    std::memcpy(at_ + offset + 6, text.data(), text.size());
    return Address(offset);
  }

  char* at_;
};

struct Store {
  explicit Store(size_t bytes = 4 << 20) {
    REQUIRE(region.Create(bytes));
    REQUIRE(strings.Create(&region));
    REQUIRE(methods.Create(&region, &strings));
    methods.SetLayout(TestLayout());
  }
  MethodId Intern(uint64_t method) {
    MethodId id;
    REQUIRE(methods.Intern(method, &id));
    return id;
  }
  Region region;
  StringStore strings;
  MethodStore methods;
};

void CheckIs(const MethodStore& methods, MethodId id, const MethodText& text) {
  const MethodName name = methods.Get(id);
  CHECK(name.class_name == text.class_name);
  CHECK(name.name == text.name);
  CHECK(name.signature == text.signature);
  CHECK(name.file == text.file);
  CHECK(name.native == text.native);
  CHECK(name.hidden == text.hidden);
}

TEST_CASE("a method keeps its name and its lines when its memory is gone") {
  Store s;
  Memory memory;
  const MethodText text;
  const MethodId id = s.Intern(memory.Load(text));
  CHECK(id != MethodId::kNone);
  CHECK(s.Intern(memory.method()) == id);
  CHECK(s.methods.count() == 1);
  memory.Erase();
  CheckIs(s.methods, id, text);
  CHECK(s.methods.LineAt(id, 0) == 0);
  CHECK(s.methods.LineAt(id, 1) == 7);
  CHECK(s.methods.LineAt(id, 9) == 7);
  CHECK(s.methods.LineAt(id, 10) == 8);
  CHECK(s.methods.LineAt(id, -1) == 0);
}

TEST_CASE("a reference that comes or goes does not make another method") {
  Store s;
  Memory memory;
  const MethodId id = s.Intern(memory.Load({}));
  memory.Put<uint16_t>(Memory::kName, 7);
  memory.Put<uint16_t>(Memory::kClassName, 0xffff);
  CHECK(s.Intern(memory.method()) == id);
}

// Each differs from the first in one thing only, and lies where the first lay.
TEST_CASE("what moved between versions is read where it is") {
  Memory memory;
  Store store;
  HotspotLayout layout = TestLayout();
  const MethodText text;
  SECTION("a hidden method is one by a flag of its ConstMethod, since 21") {
    layout.method_flags = -1;
    layout.const_method_hidden_bit = 1 << 12;
    store.methods.SetLayout(layout);
    memory.Load(text);
    CHECK_FALSE(store.methods.Get(store.Intern(memory.method())).hidden);
    memory.Put<uint16_t>(Memory::kConstMethod + 20, 1 | 1 << 12);
    memory.Put<uint16_t>(Memory::kConstMethod + 28, 6);
    CHECK(store.methods.Get(store.Intern(memory.method())).hidden);
  }
  SECTION("the class has the source file, until 14") {
    layout.pool_source_file = -1;
    layout.klass_source_file = 18;
    store.methods.SetLayout(layout);
    memory.Load(text);
    memory.Put<uint16_t>(Memory::kPool + 20, 0);
    memory.Put<uint16_t>(Memory::kKlass + 18, 3);
    const MethodId id = store.Intern(memory.method());
    CHECK(store.methods.Get(id).file == text.file);
    CHECK(store.Intern(memory.method()) == id);
  }
  SECTION("an anonymous class is called by its address, as in stack traces") {
    layout.klass_flags = 18;
    layout.klass_anonymous_bit = 32;
    store.methods.SetLayout(layout);
    memory.Load(text);
    memory.Put<uint16_t>(Memory::kKlass + 18, 32);
    const MethodId id = store.Intern(memory.method());
    char name[64];
    std::snprintf(name, sizeof(name), "%s+0x%016lx", text.class_name.c_str(),
                  memory.Address(Memory::kKlass));
    CHECK(store.methods.Get(id).class_name == name);
    CHECK(store.Intern(memory.method()) == id);
    memory.Put<uint16_t>(Memory::kKlass + 18, 0);
    CHECK(store.methods.Get(store.Intern(memory.method())).class_name == text.class_name);
  }
}

TEST_CASE("another method at the same address is another method") {
  std::vector<MethodText> texts(12);
  texts[1].class_name = "org/fdorigin/Okter";
  texts[2].class_name = "org/fdorigin/Otters";
  texts[3].name = "swip";
  texts[3].name[0] = 'x';
  texts[4].name = "swims";
  texts[5].signature = "(IJ)";
  texts[6].file = "";
  texts[7].lines = {0x0e, 0x49, 0};
  texts[8].lines = {0x0f, 0x4a, 0};
  texts[9].lines = {};
  texts[10].code_size = 21;
  texts[11].native = true;
  Store s;
  Memory memory;
  std::vector<MethodId> ids;
  for (const MethodText& text : texts) {
    ids.push_back(s.Intern(memory.Load(text)));
    memory.Erase();
  }
  CHECK(std::set<MethodId>(ids.begin(), ids.end()).size() == texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    INFO("text " << i);
    CheckIs(s.methods, ids[i], texts[i]);
    CHECK(s.Intern(memory.Load(texts[i])) == ids[i]);
  }
  CHECK(s.methods.LineAt(ids[7], 1) == 6);
  CHECK(s.methods.LineAt(ids[8], 10) == 9);
  CHECK(s.methods.LineAt(ids[9], 10) == 0);
  CHECK(s.methods.refused() == 0);
}

TEST_CASE("an address may be used by any number of methods, one after the other") {
  Store s;
  Memory memory;
  std::set<MethodId> ids;
  for (int i = 0; i < 500; ++i) {
    MethodText text;
    text.name = "dive" + std::to_string(i);
    const MethodId id = s.Intern(memory.Load(text));
    ids.insert(id);
    CHECK(s.Intern(memory.method()) == id);
    CHECK(s.methods.Get(id).name == text.name);
  }
  CHECK(ids.size() == 500);
  CHECK(ids.count(MethodId::kNone) == 0);
}

TEST_CASE("a bytecode pointer outside the method is refused") {
  Store s;
  Memory memory;
  memory.Load({});
  MethodId id;
  int32_t bci = 0;
  CHECK(s.methods.InternAt(memory.method(), memory.Bcp(0), &id, &bci));
  CHECK(bci == 0);
  CHECK(s.methods.InternAt(memory.method(), memory.Bcp(19), &id, &bci));
  CHECK(bci == 19);
  CHECK_FALSE(s.methods.InternAt(memory.method(), memory.Bcp(20), &id, &bci));
  CHECK_FALSE(s.methods.InternAt(memory.method(), memory.Bcp(-1), &id, &bci));
  CHECK_FALSE(s.methods.InternAt(memory.method(), 0, &id, &bci));
  MethodText native;
  native.native = true;
  memory.Load(native);
  CHECK(s.methods.InternAt(memory.method(), 0, &id, &bci));
  CHECK(bci == -1);
}

TEST_CASE("what is no method is refused without a crash") {
  Store s;
  Memory memory;
  const auto refused = [&s](uint64_t method) {
    MethodId id;
    return !s.methods.Intern(method, &id) && id == MethodId::kNone;
  };
  CHECK(refused(0));
  CHECK(refused(8));
  CHECK(refused(0xdeadbeefdeadbee8));
  CHECK(refused(memory.Address(Memory::kPage)));       // not readable
  CHECK(refused(memory.Address(Memory::kPage) - 16));  // not to its end
  memory.Load({});
  CHECK(refused(memory.method() + 4));
  memory.Put<uint64_t>(Memory::kMethod, kTable + 8);  // another type's table
  CHECK(refused(memory.method()));
  const std::vector<std::pair<size_t, uint64_t>> damage = {
      {Memory::kMethod + 8, 0},
      {Memory::kMethod + 8, memory.Address(Memory::kPage)},
      {Memory::kConstMethod + 8, 16},
      {Memory::kConstMethod + 16, 0},           // smaller than itself
      {Memory::kConstMethod + 16, UINT32_MAX},  // beyond the page
      {Memory::kPool, 0},
      {Memory::kPool + 8, memory.Address(Memory::kPage)},
      {Memory::kPool + 16, 2},  // too few entries
      {Memory::kPool + 32 + 8, 3},
      {Memory::kPool + 32 + 16, memory.Address(Memory::kPage)},
      {Memory::kPool + 32 + 24, 0},
      {Memory::kKlass, 0},
      {Memory::kKlass + 8, memory.Address(Memory::kPage) - 8},
  };
  for (const auto& [offset, value] : damage) {
    INFO("offset " << offset);
    memory.Load({});
    memory.Put<uint16_t>(Memory::kPage - 4, 100);  // the length of a symbol at the page's end
    memory.Put<uint64_t>(offset, value);
    CHECK(refused(memory.method()));
  }
  CHECK(s.methods.count() == 0);
  CHECK(s.methods.refused() == 7 + damage.size());
}

TEST_CASE("names may be any bytes, and are cut at 4,095") {
  Store s;
  Memory memory;
  MethodText text;
  text.name = std::string("\xed\xa0\x80\xc0\x80\n\xff", 7);
  text.class_name = std::string("a\0b", 3);
  CheckIs(s.methods, s.Intern(memory.Load(text)), text);

  std::vector<char> symbol(8192, 'y');
  const uint16_t length = 5000;
  std::memcpy(symbol.data() + 4, &length, sizeof(length));
  const uint64_t method = memory.Load(text);
  memory.Put<uint64_t>(Memory::kPool + 32 + 16, reinterpret_cast<uint64_t>(symbol.data()));
  const MethodId id = s.Intern(method);
  CHECK(s.methods.Get(id).signature == std::string(4095, 'y'));
  CHECK(s.Intern(method) == id);
}

TEST_CASE("a full store says so, and knows what it knows") {
  Store s(1 << 20);
  std::vector<std::unique_ptr<Memory>> all;
  std::vector<MethodId> ids;
  while (s.methods.dropped() < 10) {
    REQUIRE(all.size() < 4000);
    all.push_back(std::make_unique<Memory>());
    MethodText text;
    text.class_name = "org/fdorigin/Otter" + std::to_string(all.size()) + std::string(300, 'r');
    ids.push_back(s.Intern(all.back()->Load(text)));
  }
  CHECK(ids.size() > 500);
  int wrong = 0;
  const uint64_t dropped = s.methods.dropped();
  uint64_t lost = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    lost += ids[i] == MethodId::kNone;
    if (ids[i] != MethodId::kNone && s.Intern(all[i]->method()) != ids[i]) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(lost == dropped);
  CHECK(s.methods.refused() == 0);
  // No room is no reason to believe.
  MethodId id;
  CHECK_FALSE(s.methods.Intern(0xdeadbeefdeadbee8, &id));
}

TEST_CASE("threads that meet the same methods at once agree on them") {
  Store s(16 << 20);
  constexpr size_t kMethods = 500;
  std::vector<Memory> memory(kMethods);
  for (size_t i = 0; i < kMethods; ++i) {
    MethodText text;
    text.name = "swim" + std::to_string(i);
    memory[i].Load(text);
  }
  std::vector<std::vector<MethodId>> ids(6, std::vector<MethodId>(kMethods));
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (auto& own : ids) {
    threads.emplace_back([&] {
      ++ready;
      while (ready < 6) std::this_thread::yield();
      for (size_t i = 0; i < kMethods; ++i) s.methods.Intern(memory[i].method(), &own[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& own : ids) CHECK(own == ids[0]);
  CHECK(std::set<MethodId>(ids[0].begin(), ids[0].end()).size() == kMethods);
  CHECK(s.methods.count() == kMethods);
}

}  // namespace
}  // namespace fdorigin
