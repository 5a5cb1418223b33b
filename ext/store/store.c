/* Storage (store.h): cached statements of sql/, and a short way to bind and run them.
*/
#include "store/store.h"

#include <assert.h>
#include <stdarg.h>

/* How a statement is prepared that is kept. NO_VTAB: a hostile schema can't make one of ours run a virtual table,
** so none of ours may use one, such as json_each, either. */
#define PREPARE_KEPT (SQLITE_PREPARE_PERSISTENT | SQLITE_PREPARE_NO_VTAB)

/************************************************************************************************
** Limits. A host may lower what statements may be made of (sqlite3_limit), against those of strangers. Ours are
** none: for them the limits are what they need.
*/
static const struct {
  int id, need;
} limits[] = {
    {SQLITE_LIMIT_SQL_LENGTH, 1000000},  {SQLITE_LIMIT_COLUMN, 200},
    {SQLITE_LIMIT_EXPR_DEPTH, 500},      {SQLITE_LIMIT_COMPOUND_SELECT, 100},
    {SQLITE_LIMIT_VDBE_OP, 1000000},     {SQLITE_LIMIT_FUNCTION_ARG, 64},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 500},
};
#define N_LIMITS (int)(sizeof limits / sizeof *limits)

int seal_store_limited(const SealStore *store) {
  for (int i = 0; i < N_LIMITS; i++) {
    if (sqlite3_limit(store->db, limits[i].id, -1) < limits[i].need) return 1;
  }
  return 0;
}

/* Prepares a statement of ours, whatever the host's limits are. */
static int prepare(const SealStore *store, const char *sql, unsigned flags, sqlite3_stmt **out) {
  int before[N_LIMITS];
  for (int i = 0; i < N_LIMITS; i++) {
    before[i] = sqlite3_limit(store->db, limits[i].id, -1);
    if (before[i] < limits[i].need) (void)sqlite3_limit(store->db, limits[i].id, limits[i].need);
  }
  int rc = sqlite3_prepare_v3(store->db, sql, -1, flags, out, NULL);
  for (int i = 0; i < N_LIMITS; i++) (void)sqlite3_limit(store->db, limits[i].id, before[i]);
  return rc;
}

int seal_store_prepare(SealStore *store, enum SealSql sql, sqlite3_stmt **out) {
  assert(sql >= 0 && sql < SQL_COUNT);
  int rc = SQLITE_OK;
  sqlite3_stmt *stmt = store->stmt[sql];
  /* A statement that is kept SQLite prepares anew when the schema has changed, under the host's limits. */
  if (stmt != NULL && !sqlite3_stmt_busy(stmt) && seal_store_limited(store)) {
    (void)sqlite3_finalize(stmt);
    store->stmt[sql] = NULL;
  }
  if (store->stmt[sql] == NULL) {
    rc = prepare(store, seal_sql[sql], PREPARE_KEPT, &store->stmt[sql]);
  }
  *out = store->stmt[sql];
  return rc;
}

int seal_store_text(SealStore *store, const char *sql, sqlite3_stmt **out) {
  *out = NULL;
  if (store->n_other == store->size_other) {
    int size = store->size_other ? store->size_other * 2 : 16;
    sqlite3_stmt **more = sqlite3_realloc64(store->other, (size_t)size * sizeof *more);
    if (more == NULL) return SQLITE_NOMEM;
    store->other = more;
    store->size_other = size;
  }
  int rc = prepare(store, sql, PREPARE_KEPT, out);
  if (rc == SQLITE_OK) store->other[store->n_other++] = *out;
  return rc;
}

void seal_store_finalize(SealStore *store, sqlite3_stmt *stmt) {
  if (stmt == NULL) return;
  int i = 0;
  while (i < store->n_other && store->other[i] != stmt) i++;
  assert(i < store->n_other);
  store->other[i] = store->other[--store->n_other];
  (void)sqlite3_finalize(stmt);
}

int seal_store_owns(const SealStore *store, sqlite3_stmt *stmt) {
  for (int i = 0; i < store->n_other; i++) {
    if (store->other[i] == stmt) return 1;
  }
  for (int i = 0; i < SQL_COUNT; i++) {
    if (store->stmt[i] == stmt) return 1;
  }
  return 0;
}

static int bind_text(sqlite3_stmt *stmt, int i, SealText text) {
  if (text.p == NULL) return sqlite3_bind_null(stmt, i);
  return sqlite3_bind_text(stmt, i, text.p, text.n, SQLITE_STATIC);
}

static int bind_all(sqlite3_stmt *stmt, const char *types, va_list *ap) {
  int rc = SQLITE_OK;
  for (int i = 1; rc == SQLITE_OK && *types; i++, types++) {
    switch (*types) {
    case 'i':
      rc = sqlite3_bind_int64(stmt, i, va_arg(*ap, int64_t));
      break;
    case 'u': {
      int64_t t = va_arg(*ap, int64_t);
      rc = t == SEAL_UNBOUNDED ? sqlite3_bind_null(stmt, i) : sqlite3_bind_int64(stmt, i, t);
      break;
    }
    case 't': {
      const char *text = va_arg(*ap, const char *);
      rc = text ? sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC) : sqlite3_bind_null(stmt, i);
      break;
    }
    case 's':
      rc = bind_text(stmt, i, *va_arg(*ap, const SealText *));
      break;
    case 'b': {
      const void *blob = va_arg(*ap, const void *);
      int n = va_arg(*ap, int);
      rc = blob ? sqlite3_bind_blob(stmt, i, blob, n, SQLITE_STATIC) : sqlite3_bind_null(stmt, i);
      break;
    }
    case 'd':
      rc = sqlite3_bind_double(stmt, i, va_arg(*ap, double));
      break;
    default:
      assert(*types == 'v');
      rc = sqlite3_bind_value(stmt, i, va_arg(*ap, sqlite3_value *));
    }
  }
  return rc;
}

int seal_store_run(SealStore *store, enum SealSql sql, const char *types, ...) {
  sqlite3_stmt *stmt;
  int rc = seal_store_prepare(store, sql, &stmt);
  if (rc != SQLITE_OK) return rc;
  va_list ap;
  va_start(ap, types);
  rc = bind_all(stmt, types, &ap);
  va_end(ap);
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(stmt);
    assert(rc != SQLITE_ROW);
    if (rc == SQLITE_DONE) rc = SQLITE_OK;
    /* Which constraint, also where the host has not asked for extended codes. */
    if (rc == SQLITE_CONSTRAINT) rc = sqlite3_extended_errcode(store->db);
  }
  seal_store_reset(stmt);
  return rc;
}

int seal_store_row(SealStore *store, enum SealSql sql, sqlite3_stmt **row, const char *types, ...) {
  int rc = seal_store_prepare(store, sql, row);
  if (rc != SQLITE_OK) return rc;
  va_list ap;
  va_start(ap, types);
  rc = bind_all(*row, types, &ap);
  va_end(ap);
  if (rc == SQLITE_OK) rc = sqlite3_step(*row);
  if (rc != SQLITE_ROW) {
    /* Also after the last row: a caller that finds none has nothing to reset, and a statement that was
    ** not can't be bound again. */
    seal_store_reset(*row);
    *row = NULL;
  }
  return rc;
}

void seal_store_reset(sqlite3_stmt *row) {
  if (row == NULL) return;
  (void)sqlite3_reset(row); /* repeats the error of the step, which its caller has */
  (void)sqlite3_clear_bindings(row);
}

void seal_store_release(SealStore *store) {
  for (int i = 0; i < SQL_COUNT; i++) {
    (void)sqlite3_finalize(store->stmt[i]);
    store->stmt[i] = NULL;
  }
  if (store->n_other > 0) return;
  sqlite3_free(store->other);
  store->other = NULL;
  store->size_other = 0;
}

int64_t seal_store_clock(SealStore *store) {
  sqlite3_int64 ms = 0;
  if (store->vfs == NULL) {
    (void)sqlite3_file_control(store->db, "main", SQLITE_FCNTL_VFS_POINTER, &store->vfs);
  }
  sqlite3_vfs *vfs = store->vfs ? store->vfs : sqlite3_vfs_find(NULL);
  if (vfs != NULL && vfs->iVersion >= 2 && vfs->xCurrentTimeInt64 != NULL) {
    (void)vfs->xCurrentTimeInt64(vfs, &ms);
  } else if (vfs != NULL) {
    double days = 0;
    (void)vfs->xCurrentTime(vfs, &days);
    ms = (sqlite3_int64)(days * 86400000.0);
  }
  return ms / 1000 - 210866760000; /* from the Julian day's epoch to 1970 */
}

SealText seal_column_text(sqlite3_stmt *row, int i) {
  SealText text = {(const char *)sqlite3_column_text(row, i), sqlite3_column_bytes(row, i)};
  return text;
}

SealText seal_column_bytes(sqlite3_stmt *row, int i) {
  if (sqlite3_column_type(row, i) != SQLITE_BLOB) return seal_column_text(row, i);
  SealText bytes = {sqlite3_column_blob(row, i), sqlite3_column_bytes(row, i)};
  return bytes;
}

int seal_text_missing(sqlite3_stmt *row, int i) {
  return sqlite3_column_type(row, i) == SQLITE_NULL ? SQLITE_CORRUPT_VTAB : SQLITE_NOMEM;
}

int64_t seal_column_until(sqlite3_stmt *row, int i) {
  return sqlite3_column_type(row, i) == SQLITE_NULL ? SEAL_UNBOUNDED : sqlite3_column_int64(row, i);
}

SealText seal_value_text(sqlite3_value *value) {
  SealText text = {NULL, 0};
  int type = sqlite3_value_type(value);
  if (type == SQLITE_NULL) return text;
  /* The bytes of a blob are the text, whatever encoding the database has. */
  text.p =
      type == SQLITE_BLOB ? sqlite3_value_blob(value) : (const char *)sqlite3_value_text(value);
  text.n = sqlite3_value_bytes(value);
  if (text.p == NULL && text.n == 0) text.p = "";
  return text;
}

SealText seal_value_bytes(sqlite3_value *value) {
  int type = sqlite3_value_type(value);
  if (type != SQLITE_TEXT || sqlite3_value_encoding(value) != SQLITE_UTF8) {
    return seal_value_text(value);
  }
  SealText text = {sqlite3_value_blob(value), sqlite3_value_bytes(value)};
  if (text.p == NULL && text.n == 0) text.p = "";
  return text;
}

/************************************************************************************************
** The format. It is read once after each connect: another program that brings the database to another format
** changes its schema, and SQLite connects every table anew.
*/
/* The integer that a statement gives, which is run seldom and so not kept; *n stays as it is without a row. */
static int read_once(SealStore *store, enum SealSql sql, int column, int64_t *n) {
  sqlite3_stmt *stmt;
  int rc = prepare(store, seal_sql[sql], SQLITE_PREPARE_NO_VTAB, &stmt);
  if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) *n = sqlite3_column_int64(stmt, column);
  int end = sqlite3_finalize(stmt); /* repeats the error of the step */
  return rc == SQLITE_OK ? end : rc;
}

int seal_store_format(SealStore *store) {
  int64_t there = 0, format = SEAL_FORMAT;
  if (store->format_known) return SQLITE_OK;
  int rc = read_once(store, SQL_FORMAT_THERE, FORMAT_THERE_THERE, &there);
  if (rc == SQLITE_OK && there)
    rc = read_once(store, SQL_FORMAT_STORED, FORMAT_STORED_FORMAT, &format);
  store->format_fault[0] = 0;
  if (rc != SQLITE_OK) return rc;
  store->format_known = format == SEAL_FORMAT;
  if (store->format_known) return SQLITE_OK;
  long long stored = format;
  if (stored > SEAL_FORMAT) {
    sqlite3_snprintf(sizeof store->format_fault, store->format_fault,
                     "seal: the database has format %lld, newer than this program, which knows %d",
                     stored, SEAL_FORMAT);
  } else {
    sqlite3_snprintf(sizeof store->format_fault, store->format_fault,
                     "seal: the database has format %lld: sql/upgrade-%lld-%lld.sql (or \"seal "
                     "init\") brings it to format %lld",
                     stored, stored, stored + 1, stored + 1);
  }
  return SQLITE_ERROR;
}

const char *seal_store_format_fault(const SealStore *store) {
  return store->format_fault[0] ? store->format_fault : NULL;
}
