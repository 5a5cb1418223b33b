/* How a row of a relation is written (relation.h): the one xUpdate.
**
**    INSERT   check every value --> the relation's checks --> its statement --> audit, change
**    UPDATE   the same, with the old row's values where the statement gives none
**    DELETE   refused while something valid hangs on the row --> its statements --> audit, change
**
** All checks come before the first write: SQLite may keep what was written before a refusal.
*/
#include "tables/relation/relation.h"
#include "registrar/held/records.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#define PROBLEM 512 /* bytes of a text that says what is wrong with a value */

SealText seal_row_text(const SealRow *row, int i) {
  const SealCell *cell = &row->cells[i];
  SealText text = {NULL, 0};
  if (cell->form == SEAL_CELL_TEXT) {
    text = (SealText){cell->text, (int)strlen(cell->text)};
  } else if (cell->form == SEAL_CELL_VALUE) {
    text = seal_value_text(cell->value);
  }
  return text;
}

int64_t seal_row_int(const SealRow *row, int i) {
  const SealCell *cell = &row->cells[i];
  if (cell->form == SEAL_CELL_INT) return cell->i;
  return cell->form == SEAL_CELL_VALUE ? sqlite3_value_int64(cell->value) : SEAL_UNBOUNDED;
}

static int is_needed(const SealColumn *column) {
  return (column->flags & (SEAL_COL_KEY | SEAL_COL_REQUIRED)) != 0 &&
         (column->flags & SEAL_COL_DERIVED) == 0;
}

int seal_row_refuse(SealRow *row, int i, const char *format, ...) {
  const SealColumn *column = &row->relation->is->columns[i];
  va_list ap;
  va_start(ap, format);
  char *problem = sqlite3_vmprintf(format, ap);
  va_end(ap);
  if (problem == NULL) return SQLITE_NOMEM;
  int rc = seal_refuse(row->err,
                       is_needed(column) ? SEAL_MANDATORY_IE_INCORRECT : SEAL_OPTIONAL_IE_INCORRECT,
                       "seal_%s.%s: %s", row->relation->is->name, column->name, problem);
  sqlite3_free(problem);
  return rc;
}

int seal_row_unique(SealRow *row) {
  const SealRelation *relation = row->relation;
  sqlite3_str *text = sqlite3_str_new(NULL);
  sqlite3_str_appendall(text, "UNIQUE constraint failed:");
  const char *comma = "";
  for (int i = 0; i < relation->is->n_columns; i++) {
    if ((relation->is->columns[i].flags & SEAL_COL_KEY) == 0) continue;
    sqlite3_str_appendf(text, "%s seal_%s.%s", comma, relation->is->name,
                        relation->is->columns[i].name);
    comma = ",";
  }
  sqlite3_free(row->err->detail);
  row->err->detail = sqlite3_str_finish(text);
  return row->err->detail ? SQLITE_CONSTRAINT_VTAB : SQLITE_NOMEM;
}

int seal_relation_find(Seal *p, const SealDescription *is, const SealText *key, int n,
                       int64_t *id) {
  static const char types[] = "sss";
  sqlite3_stmt *row;
  assert(n == is->n_keys && n <= 3 && is->find != SEAL_NO_SQL);
  int rc = seal_store_row(seal_store(p), is->find, &row, types + 3 - n, &key[0],
                          n > 1 ? &key[1] : NULL, n > 2 ? &key[2] : NULL);
  *id = rc == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Columns that storage has a place for. */
static int is_stored(const SealColumn *column) {
  return (column->flags & (SEAL_COL_HIDDEN | SEAL_COL_READ_ONLY)) == 0;
}

/* Fills a cell with a value that was given, once it is checked. */
static int cell_given(SealRow *row, int i, sqlite3_value *value) {
  const SealColumn *column = &row->relation->is->columns[i];
  SealCell *cell = &row->cells[i];
  char problem[PROBLEM];
  cell->changed = 1;
  cell->form = SEAL_CELL_INT;
  if (column->kind == SEAL_KIND_INSTANT && seal_value_instant(value, &cell->i) == 0) {
    return SQLITE_OK;
  }
  int bad = seal_kind_check(column, value, problem, sizeof problem);
  if (bad != 0) return bad > 0 ? SQLITE_NOMEM : seal_row_refuse(row, i, "%s", problem);
  cell->form = SEAL_CELL_VALUE;
  cell->value = value;
  return SQLITE_OK;
}

/* Fills a cell that the statement leaves out of an INSERT, or sets to NULL. */
static int cell_null(SealRow *row, int i) {
  const SealColumn *column = &row->relation->is->columns[i];
  SealCell *cell = &row->cells[i];
  cell->changed = 1;
  cell->form = SEAL_CELL_NULL;
  if (column->kind == SEAL_KIND_WORD && !is_needed(column)) {
    cell->form = SEAL_CELL_TEXT;
    cell->text = "active"; /* the one word that is ever left out is a status */
    return SQLITE_OK;
  }
  if (!is_needed(column)) return SQLITE_OK;
  return seal_refuse(row->err, SEAL_MANDATORY_IE_MISSING, "seal_%s.%s is needed",
                     row->relation->is->name, column->name);
}

/* Fills a cell with the old row's value. */
static void cell_old(SealRow *row, int i) {
  SealCell *cell = &row->cells[i];
  sqlite3_value *value = sqlite3_column_value(row->old, i + 1);
  cell->changed = 0;
  cell->form = SEAL_CELL_NULL;
  if (sqlite3_value_type(value) == SQLITE_NULL) return;
  if (row->relation->is->columns[i].kind == SEAL_KIND_INSTANT) {
    cell->form = SEAL_CELL_INT;
    cell->i = sqlite3_value_int64(value);
  } else {
    cell->form = SEAL_CELL_VALUE;
    cell->value = value;
  }
}

/* The hidden columns: the clock, the credential, and what a relation's own hook reads as it is. */
static int hidden_given(SealRow *row, int i, sqlite3_value *value) {
  const SealColumn *column = &row->relation->is->columns[i];
  if (sqlite3_value_type(value) == SQLITE_NULL) return SQLITE_OK;
  if (strcmp(column->name, "at") == 0) {
    int rc = cell_given(row, i, value);
    if (rc == SQLITE_OK) row->at = (SealAt){row->cells[i].i, 0};
    return rc;
  }
  if (strcmp(column->name, "credential") == 0) {
    row->credential = seal_value_text(value);
    return row->credential.p ? SQLITE_OK : SQLITE_NOMEM;
  }
  row->cells[i].form = SEAL_CELL_VALUE;
  row->cells[i].value = value;
  return SQLITE_OK;
}

/* 1 if a given value is the old one: an UPDATE may name a column that never changes. */
static int same_as_old(SealRow *row, int i, sqlite3_value *value) {
  sqlite3_value *old = sqlite3_column_value(row->old, i + 1);
  if (sqlite3_value_type(old) == SQLITE_NULL) return sqlite3_value_type(value) == SQLITE_NULL;
  int64_t instant;
  if (row->relation->is->columns[i].kind == SEAL_KIND_INSTANT) {
    return seal_value_instant(value, &instant) == 0 && instant == sqlite3_value_int64(old);
  }
  return seal_text_same(seal_value_text(value), seal_value_text(old));
}

static int fill_column(SealRow *row, int i, sqlite3_value *value) {
  const SealColumn *column = &row->relation->is->columns[i];
  if (column->flags & SEAL_COL_HIDDEN) return hidden_given(row, i, value);
  int null = sqlite3_value_type(value) == SQLITE_NULL;
  if (row->old != NULL && (sqlite3_value_nochange(value) || same_as_old(row, i, value))) {
    cell_old(row, i);
    return SQLITE_OK;
  }
  int fixed = row->old && column->flags & (SEAL_COL_KEY | SEAL_COL_FIXED | SEAL_COL_READ_ONLY);
  if (fixed || (column->flags & SEAL_COL_READ_ONLY && !null)) {
    return seal_refuse(row->err, SEAL_MODIFICATION_NOT_ALLOWED, "seal_%s.%s can't be %s",
                       row->relation->is->name, column->name, row->old ? "changed" : "given");
  }
  return null ? cell_null(row, i) : cell_given(row, i, value);
}

static int fill_cells(SealRow *row, sqlite3_value **values) {
  int rc = SQLITE_OK;
  for (int i = 0; rc == SQLITE_OK && i < row->relation->is->n_columns; i++) {
    rc = fill_column(row, i, values[i]);
  }
  return rc;
}

static int bind_cell(sqlite3_stmt *stmt, int at, const SealCell *cell) {
  switch (cell->form) {
  case SEAL_CELL_INT:
    return sqlite3_bind_int64(stmt, at, cell->i);
  case SEAL_CELL_VALUE:
    return sqlite3_bind_value(stmt, at, cell->value);
  case SEAL_CELL_TEXT:
    return sqlite3_bind_text(stmt, at, cell->text, -1, SQLITE_STATIC);
  case SEAL_CELL_BLOB:
    return sqlite3_bind_blob(stmt, at, cell->text, (int)cell->i, SQLITE_STATIC);
  default:
    return sqlite3_bind_null(stmt, at);
  }
}

/* Runs the relation's insert or update with ?1 row id and every stored column after it. */
static int run(SealRow *row, enum SealSql sql) {
  sqlite3_stmt *stmt;
  int at = 2;
  int rc = seal_store_prepare(seal_store(row->p), sql, &stmt);
  if (rc != SQLITE_OK) return rc;
  if (row->rowid != 0) rc = sqlite3_bind_int64(stmt, 1, row->rowid);
  for (int i = 0; rc == SQLITE_OK && i < row->relation->is->n_columns; i++) {
    if (is_stored(&row->relation->is->columns[i])) rc = bind_cell(stmt, at++, &row->cells[i]);
  }
  if (rc == SQLITE_OK && row->extra[0] && at <= sqlite3_bind_parameter_count(stmt)) {
    rc = sqlite3_bind_text(stmt, at, row->extra, -1, SQLITE_STATIC);
  }
  if (rc == SQLITE_OK) {
    (void)sqlite3_step(stmt);
    rc = sqlite3_reset(stmt);
  }
  seal_store_reset(stmt);
  return rc;
}

/* "seal_term:sla-7/identity-management/v2x". */
static char *object_name(const SealRow *row) {
  sqlite3_str *text = sqlite3_str_new(NULL);
  sqlite3_str_appendf(text, "seal_%s", row->relation->is->name);
  const char *mark = ":";
  for (int i = 0; i < row->relation->is->n_columns; i++) {
    if ((row->relation->is->columns[i].flags & SEAL_COL_KEY) == 0) continue;
    sqlite3_str_appendall(text, mark);
    seal_name_append(text, seal_row_text(row, i));
    mark = "/";
  }
  return sqlite3_str_finish(text);
}

/* {"status":"suspended"}: what the statement changed, but nothing that is write-only. */
static int detail_json(const SealRow *row, char **out) {
  json_t *object = json_object();
  int bad = object == NULL;
  for (int i = 0; !bad && i < row->relation->is->n_columns; i++) {
    const SealColumn *column = &row->relation->is->columns[i];
    const SealCell *cell = &row->cells[i];
    if (!cell->changed || !is_stored(column) || column->flags & SEAL_COL_KEY) continue;
    if (cell->form == SEAL_CELL_NULL && row->old == NULL) continue;
    char text[SEAL_INSTANT_SIZE];
    json_t *value = NULL;
    SealText given = seal_row_text(row, i);
    if (column->flags & SEAL_COL_WRITE_ONLY) {
      value = json_string("changed");
    } else if (cell->form == SEAL_CELL_INT) {
      seal_instant_text(cell->i, text);
      value = json_string(text);
    } else {
      value = given.p ? json_stringn(given.p, (size_t)given.n) : json_null();
    }
    bad = json_object_set_new(object, column->name, value) != 0;
  }
  *out = bad ? NULL : seal_json_dump(object);
  json_decref(object);
  return *out ? SQLITE_OK : SQLITE_NOMEM;
}

/* The entries of an operator's act. */
static int record_change(SealRow *row, const char *operation) {
  char *object = object_name(row), *detail = NULL;
  SealText service = {NULL, 0};
  for (int i = 0; i < row->relation->is->n_columns; i++) {
    if (row->relation->is->columns[i].kind == SEAL_KIND_SERVICE) service = seal_row_text(row, i);
  }
  int rc = object ? detail_json(row, &detail) : SQLITE_NOMEM;
  int64_t at = row->at.t;
  SealEvent event = {at, "operator", operation, object, "done", NULL, detail};
  if (rc == SQLITE_OK) rc = seal_audit_write(row->p, &event);
  if (rc == SQLITE_OK && !row->relation->untold) {
    rc = seal_change_write(row->p, at, seal_service_name(service), object, operation);
  }
  sqlite3_free(object);
  sqlite3_free(detail);
  return rc;
}

/* Loads the row as it is now: columns as in its view. */
static int load_old(SealRow *row) {
  char *sql = sqlite3_mprintf(seal_sql[SQL_VIEW_FRAME], "*", seal_sql[row->relation->is->view],
                              " AND id = ?2", "");
  if (sql == NULL) return SQLITE_NOMEM;
  int rc = seal_store_text(seal_store(row->p), sql, &row->old);
  sqlite3_free(sql);
  if (rc == SQLITE_OK) rc = sqlite3_bind_int64(row->old, 2, row->rowid);
  if (rc == SQLITE_OK) rc = sqlite3_step(row->old);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
}

static int store(SealRow *row, enum SealSql sql, const char *operation, sqlite3_int64 *rowid) {
  int rc = run(row, sql);
  if (rc == SQLITE_CONSTRAINT_UNIQUE) return seal_row_unique(row);
  if (rc == SQLITE_OK && rowid != NULL) {
    *rowid = row->rowid = sqlite3_last_insert_rowid(seal_db(row->p));
  }
  if (rc == SQLITE_OK && row->relation->after != NULL) rc = row->relation->after(row, 0);
  if (rc == SQLITE_OK && !row->relation->silent) rc = record_change(row, operation);
  return rc;
}

/* INSERT OR REPLACE on a key that is there changes the row, but not what never changes. */
static int replace_check(SealRow *row) {
  int rc = load_old(row);
  for (int i = 0; rc == SQLITE_OK && i < row->relation->is->n_columns; i++) {
    const SealColumn *column = &row->relation->is->columns[i];
    if ((column->flags & SEAL_COL_FIXED) == 0 || row->cells[i].form != SEAL_CELL_VALUE) continue;
    if (!same_as_old(row, i, row->cells[i].value)) {
      rc = seal_refuse(row->err, SEAL_MODIFICATION_NOT_ALLOWED, "seal_%s.%s can't be changed",
                       row->relation->is->name, column->name);
    }
  }
  return rc;
}

/* The row that has the key already; *id is 0 where there is none. */
static int find_same_key(SealRow *row, int64_t *id) {
  SealText key[3] = {{NULL, 0}};
  int n = 0;
  for (int i = 0; i < row->relation->is->n_columns; i++) {
    if (row->relation->is->columns[i].flags & SEAL_COL_KEY) key[n++] = seal_row_text(row, i);
  }
  assert(n > 0 && n <= 3);
  *id = 0;
  return key[0].p ? seal_relation_find(row->p, row->relation->is, key, n, id) : SQLITE_OK;
}

/* Finds the row that has the key already; a key that was not given is computed first, by the check, which then is
** not made again: *checked. */
static int find_there(SealRow *row, int64_t *there, int *checked) {
  const SealRelation *relation = row->relation;
  if (relation->is->find == SEAL_NO_SQL) return SQLITE_OK;
  *checked = row->cells[0].form == SEAL_CELL_NULL;
  int rc = *checked ? relation->check(row) : SQLITE_OK;
  return rc == SQLITE_OK ? find_same_key(row, there) : rc;
}

static int insert(SealRow *row, sqlite3_value **values, sqlite3_int64 *rowid) {
  const SealRelation *relation = row->relation;
  int64_t there = 0;
  int checked = 0;
  int rc = fill_cells(row, values);
  if (rc == SQLITE_OK && relation->insert_row != NULL) {
    int64_t id = 0;
    rc = relation->insert_row(row, &id);
    *rowid = id;
    return rc;
  }
  if (rc == SQLITE_OK && relation->is->insert == SEAL_NO_SQL) {
    return seal_refuse(row->err, SEAL_MODIFICATION_NOT_ALLOWED, "seal_%s takes no rows",
                       relation->is->name);
  }
  if (rc != SQLITE_OK) return rc;
  assert(relation->check != NULL);
  rc = find_there(row, &there, &checked);
  if (rc == SQLITE_OK && there != 0) {
    if (row->on_conflict != SQLITE_REPLACE) return seal_row_unique(row);
    row->rowid = there;
    rc = replace_check(row);
  }
  if (rc == SQLITE_OK && !checked) rc = relation->check(row);
  if (rc != SQLITE_OK) return rc;
  if (there == 0) return store(row, relation->is->insert, "insert", rowid);
  *rowid = there;
  return store(row, relation->is->update, "update", NULL);
}

static int update(SealRow *row, sqlite3_value **values) {
  const SealRelation *relation = row->relation;
  if (relation->is->update == SEAL_NO_SQL && relation->update_row == NULL) {
    return seal_refuse(row->err, SEAL_MODIFICATION_NOT_ALLOWED, "rows of seal_%s can't be changed",
                       relation->is->name);
  }
  int rc = load_old(row);
  if (rc == SQLITE_OK) rc = fill_cells(row, values);
  if (rc == SQLITE_OK && relation->check != NULL) rc = relation->check(row);
  if (rc != SQLITE_OK) return rc;
  if (relation->update_row != NULL) return relation->update_row(row);
  return store(row, relation->is->update, "update", NULL);
}

/* Refused while something valid hangs on the row. */
static int check_use(SealRow *row, int64_t at) {
  sqlite3_stmt *used;
  if (row->relation->is->in_use == SEAL_NO_SQL) return SQLITE_OK;
  int rc =
      seal_store_row(seal_store(row->p), row->relation->is->in_use, &used, "ii", row->rowid, at);
  if (rc == SQLITE_ROW) {
    char *object = object_name(row);
    SealText what = seal_column_text(used, 0);
    rc = object && what.p
             ? seal_refuse(row->err, SEAL_MODIFICATION_NOT_ALLOWED,
                           "FOREIGN KEY constraint failed: %s still has a valid %s", object, what.p)
             : SQLITE_NOMEM;
    sqlite3_free(object);
  }
  seal_store_reset(used);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int delete (SealRow *row) {
  const SealRelation *relation = row->relation;
  if (relation->delete_row != NULL) return relation->delete_row(row);
  if (relation->is->remove == NULL) {
    return seal_refuse(row->err, SEAL_MODIFICATION_NOT_ALLOWED, "rows of seal_%s can't be deleted",
                       relation->is->name);
  }
  int rc = load_old(row);
  for (int i = 0; rc == SQLITE_OK && i < relation->is->n_columns; i++) {
    if (!(relation->is->columns[i].flags & SEAL_COL_HIDDEN)) cell_old(row, i);
  }
  if (rc == SQLITE_OK) rc = check_use(row, row->at.t);
  if (rc == SQLITE_OK) rc = record_change(row, "delete");
  if (rc == SQLITE_OK && relation->after != NULL) rc = relation->after(row, 1);
  if (rc == SQLITE_OK) rc = seal_remove(row->p, relation->is->remove, row->rowid);
  return rc;
}

/* A refused row of a VAL server's that the host goes on without leaves its trace. */
static int note_refusal(const SealRow *row, int rc) {
  if (!row->relation->credential || row->on_conflict != SQLITE_IGNORE ||
      row->err->cause == SEAL_CAUSE_NONE) {
    return rc;
  }
  int bad =
      seal_row_refused(row->p, row->relation->is->name, row->requester, row->err->cause, row->at.t);
  return bad == SQLITE_OK ? rc : bad;
}

int seal_relation_write(Seal *p, const SealRelation *relation, SealAt at, int argc,
                        sqlite3_value **argv, sqlite3_int64 *rowid, SealError *err) {
  assert(relation->is->n_columns <= SEAL_COLUMNS_MAX);
  int rc, inserts = argc > 1 && sqlite3_value_type(argv[0]) == SQLITE_NULL;
  SealRow row;
  memset(&row, 0, offsetof(SealRow, cells) + (size_t)relation->is->n_columns * sizeof row.cells[0]);
  row.p = p;
  row.relation = relation;
  row.err = err;
  row.at = at;
  row.on_conflict = sqlite3_vtab_on_conflict(seal_db(p));
  if (inserts) {
    rc = insert(&row, argv + 2, rowid);
    if (rc == SQLITE_CONSTRAINT_VTAB) rc = note_refusal(&row, rc);
  } else {
    row.rowid = sqlite3_value_int64(argv[0]);
    if (argc == 1) {
      rc = delete (&row);
    } else if (sqlite3_value_int64(argv[1]) != row.rowid) {
      rc = seal_refuse(err, SEAL_MODIFICATION_NOT_ALLOWED, "seal_%s.rowid can't be changed",
                       relation->is->name);
    } else {
      rc = update(&row, argv + 2);
    }
  }
  seal_store_finalize(seal_store(p), row.old);
  sqlite3_free(row.owned);
  return rc;
}
