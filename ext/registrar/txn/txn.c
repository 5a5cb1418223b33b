/* The gate and the instant (txn.h), and one connection's registrar around them.
**
** What waits, and what each call of SQLite's does with it, in this order from left to right (x: always; *: where
** the end of the line says so). xBegin and xRelease do nothing. `events` below is this table:
**
**                      write  write     forget  drop   forget  taken   ended
**                      rows   counters  slots   rows   head    back
**   xUpdate: a row     *      *         *                          * where operator's acts wait
**   xUpdate: an act    *      *         *                          * where rows wait
**     seal_gate_first  x      x                                      a row that goes with nothing that waits
**   xUpdate: other     x      x         x
**   xFilter            x
**   xFilter of sums    x      x
**   xSavepoint, xSync  x      x
**   xRollbackTo                         x       x      x       x
**   xCommit, xRollback                  x       x      x               x
**
** So what waits never belongs to a savepoint that may be taken back: xSavepoint has written what came before it.
** Where it could not, SQLite takes back to that very savepoint, and what was to be written is lost: then nothing
** may be written, read or committed (`lost`) until the transaction is taken back to before it. The same where a
** write failed half-way: in a transaction of the host's, SQLite takes back what a write of one row left only
** for some errors, and never says which.
** A COMMIT that fails because the database is busy undoes nothing: xSync has written all, and neither xCommit
** nor xRollback comes; the transaction, its slots and SealTxn go on until one does.
**
** A statement that a duty, or a write, runs on this connection comes back here, with its own savepoints: that
** is not the host's, and what it was called from is at work; so it passes untouched (`busy`).
**
** The instant. What an extension can tell of the host's statements: all cursors of one close at its end; one
** that writes many rows is one transaction, or stands between xSavepoint and xRelease; total_changes moves
** when one that wrote has ended; and sqlite3_stmt_busy says whether a second one is open. So a reading is kept
** while a cursor holds it, or a write goes on, and shared with nobody who may belong to another statement:
**
**   cursor             the reading of the other cursors, if there is one statement; else its own
**   write, first row   the cursors', if there is one statement; else its own
**   write, next row    the same, as long as no statement has ended in between
*/
#include "registrar/txn/txn.h"

#include <assert.h>
#include <string.h>

/* A reading of the clock that a write goes on with. */
typedef struct Writing {
  int held;
  int64_t t;
  int64_t changes; /* sqlite3_total_changes64 when its last row was written */
  int bracket; /* it stands between xSavepoint and xRelease: more rows may come, after a failure too */
} Writing;

struct Seal {
  SealStore store;
  SealCrypto *crypto;
  SealRoomDuty *const *duties;
  void *room[SEAL_ROOMS];
  size_t room_size[SEAL_ROOMS];
  void (*room_clear[SEAL_ROOMS])(void *state);
  SealTxn txn;
  int busy;        /* a write or a duty is at work */
  int wrote;       /* the transaction has a write, whose reading is kept */
  int acts;        /* what waits are the operator's acts, not rows */
  int tables;      /* connected virtual tables: statements live while there are any */
  int owners;      /* modules and functions: the registrar lives while there are any */
  int cursors;     /* that are open */
  int read;        /* one of them has read the clock */
  int64_t reading; /* what it read */
  Writing writing;
  int ends;       /* transactions that have ended */
  int savepoints; /* 1 + SQLite's number of the innermost savepoint; 0: none is open */
  int64_t before; /* sqlite3_total_changes64 when the write that is at work began */
  int lost; /* why what waited could not be written at a savepoint, or a write ended half-way */
  int lost_savepoint; /* taking back to one of a smaller number takes that back too */
#ifdef SEAL_CHECKS
  int synced; /* an xSync has come: nothing is written from here on */
  int ended;  /* and then the first xCommit, or an xRollback */
#endif
};

SealStore *seal_store(Seal *p) {
  return &p->store;
}

SealCrypto *seal_crypto(Seal *p) {
  return p->crypto;
}

sqlite3 *seal_db(Seal *p) {
  return p->store.db;
}

SealTxn *seal_txn(Seal *p) {
  return &p->txn;
}

/************************************************************************************************
** The gate.
*/
#define WRITE (SEAL_WRITE_ROWS | SEAL_WRITE_COUNTERS)
#define GONE  (SEAL_FORGET_SLOTS | SEAL_DROP | SEAL_FORGET_HEAD)

static const struct {
  const char *name;
  unsigned duties;
} events[SEAL_GATES] = {
    [SEAL_XBEGIN] = {"xBegin", 0},
    [SEAL_XUPDATE_ROW] = {"xUpdate of a row", 0},
    [SEAL_XUPDATE_ACT] = {"xUpdate of an act", 0},
    [SEAL_XUPDATE] = {"xUpdate", WRITE | SEAL_FORGET_SLOTS},
    [SEAL_XFILTER] = {"xFilter", SEAL_WRITE_ROWS},
    [SEAL_XFILTER_SUMS] = {"xFilter of sums", WRITE},
    [SEAL_XSAVEPOINT] = {"xSavepoint", WRITE},
    [SEAL_XRELEASE] = {"xRelease", 0},
    [SEAL_XROLLBACK_TO] = {"xRollbackTo", GONE | SEAL_TAKEN_BACK},
    [SEAL_XSYNC] = {"xSync", WRITE},
    [SEAL_XCOMMIT] = {"xCommit", GONE | SEAL_ENDED_COMMIT},
    [SEAL_XROLLBACK] = {"xRollback", GONE | SEAL_ENDED_ROLLBACK},
};

#ifdef SEAL_CHECKS
/* The protocol, asserted in builds for tests: at an xCommit the transaction was synchronised, nothing was
** written since, and nothing waits. A COMMIT that finds the database busy leaves the transaction open after its
** xSync: then it goes on. */
static void check(Seal *p, SealGate event) {
  switch (event) {
  case SEAL_XUPDATE_ROW:
  case SEAL_XUPDATE_ACT:
  case SEAL_XUPDATE:
    p->synced = 0;
    break;
  case SEAL_XSYNC:
    p->synced = 1;
    break;
  case SEAL_XCOMMIT:
    assert(p->synced || p->ended);
    for (int i = 0; p->duties[i] != NULL; i++) (void)p->duties[i](p, SEAL_ASSERT_WRITTEN);
    break;
  default:
    break;
  }
  p->ended = event == SEAL_XCOMMIT || event == SEAL_XROLLBACK;
  if (p->ended) p->synced = 0;
}
#else
#define check(p, event) ((void)(event))
#endif

/* Calls the rooms for the duties of `mask`, one duty after the other. */
static int do_duties(Seal *p, unsigned mask) {
  int rc = SQLITE_OK;
  sqlite3_int64 rowid = sqlite3_last_insert_rowid(p->store.db);
  if (mask & SEAL_FORGET_HEAD) p->txn.audit_seq = p->txn.usage_known = 0;
  p->busy++;
  for (unsigned duty = 1; rc == SQLITE_OK && duty <= SEAL_ENDED_ROLLBACK; duty <<= 1) {
    if ((mask & duty) == 0) continue;
    for (int i = 0; rc == SQLITE_OK && p->duties[i] != NULL; i++) rc = p->duties[i](p, duty);
  }
  p->busy--;
  /* A duty may have asked for the head; the other facts stay a transaction's as long as it lasts. */
  if (mask & SEAL_FORGET_HEAD) p->txn.audit_seq = p->txn.usage_known = 0;
  if (mask & (SEAL_ENDED_COMMIT | SEAL_ENDED_ROLLBACK)) memset(&p->txn, 0, sizeof p->txn);
  /* The host's last_insert_rowid() is the row that it inserted, not one of ours. */
  if (mask & WRITE) sqlite3_set_last_insert_rowid(p->store.db, rowid);
  return rc;
}

static int is_write(SealGate event) {
  return event == SEAL_XUPDATE || event == SEAL_XUPDATE_ROW || event == SEAL_XUPDATE_ACT;
}

/* Whether it reads or writes what is stored: for the others nothing waits that another format could have. */
static int looks(SealGate event) {
  return is_write(event) || event == SEAL_XFILTER || event == SEAL_XFILTER_SUMS;
}

/* Rows of VAL servers and acts of the operator don't wait together: the one may take away what the other
** was found to hang on. */
static unsigned duties_of(Seal *p, SealGate event) {
  unsigned duties = events[event].duties;
  if (event == SEAL_XUPDATE_ROW || event == SEAL_XUPDATE_ACT) {
    int acts = event == SEAL_XUPDATE_ACT;
    if (p->acts != acts) duties |= WRITE | SEAL_FORGET_SLOTS;
    p->acts = acts;
  }
  return duties;
}

static int64_t write_instant(Seal *p);
static void follow_write(Seal *p, SealGate event);

int seal_gate(Seal *p, SealGate event, SealAt *at) {
  assert(is_write(event) == (at != NULL));
  check(p, event);
  /* A fault in the midst of a write may end the transaction: that is never to be missed. */
  if (p->busy && event != SEAL_XCOMMIT && event != SEAL_XROLLBACK) {
    if (at != NULL) p->busy++; /* for seal_gate_leave */
    return SQLITE_OK;
  }
  follow_write(p, event);
  if (event == SEAL_XCOMMIT || event == SEAL_XROLLBACK) {
    p->ends++;
    p->lost = SQLITE_OK;
    p->wrote = 0;
    p->savepoints = 0;
  }
  unsigned duties = duties_of(p, event);
  int rc = is_write(event) || duties & WRITE ? p->lost : SQLITE_OK;
  if (rc == SQLITE_OK && looks(event)) rc = seal_store_format(&p->store);
  if (rc == SQLITE_OK) rc = do_duties(p, duties);
  if (at == NULL) return rc;
  int64_t t = write_instant(p);
  if (at->by_host) at->t = t;
  p->wrote = 1;
  p->before = sqlite3_total_changes64(p->store.db);
  p->busy++;
  return rc;
}

int seal_gate_savepoint(Seal *p, SealGate event, int n) {
  assert(event == SEAL_XSAVEPOINT || event == SEAL_XRELEASE || event == SEAL_XROLLBACK_TO);
  int ends = p->ends;
  if (!p->busy) p->savepoints = event == SEAL_XRELEASE ? n : n + 1;
  if (event == SEAL_XROLLBACK_TO && !p->busy && n < p->lost_savepoint) p->lost = SQLITE_OK;
  int rc = seal_gate(p, event, NULL);
  if (event == SEAL_XSAVEPOINT && rc != SQLITE_OK && p->lost == SQLITE_OK && p->ends == ends) {
    p->lost = rc;
    p->lost_savepoint = n;
  }
  return rc;
}

int seal_gate_leave(Seal *p, int rc) {
  assert(p->busy > 0);
  if (--p->busy > 0) return rc;
  p->writing.changes = sqlite3_total_changes64(p->store.db);
  /* A refusal comes before the first write; what SQLite takes back by itself comes here as xRollback or
  ** xRollbackTo. */
  int failed = rc != SQLITE_OK && rc != SQLITE_CONSTRAINT_VTAB;
  if (failed && p->writing.changes != p->before && p->lost == SQLITE_OK) {
    p->lost = rc;
    p->lost_savepoint = p->savepoints;
  }
  /* A write that failed has ended, unless OR IGNORE lets it go on with its next row. */
  int goes_on = sqlite3_vtab_on_conflict(p->store.db) == SQLITE_IGNORE &&
                (p->writing.bracket || sqlite3_get_autocommit(p->store.db));
  if (rc != SQLITE_OK && !goes_on) p->writing.held = 0;
  return rc;
}

int seal_gate_first(Seal *p) {
  assert(p->busy > 0);
  int rc = do_duties(p, WRITE);
  p->before = sqlite3_total_changes64(p->store.db);
  return rc;
}

const char *seal_gate_fault(const Seal *p) {
  return p->lost == SQLITE_OK ? NULL : sqlite3_errstr(p->lost);
}

/************************************************************************************************
** The instant.
*/
/* How many statements of the host's are open on the connection; *writes is 1 if one may write. */
static int open_statements(Seal *p, int *writes) {
  int n = 0;
  *writes = 0;
  sqlite3_stmt *stmt = sqlite3_next_stmt(p->store.db, NULL);
  for (; stmt != NULL; stmt = sqlite3_next_stmt(p->store.db, stmt)) {
    if (!sqlite3_stmt_busy(stmt) || seal_store_owns(&p->store, stmt)) continue;
    *writes |= !sqlite3_stmt_readonly(stmt);
    n++;
  }
  return n;
}

static int is_alone(Seal *p) {
  int writes;
  return open_statements(p, &writes) < 2;
}

/* What an event says of the write whose reading is kept. A savepoint of the host's own, unlike that which
** SQLite opens around a statement, is no statement that writes. */
static void follow_write(Seal *p, SealGate event) {
  int writes;
  switch (event) {
  case SEAL_XSAVEPOINT:
    p->writing.held = 0;
    (void)open_statements(p, &writes);
    p->writing.bracket = writes;
    break;
  case SEAL_XRELEASE:
  case SEAL_XROLLBACK_TO:
  case SEAL_XCOMMIT:
  case SEAL_XROLLBACK:
    p->writing.held = p->writing.bracket = 0;
    break;
  default:
    break;
  }
}

/* 1 if the write whose reading is kept may still go on. */
static int is_writing(const Seal *p) {
  return p->writing.held && p->writing.changes == sqlite3_total_changes64(p->store.db);
}

/* The reading that is held, if whoever asks belongs to the statement that holds it; else the clock's. */
static int64_t read_clock(Seal *p, int writes) {
  if ((p->read || writes) && is_alone(p)) return p->read ? p->reading : p->writing.t;
  return seal_store_clock(&p->store);
}

/* The instant of the write that begins, or goes on with its next row. */
static int64_t write_instant(Seal *p) {
  if (!is_writing(p)) {
    p->writing.t = read_clock(p, 0);
    p->writing.held = 1;
  }
  return p->writing.t;
}

void seal_reading_open(Seal *p, SealReading *reading) {
  reading->taken = 0;
  p->cursors++;
}

int64_t seal_reading_take(Seal *p, SealReading *reading) {
  if (!reading->taken) {
    reading->taken = 1;
    /* The newest is kept: what it is shared with has not begun after it. */
    reading->t = p->reading = read_clock(p, is_writing(p));
    p->read = 1;
  }
  return reading->t;
}

void seal_reading_close(Seal *p) {
  assert(p->cursors > 0);
  if (--p->cursors > 0) return;
  /* With the last cursor its statement ends, and the write that read by it. */
  p->read = 0;
  if (!p->busy) p->writing.held = 0;
}

int64_t seal_host_clock(Seal *p) {
  return p->wrote ? p->writing.t : seal_store_clock(&p->store);
}

SealAt seal_function_at(Seal *p) {
  return (SealAt){read_clock(p, is_writing(p)), 1};
}

/************************************************************************************************
** The connection.
*/
Seal *seal_open(sqlite3 *db, SealRoomDuty *const *duties) {
  Seal *p = sqlite3_malloc(sizeof *p);
  if (p == NULL) return NULL;
  memset(p, 0, sizeof *p);
  p->store.db = db;
  p->owners = 1;
  p->duties = duties;
  p->crypto = seal_crypto_new();
  if (p->crypto == NULL) {
    seal_close(p);
    return NULL;
  }
  return p;
}

void seal_own(Seal *p) {
  p->owners++;
}

void seal_close(Seal *p) {
  if (--p->owners > 0) return;
  seal_store_release(&p->store);
  for (int i = 0; i < SEAL_ROOMS; i++) {
    if (p->room[i] == NULL) continue;
    p->room_clear[i](p->room[i]);
    seal_wipe(p->room[i], p->room_size[i]);
    sqlite3_free(p->room[i]);
  }
  seal_crypto_free(p->crypto);
  seal_wipe(p, sizeof *p);
  sqlite3_free(p);
}

void *seal_room(Seal *p, SealRoom room, size_t size, void (*clear)(void *state)) {
  if (p->room[room] != NULL) return p->room[room];
  void *state = sqlite3_malloc64(size);
  if (state == NULL) return NULL;
  memset(state, 0, size);
  p->room[room] = state;
  p->room_size[room] = size;
  p->room_clear[room] = clear;
  return state;
}

void *seal_room_made(Seal *p, SealRoom room) {
  return p->room[room];
}

void seal_table_connected(Seal *p) {
  p->tables++;
  p->store.format_known = 0;
}

void seal_table_gone(Seal *p) {
  assert(p->tables > 0);
  if (--p->tables == 0) seal_store_release(&p->store);
}

int seal_enter(Seal *p) {
  if (p->tables == 0) {
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(p->store.db, seal_sql[SQL_ENTER], -1, &stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_finalize(stmt);
    if (rc != SQLITE_OK) return rc;
  }
  return seal_gate(p, SEAL_XFILTER_SUMS, NULL);
}
