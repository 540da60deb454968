/* What liblabyrinth.so and liblabyrinth_gallery.so share: a way through functions of both, each of
 * which says its own name when it is entered, and the ends of that way, which go up into Java or
 * open a descriptor.
 */
#ifndef FDORIGIN_JAVA_TESTS_NATIVE_LABYRINTH_H_
#define FDORIGIN_JAVA_TESTS_NATIVE_LABYRINTH_H_

#include <jni.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One way down, from the call out of Java. Each digit of `route` to the base of kSteps is the
 * function that comes next, for as long as `left` is not 0; then comes `end`. */
typedef struct Walk {
  JNIEnv* env;     /* null below the foreign function interface */
  jobject nesting; /* what is called back; null there, too */
  int (*up)(int);  /* what the foreign function interface calls back */
  unsigned route;
  int left;
  int end;
} Walk;

typedef void (*Step)(Walk*);

enum {
  kSteps = 8,
  kOwnSteps = 4
}; /* the first ones are this library's, the others the gallery's */
extern Step labyrinth_steps[kSteps];
extern const Step labyrinth_ends[];

/* A native part of this thread's stack begins and ends; a function of it, whose name has the form
 * that a report has, without parameters, is entered and left. */
void labyrinth_begin(void);
void labyrinth_end(void);
void labyrinth_enter(const char* name);
void labyrinth_leave(void);

static inline Step NextStep(Walk* walk) {
  if (walk->left == 0) return labyrinth_ends[walk->end];
  const unsigned digit = walk->route % kSteps;
  walk->route /= kSteps;
  --walk->left;
  return labyrinth_steps[digit];
}

#ifdef __cplusplus
}
#endif

#endif /* FDORIGIN_JAVA_TESTS_NATIVE_LABYRINTH_H_ */
