/* A thread with a connection (worker.h). The slot is all that both threads see: its mutex guards it.
*/
#include "host/worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct HostWorker {
  const HostDatabase *what;
  HostEngine *engine; /* the thread's, once it runs */
  pthread_t thread;
  int fd;
  int busy; /* the loop's: a job is with it, or done and not taken */
  pthread_mutex_t mutex;
  pthread_cond_t come;
  HostJob *job, *done;
  int stop;
};

/* The connection anew, unless that fails. */
static void reopen(HostWorker *worker, HostJob *job) {
  HostEngine *engine;
  job->failed = host_engine_open(worker->what, &engine, job->error) != 0;
  if (job->failed) return;
  host_engine_close(worker->engine);
  worker->engine = engine;
}

static void perform(HostWorker *worker, HostJob *job) {
  int sealed = 0;
  job->error[0] = '\0';
  job->failed = 0;
  switch (job->task) {
  case HOST_TASK_GROUP:
    job->done = host_engine_group(worker->engine, job->list, job->error);
    break;
  case HOST_TASK_COMMAND:
    job->failed = host_engine_command(worker->engine, job->command, job->argument, &job->result,
                                      job->error) != 0;
    break;
  case HOST_TASK_METRICS:
    job->text = host_engine_metrics(worker->engine, &job->n_text, job->error);
    job->failed = job->text == NULL;
    break;
  case HOST_TASK_READY:
    job->failed = host_engine_ready(worker->engine, &sealed, job->error) != 0;
    job->result = sealed;
    break;
  case HOST_TASK_PENDING:
    job->result = host_engine_pending(worker->engine, job->error);
    break;
  case HOST_TASK_REOPEN:
    reopen(worker, job);
    break;
  }
}

static void *work(void *arg) {
  HostWorker *worker = arg;
  (void)pthread_mutex_lock(&worker->mutex);
  for (;;) {
    while (worker->job == NULL && !worker->stop) {
      (void)pthread_cond_wait(&worker->come, &worker->mutex);
    }
    HostJob *job = worker->job;
    if (job == NULL) break;
    (void)pthread_mutex_unlock(&worker->mutex);
    perform(worker, job);
    (void)pthread_mutex_lock(&worker->mutex);
    worker->job = NULL;
    worker->done = job;
    /* The counter of an eventfd that the loop empties can't be full. */
    (void)eventfd_write(worker->fd, 1);
  }
  (void)pthread_mutex_unlock(&worker->mutex);
  return NULL;
}

int host_worker_open(const HostDatabase *what, HostWorker **out, char *error) {
  HostWorker *worker = calloc(1, sizeof *worker);
  sigset_t all, before;
  int rc = -1;
  *out = NULL;
  if (worker == NULL) {
    (void)snprintf(error, HOST_ERROR_SIZE, "out of memory");
    return -1;
  }
  worker->what = what;
  worker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  (void)pthread_mutex_init(&worker->mutex, NULL);
  (void)pthread_cond_init(&worker->come, NULL);
  if (host_engine_open(what, &worker->engine, error) == 0) {
    /* Signals are the loop's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = worker->fd < 0 ? -1 : pthread_create(&worker->thread, NULL, work, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) (void)snprintf(error, HOST_ERROR_SIZE, "no thread can be started");
  }
  if (rc != 0) {
    worker->thread = 0;
    host_engine_close(worker->engine);
    if (worker->fd >= 0) (void)close(worker->fd);
    free(worker);
    return -1;
  }
  *out = worker;
  return 0;
}

void host_worker_close(HostWorker *worker) {
  if (worker == NULL) return;
  (void)pthread_mutex_lock(&worker->mutex);
  worker->stop = 1;
  (void)pthread_cond_signal(&worker->come);
  (void)pthread_mutex_unlock(&worker->mutex);
  (void)pthread_join(worker->thread, NULL);
  (void)pthread_mutex_destroy(&worker->mutex);
  (void)pthread_cond_destroy(&worker->come);
  host_engine_close(worker->engine);
  (void)close(worker->fd);
  free(worker);
}

int host_worker_idle(const HostWorker *worker) {
  return !worker->busy;
}

void host_worker_start(HostWorker *worker, HostJob *job) {
  assert(!worker->busy);
  worker->busy = 1;
  (void)pthread_mutex_lock(&worker->mutex);
  worker->job = job;
  (void)pthread_cond_signal(&worker->come);
  (void)pthread_mutex_unlock(&worker->mutex);
}

HostJob *host_worker_done(HostWorker *worker) {
  eventfd_t count;
  (void)eventfd_read(worker->fd, &count);
  (void)pthread_mutex_lock(&worker->mutex);
  HostJob *job = worker->done;
  worker->done = NULL;
  (void)pthread_mutex_unlock(&worker->mutex);
  if (job != NULL) worker->busy = 0;
  return job;
}

int host_worker_fd(const HostWorker *worker) {
  return worker->fd;
}
