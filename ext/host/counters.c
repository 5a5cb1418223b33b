/* The door's counters as the Prometheus text format 0.0.4 (counters.h).
*/
#include "host/counters.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct Text {
  char *p;
  size_t n;
} Text;

__attribute__((format(printf, 2, 3))) static void put_line(Text *text, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(text->p + text->n, HOST_COUNTERS_SIZE - text->n, format, ap);
  va_end(ap);
  assert(n >= 0 && text->n + (size_t)n < HOST_COUNTERS_SIZE);
  text->n += (size_t)n;
}

static void add_family(Text *text, const char *name, const char *type, const char *help) {
  put_line(text, "# HELP seal_door_%s %s\n# TYPE seal_door_%s %s\n", name, help, name, type);
}

static void add_one(Text *text, const char *name, const char *type, const char *help, uint64_t n) {
  add_family(text, name, type, help);
  put_line(text, "seal_door_%s %" PRIu64 "\n", name, n);
}

size_t host_counters_text(const HostCounters *counters, char out[HOST_COUNTERS_SIZE]) {
  Text text = {out, 0};
  uint64_t all = 0;
  add_family(&text, "requests_total", "counter", "Requests answered, by class of status.");
  for (int i = 2; i < 6; i++) {
    put_line(&text, "seal_door_requests_total{code=\"%dxx\"} %" PRIu64 "\n", i,
             counters->requests[i]);
    all += counters->requests[i];
  }
  add_family(&text, "request_duration_seconds", "summary",
             "From a request's first byte to its answer.");
  put_line(&text, "seal_door_request_duration_seconds_sum %" PRIu64 ".%06" PRIu64 "\n",
           counters->took_us / 1000000, counters->took_us % 1000000);
  put_line(&text, "seal_door_request_duration_seconds_count %" PRIu64 "\n", all);
  add_one(&text, "groups_total", "counter", "Transactions committed.", counters->groups);
  add_one(&text, "group_messages_total", "counter", "Messages in them.", counters->messages);
  add_one(&text, "failures_total", "counter", "Transactions and commands that failed.",
          counters->failed);
  add_one(&text, "answers_lost_total", "counter", "Answers that nobody waited for any more.",
          counters->lost);
  add_one(&text, "connections", "gauge", "Connections of web servers.", counters->connections);
  add_one(&text, "waiting", "gauge", "Requests that wait for their turn.", counters->waiting);
  add_one(&text, "memory_bytes", "gauge",
          "Memory of bodies, and of answers that are not taken yet.", counters->memory);
  return text.n;
}
