/* A JVMTI agent that goes before another one on the command line and writes down, into the file
 * that its options name, what the process has open before that one comes: a line for each
 * descriptor, NUMBER TARGET. What it opens for that is closed again. */
#include <dirent.h>
#include <jvmti.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM* vm, char* options, void* reserved) {
  (void)vm, (void)reserved;
  DIR* directory = opendir("/proc/self/fd");
  if (options == NULL || directory == NULL) return JNI_ERR;
  enum { kMost = 256 };
  int numbers[kMost];
  char targets[kMost][256];
  int count = 0;
  for (struct dirent* entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    int number = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || number == dirfd(directory)) continue;
    if (count == kMost) return JNI_ERR;
    ssize_t size = readlinkat(dirfd(directory), entry->d_name, targets[count], 255);
    if (size < 0) return JNI_ERR;
    targets[count][size] = '\0';
    numbers[count++] = number;
  }
  closedir(directory);
  FILE* file = fopen(options, "we");
  if (file == NULL) return JNI_ERR;
  for (int i = 0; i < count; ++i) fprintf(file, "%d %s\n", numbers[i], targets[i]);
  return fclose(file) == 0 ? JNI_OK : JNI_ERR;
}
