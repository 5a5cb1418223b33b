/* Table-valued functions of one argument, the instant that they answer for (function_at.h):
**
**    SELECT name, labels, value FROM seal_metrics() WHERE name = 'seal_term_identities';
**    SELECT seq, body, signature FROM seal_notifying('2026-11-30') WHERE state = 'due';
**
** Eponymous virtual tables: `at` is a hidden column, the last one, the clock where it is left out or NULL; the cursors of
** a statement share their reading of the clock. The rows are a statement's of sql/statements.
**
** A row of seal_metrics is a sample: the family's name, its labels as a JSON object, an integer, and what HELP and TYPE say
** of the family, whose rows stand together. Names and units are those that Prometheus asks for: seconds, instants as
** seconds since 1970, _total for what only grows.
**
** A row of seal_notifying is a notification that is not delivered yet. What is sent, and its signature, are made where
** they are asked for.
*/
#include "tables/function/function_at.h"
#include "registrar/secret/secret.h"
#include "tables/relation/relation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct AtCursor AtCursor;

/* What one of them is. */
typedef struct AtFunction {
  const char *name, *schema;
  enum SealSql sql;
  int at, instant; /* the column that is the argument, the last; one that is an instant, or -1 */
  /* Gives a column that the statement does not have; NULL: there is none. */
  void (*column)(AtCursor *cursor, sqlite3_context *ctx, int i);
} AtFunction;

/* Which of them it is, with the connection's Seal: the module's own. */
typedef struct AtModule {
  Seal *p;
  const AtFunction *is;
} AtModule;

typedef struct AtTable {
  sqlite3_vtab base;
  Seal *p;
  const AtFunction *is;
} AtTable;

struct AtCursor {
  sqlite3_vtab_cursor base;
  SealReading reading;
  sqlite3_stmt *stmt;
  int64_t at;
  sqlite3_int64 row; /* the row's number; 0: there is none (any more) */
  SealKey *key;      /* what signs, once it was needed */
};

static Seal *seal_of(const sqlite3_vtab_cursor *base) {
  return ((AtTable *)base->pVtab)->p;
}

static const AtFunction *function_of(const sqlite3_vtab_cursor *base) {
  return ((AtTable *)base->pVtab)->is;
}

static int at_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                      char **message) {
  (void)argc;
  (void)argv;
  (void)message;
  const AtModule *module = aux;
  int rc = sqlite3_declare_vtab(db, module->is->schema);
  /* It looks at the database and the clock: not for what a hostile schema runs. */
  if (rc == SQLITE_OK) rc = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  if (rc != SQLITE_OK) return rc;
  AtTable *table = sqlite3_malloc(sizeof *table);
  if (table == NULL) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->p = module->p;
  table->is = module->is;
  *out = &table->base;
  return SQLITE_OK;
}

static int at_disconnect(sqlite3_vtab *base) {
  sqlite3_free(base);
  return SQLITE_OK;
}

/* idxNum 1: the argument is given. */
static int at_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
  int at = ((AtTable *)base)->is->at;
  info->estimatedRows = 500;
  info->estimatedCost = 5000;
  for (int i = 0; i < info->nConstraint; i++) {
    if (info->aConstraint[i].iColumn != at) continue;
    if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT;
    info->aConstraintUsage[i].argvIndex = 1;
    info->aConstraintUsage[i].omit = 1;
    info->idxNum = 1;
    break;
  }
  return SQLITE_OK;
}

static int at_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
  AtCursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (cursor == NULL) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  seal_reading_open(((AtTable *)base)->p, &cursor->reading);
  *out = &cursor->base;
  return SQLITE_OK;
}

static int at_close(sqlite3_vtab_cursor *base) {
  Seal *p = seal_of(base);
  seal_store_finalize(seal_store(p), ((AtCursor *)base)->stmt);
  seal_key_free(((AtCursor *)base)->key);
  seal_reading_close(p);
  sqlite3_free(base);
  return SQLITE_OK;
}

static int at_next(sqlite3_vtab_cursor *base) {
  AtCursor *cursor = (AtCursor *)base;
  int rc = sqlite3_step(cursor->stmt);
  cursor->row = rc == SQLITE_ROW ? cursor->row + 1 : 0;
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_at(AtCursor *cursor, int argc, sqlite3_value **argv) {
  if (argc == 0 || sqlite3_value_type(argv[0]) == SQLITE_NULL) {
    cursor->at = seal_reading_take(seal_of(&cursor->base), &cursor->reading);
    return SQLITE_OK;
  }
  if (seal_value_instant(argv[0], &cursor->at) == 0) return SQLITE_OK;
  return seal_vtab_fail(cursor->base.pVtab, SQLITE_ERROR, 0,
                        seal_no_instant(function_of(&cursor->base)->name, argv[0]));
}

static int at_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc,
                     sqlite3_value **argv) {
  AtCursor *cursor = (AtCursor *)base;
  Seal *p = seal_of(base);
  (void)plan;
  (void)number; /* asserted only */
  assert(argc == number);
  cursor->row = 0;
  seal_store_finalize(seal_store(p), cursor->stmt);
  cursor->stmt = NULL;
  int rc = seal_enter(p);
  const char *fault = rc != SQLITE_OK ? seal_store_format_fault(seal_store(p)) : NULL;
  if (fault != NULL)
    return seal_vtab_fail(base->pVtab, SQLITE_ERROR, 0, sqlite3_mprintf("%s", fault));
  if (rc == SQLITE_ERROR) {
    return seal_vtab_fail(base->pVtab, SQLITE_ERROR, 0,
                          sqlite3_mprintf("seal: %s", sqlite3_errmsg(seal_db(p))));
  }
  if (rc == SQLITE_OK) rc = read_at(cursor, argc, argv);
  if (rc == SQLITE_OK)
    rc = seal_store_text(seal_store(p), seal_sql[function_of(base)->sql], &cursor->stmt);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(cursor->stmt, 1, cursor->at);
  if (rc == SQLITE_OK && sqlite3_bind_parameter_count(cursor->stmt) > 1) {
    rc = sqlite3_bind_int(cursor->stmt, 2, !seal_is_unlocked(p));
  }
  return rc == SQLITE_OK ? at_next(base) : rc;
}

static int at_eof(sqlite3_vtab_cursor *base) {
  return ((AtCursor *)base)->row == 0;
}

static int at_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i) {
  AtCursor *cursor = (AtCursor *)base;
  const AtFunction *is = function_of(base);
  char text[SEAL_INSTANT_SIZE];
  if (i == is->at || (i == is->instant && sqlite3_column_type(cursor->stmt, i) != SQLITE_NULL)) {
    seal_instant_text(i == is->at ? cursor->at : sqlite3_column_int64(cursor->stmt, i), text);
    sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
  } else if (i < sqlite3_column_count(cursor->stmt)) {
    sqlite3_result_value(ctx, sqlite3_column_value(cursor->stmt, i));
  } else {
    is->column(cursor, ctx, i);
  }
  return SQLITE_OK;
}

static int at_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
  *out = ((AtCursor *)base)->row;
  return SQLITE_OK;
}

/* No xCreate: it exists without CREATE VIRTUAL TABLE, and only so. */
static const sqlite3_module module = {
    .xConnect = at_connect,
    .xBestIndex = at_best_index,
    .xDisconnect = at_disconnect,
    .xOpen = at_open,
    .xClose = at_close,
    .xFilter = at_filter,
    .xNext = at_next,
    .xEof = at_eof,
    .xColumn = at_column,
    .xRowid = at_rowid,
};

/* --- seal_notifying --------------------------------------------------------------------------- */

enum {
  NOTIFYING_KEY = NOTIFYING_LAST_ERROR + 1,
  NOTIFYING_BODY_TEXT,
  NOTIFYING_SIGNATURE,
  NOTIFYING_AT
};

#define SIGNATURE_TYP "seal-notification"

/* The Seal-Signature of a body, the caller's (free). */
static int sign_body(AtCursor *cursor, SealText body, char **out, SealError *err) {
  Seal *p = seal_of(&cursor->base);
  int rc = cursor->key ? SQLITE_OK : seal_signing_key(p, &cursor->key, err);
  if (rc != SQLITE_OK) return rc;
  return seal_reason_rc(seal_jws_detached(seal_crypto(p), cursor->key, SIGNATURE_TYP, cursor->at,
                                          body.p, (size_t)body.n, out));
}

static void notifying_column(AtCursor *cursor, sqlite3_context *ctx, int i) {
  SealError err;
  sqlite3_stmt *row;
  char *signature = NULL;
  memset(&err, 0, sizeof err);
  int rc = seal_store_row(seal_store(seal_of(&cursor->base)), SQL_NOTIFYING_BODY, &row, "i",
                          sqlite3_column_int64(cursor->stmt, NOTIFYING_SEQ));
  if (rc == SQLITE_ROW && i == NOTIFYING_SIGNATURE) {
    SealText body = seal_column_text(row, NOTIFYING_BODY_BODY);
    rc = body.p ? sign_body(cursor, body, &signature, &err)
                : seal_text_missing(row, NOTIFYING_BODY_BODY);
    if (rc == SQLITE_OK) sqlite3_result_text(ctx, signature, -1, SQLITE_TRANSIENT);
  } else if (rc == SQLITE_ROW) {
    sqlite3_result_value(ctx, sqlite3_column_value(row, i == NOTIFYING_KEY ? NOTIFYING_BODY_KEY
                                                                           : NOTIFYING_BODY_BODY));
    rc = SQLITE_OK;
  }
  seal_store_reset(row);
  free(signature);
  if (rc != SQLITE_OK) seal_column_fail(ctx, rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc, &err);
  seal_error_clear(&err);
}

static const AtFunction functions[] = {
    {"seal_metrics",
     "CREATE TABLE x(name TEXT, labels TEXT, value INTEGER, help TEXT, type TEXT, at HIDDEN)",
     SQL_METRICS, 5, -1, NULL},
    {"seal_notifying",
     "CREATE TABLE x(seq INTEGER, val_server_id TEXT, destination TEXT, state TEXT, next_time "
     "TEXT, "
     "attempts INTEGER, last_error TEXT, idempotency_key TEXT, body TEXT, signature TEXT, at "
     "HIDDEN)",
     SQL_NOTIFYING, NOTIFYING_AT, NOTIFYING_NEXT_TIME, notifying_column},
};

static void module_gone(void *of) {
  seal_close(((AtModule *)of)->p);
  sqlite3_free(of);
}

int seal_at_register(Seal *p) {
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof functions / sizeof *functions; i++) {
    AtModule *of = sqlite3_malloc(sizeof *of);
    if (of == NULL) return SQLITE_NOMEM;
    *of = (AtModule){p, &functions[i]};
    seal_own(p);
    rc = sqlite3_create_module_v2(seal_db(p), functions[i].name, &module, of, module_gone);
  }
  return rc;
}
