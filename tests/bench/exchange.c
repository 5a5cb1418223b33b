/* Bundles of the registrar's, beside bare JSON and INSERT ... SELECT of the same rows (bench.h).
**
**    build/bench exchange
**    full copy of 1000000: told        bare: SELECT json_group_array, in pieces as large as a bundle
**    full copy of 1000000: applied     bare: INSERT ... SELECT from json_each, into the same storage
**    one change: told and applied      bare: SELECT json_object, and the same as an upsert
**
** A bundle is signed, and its rows are checked one by one before the first of them is written; bare SQL
** does neither.
*/
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE   30000 /* identities of a bare piece: about what a bundle holds */
#define CACHE   "PRAGMA cache_size = -8192" /* for memory: what else grows is the page cache */
#define CHANGES 50

static char *copy_of(sqlite3_stmt *row, int i) {
  const char *text = (const char *)sqlite3_column_text(row, i);
  char *copy = text ? strdup(text) : NULL;
  if (copy == NULL) bench_fail("no text: %s", sqlite3_errmsg(sqlite3_db_handle(row)));
  return copy;
}

/* One row's first column, malloc'd; the statement is reset. */
static char *text_row(sqlite3_stmt *stmt) {
  if (sqlite3_step(stmt) != SQLITE_ROW) {
    bench_fail("%s: %s", sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
  }
  char *text = copy_of(stmt, 0);
  (void)sqlite3_reset(stmt);
  return text;
}

static char *text_of_sql(sqlite3 *db, const char *sql) {
  sqlite3_stmt *stmt = host_prepare(db, sql);
  char *text = text_row(stmt);
  (void)sqlite3_finalize(stmt);
  return text;
}

/* The most memory that the process has had so far, in bytes. */
static double peak(void) {
  char line[256];
  double kb = 0;
  FILE *f = fopen("/proc/self/status", "r");
  if (f == NULL) return 0;
  while (fgets(line, sizeof line, f) != NULL) {
    if (sscanf(line, "VmHWM: %lf", &kb) == 1) break;
  }
  (void)fclose(f);
  return kb * 1024;
}

/* A registrar with so many identities, and its signing key. */
static sqlite3 *registrar(const Bench *bench) {
  sqlite3 *db = host_open(bench, "exchange", 1, 1, "NORMAL");
  host_install(db, 0);
  char *token = host_token();
  host_run(db, "SELECT seal_unlock(zeroblob(32))");
  host_run(db, "INSERT INTO seal_command(command) VALUES ('rotate-key');"
               "INSERT INTO seal_server(seal_server_id, seal_service)"
               " VALUES ('sims', 'identity-management')");
  host_run(db,
           "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < %lld)"
           "INSERT INTO seal_identity(credential, val_service_id, val_user_id)"
           " SELECT '%q', '%q', format('user-%%08d@a.example', i) FROM c",
           (long long)bench->rows, token, HOST_SERVICE);
  host_run(db, CACHE);
  free(token);
  return db;
}

/* A SEAL server that trusts it. */
static sqlite3 *seal_server(const Bench *bench, sqlite3 *from) {
  sqlite3 *db = host_open(bench, "exchange-sims", 1, 1, "NORMAL");
  char *schema = text_of_sql(db, "SELECT seal_schema()");
  char *jwks = text_of_sql(from, "SELECT seal_jwks()");
  host_run(db, "%s", schema);
  host_run(db,
           "UPDATE seal_registrar SET identifier = 'sims';"
           "INSERT INTO seal_anchor(anchor_id, type, iss, value)"
           " VALUES ('registrar', 'registrar', 'urn:seal:registrar', '%q')",
           jwks);
  host_run(db, CACHE);
  free(schema);
  free(jwks);
  return db;
}

typedef struct Exchange {
  sqlite3_stmt *tell, *apply, *place;
  char *since;          /* NULL: a full copy */
  double told, applied; /* seconds */
} Exchange;

static void exchange_open(Exchange *x, sqlite3 *from, sqlite3 *to) {
  memset(x, 0, sizeof *x);
  x->tell = host_prepare(from, "SELECT seal_bundle('sims', ?1)");
  x->apply = host_prepare(to, "INSERT INTO seal_command(command, argument) VALUES ('apply', ?1)");
  x->place = host_prepare(to, "SELECT result->>'at', result->>'more' FROM seal_command LIMIT 1");
}

static void exchange_close(Exchange *x) {
  (void)sqlite3_finalize(x->tell);
  (void)sqlite3_finalize(x->apply);
  (void)sqlite3_finalize(x->place);
  free(x->since);
}

/* One bundle; 1 if there is more. */
static int exchange_one(Exchange *x) {
  double t = bench_now();
  (void)sqlite3_bind_text(x->tell, 1, x->since, -1, SQLITE_STATIC);
  char *bundle = text_row(x->tell);
  x->told += bench_now() - t;
  t = bench_now();
  (void)sqlite3_bind_text(x->apply, 1, bundle, -1, SQLITE_STATIC);
  host_finish(x->apply);
  (void)sqlite3_clear_bindings(x->apply);
  x->applied += bench_now() - t;
  free(bundle);
  if (sqlite3_step(x->place) != SQLITE_ROW) bench_fail("apply gave no result");
  free(x->since);
  x->since = copy_of(x->place, 0);
  int more = sqlite3_column_int(x->place, 1);
  (void)sqlite3_reset(x->place);
  return more;
}

/* The same rows as bare JSON, piece by piece. */
static void bare_copy(sqlite3 *from, sqlite3 *to, double *told, double *applied) {
  sqlite3_stmt *tell = host_prepare(
      from,
      "SELECT json_group_array(json_array(0, 'u', val_user_id)), max(id)"
      " FROM (SELECT id, val_user_id FROM seal_identity_data WHERE id > ?1 ORDER BY id LIMIT ?2)");
  sqlite3_stmt *apply =
      host_prepare(to, "INSERT INTO seal_identity_data(id, service, val_user_id)"
                       " SELECT (1 << 28) + ?2 + key, 1, value->>2 FROM json_each(?1)");
  int64_t after = 0, rows = 0;
  for (;;) {
    double t = bench_now();
    (void)sqlite3_bind_int64(tell, 1, after);
    (void)sqlite3_bind_int(tell, 2, PIECE);
    if (sqlite3_step(tell) != SQLITE_ROW) bench_fail("%s", sqlite3_errmsg(from));
    after = sqlite3_column_int64(tell, 1);
    char *json = copy_of(tell, 0);
    (void)sqlite3_reset(tell);
    *told += bench_now() - t;
    if (after != 0) {
      t = bench_now();
      (void)sqlite3_bind_text(apply, 1, json, -1, SQLITE_STATIC);
      (void)sqlite3_bind_int64(apply, 2, rows);
      host_finish(apply);
      *applied += bench_now() - t;
    }
    free(json);
    if (after == 0) break;
    rows += PIECE;
  }
  (void)sqlite3_finalize(tell);
  (void)sqlite3_finalize(apply);
}

static void full_copies(const Bench *bench, sqlite3 *db) {
  Series told[2] = {{NULL, 0}}, applied[2] = {{NULL, 0}};
  char work[100];
  double first = 0, last = 0;
  for (int i = 0; i < (bench->times + 1) / 2; i++) {
    double bare[2] = {0, 0};
    sqlite3 *to = seal_server(bench, db), *plain = host_copy(bench, to, "exchange-floor", "NORMAL");
    Exchange x;
    exchange_open(&x, db, to);
    /* The page caches are full after a few bundles. */
    for (int n = 1; exchange_one(&x); n++) {
      if (i == 0 && n == 12) first = peak();
    }
    if (i == 0) last = peak();
    exchange_close(&x);
    bare_copy(db, plain, &bare[0], &bare[1]);
    if (host_int(to, "SELECT count(*) FROM seal_identity_data") != bench->rows ||
        host_int(plain, "SELECT count(*) FROM seal_identity_data") != bench->rows) {
      bench_fail("rows are missing");
    }
    series_add(&told[0], bare[0]);
    series_add(&told[1], x.told);
    series_add(&applied[0], bare[1]);
    series_add(&applied[1], x.applied);
    host_close(to);
    host_close(plain);
  }
  snprintf(work, sizeof work, "full copy of %lld identities: told", (long long)bench->rows);
  bench_row(work, &told[0], &told[1], 0);
  bench_row("                              applied", &applied[0], &applied[1], 0);
  if (first > 0) bench_row_bytes("    peak of memory, 12 bundles / all of them", first, last, 1.1);
}

/* One change among all that, told and applied, beside one row told as JSON and upserted. */
static void one_change(const Bench *bench, sqlite3 *db) {
  Series bare = {NULL, 0}, ours = {NULL, 0};
  char work[100];
  sqlite3 *to = seal_server(bench, db), *plain = host_copy(bench, to, "exchange-floor", "NORMAL");
  Exchange x;
  exchange_open(&x, db, to);
  while (exchange_one(&x)) continue;
  sqlite3_stmt *tell = host_prepare(
      db, "SELECT json_object('agreement_id', agreement_id, 'val_provider_id', val_provider_id,"
          " 'start_time', start_time, 'stop_time', stop_time, 'status', status)"
          " FROM seal_agreement_data WHERE agreement_id = 'sla-7'");
  sqlite3_stmt *apply = host_prepare(
      plain, "INSERT INTO seal_agreement_data(agreement_id, val_provider_id, start_time, stop_time,"
             " status) VALUES (?1->>'agreement_id', ?1->>'val_provider_id', ?1->>'start_time',"
             " ?1->>'stop_time', ?1->>'status')"
             " ON CONFLICT DO UPDATE SET stop_time = excluded.stop_time, status = excluded.status");
  for (int i = 0; i < CHANGES; i++) {
    host_run(db,
             "UPDATE seal_agreement SET max_val_servers = %d WHERE agreement_id = 'sla-7'"
             " AND at IS NULL",
             i + 10);
    x.told = x.applied = 0;
    (void)exchange_one(&x);
    series_add(&ours, x.told + x.applied);
    double t = bench_now();
    char *json = text_row(tell);
    (void)sqlite3_bind_text(apply, 1, json, -1, SQLITE_STATIC);
    host_finish(apply);
    free(json);
    series_add(&bare, bench_now() - t);
  }
  snprintf(work, sizeof work, "one change among %lld identities: told and applied",
           (long long)bench->rows);
  bench_row_time(work, &bare, &ours, 0);
  (void)sqlite3_finalize(tell);
  (void)sqlite3_finalize(apply);
  exchange_close(&x);
  host_close(to);
  host_close(plain);
}

void work_exchange(const Bench *bench) {
  sqlite3 *db = registrar(bench);
  full_copies(bench, db);
  one_change(bench, db);
  host_close(db);
}
