/* A thread with a connection of its own, which does one job at a time: the loop goes on meanwhile, and what comes meanwhile
** is the next job.
**
**    if (host_worker_idle(worker)) host_worker_start(worker, &job);     the loop's thread
**    ... the descriptor of host_worker_fd() is readable
**    job = host_worker_done(worker);
*/
#ifndef SEAL_HOST_WORKER_H
#define SEAL_HOST_WORKER_H

#include "host/engine.h"

typedef enum HostTask {
  HOST_TASK_GROUP,   /* messages */
  HOST_TASK_COMMAND, /* of the timer */
  HOST_TASK_METRICS,
  HOST_TASK_READY,
  HOST_TASK_PENDING,
  HOST_TASK_REOPEN /* the database and its key anew; what can't be opened leaves the connection as it is */
} HostTask;

typedef struct HostJob {
  HostTask task;
  HostRequest *list;              /* HOST_TASK_GROUP, in turn; HOST_TASK_METRICS: who asked */
  const char *command, *argument; /* static */
  /* What came of it. */
  int done, failed;
  long long result; /* of a command; sealed, pending */
  char *text;       /* metrics: the caller's */
  size_t n_text;
  char error[HOST_ERROR_SIZE];
} HostJob;

typedef struct HostWorker HostWorker;

/* Opens a connection and starts its thread; `what` has to live as long. Returns 0, or -1 with the reason. */
int host_worker_open(const HostDatabase *what, HostWorker **out, char *error);
/* Waits for its job, and closes. NULL is allowed. */
void host_worker_close(HostWorker *worker);
int host_worker_idle(const HostWorker *worker);
/* Starts a job on an idle worker, which has it until it is done. */
void host_worker_start(HostWorker *worker, HostJob *job);
/* The job that is done, or NULL. */
HostJob *host_worker_done(HostWorker *worker);
/* Readable when a job is done. */
int host_worker_fd(const HostWorker *worker);

#endif
