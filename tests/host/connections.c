/* What one more connection costs: opens in-memory databases, loads the extension into each, and prints
** what the first load took, and what each further one takes beyond a plain connection.
**
**    build/connections EXTENSION N       "first MS further MS KB sqlite KB", KB beside SQLite's own, then
**                                        those that SQLite's allocator gave
**    build/connections EXTENSION N T     T threads do that at once, and verify a token on each: "ok"
**
** Times are of the CPU, the median of N connections; memory is the average of what they hold.
*/
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sqlite3.h>

/* The CPU time of this process in milliseconds. */
static double cpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Opens a connection, with the extension unless that is NULL; gives the CPU time. */
static double open_one(sqlite3 **db, const char *extension) {
  char *message = NULL;
  double start = cpu();
  if (sqlite3_open(":memory:", db) != SQLITE_OK) exit(2);
  if (extension != NULL) {
    sqlite3_enable_load_extension(*db, 1);
    if (sqlite3_load_extension(*db, extension, NULL, &message) != SQLITE_OK) {
      fprintf(stderr, "%s\n", message ? message : "not loaded");
      exit(2);
    }
  }
  return cpu() - start;
}

/* Opens n connections: the median of their times, and what one holds, in bytes: all that malloc gave,
** and what of it SQLite asked for. */
static double open_many(sqlite3 **db, int n, const char *extension, double *bytes, double *sqlite) {
  double *took = malloc((size_t)n * sizeof *took);
  size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  sqlite3_int64 before_sqlite = sqlite3_memory_used();
  if (took == NULL) exit(2);
  for (int i = 0; i < n; i++) took[i] = open_one(&db[i], extension);
  *bytes = (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / n;
  *sqlite = (double)(sqlite3_memory_used() - before_sqlite) / n;
  qsort(took, (size_t)n, sizeof *took, by_size);
  double median = took[n / 2];
  free(took);
  return median;
}

/* An empty payload under the key of RFC 7515 A.1, with the signature as ?1. */
static const char verify[] =
    "SELECT ok FROM seal_jws('eyJhbGciOiJIUzI1NiJ9.e30.' || ?1, "
    "'{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld"
    "3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}')";

static const char good[] = "kV_0TaAytE8UYEw3uFsmhDVFEgvnO6S_dA8UnWQoxmU";
static const char bad[] = "AV_0TaAytE8UYEw3uFsmhDVFEgvnO6S_dA8UnWQoxmU";

/* What a thread does; the extension, how many connections, and how many were wrong. */
typedef struct Thread {
  pthread_t id;
  const char *extension;
  int n, wrong;
} Thread;

static int verified(sqlite3 *db, const char *signature) {
  sqlite3_stmt *stmt;
  int ok = -1;
  if (sqlite3_prepare_v2(db, verify, -1, &stmt, NULL) != SQLITE_OK) return -1;
  sqlite3_bind_text(stmt, 1, signature, -1, SQLITE_STATIC);
  if (sqlite3_step(stmt) == SQLITE_ROW) ok = sqlite3_column_int(stmt, 0);
  sqlite3_finalize(stmt);
  return ok;
}

static void *run_thread(void *arg) {
  Thread *thread = arg;
  for (int i = 0; i < thread->n; i++) {
    sqlite3 *db;
    (void)open_one(&db, thread->extension);
    thread->wrong += verified(db, good) != 1 || verified(db, bad) != 0;
    thread->wrong += sqlite3_close(db) != SQLITE_OK;
  }
  return NULL;
}

static int run_threads(const char *extension, int n, int n_threads) {
  Thread *threads = calloc((size_t)n_threads, sizeof *threads);
  int wrong = 0;
  if (threads == NULL) return 2;
  for (int i = 0; i < n_threads; i++) {
    threads[i] = (Thread){.extension = extension, .n = n};
    if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]) != 0) return 2;
  }
  for (int i = 0; i < n_threads; i++) {
    pthread_join(threads[i].id, NULL);
    wrong += threads[i].wrong;
  }
  free(threads);
  printf("%s\n", wrong ? "wrong" : "ok");
  return 0;
}

int main(int argc, char **argv) {
  int n = argc > 2 ? atoi(argv[2]) : 0;
  if (n < 1) return 2;
  if (argc > 3) return run_threads(argv[1], n, atoi(argv[3]));
  sqlite3 **db = calloc(2 * (size_t)n + 2, sizeof *db);
  double bytes, sqlite, plain_bytes, plain_sqlite;
  if (db == NULL) return 2;
  (void)open_one(&db[0], NULL); /* SQLite's own start */
  double plain = open_many(db + 1, n, NULL, &plain_bytes, &plain_sqlite);
  double first = open_one(&db[n + 1], argv[1]);
  double further = open_many(db + n + 2, n, argv[1], &bytes, &sqlite);
  bytes -= plain_bytes;
  sqlite -= plain_sqlite;
  printf("first %.2f further %.3f KB %.0f sqlite %.0f\n", first - plain, further - plain,
         (bytes - sqlite) / 1024, sqlite / 1024);
  for (int i = 0; i < 2 * n + 2; i++) sqlite3_close(db[i]);
  free(db);
  return 0;
}
