/* What plan.c, read.c and module.c share of the one virtual table: nobody else's.
**
** A plan is what xBestIndex tells xFilter, as text (idxStr):
**
**    LETTERS START LENGTH\n
**    SELECT … FROM (view) WHERE 1 AND "agreement_id" = ?2 AND "start_time" >= ?3 ORDER BY …
**
** with a letter for each argument (below); the constraints are LENGTH bytes from START on.
**
** As on a plain table. SQLite itself checks each term of WHERE on each row that it is given, but for those on
** `at`; so the constraints only leave out rows that no term could let pass, and are left out themselves where
** an argument turns out to be of a type with which more rows than they find could pass.
*/
#ifndef SEAL_TABLE_H
#define SEAL_TABLE_H

#include "tables/relation/relation.h"

#define SEAL_SCANS 8 /* prepared statements that a table keeps */
#define SEAL_PLAN_ARGS_MAX                                                                         \
  32 /* SQLite says of the first 32 constraints only whether one is an IN */
#define SEAL_PLAN_OMIT_MAX                                                                         \
  16 /* SQLite leaves the check of the first 16 constraints only to a table */

/* The letters of a plan. */
#define SEAL_ARG_TEXT   'v' /* of a column that has text, or anything */
#define SEAL_ARG_NAME   'n' /* the same, of the key: the relation's bind hook is told it too */
#define SEAL_ARG_NUMBER 'c' /* of a column of INTEGER affinity, in the view too, or the row id */
#define SEAL_ARG_TIME   't' /* = and IS of an instant */
#define SEAL_ARG_FROM   '>' /* > and >= of an instant */
#define SEAL_ARG_TO     '<' /* < and <= of an instant */
#define SEAL_ARG_LIST   'i' /* IN of a column that has text, all values at once */
#define SEAL_ARG_SERIES 'j' /* IN of a column that has integers, or of the row id */
#define SEAL_ARG_NONE   'x' /* IS NULL has none */
#define SEAL_AT_EQ      'a' /* at = */
#define SEAL_AT_IS      'A' /* at IS */
#define SEAL_AT_IN      'I' /* at IN, all values at once */
#define SEAL_AT_NULL    'N' /* at IS NULL */

typedef struct SealScan {
  char *sql;
  sqlite3_stmt *stmt;
  int busy; /* a cursor is on it */
} SealScan;

/* What a scan said of `at`. */
typedef struct SealAsked {
  SealAt at;   /* the instant asked for, or SEAL_AT_STATEMENT */
  int several; /* more than one was asked for */
} SealAsked;

struct SealCursor;

typedef struct SealTable {
  sqlite3_vtab base;
  Seal *p;
  const SealRelation *relation;
  struct SealCursor **cursors; /* the connection's open cursors, of all relations: a list */
  SealScan scans[SEAL_SCANS];
  int next; /* the scan to give up next */
  /* Of the cursor that came to its end last: where a DELETE's xUpdate comes, it is the one that found the rows
  ** (read.c). */
  SealAsked asked;
  struct SealCursor *opened; /* the newest cursor, until it is filtered */
  sqlite3_uint64
      planned; /* the columns of the first plan since a cursor was opened that reads `at`; 0: none */
  int planned_asks;  /* and whether it asks `at` */
  int planned_terms; /* and of how many terms it is offered */
} SealTable;

/* Fails with an error code and a message, which it takes; NULL: out of memory. */
int seal_table_fail(SealTable *table, int rc, char *message);
/* What a fault of the system is called: SQLite's own message, if the error is a nested statement's. */
char *seal_table_fault_text(const SealTable *table, int rc);
/* Gives a statement up. */
void seal_table_drop_scan(SealTable *table, SealScan *scan);

/* xBestIndex (plan.c). */
int seal_table_plan(sqlite3_vtab *base, sqlite3_index_info *info);

/* Reading (read.c). */
int seal_cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out);
int seal_cursor_close(sqlite3_vtab_cursor *base);
int seal_cursor_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc,
                       sqlite3_value **argv);
int seal_cursor_next(sqlite3_vtab_cursor *base);
int seal_cursor_eof(sqlite3_vtab_cursor *base);
int seal_cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i);
int seal_cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out);
/* Before an INSERT: the connection's open cursors read the rest of their rows into memory. It may take its rows
** from them, and make more there; a plain table's are gathered first as well. A cursor whose scan was once left
** before its end is a subquery's, which is done with when the INSERT gets its row. */
int seal_cursors_read_ahead(SealTable *table);

#endif
