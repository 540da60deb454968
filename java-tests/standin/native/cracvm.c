// libcracvm.so: stands for libjvm. It decides which open descriptors keep a checkpoint from being
// taken, as OpenJDK CRaC's VM_Crac::check_fds does, and gives the verdicts as codes and messages.
//
// It is also a JVMTI agent of one line: given first on the command line with -agentpath, it notes
// which descriptors are open before anybody else's agent is loaded. That is the "inherited" set,
// which OpenJDK CRaC takes in vm_create_start(). It holds no descriptor between calls.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cracvm.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <jvmti.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "vm_events.h"

// Room for a link text, ",port=NNNNN" and the words around them.
enum { kDetailsSize = PATH_MAX + 64, kMessageSize = kDetailsSize + 64 };

typedef struct {
  int* values;
  size_t count;
  size_t capacity;
} IntList;

typedef struct {
  int code;
  char* message;
} Failure;

typedef struct {
  // In.
  const IntList* claimed;
  const char* allowed_prefixes;
  bool print_resources;
  // Out.
  bool done;
  Failure* failures;
  size_t failure_count;
} Scan;

// Both are written before any thread but the caller's can read them: the first in Agent_OnLoad, the
// second under the lock that the Java side holds through a checkpoint.
static IntList inherited;
static IntList exempt;

static void Append(IntList* list, int value) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
    int* values = realloc(list->values, capacity * sizeof(*values));
    if (values == NULL) return;
    list->values = values;
    list->capacity = capacity;
  }
  list->values[list->count++] = value;
}

static bool Contains(const IntList* list, int value) {
  for (size_t i = 0; i < list->count; ++i) {
    if (list->values[i] == value) return true;
  }
  return false;
}

static void Free(IntList* list) {
  free(list->values);
  *list = (IntList){0};
}

static void CopyFromJava(JNIEnv* env, jintArray from, IntList* to) {
  to->count = 0;
  if (from == NULL) return;
  jsize length = (*env)->GetArrayLength(env, from);
  for (jsize i = 0; i < length; ++i) {
    jint value;
    (*env)->GetIntArrayRegion(env, from, i, 1, &value);
    Append(to, value);
  }
}

static void ListOpenDescriptors(IntList* fds) {
  fds->count = 0;
  DIR* dir = opendir("/proc/self/fd");
  if (dir == NULL) return;
  struct dirent* entry;
  while ((entry = readdir(dir)) != NULL) {
    char* end;
    long fd = strtol(entry->d_name, &end, 10);
    if (end == entry->d_name || *end != '\0' || fd == dirfd(dir)) continue;
    Append(fds, (int)fd);
  }
  closedir(dir);
}

static const char* TypeName(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFSOCK:
      return "socket";
    case S_IFLNK:
      return "symlink";
    case S_IFREG:
      return "regular";
    case S_IFBLK:
      return "block";
    case S_IFDIR:
      return "directory";
    case S_IFCHR:
      return "character";
    case S_IFIFO:
      return "fifo";
    default:
      return "unknown";
  }
}

static int FailureCode(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFSOCK:
      return kFailSocket;
    case S_IFREG:
    case S_IFLNK:
    case S_IFBLK:
    case S_IFCHR:
    case S_IFDIR:
      return kFailFile;
    case S_IFIFO:
      return kFailPipe;
    default:
      return kFailResource;
  }
}

#if STANDIN_GENERATION == 3

// Link text, and for sockets ",port=N". OpenJDK CRaC asks getsockname() for an address that it does
// not initialise and prints sin_port whatever the family. For an unnamed Unix socket the kernel
// writes the family only, and what is printed is the third and fourth byte of the "/proc/self/fd/N"
// that was in that memory before: "ro", 29295. The buffer is filled on purpose here so that the
// number does not depend on the compiler.
static bool Describe(int fd, const struct stat* st, char* details, size_t size) {
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, details, size - 1);
  if (length < 0) return false;
  details[length] = '\0';
  if (S_ISSOCK(st->st_mode)) {
    union {
      struct sockaddr_in in;
      char bytes[sizeof(struct sockaddr_in)];
    } address;
    memset(&address, 0, sizeof(address));
    memcpy(address.bytes, link, sizeof(address.bytes));
    socklen_t address_size = sizeof(address.in);
    if (getsockname(fd, (struct sockaddr*)&address.in, &address_size) == 0) {
      snprintf(details + length, size - (size_t)length, ",port=%d", ntohs(address.in.sin_port));
    }
  }
  return true;
}

static void FormatMessage(int fd, const struct stat* st, const char* details, char* message,
                          size_t size) {
  snprintf(message, size, "FD fd=%d type=%s path=%s", fd, TypeName(st->st_mode), details);
}

#else

// One line of /proc/net/{tcp,udp}{,6}: addresses are groups of eight hex digits, each a word in the
// order of this machine; ports are in plain order.
static bool ParseEndpoint(const char* text, int family, char* address, size_t size, int* port) {
  unsigned char bytes[sizeof(struct in6_addr)];
  int words = family == AF_INET6 ? 4 : 1;
  for (int i = 0; i < words; ++i) {
    unsigned int word;
    if (sscanf(text + 8 * i, "%8X", &word) != 1) return false;
    memcpy(bytes + 4 * i, &word, sizeof(word));
  }
  unsigned int parsed_port;
  if (sscanf(text + 8 * words, ":%X", &parsed_port) != 1) return false;
  *port = (int)parsed_port;
  return inet_ntop(family, bytes, address, (socklen_t)size) != NULL;
}

static bool DescribeInternetSocket(ino_t inode, char* details, size_t size) {
  static const char* const kProtocols[] = {"tcp", "udp", "tcp6", "udp6"};
  for (size_t i = 0; i < sizeof(kProtocols) / sizeof(kProtocols[0]); ++i) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/net/%s", kProtocols[i]);
    FILE* table = fopen(path, "re");
    if (table == NULL) continue;
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof(line), table) != NULL) {
      char local[64];
      char remote[64];
      unsigned long line_inode;
      if (sscanf(line, " %*d: %63s %63s %*s %*s %*s %*s %*s %*s %lu", local, remote, &line_inode) !=
              3 ||
          line_inode != inode) {
        continue;
      }
      int family = strchr(kProtocols[i], '6') != NULL ? AF_INET6 : AF_INET;
      char local_address[INET6_ADDRSTRLEN];
      char remote_address[INET6_ADDRSTRLEN];
      int local_port;
      int remote_port;
      if (ParseEndpoint(local, family, local_address, sizeof(local_address), &local_port) &&
          ParseEndpoint(remote, family, remote_address, sizeof(remote_address), &remote_port)) {
        snprintf(details, size, "%s localAddr %s localPort %d remoteAddr %s remotePort %d",
                 kProtocols[i], local_address, local_port, remote_address, remote_port);
        found = true;
      }
    }
    fclose(table);
    if (found) return true;
  }
  return false;
}

static bool Describe(int fd, const struct stat* st, char* details, size_t size) {
  if (S_ISSOCK(st->st_mode) && DescribeInternetSocket(st->st_ino, details, size)) return true;
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, details, size - 1);
  if (length < 0) return false;
  details[length] = '\0';
  return true;
}

static void FormatMessage(int fd, const struct stat* st, const char* details, char* message,
                          size_t size) {
  (void)fd;
  (void)st;
  snprintf(message, size, "%s", details);
}

#endif  // STANDIN_GENERATION == 3

// The prototype knew the random devices in the VM; later generations claim them in Java.
static bool IsRandomDevice(const struct stat* st) {
  return STANDIN_GENERATION != 3 && S_ISCHR(st->st_mode) && major(st->st_rdev) == 1 &&
         (minor(st->st_rdev) == 8 || minor(st->st_rdev) == 9);
}

// The socket on which the VM listens for jcmd. A CRaC JDK recognises it by number.
static bool IsAttachSocket(int fd, const struct stat* st) {
  static const char kPrefix[] = "/tmp/.java_pid";
  if (!S_ISSOCK(st->st_mode)) return false;
  struct sockaddr_un address;
  memset(&address, 0, sizeof(address));
  socklen_t size = sizeof(address);
  return getsockname(fd, (struct sockaddr*)&address, &size) == 0 && address.sun_family == AF_UNIX &&
         strncmp(address.sun_path, kPrefix, sizeof(kPrefix) - 1) == 0;
}

// ZGC's heap is a file without a name that stays open.
static bool IsHeap(const char* details) {
  static const char kPrefix[] = "/memfd:java_heap";
  return strncmp(details, kPrefix, sizeof(kPrefix) - 1) == 0;
}

// The prefixes are a list with commas or line ends between, compared with the link text.
static bool IsAllowed(const char* details, const char* prefixes) {
  while (*prefixes != '\0') {
    size_t length = strcspn(prefixes, ",\n");
    if (length > 0 && strncmp(details, prefixes, length) == 0) return true;
    prefixes += length;
    if (*prefixes != '\0') ++prefixes;
  }
  return false;
}

// Null where the descriptor stands in the way of a checkpoint. The order of the tests is that of
// check_fds.
static const char* Verdict(const Scan* scan, int fd, const struct stat* st, const char* details) {
  if (Contains(&exempt, fd)) return "OK: closed by a CRaC JDK or known to it (stand-in)";
  if (Contains(scan->claimed, fd)) return "OK: claimed by java code";
  if (Contains(&inherited, fd)) return "OK: inherited from process env";
  if (IsRandomDevice(st)) return "OK: always available, random";
  if (IsAttachSocket(fd, st)) return "OK: jcmd socket";
  if (IsHeap(details)) return "OK: the VM's heap (stand-in)";
  if (IsAllowed(details, scan->allowed_prefixes)) {
    return "OK: allowed in -XX:CRaCAllowedOpenFilePrefixes";
  }
  return NULL;
}

// May run on the VM thread at a safepoint: no JNI, no JVMTI, no stdio stream that a stopped thread
// may have locked.
static void CheckDescriptors(Scan* scan) {
  scan->done = true;
  IntList fds = {0};
  ListOpenDescriptors(&fds);
  for (size_t i = 0; i < fds.count; ++i) {
    int fd = fds.values[i];
    struct stat st;
    char details[kDetailsSize];
    if (fstat(fd, &st) != 0 || !Describe(fd, &st, details, sizeof(details))) continue;
    const char* verdict = Verdict(scan, fd, &st, details);
    if (scan->print_resources) {
      dprintf(STDOUT_FILENO, "JVM: FD fd=%d type=%s path=\"%s\" %s\n", fd, TypeName(st.st_mode),
              details, verdict != NULL ? verdict : "BAD: opened by application");
    }
    if (verdict != NULL) continue;
    char message[kMessageSize];
    FormatMessage(fd, &st, details, message, sizeof(message));
    Failure* failures =
        realloc(scan->failures, (scan->failure_count + 1) * sizeof(*scan->failures));
    if (failures == NULL) break;
    scan->failures = failures;
    failures[scan->failure_count++] = (Failure){FailureCode(st.st_mode), strdup(message)};
  }
  Free(&fds);
}

static jint JNICALL OnHeapObject(jlong class_tag, jlong size, jlong* tag, jint length,
                                 void* user_data) {
  (void)class_tag;
  (void)size;
  (void)tag;
  (void)length;
  Scan* scan = user_data;
  if (!scan->done) CheckDescriptors(scan);
  return JVMTI_VISIT_ABORT;
}

// A CRaC JDK scans inside a VM operation: on the VM thread, with every Java thread stopped. A stock
// VM offers one way there, the callback of a heap iteration; jdk.internal.standin.Vm keeps one
// instance of itself alive for it to be called with.
static void CheckDescriptorsAtSafepoint(JNIEnv* env, jvmtiEnv* jvmti, Scan* scan) {
  jclass anchor = (*env)->FindClass(env, "jdk/internal/standin/Vm");
  if (anchor == NULL) {
    (*env)->ExceptionClear(env);
  } else {
    jvmtiHeapCallbacks callbacks = {.heap_iteration_callback = OnHeapObject};
    (*jvmti)->IterateThroughHeap(jvmti, 0, anchor, &callbacks, scan);
  }
  if (!scan->done) CheckDescriptors(scan);
}

static jvmtiEnv* GetJvmti(JNIEnv* env) {
  JavaVM* vm;
  jvmtiEnv* jvmti;
  jvmtiCapabilities capabilities = {.can_tag_objects = 1};
  if ((*env)->GetJavaVM(env, &vm) != JNI_OK ||
      (*vm)->GetEnv(vm, (void**)&jvmti, JVMTI_VERSION_11) != JNI_OK) {
    return NULL;
  }
  (*jvmti)->AddCapabilities(jvmti, &capabilities);
  return jvmti;
}

// The value given with -D, unchangeable by the application as a VM flag is. The caller frees it.
static char* Flag(jvmtiEnv* jvmti, const char* name) {
  char* value;
  if ((*jvmti)->GetSystemProperty(jvmti, name, &value) != JVMTI_ERROR_NONE) return NULL;
  char* copy = strdup(value);
  (*jvmti)->Deallocate(jvmti, (unsigned char*)value);
  return copy;
}

static bool IsTrue(const char* flag) { return flag != NULL && strcmp(flag, "true") == 0; }

static void CreateDirectories(const char* path) {
  char prefix[PATH_MAX];
  snprintf(prefix, sizeof(prefix), "%s", path);
  for (char* slash = strchr(prefix + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(prefix, 0700);
    *slash = '/';
  }
  mkdir(prefix, 0700);
}

// {Integer result, [String arguments, String[] properties,] int[] codes, String[] messages}; the
// prototype had neither arguments nor properties.
static jobjectArray MakeBundle(JNIEnv* env, int result, const Scan* scan) {
  jsize count = (jsize)scan->failure_count;
  jclass object_class = (*env)->FindClass(env, "java/lang/Object");
  jclass string_class = (*env)->FindClass(env, "java/lang/String");
  jclass integer_class = (*env)->FindClass(env, "java/lang/Integer");
  if (object_class == NULL || string_class == NULL || integer_class == NULL) return NULL;
  jmethodID value_of =
      (*env)->GetStaticMethodID(env, integer_class, "valueOf", "(I)Ljava/lang/Integer;");
  if (value_of == NULL) return NULL;
  jobject boxed = (*env)->CallStaticObjectMethod(env, integer_class, value_of, (jint)result);
  if (boxed == NULL) return NULL;
  jintArray codes = (*env)->NewIntArray(env, count);
  jobjectArray messages = (*env)->NewObjectArray(env, count, string_class, NULL);
  if (codes == NULL || messages == NULL) return NULL;
  for (jsize i = 0; i < count; ++i) {
    jint code = scan->failures[i].code;
    (*env)->SetIntArrayRegion(env, codes, i, 1, &code);
    jstring message = (*env)->NewStringUTF(env, scan->failures[i].message);
    if (message == NULL) return NULL;
    (*env)->SetObjectArrayElement(env, messages, i, message);
    (*env)->DeleteLocalRef(env, message);
  }
  jsize length = STANDIN_GENERATION == 0 ? 3 : 5;
  jobjectArray bundle = (*env)->NewObjectArray(env, length, object_class, NULL);
  if (bundle == NULL) return NULL;
  (*env)->SetObjectArrayElement(env, bundle, 0, boxed);
  (*env)->SetObjectArrayElement(env, bundle, length - 2, codes);
  (*env)->SetObjectArrayElement(env, bundle, length - 1, messages);
  return bundle;
}

static jobjectArray Checkpoint(JNIEnv* env, jintArray claimed_fds, bool dry_run) {
  IntList claimed = {0};
  Scan scan = {.claimed = &claimed};
  int result = kCheckpointNone;
  jvmtiEnv* jvmti = GetJvmti(env);
  if (jvmti != NULL) {
    char* checkpoint_to = Flag(jvmti, "standin.CRaCCheckpointTo");
    if (checkpoint_to != NULL) {
      char* engine = Flag(jvmti, "standin.engine");
      char* print_resources = Flag(jvmti, "standin.CRaCPrintResourcesOnCheckpoint");
      char* prefixes = Flag(jvmti, "standin.CRaCAllowedOpenFilePrefixes");
      CreateDirectories(checkpoint_to);
      CopyFromJava(env, claimed_fds, &claimed);
      scan.print_resources = IsTrue(print_resources);
      scan.allowed_prefixes = prefixes != NULL          ? prefixes
                              : STANDIN_GENERATION == 3 ? "/var/lib/sss/mc/"
                                                        : "";
      PostBeforeCheckpoint();
      CheckDescriptorsAtSafepoint(env, jvmti, &scan);
      PostAfterRestore();
      bool engine_fails = engine != NULL && strcmp(engine, "fail") == 0;
      bool failed = scan.failure_count > 0 || dry_run || engine_fails;
      result = failed ? kCheckpointError : kCheckpointOk;
      free(engine);
      free(print_resources);
      free(prefixes);
    }
    free(checkpoint_to);
    (*jvmti)->DisposeEnvironment(jvmti);
  }
  jobjectArray bundle = MakeBundle(env, result, &scan);
  for (size_t i = 0; i < scan.failure_count; ++i) free(scan.failures[i].message);
  free(scan.failures);
  Free(&claimed);
  Free(&exempt);
  return bundle;
}

#if STANDIN_GENERATION == 0
jobjectArray JVM_Checkpoint(JNIEnv* env) { return Checkpoint(env, NULL, false); }
#elif STANDIN_GENERATION == 1
jobjectArray JVM_Checkpoint(JNIEnv* env, jboolean dry_run, jlong jcmd_stream) {
  (void)jcmd_stream;
  return Checkpoint(env, NULL, dry_run);
}
#else
jobjectArray JVM_Checkpoint(JNIEnv* env, jintArray claimed, jobjectArray objects, jboolean dry_run,
                            jlong jcmd_stream) {
  (void)objects;
  (void)jcmd_stream;
  return Checkpoint(env, claimed, dry_run);
}
#endif

void StandinExempt(JNIEnv* env, jintArray fds) { CopyFromJava(env, fds, &exempt); }

STANDIN_EXPORT JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void* reserved) {
  (void)options;
  (void)reserved;
  SetUpVmEvents(vm);
  ListOpenDescriptors(&inherited);
  return JNI_OK;
}

// For libcracjava.so, where JVM_Checkpoint is not to be called through its PLT; null otherwise.
STANDIN_EXPORT void* StandinCheckpointPointer(void) {
  return VmWants("noplt") ? (void*)JVM_Checkpoint : NULL;
}
