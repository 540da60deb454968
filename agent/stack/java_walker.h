// Walks the Java frames of the calling thread, where that is safe.
//
// Who calls it: StackRecorder in hook context. It is the one place where hook context may touch
// JNI and JVMTI, behind a gate of four facts, each of which has bitten somebody:
//   1. the VM is between VMInit and VMDeath (JVMTI answers WRONG_PHASE before, and after it a
//      transition into the VM never comes back);
//   2. GetEnv says that this is a Java thread;
//   3. JavaThread::_thread_state is _thread_in_native (the Attach Listener calls libc while
//      blocked, VM threads and compilers while in the VM);
//   4. the caller is not libjvm itself, which may hold its own locks.
// On a VM that is not HotSpot the third cannot be read. There the native frames prove it: where all
// down to a native method of the JDK's (native_methods.h) are the JDK's own, the thread is in
// native state and holds no lock. StackRecorder looks at them; whatever proves nothing is not
// walked. On a HotSpot that is known, the frames are read from its own data (hotspot_walker.h),
// which waits for nobody, once they were compared with what the VM says (jvm/walk_check.h). On
// another HotSpot, and until then, AsyncGetCallTrace comes first, which does not wait
// either; it names no method that has no jmethodID yet, and mixes up virtual threads. GetStackTrace
// does both, but allocates, and may wait for a safepoint: it is asked only where the caller holds
// no lock. On other VMs it is the only one: OpenJ9's AsyncGetCallTrace crashes
// (eclipse-openj9/openj9 issue 23412).
#ifndef FDORIGIN_AGENT_STACK_JAVA_WALKER_H_
#define FDORIGIN_AGENT_STACK_JAVA_WALKER_H_

#include <jvmti.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hook_safe.h"
#include "base/java_stack_status.h"
#include "base/string_store.h"
#include "stack/frame.h"
#include "stack/hotspot_walker.h"
#include "stack/thread_name.h"

namespace fdorigin {

// What the jvm folder found out about this VM. -1 for an offset that is not known.
struct VmFacts {
  JavaVM* vm = nullptr;
  jvmtiEnv* jvmti = nullptr;
  // AsyncGetCallTrace(trace, depth, ucontext), or null where the VM has none.
  void (*async_get_call_trace)(void* trace, jint depth, void* ucontext) = nullptr;
  ptrdiff_t env_offset = -1;           // JNIEnv* minus JavaThread*
  ptrdiff_t thread_state_offset = -1;  // JavaThread::_thread_state
  int thread_in_native = -1;           // of its values; not the same in all versions
  ptrdiff_t stack_base_offset = -1;    // _stack_base: the highest address
  ptrdiff_t stack_size_offset = -1;    // _stack_size
  ptrdiff_t cont_entry_offset = -1;    // _cont_entry: not null while a virtual thread is mounted
  ptrdiff_t last_java_sp_offset = -1;  // _anchor._last_Java_sp: null while no Java frame is there
  bool has_virtual_threads = false;    // JDK 21 and later
  bool zero = false;                   // the Zero VM: Java runs in libjvm's own frames
  uint64_t ffi_call = 0;               // by which that calls native methods, if it is not libjvm's
  VmStructs hotspot;                   // for HotspotWalker, where it is usable()
  // Of use to others: _osthread of a JavaThread, and _thread_id in what that points to.
  ptrdiff_t os_thread_offset = -1;
  ptrdiff_t thread_id_offset = -1;
  // JVM_FindClassFromBootLoader, by which the java launcher finds its helper (HotSpot:
  // prims/jvm.cpp): null for a class, by a name with slashes, that the boot loader does not have.
  // Runs no Java code.
  jclass (*find_boot_class)(JNIEnv* jni, const char* name) = nullptr;

  // Whether the state of a thread can be read.
  bool tell_state() const {
    return env_offset >= 0 && thread_state_offset >= 0 && thread_in_native >= 0;
  }
};

class JavaWalker {
 public:
  // Where `hotspot` is null HotSpot's data is not read, and `strings` is for the names of methods
  // on VMs whose threads' state cannot be read; these are not walked where it is null.
  explicit JavaWalker(HotspotWalker* hotspot = nullptr, StringStore* strings = nullptr)
      : hotspot_(hotspot), strings_(strings) {}

  // On the thread of VMInit, before Start().
  void SetFacts(const VmFacts& facts);

  // Whether the VM's own data is believed. It is not at first, and never again once it was wrong.
  enum class Trust : uint8_t { kUntried, kProven, kWrong };
  Trust trust() const { return trust_.load(std::memory_order_acquire); }
  // On any thread.
  void Prove();
  void FindWrong() { trust_.store(Trust::kWrong, std::memory_order_release); }

  // The calling thread's frames by the VM's own data, believed or not; only where that can be read,
  // and after Gate() said kComplete. `activations`: of HotspotWalker::kMaxActivations.
  HOOK_SAFE HotspotWalk WalkOwnData(JNIEnv* env, uint64_t sp, JavaFrame* frames, int max,
                                    JavaActivation* activations) const;
  bool CanReadOwnData() const { return can_read_; }
  void Start() { phase_.store(Phase::kLive, std::memory_order_release); }
  void Stop() { phase_.store(Phase::kDead, std::memory_order_release); }

  // On a thread that starts, cold: notes where its stack is, if the VM's data does not tell.
  void NoteThread() const;

  // On a thread of Java's that is called `name`, cold: finds out how the names of virtual threads
  // can be read. Before virtual threads run that open anything; on one of their carriers, say.
  void LearnNames(JNIEnv* env, jthread thread, std::string_view name);

  // Whether the first three facts hold, and `sp`, a stack address of the caller, is on the thread's
  // own stack: kComplete if so, with `env`, else the reason. kNoVmStructs comes with `env` too: all
  // but the third holds, which is then the caller's to prove, as the fourth always is.
  // `may_be_java`: false where this is known to be no Java thread. GetEnv is not asked then: on a
  // thread that never was in libjvm the loader has to make room for libjvm's thread-local storage
  // first, by malloc, whose lock the caller may hold.
  HOOK_SAFE JavaStackStatus Gate(uint64_t sp, bool may_be_java, JNIEnv** env) const;

  // The runs of Java frames between which native code is; none where that is not known. There were
  // `total` frames in all; where not all were kept, `innermost` of the first were, and the last.
  struct Activations {
    int count = 0;
    int total = 0;
    int innermost = 0;
    int compiled = 0;             // return addresses in compiled code
    bool virtual_thread = false;  // they have led to the frame with which one begins
    JavaActivation all[HotspotWalker::kMaxActivations];
  };

  // Writes at most `max` frames, innermost first; the answer is their number. Of more than that the
  // innermost are written, and some of the outermost where the VM's own data is read. Only after
  // Gate() said kComplete, with its `env` and `sp`. `may_block`: the caller holds no lock, so JVMTI
  // may be asked, which may allocate and wait for a safepoint.
  HOOK_SAFE int Walk(JNIEnv* env, uint64_t sp, bool may_block, Frame* frames, int max,
                     JavaStackStatus* status, Activations* activations) const;

  // The highest address of the thread's stack, below which all is mapped up to the caller's frame;
  // 0 where it is not known. Only after Gate() said kComplete.
  HOOK_SAFE uint64_t StackBase(JNIEnv* env) const;

  // Whether the thread has called anything in Java that is not over; true where that is not known.
  // Only after Gate() said kComplete.
  HOOK_SAFE bool HasJavaFrames(JNIEnv* env) const;

  // Whether Java frames are libjvm's own, in which it calls native methods through libffi.
  HOOK_SAFE bool InterpretsInC() const { return facts_.zero; }
  HOOK_SAFE uint64_t ffi_call() const { return facts_.ffi_call; }

  // Whether the carrier of `env` runs a virtual thread; false where that is not known. `may_block`
  // as in Walk(). Only after Gate() said kComplete.
  HOOK_SAFE bool OnVirtualThread(JNIEnv* env, bool may_block) const;

  // Copies the name of the virtual thread that is mounted, cut at `size` - 1 bytes; "" where it has
  // none, or where it is not known. `may_block` as in Walk(). Only after Gate() said kComplete.
  HOOK_SAFE void VirtualThreadName(JNIEnv* env, bool may_block, char* name, size_t size) const;

  // How many frames of `max`, in two copies, the rest of the thread's stack has room for.
  HOOK_SAFE int DepthThatFits(JNIEnv* env, uint64_t sp, int max) const;

 private:
  enum class Phase : uint8_t { kStarting, kLive, kDead };

  HOOK_SAFE int WalkHotspot(JNIEnv* env, uint64_t sp, Frame* frames, int max,
                            JavaStackStatus* status, Activations* activations) const;
  HOOK_SAFE int WalkAsync(JNIEnv* env, Frame* frames, int max) const;
  // From the frame of number `first` on.
  HOOK_SAFE int WalkJvmti(JNIEnv* env, int first, Frame* frames, int max) const;
  // Asks JVMTI for the frames that come after the `count` on the stack.
  HOOK_SAFE int AddFrozen(JNIEnv* env, Frame* frames, int count, int max, JavaStackStatus* status,
                          Activations* activations) const;
  template <typename T>
  HOOK_SAFE T ThreadField(JNIEnv* env, ptrdiff_t offset) const;

  HotspotWalker* hotspot_;
  StringStore* strings_;
  ThreadNameReader names_;
  bool can_read_ = false;
  std::atomic<Trust> trust_{Trust::kUntried};
  VmFacts facts_;
  std::atomic<Phase> phase_{Phase::kStarting};
};

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_STACK_JAVA_WALKER_H_
