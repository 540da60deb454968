// What the stand-in's two shared objects share: the call through which the Java library reaches the
// "VM", as libjava reaches libjvm in OpenJDK CRaC.
//
// STANDIN_GENERATION says which generation of the contract this build follows:
//   0  the JDK 14 prototype               JVM_Checkpoint(env), a bundle of three elements
//   1  early 17 builds and Dragonwell 11  JVM_Checkpoint(env, dryRun, jcmdStream), five elements
//   3  JDK 21 and later, Zulu 17          JVM_Checkpoint(env, fds, objects, dryRun, jcmdStream)
// One symbol cannot have three signatures, so every generation has its own pair of shared objects.

#ifndef JAVA_TESTS_STANDIN_NATIVE_CRACVM_H_
#define JAVA_TESTS_STANDIN_NATIVE_CRACVM_H_

#include <jni.h>

#ifndef STANDIN_GENERATION
#error "STANDIN_GENERATION must be 0, 1 or 3"
#endif

#define STANDIN_EXPORT __attribute__((visibility("default")))

// First element of the bundle that JVM_Checkpoint returns (OpenJDK CRaC, mirror.Core).
enum { kCheckpointOk = 0, kCheckpointError = 1, kCheckpointNone = 2 };

// Codes that go with the messages (OpenJDK CRaC, mirror.Core.translateJVMExceptions).
enum { kFailResource = 0, kFailFile = 1, kFailSocket = 2, kFailPipe = 3 };

// Runs on the thread that asked for the checkpoint, in native state. Returns null only with a
// pending exception.
#if STANDIN_GENERATION == 0
STANDIN_EXPORT jobjectArray JVM_Checkpoint(JNIEnv* env);
#elif STANDIN_GENERATION == 1
STANDIN_EXPORT jobjectArray JVM_Checkpoint(JNIEnv* env, jboolean dry_run, jlong jcmd_stream);
#else
STANDIN_EXPORT jobjectArray JVM_Checkpoint(JNIEnv* env, jintArray claimed, jobjectArray objects,
                                           jboolean dry_run, jlong jcmd_stream);
#endif

// Not part of CRaC. The next scan passes over these descriptors: a CRaC JDK would have closed them
// by then or have told its VM of them, and stock JDK classes cannot be made to.
STANDIN_EXPORT void StandinExempt(JNIEnv* env, jintArray fds);

// Not part of CRaC. JVM_Checkpoint's address where standin.vm says noplt, else null.
STANDIN_EXPORT void* StandinCheckpointPointer(void);

#endif  // JAVA_TESTS_STANDIN_NATIVE_CRACVM_H_
