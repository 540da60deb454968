#include "interpose/patcher.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bitset>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "arch/system_call_finder.h"
#include "interpose/calls.h"
#include "interpose/elf_image.h"
#include "interpose/libc_entries.h"
#include "interpose/loader_hooks.h"
#include "interpose/recorder.h"

namespace fdorigin {
namespace {

// What dl_iterate_phdr says of one image, copied.
struct Listed {
  uint64_t load_bias;
  const ElfW(Phdr) * headers;
  int header_count;
  const char* name;
};

// Room for that, made before: nothing is allocated while dl_iterate_phdr holds its lock.
struct ListedImages {
  std::vector<Listed> images{64};
  std::vector<char> names = std::vector<char>(4096);  // each with its null
};

struct Listing {
  ListedImages* room;
  size_t count = 0;
  size_t name_bytes = 0;
  unsigned long long adds = 0;
  unsigned long long subs = 0;
};

// An image that was seen before.
struct Known {
  ImageId id;
  uint64_t load_bias;
  std::string name;          // as the loader calls it
  void** patched = nullptr;  // one slot that holds a hook: a reloaded image has lost it
  void* hook = nullptr;
  bool seen = false;  // in the listing at hand
  const ElfW(Phdr) * headers = nullptr;
  int header_count = 0;
};

// What goes into the slots of an import.
struct Slotted {
  void* hook;
  void* original;
};

// Tells most names that are not among those that were added, by their first two characters: a JVM
// imports and looks up hundreds for each that is hooked.
class Beginnings {
 public:
  void Add(std::string_view name) { seen_.set(Bit(name.data())); }
  bool MayHave(const char* name) const { return seen_.test(Bit(name)); }

 private:
  static constexpr size_t kBits = 1024;
  // `name` is not empty, or ends with a null.
  static size_t Bit(const char* name) {
    const auto first = static_cast<uint8_t>(name[0]);
    return first == 0 ? 0 : (first * size_t{37} + static_cast<uint8_t>(name[1])) % kBits;
  }

  std::bitset<kBits> seen_;
};

struct State {
  std::timed_mutex mutex;
  std::atomic<bool> again{false};  // somebody asked for a scan, and may not have waited for it
  ImageTable* images = nullptr;
  StringStore* strings = nullptr;
  NativeMethods* native_methods = nullptr;
  FactStore* facts = nullptr;
  std::unordered_map<std::string_view, Slotted> functions;
  std::unordered_map<std::string_view, ExtraHook> extras;
  Beginnings beginnings;  // of the names of both
  std::vector<Known> known;
  std::string java_home;  // with a slash at the end
  unsigned long long adds = 0;
  unsigned long long subs = 0;
  Patcher::Totals totals;
};

// Never destroyed: hooks outlive every static destructor.
State& Get() {
  static State& state = *new State;
  return state;
}

// This thread scans. Letting go of a library may run its destructors, which may call dlclose.
constinit thread_local bool scanning = false;

// There is, or was, a link-map namespace beside the base one. dl_iterate_phdr does not tell.
constinit std::atomic<bool> other_namespace{false};
constexpr const char* kOtherNamespace = "libraries of another link-map namespace (dlmopen)";
constexpr const char* kOwnLibc = "they have a libc of their own";

// How long a thread waits for another one's scan. The other may itself wait for the loader's lock,
// which this thread holds if it is in the constructor of a library.
constexpr std::chrono::milliseconds kPatience{100};

int List(dl_phdr_info* info, size_t size, void* argument) {
  auto* listing = static_cast<Listing*>(argument);
  if (size >= offsetof(dl_phdr_info, dlpi_subs) + sizeof(info->dlpi_subs)) {
    listing->adds = info->dlpi_adds;
    listing->subs = info->dlpi_subs;
  }
  const char* name = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  const size_t size_with_null = std::strlen(name) + 1;
  ListedImages& room = *listing->room;
  if (listing->count < room.images.size() &&
      listing->name_bytes + size_with_null <= room.names.size()) {
    char* kept = room.names.data() + listing->name_bytes;
    std::memcpy(kept, name, size_with_null);
    room.images[listing->count] = {info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, kept};
  }
  listing->name_bytes += size_with_null;
  ++listing->count;
  return 0;
}

int ReadCounters(dl_phdr_info* info, size_t, void* argument) {
  auto* listing = static_cast<Listing*>(argument);
  listing->adds = info->dlpi_adds;
  listing->subs = info->dlpi_subs;
  return 1;  // the first image says it for all
}

std::string RealPath(const std::string& name) {
  char path[PATH_MAX];
  if (name.empty()) {
    const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
    return size > 0 ? std::string(path, static_cast<size_t>(size)) : name;
  }
  if (name.find('/') == std::string::npos) return "[" + name.substr(0, name.find(".so")) + "]";
  return realpath(name.c_str(), path) != nullptr ? path : name;
}

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// glibc 2.34 moved most of these into libc.so.6; the others are its own still.
bool IsLibc(std::string_view base) {
  static constexpr std::string_view kNames[] = {
      "libc.so.6",          "libpthread.so.0", "libdl.so.2",        "librt.so.1",
      "libm.so.6",          "libresolv.so.2",  "libnss_files.so.2", "libnss_dns.so.2",
      "libnss_compat.so.2", "libanl.so.1",     "libutil.so.1"};
  return std::find(std::begin(kNames), std::end(kNames), base) != std::end(kNames);
}

// OpenJ9's VM is many libraries beside libjvm.so: libj9vm29.so, libj9prt29.so, libjclse29.so, ….
bool IsVm(std::string_view base) {
  return base.starts_with("libj9") || base.starts_with("libjclse") || base.starts_with("libomr");
}

ImageRole RoleOf(const State& state, const ElfImage& image, const std::string& path) {
  const auto self = reinterpret_cast<uint64_t>(&Patcher::Rescan);
  if (self >= image.low() && self < image.high()) return ImageRole::kSelf;
  const std::string_view base = BaseName(path);
  if (base == "libjvm.so") return ImageRole::kJvm;
  if (base.starts_with("ld-linux")) return ImageRole::kLoader;
  if (IsLibc(base) || path == "[linux-vdso]") return ImageRole::kLibc;
  if (!state.java_home.empty() && path.starts_with(state.java_home)) {
    return IsVm(base) ? ImageRole::kJvm : ImageRole::kJdk;
  }
  return ImageRole::kOther;
}

// Once each: a library that is loaded again and again is refused the same slots every time. False
// where it was known.
bool AddRefusal(State& state, const std::string& what, const std::string& reason) {
  for (const Patcher::Refusal& known : state.totals.refused) {
    if (known.what == what && known.reason == reason) return false;
  }
  state.totals.refused.push_back({what, reason});
  return true;
}

void Refuse(State& state, const std::string& what, const std::string& reason) {
  if (AddRefusal(state, what, reason)) state.facts->Note(FactKind::kRefused, what, reason);
}

struct Write {
  void** slot;
  void* hook;
};

// Keeps an image mapped while it is read and patched.
class Pin {
 public:
  Pin(const std::string& name, uint64_t load_bias) {
    if (name.empty()) {  // the program itself
      held_ = true;
      return;
    }
    handle_ = dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (handle_ == nullptr) {
      dlerror();  // the application's next dlerror() is not about this
      return;
    }
    link_map* map = nullptr;
    held_ = dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 && map->l_addr == load_bias;
  }
  ~Pin() {
    if (handle_ != nullptr) dlclose(handle_);
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  bool held() const { return held_; }
  void* Resolve(const char* name) const {
    void* found = dlsym(handle_ != nullptr ? handle_ : RTLD_DEFAULT, name);
    if (found == nullptr) dlerror();
    return found;
  }

 private:
  void* handle_ = nullptr;
  bool held_ = false;
};

// Which slots of an image get which hook.
std::vector<Write> PlanWrites(State& state, const ElfImage& image, const std::string& path,
                              const Pin& pin) {
  std::vector<Write> writes;
  image.VisitImports([&](const char* name, void** slot) {
    if (!state.beginnings.MayHave(name)) return;
    if (const auto extra = state.extras.find(name); extra != state.extras.end()) {
      if (*extra->second.original == nullptr) *extra->second.original = pin.Resolve(name);
      if (*extra->second.original != nullptr) writes.push_back({slot, extra->second.hook});
      return;
    }
    const auto found = state.functions.find(name);
    if (found == state.functions.end()) return;
    const Slotted& function = found->second;
    const auto value = reinterpret_cast<uint64_t>(*slot);
    if (*slot == function.hook || value == 0) return;
    // Bound to the original, or to another symbol version of the same library (dlopen@GLIBC_2.2.5).
    // Or not bound yet, when the slot leads back into the image's own PLT: it will be bound to the
    // original, unless the image has another in its own scope (RTLD_DEEPBIND, of which nothing can
    // be read, puts that scope first).
    const bool unbound = value >= image.low() && value < image.high();
    const void* target = unbound ? pin.Resolve(name) : *slot;
    const ImageId bound_to = state.images->Find(reinterpret_cast<uint64_t>(target));
    const ImageId home = state.images->Find(reinterpret_cast<uint64_t>(function.original));
    const auto is_libc = [&state](ImageId id) {
      return id != ImageId::kNone && state.images->Get(id)->role == ImageRole::kLibc;
    };
    // libc was several libraries once. And where the original is a wrapper of libc's (LD_PRELOAD),
    // an unbound slot leads to the wrapper, though the image's own scope has libc's only.
    if (target == function.original || target == nullptr ||
        (bound_to == home && home != ImageId::kNone) ||
        (is_libc(bound_to) && (unbound || is_libc(home)))) {
      writes.push_back({slot, function.hook});
      return;
    }
    const Image* other = state.images->Get(bound_to);
    Refuse(state, std::string(name) + " in " + path,
           "bound to " + (other == nullptr ? "code of its own"
                                           : std::string(state.strings->Get(other->path))));
  });
  return writes;
}

// False where the pages cannot be made writable; nothing was written then.
bool Apply(const ElfImage& image, const std::vector<Write>& writes) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t low = ~uint64_t{0};
  uint64_t high = 0;
  for (const Write& write : writes) {
    if (!image.IsReadOnlyAfterRelocation(write.slot)) continue;
    const auto at = reinterpret_cast<uint64_t>(write.slot) & ~(page - 1);
    low = std::min(low, at);
    high = std::max(high, at + page);
  }
  if (low < high &&
      mprotect(reinterpret_cast<void*>(low), high - low, PROT_READ | PROT_WRITE) != 0) {
    return false;
  }
  for (const Write& write : writes) __atomic_store_n(write.slot, write.hook, __ATOMIC_RELEASE);
  if (low < high) mprotect(reinterpret_cast<void*>(low), high - low, PROT_READ);
  return true;
}

void NoteMethodsOf(State& state, ImageId id, const ElfImage& image) {
  std::vector<NativeMethods::Range> functions;
  image.VisitExports([&](const char* name, void* address, uint64_t size) {
    if (!std::string_view(name).starts_with("Java_")) return;
    const uint64_t begin = reinterpret_cast<uint64_t>(address) - image.load_bias();
    functions.push_back({begin, begin + size});
  });
  state.native_methods->Add(id, std::move(functions));
}

Known Enter(State& state, const Listed& listed, const std::string& path, const ElfImage& image,
            ImageRole role) {
  Image entry = {};
  entry.low = image.low();
  entry.high = image.high();
  entry.load_bias = listed.load_bias;
  entry.path = state.strings->Intern(path);
  entry.role = role;
  entry.loaded = 1;
  entry.build_id_size = image.BuildId(entry.build_id);
  Known known;
  known.id = state.images->Add(entry);
  if (state.native_methods != nullptr && role == ImageRole::kJdk) {
    NoteMethodsOf(state, known.id, image);
  }
  known.load_bias = listed.load_bias;
  known.name = listed.name;
  known.seen = true;
  known.headers = listed.headers;
  known.header_count = listed.header_count;
  return known;
}

// Whether the image that is listed where `known` was is that very load of it: the same file (by its
// extent and build-id), with the hook still in the slot. What was loaded again has fresh slots.
bool SameLoad(const State& state, const Known& known, const ElfImage& image) {
  if (const Image* entry = state.images->Get(known.id); entry != nullptr) {
    uint8_t build_id[sizeof(entry->build_id)];
    const uint8_t size = image.BuildId(build_id);
    if (entry->low != image.low() || entry->high != image.high() || entry->build_id_size != size ||
        std::memcmp(entry->build_id, build_id, size) != 0) {
      return false;
    }
  }
  return known.patched == nullptr || __atomic_load_n(known.patched, __ATOMIC_ACQUIRE) == known.hook;
}

void FindJavaHome(State& state, const std::vector<Listed>& images, size_t count) {
  if (!state.java_home.empty()) return;
  for (size_t i = 0; i < count; ++i) {
    if (BaseName(images[i].name) != "libjvm.so") continue;
    const std::string path = RealPath(images[i].name);
    // <home>/lib/server/libjvm.so
    std::string home = path;
    for (int up = 0; up < 3; ++up) home.resize(std::min(home.rfind('/'), home.size()));
    state.java_home = home + "/";
  }
}

// True where every listed image could be looked at.
bool Scan(State& state) {
  static ListedImages& room = *new ListedImages;
  Listing listing;
  while (true) {
    listing = {&room};
    dl_iterate_phdr(&List, &listing);
    if (listing.count <= room.images.size() && listing.name_bytes <= room.names.size()) break;
    room.images.resize(listing.count + 32);
    room.names.resize(listing.name_bytes + 4096);
  }
  const std::vector<Listed>& images = room.images;
  FindJavaHome(state, images, listing.count);
  for (Known& known : state.known) known.seen = false;
  const bool unloaded = listing.subs != state.subs;

  // An image is read only while it is pinned: it may have gone since it was listed.
  struct New {
    const Listed* listed;
    std::unique_ptr<Pin> pin;
    ElfImage image;
    std::string path;
    ImageRole role;
    size_t known = 0;
  };
  std::vector<New> fresh;
  bool complete = true;
  for (size_t i = 0; i < listing.count; ++i) {
    const Listed& listed = images[i];
    const auto known =
        std::find_if(state.known.begin(), state.known.end(), [&](const Known& candidate) {
          return candidate.load_bias == listed.load_bias && candidate.name == listed.name;
        });
    if (known != state.known.end() && !unloaded) {
      known->seen = true;
      continue;
    }
    std::string path = RealPath(listed.name);
    auto pin = std::make_unique<Pin>(listed.name, listed.load_bias);
    if (!pin->held() && path.front() != '[') {
      complete = false;  // on its way out, or not yet in: the next scan sees
      if (known != state.known.end()) known->seen = true;
      continue;
    }
    const ElfImage image(listed.load_bias, listed.headers, listed.header_count);
    // Where something was unloaded, this may be another load of what was known.
    if (known != state.known.end() && SameLoad(state, *known, image)) {
      known->seen = true;
      continue;
    }
    const ImageRole role = RoleOf(state, image, path);
    fresh.push_back({&listed, std::move(pin), image, std::move(path), role});
  }
  std::erase_if(state.known, [&](const Known& known) {
    if (known.seen) return false;
    state.images->Remove(known.id);
    return true;
  });
  // What was seen by a walk and unloaded before it was listed here. All else that was only seen is
  // listed, and completed below.
  if (unloaded) {
    for (int i = 1; i <= state.images->count(); ++i) {
      const auto id = static_cast<ImageId>(i);
      const Image& image = *state.images->Get(id);
      if (image.loaded == 0 || image.path != StringId::kNone) continue;
      const auto is_listed = [&image](const New& candidate) {
        return candidate.image.load_bias() == image.load_bias;
      };
      if (std::none_of(fresh.begin(), fresh.end(), is_listed)) state.images->Remove(id);
    }
  }
  // All are entered before the first is patched: a slot is judged by the image that it leads to.
  for (New& candidate : fresh) {
    candidate.known = state.known.size();
    state.known.push_back(
        Enter(state, *candidate.listed, candidate.path, candidate.image, candidate.role));
  }
  for (const New& candidate : fresh) {
    if (candidate.role == ImageRole::kSelf || candidate.role == ImageRole::kLibc) continue;
    const std::vector<Write> writes =
        PlanWrites(state, candidate.image, candidate.path, *candidate.pin);
    if (writes.empty()) continue;
    if (!Apply(candidate.image, writes)) {
      Refuse(state, "all slots of " + candidate.path,
             std::string("mprotect: ") + std::strerror(errno));
      continue;
    }
    state.totals.slots += static_cast<int>(writes.size());
    Known& known = state.known[candidate.known];
    known.patched = writes.front().slot;
    known.hook = writes.front().hook;
  }
  state.totals.libraries = static_cast<int>(state.known.size());
  FactNumbers& numbers = state.facts->numbers();
  numbers.libraries.store(static_cast<uint32_t>(state.totals.libraries), std::memory_order_relaxed);
  numbers.slots.store(static_cast<uint32_t>(state.totals.slots), std::memory_order_relaxed);
  state.adds = listing.adds;
  state.subs = listing.subs;
  return complete;
}

LibcEntries PatchLoadedLibc(EntryMoment moment) {
  dl_phdr_info libc = {};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* argument) {
        const std::string_view name = info->dlpi_name == nullptr ? "" : info->dlpi_name;
        if (BaseName(name) != "libc.so.6") return 0;
        // libc is never unloaded: it can be read when the loader's lock is released.
        *static_cast<dl_phdr_info*>(argument) = *info;
        return 1;
      },
      &libc);
  if (libc.dlpi_phdr == nullptr) return {};
  return PatchLibcEntries(ElfImage(libc.dlpi_addr, libc.dlpi_phdr, libc.dlpi_phnum), moment);
}

}  // namespace

void Patcher::NoteNativeMethods(NativeMethods* methods) { Get().native_methods = methods; }

void Patcher::AddExtra(const ExtraHook& hook) {
  State& state = Get();
  state.extras.emplace(hook.name, hook);
  state.beginnings.Add(hook.name);
}

void Patcher::Start(ImageTable* images, StringStore* strings, FactStore* facts, bool libc,
                    EntryMoment moment) {
  State& state = Get();
  const std::lock_guard lock(state.mutex);
  state.images = images;
  state.strings = strings;
  state.facts = facts;
  LibcEntries entries;
  if (libc) entries = PatchLoadedLibc(moment);
  state.totals.libc_entries = entries.patched;
  for (const std::string& name : entries.patched) facts->Note(FactKind::kLibcEntry, name);
  for (const RefusedEntry& refused : entries.refused) {
    Refuse(state, "entry of " + refused.name, refused.reason);
  }
  for (const HookedFunction& function : HookedFunctions()) {
    if (function.bound != nullptr && !entries.covered.contains(function.call)) {
      state.functions.emplace(function.name, Slotted{function.hook, function.bound});
    }
  }
  for (const LoaderHook& loader : LoaderHooks()) {
    state.functions.emplace(loader.name, Slotted{loader.hook, loader.original});
  }
  for (const auto& [name, slotted] : state.functions) state.beginnings.Add(name);
  scanning = true;
  Scan(state);
  scanning = false;
}

void Patcher::Rescan() {
  if (!Recorder::InRecordingProcess()) return;
  const int saved = errno;
  State& state = Get();
  state.again.store(true);
  // Who does not wait leaves the work to the thread that scans. Inside dlopen nobody waits: the
  // dlopen that is under way ends with a scan, too.
  std::unique_lock lock(state.mutex, std::defer_lock);
  if (!scanning && (lock.try_lock() || (!Recorder::InLoader() && lock.try_lock_for(kPatience)))) {
    scanning = true;
    try {
      while (state.again.exchange(false)) {
        Listing counters = {};
        dl_iterate_phdr(&ReadCounters, &counters);
        if (counters.adds == state.adds && counters.subs == state.subs) continue;
        if (!Scan(state)) state.adds = 0;
      }
    } catch (const std::bad_alloc&) {
      // The host is out of memory: the new libraries stay unhooked, and the next scan finds them.
    }
    scanning = false;
  }
  errno = saved;
}

std::vector<std::string> Patcher::ImagesWithSystemCalls() {
  State& state = Get();
  const std::lock_guard lock(state.mutex);
  std::vector<std::string> paths;
  for (const Known& known : state.known) {
    const Image* entry = state.images->Get(known.id);
    if (entry == nullptr || entry->role != ImageRole::kOther) continue;
    const Pin pin(known.name, known.load_bias);
    if (!pin.held()) continue;
    bool has = false;
    ElfImage(known.load_bias, known.headers, known.header_count)
        .VisitCode([&has](std::span<const uint8_t> code) { has = has || HasSystemCall(code); });
    if (has) paths.emplace_back(state.strings->Get(entry->path));
  }
  return paths;
}

void Patcher::NoteNamespace() {
  FactStore* facts = Get().facts;
  if (!other_namespace.exchange(true, std::memory_order_relaxed) && facts != nullptr) {
    facts->Note(FactKind::kRefused, kOtherNamespace, kOwnLibc);
  }
}

bool Patcher::IsHooked(const char* name) {
  // These do not change once Start() has returned.
  const State& state = Get();
  return state.beginnings.MayHave(name) && state.functions.contains(name);
}

void* Patcher::HookFor(const char* name, void* found) {
  // The map does not change once Start() has returned.
  const State& state = Get();
  const auto function = state.functions.find(name);
  if (function == state.functions.end() || function->second.original != found) return nullptr;
  return function->second.hook;
}

Patcher::Totals Patcher::GetTotals() {
  Rescan();
  State& state = Get();
  const std::lock_guard lock(state.mutex);
  if (other_namespace.load(std::memory_order_relaxed)) {
    AddRefusal(state, kOtherNamespace, kOwnLibc);
  }
  return state.totals;
}

}  // namespace fdorigin
