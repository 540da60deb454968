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

#ifdef __cplusplus
}
#endif

#endif  // FDORIGIN_FDORIGIN_H_
