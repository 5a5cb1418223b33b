/* The listening socket (socket.h): a path of our own, or systemd's (sd_listen_fds(3), LISTEN_FDS and LISTEN_PID).
*/
#include "host/socket.h"
#include "host/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEMD_FD 3
#define BACKLOG    1024

static int refuse_path(char *error, const char *what, const char *path) {
  (void)snprintf(error, HOST_ERROR_SIZE, "the socket %.160s: %s", path, what);
  return -1;
}

/* The first descriptor of systemd's; -1: it handed none over to this process. */
static int from_systemd(void) {
  const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
  if (pid == NULL || count == NULL || atol(pid) != (long)getpid() || atoi(count) < 1) return -1;
  (void)unsetenv("LISTEN_PID");
  (void)unsetenv("LISTEN_FDS");
  if (fcntl(SYSTEMD_FD, F_SETFD, FD_CLOEXEC) != 0) return -1;
  return fcntl(SYSTEMD_FD, F_SETFL, O_NONBLOCK) == 0 ? SYSTEMD_FD : -1;
}

/* Removes the socket of a process that is gone. 1: somebody answers there. */
static int taken(const struct sockaddr_un *address) {
  struct stat st;
  if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) return 0;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int answers = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
  if (fd >= 0) (void)close(fd);
  if (!answers) (void)unlink(address->sun_path);
  return answers;
}

int host_socket_listen(const char *path, char *error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (path == NULL) {
    int fd = from_systemd();
    return fd >= 0 ? fd : refuse_path(error, "none was given, and systemd gave none", "(--socket)");
  }
  if (strlen(path) >= sizeof address.sun_path)
    return refuse_path(error, "its path is too long", path);
  memcpy(address.sun_path, path, strlen(path) + 1);
  if (taken(&address)) return refuse_path(error, "another process serves it", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
      chmod(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP) == 0 && listen(fd, BACKLOG) == 0) {
    return fd;
  }
  (void)refuse_path(error, strerror(errno), path);
  if (fd >= 0) (void)close(fd);
  return -1;
}
