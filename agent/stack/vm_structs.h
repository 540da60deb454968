// Reads the tables that libjvm exports for the serviceability agent: names, offsets, sizes and
// constants of the VM's own types (HotSpot's vmStructs.cpp, gHotSpotVM*).
//
// Who calls it: the VMInit event, once, cold. What the Java stack walker needs is copied into a
// HotspotLayout, a plain struct that hook context reads.
#ifndef FDORIGIN_AGENT_STACK_VM_STRUCTS_H_
#define FDORIGIN_AGENT_STACK_VM_STRUCTS_H_

#include <jni.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace fdorigin {

// libjvm, by the address of one of its functions: a host that embeds a JVM may have loaded it
// without RTLD_GLOBAL.
class JvmLibrary {
 public:
  explicit JvmLibrary(JavaVM* vm);
  ~JvmLibrary();
  JvmLibrary(const JvmLibrary&) = delete;
  JvmLibrary& operator=(const JvmLibrary&) = delete;

  // Null where libjvm does not export it.
  void* Find(const char* symbol) const;

  template <typename T>
  bool Read(const char* symbol, T* value) const {
    const void* at = Find(symbol);
    if (at == nullptr) return false;
    std::memcpy(value, at, sizeof(T));
    return true;
  }

  // Where its segments are mapped; 0 and 0 where that cannot be told.
  uint64_t low() const { return low_; }
  uint64_t high() const { return high_; }

 private:
  void* handle_ = nullptr;
  uint64_t low_ = 0;
  uint64_t high_ = 0;
};

// The tables: arrays whose entry layout is exported beside them. Where one is not exported, its
// look-ups find nothing.
class VmTables {
 public:
  explicit VmTables(const JvmLibrary& jvm);

  // The offset of a field in its type, or -1.
  ptrdiff_t Offset(const char* type, const char* field) const;
  // The size of a field that Offset() finds, by the name of its own type; -1 where no table has it.
  ptrdiff_t SizeOfField(const char* type, const char* field) const;
  // The address of a static field, or null.
  const void* StaticField(const char* type, const char* field) const;
  // sizeof(type), or -1.
  ptrdiff_t SizeOf(const char* type) const;
  bool IntConstant(const char* name, int* value) const;

 private:
  // One exported array. Its names are null after the last entry.
  struct Table {
    const char* entries = nullptr;
    uint64_t name = 0;
    uint64_t stride = 0;
    // Where the last search ended. The next one begins there: what is asked for together is mostly
    // near each other in the tables, too, which have thousands of entries.
    mutable const char* last = nullptr;

    // Null where there is none.
    const char* Find(const char* wanted) const;
  };
  // Entries of fields that follow each other and have one string for the name of their type.
  struct TypeFields {
    uint64_t beginning;  // of that name
    const char* first;   // entry
  };

  void ListTypesOfFields();
  const char* FindField(const char* type, const char* field) const;

  Table fields_;
  std::vector<TypeFields> types_of_fields_;
  uint64_t field_name_ = 0;
  uint64_t field_type_ = 0;
  uint64_t field_is_static_ = 0;
  uint64_t field_offset_ = 0;
  uint64_t field_address_ = 0;
  Table types_;
  uint64_t type_size_ = 0;
  Table int_constants_;
  uint64_t int_value_ = 0;
};

// One heap of the code cache: an array of segments of equal size, and a byte for each that says how
// far back the segment is in which its block begins (0 in that one, 255 where nothing is).
struct CodeHeapPlace {
  uint64_t low = 0;
  uint64_t reserved_high = 0;
  const uint64_t* committed_high = nullptr;  // grows while the VM runs
  const uint8_t* segment_map = nullptr;
  uint32_t segment_shift = 0;
};

// Addresses [low, high).
struct AddressRange {
  uint64_t low = 0;
  uint64_t high = 0;
  bool Contains(uint64_t address) const { return address >= low && address < high; }
};

// What HotspotWalker and MethodStore know of this VM's memory. Offsets are in bytes, -1 for a field
// that this version does not have.
struct HotspotLayout {
  static constexpr int kMaxHeaps = 4;

  int feature = 0;        // the JDK's: 11, 17, 26
  bool compared = false;  // whether that is one whose frames were compared with what the VM says

  // JavaThread, JavaFrameAnchor, JavaCallWrapper, UpcallStub
  int thread_anchor = -1;
  int thread_stack_base = -1;
  int thread_stack_size = -1;
  int anchor_sp = -1;
  int anchor_pc = -1;
  int anchor_fp = -1;
  int wrapper_anchor = -1;
  int upcall_frame_data = -1;         // where the blob says at which offset from sp the data is
  int upcall_data_anchor = -1;        // where the anchor is in that data
  int upcall_data_thread = -1;        // and the thread, which has to be this one; until 21
  const char* upcall_name = nullptr;  // of the blob, where its kind does not tell
  uint64_t call_stub_return_pc = 0;   // the pc of every entry frame
  const uint64_t* continuation_return_pc = nullptr;  // ContinuationEntry::_return_pc, since 22
  AddressRange interpreter;

  // The code cache and what is in it
  CodeHeapPlace heaps[kMaxHeaps];
  int heap_count = 0;
  int block_size = 0;  // of the header in front of every blob
  int block_used = -1;
  int blob_name = -1;
  int blob_size = -1;
  int blob_kind = -1;  // since 22; before, an nmethod is told by its name
  int kind_nmethod = -1;
  int kind_upcall = -1;
  int blob_frame_size = -1;   // in words
  int blob_code_begin = -1;   // a pointer, until 21
  int blob_code_offset = -1;  // since 23
  int nmethod_method = -1;
  int nmethod_compile_id = -1;
  int nmethod_entry_bci = -1;
  int nmethod_orig_pc_offset = -1;
  int nmethod_deopt = -1;     // pointers until 22, offsets since 23
  int nmethod_deopt_mh = -1;  // of calls by method handles; until 25
  int nmethod_scopes_pcs_offset = -1;
  // Until 22: all of it lies in the nmethod's own block.
  int nmethod_scopes_data_begin = -1;
  int nmethod_metadata_offset = -1;
  int nmethod_dependencies_offset = -1;
  // Since 25: two blocks of malloc's.
  int nmethod_immutable_data = -1;
  int nmethod_immutable_data_size = -1;
  int nmethod_scopes_data_offset = -1;
  int blob_mutable_data = -1;
  int blob_mutable_data_size = -1;
  int blob_relocation_size = -1;
  int pc_desc_size = 0;
  int pc_desc_pc_offset = -1;
  int pc_desc_scope = -1;
  uint8_t unsigned5_excluded = 0;  // how many byte values a compressed stream does not use

  // Method, ConstMethod, ConstantPool, Klass, Symbol
  int method_size = 0;
  int method_const_method = -1;
  int method_access_flags = -1;
  int method_flags = -1;  // with the bit below; until 20
  int method_hidden_bit = 0;
  int const_method_hidden_bit = 0;  // of const_method_flags; since 21
  int const_method_size = 0;        // the bytecode follows
  int const_method_constants = -1;
  int const_method_words = -1;  // where the object's size is, in words
  int const_method_flags = -1;
  int const_method_lines_bit = 0;
  int const_method_code_size = -1;
  int const_method_name = -1;
  int const_method_signature = -1;
  int const_method_idnum = -1;
  int pool_size = 0;  // the entries follow
  int pool_holder = -1;
  int pool_length = -1;
  int pool_source_file = -1;  // until 14 the class has it
  int klass_source_file = -1;
  int klass_name = -1;
  int klass_flags = -1;  // with the bit below; until 16
  int klass_anonymous_bit = 0;
  int symbol_length = -1;
  int symbol_body = -1;
  AddressRange libjvm;  // where the virtual tables of these types are,
  AddressRange shared;  // but for those from the CDS archive
};

// What was read, and why it does not do.
struct VmStructs {
  HotspotLayout layout;
  std::string missing;  // what the VM does not tell, comma-separated, or why it is not asked

  bool usable() const { return missing.empty(); }
};

// Whether this is the Zero VM, which interprets in C++, on stacks of its own.
bool IsZero(const VmTables& tables);

VmStructs ReadVmStructs(const JvmLibrary& jvm, const VmTables& tables);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_VM_STRUCTS_H_
