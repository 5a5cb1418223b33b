/* The virtual table of every relation (relation.h): its module.
**
**    CREATE VIRTUAL TABLE seal_agreement USING seal(agreement);
**
** A query becomes one statement on the storage: plan.c writes it, read.c runs it; row_write.c writes a row.
*/
#include "tables/relation/table.h"

#include <assert.h>
#include <string.h>

/* What the module is registered with. */
typedef struct Module {
  Seal *p;
  const SealRelation *const *relations; /* ended by NULL */
  struct SealCursor *cursors;           /* that are open */
} Module;

/************************************************************************************************
** Making and connecting.
*/
int seal_table_fail(SealTable *table, int rc, char *message) {
  return seal_vtab_fail(&table->base, rc, seal_txn(table->p)->written, message);
}

/* An instant has no type: with TEXT, the integers of `at IN (1000, 2000)` would come as text. */
static const char *declared_type(SealKind kind) {
  if (kind == SEAL_KIND_VALUE || kind == SEAL_KIND_INSTANT) return "";
  return kind == SEAL_KIND_COUNT ? " INTEGER" : " TEXT";
}

static int declare(sqlite3 *db, const SealRelation *relation) {
  sqlite3_str *sql = sqlite3_str_new(db);
  sqlite3_str_appendall(sql, "CREATE TABLE x(");
  for (int i = 0; i < relation->is->n_columns; i++) {
    const SealColumn *column = &relation->is->columns[i];
    sqlite3_str_appendf(sql, "%s\"%w\"%s%s", i ? ", " : "", column->name,
                        declared_type(column->kind),
                        column->flags & SEAL_COL_HIDDEN ? " HIDDEN" : "");
  }
  sqlite3_str_appendall(sql, ")");
  int rc = sqlite3_str_errcode(sql);
  char *text = sqlite3_str_finish(sql);
  if (rc == SQLITE_OK) rc = sqlite3_declare_vtab(db, text);
  sqlite3_free(text);
  return rc;
}

/* The relation that CREATE VIRTUAL TABLE names: main.seal_NAME USING seal(NAME), and nothing else. */
static int check_arguments(const Module *m, int argc, const char *const *argv,
                           const SealRelation **out, char **message) {
  int i = 0;
  while (argc == 4 && m->relations[i] != NULL && strcmp(m->relations[i]->is->name, argv[3]) != 0)
    i++;
  *out = argc == 4 ? m->relations[i] : NULL;
  if (*out == NULL) {
    *message = sqlite3_mprintf("seal: the argument is one relation's name, as in "
                               "CREATE VIRTUAL TABLE seal_agreement USING seal(agreement)");
  } else if (strcmp(argv[1], "main") != 0) {
    *message = sqlite3_mprintf("seal: relations live in the main database, not in \"%s\"", argv[1]);
  } else if (strncmp(argv[2], "seal_", 5) != 0 || strcmp(argv[2] + 5, argv[3]) != 0) {
    *message = sqlite3_mprintf("seal: relation %s is a table named seal_%s", argv[3], argv[3]);
  } else {
    return SQLITE_OK;
  }
  return *message ? SQLITE_ERROR : SQLITE_NOMEM;
}

/* A database of another format is not mixed with storage of this one. */
static int check_format(Seal *p, char **message) {
  int rc = seal_store_format(seal_store(p));
  if (rc == SQLITE_OK || seal_store_format_fault(seal_store(p)) == NULL) return rc;
  *message = sqlite3_mprintf("%s", seal_store_format_fault(seal_store(p)));
  return *message ? rc : SQLITE_NOMEM;
}

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                         sqlite3_vtab **out, char **message) {
  const SealRelation *relation;
  int rc = check_arguments(aux, argc, argv, &relation, message);
  if (rc == SQLITE_OK) rc = declare(db, relation);
  if (rc == SQLITE_OK) rc = sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  /* What a trigger or view of a hostile schema could do with our tables, it may not do. */
  if (rc == SQLITE_OK) rc = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  if (rc != SQLITE_OK) return rc;
  SealTable *table = sqlite3_malloc(sizeof *table);
  if (table == NULL) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  Module *m = aux;
  table->p = m->p;
  table->cursors = &m->cursors;
  table->relation = relation;
  seal_table_connected(table->p);
  *out = &table->base;
  return SQLITE_OK;
}

static int table_create(sqlite3 *db, void *aux, int argc, const char *const *argv,
                        sqlite3_vtab **out, char **message) {
  const SealRelation *relation;
  int rc = check_arguments(aux, argc, argv, &relation, message);
  if (rc == SQLITE_OK) rc = check_format(((const Module *)aux)->p, message);
  if (rc == SQLITE_OK) rc = sqlite3_exec(db, seal_sql[relation->is->create], NULL, NULL, message);
  return rc == SQLITE_OK ? table_connect(db, aux, argc, argv, out, message) : rc;
}

char *seal_table_fault_text(const SealTable *table, int rc) {
  Seal *p = table->p;
  const char *name = table->relation->is->name;
  if (seal_store_format_fault(seal_store(p)) != NULL)
    return sqlite3_mprintf("%s", seal_store_format_fault(seal_store(p)));
  if (seal_gate_fault(p) != NULL) {
    return sqlite3_mprintf(
        "seal_%s: an act of this transaction failed half-way (%s): ROLLBACK, or ROLLBACK TO "
        "a savepoint before it",
        name, seal_gate_fault(p));
  }
  if (rc == SQLITE_CORRUPT_VTAB) {
    return sqlite3_mprintf("seal_%s: a stored row is not what the registrar wrote", name);
  }
  const char *text =
      sqlite3_errcode(seal_db(p)) == SQLITE_OK ? sqlite3_errstr(rc) : sqlite3_errmsg(seal_db(p));
  return sqlite3_mprintf("seal_%s: %s", name, text);
}

void seal_table_drop_scan(SealTable *table, SealScan *scan) {
  seal_store_finalize(seal_store(table->p), scan->stmt);
  sqlite3_free(scan->sql);
  memset(scan, 0, sizeof *scan);
}

static int table_disconnect(sqlite3_vtab *base) {
  SealTable *table = (SealTable *)base;
  for (int i = 0; i < SEAL_SCANS; i++) seal_table_drop_scan(table, &table->scans[i]);
  seal_table_gone(table->p);
  sqlite3_free(base->zErrMsg); /* of a savepoint that failed: SQLite does not take it */
  sqlite3_free(table);
  return SQLITE_OK;
}

static int table_destroy(sqlite3_vtab *base) {
  SealTable *table = (SealTable *)base;
  for (int i = 0; i < SEAL_SCANS; i++) seal_table_drop_scan(table, &table->scans[i]);
  seal_store_release(seal_store(table->p));
  int rc =
      seal_store_format(seal_store(table->p)); /* of another one's storage it knows only a part */
  if (rc != SQLITE_OK) return rc;
  rc = sqlite3_exec(seal_db(table->p), seal_sql[table->relation->is->drop], NULL, NULL, NULL);
  return rc == SQLITE_OK ? table_disconnect(base) : rc;
}

/************************************************************************************************
** Writing, and the transaction around it.
*/
/* The gate's name for a write: argc is 1 for a DELETE; argv[0] is NULL for an INSERT. */
static SealGate gate_event(const SealRelation *relation, int argc, sqlite3_value **argv) {
  if (!relation->waits) return SEAL_XUPDATE;
  int inserts = argc > 1 && sqlite3_value_type(argv[0]) == SQLITE_NULL;
  return inserts ? SEAL_XUPDATE_ROW : SEAL_XUPDATE_ACT;
}

static int table_update(sqlite3_vtab *base, int argc, sqlite3_value **argv, sqlite3_int64 *rowid) {
  SealTable *table = (SealTable *)base;
  SealError err;
  sqlite3_int64 last = sqlite3_last_insert_rowid(seal_db(table->p));
  /* An INSERT and an UPDATE say so themselves, in their column `at`. */
  SealAt at = argc == 1 ? table->asked.at : SEAL_AT_STATEMENT;
  memset(&err, 0, sizeof err);
  int inserts = argc > 1 && sqlite3_value_type(argv[0]) == SQLITE_NULL;
  int ahead = inserts ? seal_cursors_read_ahead(table) : SQLITE_OK;
  int rc = seal_gate(table->p, gate_event(table->relation, argc, argv), &at);
  if (rc == SQLITE_OK) rc = ahead;
  if (rc == SQLITE_OK && argc == 1 && table->asked.several) {
    rc = seal_refuse(&err, SEAL_OPTIONAL_IE_INCORRECT,
                     "seal_%s: a DELETE takes place at one instant, and its at IN names several",
                     table->relation->is->name);
  }
  if (rc == SQLITE_OK) {
    rc = seal_relation_write(table->p, table->relation, at, argc, argv, rowid, &err);
  }
  if (rc != SQLITE_OK && rc != SQLITE_NOMEM) {
    sqlite3_free(base->zErrMsg);
    if (err.cause != SEAL_CAUSE_NONE) {
      base->zErrMsg = sqlite3_mprintf("%s: %s", seal_cause_text(err.cause), err.detail);
    } else if (err.detail != NULL) {
      base->zErrMsg = sqlite3_mprintf("%s", err.detail);
    } else {
      base->zErrMsg = seal_table_fault_text(table, rc);
    }
    int refused =
        (rc & 0xff) == SQLITE_CONSTRAINT || (err.cause == SEAL_CAUSE_NONE && err.detail != NULL);
    if (base->zErrMsg != NULL) seal_log(rc, refused, seal_txn(table->p)->written, base->zErrMsg);
  }
  if (rc == SQLITE_OK) seal_txn(table->p)->written++;
  seal_error_clear(&err);
  /* The host's is the row that it inserted last, which SQLite notes from *rowid: none of ours. */
  sqlite3_set_last_insert_rowid(seal_db(table->p), last);
  return seal_gate_leave(table->p, rc);
}

/* Passes the gate with what is no write; a fault says what it is. */
static int passed(sqlite3_vtab *base, int rc) {
  SealTable *table = (SealTable *)base;
  if (rc != SQLITE_OK) (void)seal_table_fail(table, rc, seal_table_fault_text(table, rc));
  return rc;
}

static int pass(sqlite3_vtab *base, SealGate event) {
  return passed(base, seal_gate(((SealTable *)base)->p, event, NULL));
}

static int pass_savepoint(sqlite3_vtab *base, SealGate event, int n) {
  return passed(base, seal_gate_savepoint(((SealTable *)base)->p, event, n));
}

static int table_begin(sqlite3_vtab *base) {
  return pass(base, SEAL_XBEGIN);
}

static int table_sync(sqlite3_vtab *base) {
  return pass(base, SEAL_XSYNC);
}

static int table_commit(sqlite3_vtab *base) {
  return pass(base, SEAL_XCOMMIT);
}

static int table_rollback(sqlite3_vtab *base) {
  return pass(base, SEAL_XROLLBACK);
}

static int table_savepoint(sqlite3_vtab *base, int n) {
  return pass_savepoint(base, SEAL_XSAVEPOINT, n);
}

static int table_release(sqlite3_vtab *base, int n) {
  return pass_savepoint(base, SEAL_XRELEASE, n);
}

static int table_rollback_to(sqlite3_vtab *base, int n) {
  return pass_savepoint(base, SEAL_XROLLBACK_TO, n);
}

static int table_rename(sqlite3_vtab *base, const char *name) {
  SealTable *table = (SealTable *)base;
  (void)name;
  return seal_table_fail(table, SQLITE_ERROR,
                         sqlite3_mprintf("seal_%s can't be renamed", table->relation->is->name));
}

/* The suffixes of storage: seal_agreement_data, seal_term_held, … */
static int table_shadow_name(const char *suffix) {
  static const char *const names[] = {"data",   "use",  "held",       "replay", "service", "key",
                                      "member", "unit", "checkpoint", "gap",    "price",   "party",
                                      "term",   "rate", "state",      "cause"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (sqlite3_stricmp(names[i], suffix) == 0) return 1;
  }
  return 0;
}

static const sqlite3_module module = {
    .iVersion = 3,
    .xCreate = table_create,
    .xConnect = table_connect,
    .xBestIndex = seal_table_plan,
    .xDisconnect = table_disconnect,
    .xDestroy = table_destroy,
    .xOpen = seal_cursor_open,
    .xClose = seal_cursor_close,
    .xFilter = seal_cursor_filter,
    .xNext = seal_cursor_next,
    .xEof = seal_cursor_eof,
    .xColumn = seal_cursor_column,
    .xRowid = seal_cursor_rowid,
    .xUpdate = table_update,
    .xBegin = table_begin,
    .xSync = table_sync,
    .xCommit = table_commit,
    .xRollback = table_rollback,
    .xRename = table_rename,
    .xSavepoint = table_savepoint,
    .xRelease = table_release,
    .xRollbackTo = table_rollback_to,
    .xShadowName = table_shadow_name,
};

static void module_gone(void *aux) {
  seal_close(((Module *)aux)->p);
  sqlite3_free(aux);
}

int seal_relation_register(Seal *p, const SealRelation *const *relations) {
  Module *m = sqlite3_malloc(sizeof *m);
  if (m == NULL) return SQLITE_NOMEM;
  *m = (Module){p, relations, NULL};
  seal_own(p);
  return sqlite3_create_module_v2(seal_db(p), "seal", &module, m, module_gone);
}
