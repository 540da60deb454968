// Where the native methods of the JDK's libraries are: functions called Java_…, which by JNI's
// rules only the VM calls, with the thread in native state. On a VM whose threads' state cannot be
// read, a frame in one of them is the proof of that state.
//
// Who calls it: the patcher adds, once per library, under its lock; Contains() any thread, in hook
// context too. Nothing is ever removed: an unloaded image's id is not given again.
#ifndef FDORIGIN_AGENT_BASE_NATIVE_METHODS_H_
#define FDORIGIN_AGENT_BASE_NATIVE_METHODS_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/hook_safe.h"
#include "base/ids.h"
#include "base/region.h"

namespace fdorigin {

class NativeMethods {
 public:
  static constexpr int kMaxImages = 256;  // a JDK has some 60 libraries

  // ELF virtual addresses, from the first byte to one past the last.
  struct Range {
    uint64_t begin;
    uint64_t end;
  };

  bool Create(Region* region);
  // Nothing where there is no room: what is not known proves nothing.
  void Add(ImageId image, std::vector<Range> functions);

  // Whether a call that returns to this ELF virtual address of the image was made by one of them.
  HOOK_SAFE bool Contains(ImageId image, uint64_t return_address) const;

 private:
  struct Block {
    ImageId image;
    uint32_t count;
    RegionOffset ranges;  // sorted, and none overlaps
  };

  Region* region_ = nullptr;
  RegionOffset blocks_ = 0;
  std::atomic<int> count_{0};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_BASE_NATIVE_METHODS_H_
