// The ELF images of this process: which addresses belong to which load of which file.
//
// Who calls it: interpose fills it (cold, under the patcher's lock, after every dlopen and
// dlclose); the native walker asks Find() in hook context on any thread, and enters by AddSeen()
// what it meets before the patcher does: a library that libc loads for itself, or one in its
// constructor; symbolize reads entries.
// Entries are never removed: an unloaded image keeps its path, build-id and load bias, so that
// frames recorded under its id keep their names.
#ifndef FDORIGIN_AGENT_BASE_IMAGE_TABLE_H_
#define FDORIGIN_AGENT_BASE_IMAGE_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/hook_safe.h"
#include "base/ids.h"
#include "base/region.h"

namespace fdorigin {

enum class ImageRole : uint8_t {
  kOther = 0,
  kSelf = 1,    // libfdorigin.so
  kLibc = 2,    // libc.so.6, and what glibc 2.34 and older kept beside it
  kJvm = 3,     // libjvm.so
  kJdk = 4,     // the launcher and the libraries of the JDK beside libjvm.so
  kLoader = 5,  // the dynamic linker
};

struct Image {
  uint64_t low;        // first mapped address
  uint64_t high;       // one past the last mapped address
  uint64_t load_bias;  // address minus ELF virtual address
  StringId path;       // kNone in an image that was only seen: then role and build_id are not known
  ImageRole role;
  uint8_t loaded;         // 0 or 1; in a copy of damaged memory anything
  uint8_t build_id_size;  // bytes of build_id in use; 0 where the image has none
  uint8_t build_id[20];

  bool operator==(const Image&) const = default;
};

class ImageTable {
 public:
  static constexpr int kMaxImages = 8192;  // over the life of the process

  bool Create(Region* region);
  // Over a region that is a copy of another process's: for Get(). False where it has no images.
  bool Open(Region* region);

  // The image that holds `address`, or kNone. Never blocks, and a writer that is stopped in the
  // middle hides nothing: a reader looks again where the table was changed twice meanwhile, and
  // gives up with kNone after a bounded number of times.
  HOOK_SAFE ImageId Find(uint64_t address) const;
  // Null for kNone, and for what is no image's id.
  HOOK_SAFE const Image* Get(ImageId id) const;
  // Raised by every Remove(): what was learnt about addresses before may be about another image.
  HOOK_SAFE uint32_t unload_count() const { return unloads_.load(std::memory_order_acquire); }

  // The image at `pc`, which Find() does not know: entered as far as the loader tells it in hook
  // context. kNone where the table is full, is being changed for longer than a bounded wait, or
  // has another image in that place still.
  HOOK_SAFE ImageId AddSeen(uint64_t pc, uint64_t low, uint64_t high, uint64_t load_bias);

  // Writers, one at a time (the patcher's lock). kNone when the table is full. Add() completes an
  // image that was only seen until then: it keeps its id.
  ImageId Add(const Image& image);
  void Remove(ImageId id);  // nothing for kNone
  // Every image so far, by id, and some empty ones behind them.
  std::vector<Image> All() const;
  int count() const { return count_.load(std::memory_order_acquire); }

 private:
  HOOK_SAFE bool Overlaps(uint64_t low, uint64_t high) const;
  HOOK_SAFE ImageId Append(const Image& image);
  HOOK_SAFE void Publish();
  void BeginWriting();
  HOOK_SAFE void EndWriting() { writing_.store(false, std::memory_order_release); }

  Region* region_ = nullptr;
  RegionOffset root_ = 0;
  // Held for the length of a copy of the ranges. Only cold code waits for it without a bound.
  std::atomic<bool> writing_{false};
  std::atomic<int> count_{0};
  std::atomic<uint32_t> unloads_{0};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_IMAGE_TABLE_H_
