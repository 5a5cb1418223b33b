/* The door's loop: takes requests from web servers, hands them to the writing and the reading connection, and answers what
** is on the disk. One thread; nothing in it waits but for events.
**
**    HostOptions options = {.database = {"seal.db", "seal.key"}, .socket = "door.sock", .memory = 256 << 20, .group = 64};
**    return host_loop_run(&options);
*/
#ifndef SEAL_HOST_LOOP_H
#define SEAL_HOST_LOOP_H

#include "host/engine.h"

typedef struct HostOptions {
  HostDatabase database;
  const char *socket;   /* path of the Unix socket; NULL: a descriptor from systemd (LISTEN_FDS) */
  const char *log;      /* NULL: stderr */
  int timer;            /* seconds between the rounds of notice, charge and sweep; 0: none */
  const char *run;      /* the shell's program that delivers; NULL: nothing is delivered */
  const char *charging; /* apiRoot of the charging function; NULL: none */
  size_t memory;        /* bytes of bodies at a time */
  int group;            /* messages in a transaction at most: 1 to HOST_GROUP_MAX */
} HostOptions;

/* Serves until SIGTERM or SIGINT has drained it. Returns 0, or -1 with the reason, which is then nothing that happened later
** than its start. */
int host_loop_run(const HostOptions *options, char *error);

#endif
