/* The database of a host: a connection with the extension in it, its key given, its statements prepared. A connection is
** used by one thread at a time.
**
**    if (host_engine_open(&what, &engine, error) != 0) fail(error);
**    done = host_engine_group(engine, list, error);
**    host_engine_close(engine);
**
** Whatever fails, the connection stays usable; `error` (HOST_ERROR_SIZE bytes) is for the log, "" where nothing was wrong,
** and holds nothing of a request.
*/
#ifndef SEAL_HOST_ENGINE_H
#define SEAL_HOST_ENGINE_H

#include "host/host.h"

#define HOST_ERROR_SIZE 256
#define HOST_KEY_SIZE   32 /* bytes of the key of the secrets */

typedef struct HostDatabase {
  const char *db;       /* a file that `seal init` made */
  const char *key_file; /* NULL: secrets stay sealed */
} HostDatabase;

typedef struct HostEngine HostEngine;

/* Once in a process, before the first connection: each one has the extension from then on. Returns 0 or -1. */
int host_engine_setup(void);

/* Opens a connection (read and write, WAL, synchronous FULL) and unlocks it. Returns 0, or -1 with the reason. */
int host_engine_open(const HostDatabase *what, HostEngine **out, char *error);
/* NULL is allowed. */
void host_engine_close(HostEngine *engine);

/* Handles a list of messages in one transaction, and gives each its answer, or a fault: what is acknowledged is on the disk
** when this returns. If the transaction fails each of them is done again, alone: their ids make that harmless. Returns how
** many were handled, from the first: where answers take too much memory the others are left as they were. */
int host_engine_group(HostEngine *engine, HostRequest *list, char *error);

/* Runs a command of seal_command; *result is the number that it gave, or 0. Returns 0, or -1 with the reason. */
int host_engine_command(HostEngine *engine, const char *command, const char *argument,
                        long long *result, char *error);

/* What Prometheus is told: a text of *n bytes, malloc'ed. NULL, with the reason. */
char *host_engine_metrics(HostEngine *engine, size_t *n, char *error);

/* Whether notifications (bit 0), charging records (bit 1) wait for who takes them. */
#define HOST_PENDING_NOTIFICATION 1
#define HOST_PENDING_CHARGE       2
int host_engine_pending(HostEngine *engine, char *error);

/* Whether it can be read: 0, or -1 with the reason. *sealed: no key was given. */
int host_engine_ready(HostEngine *engine, int *sealed, char *error);

/* Microseconds of the monotonic clock. */
int64_t host_monotonic_us(void);
/* The clock of the database's VFS: microseconds since 1970. Of another thread's connection as well. */
int64_t host_engine_clock(void);

#endif
