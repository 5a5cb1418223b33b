/* Storage: the statements of sql/, prepared once per connection, and how to run them.
**
**    sqlite3_stmt *row;
**    int rc = seal_store_row(store, SQL_AGREEMENT_FIND, &row, "t", "sla-7");
**    if (rc == SQLITE_ROW) id = sqlite3_column_int64(row, AGREEMENT_FIND_ID);
**    seal_store_reset(row);
**
** Statements are cached while a virtual table is connected: its xDisconnect, which SQLite calls
** before it looks for open statements, releases them, and so sqlite3_close succeeds.
*/
#ifndef SEAL_STORE_H
#define SEAL_STORE_H

#include <stddef.h>
#include <stdint.h>
#include "sqlite3ext.h"
#include "sql.h"
#include "base/instant.h"
#include "base/text.h"

/* The one thing that all of the extension shares: SQLite's routines, set by the entry point. */
extern const sqlite3_api_routines *sqlite3_api;

typedef struct SealStore {
  sqlite3 *db;
  sqlite3_vfs *vfs; /* of the main database; NULL: not asked yet */
  sqlite3_stmt *stmt[SQL_COUNT];
  sqlite3_stmt **other; /* statements of ours that are not cached here */
  int n_other, size_other;
  int format_known; /* the database's format was read, and is ours, since a table was connected */
  char format_fault[128]; /* what is wrong with it; "": nothing, as far as is known */
} SealStore;

/* Runs a statement that gives no row. `types` has a letter for each argument, bound as ?1, ?2, …:
**   i  int64_t                     t  const char *, NUL-terminated, NULL is NULL
**   u  int64_t, SEAL_UNBOUNDED is NULL   s  SealText *, p of NULL is NULL
**   b  const void *, int (bytes)   v  sqlite3_value *
**   d  double
** Texts and blobs must live until the call returns. Returns SQLITE_OK or an error code; the
** message is sqlite3_errmsg(store->db). */
int seal_store_run(SealStore *store, enum SealSql sql, const char *types, ...);

/* The same for one that gives rows: returns SQLITE_ROW with *row on the first, SQLITE_DONE, or an
** error code. The caller calls seal_store_reset(*row) as soon as it has read what it needs, and
** not after what was bound has gone. *row is NULL unless there is one. */
int seal_store_row(SealStore *store, enum SealSql sql, sqlite3_stmt **row, const char *types, ...);

/* Ends the use of a statement: the cached one is free again. NULL is allowed. */
void seal_store_reset(sqlite3_stmt *row);

/* Gives the cached statement of `sql`, prepared, reset and without bindings. */
int seal_store_prepare(SealStore *store, enum SealSql sql, sqlite3_stmt **out);

/* Prepares a statement beside the cached ones, from a text that was put together of sql/'s: the caller's,
** seal_store_finalize. It may read virtual tables of SQLite's own. */
int seal_store_text(SealStore *store, const char *sql, sqlite3_stmt **out);
void seal_store_finalize(SealStore *store, sqlite3_stmt *stmt);
/* 1 if a statement of the connection is one of ours, and not the host's. */
int seal_store_owns(const SealStore *store, sqlite3_stmt *stmt);

/* 1 if the host has lowered sqlite3_limit() below what our statements need. They are prepared all the same, but one
** that is kept would not outlive a change of the schema: then none is. */
int seal_store_limited(const SealStore *store);

/* Finalizes every cached statement. */
void seal_store_release(SealStore *store);

/* The storage format that this program reads and writes; sql/upgrade-N-M.sql brings a database from one to
** the next. */
#define SEAL_FORMAT 2
/* SQLITE_OK if the database has that format, or no registrar yet; an older one and a newer one are a fault, with
** what to do. The gate asks it before every
** read and write, and xCreate before it makes storage: after the first time it costs nothing. */
int seal_store_format(SealStore *store);
/* What to say where the last answer was that the format is another; NULL if it was not. */
const char *seal_store_format_fault(const SealStore *store);

/* The host's clock, by SQLite's VFS: seconds since 1970. registrar/txn alone asks it (scripts/floors). */
int64_t seal_store_clock(SealStore *store);

/* Reads a value as text: a blob's bytes are taken as they are; p of NULL for NULL. */
SealText seal_value_text(sqlite3_value *value);
/* The same where it lies, without a NUL behind it: no copy of what may be long, unless the database's encoding
** needs one. */
SealText seal_value_bytes(sqlite3_value *value);
/* Why column i, of a column that is never NULL, gave no text: SQLITE_CORRUPT_VTAB or SQLITE_NOMEM. */
int seal_text_missing(sqlite3_stmt *row, int i);

/* Reads column i, which holds what was given as text or as a blob: a text's bytes are UTF-8, whatever encoding
** the database has; p of NULL for NULL, and for a blob of no bytes. They live until the row is left. */
SealText seal_column_bytes(sqlite3_stmt *row, int i);
/* Reads column i as a text that lives until the row is left. */
SealText seal_column_text(sqlite3_stmt *row, int i);
/* Reads column i as an instant; NULL is SEAL_UNBOUNDED. */
int64_t seal_column_until(sqlite3_stmt *row, int i);

#endif
