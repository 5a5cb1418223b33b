/* What `make bench` measures (bench.h): each work of the registrar beside its floor.
**
** Where both write, the registrar has one database and the floor another with the same tables, indexes
** and rows. What one repetition stored is taken away again before the next, outside the measured time.
*/
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONF     10000 /* identities of a configuration in the stored database */
#define SCATTER  10    /* configurations whose users lie among each other */
#define NO_QUOTA 1000000000

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *text_of(const char *format, ...) {
  static char text[4][96];
  static int next;
  va_list ap;
  char *out = text[next++ % 4];
  va_start(ap, format);
  vsnprintf(out, sizeof text[0], format, ap);
  va_end(ap);
  return out;
}

static void bind_text(sqlite3_stmt *stmt, int i, const char *text) {
  if (sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC) != SQLITE_OK) bench_fail("bind");
}

static void bind_int(sqlite3_stmt *stmt, int i, int64_t value) {
  if (sqlite3_bind_int64(stmt, i, value) != SQLITE_OK) bench_fail("bind");
}

/* The time that a statement takes; bound already. */
static double timed(sqlite3_stmt *stmt) {
  double t = bench_now();
  host_finish(stmt);
  return bench_now() - t;
}

static void checkpoint(sqlite3 *db) {
  host_run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/************************************************************************************************
** message: a POST of 100,000 shuffled identities.
*/
#define INSERT_MESSAGE "INSERT INTO seal_message(message_id, request) VALUES (?1, ?2)"

/* One ordered INSERT from the request's own JSON, into the same storage. */
#define FLOOR_JSON                                                                                 \
  "INSERT INTO seal_identity_data(service, val_user_id)"                                           \
  " SELECT 1, value->>'valUserId' FROM json_each(?1, '$.body.valSvcConf[0].idList') ORDER BY 2"
#define FLOOR_BIND "INSERT INTO seal_identity_data(service, val_user_id) VALUES (1, ?1)"

static double floor_json(sqlite3 *db, sqlite3_stmt *stmt, const char *request) {
  bind_text(stmt, 1, request);
  double t = bench_now();
  host_run(db, "BEGIN IMMEDIATE");
  host_finish(stmt);
  host_run(db, "COMMIT");
  return bench_now() - t;
}

/* The names one after the other, as a host would that has them in a list. */
static double floor_bind(sqlite3 *db, sqlite3_stmt *stmt, const int *users, int n) {
  char(*names)[32] = malloc((size_t)n * sizeof *names);
  if (names == NULL) bench_fail("out of memory");
  for (int i = 0; i < n; i++) host_name(names[i], users[i]);
  double t = bench_now();
  host_run(db, "BEGIN IMMEDIATE");
  for (int i = 0; i < n; i++) {
    bind_text(stmt, 1, names[i]);
    host_finish(stmt);
  }
  host_run(db, "COMMIT");
  t = bench_now() - t;
  free(names);
  return t;
}

static double post(sqlite3_stmt *insert, const char *request) {
  char id[32];
  snprintf(id, sizeof id, "m-%lld", (long long)host_serial());
  bind_text(insert, 1, id);
  bind_text(insert, 2, request);
  double t = timed(insert);
  (void)sqlite3_clear_bindings(insert);
  return t;
}

/* Memory that a POST takes beside the page cache, at most. */
static double post_memory(sqlite3 *db, sqlite3_stmt *insert, const char *request) {
  int cache[2], unused;
  sqlite3_int64 before, after, high;
  (void)sqlite3_db_release_memory(db);
  (void)sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_USED, &cache[0], &unused, 0);
  (void)sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &before, &high, 1);
  (void)post(insert, request);
  (void)sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &after, &high, 0);
  (void)sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_USED, &cache[1], &unused, 0);
  return (double)(high - before) - (cache[1] > cache[0] ? cache[1] - cache[0] : 0);
}

static void empty(sqlite3 *db, sqlite3 *bare) {
  host_run(db, "DELETE FROM seal_configuration");
  host_run(bare, "DELETE FROM seal_identity_data");
  checkpoint(db);
  checkpoint(bare);
}

/* With a page cache of this many kB on both sides. */
static void messages(const Bench *bench, int cache_kb, const int *users, const char *work) {
  Series json = {0}, ours = {0}, bind = {0}, again = {0};
  int n = bench->identities;
  sqlite3 *db = host_open(bench, "message", 1, 1, "NORMAL");
  host_install(db, NO_QUOTA);
  sqlite3 *bare = host_copy(bench, db, "message-floor", "NORMAL");
  host_run(db, "PRAGMA cache_size = -%d", cache_kb);
  host_run(bare, "PRAGMA cache_size = -%d", cache_kb);
  sqlite3_stmt *insert = host_prepare(db, INSERT_MESSAGE);
  sqlite3_stmt *each = host_prepare(bare, FLOOR_JSON), *one = host_prepare(bare, FLOOR_BIND);
  double size = 0, memory = 0;
  for (int i = 0; i <= bench->times; i++) {
    char *request = host_request(users, n, 0, HOST_FOREVER);
    double a = floor_json(bare, each, request), b = i ? post(insert, request) : 0;
    if (i == 0) { /* the first repetition warms up */
      size = (double)strlen(request);
      memory = post_memory(db, insert, request);
    }
    if (host_int(db, "SELECT identities FROM seal_registrar") != n) bench_fail("not all stored");
    empty(db, bare);
    double c = floor_bind(bare, one, users, n);
    empty(db, bare);
    if (i > 0) {
      series_add(&json, a);
      series_add(&bind, c);
      series_add(&ours, b);
      series_add(&again, b);
    }
    free(request);
  }
  bench_row(work, &json, &ours, 1.15);
  bench_row("                             / bind loop", &bind, &again, 0.6);
  bench_row_bytes("               memory beside the page cache / the request", size, memory, 8);
  (void)sqlite3_finalize(insert);
  (void)sqlite3_finalize(each);
  (void)sqlite3_finalize(one);
  host_close(db);
  host_close(bare);
}

void work_message(const Bench *bench) {
  int *users = host_shuffled(bench->identities);
  messages(bench, HOST_CACHE_KB, users,
           text_of("POST of %d identities / ordered INSERT from json_each", bench->identities));
  messages(bench, 2000, users, "the same with SQLite's own cache of 2 MB");
  free(users);
}

/************************************************************************************************
** insert: INSERT … SELECT of many rows.
*/
#define FLOOR_ROWS                                                                                 \
  "INSERT INTO seal_identity_data(id, service, val_user_id)"                                       \
  " SELECT (1 << 28) + rowid - 1, 1, val_user_id FROM source"
#define OUR_ROWS                                                                                   \
  "INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time)"                   \
  " SELECT ?1, 'v2x', val_user_id, '" HOST_FOREVER "' FROM source"

/* Fills a table `source` with names in this order (NULL: 0, 1, 2, …). */
static void fill_source(sqlite3 *db, const int *users, int n) {
  char name[32];
  host_run(db, "DROP TABLE IF EXISTS source; CREATE TABLE source(val_user_id TEXT); BEGIN");
  sqlite3_stmt *insert = host_prepare(db, "INSERT INTO source VALUES (?1)");
  for (int i = 0; i < n; i++) {
    host_name(name, users ? users[i] : i);
    bind_text(insert, 1, name);
    host_finish(insert);
  }
  (void)sqlite3_finalize(insert);
  host_run(db, "COMMIT");
  checkpoint(db);
}

static void insert_rows(const Bench *bench, sqlite3 *db, sqlite3 *bare, const int *users,
                        const char *order) {
  Series floor = {0}, ours = {0};
  int n = (int)bench->rows;
  fill_source(db, users, n);
  fill_source(bare, users, n);
  sqlite3_stmt *plain = host_prepare(bare, FLOOR_ROWS), *insert = host_prepare(db, OUR_ROWS);
  for (int i = 0; i < bench->times && i < 3; i++) {
    char *token = host_token();
    bind_text(insert, 1, token);
    series_add(&floor, timed(plain));
    series_add(&ours, timed(insert));
    if (host_int(db, "SELECT identities FROM seal_registrar") != n) bench_fail("not all stored");
    empty(db, bare);
    free(token);
  }
  bench_row(text_of("INSERT … SELECT of %d rows, %s / plain table", n, order), &floor, &ours,
            users ? 1.25 : 1.6);
  (void)sqlite3_finalize(plain);
  (void)sqlite3_finalize(insert);
}

void work_insert(const Bench *bench) {
  int *users = host_shuffled((int)bench->rows);
  sqlite3 *db = host_open(bench, "insert", 1, 1, "NORMAL");
  host_install(db, NO_QUOTA);
  sqlite3 *bare = host_copy(bench, db, "insert-floor", "NORMAL");
  insert_rows(bench, db, bare, NULL, "in order");
  insert_rows(bench, db, bare, users, "shuffled");
  host_close(db);
  host_close(bare);
  free(users);
}

/************************************************************************************************
** operation: one POST of one identity, and its answer.
*/
static void operations(const Bench *bench, const char *synchronous, int n, const char *work) {
  Series floor = {0}, ours = {0};
  sqlite3 *db = host_open(bench, "operation", 1, 1, synchronous);
  host_install(db, NO_QUOTA);
  sqlite3 *bare_db = host_copy(bench, db, "operation-floor", synchronous);
  HostPost *post = host_post_open(db);
  Floor *bare = floor_open(bare_db);
  for (int i = 0; i < n; i++) {
    char id[32], *request = host_request(&i, 1, 0, HOST_FOREVER);
    snprintf(id, sizeof id, "m-%d", i);
    double t = bench_now();
    char *copy = floor_post(bare, id, request);
    t = bench_now() - t;
    double u = host_post(post, id, request);
    if (i >= n / 10) { /* the first ones warm up */
      series_add(&floor, t);
      series_add(&ours, u);
    }
    free(copy);
    free(request);
  }
  bench_row(work, &floor, &ours, 1.15);
  host_post_close(post);
  floor_close(bare);
  host_close(db);
  host_close(bare_db);
}

void work_operation(const Bench *bench) {
  operations(bench, "NORMAL", 600 * bench->times, "POST of one identity, ES256 / bare C and SQL");
  operations(bench, "FULL", 60 * bench->times, "the same, durable (synchronous=FULL)");
}

/************************************************************************************************
** token: a token that was verified before.
*/
#define BATCH 50

static double authenticate(sqlite3_stmt *stmt, const char *token, int n) {
  double t = bench_now();
  for (int i = 0; i < n; i++) {
    bind_text(stmt, 1, token);
    if (sqlite3_step(stmt) != SQLITE_ROW) bench_fail("%s", sqlite3_errmsg(sqlite3_db_handle(stmt)));
    (void)sqlite3_reset(stmt);
  }
  return (bench_now() - t) / n;
}

/* Beside one SELECT of one row: what it costs to ask SQLite anything at all. */
static void tokens(const Bench *bench, sqlite3 *db, const char *first_work, const char *work) {
  Series first = {0}, again = {0}, select = {0}, none = {0};
  sqlite3_stmt *stmt = host_prepare(db, "SELECT seal_authenticate(?1)");
  sqlite3_stmt *row = host_prepare(db, "SELECT identifier FROM seal_registrar_data WHERE id = ?1");
  for (int i = 0; i < 100 * bench->times; i++) {
    char *token = host_token();
    series_add(&first, authenticate(stmt, token, 1));
    series_add(&again, authenticate(stmt, token, BATCH));
    series_add(&select, authenticate(row, "1", BATCH));
    free(token);
  }
  bench_row_time(first_work, &none, &first, 0);
  bench_row_time(work, &select, &again, 2e-6);
  (void)sqlite3_finalize(stmt);
  (void)sqlite3_finalize(row);
}

void work_token(const Bench *bench) {
  sqlite3 *db = host_open(bench, "token", 1, 1, "NORMAL");
  host_install(db, 0);
  tokens(bench, db, "token verified the first time (seal_authenticate)",
         "token verified again / a SELECT of one row");
  host_run(db, "BEGIN");
  tokens(bench, db, "within a transaction: the first time", "                      again");
  host_run(db, "COMMIT");
  host_close(db);
}

/************************************************************************************************
** What needs many stored identities: made once, configurations of CONF each, of which every
** SCATTER share a range of names, taking turns; configuration k ends k + 1 days from the start.
*/
static int64_t start_time;

static int64_t stored_count(const Bench *bench) {
  return bench->rows / (SCATTER * CONF) * SCATTER;
}

static sqlite3 *stored(const Bench *bench) {
  static int made;
  sqlite3 *db = host_open(bench, "stored", !made, 1, "NORMAL");
  if (made) return db;
  made = 1;
  start_time = (int64_t)time(NULL) + 86400;
  host_install(db, NO_QUOTA);
  sqlite3_stmt *insert = host_prepare(
      db, "WITH RECURSIVE n(i) AS (SELECT ?2 UNION ALL SELECT i + ?3 FROM n WHERE i + ?3 < ?4)"
          " INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time)"
          " SELECT ?1, 'v2x', printf('u%08lld@acme.example', i), ?5 FROM n");
  for (int64_t k = 0; k < stored_count(bench); k++) {
    char *token = host_token();
    int64_t first = k / SCATTER * SCATTER * CONF;
    bind_text(insert, 1, token);
    bind_int(insert, 2, first + k % SCATTER);
    bind_int(insert, 3, SCATTER);
    bind_int(insert, 4, first + SCATTER * CONF);
    bind_int(insert, 5, start_time + (k + 1) * 86400);
    host_finish(insert);
    free(token);
  }
  (void)sqlite3_finalize(insert);
  host_run(db, "VACUUM"); /* as a copy of it is laid out */
  checkpoint(db);
  return db;
}

/************************************************************************************************
** lookup: what SIM-S asks.
*/
#define OUR_LOOKUP "SELECT val_service_id FROM seal_identity WHERE val_user_id = ?1"
/* The same answer with the same validity: every end and status that the row hangs on. */
#define FLOOR_LOOKUP                                                                               \
  "SELECT s.val_service_id FROM seal_identity_data AS i"                                           \
  " JOIN seal_configuration_service AS s ON s.id = i.service"                                      \
  " JOIN seal_configuration_data AS c ON c.id = s.configuration"                                   \
  " JOIN seal_val_server_data AS v ON v.id = c.val_server"                                         \
  " JOIN seal_agreement_data AS a ON a.id = v.agreement"                                           \
  " WHERE i.val_user_id = ?1 AND c.until > ?2"                                                     \
  " AND v.status = 'active' AND (v.exp_time IS NULL OR v.exp_time > ?2) AND a.status = 'active'"   \
  " AND (a.start_time IS NULL OR a.start_time <= ?2) AND (a.stop_time IS NULL OR a.stop_time > "   \
  "?2)"                                                                                            \
  " AND NOT EXISTS (SELECT 1 FROM seal_configuration_service AS cs"                                \
  "  JOIN seal_term_data AS t ON t.id = cs.term WHERE cs.configuration = c.id"                     \
  "  AND (t.start_time > ?2 OR t.stop_time <= ?2))"

static double look_up(sqlite3_stmt *stmt, const int *users, int n, int clock) {
  char name[32];
  double t = bench_now();
  for (int i = 0; i < n; i++) {
    host_name(name, users[i]);
    bind_text(stmt, 1, name);
    if (clock) bind_int(stmt, 2, (int64_t)time(NULL));
    if (sqlite3_step(stmt) != SQLITE_ROW) bench_fail("%s is not there", name);
    if (sqlite3_column_bytes(stmt, 0) != 3 || sqlite3_step(stmt) != SQLITE_DONE)
      bench_fail("answer");
    (void)sqlite3_reset(stmt);
  }
  return (bench_now() - t) / n;
}

static void look_ups(const Bench *bench, sqlite3 *db, const char *work) {
  Series floor = {0}, ours = {0};
  int n = (int)stored_count(bench) * CONF, *users = host_shuffled(n);
  sqlite3_stmt *plain = host_prepare(db, FLOOR_LOOKUP), *stmt = host_prepare(db, OUR_LOOKUP);
  for (int i = 0; i < 200 * bench->times; i++) {
    const int *some = users + (i * BATCH) % (n - 2 * BATCH);
    series_add(&floor, look_up(plain, some, BATCH / 2, 1));
    series_add(&ours, look_up(stmt, some + BATCH / 2, BATCH / 2, 0));
  }
  bench_row(work, &floor, &ours, 1.25);
  (void)sqlite3_finalize(plain);
  (void)sqlite3_finalize(stmt);
  free(users);
}

void work_lookup(const Bench *bench) {
  sqlite3 *db = stored(bench);
  look_ups(bench, db,
           text_of("look-up by val_user_id among %lld / plain SQL", (long long)bench->rows));
  host_run(db, "BEGIN");
  look_ups(bench, db, "the same within a transaction");
  host_run(db, "COMMIT");
  host_close(db);
}

/************************************************************************************************
** refusal: one more than the quota allows, with few and with many stored.
*/
#define INSERT_ONE                                                                                 \
  "INSERT INTO seal_identity(credential, val_service_id, val_user_id) VALUES (?1, 'v2x', 'one "    \
  "more')"

static double refused(sqlite3_stmt *insert) {
  double t = bench_now();
  for (int i = 0; i < BATCH; i++) {
    if (sqlite3_step(insert) == SQLITE_DONE) bench_fail("more than the quota");
    if (sqlite3_reset(insert) != SQLITE_CONSTRAINT) {
      bench_fail("%s", sqlite3_errmsg(sqlite3_db_handle(insert)));
    }
  }
  return (bench_now() - t) / BATCH;
}

static sqlite3_stmt *full_up(sqlite3 *db, const char *token) {
  host_run(db, "UPDATE seal_term SET max_identities = (SELECT identities FROM seal_registrar)");
  sqlite3_stmt *insert = host_prepare(db, INSERT_ONE);
  bind_text(insert, 1, token);
  return insert;
}

/* What a POST of 10,000 takes does not depend on what is stored. */
static void memories(sqlite3 *small, sqlite3 *large) {
  int *users = host_shuffled(10000);
  sqlite3_stmt *a = host_prepare(small, INSERT_MESSAGE), *b = host_prepare(large, INSERT_MESSAGE);
  char *one = host_request(users, 10000, 90000000, HOST_FOREVER);
  char *other = host_request(users, 10000, 90000000, HOST_FOREVER);
  double few = post_memory(small, a, one), many = post_memory(large, b, other);
  bench_row_bytes("memory of a POST of 10000, the same", few, many, 1.2);
  (void)sqlite3_finalize(a);
  (void)sqlite3_finalize(b);
  free(one);
  free(other);
  free(users);
}

void work_refusal(const Bench *bench) {
  Series few = {0}, many = {0};
  char *token = host_token(), *other = host_token();
  sqlite3 *small = host_open(bench, "few", 1, 1, "NORMAL"), *large = stored(bench);
  host_install(small, NO_QUOTA);
  fill_source(small, NULL, 1000);
  sqlite3_stmt *fill = host_prepare(small, OUR_ROWS);
  bind_text(fill, 1, token);
  host_finish(fill);
  (void)sqlite3_finalize(fill);
  sqlite3_stmt *a = full_up(small, other), *b = full_up(large, other);
  for (int i = 0; i < 50 * bench->times; i++) {
    series_add(&few, refused(a));
    series_add(&many, refused(b));
  }
  bench_row(text_of("refusal by quota, %lld stored / 1000 stored", (long long)bench->rows), &few,
            &many, 1.2);
  (void)sqlite3_finalize(a);
  (void)sqlite3_finalize(b);
  host_run(large, "UPDATE seal_term SET max_identities = %d", NO_QUOTA);
  host_run(small, "UPDATE seal_term SET max_identities = %d", NO_QUOTA);
  memories(small, large);
  host_close(small);
  host_close(large);
  free(token);
  free(other);
}

/************************************************************************************************
** sweep: one configuration that has ended, among many that have not.
*/
#define SWEEP "INSERT INTO seal_command(command, argument) VALUES ('sweep', 1000000)"
/* Nothing goes that is valid by the host's clock: the configuration ends first, by the operator's own act. */
#define END                                                                                        \
  "UPDATE seal_configuration SET exp_time = unixepoch() - 1"                                       \
  " WHERE exp_time = strftime('%Y-%m-%dT%H:%M:%SZ', ?1, 'unixepoch')"
#define FLOOR_SWEEP "DELETE FROM seal_identity_data WHERE id BETWEEN ?1 AND ?2"

void work_sweep(const Bench *bench) {
  Series floor = {0}, ours = {0}, nothing = {0}, none = {0};
  sqlite3 *db = stored(bench), *bare = host_copy(bench, db, "stored-floor", "NORMAL");
  sqlite3_stmt *sweep = host_prepare(db, SWEEP), *range = host_prepare(bare, FLOOR_SWEEP);
  sqlite3_stmt *end = host_prepare(db, END);
  int64_t service = host_int(db, "SELECT min(id) FROM seal_configuration_service");
  for (int i = 0; i < 3 * bench->times && i < stored_count(bench) - 1; i++) {
    int64_t before = host_int(db, "SELECT identities FROM seal_registrar");
    bind_int(end, 1, start_time + (i + 1) * 86400);
    host_finish(end);
    bind_int(range, 1, (service + i) << 28);
    bind_int(range, 2, ((service + i + 1) << 28) - 1);
    series_add(&floor, timed(range));
    series_add(&ours, timed(sweep));
    checkpoint(db);
    (void)timed(sweep); /* begins a new WAL */
    series_add(&nothing, timed(sweep));
    if (before - host_int(db, "SELECT identities FROM seal_registrar") != CONF) bench_fail("swept");
    if (sqlite3_changes(bare) != CONF) bench_fail("deleted");
    checkpoint(db);
    checkpoint(bare);
  }
  bench_row(text_of("sweep of %d ended among %lld / range delete", CONF, (long long)bench->rows),
            &floor, &ours, 1.2);
  bench_row_time("sweep with nothing to remove", &none, &nothing, 1e-3);
  (void)sqlite3_finalize(sweep);
  (void)sqlite3_finalize(end);
  (void)sqlite3_finalize(range);
  host_close(db);
  host_close(bare);
}
