// Redirects the entries of functions: every call of them, through whatever slot or pointer, even
// from inside their own library, arrives at a hook.
//
// Include rule: agent/arch/ includes base only. Everything that depends on the processor is in
// arch/<processor>/; the headers beside those folders say what a port has to provide.
//
// Who calls it: interpose, when the agent comes: at the JVM's start, when almost no other thread
// runs, or in the middle of its life. Cold: it
// allocates, reads /proc/self/maps (through raw system calls, so that no hook sees it, and the
// descriptor is closed before anything is patched) and changes the protection of pages. Only one
// thread at a time may be in here. Nothing is ever unpatched.
//
// The first instructions of a function are moved to a trampoline nearby, which ends with a jump
// behind them, and the entry becomes a jump to the hook. Only what can be moved with certainty is;
// everything else is refused with a reason.
//
// Unwinding: a trampoline is no part of any ELF image and has no unwind information. It needs none
// in normal work: a hook calls it, it *jumps* back into the function, and from there on the stack
// is what it would be without us, the return address that into the hook. So both a walk that begins
// in the hook and a forced unwind that begins inside the function (pthread_cancel of a thread that
// waits in accept) find an ordinary frame with the function's own unwind information. Only a signal
// that arrives while one of the two to six instructions of a trampoline or stub runs finds a pc
// about which nothing is known; a walk from its handler ends there.
#ifndef FDORIGIN_AGENT_ARCH_ENTRY_PATCH_H_
#define FDORIGIN_AGENT_ARCH_ENTRY_PATCH_H_

#include <cstddef>
#include <span>
#include <string>

namespace fdorigin {

struct EntryPatch {
  // The code and its size in bytes, from the ELF symbol. No other symbol may begin inside the first
  // instructions: jumps from other functions are not looked for.
  void* function = nullptr;
  size_t size = 0;
  void* hook = nullptr;
  // Receives the address by which the function itself can still be called, just before the entry
  // changes. May be null.
  void** original = nullptr;

  // Out: why the function was left as it is, in a few words ("the second instruction jumps");
  // empty where it was patched.
  std::string refusal;
};

// Who else may be running the functions.
enum class EntryMoment {
  kAlone,    // nobody: other threads, if there are any, sleep in the kernel
  kStart,    // hardly anybody
  kRunning,  // any number of threads
};

// Patches each of them that can be patched. `*original` is written for those only. Many functions
// are better given at once than one by one: those of one library share a page of trampolines, which
// is complete before it becomes executable, and is not touched again. May throw std::bad_alloc;
// what is patched by then stays patched, and no page stays writable.
//
// Threads may be calling the functions: each call runs either the old code or the new. A thread
// that stands *between* two of the instructions being moved is safe too wherever the jump can be
// encoded so that the bytes from there on stay as they are, which is tried first; it needs a page
// at a given distance, usually free. Where that one is taken, the function is patched all the same
// at kStart, and refused at kRunning. At kAlone no such page is asked for.
void PatchEntries(std::span<EntryPatch> patches, EntryMoment moment = EntryMoment::kStart);

}  // namespace fdorigin

#endif  // FDORIGIN_AGENT_ARCH_ENTRY_PATCH_H_
