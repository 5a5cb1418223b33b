/* seal_metrics([at]): what Prometheus is told of the registrar.
**
**    SELECT name, labels, value FROM seal_metrics() WHERE name = 'seal_term_identities';
**
** A row is a sample: the family's name, its labels as a JSON object, an integer, and what HELP and TYPE say of the
** family, whose rows stand together. Names and units are those that Prometheus asks for: seconds, instants as seconds
** since 1970, _total for what only grows. All of it is sql/statements/metrics.sql. An eponymous virtual table: `at` is a
** hidden column, the clock where it is left out or NULL; the cursors of a statement share their reading of the clock.
*/
#include "tables/function/function_metrics.h"
#include "registrar/secret/secret.h"
#include "tables/relation/relation.h"

#include <assert.h>
#include <string.h>

enum { COL_NAME, COL_LABELS, COL_VALUE, COL_HELP, COL_TYPE, COL_AT };

typedef struct MetricsTable {
  sqlite3_vtab base;
  Seal *p;
} MetricsTable;

typedef struct MetricsCursor {
  sqlite3_vtab_cursor base;
  SealReading reading;
  sqlite3_stmt *stmt;
  int64_t at;
  sqlite3_int64 row; /* the sample's number; 0: there is none (any more) */
} MetricsCursor;

static Seal *seal_of(const sqlite3_vtab_cursor *base) {
  return ((MetricsTable *)base->pVtab)->p;
}

static int metrics_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                           sqlite3_vtab **out, char **message) {
  (void)argc;
  (void)argv;
  (void)message;
  int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(name TEXT, labels TEXT, value INTEGER, "
                                    "help TEXT, type TEXT, at HIDDEN)");
  /* It looks at the database and the clock: not for what a hostile schema runs. */
  if (rc == SQLITE_OK) rc = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  if (rc != SQLITE_OK) return rc;
  MetricsTable *table = sqlite3_malloc(sizeof *table);
  if (table == NULL) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->p = aux;
  *out = &table->base;
  return SQLITE_OK;
}

static int metrics_disconnect(sqlite3_vtab *base) {
  sqlite3_free(base);
  return SQLITE_OK;
}

/* idxNum 1: the argument is given. */
static int metrics_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
  (void)base;
  info->estimatedRows = 500;
  info->estimatedCost = 5000;
  for (int i = 0; i < info->nConstraint; i++) {
    if (info->aConstraint[i].iColumn != COL_AT) continue;
    if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT;
    info->aConstraintUsage[i].argvIndex = 1;
    info->aConstraintUsage[i].omit = 1;
    info->idxNum = 1;
    break;
  }
  return SQLITE_OK;
}

static int metrics_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
  MetricsCursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (cursor == NULL) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  seal_reading_open(((MetricsTable *)base)->p, &cursor->reading);
  *out = &cursor->base;
  return SQLITE_OK;
}

static int metrics_close(sqlite3_vtab_cursor *base) {
  Seal *p = seal_of(base);
  seal_store_finalize(seal_store(p), ((MetricsCursor *)base)->stmt);
  seal_reading_close(p);
  sqlite3_free(base);
  return SQLITE_OK;
}

static int metrics_next(sqlite3_vtab_cursor *base) {
  MetricsCursor *cursor = (MetricsCursor *)base;
  int rc = sqlite3_step(cursor->stmt);
  cursor->row = rc == SQLITE_ROW ? cursor->row + 1 : 0;
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_at(MetricsCursor *cursor, int argc, sqlite3_value **argv) {
  if (argc == 0 || sqlite3_value_type(argv[0]) == SQLITE_NULL) {
    cursor->at = seal_reading_take(seal_of(&cursor->base), &cursor->reading);
    return SQLITE_OK;
  }
  if (seal_value_instant(argv[0], &cursor->at) == 0) return SQLITE_OK;
  return seal_vtab_fail(cursor->base.pVtab, SQLITE_ERROR, 0,
                        seal_no_instant("seal_metrics", argv[0]));
}

static int metrics_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc,
                          sqlite3_value **argv) {
  MetricsCursor *cursor = (MetricsCursor *)base;
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
  if (rc == SQLITE_OK) rc = seal_store_text(seal_store(p), seal_sql[SQL_METRICS], &cursor->stmt);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(cursor->stmt, 1, cursor->at);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int(cursor->stmt, 2, !seal_is_unlocked(p));
  return rc == SQLITE_OK ? metrics_next(base) : rc;
}

static int metrics_eof(sqlite3_vtab_cursor *base) {
  return ((MetricsCursor *)base)->row == 0;
}

static int metrics_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i) {
  MetricsCursor *cursor = (MetricsCursor *)base;
  char text[SEAL_INSTANT_SIZE];
  if (i == COL_AT) {
    seal_instant_text(cursor->at, text);
    sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
  } else {
    sqlite3_result_value(ctx, sqlite3_column_value(cursor->stmt, i));
  }
  return SQLITE_OK;
}

static int metrics_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
  *out = ((MetricsCursor *)base)->row;
  return SQLITE_OK;
}

/* No xCreate: it exists without CREATE VIRTUAL TABLE, and only so. */
static const sqlite3_module module = {
    .xConnect = metrics_connect,
    .xBestIndex = metrics_best_index,
    .xDisconnect = metrics_disconnect,
    .xOpen = metrics_open,
    .xClose = metrics_close,
    .xFilter = metrics_filter,
    .xNext = metrics_next,
    .xEof = metrics_eof,
    .xColumn = metrics_column,
    .xRowid = metrics_rowid,
};

static void owner_gone(void *p) {
  seal_close(p);
}

int seal_metrics_register(Seal *p) {
  seal_own(p);
  return sqlite3_create_module_v2(seal_db(p), "seal_metrics", &module, p, owner_gone);
}
