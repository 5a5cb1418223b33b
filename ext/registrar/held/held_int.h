/* What the files of held/ share among themselves (held.h), and exchange/ with them: the pieces that storage is
** made of. Whoever calls these has judged, and holds the grant.
*/
#ifndef SEAL_HELD_INT_H
#define SEAL_HELD_INT_H

#include "registrar/held/held.h"
#include "registrar/held/records.h"

/************************************************************************************************
** parts.c: the parts of a configuration, and what is counted with them.
*/
/* What a configuration is called, whose it is and when it ends by itself. */
typedef struct SealHead {
  char conf_id[SEAL_ID_MAX + 1], val_server_id[SEAL_ID_MAX + 1];
  const char *seal_service;
  int64_t val_server, exp_time, until;
} SealHead;
int seal_head_load(Seal *p, int64_t id, SealHead *out);
/* Its object's name, the caller's (sqlite3_free); NULL: out of memory. */
char *seal_head_name(const SealHead *head);
/* The row id of a VAL server's configuration by its conf_id, whatever its SEAL service and validity; *id is
** 0 if there is none. */
int seal_configuration_by_name(Seal *p, int64_t val_server, SealText conf_id, int64_t *id);
/* Derives a conf_id from the n texts, each with its length, and the number of the audit entry that the act will
** have: the head of their SHA-256. */
int seal_conf_id(Seal *p, char out[SEAL_CONF_ID], int n, const SealText *texts);
/* Makes the storage row of a configuration; standing: the term under which it stands, 0: not at all. A name that
** was given and is taken is SQLITE_CONSTRAINT_UNIQUE; in place of a derived one that is taken (a VAL server can
** foresee it, and use it) the next is derived, into conf->derived. */
int seal_configuration_make(Seal *p, const SealConfiguration *conf, int64_t val_server,
                            int64_t until, int64_t standing, int64_t at, int64_t *id);
/* A configuration's own end is another one: what it holds is counted until then. */
int seal_configuration_move(Seal *p, int64_t id, int64_t val_server, int64_t until_before,
                            int64_t until);
/* How much a VAL service holds. */
typedef struct SealCount {
  int64_t identities, key_records, next; /* next: the next row's place */
} SealCount;
/* Makes the row of a VAL service in a configuration, holding this much under the grant's term. */
int seal_service_make(Seal *p, int64_t configuration, const SealService *service, SealCount count,
                      int64_t *id);
/* A VAL service of a stored configuration comes under another term: its row, and what is counted. */
int seal_service_move(Seal *p, int64_t service, const SealTally *held, int64_t term, int64_t until,
                      int64_t val_server);
/* Counts identities and key records as held by a VAL server under a term, until an instant; seal_hold in all
** counters, seal_hold_until but for the term's own, which the usage of the act has (SealUse.holds). */
int seal_hold(Seal *p, const SealTally *more, int64_t until, int64_t val_server);
int seal_hold_until(Seal *p, const SealTally *more, int64_t until, int64_t val_server);
/* Removes the key records of a service; *removed is how many. Counters are the caller's. */
int seal_service_records_clear(Seal *p, int64_t service, int64_t *removed);

/************************************************************************************************
** waiting.c: identities on their way into storage.
*/
/* What a VAL service holds, if all of it was stored by this transaction. */
typedef struct SealSeen {
  uint32_t *places;
  size_t size, n;
  int sure; /* set by the caller for a service that holds nothing */
} SealSeen;
void seal_seen_clear(SealSeen *seen);

typedef struct SealBatch SealBatch;
/* Makes an empty one, if there is none yet: the caller's (sqlite3_free). */
int seal_batch_ready(SealBatch **batch);
/* Forgets what waits. NULL is allowed, here and below. */
void seal_batch_drop(SealBatch *batch);
int seal_batch_is_empty(const SealBatch *batch);
/* Writes what waits. */
int seal_batch_write(Seal *p, SealBatch *batch);
/* Stores n identities as rows with ids from `first` on. */
int seal_ids_insert(Seal *p, int64_t first, int64_t service, const SealId *ids, size_t n);
/* Stores one identity, now or with others; SQLITE_CONSTRAINT_UNIQUE if the service holds it already. */
int seal_batch_insert(Seal *p, SealBatch *batch, SealSeen *seen, int64_t rowid, int64_t service,
                      const SealId *id);

/************************************************************************************************
** slot.c: what was found out for the rows of this transaction, and what they have yet to write.
*/
typedef struct SealSlot {
  /* What a row must ask for to belong here: copies. */
  const char *seal_service;
  char *credential;
  int n_credential;
  SealText val_server_id, val_service_id, conf_id;
  int64_t exp_time;
  SealAt at;
  /* What was found out. */
  int64_t configuration, service, term, until, val_server;
  int64_t valid_until; /* of credential and grant: from here on, ask again */
  int64_t left;        /* identities that the term still allows, SEAL_UNBOUNDED: any number */
  SealLevel level;     /* of the term's limit: what its rows have brought it to */
  int64_t next;        /* the next row's place */
  SealSeen seen;       /* the rows so far */
  char conf_id_text[SEAL_ID_MAX + 1];
  char val_server_text[SEAL_ID_MAX + 1];
  /* What has to be written. */
  int64_t added, removed, changed;
  int records; /* the rows are key records */
  int act;     /* the operator's: what he takes away or changes */
  /* Of a message that brings the row, and is charged for it by itself; "": rows and acts. */
  char operation[8], traceparent[SEAL_TRACEPARENT_SIZE];
} SealSlot;

/* Rows of one kind that were refused, and that the host went on without. */
typedef struct SealRefused {
  const char *relation; /* static: its name */
  SealCause cause;
  int64_t at, rows;
  char requester[SEAL_ID_MAX + 1]; /* empty: not known */
} SealRefused;
#define SEAL_REFUSED 8 /* kinds that wait */

#define SEAL_SLOTS                                                                                 \
  64 /* different (credential, VAL service, end) that a transaction may mix at speed */

typedef struct SealSlots {
  SealSlot slot[SEAL_SLOTS];
  int n;
  int dirty; /* a slot has something to write */
  int last;  /* the slot of the last row: mostly the next one's too */
  int fault; /* what kept a part from being written: nothing can be committed without it */
  int drops; /* how often what waited was dropped */
  int n_refused;
  SealRefused refused[SEAL_REFUSED];
  int refused_wait; /* only rows are being settled: more refused ones may come */
  SealBatch *batch;
} SealSlots;
/* This connection's, made at the first question; NULL: out of memory. */
SealSlots *seal_slots(Seal *p);
/* The slot that stands for what a row asks for, or NULL. */
SealSlot *seal_slot_find(SealSlots *slots, const SealRowAsk *ask);
/* A slot goes on at another instant: what it has gathered so far is written, as of the one before. */
int seal_slot_go_on(Seal *p, SealSlot *slot, SealAt at);
/* Forgets all of them: what they know of a configuration is so no longer. None has anything to write. */
void seal_slots_forget(Seal *p);
/* The stored row of an identity in a VAL service; 0: it has none (row_act.c). */
int seal_identity_row(Seal *p, int64_t service, const SealId *id, int64_t *row);
/* Within a row's write: what waits of rows is written, so that counters say all. Refused rows wait on. */
int seal_slots_settle(Seal *p, SealSlots *slots);
/* Gives a free slot that stands for what the row asks for. */
int seal_slot_new(Seal *p, const SealRowAsk *ask, SealSlot **out);
/* refused.c: writes the entries of the refused rows. */
int seal_refused_write(Seal *p, SealSlots *slots);
/* stored.c: SQLITE_CORRUPT_VTAB for a stored EndPoint that is no JSON object: it goes into answers as it is. */
int seal_stored_end_pt(SealText text);

#endif
