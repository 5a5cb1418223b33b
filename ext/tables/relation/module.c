/* The virtual table of every relation (relation.h): its module, and how it is read.
**
**    CREATE VIRTUAL TABLE seal_agreement USING seal(agreement);
**
** A query becomes one statement on the storage. xBestIndex writes it (the plan's idxStr is a letter
** for each argument, a newline and the statement); xFilter finds it among the table's prepared
** statements, binds and steps; SQLite flattens the view in it, so that a constraint on a column is a
** constraint on the storage's index.
*/
#include "tables/relation/relation.h"

#include <assert.h>
#include <string.h>

#define SCANS 8 /* prepared statements that a table keeps */

typedef struct Scan {
  char *sql;
  sqlite3_stmt *stmt;
  int busy; /* a cursor is on it */
} Scan;

typedef struct Table {
  sqlite3_vtab base;
  Seal *p;
  const SealRelation *relation;
  Scan scans[SCANS];
  int next;     /* the scan to give up next */
  SealAt asked; /* what the last query's WHERE said of `at`: an UPDATE or DELETE takes place then */
} Table;

typedef struct Cursor {
  sqlite3_vtab_cursor base;
  sqlite3_stmt *stmt;
  Scan *scan; /* where stmt lives; NULL: the cursor's own */
  int eof;
  int all;   /* every stored row is asked for: there is no instant */
  SealAt at; /* the instant asked for, or the statement's */
  SealReading reading;
  sqlite3_value *name; /* while it is filtered: what the key has to be; NULL: anything */
} Cursor;

/* What the module is registered with. */
typedef struct Module {
  Seal *p;
  const SealRelation *const *relations; /* ended by NULL */
} Module;

/************************************************************************************************
** Making and connecting.
*/
static int set_error(sqlite3_vtab *table, char *message) {
  sqlite3_free(table->zErrMsg);
  table->zErrMsg = message;
  return message ? SQLITE_ERROR : SQLITE_NOMEM;
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
  Table *table = sqlite3_malloc(sizeof *table);
  if (table == NULL) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->p = ((const Module *)aux)->p;
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

static void scan_clear(Table *table, Scan *scan) {
  seal_store_finalize(seal_store(table->p), scan->stmt);
  sqlite3_free(scan->sql);
  memset(scan, 0, sizeof *scan);
}

static int table_disconnect(sqlite3_vtab *base) {
  Table *table = (Table *)base;
  for (int i = 0; i < SCANS; i++) scan_clear(table, &table->scans[i]);
  seal_table_gone(table->p);
  sqlite3_free(base->zErrMsg); /* of a savepoint that failed: SQLite does not take it */
  sqlite3_free(table);
  return SQLITE_OK;
}

static int table_destroy(sqlite3_vtab *base) {
  Table *table = (Table *)base;
  for (int i = 0; i < SCANS; i++) scan_clear(table, &table->scans[i]);
  seal_store_release(seal_store(table->p));
  int rc =
      seal_store_format(seal_store(table->p)); /* of another one's storage it knows only a part */
  if (rc != SQLITE_OK) return rc;
  rc = sqlite3_exec(seal_db(table->p), seal_sql[table->relation->is->drop], NULL, NULL, NULL);
  return rc == SQLITE_OK ? table_disconnect(base) : rc;
}

/************************************************************************************************
** Planning. The plan's letters: v a value, t an instant, a the instant asked for, x ignored.
*/
#define PLAN_ALL 1 /* idxNum: WHERE at IS NULL */

typedef struct Plan {
  sqlite3_index_info *info;
  const SealRelation *relation;
  sqlite3_str *where;
  char letters[64];
  int n;        /* arguments so far */
  int first;    /* the statement's number of the first value: after ?1 and what the hook binds */
  int lookup;   /* an equality that finds few rows */
  unsigned key; /* a bit for each column of the key that has an equality */
  int all;      /* WHERE at IS NULL */
  int refused;  /* an argument that is needed can't be had in this order of tables */
  int left;     /* a constraint that SQLite itself has to check */
} Plan;

static const char *operator_text(unsigned char op) {
  switch (op) {
  case SQLITE_INDEX_CONSTRAINT_EQ:
    return "=";
  case SQLITE_INDEX_CONSTRAINT_GT:
    return ">";
  case SQLITE_INDEX_CONSTRAINT_LE:
    return "<=";
  case SQLITE_INDEX_CONSTRAINT_LT:
    return "<";
  case SQLITE_INDEX_CONSTRAINT_GE:
    return ">=";
  case SQLITE_INDEX_CONSTRAINT_IS:
    return "IS";
  case SQLITE_INDEX_CONSTRAINT_NE:
    return "<>";
  case SQLITE_INDEX_CONSTRAINT_ISNULL:
    return "IS NULL";
  case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
    return "IS NOT NULL";
  default:
    return NULL;
  }
}

static void take(Plan *plan, int i, char letter) {
  assert(plan->n < (int)sizeof plan->letters);
  plan->letters[plan->n++] = letter;
  plan->info->aConstraintUsage[i].argvIndex = plan->n;
  plan->info->aConstraintUsage[i].omit = 1;
}

/* The hidden column "at": = and IS give the clock, IS NULL shows everything. */
static void plan_at(Plan *plan, int i) {
  const struct sqlite3_index_constraint *c = &plan->info->aConstraint[i];
  int is = c->op == SQLITE_INDEX_CONSTRAINT_EQ || c->op == SQLITE_INDEX_CONSTRAINT_IS ||
           c->op == SQLITE_INDEX_CONSTRAINT_ISNULL;
  if (!is) return;
  if (!c->usable || plan->n >= (int)sizeof plan->letters - 1) {
    plan->refused = 1;
  } else if (c->op == SQLITE_INDEX_CONSTRAINT_ISNULL) {
    plan->all = 1;
    take(plan, i, 'x');
  } else {
    take(plan, i, c->op == SQLITE_INDEX_CONSTRAINT_IS ? 'A' : 'a');
  }
}

static void plan_constraint(Plan *plan, int i) {
  const struct sqlite3_index_constraint *c = &plan->info->aConstraint[i];
  const SealColumn *column = c->iColumn < 0 ? NULL : &plan->relation->is->columns[c->iColumn];
  const char *op = operator_text(c->op);
  if (column != NULL && strcmp(column->name, "at") == 0) {
    plan_at(plan, i);
    return;
  }
  int room = plan->n < (int)sizeof plan->letters - 4;
  if (!c->usable || op == NULL || !room || (column && column->flags & SEAL_COL_HIDDEN) ||
      (column && column->flags & SEAL_COL_VIRTUAL) ||
      strcmp(sqlite3_vtab_collation(plan->info, i), "BINARY") != 0) {
    if (c->op != SQLITE_INDEX_CONSTRAINT_LIMIT && c->op != SQLITE_INDEX_CONSTRAINT_OFFSET) {
      plan->left = 1;
    }
    return;
  }
  int unary = c->op == SQLITE_INDEX_CONSTRAINT_ISNULL || c->op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL;
  int named = plan->relation->bind && column && column->flags & SEAL_COL_KEY &&
              c->op == SQLITE_INDEX_CONSTRAINT_EQ;
  take(plan, i,
       unary                                         ? 'x'
       : column && column->kind == SEAL_KIND_INSTANT ? 't'
       : named                                       ? 'n'
                                                     : 'v');
  if (unary) {
    sqlite3_str_appendf(plan->where, " AND \"%w\" %s", column ? column->name : "id", op);
  } else {
    sqlite3_str_appendf(plan->where, " AND \"%w\" %s ?%d", column ? column->name : "id", op,
                        plan->n + plan->first - 1);
  }
  if (c->op != SQLITE_INDEX_CONSTRAINT_EQ && c->op != SQLITE_INDEX_CONSTRAINT_IS) return;
  if (column == NULL || column->flags & SEAL_COL_LOOKUP) plan->lookup = 1;
  if (column != NULL && column->flags & SEAL_COL_KEY) plan->key |= 1U << c->iColumn;
}

/* ORDER BY, if all of it is ours to give. */
static void plan_order(Plan *plan, sqlite3_str *order) {
  sqlite3_index_info *info = plan->info;
  if (info->nOrderBy == 0) return;
  for (int i = 0; i < info->nOrderBy; i++) {
    int c = info->aOrderBy[i].iColumn;
    if (c >= 0 && plan->relation->is->columns[c].flags & (SEAL_COL_HIDDEN | SEAL_COL_VIRTUAL))
      return;
  }
  for (int i = 0; i < info->nOrderBy; i++) {
    int c = info->aOrderBy[i].iColumn;
    sqlite3_str_appendf(order, "%s\"%w\"%s", i ? ", " : " ORDER BY ",
                        c < 0 ? "id" : plan->relation->is->columns[c].name,
                        info->aOrderBy[i].desc ? " DESC" : "");
  }
  info->orderByConsumed = 1;
}

/* LIMIT, where nothing is left for SQLite to check or sort, and no OFFSET is asked for. */
static void plan_limit(Plan *plan, sqlite3_str *order) {
  int limit = -1;
  for (int i = 0; i < plan->info->nConstraint; i++) {
    unsigned char op = plan->info->aConstraint[i].op;
    if (op == SQLITE_INDEX_CONSTRAINT_OFFSET) return;
    if (op == SQLITE_INDEX_CONSTRAINT_LIMIT && plan->info->aConstraint[i].usable) limit = i;
  }
  if (limit < 0 || plan->left) return;
  if (plan->info->nOrderBy > 0 && !plan->info->orderByConsumed) return;
  take(plan, limit, 'v');
  sqlite3_str_appendf(order, " LIMIT ?%d", plan->n + plan->first - 1);
}

/* The columns that the query needs; the others are not computed. */
static void plan_columns(const Plan *plan, sqlite3_str *out) {
  sqlite3_str_appendall(out, "id");
  for (int i = 0; i < plan->relation->is->n_columns; i++) {
    const SealColumn *column = &plan->relation->is->columns[i];
    if (column->flags & SEAL_COL_HIDDEN) continue;
    int used = (plan->info->colUsed >> (i < 63 ? i : 63)) & 1;
    if (used || plan->relation->column != NULL) {
      sqlite3_str_appendf(out, ", \"%w\"", column->name);
    } else {
      sqlite3_str_appendall(out, ", NULL");
    }
  }
}

static int plan_text(Plan *plan, enum SealSql view) {
  sqlite3_str *columns = sqlite3_str_new(NULL), *order = sqlite3_str_new(NULL);
  plan_order(plan, order);
  plan_limit(plan, order);
  plan_columns(plan, columns);
  int rc =
      sqlite3_str_errcode(columns) | sqlite3_str_errcode(order) | sqlite3_str_errcode(plan->where);
  char *c = sqlite3_str_finish(columns), *w = sqlite3_str_value(plan->where);
  char *o = sqlite3_str_finish(order);
  char *sql = sqlite3_mprintf(seal_sql[SQL_VIEW_FRAME], c, seal_sql[view], w ? w : "", o ? o : "");
  plan->info->idxStr =
      sql && rc == 0 ? sqlite3_mprintf("%.*s\n%s", plan->n, plan->letters, sql) : NULL;
  plan->info->needToFreeIdxStr = 1;
  sqlite3_free(sql);
  sqlite3_free(c);
  sqlite3_free(o);
  return plan->info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
  const SealRelation *relation = ((Table *)base)->relation;
  Plan plan = {.info = info, .relation = relation, .first = relation->bind ? 3 : 2};
  plan.where = sqlite3_str_new(NULL);
  for (int i = 0; i < info->nConstraint; i++) plan_constraint(&plan, i);
  int unique = plan.key != 0 && __builtin_popcount(plan.key) == relation->is->n_keys;
  enum SealSql view = plan.lookup || unique ? relation->is->view : relation->is->view_all;
  info->estimatedRows = unique ? 1 : plan.lookup ? 10 : plan.key ? 1000 : 1000000;
  info->estimatedCost = unique ? 10 : plan.lookup ? 50 : plan.key ? 5000 : 3000000;
  if (unique) info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
  info->idxNum = plan.all ? PLAN_ALL : 0;
  int rc = plan.refused ? SQLITE_CONSTRAINT : plan_text(&plan, view);
  sqlite3_free(sqlite3_str_finish(plan.where));
  return rc;
}

/************************************************************************************************
** Reading.
*/
static int cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
  Cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (cursor == NULL) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  seal_reading_open(((Table *)base)->p, &cursor->reading);
  *out = &cursor->base;
  return SQLITE_OK;
}

/* Gives the statement back. */
static void cursor_leave(Table *table, Cursor *cursor) {
  if (cursor->scan != NULL) {
    seal_store_reset(cursor->stmt);
    cursor->scan->busy = 0;
  } else {
    seal_store_finalize(seal_store(table->p), cursor->stmt);
  }
  cursor->scan = NULL;
  cursor->stmt = NULL;
}

static int cursor_close(sqlite3_vtab_cursor *base) {
  Table *table = (Table *)base->pVtab;
  cursor_leave(table, (Cursor *)base);
  seal_reading_close(table->p);
  sqlite3_free(base);
  return SQLITE_OK;
}

/* Finds or makes the statement; a table that is read by several cursors at once has one of its own
** for each. */
static int cursor_statement(Table *table, Cursor *cursor, const char *sql) {
  for (int i = 0; i < SCANS; i++) {
    Scan *scan = &table->scans[i];
    if (scan->sql == NULL || scan->busy || strcmp(scan->sql, sql) != 0) continue;
    scan->busy = 1;
    cursor->scan = scan;
    cursor->stmt = scan->stmt;
    return SQLITE_OK;
  }
  int rc = seal_store_text(seal_store(table->p), sql, &cursor->stmt);
  Scan *scan = &table->scans[table->next];
  if (rc != SQLITE_OK || scan->busy) return rc;
  char *copy = sqlite3_mprintf("%s", sql);
  if (copy == NULL) return SQLITE_OK; /* works without being kept */
  scan_clear(table, scan);
  *scan = (Scan){copy, cursor->stmt, 1};
  cursor->scan = scan;
  table->next = (table->next + 1) % SCANS;
  return SQLITE_OK;
}

/* What a fault of the system is called: SQLite's own message, if the error is a nested statement's. */
static char *fault_text(Seal *p, const SealRelation *relation, int rc) {
  if (seal_store_format_fault(seal_store(p)) != NULL)
    return sqlite3_mprintf("%s", seal_store_format_fault(seal_store(p)));
  if (seal_gate_fault(p) != NULL) {
    return sqlite3_mprintf(
        "seal_%s: an act of this transaction failed half-way (%s): ROLLBACK, or ROLLBACK TO "
        "a savepoint before it",
        relation->is->name, seal_gate_fault(p));
  }
  if (rc == SQLITE_CORRUPT_VTAB) {
    return sqlite3_mprintf("seal_%s: a stored row is not what the registrar wrote",
                           relation->is->name);
  }
  const char *text =
      sqlite3_errcode(seal_db(p)) == SQLITE_OK ? sqlite3_errstr(rc) : sqlite3_errmsg(seal_db(p));
  return sqlite3_mprintf("seal_%s: %s", relation->is->name, text);
}

static int refuse_instant(Table *table, sqlite3_value *value) {
  char quoted[SEAL_QUOTE_MAX + 8];
  SealText text = {(const char *)sqlite3_value_text(value), sqlite3_value_bytes(value)};
  return set_error(&table->base,
                   sqlite3_mprintf("seal_%s: \"%s\" is not an instant (RFC 3339, a date, "
                                   "or integer seconds since 1970)",
                                   table->relation->is->name, seal_quote(text, quoted)));
}

/* Binds one argument by its letter; *none is set when no row can match. */
static int bind_argument(Table *table, Cursor *cursor, char letter, int i, sqlite3_value *value,
                         int *none) {
  int64_t instant;
  int null = sqlite3_value_type(value) == SQLITE_NULL;
  switch (letter) {
  case 'x':
    return SQLITE_OK;
  case 'a':
  case 'A':
    if (null && letter == 'a') *none = 1;
    if (null && letter == 'A') cursor->all = 1;
    if (null) return SQLITE_OK;
    cursor->at.by_host = 0;
    if (seal_value_instant(value, &cursor->at.t) != 0) return refuse_instant(table, value);
    return SQLITE_OK;
  case 't':
    if (null) return sqlite3_bind_null(cursor->stmt, i);
    if (seal_value_instant(value, &instant) != 0) return refuse_instant(table, value);
    return sqlite3_bind_int64(cursor->stmt, i, instant);
  case 'n':
    cursor->name = value;
    return sqlite3_bind_value(cursor->stmt, i, value);
  default:
    return sqlite3_bind_value(cursor->stmt, i, value);
  }
}

static int cursor_next(sqlite3_vtab_cursor *base) {
  Cursor *cursor = (Cursor *)base;
  int rc = sqlite3_step(cursor->stmt);
  cursor->eof = rc != SQLITE_ROW;
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc,
                         sqlite3_value **argv) {
  Cursor *cursor = (Cursor *)base;
  Table *table = (Table *)base->pVtab;
  const SealRelation *relation = table->relation;
  int none = 0, first = relation->bind ? 3 : 2;
  cursor_leave(table, cursor);
  cursor->eof = 1;
  cursor->all = number & PLAN_ALL;
  cursor->at = SEAL_AT_STATEMENT;
  cursor->name = NULL;
  int rc = seal_gate(table->p, relation->counts ? SEAL_XFILTER_SUMS : SEAL_XFILTER, NULL);
  if (rc != SQLITE_OK) {
    (void)set_error(&table->base, fault_text(table->p, relation, rc));
    return rc;
  }
  rc = cursor_statement(table, cursor, strchr(plan, '\n') + 1);
  for (int i = 0; rc == SQLITE_OK && i < argc; i++) {
    rc = bind_argument(table, cursor, plan[i], first + i, argv[i], &none);
  }
  table->asked = cursor->at;
  if (cursor->at.by_host) {
    int64_t t = seal_reading_take(table->p, &cursor->reading);
    if (!cursor->all) cursor->at.t = t;
  }
  if (rc != SQLITE_OK || none) return rc;
  if (!cursor->all && sqlite3_bind_parameter_count(cursor->stmt) > 0) {
    rc = sqlite3_bind_int64(cursor->stmt, 1, cursor->at.t);
  }
  if (rc == SQLITE_OK && relation->bind != NULL) {
    SealText name = cursor->name ? seal_value_text(cursor->name) : (SealText){NULL, 0};
    rc = relation->bind(table->p, cursor->stmt, name);
  }
  return rc == SQLITE_OK ? cursor_next(base) : rc;
}

static int cursor_eof(sqlite3_vtab_cursor *base) {
  return ((Cursor *)base)->eof;
}

static void result_instant(sqlite3_context *ctx, int64_t t) {
  char text[SEAL_INSTANT_SIZE];
  seal_instant_text(t, text);
  sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i) {
  Cursor *cursor = (Cursor *)base;
  const SealRelation *relation = ((Table *)base->pVtab)->relation;
  const SealColumn *column = &relation->is->columns[i];
  if (sqlite3_vtab_nochange(ctx)) return SQLITE_OK;
  if (column->flags & SEAL_COL_HIDDEN) {
    if (strcmp(column->name, "at") == 0 && !cursor->all) result_instant(ctx, cursor->at.t);
    return SQLITE_OK;
  }
  Seal *p = ((Table *)base->pVtab)->p;
  if (relation->column != NULL && relation->column(p, ctx, cursor->stmt, i)) return SQLITE_OK;
  if (column->kind == SEAL_KIND_INSTANT &&
      sqlite3_column_type(cursor->stmt, i + 1) == SQLITE_INTEGER) {
    result_instant(ctx, sqlite3_column_int64(cursor->stmt, i + 1));
  } else {
    sqlite3_result_value(ctx, sqlite3_column_value(cursor->stmt, i + 1));
  }
  return SQLITE_OK;
}

void seal_column_fail(sqlite3_context *ctx, int rc, const SealError *err) {
  char *text = NULL;
  if (err->cause != SEAL_CAUSE_NONE) {
    text = sqlite3_mprintf("%s: %s", seal_cause_text(err->cause), err->detail);
  }
  if (text != NULL) sqlite3_result_error(ctx, text, -1);
  sqlite3_result_error_code(ctx, rc);
  sqlite3_free(text);
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
  *out = sqlite3_column_int64(((Cursor *)base)->stmt, SEAL_VIEW_ID);
  return SQLITE_OK;
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
  Table *table = (Table *)base;
  SealError err;
  int inserts = argc > 1 && sqlite3_value_type(argv[0]) == SQLITE_NULL;
  SealAt at = inserts ? SEAL_AT_STATEMENT : table->asked;
  memset(&err, 0, sizeof err);
  int rc = seal_gate(table->p, gate_event(table->relation, argc, argv), &at);
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
      base->zErrMsg = fault_text(table->p, table->relation, rc);
    }
  }
  seal_error_clear(&err);
  return seal_gate_leave(table->p, rc);
}

/* Passes the gate with what is no write; a fault says what it is. */
static int passed(sqlite3_vtab *base, int rc) {
  Table *table = (Table *)base;
  if (rc != SQLITE_OK) (void)set_error(base, fault_text(table->p, table->relation, rc));
  return rc;
}

static int pass(sqlite3_vtab *base, SealGate event) {
  return passed(base, seal_gate(((Table *)base)->p, event, NULL));
}

static int pass_savepoint(sqlite3_vtab *base, SealGate event, int n) {
  return passed(base, seal_gate_savepoint(((Table *)base)->p, event, n));
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
  Table *table = (Table *)base;
  (void)name;
  return set_error(base, sqlite3_mprintf("seal_%s can't be renamed", table->relation->is->name));
}

/* The suffixes of storage: seal_agreement_data, seal_term_held, … */
static int table_shadow_name(const char *suffix) {
  static const char *const names[] = {"data",  "use",    "held", "replay",     "service",
                                      "key",   "member", "unit", "checkpoint", "gap",
                                      "price", "party",  "term"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (sqlite3_stricmp(names[i], suffix) == 0) return 1;
  }
  return 0;
}

static const sqlite3_module module = {
    .iVersion = 3,
    .xCreate = table_create,
    .xConnect = table_connect,
    .xBestIndex = table_best_index,
    .xDisconnect = table_disconnect,
    .xDestroy = table_destroy,
    .xOpen = cursor_open,
    .xClose = cursor_close,
    .xFilter = cursor_filter,
    .xNext = cursor_next,
    .xEof = cursor_eof,
    .xColumn = cursor_column,
    .xRowid = cursor_rowid,
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
  *m = (Module){p, relations};
  seal_own(p);
  return sqlite3_create_module_v2(seal_db(p), "seal", &module, m, module_gone);
}
