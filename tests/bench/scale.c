/* What must not grow (bench.h): the work of one POST with the number of configurations, the cost of one more
** connection with what the process has loaded.
*/
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/************************************************************************************************
** many: one POST of one identity among many configurations, beside the same among none. As many messages as
** are measured make no difference to either.
*/
/* Each configuration has an end and a user of its own. */
#define FILL_CONFIGURATIONS                                                                        \
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"                   \
  " INSERT INTO seal_configuration(credential, seal_service, conf_id, exp_time)"                   \
  " SELECT ?1, 'identity-management', printf('c%lld', i), ?3 + i FROM n"
#define FILL_IDENTITIES                                                                            \
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"                   \
  " INSERT INTO seal_identity(credential, conf_id, val_service_id, val_user_id)"                   \
  " SELECT ?1, printf('c%lld', i), 'v2x', printf('f%08lld@acme.example', i) FROM n"

static void fill(sqlite3 *db, const char *sql, int n) {
  char *token = host_token();
  sqlite3_stmt *stmt = host_prepare(db, sql);
  if (sqlite3_bind_text(stmt, 1, token, -1, SQLITE_STATIC) != SQLITE_OK ||
      sqlite3_bind_int(stmt, 2, n) != SQLITE_OK) {
    bench_fail("bind");
  }
  if (sqlite3_bind_parameter_count(stmt) > 2 &&
      sqlite3_bind_int64(stmt, 3, (sqlite3_int64)time(NULL) + 86400) != SQLITE_OK) {
    bench_fail("bind");
  }
  host_finish(stmt);
  (void)sqlite3_finalize(stmt);
  free(token);
}

void work_many(const Bench *bench) {
  Series none = {0}, many = {0};
  char work[96];
  int n = 300 * bench->times;
  sqlite3 *few_db = host_open(bench, "none", 1, 1, "NORMAL");
  sqlite3 *many_db = host_open(bench, "many", 1, 1, "NORMAL");
  host_install(few_db, 1000000000);
  host_install(many_db, 1000000000);
  fill(many_db, FILL_CONFIGURATIONS, bench->identities);
  fill(many_db, FILL_IDENTITIES, bench->identities);
  host_run(many_db, "PRAGMA wal_checkpoint(TRUNCATE)");
  HostPost *few = host_post_open(few_db), *full = host_post_open(many_db);
  for (int i = 0; i < n; i++) {
    char id[32], *one = host_request(&i, 1, 0, HOST_FOREVER),
                 *other = host_request(&i, 1, 0, HOST_FOREVER);
    snprintf(id, sizeof id, "m-%d", i);
    double t = host_post(few, id, one), u = host_post(full, id, other);
    if (i >= n / 10) { /* the first ones warm up */
      series_add(&none, t);
      series_add(&many, u);
    }
    free(one);
    free(other);
  }
  snprintf(work, sizeof work, "POST among %d configurations / among none", bench->identities);
  bench_row(work, &none, &many, 1.1);
  host_post_close(few);
  host_post_close(full);
  host_close(few_db);
  host_close(many_db);
}

/************************************************************************************************
** load: the extension into one more connection.
*/
static int64_t memory_used(void) {
  sqlite3_int64 used, high;
  if (sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &used, &high, 0) != SQLITE_OK) {
    bench_fail("sqlite3_status64");
  }
  return used;
}

void work_load(const Bench *bench) {
  Series none = {0}, ours = {0};
  sqlite3 *first = host_open_memory();
  host_load(bench, first);
  int64_t bytes = 0;
  for (int i = 0; i < 40 * bench->times; i++) {
    sqlite3 *db = host_open_memory();
    int64_t before = memory_used();
    double t = bench_now();
    host_load(bench, db);
    series_add(&ours, bench_now() - t);
    bytes = memory_used() - before;
    host_close(db);
  }
  bench_row_time("loading into one more connection", &none, &ours, 0.25e-3);
  bench_row_size("                                 its memory", bytes, 32768);
  host_close(first);
}
