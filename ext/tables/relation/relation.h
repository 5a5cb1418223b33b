/* One virtual table, many relations. A relation is a description, of which sql/relations/NAME.sql has the
** columns and the statements (gen/columns.h), and tables/relation_NAME.c the few hooks that make it special.
** plan.c, read.c and row_write.c are the only places of relations with xBestIndex, xFilter and xUpdate.
**
**    const SealRelation seal_relation_policy = {.is = &seal_description_policy, .check = policy_check};
**
** To add a relation: those two files, a line in sql/install.sql (of which gen/relations.inc is made), and, where
** it has storage, the next sql/upgrade-N-M.sql.
*/
#ifndef SEAL_RELATION_H
#define SEAL_RELATION_H

#include "columns.h"
#include "registrar/ledger/ledger.h"
#include "registrar/txn/txn.h"

/* A view's first column is the row id; then come the relation's own, in their order. */
#define SEAL_VIEW_ID 0

struct SealRow;

typedef struct SealRelation {
  const SealDescription *is; /* its columns and statements, from sql/relations */
  unsigned counts : 1;       /* shows counters or ledgers: what rows add up to is written first */
  unsigned waits : 1;        /* a row of it may wait with its like, and an act on one */
  unsigned silent : 1;       /* its own hooks write audit and change */
  unsigned untold : 1; /* what is written is no SEAL server's concern: it enters no change feed */
  unsigned
      credential : 1; /* VAL servers insert its rows: a refusal that the host ignores is audited */
  /* Hooks, each may be NULL. They return SQLITE_OK, SQLITE_CONSTRAINT_VTAB with a refusal in the row's SealError, or a fault's code. */
  int (*check)(struct SealRow *row); /* needed where rows are inserted without insert_row */
  /* After an insert or update; before a delete, with `removed`. */
  int (*after)(struct SealRow *row, int removed);
  int (*insert_row)(struct SealRow *row, int64_t *rowid);
  int (*update_row)(struct SealRow *row);
  int (*delete_row)(struct SealRow *row);
  /* Gives a column that is not in storage; 0: the view's value stands. */
  int (*column)(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row, int column);
  /* Binds ?2 and on of the view. Rows whose key is not `name` aren't asked for; p of NULL: all are. */
  int (*bind)(Seal *p, sqlite3_stmt *view, SealText name);
} SealRelation;

/* One value of a row that is written. */
typedef struct SealCell {
  enum { SEAL_CELL_NULL, SEAL_CELL_INT, SEAL_CELL_VALUE, SEAL_CELL_TEXT, SEAL_CELL_BLOB } form;
  int64_t i;
  sqlite3_value *value;
  const char *text; /* TEXT; or BLOB, of i bytes */
  int changed;      /* given by this statement */
} SealCell;

#define SEAL_COLUMNS_MAX 32

/* A row that is inserted, updated or deleted. */
typedef struct SealRow {
  Seal *p;
  const SealRelation *relation;
  SealError *err;
  int64_t rowid; /* of the row that is updated or deleted; 0 for a new one */
  SealAt at;     /* the instant given, or the statement's */
  int on_conflict;
  sqlite3_stmt *old;                /* the row as it was; NULL for a new one */
  SealText credential;              /* the hidden column */
  char extra[64];                   /* what a check hook computed: bound after the columns */
  char requester[SEAL_ID_MAX + 1];  /* whom the credential proves; empty: not known */
  void *owned;                      /* what cells that a check hook filled point to; sqlite3_free */
  SealCell cells[SEAL_COLUMNS_MAX]; /* as many as the relation has columns */
} SealRow;

/* Column i of a row, as text (p of NULL: NULL), as an instant or a number (SEAL_UNBOUNDED: NULL). */
SealText seal_row_text(const SealRow *row, int i);
int64_t seal_row_int(const SealRow *row, int i);
/* Refuses the value of column i, naming relation and column. */
int seal_row_refuse(SealRow *row, int i, const char *format, ...);
/* The refusal of a row whose key is there already. */
int seal_row_unique(SealRow *row);
/* Finds the row id of a relation's row by its key (?1, …); *id is 0 where there is none. */
int seal_relation_find(Seal *p, const SealDescription *is, const SealText *key, int n, int64_t *id);
/* Reads a value as an instant: an integer, or text; -1 when it is neither. */
int seal_value_instant(sqlite3_value *value, int64_t *out);

/* fail.c: what a host is told, and SQLite's error log with it.
** The text for a value that is no instant, in the caller's hands (sqlite3_free); NULL: out of memory. */
char *seal_no_instant(const char *what, sqlite3_value *value);
/* Fails a virtual table with an error code and a message, which it takes (NULL: SQLITE_NOMEM); `written` is how many rows
** the transaction had written. A function, with a message, which it takes too. */
int seal_vtab_fail(sqlite3_vtab *table, int rc, int64_t written, char *message);
void seal_function_fail(sqlite3_context *ctx, char *message);
/* Fails a column hook: with the refusal or the fault that *err tells. */
void seal_column_fail(sqlite3_context *ctx, int rc, const SealError *err);

/* Checks a value of a column; on fault writes the problem to `problem` and returns -1, or 1 when
** memory ran out. */
int seal_kind_check(const SealColumn *column, sqlite3_value *value, char *problem, int size);

/* xUpdate (row_write.c): a row is inserted (argc > 1, argv[0] NULL), updated or deleted (argc 1), at the
** instant of the statement, or that which its WHERE asked for. Called within the gate. */
int seal_relation_write(Seal *p, const SealRelation *relation, SealAt at, int argc,
                        sqlite3_value **argv, sqlite3_int64 *rowid, SealError *err);

/* Registers the module "seal" with these relations, ended by NULL; they and p are the caller's, the module is
** one of p's owners. */
int seal_relation_register(Seal *p, const SealRelation *const *relations);

#endif
