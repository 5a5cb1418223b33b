/* `make bench`: prints what the registrar's work costs beside its bare floor (bench.h).
**
**    bench [-l LIB] [-d FOLDER] [-r ROWS] [-i IDENTITIES] [-n TIMES] [WORK...]
**    bench -r 10000000 lookup
**
** LIB is the extension (build/seal), FOLDER takes the databases (build/bench.db). ROWS identities are
** stored (1,000,000), a large message holds IDENTITIES (100,000), what takes long is done TIMES times
** (5). WORK: message insert operation many token lookup
** refusal sweep exchange load; all of them unless given.
*/
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double bench_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void bench_fail(const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  fputs("bench: ", stderr);
  vfprintf(stderr, format, ap);
  fputc('\n', stderr);
  va_end(ap);
  exit(1);
}

void series_add(Series *series, double seconds) {
  if ((series->n & (series->n - 1)) == 0) {
    size_t room = series->n ? 2 * (size_t)series->n : 1;
    series->v = realloc(series->v, room * sizeof *series->v);
    if (series->v == NULL) bench_fail("out of memory");
  }
  series->v[series->n++] = seconds;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double series_median(Series *series) {
  if (series->n == 0) return 0;
  qsort(series->v, (size_t)series->n, sizeof *series->v, by_value);
  return (series->v[(series->n - 1) / 2] + series->v[series->n / 2]) / 2;
}

void series_free(Series *series) {
  free(series->v);
  *series = (Series){NULL, 0};
}

/* "1.23 ms" */
static const char *time_text(char out[32], double seconds) {
  const char *unit = seconds < 1e-3 ? "us" : seconds < 1 ? "ms" : "s ";
  double value = seconds < 1e-3 ? seconds * 1e6 : seconds < 1 ? seconds * 1e3 : seconds;
  if (seconds == 0) return "-";
  snprintf(out, 32, "%.*f %s", value < 100 ? 2 : 0, value, unit);
  return out;
}

static void print_line(const char *work, const char *floor, const char *ours, const char *ratio,
                       const char *aim, const char *verdict) {
  printf("%-58s %12s %12s %7s %9s  %s\n", work, floor, ours, ratio, aim, verdict);
  fflush(stdout);
}

static void print_row(const char *work, const char *floor, const char *ours, double ratio,
                      double aim) {
  char r[32], a[32];
  snprintf(r, sizeof r, "%.2f", ratio);
  snprintf(a, sizeof a, "<= %.2f", aim);
  print_line(work, floor, ours, r, aim > 0 ? a : "", aim == 0 ? "" : ratio <= aim ? "ok" : "over");
}

void bench_row(const char *work, Series *floor, Series *ours, double aim) {
  char f[32], o[32];
  double a = series_median(floor), b = series_median(ours);
  print_row(work, time_text(f, a), time_text(o, b), a > 0 ? b / a : 0, aim);
  series_free(floor);
  series_free(ours);
}

void bench_row_time(const char *work, Series *floor, Series *ours, double aim) {
  char f[32], o[32], r[32], t[32], text[40];
  double a = series_median(floor), b = series_median(ours);
  snprintf(r, sizeof r, "%.2f", a > 0 ? b / a : 0);
  snprintf(text, sizeof text, "<= %s", time_text(t, aim));
  print_line(work, time_text(f, a), time_text(o, b), a > 0 ? r : "-", aim > 0 ? text : "",
             aim == 0   ? ""
             : b <= aim ? "ok"
                        : "over");
  series_free(floor);
  series_free(ours);
}

void bench_row_bytes(const char *work, double floor, double ours, double aim) {
  char f[32], o[32];
  snprintf(f, sizeof f, "%.2f MB", floor / 1e6);
  snprintf(o, sizeof o, "%.2f MB", ours / 1e6);
  print_row(work, f, o, floor > 0 ? ours / floor : 0, aim);
}

void bench_row_size(const char *work, int64_t bytes, int64_t aim) {
  char o[32], a[32];
  snprintf(o, sizeof o, "%lld B ", (long long)bytes);
  snprintf(a, sizeof a, "<= %lld", (long long)aim);
  print_line(work, "-", o, "-", a, bytes <= aim ? "ok" : "over");
}

static const struct {
  const char *name;
  void (*run)(const Bench *);
} works[] = {
    {"message", work_message}, {"insert", work_insert}, {"operation", work_operation},
    {"many", work_many},       {"token", work_token},   {"lookup", work_lookup},
    {"refusal", work_refusal}, {"sweep", work_sweep},   {"exchange", work_exchange},
    {"load", work_load},
};

static int is_wanted(const char *name, int argc, char **argv) {
  int wanted = argc == 0;
  for (int i = 0; i < argc; i++) wanted |= strcmp(argv[i], name) == 0;
  return wanted;
}

static int64_t number(const char *text, int64_t least) {
  char *end;
  long long n = strtoll(text, &end, 10);
  if (*text == 0 || *end != 0 || n < least)
    bench_fail("%s is not a number from %d on", text, (int)least);
  return n;
}

int main(int argc, char **argv) {
  Bench bench = {1000000, 100000, 5, "build/bench.db", "build/seal"};
  int option;
  while ((option = getopt(argc, argv, "l:d:r:i:n:")) != -1) {
    switch (option) {
    case 'l':
      bench.lib = optarg;
      break;
    case 'd':
      bench.folder = optarg;
      break;
    case 'r':
      bench.rows = number(optarg, 200000);
      break;
    case 'i':
      bench.identities = (int)number(optarg, 1000);
      break;
    case 'n':
      bench.times = (int)number(optarg, 1);
      break;
    default:
      return 2;
    }
  }
  (void)mkdir(bench.folder, 0777);
  print_line("work (medians, in turns)", "floor", "registrar", "ratio", "aim", "");
  for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
    if (is_wanted(works[i].name, argc - optind, argv + optind)) works[i].run(&bench);
  }
  return 0;
}
