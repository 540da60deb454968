// Distinct stacks, stored once. A stack is a list of frame numbers; distinct frames are stored once
// too, so that 10,000 stacks of 100 frames fit into a few MiB.
//
// Who calls it: Intern() in hook context on any thread (a stack that is known takes no lock and
// writes nothing); Get() at the dump, on any thread. Nothing is ever removed.
#ifndef FDORIGIN_AGENT_STACK_STACK_STORE_H_
#define FDORIGIN_AGENT_STACK_STACK_STORE_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/hook_safe.h"
#include "base/ids.h"
#include "base/region.h"
#include "stack/frame.h"

namespace fdorigin {

class StackStore {
 public:
  bool Create(Region* region);
  // Over a region that is a copy of another process's: for Get().
  void Open(Region* region);

  // The id of the stack, innermost frame first. kNone where `count` is 0 or the store is full.
  HOOK_SAFE StackId Intern(const Frame* frames, int count);

  // The frames of a stack, innermost first. Empty for kNone, and for what is no stack's id.
  std::vector<Frame> Get(StackId id) const;
  uint32_t count() const;

 private:
  HOOK_SAFE uint32_t InternFrame(const Frame& frame);
  HOOK_SAFE bool Same(RegionOffset stack, uint32_t hash, const Frame* frames, int count) const;

  Region* region_ = nullptr;
  RegionOffset root_ = 0;
};

// Of a JVM whose own data is not what the walker took it for (jvm/walk_check.h), frames of kMethod
// are not to be believed. WithoutMethods() leaves them out, and the frame before says so.
bool HasMethods(const std::vector<Frame>& stack);
std::vector<Frame> WithoutMethods(const std::vector<Frame>& stack);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_STACK_STORE_H_
