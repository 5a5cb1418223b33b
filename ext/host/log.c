/* The log (host.h): a line of JSON for each request and for what happens to the door. No header, body, query, name or
** message id of a peer's is in it: of a path only what the API says.
*/
#include "host/host.h"
#include "host/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE 1024  /* bytes of a line */
#define WAITS    65536 /* bytes that wait to be written */

struct HostLog {
  char *path; /* NULL: stderr */
  int fd;
  int torn; /* the last line that was written has no end */
  size_t n;
  char waits[WAITS];
};

static int open_file(const char *path) {
  return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

HostLog *host_log_open(const char *path) {
  HostLog *log = calloc(1, sizeof *log);
  if (log == NULL) return NULL;
  log->fd = STDERR_FILENO;
  if (path == NULL) return log;
  log->path = strdup(path);
  log->fd = log->path ? open_file(path) : -1;
  if (log->fd >= 0) return log;
  int error = errno;
  free(log->path);
  free(log);
  errno = error;
  return NULL;
}

/* What can't be written is lost: a log that is full stops nobody. */
void host_log_flush(HostLog *log) {
  size_t done = 0;
  if (log->torn && log->n > 0 && write(log->fd, "\n", 1) == 1) log->torn = 0;
  while (done < log->n) {
    ssize_t n = write(log->fd, log->waits + done, log->n - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += (size_t)n;
  }
  if (done > 0 && done < log->n && log->waits[done - 1] != '\n') log->torn = 1;
  log->n = 0;
}

void host_log_close(HostLog *log) {
  if (log == NULL) return;
  host_log_flush(log);
  if (log->path != NULL) (void)close(log->fd);
  free(log->path);
  free(log);
}

int host_log_reopen(HostLog *log) {
  host_log_flush(log);
  if (log->path == NULL) return 0;
  int fd = open_file(log->path);
  if (fd < 0) return -1;
  (void)close(log->fd);
  log->fd = fd;
  return 0;
}

static void add_line(HostLog *log, const char *line, int n) {
  if (n < 0 || n >= LOG_LINE) return;
  if (log->n + (size_t)n > sizeof log->waits) host_log_flush(log);
  memcpy(log->waits + log->n, line, (size_t)n);
  log->n += (size_t)n;
}

/* RFC 3339, in UTC, with microseconds. */
static const char *now_text(char out[40]) {
  int64_t now = host_engine_clock();
  time_t seconds = (time_t)(now / 1000000);
  struct tm tm;
  char day[24];
  if (gmtime_r(&seconds, &tm) == NULL || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
    day[0] = '\0';
  }
  (void)snprintf(out, 40, "%s.%06dZ", day, (int)(now % 1000000));
  return out;
}

/* The words of `text` that need no escape in JSON; what does becomes '?'. */
static const char *plain(SealText text, char out[200]) {
  int n = 0;
  for (int i = 0; text.p != NULL && i < text.n && n < 199; i++) {
    unsigned char c = (unsigned char)text.p[i];
    out[n++] = c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? '?' : (char)c;
  }
  out[n] = '\0';
  return out;
}

/* A method that HTTP or WebDAV knows is none of a peer's words. */
static const char *method_of(const HostRequest *r) {
  static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    if (seal_text_is(r->param[HOST_METHOD], methods[i])) return methods[i];
  }
  return "";
}

/* trace-id of traceparent (W3C Trace Context 3.2.2): what a peer's log has too. */
static const char *trace_of(const HostRequest *r, char out[33]) {
  SealText text = r->param[HOST_TRACEPARENT];
  out[0] = '\0';
  if (text.p == NULL || text.n < 55) return out;
  for (int i = 0; i < 32; i++) {
    char c = text.p[3 + i];
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return out;
  }
  memcpy(out, text.p + 3, 32);
  out[32] = '\0';
  return out;
}

void host_log_request(HostLog *log, const HostRequest *r, const HostAnswer *answer) {
  char line[LOG_LINE], time[40], path[HOST_PATH_SIZE], cause[200], trace[33], client[200];
  int n = snprintf(line, sizeof line,
                   "{\"time\":\"%s\",\"client\":\"%.45s\",\"method\":\"%s\",\"path\":\"%s\","
                   "\"status\":%d,\"cause\":\"%"
                   "s\",\"bytes_in\":%zu,"
                   "\"bytes_out\":%zu,\"waited_us\":%lld,\"took_us\":%lld,\"group\":%d,\"message_"
                   "id\":\"%s\",\"trace\":\"%s\"}\n",
                   now_text(time), plain(r->param[HOST_CLIENT], client), method_of(r),
                   host_request_path(r, path), answer->status, plain(answer->cause, cause),
                   r->n_body, answer->n, (long long)(r->begun > 0 ? r->begun - r->came : 0),
                   (long long)(r->answered - r->came), r->group, r->own_key ? r->key : "",
                   trace_of(r, trace));
  add_line(log, line, n);
}

void host_log_event(HostLog *log, const char *event, const char *detail) {
  char line[LOG_LINE], time[40], quoted[200];
  int n = snprintf(line, sizeof line, "{\"time\":\"%s\",\"event\":\"%s\",\"detail\":\"%s\"}\n",
                   now_text(time), event, plain(seal_text_from(detail), quoted));
  add_line(log, line, n);
}
