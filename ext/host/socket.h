/* The Unix socket on which a host waits for web servers (socket.c).
*/
#ifndef SEAL_HOST_SOCKET_H
#define SEAL_HOST_SOCKET_H

/* Listens on `path` (mode 0660), where nobody else does; NULL: on the descriptor that systemd handed over. Returns the
** descriptor, which does not block; -1 with the reason. */
int host_socket_listen(const char *path, char *error);

#endif
