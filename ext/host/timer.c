/* Rounds (timer.h): every so many seconds notice and charge (of days that have ended), every hour sweep, a piece at a time so
** that no request waits long; and `seal notify push` and `seal charging push`, as processes, one of each at a time.
*/
#include "host/timer.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SWEEP_PIECE "2000" /* rows of one sweep */
/* Between sweeps: each is an entry of the audit, also one that found nothing. */
#define SWEEP_US 3600000000

static const struct {
  const char *command, *argument;
} commands[] = {{"notice", NULL}, {"charge", NULL}, {"sweep", SWEEP_PIECE}};
#define COMMANDS (sizeof commands / sizeof *commands)
#define SWEEP    (COMMANDS - 1)

static const struct {
  int pending;
  const char *noun;
} deliveries[] = {{HOST_PENDING_NOTIFICATION, "notify"}, {HOST_PENDING_CHARGE, "charging"}};
#define DELIVERIES (sizeof deliveries / sizeof *deliveries)

void host_timer_begin(HostTimer *timer, const HostOptions *options, int64_t now) {
  *timer = (HostTimer){.options = options, .next = options->timer > 0 ? now : -1};
}

int host_timer_wait(const HostTimer *timer, int64_t now) {
  if (timer->next < 0) return -1;
  return timer->next <= now ? 0 : (int)((timer->next - now) / 1000 + 1);
}

void host_timer_check(HostTimer *timer, int64_t now) {
  if (timer->next < 0 || timer->next > now) return;
  timer->next = now + (int64_t)timer->options->timer * 1000000;
  timer->commands = (1u << COMMANDS) - 1;
  if (now < timer->sweeps)
    timer->commands &= ~(1u << SWEEP);
  else
    timer->sweeps = now + SWEEP_US;
  timer->asks = timer->options->run != NULL;
}

int host_timer_command(HostTimer *timer, const char **command, const char **argument) {
  for (unsigned i = 0; i < COMMANDS; i++) {
    if (!(timer->commands & 1u << i)) continue;
    timer->commands &= ~(1u << i);
    *command = commands[i].command;
    *argument = commands[i].argument;
    return 1;
  }
  return 0;
}

void host_timer_result(HostTimer *timer, const char *command, long long result) {
  if (strcmp(command, commands[SWEEP].command) == 0 && result >= atoll(SWEEP_PIECE)) {
    timer->commands |= 1u << SWEEP;
  }
}

/* Starts a program in the background; 0: it can't be started. */
static pid_t spawn(const char *const *argv) {
  extern char **environ;
  posix_spawnattr_t attr;
  sigset_t none, ignored;
  pid_t pid = 0;
  (void)sigemptyset(&none);
  (void)sigemptyset(&ignored);
  (void)sigaddset(&ignored, SIGPIPE);
  if (posix_spawnattr_init(&attr) != 0) return 0;
  if (posix_spawnattr_setsigmask(&attr, &none) != 0 ||
      posix_spawnattr_setsigdefault(&attr, &ignored) != 0 ||
      posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) != 0 ||
      posix_spawn(&pid, argv[0], NULL, &attr, (char *const *)argv, environ) != 0) {
    pid = 0;
  }
  (void)posix_spawnattr_destroy(&attr);
  return pid;
}

void host_timer_deliver(HostTimer *timer, int pending, HostLog *log) {
  const HostOptions *options = timer->options;
  for (unsigned i = 0; i < DELIVERIES; i++) {
    const char *argv[10];
    int n = 0, charging = deliveries[i].pending == HOST_PENDING_CHARGE;
    if (!(pending & deliveries[i].pending) || timer->child[i] != 0) continue;
    if (charging && options->charging == NULL) continue;
    argv[n++] = options->run;
    argv[n++] = "--db";
    argv[n++] = options->database.db;
    if (options->database.key_file != NULL) {
      argv[n++] = "--key";
      argv[n++] = options->database.key_file;
    }
    argv[n++] = deliveries[i].noun;
    argv[n++] = "push";
    if (charging) argv[n++] = options->charging;
    argv[n] = NULL;
    timer->child[i] = spawn(argv);
    if (timer->child[i] == 0) host_log_event(log, "deliver", "the program can't be started");
  }
}

void host_timer_reap(HostTimer *timer, HostLog *log) {
  for (unsigned i = 0; i < DELIVERIES; i++) {
    int status = 0;
    if (timer->child[i] == 0) continue;
    pid_t pid = waitpid(timer->child[i], &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR)) continue;
    timer->child[i] = 0;
    if (pid > 0 && status != 0) {
      char text[64];
      (void)snprintf(text, sizeof text, "%s push: %s %d", deliveries[i].noun,
                     WIFEXITED(status) ? "exit" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
      host_log_event(log, "deliver", text);
    }
  }
}

void host_timer_end(HostTimer *timer) {
  for (unsigned i = 0; i < DELIVERIES; i++) {
    if (timer->child[i] == 0) continue;
    (void)kill(timer->child[i], SIGTERM);
    (void)waitpid(timer->child[i], NULL, 0);
    timer->child[i] = 0;
  }
}
