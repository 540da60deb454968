// The functions of the labyrinth that are in C++, compiled as most libraries are: optimised, and
// without frame pointers.
#include <stdexcept>
#include <utility>

#include "labyrinth.h"

namespace labyrinth {
namespace {

struct Inside {
  explicit Inside(const char* name) { labyrinth_enter(name); }
  ~Inside() { labyrinth_leave(); }
};

class Room {
 public:
  virtual ~Room() = default;
  virtual void Cross(Walk* walk) = 0;
};

class Hall final : public Room {
 public:
  void Cross(Walk* walk) override;
};

void Hall::Cross(Walk* walk) {
  const Inside inside("labyrinth::(anonymous namespace)::Hall::Cross");
  NextStep(walk)(walk);
}

Hall hall;
Room* volatile room = &hall;

void Threshold(Walk* walk) {
  const Inside inside("labyrinth::(anonymous namespace)::Threshold");
  room->Cross(walk);
}

template <int kWidth>
void Stair(Walk* walk) {
  const Inside inside("void labyrinth::(anonymous namespace)::Stair<96>");
  volatile char steps[kWidth];
  steps[0] = 1;
  NextStep(walk)(walk);
  static_cast<void>(steps[0]);
}

[[gnu::noinline]] void Stumble(unsigned where) {
  if (where != ~0U) throw std::runtime_error("a stone");
}

// Goes on from where an exception was caught.
void Cellar(Walk* walk) {
  const Inside inside("labyrinth::(anonymous namespace)::Cellar");
  try {
    Stumble(static_cast<unsigned>(walk->left));
  } catch (const std::runtime_error&) {
    NextStep(walk)(walk);
  }
}

// With more arguments than there are registers, and all registers in use across the call.
[[gnu::noinline]] long Arcade(Walk* walk, long a, long b, long c, long d, long e, long f, long g) {
  const Inside inside("labyrinth::(anonymous namespace)::Arcade");
  long columns[6] = {a * b, b * c, c * d, d * e, e * f, f * g};
  NextStep(walk)(walk);
  for (long& column : columns) a += column ^ std::exchange(column, g);
  return a;
}

void Portico(Walk* walk) {
  const Inside inside("labyrinth::(anonymous namespace)::Portico");
  volatile long sum = Arcade(walk, walk->left, 2, 3, 4, 5, 6, 7);
  static_cast<void>(sum);
}

}  // namespace
}  // namespace labyrinth

extern "C" {

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM*, void*) {
  labyrinth_steps[kOwnSteps] = labyrinth::Threshold;
  labyrinth_steps[kOwnSteps + 1] = labyrinth::Stair<96>;
  labyrinth_steps[kOwnSteps + 2] = labyrinth::Cellar;
  labyrinth_steps[kOwnSteps + 3] = labyrinth::Portico;
  return JNI_VERSION_1_6;
}

JNIEXPORT void JNICALL Java_org_fdorigin_apps_probes_Labyrinth_throughGallery(
    JNIEnv* env, jclass, jlong, jdouble, jint route, jint steps, jint end, jlong, jlong, jfloat,
    jobject caller) {
  labyrinth_begin();
  labyrinth_enter("Java_org_fdorigin_apps_probes_Labyrinth_throughGallery");
  Walk walk = {env, caller, nullptr, static_cast<unsigned>(route), steps, end};
  NextStep (&walk)(&walk);
  labyrinth_leave();
  labyrinth_end();
}

}  // extern "C"
