// What is needed to name a Java method for ever, copied out of the VM's memory when the method is
// first met on a stack, without JVMTI. A jmethodID would outlive its method only as a stale one.
//
// Who calls it: Intern() in hook context, on the thread on whose stack the method is, which keeps
// it alive meanwhile; a method that is known takes no lock and writes nothing. Get() and LineAt()
// at the dump, on any thread. Nothing is ever removed.
//
// A Method's address says little: after its class was unloaded another one may lie there. A look-up
// therefore compares with live memory all that the answer is made of: the Method's parts, its names
// and its table of lines. What is equal in all of that has the same answer, whoever it is. A class
// that was redefined has new Methods; the old ones, where they still run, keep their lines.
#ifndef FDORIGIN_AGENT_STACK_METHOD_STORE_H_
#define FDORIGIN_AGENT_STACK_METHOD_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hook_safe.h"
#include "base/ids.h"
#include "base/region.h"
#include "base/string_store.h"
#include "stack/vm_structs.h"

namespace fdorigin {

// A Java method as it was when it was met, in the MethodStore.
enum class MethodId : uint32_t { kNone = 0 };

// All names as the VM has them: modified UTF-8, cut at 4,095 bytes. Valid for the process's life.
struct MethodName {
  // With slashes; a hidden class has its suffix behind a '+', and so has an anonymous one of the
  // JVMs before 17: its address, as in their stack traces.
  std::string_view class_name;
  std::string_view name;
  std::string_view signature;
  std::string_view file;  // empty where the class file does not say
  bool native = false;
  bool hidden = false;  // from stack traces: @Hidden, and all methods of hidden classes
};

class MethodStore {
 public:
  bool Create(Region* region, StringStore* strings);
  // Over a region that is a copy of another process's: for Get() and LineAt(). False where it has
  // no methods.
  bool Open(Region* region);
  // Before the first Intern().
  void SetLayout(const HotspotLayout& layout);

  // The id of the Method at this address; kNone where the store is full, which is counted. False
  // where what is there does not look like a Method.
  HOOK_SAFE bool Intern(uint64_t method, MethodId* id);

  // The same, and the index of the bytecode at the address `bcp`: -1 in a native method, where
  // `bcp` says nothing. False also where the method's bytecode does not contain it.
  HOOK_SAFE bool InternAt(uint64_t method, uint64_t bcp, MethodId* id, int32_t* bci);

  // Whether a Method that was interned is a native one.
  HOOK_SAFE bool IsNative(uint64_t method) const;

  // No names where it is no method's id.
  MethodName Get(MethodId id) const;
  // The source line, or 0 where the class file does not say.
  int32_t LineAt(MethodId id, int32_t bci) const;

  // How many methods there are, and how often there was no room for one.
  uint32_t count() const;
  uint64_t dropped() const;
  // How often what was taken for a Method was none.
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  // A name, and the symbol that it was read from.
  struct Name {
    uint64_t symbol = 0;
    RegionOffset text = 0;  // where the StringStore keeps it
    uint16_t size = 0;
  };
  struct Parts;

  HOOK_SAFE Parts* PartsOf(uint32_t number) const;
  HOOK_SAFE MethodId FindVersion(uint32_t newest, uint64_t method) const;
  HOOK_SAFE bool LooksSound(uint64_t method) const;
  HOOK_SAFE Parts Read(uint64_t method) const;
  HOOK_SAFE bool IsStill(const Parts& parts, uint64_t method) const;
  HOOK_SAFE RegionOffset Copy(uint64_t method);
  HOOK_SAFE bool Keep(Name* name, std::string_view text);
  HOOK_SAFE bool KeepClassName(Parts* parts);
  HOOK_SAFE static size_t SuffixOf(const Parts& parts, std::string_view symbol);
  HOOK_SAFE bool IsAnonymous(uint64_t holder) const;
  HOOK_SAFE bool IsHidden(uint64_t method, uint64_t const_method) const;
  HOOK_SAFE uint16_t SourceFileIndex(uint64_t constants, uint64_t holder) const;
  HOOK_SAFE bool HasLines(uint64_t const_method) const;
  HOOK_SAFE std::string_view SymbolText(uint64_t symbol) const;
  HOOK_SAFE const uint8_t* LinesOf(const Parts& parts) const;

  HotspotLayout layout_;
  Region* region_ = nullptr;
  StringStore* strings_ = nullptr;
  RegionOffset root_ = 0;
  std::atomic<uint64_t> refused_{0};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_METHOD_STORE_H_
