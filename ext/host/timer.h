/* What comes by time (timer.c): the registrar's own commands, and the programs that deliver.
*/
#ifndef SEAL_HOST_TIMER_H
#define SEAL_HOST_TIMER_H

#include "host/loop.h"

#include <sys/types.h>

typedef struct HostTimer {
  const HostOptions *options;
  int64_t next;      /* microseconds of the monotonic clock: the next round */
  int64_t sweeps;    /* from when on a round sweeps */
  unsigned commands; /* bits of those of this round that have not run yet */
  int asks;          /* 1: who waits for something is to be asked */
  pid_t child[2];    /* of notify push, of charging push; 0: none runs */
} HostTimer;

void host_timer_begin(HostTimer *timer, const HostOptions *options, int64_t now);
/* Milliseconds until the next round; -1: there is none. */
int host_timer_wait(const HostTimer *timer, int64_t now);
/* Begins a round if it is time. */
void host_timer_check(HostTimer *timer, int64_t now);
/* The next command of the round and its argument (NULL: none). 0: there is none. */
int host_timer_command(HostTimer *timer, const char **command, const char **argument);
/* A command is done, and gave `result`: a sweep that had to stop goes on. */
void host_timer_result(HostTimer *timer, const char *command, long long result);
/* Starts who delivers what waits (HOST_PENDING_*), unless he runs. */
void host_timer_deliver(HostTimer *timer, int pending, HostLog *log);
/* Takes notice of children that ended. */
void host_timer_reap(HostTimer *timer, HostLog *log);
/* Ends who delivers: what was not acknowledged is delivered again later. */
void host_timer_end(HostTimer *timer);

#endif
