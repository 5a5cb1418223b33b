/* One virtual table, many relations. A relation is a description: its columns, its SQL, and the few
** hooks that make it special. relation.c is the only place with xBestIndex, xFilter and xUpdate.
**
** To add a relation: a description in a file of its own in tables/, a line in ext/relations.inc, its storage
** in sql/statements/schema.sql, its view in views.sql, a line in sql/install.sql.
*/
#ifndef SEAL_RELATION_H
#define SEAL_RELATION_H

#include "registrar/ledger/ledger.h"
#include "registrar/txn/txn.h"

typedef enum SealKind {
  SEAL_KIND_ID,       /* an identifier: 1 to 255 bytes of UTF-8 without NUL */
  SEAL_KIND_TEXT,     /* any text, at most 64 KiB */
  SEAL_KIND_INSTANT,  /* an integer in storage, RFC 3339 outside */
  SEAL_KIND_COUNT,    /* an integer from 0 on */
  SEAL_KIND_WORD,     /* one of the words in `arg`, separated by spaces */
  SEAL_KIND_SERVICE,  /* a SEAL service */
  SEAL_KIND_WORDS,    /* JSON: an array of distinct strings */
  SEAL_KIND_RANGES,   /* JSON: an array of {startTime, stopTime} */
  SEAL_KIND_ENDPOINT, /* JSON: an EndPoint of TS 29.558 */
  SEAL_KIND_JSON,     /* JSON of any form: an object, an array or a scalar */
  SEAL_KIND_DECIMAL,  /* a decimal number from 0 on, as text */
  SEAL_KIND_CURRENCY, /* three capital letters (ISO 4217) */
  SEAL_KIND_VALUE     /* text or blob, whatever it is */
} SealKind;

#define SEAL_COL_KEY        1   /* part of the key: needed, and never changed */
#define SEAL_COL_REQUIRED   2   /* needed */
#define SEAL_COL_FIXED      4   /* set at insert, never changed */
#define SEAL_COL_READ_ONLY  8   /* the registrar's own */
#define SEAL_COL_HIDDEN     16  /* not in SELECT *, not stored */
#define SEAL_COL_WRITE_ONLY 32  /* not in the audit's detail */
#define SEAL_COL_LOOKUP     64  /* an equality finds few rows by an index */
#define SEAL_COL_DERIVED    128 /* with KEY: may be left out, a check hook computes it */
#define SEAL_COL_VIRTUAL    256 /* given by the column hook, not by storage */

typedef struct SealColumn {
  const char *name;
  SealKind kind;
  unsigned flags;
  const char *arg; /* SEAL_KIND_WORD: the words, the first of which is the default */
} SealColumn;

/* A view's first column is the row id; then come the relation's own, in their order. */
#define SEAL_VIEW_ID 0

struct SealRow;

typedef struct SealRelation {
  const char *name; /* without "seal_" */
  const SealColumn *columns;
  int n_columns;
  enum SealSql create, drop;   /* scripts: the storage */
  enum SealSql view, view_all; /* the query; view_all where no LOOKUP column is given */
  enum SealSql find;           /* the row id by the key's columns */
  enum SealSql insert, update; /* ?1 row id, then every stored column in order */
  enum SealSql in_use;         /* a row if something valid hangs on ?1 at ?2: no delete then */
  const enum SealSql *remove;  /* what DELETE runs with ?1 row id, ended by SEAL_NO_SQL */
  unsigned counts : 1;         /* shows counters or ledgers: what rows add up to is written first */
  unsigned waits : 1;          /* a row of it may wait with its like, and an act on one */
  unsigned silent : 1;         /* its own hooks write audit and change */
  /* Hooks, each may be NULL. They return as registrar.h's functions do. */
  int (*check)(struct SealRow *row);
  /* After an insert or update; before a delete, with `removed`. */
  int (*after)(struct SealRow *row, int removed);
  int (*insert_row)(struct SealRow *row, int64_t *rowid);
  int (*update_row)(struct SealRow *row);
  int (*delete_row)(struct SealRow *row);
  /* Gives a column that is not in storage; 0: the view's value stands. */
  int (*column)(Seal *p, sqlite3_context *ctx, sqlite3_stmt *row, int column);
  /* Binds ?2 and on of the view. */
  int (*bind)(Seal *p, sqlite3_stmt *view);
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
  void *owned;                      /* what cells that a check hook filled point to; sqlite3_free */
  SealCell cells[SEAL_COLUMNS_MAX]; /* as many as the relation has columns */
} SealRow;

/* Column i of a row, as text (p of NULL: NULL), as an instant or a number (SEAL_UNBOUNDED: NULL). */
SealText seal_row_text(const SealRow *row, int i);
int64_t seal_row_int(const SealRow *row, int i);
/* The index of a column by name; it must exist. */
int seal_relation_column(const SealRelation *relation, const char *name);
/* How many columns the key has. */
int seal_relation_keys(const SealRelation *relation);
/* Refuses the value of column i, naming relation and column. */
int seal_row_refuse(SealRow *row, int i, const char *format, ...);
/* The refusal of a row whose key is there already. */
int seal_row_unique(SealRow *row);
/* Finds the row id of a relation's row by its key (?1, …); *id is 0 where there is none. */
int seal_relation_find(Seal *p, const SealRelation *relation, const SealText *key, int n,
                       int64_t *id);
/* Reads a value as an instant: an integer, or text; -1 when it is neither. */
int seal_value_instant(sqlite3_value *value, int64_t *out);

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
