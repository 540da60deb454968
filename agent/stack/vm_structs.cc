#include "stack/vm_structs.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "arch/hotspot_frames.h"

namespace fdorigin {
namespace {

template <typename T>
T ReadAt(const void* at, uint64_t offset = 0) {
  T value;
  std::memcpy(&value, static_cast<const char*>(at) + offset, sizeof(T));
  return value;
}

// Most names differ in their first character, for which no call is made.
bool IsNamed(const char* name, const char* wanted) {
  return name != nullptr && *name == *wanted && std::strcmp(name, wanted) == 0;
}

// The first characters, as many as there are.
uint64_t Beginning(const char* name) {
  uint64_t characters = 0;
  for (size_t i = 0; i < sizeof(characters) && name[i] != '\0'; ++i) {
    characters = characters << 8 | static_cast<uint8_t>(name[i]);
  }
  return characters;
}

// Asks the tables and remembers what they did not know.
class Asker {
 public:
  explicit Asker(const VmTables& tables) : tables_(tables) {}

  // Where the field is in the first of the types that has it: it may be a superclass's, or have
  // moved. It is read as a T, so one that is smaller is another field than ours.
  template <typename T>
  int Offset(std::initializer_list<const char*> types, const char* field) {
    const int offset = OptionalOffset<T>(types, field);
    if (offset < 0) Miss(*types.begin(), field);
    return offset;
  }
  template <typename T>
  int OptionalOffset(std::initializer_list<const char*> types, const char* field) const {
    for (const char* type : types) {
      const ptrdiff_t offset = tables_.Offset(type, field);
      if (offset < 0) continue;
      const bool fits = tables_.SizeOfField(type, field) >= ptrdiff_t{sizeof(T)};
      return fits ? static_cast<int>(offset) : -1;
    }
    return -1;
  }
  // Of a field that is a structure, of which others are asked.
  int Embedded(const char* type, const char* field) {
    const ptrdiff_t offset = tables_.Offset(type, field);
    if (offset < 0) Miss(type, field);
    return static_cast<int>(offset);
  }
  bool Has(const char* type, const char* field) const { return tables_.Offset(type, field) >= 0; }
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
  // A slot of frames that the walker takes to be there.
  void Expect(const char* constant, int slot) {
    int value = 0;
    if (!tables_.IntConstant(constant, &value) || value != slot) Miss("constant", constant);
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
  ask->Expect("frame::interpreter_frame_sender_sp_offset", kInterpreterSenderSpSlot);
  ask->Expect("frame::entry_frame_call_wrapper_offset", kEntryWrapperSlot);
  layout->thread_anchor = ask->Embedded("JavaThread", "_anchor");
  layout->thread_stack_base = ask->Offset<uint64_t>({"JavaThread", "Thread"}, "_stack_base");
  layout->thread_stack_size = ask->Offset<uint64_t>({"JavaThread", "Thread"}, "_stack_size");
  layout->anchor_sp = ask->Offset<uint64_t>({"JavaFrameAnchor"}, "_last_Java_sp");
  layout->anchor_pc = ask->Offset<uint64_t>({"JavaFrameAnchor"}, "_last_Java_pc");
  layout->anchor_fp = ask->Offset<uint64_t>({"JavaFrameAnchor"}, "_last_Java_fp");
  layout->wrapper_anchor = ask->Embedded("JavaCallWrapper", "_anchor");
  layout->call_stub_return_pc = ask->Static<uint64_t>("StubRoutines", "_call_stub_return_address");
  layout->continuation_return_pc =
      static_cast<const uint64_t*>(tables.StaticField("ContinuationEntry", "_return_pc"));

  const auto* stubs = ask->Static<const char*>("AbstractInterpreter", "_code");
  const int buffer = ask->Offset<uint64_t>({"StubQueue"}, "_stub_buffer");
  const int limit = ask->Offset<uint32_t>({"StubQueue"}, "_buffer_limit");
  if (stubs == nullptr || buffer < 0 || limit < 0) return;
  layout->interpreter.low = ReadAt<uint64_t>(stubs, static_cast<uint64_t>(buffer));
  layout->interpreter.high =
      layout->interpreter.low + ReadAt<uint32_t>(stubs, static_cast<uint64_t>(limit));
}

void ReadCodeCache(Asker* ask, HotspotLayout* layout) {
  const auto* heaps = ask->Static<const char*>("CodeCache", "_heaps");
  const auto lowest = ask->Static<uint64_t>("CodeCache", "_low_bound");
  const auto highest = ask->Static<uint64_t>("CodeCache", "_high_bound");
  const int length = ask->Offset<int>({"GrowableArrayBase", "GenericGrowableArray"}, "_len");
  const int data = ask->Offset<uint64_t>({"GrowableArray<int>"}, "_data");
  const int memory = ask->Embedded("CodeHeap", "_memory");
  const int segments = ask->Embedded("CodeHeap", "_segmap");
  const int shift = ask->Offset<uint32_t>({"CodeHeap"}, "_log2_segment_size");
  const int low = ask->Offset<uint64_t>({"VirtualSpace"}, "_low");
  const int high = ask->Offset<uint64_t>({"VirtualSpace"}, "_high");
  const int boundary = ask->Offset<uint64_t>({"VirtualSpace"}, "_high_boundary");
  layout->block_size = ask->Size("HeapBlock");
  layout->block_used = ask->Offset<uint8_t>({"HeapBlock::Header"}, "_used");
  if (!ask->missing().empty()) return;

  const auto at = [](int offset) { return static_cast<uint64_t>(offset); };
  const int count = ReadAt<int>(heaps, at(length));
  const auto* all = ReadAt<const char*>(heaps, at(data));
  for (int i = 0; all != nullptr && i < count; ++i) {
    const auto* heap = ReadAt<const char*>(all, at(i) * sizeof(void*));
    const char* space = heap + memory;
    const CodeHeapPlace place = {
        .low = ReadAt<uint64_t>(space, at(low)),
        .reserved_high = ReadAt<uint64_t>(space, at(boundary)),
        .committed_high = reinterpret_cast<const uint64_t*>(space + high),
        .segment_map = ReadAt<const uint8_t*>(heap + segments, at(low)),
        .segment_shift = ReadAt<uint32_t>(heap, at(shift)),
    };
    // A library that was compiled ahead of time (until 16) is a heap, too, of another shape.
    if (place.low < lowest || place.reserved_high > highest) continue;
    if (layout->heap_count == HotspotLayout::kMaxHeaps) {
      layout->heap_count = 0;
      break;
    }
    layout->heaps[layout->heap_count++] = place;
  }
  if (layout->heap_count == 0) ask->Miss("CodeCache", "_heaps");
}

// No table of 17 and 21 has the stubs by which native code calls Java (code/codeBlob.hpp). Behind
// what they share with other blobs are two pointers, then the offset of the frame's data, which
// begins with the anchor and goes on with the thread. In versions between and after these, until 25
// has all of it in its tables, the pointers are others, and such a stub is code that is not known.
void ReadUpcallStubs(Asker* ask, HotspotLayout* layout) {
  if (layout->feature != 17 && layout->feature != 21) return;
  layout->upcall_name = layout->feature == 17 ? "optimized_upcall_stub" : "upcall_stub";
  layout->upcall_frame_data = ask->Size("RuntimeBlob") + 2 * static_cast<int>(kWord);
  layout->upcall_data_anchor = 0;
  layout->upcall_data_thread = ask->Size("JavaFrameAnchor");
}

// What changed from one version to the next is told by which fields there are.
void ReadBlobs(Asker* ask, HotspotLayout* layout) {
  layout->blob_name = ask->Offset<uint64_t>({"CodeBlob"}, "_name");
  layout->blob_size = ask->Offset<uint32_t>({"CodeBlob"}, "_size");
  layout->blob_frame_size = ask->Offset<uint32_t>({"CodeBlob"}, "_frame_size");
  layout->nmethod_method = ask->Offset<uint64_t>({"nmethod", "CompiledMethod"}, "_method");
  layout->nmethod_compile_id = ask->Offset<uint32_t>({"nmethod"}, "_compile_id");
  layout->nmethod_entry_bci = ask->Offset<uint32_t>({"nmethod"}, "_entry_bci");
  layout->nmethod_orig_pc_offset = ask->Offset<uint32_t>({"nmethod"}, "_orig_pc_offset");
  layout->nmethod_scopes_pcs_offset = ask->Offset<uint32_t>({"nmethod"}, "_scopes_pcs_offset");
  if (ask->Has("CodeBlob", "_code_begin")) {
    layout->blob_code_begin = ask->Offset<uint64_t>({"CodeBlob"}, "_code_begin");
    layout->nmethod_scopes_data_begin =
        ask->Offset<uint64_t>({"CompiledMethod"}, "_scopes_data_begin");
    layout->nmethod_metadata_offset = ask->Offset<uint32_t>({"nmethod"}, "_metadata_offset");
    layout->nmethod_dependencies_offset =
        ask->Offset<uint32_t>({"nmethod"}, "_dependencies_offset");
    layout->nmethod_deopt = ask->Offset<uint64_t>({"CompiledMethod"}, "_deopt_handler_begin");
    layout->nmethod_deopt_mh = ask->Offset<uint64_t>({"CompiledMethod"}, "_deopt_mh_handler_begin");
    ReadUpcallStubs(ask, layout);
  } else {
    layout->blob_kind = ask->Offset<uint8_t>({"CodeBlob"}, "_kind");
    layout->kind_nmethod = ask->Constant({"CodeBlobKind::Nmethod"});
    layout->kind_upcall = ask->Constant({"CodeBlobKind::Upcall"});
    layout->upcall_frame_data = ask->Offset<uint32_t>({"UpcallStub"}, "_frame_data_offset");
    layout->upcall_data_anchor = ask->Embedded("UpcallStub::FrameData", "jfa");
    layout->blob_code_offset = ask->Offset<uint32_t>({"CodeBlob"}, "_code_offset");
    layout->blob_mutable_data = ask->Offset<uint64_t>({"CodeBlob"}, "_mutable_data");
    layout->blob_mutable_data_size = ask->Offset<uint32_t>({"CodeBlob"}, "_mutable_data_size");
    layout->blob_relocation_size = ask->Offset<uint32_t>({"CodeBlob"}, "_relocation_size");
    layout->nmethod_immutable_data = ask->Offset<uint64_t>({"nmethod"}, "_immutable_data");
    layout->nmethod_immutable_data_size =
        ask->Offset<uint32_t>({"nmethod"}, "_immutable_data_size");
    layout->nmethod_scopes_data_offset = ask->Offset<uint32_t>({"nmethod"}, "_scopes_data_offset");
    if (ask->Has("nmethod", "_deopt_handler_entry_offset")) {
      layout->nmethod_deopt = ask->Offset<uint32_t>({"nmethod"}, "_deopt_handler_entry_offset");
    } else {
      layout->nmethod_deopt = ask->Offset<uint32_t>({"nmethod"}, "_deopt_handler_offset");
      layout->nmethod_deopt_mh = ask->Offset<uint32_t>({"nmethod"}, "_deopt_mh_handler_offset");
    }
  }
  layout->pc_desc_size = ask->Size("PcDesc");
  layout->pc_desc_pc_offset = ask->Offset<uint32_t>({"PcDesc"}, "_pc_offset");
  layout->pc_desc_scope = ask->Offset<uint32_t>({"PcDesc"}, "_scope_decode_offset");
  // JDK-8292758 (20) took the byte 0 out of the alphabet.
  layout->unsigned5_excluded = layout->feature >= 20 ? 1 : 0;
}

// Where the CDS archive's virtual tables are. Both addresses are null where there is no archive.
void ReadSharedRange(const VmTables& tables, Asker* ask, HotspotLayout* layout) {
  for (const char* prefix : {"_shared_metaspace", "_aot_metaspace"}) {
    const std::string name = prefix;
    const void* low = tables.StaticField("MetaspaceObj", (name + "_base").c_str());
    const void* high = tables.StaticField("MetaspaceObj", (name + "_top").c_str());
    if (low == nullptr || high == nullptr) continue;
    layout->shared = {ReadAt<uint64_t>(low), ReadAt<uint64_t>(high)};
    return;
  }
  // Until 12 the archive's regions have an entry each, of which the first five are metadata (JDK
  // 11, memory/metaspaceShared.hpp).
  constexpr uint64_t kMetadataRegions = 5;
  const void* current = tables.StaticField("FileMapInfo", "_current_info");
  const int header = ask->Offset<uint64_t>({"FileMapInfo"}, "_header");
  const int regions = ask->Embedded("FileMapHeader", "_space[0]");
  const int base = ask->Offset<uint64_t>({"CDSFileMapRegion"}, "_addr._base");
  const int used = ask->Offset<uint64_t>({"CDSFileMapRegion"}, "_used");
  const int size = ask->Size("CDSFileMapRegion");
  if (current == nullptr) ask->Miss("MetaspaceObj", "_shared_metaspace_base");
  if (!ask->missing().empty()) return;
  const auto* map = ReadAt<const char*>(current);
  if (map == nullptr) return;
  const char* region =
      ReadAt<const char*>(map, static_cast<uint64_t>(header)) + static_cast<uint64_t>(regions);
  for (uint64_t i = 0; i < kMetadataRegions; ++i, region += size) {
    const auto low = ReadAt<uint64_t>(region, static_cast<uint64_t>(base));
    const uint64_t high = low + ReadAt<uint64_t>(region, static_cast<uint64_t>(used));
    if (low == high) continue;
    AddressRange* shared = &layout->shared;
    shared->low = shared->low == 0 ? low : std::min(shared->low, low);
    shared->high = std::max(shared->high, high);
  }
}

void ReadMethods(const JvmLibrary& jvm, const VmTables& tables, Asker* ask, HotspotLayout* layout) {
  layout->method_size = ask->Size("Method");
  layout->method_const_method = ask->Offset<uint64_t>({"Method"}, "_constMethod");
  layout->method_access_flags = ask->Offset<uint16_t>({"Method"}, "_access_flags");
  if (tables.IntConstant("Method::_hidden", &layout->method_hidden_bit)) {
    layout->method_flags = ask->OptionalOffset<uint16_t>({"Method"}, "_flags");
  }
  layout->const_method_size = ask->Size("ConstMethod");
  layout->const_method_constants = ask->Offset<uint64_t>({"ConstMethod"}, "_constants");
  layout->const_method_words = ask->Offset<uint32_t>({"ConstMethod"}, "_constMethod_size");
  const bool flags_are_a_type = ask->Has("ConstMethod", "_flags._flags");
  layout->const_method_flags =
      ask->Offset<uint16_t>({"ConstMethod"}, flags_are_a_type ? "_flags._flags" : "_flags");
  // No table has its number (JDK 21 to 28, oops/constMethodFlags.hpp).
  if (flags_are_a_type) layout->const_method_hidden_bit = 1 << 12;
  layout->const_method_lines_bit = ask->Constant(
      {"ConstMethodFlags::_misc_has_linenumber_table", "ConstMethod::_has_linenumber_table"});
  layout->const_method_code_size = ask->Offset<uint16_t>({"ConstMethod"}, "_code_size");
  layout->const_method_name = ask->Offset<uint16_t>({"ConstMethod"}, "_name_index");
  layout->const_method_signature = ask->Offset<uint16_t>({"ConstMethod"}, "_signature_index");
  layout->const_method_idnum = ask->Offset<uint16_t>({"ConstMethod"}, "_method_idnum");
  // Compared as one word.
  if (layout->const_method_name != layout->const_method_code_size + 2 ||
      layout->const_method_signature != layout->const_method_code_size + 4 ||
      layout->const_method_idnum != layout->const_method_code_size + 6) {
    ask->Miss("ConstMethod", "order of _code_size, _name_index, _signature_index, _method_idnum");
  }
  layout->pool_size = ask->Size("ConstantPool");
  layout->pool_holder = ask->Offset<uint64_t>({"ConstantPool"}, "_pool_holder");
  layout->pool_length = ask->Offset<uint32_t>({"ConstantPool"}, "_length");
  if (ask->Has("InstanceKlass", "_source_file_name_index")) {
    layout->klass_source_file = ask->Offset<uint16_t>({"InstanceKlass"}, "_source_file_name_index");
  } else {
    layout->pool_source_file = ask->Offset<uint16_t>({"ConstantPool"}, "_source_file_name_index");
  }
  layout->klass_name = ask->Offset<uint64_t>({"Klass"}, "_name");
  if (tables.IntConstant("InstanceKlass::_misc_is_anonymous", &layout->klass_anonymous_bit) ||
      tables.IntConstant("InstanceKlass::_misc_is_unsafe_anonymous",
                         &layout->klass_anonymous_bit)) {
    layout->klass_flags = ask->Offset<uint16_t>({"InstanceKlass"}, "_misc_flags");
  }
  layout->symbol_length = ask->Offset<uint16_t>({"Symbol"}, "_length");
  layout->symbol_body = ask->Offset<uint8_t>({"Symbol"}, "_body[0]");
  layout->libjvm = {jvm.low(), jvm.high()};
  if (layout->libjvm.low == 0) ask->Miss("libjvm", "mapping");
  ReadSharedRange(tables, ask, layout);
}

// The versions whose frames were compared with what the VM itself says of them. Of those between,
// the tables tell what changed; of others they may not.
constexpr int kCompared[] = {11, 17, 21, 25, 26, 27, 28};

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
        jvm.Read("gHotSpotVMStructEntryTypeStringOffset", &field_type_) &&
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
  ListTypesOfFields();
}

const char* VmTables::Table::Find(const char* wanted) const {
  if (entries == nullptr) return nullptr;
  const char* const from = last == nullptr ? entries : last;
  for (const char* entry = from;; entry += stride) {
    const auto* entry_name = ReadAt<const char*>(entry, name);
    if (entry_name == nullptr) break;
    if (IsNamed(entry_name, wanted)) return last = entry;
  }
  for (const char* entry = entries; entry != from; entry += stride) {
    if (IsNamed(ReadAt<const char*>(entry, name), wanted)) return last = entry;
  }
  return nullptr;
}

// There are thousands of fields, of some hundreds of types.
void VmTables::ListTypesOfFields() {
  if (fields_.entries == nullptr) return;
  types_of_fields_.reserve(1024);
  const char* seen = nullptr;
  for (const char* entry = fields_.entries;; entry += fields_.stride) {
    const auto* type_name = ReadAt<const char*>(entry, fields_.name);
    if (type_name == nullptr) break;
    if (type_name != seen) types_of_fields_.push_back({Beginning(type_name), entry});
    seen = type_name;
  }
}

const char* VmTables::FindField(const char* type, const char* field) const {
  const uint64_t beginning = Beginning(type);
  for (const TypeFields& fields : types_of_fields_) {
    if (fields.beginning != beginning) continue;
    const auto* type_name = ReadAt<const char*>(fields.first, fields_.name);
    if (std::strcmp(type_name, type) != 0) continue;
    for (const char* entry = fields.first; ReadAt<const char*>(entry, fields_.name) == type_name;
         entry += fields_.stride) {
      if (IsNamed(ReadAt<const char*>(entry, field_name_), field)) return entry;
    }
  }
  return nullptr;
}

ptrdiff_t VmTables::Offset(const char* type, const char* field) const {
  const char* entry = FindField(type, field);
  if (entry == nullptr || ReadAt<int32_t>(entry, field_is_static_) != 0) return -1;
  return static_cast<ptrdiff_t>(ReadAt<uint64_t>(entry, field_offset_));
}

ptrdiff_t VmTables::SizeOfField(const char* type, const char* field) const {
  const char* entry = FindField(type, field);
  const auto* name = entry == nullptr ? nullptr : ReadAt<const char*>(entry, field_type_);
  if (name == nullptr || *name == '\0') return -1;
  return name[std::strlen(name) - 1] == '*' ? ptrdiff_t{sizeof(void*)} : SizeOf(name);
}

const void* VmTables::StaticField(const char* type, const char* field) const {
  const char* entry = FindField(type, field);
  if (entry == nullptr || ReadAt<int32_t>(entry, field_is_static_) == 0) return nullptr;
  return ReadAt<const void*>(entry, field_address_);
}

ptrdiff_t VmTables::SizeOf(const char* type) const {
  const char* entry = types_.Find(type);
  return entry == nullptr ? -1 : static_cast<ptrdiff_t>(ReadAt<uint64_t>(entry, type_size_));
}

bool VmTables::IntConstant(const char* name, int* value) const {
  const char* entry = int_constants_.Find(name);
  if (entry == nullptr) return false;
  *value = ReadAt<int32_t>(entry, int_value_);
  return true;
}

// It is built without what other VMs know of the processor's frames.
bool IsZero(const VmTables& tables) {
  int slot;
  return tables.Offset("JavaFrameAnchor", "_last_Java_sp") >= 0 &&
         tables.Offset("JavaFrameAnchor", "_last_Java_fp") < 0 &&
         !tables.IntConstant("frame::interpreter_frame_sender_sp_offset", &slot);
}

VmStructs ReadVmStructs(const JvmLibrary& jvm, const VmTables& tables) {
  VmStructs structs;
  Asker ask(tables);
  HotspotLayout* layout = &structs.layout;
  layout->feature = ask.Static<int>("Abstract_VM_Version", "_vm_major_version");
  const int* known = std::find(std::begin(kCompared), std::end(kCompared), layout->feature);
  layout->compared = known != std::end(kCompared);
  if (layout->feature != 0 &&
      (layout->feature < kCompared[0] || layout->feature > *std::rbegin(kCompared))) {
    structs.missing = "not known for JDK " + std::to_string(layout->feature);
    return structs;
  }
  if (IsZero(tables)) {
    structs.missing = "the Zero VM, whose frames are not the processor's";
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
