/* How a relation is read (table.h): a cursor finds the plan's statement among the table's, binds it and steps.
**
** A cursor that is asked for several instants, or for a list of values, runs its statement once for each.
**
** The instant of an UPDATE comes with the row: `at` is a column that it hands on. A DELETE hands on a row id; its
** own scan has come to its end just before the first row goes, as SQLite gathers the ids first. So it is the last
** cursor that came to its end, whatever other cursors of subqueries there are on the relation.
*/
#include "tables/relation/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Rows, one after the other: the instant, then the statement's columns, each its type and bytes. */
typedef struct SealKept {
  unsigned char *bytes; /* NULL: none */
  size_t n, size, at;   /* at: the next one */
} SealKept;

typedef struct SealCursor {
  sqlite3_vtab_cursor base;
  struct SealCursor *next; /* in the connection's list */
  sqlite3_stmt *stmt;
  SealScan *scan; /* where stmt lives; NULL: the cursor's own */
  int eof;
  int first; /* the number of the first value in the statement */
  int all;   /* every stored row is asked for: there is no instant */
  int asks;  /* what the last plan said of `at`: 0 not filtered, 1 nothing, 2 something */
  SealAt at; /* the instant asked for, or the statement's */
  SealReading reading;
  int64_t *instants; /* several that are asked for */
  int n_instants;
  sqlite3_value **list; /* several values of one column */
  int n_list, list_at;  /* list_at: that column's number in the statement */
  int run;              /* which of their combinations is read */
  int fault;            /* why the rest could not be read ahead */
  SealKept kept;        /* rows that were read ahead */
  int partial; /* its scan was left before the end and began anew: a subquery's that wants few rows */
  sqlite3_value *name; /* while it is filtered: what the key has to be; NULL: anything */
} SealCursor;

int seal_cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
  SealTable *table = (SealTable *)base;
  SealCursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (cursor == NULL) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  seal_reading_open(table->p, &cursor->reading);
  cursor->eof = 1;
  cursor->next = *table->cursors;
  *table->cursors = cursor;
  table->opened = cursor;
  table->planned = 0;
  *out = &cursor->base;
  return SQLITE_OK;
}

static void free_list(SealCursor *cursor) {
  for (int i = 0; i < cursor->n_list; i++) sqlite3_value_free(cursor->list[i]);
  sqlite3_free(cursor->list);
  cursor->list = NULL;
  cursor->n_list = 0;
}

/* Gives the statement back, and what it was to be run for. */
static void cursor_leave(SealTable *table, SealCursor *cursor) {
  if (cursor->scan != NULL) {
    seal_store_reset(cursor->stmt);
    cursor->scan->busy = 0;
  } else {
    seal_store_finalize(seal_store(table->p), cursor->stmt);
  }
  cursor->scan = NULL;
  cursor->stmt = NULL;
  free_list(cursor);
  sqlite3_free(cursor->instants);
  cursor->instants = NULL;
  cursor->n_instants = cursor->run = 0;
  sqlite3_free(cursor->kept.bytes);
  memset(&cursor->kept, 0, sizeof cursor->kept);
}

/* What a DELETE would take place at, if the rows were this cursor's. */
static void cursor_ends(SealTable *table, const SealCursor *cursor) {
  table->asked.several = cursor->n_instants > 1;
  table->asked.at = cursor->all || cursor->at.by_host ? SEAL_AT_STATEMENT : cursor->at;
}

int seal_cursor_close(sqlite3_vtab_cursor *base) {
  SealTable *table = (SealTable *)base->pVtab;
  SealCursor *cursor = (SealCursor *)base, **link = table->cursors;
  if (table->opened == cursor) {
    table->opened = NULL;
  } else if (table->opened != NULL) {
    /* SQLite opens a cursor anew where it has one: they are one scan's, which was planned twice. */
    table->opened->asks = cursor->asks;
    table->opened->partial = cursor->partial || !cursor->eof;
  }
  cursor_leave(table, cursor);
  while (*link != cursor) link = &(*link)->next;
  *link = cursor->next;
  seal_reading_close(table->p);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* Finds or makes the statement; a table that is read by several cursors at once has one of its own
** for each. */
static int cursor_statement(SealTable *table, SealCursor *cursor, const char *sql) {
  int limited = seal_store_limited(seal_store(table->p));
  for (int i = 0; i < SEAL_SCANS && !limited; i++) {
    SealScan *scan = &table->scans[i];
    if (scan->sql == NULL || scan->busy || strcmp(scan->sql, sql) != 0) continue;
    scan->busy = 1;
    cursor->scan = scan;
    cursor->stmt = scan->stmt;
    return SQLITE_OK;
  }
  int rc = seal_store_text(seal_store(table->p), sql, &cursor->stmt);
  SealScan *scan = &table->scans[table->next];
  if (rc != SQLITE_OK || scan->busy || limited) return rc;
  char *copy = sqlite3_mprintf("%s", sql);
  if (copy == NULL) return SQLITE_OK; /* works without being kept */
  seal_table_drop_scan(table, scan);
  *scan = (SealScan){copy, cursor->stmt, 1};
  cursor->scan = scan;
  table->next = (table->next + 1) % SEAL_SCANS;
  return SQLITE_OK;
}

/************************************************************************************************
** What is asked of `at`.
*/
static int refuse_instant(SealTable *table, sqlite3_value *value) {
  char name[64];
  sqlite3_snprintf(sizeof name, name, "seal_%s", table->relation->is->name);
  return seal_table_fail(table, SQLITE_ERROR, seal_no_instant(name, value));
}

/* What the terms that were looked at so far leave: all stored rows, some instants, or the statement's. */
typedef struct Asked {
  int terms;
  int all;  /* IS NULL was said */
  int none; /* no row can be of all that was asked */
  int64_t *instants;
  int n, size;
} Asked;

static int add_instant(Asked *more, int64_t t) {
  if (more->n == more->size) {
    int size = more->size ? more->size * 2 : 4;
    int64_t *list = sqlite3_realloc64(more->instants, (size_t)size * sizeof *list);
    if (list == NULL) return SQLITE_NOMEM;
    more->instants = list;
    more->size = size;
  }
  more->instants[more->n++] = t;
  return SQLITE_OK;
}

static int add_value(SealTable *table, Asked *more, sqlite3_value *value) {
  int64_t t;
  if (sqlite3_value_type(value) == SQLITE_NULL) return SQLITE_OK;
  if (seal_value_instant(value, &t) != 0) return refuse_instant(table, value);
  return add_instant(more, t);
}

static int by_instant(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Sorts, each instant once: two spellings are one. */
static void sort_instants(Asked *more) {
  int n = 1; /* the first one stays where it is */
  if (more->n == 0) return;
  qsort(more->instants, (size_t)more->n, sizeof *more->instants, by_instant);
  for (int i = 1; i < more->n; i++) {
    if (more->instants[n - 1] != more->instants[i]) more->instants[n++] = more->instants[i];
  }
  more->n = n;
}

/* Every term holds: what is in both. */
static void both(Asked *asked, Asked *more) {
  sort_instants(more);
  asked->none |= asked->terms > 0 && asked->all != more->all;
  if (asked->terms++ == 0) {
    asked->all = more->all;
    asked->instants = more->instants;
    asked->n = more->n;
    more->instants = NULL;
  } else {
    int n = 0;
    for (int i = 0, k = 0; i < asked->n; i++) {
      while (k < more->n && more->instants[k] < asked->instants[i]) k++;
      if (k < more->n && more->instants[k] == asked->instants[i])
        asked->instants[n++] = asked->instants[i];
    }
    asked->n = n;
  }
  asked->none |= !asked->all && asked->n == 0;
}

/* One term on `at`. */
static int ask_at(SealTable *table, Asked *asked, char letter, sqlite3_value *value) {
  Asked more = {0};
  sqlite3_value *item;
  int rc = SQLITE_OK;
  if (letter == SEAL_AT_IN) {
    rc = sqlite3_vtab_in_first(value, &item);
    while (rc == SQLITE_OK && item != NULL) {
      rc = add_value(table, &more, item);
      if (rc == SQLITE_OK) rc = sqlite3_vtab_in_next(value, &item);
    }
    if (rc == SQLITE_DONE) rc = SQLITE_OK;
  } else if (letter == SEAL_AT_NULL) {
    more.all = 1;
  } else {
    more.all = letter == SEAL_AT_IS && sqlite3_value_type(value) == SQLITE_NULL;
    rc = add_value(table, &more, value);
  }
  if (rc == SQLITE_OK) both(asked, &more);
  sqlite3_free(more.instants);
  return rc;
}

static int is_at(char letter) {
  return letter == SEAL_AT_EQ || letter == SEAL_AT_IS || letter == SEAL_AT_IN ||
         letter == SEAL_AT_NULL;
}

/* The cursor's instants by all terms; *none is set when no row can match. */
static int cursor_instants(SealTable *table, SealCursor *cursor, const char *letters,
                           sqlite3_value **argv, int *none) {
  Asked asked = {0};
  int rc = SQLITE_OK;
  for (int i = 0; rc == SQLITE_OK && letters[i] != ' '; i++) {
    if (is_at(letters[i])) rc = ask_at(table, &asked, letters[i], argv[i]);
  }
  cursor->all = asked.terms > 0 && asked.all;
  cursor->at = SEAL_AT_STATEMENT;
  *none = asked.none;
  if (rc == SQLITE_OK && !asked.none && asked.n > 0) {
    cursor->at = (SealAt){asked.instants[0], 0};
    cursor->n_instants = asked.n;
    cursor->instants = asked.instants;
    asked.instants = NULL;
  }
  sqlite3_free(asked.instants);
  return rc;
}

/************************************************************************************************
** Arguments.
*/
/* 1 if the constraints find every row that SQLite would let pass. A number beside a column of text may be a
** literal, which becomes text, or another column's, which makes a number of the text: '07' is 7 then. */
static int finds_all(const char *letters, sqlite3_value **argv) {
  for (int i = 0; letters[i] != ' '; i++) {
    if (letters[i] != SEAL_ARG_TEXT && letters[i] != SEAL_ARG_NAME) continue;
    int type = sqlite3_value_type(argv[i]);
    if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) return 0;
  }
  return 1;
}

/* Takes the values of an IN; *all is 0 when they don't find every row. */
static int take_list(SealCursor *cursor, char letter, sqlite3_value *value, int *all) {
  int size = 0;
  sqlite3_value *item;
  int rc = sqlite3_vtab_in_first(value, &item);
  while (rc == SQLITE_OK && item != NULL) {
    int type = sqlite3_value_type(item);
    if (letter == SEAL_ARG_LIST && (type == SQLITE_INTEGER || type == SQLITE_FLOAT)) *all = 0;
    if (cursor->n_list == size) {
      size = size ? size * 2 : 8;
      sqlite3_value **list = sqlite3_realloc64(cursor->list, (size_t)size * sizeof *list);
      if (list == NULL) return SQLITE_NOMEM;
      cursor->list = list;
    }
    if (type != SQLITE_NULL) {
      cursor->list[cursor->n_list] = sqlite3_value_dup(item);
      if (cursor->list[cursor->n_list++] == NULL) return SQLITE_NOMEM;
    }
    rc = sqlite3_vtab_in_next(value, &item);
  }
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What text stands for an instant as the relation shows it, or for the start of a day; 0: for none. */
static int shown_instant(sqlite3_value *value, int64_t *out) {
  char text[SEAL_INSTANT_SIZE];
  if (sqlite3_value_type(value) != SQLITE_TEXT || seal_value_instant(value, out) != 0) return 0;
  const char *given = (const char *)sqlite3_value_text(value);
  int n = sqlite3_value_bytes(value);
  seal_instant_text(*out, text);
  if (given == NULL || (n != 20 && n != 10) || memcmp(given, text, (size_t)n) != 0) return 0;
  return n;
}

/* An instant is shown as text, and compared so: with what is none, it is equal to nothing, and every one may be
** above or below. */
static int bind_instant(sqlite3_stmt *stmt, char letter, int i, sqlite3_value *value) {
  int64_t t;
  if (sqlite3_value_type(value) == SQLITE_NULL) return sqlite3_bind_null(stmt, i);
  int n = shown_instant(value, &t);
  if (n == 20 || (n == 10 && letter != SEAL_ARG_TIME)) return sqlite3_bind_int64(stmt, i, t);
  if (letter == SEAL_ARG_TIME) return sqlite3_bind_zeroblob(stmt, i, 0);
  return sqlite3_bind_int64(stmt, i, letter == SEAL_ARG_FROM ? INT64_MIN : INT64_MAX);
}

static int bind_argument(SealCursor *cursor, char letter, int i, sqlite3_value *value) {
  switch (letter) {
  case SEAL_ARG_NAME:
    if (sqlite3_value_type(value) == SQLITE_TEXT) cursor->name = value;
    return sqlite3_bind_value(cursor->stmt, i, value);
  case SEAL_ARG_TEXT:
  case SEAL_ARG_NUMBER:
    return sqlite3_bind_value(cursor->stmt, i, value);
  case SEAL_ARG_TIME:
  case SEAL_ARG_FROM:
  case SEAL_ARG_TO:
    return bind_instant(cursor->stmt, letter, i, value);
  case SEAL_ARG_LIST:
  case SEAL_ARG_SERIES:
    cursor->list_at = i;
    return SQLITE_OK;
  default:
    assert(letter == SEAL_ARG_NONE || is_at(letter));
    return SQLITE_OK;
  }
}

/* Prepares the statement of the plan, without its constraints where they would not find every row, and binds
** their arguments. *none is set when a list is empty. */
static int cursor_prepare(SealTable *table, SealCursor *cursor, const char *plan,
                          sqlite3_value **argv, int *none) {
  char *end, *without = NULL;
  const char *sql = strchr(plan, '\n') + 1;
  int all = finds_all(plan, argv), rc = SQLITE_OK, listed = 0;
  for (int i = 0; rc == SQLITE_OK && plan[i] != ' '; i++) {
    if (plan[i] != SEAL_ARG_LIST && plan[i] != SEAL_ARG_SERIES) continue;
    rc = take_list(cursor, plan[i], argv[i], &all);
    listed = 1;
  }
  if (rc != SQLITE_OK) return rc;
  *none |= listed && cursor->n_list == 0;
  if (!all) {
    long start = strtol(strchr(plan, ' '), &end, 10), length = strtol(end, &end, 10);
    free_list(cursor);
    without = sqlite3_mprintf("%.*s%s", (int)start, sql, sql + start + length);
    if (without == NULL) return SQLITE_NOMEM;
    sql = without;
  }
  rc = cursor_statement(table, cursor, sql);
  sqlite3_free(without);
  for (int i = 0; rc == SQLITE_OK && all && plan[i] != ' '; i++) {
    rc = bind_argument(cursor, plan[i], cursor->first + i, argv[i]);
  }
  return rc;
}

/************************************************************************************************
** Rows.
*/
/* How often the statement is run. */
static int runs(const SealCursor *cursor) {
  return (cursor->n_instants ? cursor->n_instants : 1) * (cursor->n_list ? cursor->n_list : 1);
}

/* Starts run number cursor->run. */
static int start_run(SealCursor *cursor) {
  int n = cursor->n_list ? cursor->n_list : 1, rc = SQLITE_OK;
  if (cursor->run > 0) (void)sqlite3_reset(cursor->stmt);
  if (cursor->n_instants) cursor->at.t = cursor->instants[cursor->run / n];
  if (!cursor->all && sqlite3_bind_parameter_count(cursor->stmt) > 0) {
    rc = sqlite3_bind_int64(cursor->stmt, 1, cursor->at.t);
  }
  if (rc == SQLITE_OK && cursor->n_list) {
    rc = sqlite3_bind_value(cursor->stmt, cursor->list_at, cursor->list[cursor->run % n]);
  }
  return rc;
}

/* Steps to the next row, of this run or a later one. */
static int cursor_step(SealTable *table, SealCursor *cursor) {
  int rc = sqlite3_step(cursor->stmt);
  while (rc == SQLITE_DONE && ++cursor->run < runs(cursor)) {
    rc = start_run(cursor);
    if (rc != SQLITE_OK) break;
    rc = sqlite3_step(cursor->stmt);
  }
  cursor->eof = rc != SQLITE_ROW;
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
  if (cursor->eof) cursor_ends(table, cursor);
  return SQLITE_OK;
}

/************************************************************************************************
** Rows that were read ahead: an INSERT that takes them from a relation must not find what it makes there.
*/
static int keep(SealKept *kept, const void *bytes, size_t n) {
  if (kept->size - kept->n < n) {
    size_t size = 2 * kept->size + n + 256;
    unsigned char *more = sqlite3_realloc64(kept->bytes, size);
    if (more == NULL) return SQLITE_NOMEM;
    kept->bytes = more;
    kept->size = size;
  }
  if (n > 0) memcpy(kept->bytes + kept->n, bytes, n);
  kept->n += n;
  return SQLITE_OK;
}

static int keep_value(SealKept *kept, sqlite3_value *value) {
  unsigned char type = (unsigned char)sqlite3_value_type(value);
  int64_t i = sqlite3_value_int64(value);
  double d = sqlite3_value_double(value);
  int rc = keep(kept, &type, 1);
  if (rc != SQLITE_OK || type == SQLITE_NULL) return rc;
  if (type == SQLITE_INTEGER) return keep(kept, &i, sizeof i);
  if (type == SQLITE_FLOAT) return keep(kept, &d, sizeof d);
  const void *p =
      type == SQLITE_TEXT ? (const void *)sqlite3_value_text(value) : sqlite3_value_blob(value);
  int n = sqlite3_value_bytes(value);
  if (p == NULL && n > 0) return SQLITE_NOMEM;
  rc = keep(kept, &n, sizeof n);
  return rc == SQLITE_OK ? keep(kept, p, (size_t)n) : rc;
}

static const void *kept_bytes(SealKept *kept, void *out, size_t n) {
  const void *p = kept->bytes + kept->at;
  assert(kept->n - kept->at >= n);
  kept->at += n;
  if (out != NULL) memcpy(out, p, n);
  return p;
}

static int bind_kept(SealKept *kept, sqlite3_stmt *stmt, int i) {
  unsigned char type;
  int64_t integer;
  double d;
  int n;
  (void)kept_bytes(kept, &type, 1);
  switch (type) {
  case SQLITE_NULL:
    return sqlite3_bind_null(stmt, i);
  case SQLITE_INTEGER:
    (void)kept_bytes(kept, &integer, sizeof integer);
    return sqlite3_bind_int64(stmt, i, integer);
  case SQLITE_FLOAT:
    (void)kept_bytes(kept, &d, sizeof d);
    return sqlite3_bind_double(stmt, i, d);
  default:
    (void)kept_bytes(kept, &n, sizeof n);
    if (type == SQLITE_BLOB) {
      return sqlite3_bind_blob(stmt, i, kept_bytes(kept, NULL, (size_t)n), n, SQLITE_STATIC);
    }
    return sqlite3_bind_text(stmt, i, kept_bytes(kept, NULL, (size_t)n), n, SQLITE_STATIC);
  }
}

/* The next row that was kept becomes the cursor's. */
static int next_kept(SealTable *table, SealCursor *cursor) {
  SealKept *kept = &cursor->kept;
  cursor->eof = kept->at == kept->n;
  (void)sqlite3_reset(cursor->stmt);
  if (cursor->eof) {
    cursor_ends(table, cursor);
    return SQLITE_OK;
  }
  int rc = SQLITE_OK;
  (void)kept_bytes(kept, &cursor->at.t, sizeof cursor->at.t);
  for (int i = 1; rc == SQLITE_OK && i <= sqlite3_bind_parameter_count(cursor->stmt); i++) {
    rc = bind_kept(kept, cursor->stmt, i);
  }
  if (rc == SQLITE_OK) rc = sqlite3_step(cursor->stmt);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_INTERNAL : rc;
}

/* The statement that gives n values as the columns of a row. */
static char *values_text(int n) {
  sqlite3_str *values = sqlite3_str_new(NULL);
  for (int i = 1; i <= n; i++) sqlite3_str_appendf(values, "%s?%d", i > 1 ? ", " : "", i);
  char *list = sqlite3_str_finish(values);
  char *sql = list ? sqlite3_mprintf(seal_sql[SQL_VIEW_KEPT], list) : NULL;
  sqlite3_free(list);
  return sql;
}

/* Reads the cursor's row and those behind it, and goes on with what was read. */
static int read_ahead(SealTable *table, SealCursor *cursor) {
  SealKept kept = {0};
  int n = sqlite3_column_count(cursor->stmt), rc = SQLITE_OK;
  while (rc == SQLITE_OK && !cursor->eof) {
    rc = keep(&kept, &cursor->at.t, sizeof cursor->at.t);
    for (int i = 0; rc == SQLITE_OK && i < n; i++) {
      rc = keep_value(&kept, sqlite3_column_value(cursor->stmt, i));
    }
    if (rc == SQLITE_OK) rc = cursor_step(table, cursor);
  }
  char *sql = rc == SQLITE_OK ? values_text(n) : NULL;
  if (sql == NULL) {
    sqlite3_free(kept.bytes);
    return rc == SQLITE_OK ? SQLITE_NOMEM : rc;
  }
  cursor_leave(table, cursor);
  cursor->kept = kept;
  rc = cursor_statement(table, cursor, sql);
  sqlite3_free(sql);
  return rc == SQLITE_OK ? next_kept(table, cursor) : rc;
}

int seal_cursors_read_ahead(SealTable *table) {
  int rc = SQLITE_OK;
  for (SealCursor *cursor = *table->cursors; rc == SQLITE_OK && cursor; cursor = cursor->next) {
    if (cursor->eof || cursor->partial || cursor->kept.bytes != NULL) continue;
    rc = read_ahead((SealTable *)cursor->base.pVtab, cursor);
    cursor->fault = rc;
  }
  return rc;
}

int seal_cursor_next(sqlite3_vtab_cursor *base) {
  SealCursor *cursor = (SealCursor *)base;
  SealTable *table = (SealTable *)base->pVtab;
  if (cursor->fault != SQLITE_OK) return cursor->fault;
  return cursor->kept.bytes ? next_kept(table, cursor) : cursor_step(table, cursor);
}

/* A scan that was planned twice, with `at` and without: alternatives of an OR, or what a RIGHT JOIN has left. It
** would take its rows from two instants. */
static int check_asks(SealTable *table, SealCursor *cursor, const char *plan) {
  int before = cursor->asks;
  cursor->asks = 1;
  for (int i = 0; plan[i] != ' '; i++) {
    if (is_at(plan[i])) cursor->asks = 2;
  }
  if (before == 0 || before == cursor->asks) return SQLITE_OK;
  return seal_table_fail(
      table, SQLITE_ERROR,
      sqlite3_mprintf("seal_%s: at can't be asked in an OR, nor in the ON of a RIGHT or "
                      "FULL JOIN: ask it in WHERE, or of a subquery",
                      table->relation->is->name));
}

int seal_cursor_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc,
                       sqlite3_value **argv) {
  SealCursor *cursor = (SealCursor *)base;
  SealTable *table = (SealTable *)base->pVtab;
  const SealRelation *relation = table->relation;
  int none = 0;
  (void)number;
  (void)argc; /* as many as the plan has letters */
  if (table->opened == cursor) table->opened = NULL;
  cursor->partial |= !cursor->eof;
  cursor->fault = SQLITE_OK;
  cursor_leave(table, cursor);
  cursor->eof = 1;
  cursor->first = relation->bind ? 3 : 2;
  cursor->name = NULL;
  int rc = seal_gate(table->p, relation->counts ? SEAL_XFILTER_SUMS : SEAL_XFILTER, NULL);
  if (rc != SQLITE_OK) {
    (void)seal_table_fail(table, rc, seal_table_fault_text(table, rc));
    return rc;
  }
  rc = check_asks(table, cursor, plan);
  if (rc == SQLITE_OK) rc = cursor_instants(table, cursor, plan, argv, &none);
  if (rc == SQLITE_OK) rc = cursor_prepare(table, cursor, plan, argv, &none);
  if (rc != SQLITE_OK) return rc;
  if (cursor->at.by_host) {
    int64_t t = seal_reading_take(table->p, &cursor->reading);
    if (!cursor->all) cursor->at.t = t;
  }
  if (none) {
    cursor_ends(table, cursor);
    return SQLITE_OK;
  }
  rc = start_run(cursor);
  if (rc == SQLITE_OK && relation->bind != NULL) {
    SealText name = cursor->name ? seal_value_text(cursor->name) : (SealText){NULL, 0};
    rc = relation->bind(table->p, cursor->stmt, name);
  }
  return rc == SQLITE_OK ? cursor_step(table, cursor) : rc;
}

int seal_cursor_eof(sqlite3_vtab_cursor *base) {
  return ((SealCursor *)base)->eof;
}

static void result_instant(sqlite3_context *ctx, int64_t t) {
  char text[SEAL_INSTANT_SIZE];
  seal_instant_text(t, text);
  sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
}

/* `at` reads as the instant; an UPDATE is handed on the one that was asked for. */
static void result_hidden(const SealCursor *cursor, const SealColumn *column,
                          sqlite3_context *ctx) {
  if (cursor->all || strcmp(column->name, "at") != 0) return;
  if (sqlite3_vtab_nochange(ctx) && cursor->at.by_host) return;
  result_instant(ctx, cursor->at.t);
}

int seal_cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i) {
  SealCursor *cursor = (SealCursor *)base;
  const SealRelation *relation = ((SealTable *)base->pVtab)->relation;
  const SealColumn *column = &relation->is->columns[i];
  if (column->flags & SEAL_COL_HIDDEN) {
    result_hidden(cursor, column, ctx);
    return SQLITE_OK;
  }
  if (sqlite3_vtab_nochange(ctx)) return SQLITE_OK;
  Seal *p = ((SealTable *)base->pVtab)->p;
  if (relation->column != NULL && relation->column(p, ctx, cursor->stmt, i)) return SQLITE_OK;
  if (column->kind == SEAL_KIND_INSTANT &&
      sqlite3_column_type(cursor->stmt, i + 1) == SQLITE_INTEGER) {
    result_instant(ctx, sqlite3_column_int64(cursor->stmt, i + 1));
  } else {
    sqlite3_result_value(ctx, sqlite3_column_value(cursor->stmt, i + 1));
  }
  return SQLITE_OK;
}

int seal_cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
  *out = sqlite3_column_int64(((SealCursor *)base)->stmt, SEAL_VIEW_ID);
  return SQLITE_OK;
}
