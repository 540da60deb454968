// The C interface of libfdorigin.so.
//
// For programs that find the agent in their own process, with dlsym(RTLD_DEFAULT, …) or by linking.
// Plain C; callable from any thread of the process.
#ifndef FDORIGIN_FDORIGIN_H_
#define FDORIGIN_FDORIGIN_H_

#ifdef __cplusplus
extern "C" {
#endif

// The agent's version, "major.minor.patch". Static; never NULL.
const char* fdorigin_version(void);

// What fdorigin_dump() returns.
#define FDORIGIN_OK 0
// There is no agent in this process: the library was loaded, but not by -agentpath or by attaching;
// or this is a child of the process that it records in.
#define FDORIGIN_NO_AGENT (-1)
// This thread is writing a report already, and Java code that it had to run has come here.
#define FDORIGIN_BUSY (-2)
// The file cannot be written; a line on standard error says why.
#define FDORIGIN_NOT_WRITTEN (-3)
#define FDORIGIN_NO_MEMORY (-4)

// Writes a report on the descriptors that are open now (`trigger.kind` "api"), and its summary if
// the option `summary` is on, and returns when the file is there, whole, under its name.
//
// `path`: where to, relative to the working directory of now; %p, %n, %t and %h mean what they do
// in the option `report`, and %% is a percent sign. What is there is replaced. NULL for the path of
// the option.
//
// From any thread, of the VM or not, at any time from the agent's start on; not in a signal handler
// or between JNI's GetPrimitiveArrayCritical and its release. It waits for no other thread of the
// program's own or the agent's, so it may be called while the VM runs this thread alone. A thread
// that is not attached to the VM is attached for as long as it takes. Before the VM is initialized
// and after it has ended it is not asked: frames of Java have names but no jar.
int fdorigin_dump(const char* path);

#ifdef __cplusplus
}
#endif

#endif  // FDORIGIN_FDORIGIN_H_
