/* A JVMTI agent that goes before another one on the command line and changes what libjvm's tables
 * say of its own memory, as if a vendor had changed the one without the other: its options name a
 * field and how far it is moved, TYPE::FIELD=BYTES. */
#include <dlfcn.h>
#include <jvmti.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void* libjvm;

static uint64_t number(const char* symbol) {
  const uint64_t* at = dlsym(libjvm, symbol);
  return at == NULL ? 0 : *at;
}

static int move(const char* type, const char* field, long bytes) {
  uint64_t type_at = number("gHotSpotVMStructEntryTypeNameOffset");
  uint64_t field_at = number("gHotSpotVMStructEntryFieldNameOffset");
  uint64_t offset_at = number("gHotSpotVMStructEntryOffsetOffset");
  uint64_t stride = number("gHotSpotVMStructEntryArrayStride");
  char** entries = dlsym(libjvm, "gHotSpotVMStructs");
  if (entries == NULL || stride == 0) return 0;
  for (char* entry = *entries; *(char**)(entry + type_at) != NULL; entry += stride) {
    if (strcmp(*(char**)(entry + type_at), type) != 0) continue;
    if (strcmp(*(char**)(entry + field_at), field) != 0) continue;
    uint64_t* offset = (uint64_t*)(entry + offset_at);
    uintptr_t page = (uintptr_t)offset & -(uintptr_t)sysconf(_SC_PAGESIZE);
    if (mprotect((void*)page, (uintptr_t)(offset + 1) - page, PROT_READ | PROT_WRITE) != 0)
      return 0;
    *offset += (uint64_t)bytes;
    return 1;
  }
  return 0;
}

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void* reserved) {
  (void)reserved;
  Dl_info info;
  if (dladdr((void*)(*vm)->GetEnv, &info) == 0) return JNI_ERR;
  libjvm = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  char type[256];
  if (libjvm == NULL || options == NULL || strlen(options) >= sizeof(type)) return JNI_ERR;
  strcpy(type, options);
  char* field = strstr(type, "::");
  char* bytes = strrchr(type, '=');
  if (field == NULL || bytes == NULL) return JNI_ERR;
  *field = *bytes = '\0';
  return move(type, field + 2, strtol(bytes + 1, NULL, 10)) ? JNI_OK : JNI_ERR;
}
