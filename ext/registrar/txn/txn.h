/* The transaction: one connection's registrar, the one gate that every call of SQLite's passes, and the
** one instant at which what it asks is judged.
**
**    SealAt at = SEAL_AT_STATEMENT;
**    int rc = seal_gate(p, SEAL_XUPDATE, &at);     what waits is settled; at.t is the statement's instant
**    if (rc == SQLITE_OK) rc = write(p, at, …);
**    rc = seal_gate_leave(p, rc);
**
** This is the lowest room of registrar/: it knows none of the others. What waits in them (rows on their way
** into storage, counters, what was found out for later rows) is theirs; *when* it is written, dropped or
** forgotten is said here, by one table (txn.c), and done by the rooms' duties. So nobody above has to flush,
** settle or forget, and nobody above asks the clock.
** Seal is opaque: a room keeps what is its own in seal_room(), what lives as long as a transaction is in
** SealTxn.
*/
#ifndef SEAL_TXN_H
#define SEAL_TXN_H

#include "crypto/crypto.h"
#include "registrar/txn/refusal.h"
#include "store/json_text.h"
#include "store/store.h"

typedef struct Seal Seal;

SealStore *seal_store(Seal *p);
SealCrypto *seal_crypto(Seal *p);
/* The connection that the registrar belongs to. */
sqlite3 *seal_db(Seal *p);

/************************************************************************************************
** The instant.
*/
/* When something is judged. by_host: t is the host's clock, not the word of whoever asked; a clock that
** went back is then told, and one-time tokens are forgotten by it. An instant never says "no end": that is
** SEAL_UNBOUNDED, of an interval. */
typedef struct SealAt {
  int64_t t;
  int by_host;
} SealAt;
/* For the gate: no instant was given. */
#define SEAL_AT_STATEMENT ((SealAt){0, 1})

/* A cursor's part in the reading that the cursors of one statement share. */
typedef struct SealReading {
  int taken;
  int64_t t;
} SealReading;
/* xOpen and xClose; the cursor's instant: of its first xFilter, the same in all later ones. */
void seal_reading_open(Seal *p, SealReading *reading);
void seal_reading_close(Seal *p);
int64_t seal_reading_take(Seal *p, SealReading *reading);
/* The instant of a function's call (the one that its statement holds, else the clock); and the host's clock, as the
** transaction's last write read it, whatever instant that was given. */
SealAt seal_function_at(Seal *p);
int64_t seal_host_clock(Seal *p);

/************************************************************************************************
** The gate.
*/
/* What SQLite calls for; what each does with what waits is the table in txn.c. */
typedef enum SealGate {
  SEAL_XBEGIN,
  SEAL_XUPDATE_ROW, /* INSERT of an identity, a key or a key record: may wait with its like */
  SEAL_XUPDATE_ACT, /* UPDATE or DELETE of one: an operator's act, gathered with its like */
  SEAL_XUPDATE,     /* any other write */
  SEAL_XFILTER,     /* a look at rows */
  SEAL_XFILTER_SUMS, /* a look at what counters or ledgers say; a function that looks at the database */
  SEAL_XSAVEPOINT,
  SEAL_XRELEASE,
  SEAL_XROLLBACK_TO,
  SEAL_XSYNC,
  SEAL_XCOMMIT,
  SEAL_XROLLBACK,
  SEAL_GATES
} SealGate;

/* Passes the gate: SQLITE_OK, or the fault of what had to be written. For a write *at is completed with the
** statement's instant where none was given, and seal_gate_leave must follow, whatever this returned; for
** all else `at` is NULL. What statements of our own cause while a write is at work passes untouched. */
int seal_gate(Seal *p, SealGate event, SealAt *at);
/* xSavepoint, xRelease and xRollbackTo, with SQLite's number of the savepoint. */
int seal_gate_savepoint(Seal *p, SealGate event, int n);
int seal_gate_leave(Seal *p, int rc); /* a write is over: rc is what it returns; gives it back */
/* Within SEAL_XUPDATE_ROW or _ACT, one that goes with nothing that waits: so that counters say all. */
int seal_gate_first(Seal *p);
/* What failed half-way, so that nothing passes until it is taken back; NULL: nothing did. */
const char *seal_gate_fault(const Seal *p);

/* What a room is called for, at an event. */
typedef enum SealDuty {
  SEAL_WRITE_ROWS = 1,       /* rows that wait go into storage */
  SEAL_WRITE_COUNTERS = 2,   /* what they add up to reaches counters and ledgers */
  SEAL_FORGET_SLOTS = 4,     /* what was found out for later rows may be wrong from now on */
  SEAL_DROP = 8,             /* what waits was taken back, or is written: it is forgotten */
  SEAL_FORGET_HEAD = 16,     /* SealTxn's facts may be wrong from now on: txn.c's own */
  SEAL_TAKEN_BACK = 32,      /* a part of the transaction is undone */
  SEAL_ENDED_COMMIT = 64,    /* the transaction has ended */
  SEAL_ENDED_ROLLBACK = 128, /* it is undone */
  SEAL_ASSERT_WRITTEN = 256  /* in builds for tests: nothing may wait */
} SealDuty;
/* A room's answer to a duty: SQLITE_OK also for one that means nothing to it. At SEAL_ENDED_… no statement may
** be run: SQLite is at work on the end of one, and what is read then stays locked. */
typedef int SealRoomDuty(Seal *p, SealDuty duty);

/* What lives as long as a transaction: facts about it that are read once. The gate zeroes all of it at its end,
** and forgets at a ROLLBACK TO what is part of the transaction's own writing: audit_seq, usage_known. */
typedef struct SealTxn {
  int64_t written;   /* rows of relations that it has written so far, as a host counts them */
  int64_t number;    /* 1 + the length of the audit chain when it was first asked; 0: not yet */
  int64_t audit_seq; /* head of the chain; 0: not read yet, and charged neither */
  unsigned char audit_hash[SEAL_SHA256_SIZE];
  int64_t charged;     /* read with it: the end of the last day that is charged */
  int64_t usage_start; /* its rows' usage entries begin no earlier; 0: not read yet */
  int usage_known;     /* usage_start holds: nothing was taken back since */
  int usage_rows;      /* it has an event of rows, or may have */
} SealTxn;
SealTxn *seal_txn(Seal *p);

/************************************************************************************************
** The connection.
*/
/* Makes a registrar with one owner, or NULL; the last seal_close frees it. `duties`, ended by NULL, are the
** rooms that have something to do at the gate, in the order in which they are called: static. */
Seal *seal_open(sqlite3 *db, SealRoomDuty *const *duties);
void seal_own(Seal *p);
void seal_close(Seal *p);

/* What a room keeps for this connection. */
typedef enum SealRoom {
  SEAL_ROOM_SECRET,
  SEAL_ROOM_WHO,
  SEAL_ROOM_HELD,
  SEAL_ROOM_RESULTS,
  SEAL_ROOMS
} SealRoom;
/* `size` bytes that are the room's own, made and zeroed at the first question; NULL: out of memory.
** `clear` empties them when the connection closes. seal_room_made: NULL where there is nothing yet. */
void *seal_room(Seal *p, SealRoom room, size_t size, void (*clear)(void *state));
void *seal_room_made(Seal *p, SealRoom room);

/* A virtual table of ours is connected, or goes: cached statements live while there is one, because its
** xDisconnect is what SQLite calls before it looks for open statements. */
void seal_table_connected(Seal *p);
void seal_table_gone(Seal *p);
/* Called first by a function, behind which no virtual table stands: makes sure that one is connected, and
** passes the gate as a look at sums. A fault is said as seal_store_format_fault says it, or SQLite. */
int seal_enter(Seal *p);

#endif
