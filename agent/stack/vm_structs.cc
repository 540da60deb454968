#include "stack/vm_structs.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <initializer_list>

namespace fdorigin {
namespace {

template <typename T>
T ReadAt(const void* at, uint64_t offset = 0) {
  T value;
  std::memcpy(&value, static_cast<const char*>(at) + offset, sizeof(T));
  return value;
}

bool IsNamed(const char* name, const char* wanted) {
  return name != nullptr && std::strcmp(name, wanted) == 0;
}

// The entry of this name, or null.
template <typename TableType>
const char* FindByName(const TableType& table, const char* wanted) {
  if (table.entries == nullptr) return nullptr;
  for (const char* entry = table.entries;; entry += table.stride) {
    const auto* name = ReadAt<const char*>(entry, table.name);
    if (name == nullptr) return nullptr;
    if (IsNamed(name, wanted)) return entry;
  }
}

// Asks the tables and remembers what they did not know.
class Asker {
 public:
  explicit Asker(const VmTables& tables) : tables_(tables) {}

  // Where the field is in the first of the types that has it: it may be a superclass's, or have
  // moved.
  int Offset(std::initializer_list<const char*> types, const char* field) {
    const int offset = OptionalOffset(types, field);
    if (offset < 0) Miss(*types.begin(), field);
    return offset;
  }
  int OptionalOffset(std::initializer_list<const char*> types, const char* field) const {
    for (const char* type : types) {
      const ptrdiff_t offset = tables_.Offset(type, field);
      if (offset >= 0) return static_cast<int>(offset);
    }
    return -1;
  }
  int Size(const char* type) {
    const ptrdiff_t size = tables_.SizeOf(type);
    if (size < 0) Miss(type, "size");
    return static_cast<int>(size);
  }
  int Constant(std::initializer_list<const char*> names) {
    int value = 0;
    for (const char* name : names) {
      if (tables_.IntConstant(name, &value)) return value;
    }
    Miss("constant", *names.begin());
    return 0;
  }
  template <typename T>
  T Static(const char* type, const char* field) {
    const void* at = tables_.StaticField(type, field);
    if (at != nullptr) {
      if (const T value = ReadAt<T>(at); value != T{}) return value;
    }
    Miss(type, field);
    return T{};
  }

  void Miss(const char* type, const char* what) {
    if (!missing_.empty()) missing_ += ", ";
    missing_ += std::string(type) + "::" + what;
  }
  std::string missing() const { return missing_; }

 private:
  const VmTables& tables_;
  std::string missing_;
};

void ReadFrames(const VmTables& tables, Asker* ask, HotspotLayout* layout) {
  layout->thread_anchor = ask->Offset({"JavaThread"}, "_anchor");
  layout->thread_stack_base = ask->Offset({"JavaThread", "Thread"}, "_stack_base");
  layout->thread_stack_size = ask->Offset({"JavaThread", "Thread"}, "_stack_size");
  layout->anchor_sp = ask->Offset({"JavaFrameAnchor"}, "_last_Java_sp");
  layout->anchor_pc = ask->Offset({"JavaFrameAnchor"}, "_last_Java_pc");
  layout->anchor_fp = ask->Offset({"JavaFrameAnchor"}, "_last_Java_fp");
  layout->wrapper_anchor = ask->Offset({"JavaCallWrapper"}, "_anchor");
  layout->call_stub_return_pc = ask->Static<uint64_t>("StubRoutines", "_call_stub_return_address");
  layout->continuation_return_pc =
      static_cast<const uint64_t*>(tables.StaticField("ContinuationEntry", "_return_pc"));

  const auto* stubs = ask->Static<const char*>("AbstractInterpreter", "_code");
  const int buffer = ask->Offset({"StubQueue"}, "_stub_buffer");
  const int limit = ask->Offset({"StubQueue"}, "_buffer_limit");
  if (stubs == nullptr || buffer < 0 || limit < 0) return;
  layout->interpreter.low = ReadAt<uint64_t>(stubs, static_cast<uint64_t>(buffer));
  layout->interpreter.high =
      layout->interpreter.low + ReadAt<uint32_t>(stubs, static_cast<uint64_t>(limit));
}

void ReadCodeCache(Asker* ask, HotspotLayout* layout) {
  const auto* heaps = ask->Static<const char*>("CodeCache", "_heaps");
  const int length = ask->Offset({"GrowableArrayBase"}, "_len");
  const int data = ask->Offset({"GrowableArray<int>"}, "_data");
  const int memory = ask->Offset({"CodeHeap"}, "_memory");
  const int segments = ask->Offset({"CodeHeap"}, "_segmap");
  const int shift = ask->Offset({"CodeHeap"}, "_log2_segment_size");
  const int low = ask->Offset({"VirtualSpace"}, "_low");
  const int high = ask->Offset({"VirtualSpace"}, "_high");
  const int boundary = ask->Offset({"VirtualSpace"}, "_high_boundary");
  layout->block_size = ask->Size("HeapBlock");
  layout->block_used = ask->Offset({"HeapBlock::Header"}, "_used");
  if (!ask->missing().empty()) return;

  const auto at = [](int offset) { return static_cast<uint64_t>(offset); };
  const int count = ReadAt<int>(heaps, at(length));
  const auto* all = ReadAt<const char*>(heaps, at(data));
  if (count <= 0 || count > HotspotLayout::kMaxHeaps || all == nullptr) {
    ask->Miss("CodeCache", "_heaps");
    return;
  }
  for (int i = 0; i < count; ++i) {
    const auto* heap = ReadAt<const char*>(all, at(i) * sizeof(void*));
    const char* space = heap + memory;
    layout->heaps[i] = {
        .low = ReadAt<uint64_t>(space, at(low)),
        .reserved_high = ReadAt<uint64_t>(space, at(boundary)),
        .committed_high = reinterpret_cast<const uint64_t*>(space + high),
        .segment_map = ReadAt<const uint8_t*>(heap + segments, at(low)),
        .segment_shift = ReadAt<uint32_t>(heap, at(shift)),
    };
  }
  layout->heap_count = count;
}

void ReadBlobs(Asker* ask, HotspotLayout* layout) {
  layout->blob_name = ask->Offset({"CodeBlob"}, "_name");
  layout->blob_size = ask->Offset({"CodeBlob"}, "_size");
  layout->blob_frame_size = ask->Offset({"CodeBlob"}, "_frame_size");
  layout->nmethod_method = ask->Offset({"nmethod", "CompiledMethod"}, "_method");
  layout->nmethod_compile_id = ask->Offset({"nmethod"}, "_compile_id");
  layout->nmethod_entry_bci = ask->Offset({"nmethod"}, "_entry_bci");
  layout->nmethod_orig_pc_offset = ask->Offset({"nmethod"}, "_orig_pc_offset");
  layout->nmethod_scopes_pcs_offset = ask->Offset({"nmethod"}, "_scopes_pcs_offset");
  if (layout->feature >= 25) {
    layout->blob_kind = ask->Offset({"CodeBlob"}, "_kind");
    layout->kind_nmethod = ask->Constant({"CodeBlobKind::Nmethod"});
    layout->kind_upcall = ask->Constant({"CodeBlobKind::Upcall"});
    layout->upcall_frame_data = ask->Offset({"UpcallStub"}, "_frame_data_offset");
    layout->upcall_data_anchor = ask->Offset({"UpcallStub::FrameData"}, "jfa");
    layout->blob_code_offset = ask->Offset({"CodeBlob"}, "_code_offset");
    layout->blob_mutable_data = ask->Offset({"CodeBlob"}, "_mutable_data");
    layout->blob_mutable_data_size = ask->Offset({"CodeBlob"}, "_mutable_data_size");
    layout->blob_relocation_size = ask->Offset({"CodeBlob"}, "_relocation_size");
    layout->nmethod_immutable_data = ask->Offset({"nmethod"}, "_immutable_data");
    layout->nmethod_immutable_data_size = ask->Offset({"nmethod"}, "_immutable_data_size");
    layout->nmethod_scopes_data_offset = ask->Offset({"nmethod"}, "_scopes_data_offset");
    layout->nmethod_deopt = ask->Offset({"nmethod"}, "_deopt_handler_offset");
    layout->nmethod_deopt_mh = ask->Offset({"nmethod"}, "_deopt_mh_handler_offset");
  } else {
    layout->blob_code_begin = ask->Offset({"CodeBlob"}, "_code_begin");
    layout->nmethod_scopes_data_begin = ask->Offset({"CompiledMethod"}, "_scopes_data_begin");
    layout->nmethod_metadata_offset = ask->Offset({"nmethod"}, "_metadata_offset");
    layout->nmethod_dependencies_offset = ask->Offset({"nmethod"}, "_dependencies_offset");
    layout->nmethod_deopt = ask->Offset({"CompiledMethod"}, "_deopt_handler_begin");
    layout->nmethod_deopt_mh = ask->Offset({"CompiledMethod"}, "_deopt_mh_handler_begin");
  }
  layout->pc_desc_size = ask->Size("PcDesc");
  layout->pc_desc_pc_offset = ask->Offset({"PcDesc"}, "_pc_offset");
  layout->pc_desc_scope = ask->Offset({"PcDesc"}, "_scope_decode_offset");
  // JDK-8292758 (20) took the byte 0 out of the alphabet.
  layout->unsigned5_excluded = layout->feature >= 20 ? 1 : 0;
}

void ReadMethods(const JvmLibrary& jvm, const VmTables& tables, Asker* ask, HotspotLayout* layout) {
  layout->method_size = ask->Size("Method");
  layout->method_const_method = ask->Offset({"Method"}, "_constMethod");
  layout->method_access_flags = ask->Offset({"Method"}, "_access_flags");
  if (tables.IntConstant("Method::_hidden", &layout->method_hidden_bit)) {
    layout->method_flags = ask->OptionalOffset({"Method"}, "_flags");
  }
  layout->const_method_size = ask->Size("ConstMethod");
  layout->const_method_constants = ask->Offset({"ConstMethod"}, "_constants");
  layout->const_method_words = ask->Offset({"ConstMethod"}, "_constMethod_size");
  layout->const_method_flags =
      ask->Offset({"ConstMethod"}, layout->feature >= 21 ? "_flags._flags" : "_flags");
  layout->const_method_lines_bit = ask->Constant(
      {"ConstMethodFlags::_misc_has_linenumber_table", "ConstMethod::_has_linenumber_table"});
  layout->const_method_code_size = ask->Offset({"ConstMethod"}, "_code_size");
  layout->const_method_name = ask->Offset({"ConstMethod"}, "_name_index");
  layout->const_method_signature = ask->Offset({"ConstMethod"}, "_signature_index");
  layout->const_method_idnum = ask->Offset({"ConstMethod"}, "_method_idnum");
  // Compared as one word.
  if (layout->const_method_name != layout->const_method_code_size + 2 ||
      layout->const_method_signature != layout->const_method_code_size + 4 ||
      layout->const_method_idnum != layout->const_method_code_size + 6) {
    ask->Miss("ConstMethod", "order of _code_size, _name_index, _signature_index, _method_idnum");
  }
  layout->pool_size = ask->Size("ConstantPool");
  layout->pool_holder = ask->Offset({"ConstantPool"}, "_pool_holder");
  layout->pool_length = ask->Offset({"ConstantPool"}, "_length");
  layout->pool_source_file = ask->Offset({"ConstantPool"}, "_source_file_name_index");
  layout->klass_name = ask->Offset({"Klass"}, "_name");
  layout->symbol_length = ask->Offset({"Symbol"}, "_length");
  layout->symbol_body = ask->Offset({"Symbol"}, "_body[0]");
  layout->libjvm = {jvm.low(), jvm.high()};
  if (layout->libjvm.low == 0) ask->Miss("libjvm", "mapping");
  // Both are null where there is no archive.
  const void* low = tables.StaticField("MetaspaceObj", "_shared_metaspace_base");
  const void* high = tables.StaticField("MetaspaceObj", "_shared_metaspace_top");
  if (low == nullptr || high == nullptr) {
    ask->Miss("MetaspaceObj", "_shared_metaspace_base");
  } else {
    layout->shared = {ReadAt<uint64_t>(low), ReadAt<uint64_t>(high)};
  }
}

// The versions whose frames were compared with what the VM itself says of them. What another one
// changed its tables would not tell.
bool IsProven(int feature) { return feature == 17 || feature == 21 || feature == 25; }

}  // namespace

JvmLibrary::JvmLibrary(JavaVM* vm) {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(vm->functions->GetEnv), &info) != 0) {
    handle_ = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  }
  if (handle_ == nullptr) {
    dlerror();
    return;
  }
  const link_map* map = nullptr;
  if (dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0) return;
  struct Search {
    const link_map* map;
    JvmLibrary* library;
  } search = {map, this};
  dl_iterate_phdr(
      [](dl_phdr_info* image, size_t, void* argument) {
        const auto* wanted = static_cast<Search*>(argument);
        if (image->dlpi_addr != wanted->map->l_addr) return 0;
        for (int i = 0; i < image->dlpi_phnum; ++i) {
          const ElfW(Phdr)& header = image->dlpi_phdr[i];
          if (header.p_type != PT_LOAD) continue;
          const uint64_t low = image->dlpi_addr + header.p_vaddr;
          uint64_t* first = &wanted->library->low_;
          *first = *first == 0 ? low : std::min(*first, low);
          wanted->library->high_ = std::max(wanted->library->high_, low + header.p_memsz);
        }
        return 1;
      },
      &search);
}

JvmLibrary::~JvmLibrary() {
  if (handle_ != nullptr) dlclose(handle_);
}

void* JvmLibrary::Find(const char* symbol) const {
  void* at = handle_ == nullptr ? nullptr : dlsym(handle_, symbol);
  if (at == nullptr) dlerror();
  return at;
}

VmTables::VmTables(const JvmLibrary& jvm) {
  if (!(jvm.Read("gHotSpotVMStructEntryTypeNameOffset", &fields_.name) &&
        jvm.Read("gHotSpotVMStructEntryFieldNameOffset", &field_name_) &&
        jvm.Read("gHotSpotVMStructEntryIsStaticOffset", &field_is_static_) &&
        jvm.Read("gHotSpotVMStructEntryOffsetOffset", &field_offset_) &&
        jvm.Read("gHotSpotVMStructEntryAddressOffset", &field_address_) &&
        jvm.Read("gHotSpotVMStructEntryArrayStride", &fields_.stride) &&
        jvm.Read("gHotSpotVMStructs", &fields_.entries))) {
    fields_.entries = nullptr;
  }
  if (!(jvm.Read("gHotSpotVMTypeEntryTypeNameOffset", &types_.name) &&
        jvm.Read("gHotSpotVMTypeEntrySizeOffset", &type_size_) &&
        jvm.Read("gHotSpotVMTypeEntryArrayStride", &types_.stride) &&
        jvm.Read("gHotSpotVMTypes", &types_.entries))) {
    types_.entries = nullptr;
  }
  if (!(jvm.Read("gHotSpotVMIntConstantEntryNameOffset", &int_constants_.name) &&
        jvm.Read("gHotSpotVMIntConstantEntryValueOffset", &int_value_) &&
        jvm.Read("gHotSpotVMIntConstantEntryArrayStride", &int_constants_.stride) &&
        jvm.Read("gHotSpotVMIntConstants", &int_constants_.entries))) {
    int_constants_.entries = nullptr;
  }
}

const char* VmTables::FindField(const char* type, const char* field) const {
  if (fields_.entries == nullptr) return nullptr;
  for (const char* entry = fields_.entries;; entry += fields_.stride) {
    const auto* type_name = ReadAt<const char*>(entry, fields_.name);
    if (type_name == nullptr) return nullptr;
    if (IsNamed(ReadAt<const char*>(entry, field_name_), field) && IsNamed(type_name, type)) {
      return entry;
    }
  }
}

ptrdiff_t VmTables::Offset(const char* type, const char* field) const {
  const char* entry = FindField(type, field);
  if (entry == nullptr || ReadAt<int32_t>(entry, field_is_static_) != 0) return -1;
  return static_cast<ptrdiff_t>(ReadAt<uint64_t>(entry, field_offset_));
}

const void* VmTables::StaticField(const char* type, const char* field) const {
  const char* entry = FindField(type, field);
  if (entry == nullptr || ReadAt<int32_t>(entry, field_is_static_) == 0) return nullptr;
  return ReadAt<const void*>(entry, field_address_);
}

ptrdiff_t VmTables::SizeOf(const char* type) const {
  const char* entry = FindByName(types_, type);
  return entry == nullptr ? -1 : static_cast<ptrdiff_t>(ReadAt<uint64_t>(entry, type_size_));
}

bool VmTables::IntConstant(const char* name, int* value) const {
  const char* entry = FindByName(int_constants_, name);
  if (entry == nullptr) return false;
  *value = ReadAt<int32_t>(entry, int_value_);
  return true;
}

VmStructs ReadVmStructs(const JvmLibrary& jvm, const VmTables& tables) {
  VmStructs structs;
  Asker ask(tables);
  HotspotLayout* layout = &structs.layout;
  layout->feature = ask.Static<int>("Abstract_VM_Version", "_vm_major_version");
  if (layout->feature != 0 && !IsProven(layout->feature)) {
    structs.missing = "not known for JDK " + std::to_string(layout->feature);
    return structs;
  }
  ReadFrames(tables, &ask, layout);
  ReadCodeCache(&ask, layout);
  ReadBlobs(&ask, layout);
  ReadMethods(jvm, tables, &ask, layout);
  structs.missing = ask.missing();
  return structs;
}

}  // namespace fdorigin
