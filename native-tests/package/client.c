// What a program written in C sees of the installed header and library.
#include <fdorigin/fdorigin.h>
#include <stdio.h>

int main(void) {
  puts(fdorigin_version());
  return 0;
}
