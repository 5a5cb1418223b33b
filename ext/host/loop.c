/* The loop (loop.h): connections, their requests, and whose turn it is.
**
** A request is read by FastCGI's events, waits in one of the queues, goes to a worker in a job, and is answered when that is
** done. Small ones go in groups, a large one alone; groups, large ones and the timer's commands take turns with the writing
** connection, so that none of them starves the others.
*/
#include "host/loop.h"
#include "host/counters.h"
#include "host/fcgi.h"
#include "host/socket.h"
#include "host/timer.h"
#include "host/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 512
#define READ_SIZE       262144 /* bytes that are read of a connection before it is another's turn */
#define EVENTS          128    /* that are taken at a time */
#define READY_US        1000000 /* how long what was found out of the database's readiness is told */
#define FAILED_US       5000000  /* how long a write that failed makes the door not ready */
#define DRAIN_US        30000000 /* how long a drain waits for what is under way */
#define DRAIN_IDLE_US   300000   /* and for what idle connections have sent by then */
#define BUSY_US                                                                                    \
  8000000 /* how long the writing connection may be busy until the door is not ready */
#define HEAVY_US      50000   /* of the registrar's time, from which on a request is a heavy one */
#define HEAVY_FOR_US  3000000 /* how long its sender's others go alone */
#define SENDERS       256     /* that are told apart, by their hash */
#define RETRY_AFTER_S 1

/* A web server's connection. */
typedef struct HostConnection {
  struct HostConnection *next, *before;
  int fd, dead;
  int keep; /* it stays when its request is answered */
  FcgiIn in;
  HostRequest *request; /* that is read, or waits for its answer; NULL: none */
  char *out;            /* what is to be written: n_out bytes, of which `sent` are gone */
  size_t n_out, sent;
  int writes; /* epoll tells when it can be written */
} HostConnection;

typedef struct Queue {
  HostRequest *first, **last;
  int n;
} Queue;

/* Whose turn it was with the writing connection. */
typedef enum Turn { TURN_SMALL, TURN_LARGE, TURN_COMMAND, TURNS } Turn;

typedef struct Loop {
  const HostOptions *options;
  HostLog *log;
  HostWorker *writer, *reader;
  HostJob write_job, read_job;
  int epoll, listener, signals;
  HostConnection *connections, *dead;
  int n_connections, accepts;
  Queue small, large, metrics, health;
  size_t reserved, sending; /* bytes of bodies; of answers that are not written yet */
  Turn turn;
  int reopen_writer, reopen_reader;
  int64_t draining; /* since when; 0: not */
  int64_t ready_at, failed_at, write_began;
  int64_t heavy_until[SENDERS]; /* whose requests are heavy ones, and until when they go alone */
  int64_t spent[SENDERS];       /* when a sender had his last turn alone */
  int asks_ready, ready, sealed;
  HostTimer timer;
  HostCounters counters;
  char buffer[READ_SIZE];
} Loop;

/* What epoll names besides connections. */
static char of_listener, of_signals, of_writer, of_reader;

/************************************************************************************************
** Queues.
*/
static void queue_begin(Queue *queue) {
  *queue = (Queue){.first = NULL, .last = &queue->first};
}

static void queue_add(Queue *queue, HostRequest *r) {
  r->next = NULL;
  *queue->last = r;
  queue->last = &r->next;
  queue->n++;
}

/* Takes up to n, as a list. */
static HostRequest *queue_take(Queue *queue, int n) {
  HostRequest *list = queue->first, **end = &queue->first;
  for (; n > 0 && *end != NULL; n--) {
    end = &(*end)->next;
    queue->n--;
  }
  HostRequest *rest = *end;
  if (end == &queue->first) return NULL;
  *end = NULL;
  queue->first = rest;
  if (rest == NULL) queue->last = &queue->first;
  return list;
}

/* Takes out the one that stands at `place`. */
static HostRequest *queue_cut(Queue *queue, HostRequest **place) {
  HostRequest *r = *place;
  *place = r->next;
  if (r->next == NULL) queue->last = place;
  r->next = NULL;
  queue->n--;
  return r;
}

/* Takes the one whose sender has waited longest for a turn. */
static HostRequest *queue_take_fair(Queue *queue, const int64_t *spent) {
  HostRequest **best = NULL;
  for (HostRequest **p = &queue->first; *p != NULL; p = &(*p)->next) {
    if (best == NULL || spent[(*p)->sender % SENDERS] < spent[(*best)->sender % SENDERS]) best = p;
  }
  return best != NULL ? queue_cut(queue, best) : NULL;
}

/* Takes out one; 0: it is not in it. */
static int queue_remove(Queue *queue, HostRequest *r) {
  HostRequest **p = &queue->first;
  while (*p != NULL && *p != r) p = &(*p)->next;
  return *p != NULL && queue_cut(queue, p) == r;
}

/* Puts a list back before all others. */
static void queue_return(Queue *queue, HostRequest *list) {
  HostRequest **end = &list;
  for (; *end != NULL; end = &(*end)->next) queue->n++;
  if (queue->first == NULL) queue->last = end;
  *end = queue->first;
  queue->first = list;
}

/************************************************************************************************
** Requests and their memory.
*/
static void free_request(Loop *loop, HostRequest *r) {
  if (r == NULL) return;
  loop->reserved -= r->reserved;
  host_request_free(r);
}

/* Makes *p, which holds n of *size bytes, as large as `to`; what it was is wiped. Out of memory is a fault of the request. */
static int enlarge(HostRequest *r, char **p, size_t n, size_t *size, size_t to) {
  char *larger = malloc(to);
  if (larger == NULL) {
    host_request_fault(r, 503, NULL, "out of memory", RETRY_AFTER_S);
    return -1;
  }
  if (*p != NULL) {
    memcpy(larger, *p, n);
    seal_wipe(*p, *size);
    free(*p);
  }
  *p = larger;
  *size = to;
  return 0;
}

/* How large what holds `size` bytes becomes where `needed` is more: twice as large at least, so that the work is linear. */
static size_t larger_size(size_t size, size_t needed) {
  return size * 2 > needed ? size * 2 : needed;
}

/* Room for a body of `size` bytes: what is over the bound of all is told to come again. */
static int reserve(Loop *loop, HostRequest *r, size_t size) {
  size_t memory = loop->options->memory;
  size_t left = loop->reserved < memory ? memory - loop->reserved : 0;
  if (size <= r->size_body) return 0;
  /* Small ones are always let in: there are not more of them than connections. */
  if (size > HOST_SMALL && size - r->reserved > left) {
    host_request_fault(r, 503, NULL, "the door holds as much as it may", RETRY_AFTER_S);
    return -1;
  }
  if (enlarge(r, &r->body, r->n_body, &r->size_body, size) != 0) return -1;
  loop->reserved += size - r->reserved;
  r->reserved = size;
  return 0;
}

static void add_body(Loop *loop, HostRequest *r, const char *data, size_t n) {
  if (r->n_body + n > SEAL_BODY_MAX) r->body_too_large = 1;
  if (r->fault.status != 0 || r->body_too_large) return;
  if (r->n_body + n > r->size_body) {
    size_t size = larger_size(r->size_body, r->n_body + n);
    if (reserve(loop, r, size < SEAL_BODY_MAX ? size : SEAL_BODY_MAX) != 0) return;
  }
  memcpy(r->body + r->n_body, data, n);
  r->n_body += n;
}

static void add_params(HostRequest *r, const char *data, size_t n) {
  if (r->n_params + n > HOST_PARAMS_MAX) {
    host_request_fault(r, 400, "INVALID_MSG_FORMAT", "the header fields are too long", 0);
    return;
  }
  if (r->n_params + n > r->size_params) {
    size_t size = larger_size(r->size_params, r->n_params + n);
    if (enlarge(r, &r->params, r->n_params, &r->size_params, size) != 0) return;
  }
  memcpy(r->params + r->n_params, data, n);
  r->n_params += n;
}

/************************************************************************************************
** Connections: writing.
*/
static void watch(Loop *loop, HostConnection *c, int writes) {
  struct epoll_event event = {.events = writes ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
  if (c->writes == writes) return;
  c->writes = writes;
  (void)epoll_ctl(loop->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* Nobody waits for the answer to a connection's request any more. If a worker has it, it goes on: what it does may be done
** already. */
static void leave_request(Loop *loop, HostConnection *c) {
  HostRequest *r = c->request;
  c->request = NULL;
  if (r == NULL) return;
  int waits = queue_remove(&loop->small, r) || queue_remove(&loop->large, r) ||
              queue_remove(&loop->metrics, r) || queue_remove(&loop->health, r);
  r->connection = NULL;
  if (waits || r->begun == 0) free_request(loop, r);
}

static void drop(Loop *loop, HostConnection *c) {
  if (c->dead) return;
  c->dead = 1;
  leave_request(loop, c);
  (void)close(c->fd);
  if (c->before != NULL)
    c->before->next = c->next;
  else
    loop->connections = c->next;
  if (c->next != NULL) c->next->before = c->before;
  c->next = loop->dead;
  loop->dead = c;
  loop->n_connections--;
  loop->sending -= c->n_out;
}

/* Writes what can be written. */
static void send_out(Loop *loop, HostConnection *c) {
  while (!c->dead && c->sent < c->n_out) {
    ssize_t n = write(c->fd, c->out + c->sent, c->n_out - c->sent);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      watch(loop, c, 1);
      return;
    }
    if (n <= 0) {
      drop(loop, c);
      return;
    }
    c->sent += (size_t)n;
  }
  if (c->dead || c->out == NULL) return;
  loop->sending -= c->n_out;
  seal_wipe(c->out, c->n_out);
  free(c->out);
  c->out = NULL;
  c->n_out = c->sent = 0;
  watch(loop, c, 0);
  if (c->request == NULL && (!c->keep || loop->draining)) drop(loop, c);
}

/* Takes `bytes`, which are malloc'ed, to be written behind what waits. */
static void put_out(Loop *loop, HostConnection *c, char *bytes, size_t n) {
  char *both = bytes;
  if (bytes != NULL && c->out != NULL) {
    both = malloc(c->n_out + n);
    if (both != NULL) {
      memcpy(both, c->out, c->n_out);
      memcpy(both + c->n_out, bytes, n);
    }
    seal_wipe(bytes, n);
    free(bytes);
  }
  if (both == NULL) {
    drop(loop, c);
    return;
  }
  if (c->out != NULL) {
    seal_wipe(c->out, c->n_out);
    free(c->out);
  }
  c->out = both;
  c->n_out += n;
  loop->sending += n;
}

/* When answers take more memory than they may, who has the most left to take loses his: he may ask again. */
static void make_room(Loop *loop) {
  while (loop->sending > loop->options->memory) {
    HostConnection *slowest = NULL;
    for (HostConnection *c = loop->connections; c != NULL; c = c->next) {
      if (slowest == NULL || c->n_out - c->sent > slowest->n_out - slowest->sent) slowest = c;
    }
    if (slowest == NULL || slowest->out == NULL) return;
    host_log_event(loop->log, "slow", "an answer was given up: its receiver is too slow");
    loop->counters.lost++;
    drop(loop, slowest);
  }
}

/* Answers a request that is done, and forgets it. */
static void answer(Loop *loop, HostRequest *r) {
  HostConnection *c = r->connection;
  HostAnswer out;
  host_answer_make(r, &out);
  r->answered = host_monotonic_us();
  host_log_request(loop->log, r, &out);
  loop->counters.requests[out.status / 100 % 6]++;
  loop->counters.took_us += (uint64_t)(r->answered - r->came);
  if (c == NULL) {
    loop->counters.lost++;
    if (out.bytes != NULL) seal_wipe(out.bytes, out.n);
    free(out.bytes);
  } else {
    c->request = NULL;
    fcgi_answered(&c->in);
    put_out(loop, c, out.bytes, out.n);
    send_out(loop, c);
  }
  free_request(loop, r);
}

/************************************************************************************************
** Health and metrics.
*/
static void answer_health(Loop *loop, HostRequest *r) {
  char text[160];
  int64_t now = host_monotonic_us();
  int stuck = !host_worker_idle(loop->writer) && now - loop->write_began > BUSY_US;
  int writes = !stuck && (loop->failed_at == 0 || now - loop->failed_at > FAILED_US);
  int ready = loop->ready && writes && !loop->draining;
  const char *reason = loop->draining ? "it is being stopped"
                       : !loop->ready ? "the database can't be read"
                       : !writes      ? "the database can't be written"
                                      : NULL;
  int n =
      snprintf(text, sizeof text, "{\"live\":true,\"ready\":%s,\"sealed\":%s,\"reason\":%s%s%s}",
               ready ? "true" : "false", loop->sealed ? "true" : "false", reason ? "\"" : "null",
               reason ? reason : "", reason ? "\"" : "");
  r->answer = strdup(text);
  r->n_answer = r->answer ? (size_t)n : 0;
  answer(loop, r);
}

/* The registrar's metrics, and behind them the door's. */
static void answer_metrics(Loop *loop, HostRequest *r, const char *text, size_t n) {
  char own[HOST_COUNTERS_SIZE];
  loop->counters.connections = (uint64_t)loop->n_connections;
  loop->counters.waiting = (uint64_t)(loop->small.n + loop->large.n);
  loop->counters.memory = loop->reserved + loop->sending;
  size_t n_own = host_counters_text(&loop->counters, own);
  r->answer = malloc(n + n_own + 1);
  if (r->answer != NULL) {
    if (n > 0) memcpy(r->answer, text, n);
    memcpy(r->answer + n, own, n_own);
    r->answer[n + n_own] = '\0';
    r->n_answer = n + n_own;
  }
  answer(loop, r);
}

/************************************************************************************************
** Turns.
*/
static void start(HostWorker *worker, HostJob *place, HostJob job) {
  int64_t now = host_monotonic_us();
  *place = job;
  for (HostRequest *r = job.list; r != NULL; r = r->next) r->begun = now;
  host_worker_start(worker, place);
}

/* Gives the writing connection to the next one whose turn it is; 0: nobody waits. */
static int start_turn(Loop *loop, Turn turn) {
  HostJob job = {.task = HOST_TASK_GROUP};
  job.list = turn == TURN_SMALL   ? queue_take(&loop->small, loop->options->group)
             : turn == TURN_LARGE ? queue_take_fair(&loop->large, loop->spent)
                                  : NULL;
  if (job.list == NULL) {
    if (turn != TURN_COMMAND || loop->draining) return 0;
    job.task = HOST_TASK_COMMAND;
    if (!host_timer_command(&loop->timer, &job.command, &job.argument)) return 0;
  } else if (turn == TURN_LARGE) {
    loop->spent[job.list->sender % SENDERS] = loop->write_began;
  }
  start(loop->writer, &loop->write_job, job);
  loop->turn = turn;
  return 1;
}

static void kick_writer(Loop *loop) {
  if (!host_worker_idle(loop->writer)) return;
  loop->write_began = host_monotonic_us();
  if (loop->reopen_writer) {
    loop->reopen_writer = 0;
    start(loop->writer, &loop->write_job, (HostJob){.task = HOST_TASK_REOPEN});
    return;
  }
  for (int i = 1; i <= TURNS; i++) {
    if (start_turn(loop, (Turn)((loop->turn + i) % TURNS))) return;
  }
}

static void kick_reader(Loop *loop) {
  HostJob job = {.list = NULL};
  if (!host_worker_idle(loop->reader)) return;
  if (loop->reopen_reader) {
    loop->reopen_reader = 0;
    job.task = HOST_TASK_REOPEN;
  } else if (loop->asks_ready) {
    loop->asks_ready = 0;
    job.task = HOST_TASK_READY;
  } else if (loop->metrics.n > 0) {
    job.task = HOST_TASK_METRICS;
    job.list = queue_take(&loop->metrics, 1);
  } else if (loop->timer.asks) {
    loop->timer.asks = 0;
    job.task = HOST_TASK_PENDING;
  } else {
    return;
  }
  start(loop->reader, &loop->read_job, job);
}

/* What goes alone: a large body, and what comes from somebody whose last requests took long. */
static int is_large(const Loop *loop, const HostRequest *r) {
  return r->n_body > HOST_SMALL || loop->heavy_until[r->sender % SENDERS] > host_monotonic_us();
}

/* A request is complete: to whom it goes. */
static void dispatch(Loop *loop, HostRequest *r) {
  host_request_complete(r);
  switch (r->target) {
  case HOST_PROBLEM:
    answer(loop, r);
    break;
  case HOST_HEALTH:
    if (host_monotonic_us() - loop->ready_at <= READY_US) {
      answer_health(loop, r);
    } else {
      loop->asks_ready = 1;
      queue_add(&loop->health, r);
    }
    break;
  case HOST_METRICS:
    queue_add(&loop->metrics, r);
    break;
  case HOST_MESSAGE:
    queue_add(is_large(loop, r) ? &loop->large : &loop->small, r);
    break;
  }
}

/* Those that wait with the small ones, and are none as their sender's others have shown. */
static void sort_out(Loop *loop) {
  HostRequest *list = queue_take(&loop->small, loop->small.n);
  while (list != NULL) {
    HostRequest *r = list;
    list = r->next;
    queue_add(is_large(loop, r) ? &loop->large : &loop->small, r);
  }
}

static void group_done(Loop *loop, HostJob *job) {
  HostRequest *rest = job->list;
  int heavy = 0;
  for (int n = 0; n < job->done; n++) {
    HostRequest *r = rest;
    assert(r != NULL);
    rest = r->next;
    r->group = job->done;
    if (r->worked > HEAVY_US && r->n_body <= HOST_SMALL) {
      loop->heavy_until[r->sender % SENDERS] = host_monotonic_us() + HEAVY_FOR_US;
      heavy = 1;
    }
    answer(loop, r);
  }
  loop->counters.groups++;
  loop->counters.messages += (uint64_t)job->done;
  /* For those there was no memory: they are the next. */
  if (rest != NULL) queue_return(&loop->small, rest);
  if (heavy) sort_out(loop);
}

static void writer_done(Loop *loop) {
  HostJob *job = host_worker_done(loop->writer);
  if (job == NULL) return;
  if (job->task == HOST_TASK_GROUP) group_done(loop, job);
  if (job->task == HOST_TASK_COMMAND) host_timer_result(&loop->timer, job->command, job->result);
  if (job->error[0] != '\0') {
    host_log_event(loop->log, job->task == HOST_TASK_REOPEN ? "reload" : "write", job->error);
    loop->counters.failed++;
    if (job->task != HOST_TASK_REOPEN) loop->failed_at = host_monotonic_us();
  } else if (job->task != HOST_TASK_REOPEN) {
    loop->failed_at = 0;
  }
}

static void reader_done(Loop *loop) {
  HostJob *job = host_worker_done(loop->reader);
  if (job == NULL) return;
  if (job->error[0] != '\0') host_log_event(loop->log, "read", job->error);
  switch (job->task) {
  case HOST_TASK_READY:
    loop->ready = !job->failed;
    loop->sealed = job->result != 0;
    loop->ready_at = host_monotonic_us();
    while (loop->health.n > 0) answer_health(loop, queue_take(&loop->health, 1));
    break;
  case HOST_TASK_METRICS:
    answer_metrics(loop, job->list, job->text, job->n_text);
    free(job->text);
    break;
  case HOST_TASK_PENDING:
    host_timer_deliver(&loop->timer, (int)job->result, loop->log);
    break;
  default:
    break;
  }
}

/************************************************************************************************
** Connections: reading.
*/
static void begin_request(Loop *loop, HostConnection *c) {
  HostRequest *r = calloc(1, sizeof *r);
  if (r == NULL) {
    drop(loop, c);
    return;
  }
  r->connection = c;
  r->id = c->in.id;
  r->came = host_monotonic_us();
  c->keep = c->in.keep;
  c->request = r;
}

static void put_end(Loop *loop, HostConnection *c, int id, int status) {
  char *bytes = malloc(FCGI_END_SIZE);
  if (bytes != NULL) fcgi_end(id, status, bytes);
  put_out(loop, c, bytes, FCGI_END_SIZE);
}

static void abort_request(Loop *loop, HostConnection *c) {
  leave_request(loop, c);
  fcgi_answered(&c->in);
  put_end(loop, c, c->in.id, FCGI_DONE);
}

static void values(Loop *loop, HostConnection *c) {
  char *bytes = malloc(FCGI_VALUES_SIZE);
  if (bytes != NULL) fcgi_values(CONNECTIONS_MAX, bytes);
  put_out(loop, c, bytes, FCGI_VALUES_SIZE);
}

static void params_end(Loop *loop, HostRequest *r) {
  size_t length = 0;
  host_request_read(r, &length);
  if (r->fault.status == 0 && length > 0) (void)reserve(loop, r, length);
}

/* One event of a connection. */
static void take_event(Loop *loop, HostConnection *c, FcgiEvent event) {
  HostRequest *r = c->request;
  switch (event) {
  case FCGI_BEGIN:
    begin_request(loop, c);
    break;
  case FCGI_PARAMS:
    add_params(r, c->in.data, c->in.n);
    break;
  case FCGI_PARAMS_END:
    params_end(loop, r);
    break;
  case FCGI_STDIN:
    add_body(loop, r, c->in.data, c->in.n);
    break;
  case FCGI_STDIN_END:
    dispatch(loop, r);
    break;
  case FCGI_ABORT:
    abort_request(loop, c);
    break;
  case FCGI_VALUES:
    values(loop, c);
    break;
  case FCGI_OTHER:
    put_end(loop, c, c->in.id, c->in.refuse);
    break;
  case FCGI_BROKEN:
    drop(loop, c);
    break;
  case FCGI_MORE:
    break;
  }
}

static void readable(Loop *loop, HostConnection *c) {
  ssize_t n = read(c->fd, loop->buffer, sizeof loop->buffer);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    drop(loop, c);
    return;
  }
  const char *p = loop->buffer, *end = p + n;
  FcgiEvent event;
  while (!c->dead && (event = fcgi_next(&c->in, &p, end)) != FCGI_MORE) take_event(loop, c, event);
  seal_wipe(loop->buffer, (size_t)n);
  send_out(loop, c);
}

static void accept_all(Loop *loop) {
  while (!loop->draining && loop->n_connections < CONNECTIONS_MAX) {
    int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    HostConnection *c = fd >= 0 ? calloc(1, sizeof *c) : NULL;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (fd < 0) {
      /* Without descriptors or memory the same would be told again and again. */
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        (void)usleep(5000);
      return;
    }
    if (c == NULL || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
      (void)close(fd);
      free(c);
      return;
    }
    c->fd = fd;
    c->keep = 1; /* until a request says otherwise */
    c->next = loop->connections;
    if (c->next != NULL) c->next->before = c;
    loop->connections = c;
    loop->n_connections++;
  }
}

/* Who comes when there are as many as can be has to wait in the socket's backlog. */
static void accept_while_room(Loop *loop) {
  int accepts = loop->n_connections < CONNECTIONS_MAX;
  struct epoll_event event = {.events = accepts ? EPOLLIN : 0, .data.ptr = &of_listener};
  if (accepts == loop->accepts || loop->listener < 0) return;
  loop->accepts = accepts;
  (void)epoll_ctl(loop->epoll, EPOLL_CTL_MOD, loop->listener, &event);
}

/************************************************************************************************
** Signals.
*/
static void begin_drain(Loop *loop) {
  if (loop->draining) return;
  loop->draining = host_monotonic_us();
  host_log_event(loop->log, "drain", NULL);
  (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL);
  /* The path is another's from now on. */
  if (loop->options->socket != NULL) (void)unlink(loop->options->socket);
  (void)close(loop->listener);
  loop->listener = -1;
}

/* Closes what is idle in a drain, once what was on its way has come. */
static void drop_idle(Loop *loop) {
  if (!loop->draining || host_monotonic_us() - loop->draining < DRAIN_IDLE_US) return;
  for (HostConnection *c = loop->connections, *next; c != NULL; c = next) {
    int waits = 0;
    next = c->next;
    if (c->request != NULL || c->out != NULL) continue;
    if (ioctl(c->fd, FIONREAD, &waits) == 0 && waits > 0) continue;
    drop(loop, c);
  }
}

static void take_signals(Loop *loop) {
  struct signalfd_siginfo info;
  while (read(loop->signals, &info, sizeof info) == (ssize_t)sizeof info) {
    switch (info.ssi_signo) {
    case SIGHUP:
      host_log_event(loop->log, "reload", NULL);
      if (host_log_reopen(loop->log) != 0) {
        host_log_event(loop->log, "reload", "the log can't be opened anew");
      }
      loop->reopen_writer = loop->reopen_reader = 1;
      break;
    case SIGCHLD:
      host_timer_reap(&loop->timer, loop->log);
      break;
    default:
      begin_drain(loop);
      break;
    }
  }
}

/************************************************************************************************
** All of it.
*/
static int add_source(Loop *loop, int fd, void *source) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
  return fd >= 0 ? epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) : -1;
}

static void take_source(Loop *loop, const struct epoll_event *event) {
  void *source = event->data.ptr;
  if (source == &of_listener) {
    if (loop->listener >= 0) accept_all(loop);
  } else if (source == &of_signals) {
    take_signals(loop);
  } else if (source == &of_writer) {
    writer_done(loop);
  } else if (source == &of_reader) {
    reader_done(loop);
  } else {
    HostConnection *c = source;
    if (!c->dead && (event->events & EPOLLOUT)) send_out(loop, c);
    if (!c->dead && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))) readable(loop, c);
  }
}

static void forget_dead(Loop *loop) {
  while (loop->dead != NULL) {
    HostConnection *c = loop->dead;
    loop->dead = c->next;
    if (c->out != NULL) seal_wipe(c->out, c->n_out);
    free(c->out);
    free(c);
  }
}

/* 1: a drain has nothing left to wait for. */
static int is_drained(const Loop *loop) {
  if (!loop->draining) return 0;
  if (host_monotonic_us() - loop->draining > DRAIN_US) return 1;
  return loop->connections == NULL && host_worker_idle(loop->writer);
}

static void serve(Loop *loop) {
  struct epoll_event events[EVENTS];
  while (!is_drained(loop)) {
    int64_t now = host_monotonic_us();
    int wait = host_timer_wait(&loop->timer, now);
    if (loop->draining && (wait < 0 || wait > 100)) wait = 100;
    int n = epoll_wait(loop->epoll, events, EVENTS, wait);
    for (int i = 0; i < n; i++) take_source(loop, &events[i]);
    host_timer_check(&loop->timer, host_monotonic_us());
    kick_writer(loop);
    kick_reader(loop);
    drop_idle(loop);
    make_room(loop);
    forget_dead(loop);
    accept_while_room(loop);
    host_log_flush(loop->log);
  }
}

static int open_signals(void) {
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGTERM);
  (void)sigaddset(&set, SIGINT);
  (void)sigaddset(&set, SIGHUP);
  (void)sigaddset(&set, SIGCHLD);
  (void)signal(SIGPIPE, SIG_IGN);
  (void)sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Opens all that it needs; the socket last, as who sees it may come. */
static int open_all(Loop *loop, char *error) {
  const HostOptions *options = loop->options;
  error[0] = '\0';
  loop->log = host_log_open(options->log);
  if (loop->log == NULL) {
    (void)snprintf(error, HOST_ERROR_SIZE, "the log %.160s: %s", options->log, strerror(errno));
    return -1;
  }
  loop->signals = open_signals();
  loop->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (host_engine_setup() != 0 || loop->epoll < 0 || loop->signals < 0) {
    (void)snprintf(error, HOST_ERROR_SIZE, "%s", strerror(errno));
    return -1;
  }
  if (host_worker_open(&options->database, &loop->writer, error) != 0) return -1;
  if (host_worker_open(&options->database, &loop->reader, error) != 0) return -1;
  loop->listener = host_socket_listen(options->socket, error);
  if (loop->listener < 0) return -1;
  if (add_source(loop, loop->listener, &of_listener) != 0 ||
      add_source(loop, loop->signals, &of_signals) != 0 ||
      add_source(loop, host_worker_fd(loop->writer), &of_writer) != 0 ||
      add_source(loop, host_worker_fd(loop->reader), &of_reader) != 0) {
    (void)snprintf(error, HOST_ERROR_SIZE, "epoll: %s", strerror(errno));
    return -1;
  }
  return 0;
}

static void close_all(Loop *loop) {
  while (loop->connections != NULL) drop(loop, loop->connections);
  forget_dead(loop);
  host_timer_end(&loop->timer);
  if (loop->listener >= 0) (void)close(loop->listener);
  host_worker_close(loop->writer);
  host_worker_close(loop->reader);
  if (loop->epoll >= 0) (void)close(loop->epoll);
  if (loop->signals >= 0) (void)close(loop->signals);
  host_log_close(loop->log);
}

int host_loop_run(const HostOptions *options, char *error) {
  Loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) {
    (void)snprintf(error, HOST_ERROR_SIZE, "out of memory");
    return -1;
  }
  loop->options = options;
  loop->epoll = loop->listener = loop->signals = -1;
  loop->ready = loop->asks_ready = loop->accepts = 1;
  queue_begin(&loop->small);
  queue_begin(&loop->large);
  queue_begin(&loop->metrics);
  queue_begin(&loop->health);
  host_timer_begin(&loop->timer, options, host_monotonic_us());
  int rc = open_all(loop, error);
  if (rc == 0) {
    host_log_event(loop->log, "start", NULL);
    serve(loop);
    host_log_event(loop->log, "stop", NULL);
  }
  close_all(loop);
  free(loop);
  return rc;
}
