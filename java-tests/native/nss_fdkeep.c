/* A name-service module that asks a daemon and keeps the connection, as those of directory services
 * do: it connects to the Unix socket that FDKEEP_SOCKET names, at the first question about the one
 * user that it knows, and never closes that socket. */
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { kUid = 424253 };

static int connection = -1;

static int Connect(void) {
  const char* path = getenv("FDKEEP_SOCKET");
  if (path == NULL) return -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr*)&address, sizeof(address)) != 0) return -1;
  return fd;
}

enum nss_status _nss_fdkeep_getpwuid_r(uid_t uid, struct passwd* result, char* buffer, size_t size,
                                       int* error);
enum nss_status _nss_fdkeep_getpwuid_r(uid_t uid, struct passwd* result, char* buffer, size_t size,
                                       int* error) {
  static const char kName[] = "harrier";
  if (uid != kUid) return NSS_STATUS_NOTFOUND;
  if (connection < 0) connection = Connect();
  if (connection < 0) {
    *error = errno;
    return NSS_STATUS_UNAVAIL;
  }
  if (size < sizeof(kName)) {
    *error = ERANGE;
    return NSS_STATUS_TRYAGAIN;
  }
  memcpy(buffer, kName, sizeof(kName));
  char* empty = buffer + sizeof(kName) - 1;
  *result = (struct passwd){.pw_name = buffer,
                            .pw_passwd = empty,
                            .pw_uid = kUid,
                            .pw_gid = kUid,
                            .pw_gecos = empty,
                            .pw_dir = empty,
                            .pw_shell = empty};
  return NSS_STATUS_SUCCESS;
}
