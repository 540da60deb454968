// Natives of org.fdorigin.apps.probes.Spelunker: the agent's Java stack walker, asked from where a
// hook would ask it, and what JVMTI says of the same stack at the same time.
//
// It links the walker's own library and is no part of the agent. All of this runs on the threads of
// the program, outside hook context.
#include <dlfcn.h>
#include <jvmti.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "arch/frame_rule.h"
#include "base/region.h"
#include "base/string_store.h"
#include "stack/hotspot_walker.h"
#include "stack/method_store.h"
#include "stack/vm_structs.h"

namespace {

using fdorigin::HotspotWalk;
using fdorigin::HotspotWalkEnd;
using fdorigin::HotspotWalker;
using fdorigin::JavaActivation;
using fdorigin::JavaFrame;
using fdorigin::MethodName;

constexpr int kMaxFrames = 4096;

// HotSpot's forte.cpp; in no header of the JDK.
struct AsyncFrame {
  jint bci;
  jmethodID method;
};
struct AsyncTrace {
  JNIEnv* env;
  jint count;
  AsyncFrame* frames;
};

struct Lamp {
  jvmtiEnv* jvmti = nullptr;
  fdorigin::Region region;
  fdorigin::StringStore strings;
  fdorigin::MethodStore methods;
  HotspotWalker walker;
  ptrdiff_t env_offset = 0;
  void (*async)(AsyncTrace*, jint, void*) = nullptr;
  std::atomic<bool> lit{false};  // whether class preparations are looked at
  std::atomic<int> prepared{0};
  std::atomic<int> wrong{0};
};
Lamp* lamp = nullptr;

struct Walked {
  HotspotWalk walk;
  std::vector<JavaFrame> frames{kMaxFrames};
  std::vector<JavaActivation> activations{HotspotWalker::kMaxActivations};
};

const void* ThreadOf(JNIEnv* jni) { return reinterpret_cast<const char*>(jni) - lamp->env_offset; }

void WalkHere(JNIEnv* jni, Walked* walked) {
  const auto sp = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  walked->walk = lamp->walker.Walk(ThreadOf(jni), sp, walked->frames.data(), kMaxFrames,
                                   walked->activations.data(), HotspotWalker::kMaxActivations);
}

// JVMTI's signature without the suffix of a hidden class ("Lapp/Main$$Lambda.0x01;") or of an
// anonymous one ("Lapp/Main$$Lambda$1/1053782781;", until 16), which is another one in stack
// traces.
std::string WithoutSuffix(std::string signature) {
  const size_t end = signature.find_last_of("./");
  if (end != std::string::npos && std::isdigit(signature[end + 1]))
    signature.replace(end, std::string::npos, ";");
  return signature;
}

// The same, of the name that the walker has: "app/Main$$Lambda+0x01".
std::string SignatureOf(std::string_view class_name) {
  return "L" + std::string(class_name.substr(0, class_name.rfind("+0x"))) + ";";
}

// The line, by the rule of the VM's own stack traces; 0 where JVMTI knows none.
int LineByJvmti(jmethodID method, jlocation bci) {
  jint count = 0;
  jvmtiLineNumberEntry* table = nullptr;
  if (lamp->jvmti->GetLineNumberTable(method, &count, &table) != JVMTI_ERROR_NONE) return 0;
  int line = 0;
  jlocation best = -1;
  for (jint i = 0; i < count; ++i) {
    if (table[i].start_location > bci || table[i].start_location < best) continue;
    best = table[i].start_location;
    line = table[i].line_number;
    if (best == bci) break;
  }
  lamp->jvmti->Deallocate(reinterpret_cast<unsigned char*>(table));
  return line;
}

std::string Describe(std::string_view signature, std::string_view name, std::string_view type,
                     int64_t bci, int line) {
  return std::string(signature) + " " + std::string(name) + std::string(type) + " @" +
         std::to_string(bci) + " line " + std::to_string(line);
}

std::string ByJvmti(JNIEnv* jni, const jvmtiFrameInfo& frame) {
  char* name = nullptr;
  char* type = nullptr;
  char* signature = nullptr;
  jclass klass = nullptr;
  std::string text = "(gone)";
  if (lamp->jvmti->GetMethodDeclaringClass(frame.method, &klass) == JVMTI_ERROR_NONE &&
      lamp->jvmti->GetClassSignature(klass, &signature, nullptr) == JVMTI_ERROR_NONE &&
      lamp->jvmti->GetMethodName(frame.method, &name, &type, nullptr) == JVMTI_ERROR_NONE) {
    const int line = frame.location < 0 ? 0 : LineByJvmti(frame.method, frame.location);
    text = Describe(WithoutSuffix(signature), name, type, frame.location, line);
  }
  for (char* part : {name, type, signature}) {
    lamp->jvmti->Deallocate(reinterpret_cast<unsigned char*>(part));
  }
  if (klass != nullptr) jni->DeleteLocalRef(klass);
  return text;
}

std::string ByWalker(const JavaFrame& frame) {
  const MethodName name = lamp->methods.Get(frame.method);
  return Describe(SignatureOf(name.class_name), name.name, name.signature, frame.bci,
                  lamp->methods.LineAt(frame.method, frame.bci));
}

// What differs between the walk and JVMTI's stack of this thread; empty where nothing does.
std::string CompareWithJvmti(JNIEnv* jni, const Walked& walked) {
  std::vector<jvmtiFrameInfo> frames(kMaxFrames);
  jint count = 0;
  const jvmtiError error =
      lamp->jvmti->GetStackTrace(nullptr, 0, kMaxFrames, frames.data(), &count);
  if (error != JVMTI_ERROR_NONE) return "GetStackTrace: error " + std::to_string(error);
  const bool frozen = walked.walk.end == HotspotWalkEnd::kFrozen;
  if (walked.walk.end != HotspotWalkEnd::kOutermost && !frozen) {
    std::string text = "the walk ended with " + std::to_string(static_cast<int>(walked.walk.end)) +
                       " after " + std::to_string(walked.walk.frames) + " frames of " +
                       std::to_string(count);
    if (walked.walk.frames > 0) {
      text += ", at " + ByWalker(walked.frames[static_cast<size_t>(walked.walk.frames) - 1]);
    }
    return text;
  }
  for (jint i = 0; i < std::min(count, walked.walk.frames); ++i) {
    const auto at = static_cast<size_t>(i);
    const std::string expected = ByJvmti(jni, frames[at]);
    const std::string found = ByWalker(walked.frames[at]);
    if (expected != found) {
      return "frame " + std::to_string(i) + " is " + expected + ", not " + found;
    }
  }
  if (frozen ? count < walked.walk.frames : count != walked.walk.frames) {
    return std::to_string(count) + " frames, not " + std::to_string(walked.walk.frames);
  }
  return "";
}

bool InImage(uint64_t pc) {
  Dl_info info;
  return dladdr(reinterpret_cast<void*>(pc), &info) != 0;
}

// Unwinds native code from there to the first address outside every ELF image, by its own unwind
// tables. The stack pointer with which generated code goes on there; 0 where there is none.
uint64_t WhereNativeEnds(fdorigin::WalkRegisters registers) {
  fdorigin::StackProbe probe;
  for (int i = 0; i < 1000; ++i) {
    if (!InImage(registers.pc)) return registers.sp;
    const fdorigin::FrameRule rule = fdorigin::LearnFrameRule(registers.pc, registers.interrupted);
    if (!fdorigin::ApplyFrameRule(rule, &probe, &registers)) return 0;
  }
  return 0;
}

// How far below the anchor the VM's own calls out of the interpreter leave native code: they align
// the stack, behind a return address of their own.
constexpr uint64_t kMostBelowAnchor = 16;

// What does not fit in the activations: native code begins where the walk says that Java was
// called, and its frames lead to the next activation's anchor.
std::string CheckActivations(const Walked& walked) {
  int frames = 0;
  for (int i = 0; i < walked.walk.activations; ++i) {
    const JavaActivation& activation = walked.activations[static_cast<size_t>(i)];
    const std::string which = "activation " + std::to_string(i);
    if (activation.first != frames) return which + " begins at another frame";
    frames += activation.count;
    if (activation.count == 0) return which + " is empty";
    if (InImage(activation.anchor_pc)) return which + " was left by native code";
    const bool last = i + 1 == walked.walk.activations;
    if (last && walked.walk.virtual_thread) {
      if (activation.caller.pc != 0) return which + " goes on below the virtual thread";
      continue;
    }
    if (!InImage(activation.caller.pc)) return which + " was not called by native code";
    if (last) continue;
    const uint64_t next = walked.activations[static_cast<size_t>(i) + 1].anchor_sp;
    if (const uint64_t end = WhereNativeEnds(activation.caller);
        end > next || next - end > kMostBelowAnchor) {
      char text[128];
      std::snprintf(text, sizeof(text), ": native code ends at %#lx, the anchor is at %#lx", end,
                    next);
      return which + text;
    }
  }
  return frames == walked.walk.frames ? "" : "the activations have other frames";
}

jstring ToJava(JNIEnv* jni, const std::string& text) { return jni->NewStringUTF(text.c_str()); }

void JNICALL OnClassPrepare(jvmtiEnv*, JNIEnv* jni, jthread, jclass) {
  if (!lamp->lit) return;
  Walked walked;
  WalkHere(jni, &walked);
  std::string text = CompareWithJvmti(jni, walked);
  if (text.empty()) text = CheckActivations(walked);
  lamp->prepared.fetch_add(1);
  if (!text.empty() && lamp->wrong.fetch_add(1) < 5) {
    std::fprintf(stderr, "at a class preparation: %s\n", text.c_str());
  }
}

bool FindEnvOffset(JNIEnv* jni) {
  jclass type = jni->FindClass("java/lang/Thread");
  const jmethodID current = jni->GetStaticMethodID(type, "currentThread", "()Ljava/lang/Thread;");
  const jfieldID field = jni->GetFieldID(type, "eetop", "J");
  if (field == nullptr) return false;
  jobject thread = jni->CallStaticObjectMethod(type, current);
  lamp->env_offset = reinterpret_cast<const char*>(jni) -
                     reinterpret_cast<const char*>(jni->GetLongField(thread, field));
  return true;
}

// Many short rounds, of which the fastest counts: noise only adds.
template <typename Work>
int64_t BestOf(int rounds, int turns, Work work) {
  int64_t best = INT64_MAX;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int turn = 0; turn < turns; ++turn) work();
    const auto taken = std::chrono::steady_clock::now() - start;
    best = std::min<int64_t>(best,
                             std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count());
  }
  return best;
}

}  // namespace

extern "C" {

// Gets the walker ready. Why it cannot be used in this VM; null where it can.
JNIEXPORT jstring JNICALL Java_org_fdorigin_apps_probes_Spelunker_light(JNIEnv* jni, jclass) {
  JavaVM* vm = nullptr;
  jni->GetJavaVM(&vm);
  lamp = new Lamp;
  if (vm->GetEnv(reinterpret_cast<void**>(&lamp->jvmti), JVMTI_VERSION_1_2) != JNI_OK) {
    return ToJava(jni, "no JVMTI");
  }
  jvmtiCapabilities capabilities = {};
  capabilities.can_get_line_numbers = 1;
  if (lamp->jvmti->AddCapabilities(&capabilities) != JVMTI_ERROR_NONE) {
    return ToJava(jni, "no line numbers");
  }
  const fdorigin::JvmLibrary jvm(vm);
  const fdorigin::VmTables tables(jvm);
  const fdorigin::VmStructs structs = ReadVmStructs(jvm, tables);
  if (!structs.usable()) return ToJava(jni, structs.missing);
  if (!FindEnvOffset(jni)) return ToJava(jni, "no Thread.eetop");
  lamp->async = reinterpret_cast<void (*)(AsyncTrace*, jint, void*)>(jvm.Find("AsyncGetCallTrace"));
  fdorigin::PrepareUnwinding();
  if (!lamp->region.Create(64 << 20) || !lamp->strings.Create(&lamp->region) ||
      !lamp->methods.Create(&lamp->region, &lamp->strings) ||
      !lamp->walker.Create(&lamp->region, &lamp->methods)) {
    return ToJava(jni, "no memory");
  }
  lamp->methods.SetLayout(structs.layout);
  lamp->walker.SetLayout(structs.layout);
  jvmtiEventCallbacks callbacks = {};
  callbacks.ClassPrepare = OnClassPrepare;
  callbacks.ClassLoad = [](jvmtiEnv*, JNIEnv*, jthread, jclass) {};  // AsyncGetCallTrace wants it
  lamp->jvmti->SetEventCallbacks(&callbacks, sizeof(callbacks));
  for (const jvmtiEvent event : {JVMTI_EVENT_CLASS_PREPARE, JVMTI_EVENT_CLASS_LOAD}) {
    lamp->jvmti->SetEventNotificationMode(JVMTI_ENABLE, event, nullptr);
  }
  lamp->lit = true;
  return nullptr;
}

// The stack as the walker sees it: what is wrong with it by JVMTI and by its own native frames
// (empty: nothing), "whole" or "frozen", "virtual" or "platform", the number of activations, and
// then class, method, file and line of each frame, innermost first, a hidden one behind a '~'.
JNIEXPORT jobjectArray JNICALL Java_org_fdorigin_apps_probes_Spelunker_look(JNIEnv* jni, jclass) {
  Walked walked;
  WalkHere(jni, &walked);
  std::string text = CompareWithJvmti(jni, walked);
  if (text.empty()) text = CheckActivations(walked);
  std::string all = text + "\n";
  all += walked.walk.end == HotspotWalkEnd::kFrozen ? "frozen\n" : "whole\n";
  all += walked.walk.virtual_thread ? "virtual\n" : "platform\n";
  all += std::to_string(walked.walk.activations) + "\n";
  for (int i = 0; i < walked.walk.frames; ++i) {
    const JavaFrame& frame = walked.frames[static_cast<size_t>(i)];
    const MethodName name = lamp->methods.Get(frame.method);
    const int line = lamp->methods.LineAt(frame.method, frame.bci);
    all += (name.hidden ? "~" : "") + std::string(name.class_name) + "\t" + std::string(name.name) +
           "\t" + std::string(name.file) + "\t" +
           std::to_string(name.native ? -2
                          : line == 0 ? -1
                                      : line) +
           "\n";
  }
  const jclass string = jni->FindClass("java/lang/String");
  const jobjectArray answer = jni->NewObjectArray(1, string, nullptr);
  jni->SetObjectArrayElement(answer, 0, ToJava(jni, all));
  return answer;
}

// How many class preparations were looked at, and how many stacks were wrong there.
JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Spelunker_prepared(JNIEnv*, jclass) {
  return lamp->prepared;
}
JNIEXPORT jint JNICALL Java_org_fdorigin_apps_probes_Spelunker_wrong(JNIEnv*, jclass) {
  return lamp->wrong;
}
JNIEXPORT jstring JNICALL Java_org_fdorigin_apps_probes_Spelunker_store(JNIEnv* jni, jclass) {
  return ToJava(jni, "methods=" + std::to_string(lamp->methods.count()) +
                         " dropped=" + std::to_string(lamp->methods.dropped()) +
                         " refused=" + std::to_string(lamp->methods.refused()) +
                         " kib=" + std::to_string(lamp->region.used() >> 10));
}

// Goes back into Java from a few frames of native code.
__attribute__((noinline)) static void CallBack(JNIEnv* jni, jobject next, int depth) {
  if (depth > 0) {
    CallBack(jni, next, depth - 1);
    __asm__ volatile("");
    return;
  }
  const jclass type = jni->GetObjectClass(next);
  const jmethodID run = jni->GetMethodID(type, "run", "()V");
  jni->CallVoidMethod(next, run);
}
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Spelunker_shaft(JNIEnv* jni, jclass,
                                                                     jobject next, jint depth) {
  CallBack(jni, next, depth);
}
JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Spelunker_wideShaft(JNIEnv* jni, jobject,
                                                                         jlong, jdouble, jint depth,
                                                                         jobject next, jlong, jlong,
                                                                         jfloat, jdouble, jlong,
                                                                         jint, jobject) {
  CallBack(jni, next, depth);
}
// For the foreign function interface. Without a frame pointer, so that who unwinds it must know the
// stack pointer.
__attribute__((visibility("default"), noinline, optimize("omit-frame-pointer"))) int spelunker_lift(
    int (*up)(int), int floor) {
  const int landed = up(floor + 1);
  __asm__ volatile("");
  return landed + 1;
}

// Nanoseconds per walk, in hundredths: the walker, AsyncGetCallTrace, GetStackTrace; then frames.
JNIEXPORT jlongArray JNICALL Java_org_fdorigin_apps_probes_Spelunker_time(JNIEnv* jni, jclass,
                                                                          jint rounds, jint turns) {
  Walked walked;
  WalkHere(jni, &walked);
  std::vector<AsyncFrame> async(kMaxFrames);
  std::vector<jvmtiFrameInfo> info(kMaxFrames);
  jint count = 0;
  AsyncTrace trace = {jni, 0, async.data()};
  jlong results[5] = {};
  results[0] = BestOf(rounds, turns, [&] { WalkHere(jni, &walked); }) * 100 / turns;
  if (lamp->async != nullptr) {
    results[1] =
        BestOf(rounds, turns, [&] { lamp->async(&trace, kMaxFrames, nullptr); }) * 100 / turns;
  }
  results[2] =
      BestOf(rounds, turns,
             [&] { lamp->jvmti->GetStackTrace(nullptr, 0, kMaxFrames, info.data(), &count); }) *
      100 / turns;
  results[3] = walked.walk.frames;
  results[4] = trace.count;
  const jlongArray answer = jni->NewLongArray(5);
  jni->SetLongArrayRegion(answer, 0, 5, results);
  return answer;
}

}  // extern "C"
