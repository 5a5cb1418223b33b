/* What the audit chain and the SLA cost, beside their bare floors.
**
**    sla-bench chain FILE LIBRARY N       makes a chain of N more audit entries in a database, by hand
**    sla-bench verify FILE LIBRARY        seal_audit_verify() and a bare SHA-256 loop over the same bytes
**    sla-bench refuse LIBRARY AT FILE TOKEN ...   rows that the SLA refuses, on each database in turn
**
** tests/bench/sla.tcl makes the databases, runs this and prints the ratios. All that is compared runs
** alternately; printed is the least, in milliseconds, or in µs for a refused row.
*/
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS        5
#define REFUSE_ROUNDS 41
#define REFUSALS      8

static void fail(const char *what) {
  fprintf(stderr, "sla-bench: %s\n", what);
  exit(2);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The least of all rounds: whatever else runs on the machine only adds to it. */
static double least(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, by_value);
  return values[0];
}

static sqlite3 *open_with(const char *file, const char *library) {
  sqlite3 *db;
  char *message = NULL;
  if (sqlite3_open(file, &db) != SQLITE_OK) fail("the database can't be opened");
  sqlite3_enable_load_extension(db, 1);
  if (sqlite3_load_extension(db, library, NULL, &message) != SQLITE_OK) fail(message);
  sqlite3_exec(db, "PRAGMA cache_size = -200000", NULL, NULL, NULL);
  return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) fail(sqlite3_errmsg(db));
  return stmt;
}

/* The text that an entry's hash is over, written another way than the extension does. */
static int entry_text(char *out, size_t size, const unsigned char before[32], long seq, long time,
                      const char *const *texts) {
  char number[2][24];
  memcpy(out, before, 32);
  int at = 32;
  snprintf(number[0], sizeof number[0], "%ld", seq);
  snprintf(number[1], sizeof number[1], "%ld", time);
  for (int i = 0; i < 8; i++) {
    const char *text = i < 2 ? number[i] : texts[i - 2];
    at += text ? snprintf(out + at, size - (size_t)at, "%zu:%s,", strlen(text), text)
               : snprintf(out + at, size - (size_t)at, "~,");
  }
  return at;
}

static const char *const texts[] = {
    "v2x.acme.example",
    "POST",
    "seal_configuration:0123456789abcdef0123456789abcdef",
    "done",
    NULL,
    "{\"seal_service\":\"identity-management\",\"val_services\":1,\"identities\":1}",
};

static void make_chain(sqlite3 *db, long n) {
  unsigned char hash[32] = {0};
  char text[1024];
  long seq = 0;
  sqlite3_stmt *head =
      prepare(db, "SELECT seq, hash FROM seal_audit_data ORDER BY seq DESC LIMIT 1");
  if (sqlite3_step(head) == SQLITE_ROW) {
    seq = (long)sqlite3_column_int64(head, 0);
    memcpy(hash, sqlite3_column_blob(head, 1), 32);
  }
  sqlite3_finalize(head);
  sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
  sqlite3_stmt *add =
      prepare(db, "INSERT INTO seal_audit_data(seq, time, actor, action, object, outcome, cause, "
                  "detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  for (long i = 0; i < n; i++) {
    long time = 1793000000 + i / 100;
    int size = entry_text(text, sizeof text, hash, ++seq, time, texts);
    EVP_Digest(text, (size_t)size, hash, NULL, EVP_sha256(), NULL);
    sqlite3_bind_int64(add, 1, seq);
    sqlite3_bind_int64(add, 2, time);
    for (int k = 0; k < 6; k++) sqlite3_bind_text(add, 3 + k, texts[k], -1, SQLITE_STATIC);
    sqlite3_bind_blob(add, 9, hash, 32, SQLITE_STATIC);
    if (sqlite3_step(add) != SQLITE_DONE) fail(sqlite3_errmsg(db));
    sqlite3_reset(add);
  }
  sqlite3_finalize(add);
  sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}

/* SHA-256 of n texts of the same size, each with the hash of the one before: nothing else. */
static double bare_loop(long n) {
  unsigned char hash[32] = {0};
  char text[1024];
  EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  int size = entry_text(text, sizeof text, hash, n, 1793000000, texts);
  double start = now_ms();
  for (long i = 0; i < n; i++) {
    memcpy(text, hash, 32);
    EVP_DigestInit_ex2(ctx, md, NULL);
    EVP_DigestUpdate(ctx, text, (size_t)size);
    EVP_DigestFinal_ex(ctx, hash, NULL);
  }
  double ms = now_ms() - start;
  EVP_MD_CTX_free(ctx);
  EVP_MD_free(md);
  return ms;
}

/* The rows read, column by column, and nothing done with them. */
static double bare_scan(sqlite3 *db) {
  sqlite3_stmt *stmt =
      prepare(db, "SELECT seq, time, actor, action, object, outcome, cause, detail, "
                  "hash FROM seal_audit_data ORDER BY seq");
  double start = now_ms();
  long bytes = 0;
  while (sqlite3_step(stmt) == SQLITE_ROW) {
    for (int i = 2; i < 9; i++) {
      (void)sqlite3_column_text(stmt, i);
      bytes += sqlite3_column_bytes(stmt, i);
    }
  }
  double ms = now_ms() - start;
  if (bytes == 0) fail("there is no entry");
  sqlite3_finalize(stmt);
  return ms;
}

static double verify_once(sqlite3 *db) {
  sqlite3_stmt *stmt = prepare(db, "SELECT seal_audit_verify()");
  double start = now_ms();
  if (sqlite3_step(stmt) != SQLITE_ROW) fail(sqlite3_errmsg(db));
  double ms = now_ms() - start;
  if (sqlite3_column_type(stmt, 0) != SQLITE_NULL) fail("the chain does not hold");
  sqlite3_finalize(stmt);
  return ms;
}

static void run_verify(sqlite3 *db) {
  double verify[ROUNDS], loop[ROUNDS], scan[ROUNDS];
  sqlite3_stmt *count = prepare(db, "SELECT count(*) FROM seal_audit_data");
  long n = sqlite3_step(count) == SQLITE_ROW ? (long)sqlite3_column_int64(count, 0) : 0;
  sqlite3_finalize(count);
  for (int i = 0; i < ROUNDS; i++) {
    loop[i] = bare_loop(n);
    scan[i] = bare_scan(db);
    verify[i] = verify_once(db);
  }
  printf("%ld %.1f %.1f %.1f\n", n, least(verify, ROUNDS), least(loop, ROUNDS),
         least(scan, ROUNDS));
}

/* N rows that are refused, on each of the databases in turn; prints the least time in µs for each row. */
static void run_refuse(const char *library, const char *at, long n, int count, char **files) {
  sqlite3 *db[REFUSALS];
  sqlite3_stmt *stmt[REFUSALS];
  double times[REFUSALS][REFUSE_ROUNDS];
  if (count > REFUSALS) fail("too many databases");
  for (int i = 0; i < count; i++) {
    db[i] = open_with(files[2 * i], library);
    stmt[i] =
        prepare(db[i], "INSERT INTO seal_identity(credential, val_service_id, val_user_id, at) "
                       "VALUES (?1, 'v2x', 'alice', ?2)");
    sqlite3_bind_text(stmt[i], 1, files[2 * i + 1], -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt[i], 2, at, -1, SQLITE_STATIC);
    sqlite3_exec(db[i], "BEGIN IMMEDIATE", NULL, NULL, NULL);
  }
  for (int round = 0; round < REFUSE_ROUNDS; round++) {
    for (int i = 0; i < count; i++) {
      double start = now_ms();
      for (long k = 0; k < n; k++) {
        if (sqlite3_step(stmt[i]) == SQLITE_DONE) fail("the row was not refused");
        sqlite3_reset(stmt[i]);
      }
      times[i][round] = (now_ms() - start) * 1000 / (double)n;
      if (strstr(sqlite3_errmsg(db[i]), "SLA_QUOTA_EXCEEDED") == NULL) fail(sqlite3_errmsg(db[i]));
    }
  }
  for (int i = 0; i < count; i++) {
    printf("%.2f ", least(times[i], REFUSE_ROUNDS));
    sqlite3_finalize(stmt[i]);
    sqlite3_exec(db[i], "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db[i]);
  }
  printf("\n");
}

int main(int argc, char **argv) {
  if (argc < 4) fail("chain|verify|refuse ...");
  if (strcmp(argv[1], "refuse") == 0) {
    run_refuse(argv[2], argv[3], 300, (argc - 4) / 2, argv + 4);
    return 0;
  }
  sqlite3 *db = open_with(argv[2], argv[3]);
  if (strcmp(argv[1], "chain") == 0 && argc == 5) {
    make_chain(db, atol(argv[4]));
  } else {
    run_verify(db);
  }
  sqlite3_close(db);
  return 0;
}
