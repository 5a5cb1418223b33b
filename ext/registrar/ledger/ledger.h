/* The ledgers: audit, change and usage, each act once; and what was held, from when to when.
**
**    SealEvent event = {at, "operator", "update", object, "done", NULL, detail};
**    rc = seal_audit_write(p, &event);
**
** May rely on: SealTxn, whose head of the chain it keeps. Who calls: whoever has written something, with
** the grant that allowed it; nothing is counted or charged under another term than the grant's. secret/ signs
** for it.
*/
#ifndef SEAL_LEDGER_H
#define SEAL_LEDGER_H

#include "registrar/ledger/charge.h"

/************************************************************************************************
** ledger.c: audit and change.
*/
typedef struct SealEvent {
  int64_t time;
  const char *actor;   /* "operator", a VAL server id, or "seal:" and a SEAL server's */
  const char *action;  /* "insert", "update", "delete", "POST", "sweep", … */
  const char *object;  /* "seal_agreement:sla-7", "/ss-ipp/v1/configurations/9f…" */
  const char *outcome; /* "done", "refused" */
  const char *cause;   /* NULL, or the refusal's */
  const char *detail;  /* NULL, or a JSON object with a member */
} SealEvent;

/* Appends an entry to the audit chain. */
int seal_audit_write(Seal *p, const SealEvent *event);
/* The same for an act by a message, whose traceparent goes into the detail; NULL or empty: it has none. */
int seal_audit_traced(Seal *p, const SealEvent *event, const char *traceparent);
#define SEAL_REFUSALS_AUDITED 20           /* of senders who are not known, in a minute, in full */
#define SEAL_REFUSALS_KEPT    (30 * 86400) /* seconds that the counts of the others are kept */
/* Somebody who is not known was refused, n times: *audited is 1 if the audit is to have it, else it was counted. */
int seal_refusal_note(Seal *p, int64_t time, const char *cause, int64_t n, int *audited);
/* Anybody, known or not, was refused n times: counted for good. Beside each entry that says so, and each that is not
** written for there are too many. */
int seal_refusal_count(Seal *p, const char *cause, int64_t n);
/* Appends to the change feed, with the head of the audit chain: two histories that have a change of the same number
** and name are told apart by it. seal_service of NULL: every SEAL server's. */
int seal_change_write(Seal *p, int64_t time, const char *seal_service, const char *object,
                      const char *operation);
/* Reads the head of the audit chain into SealTxn, once per transaction. */
int seal_audit_head(Seal *p);
/* The number of the last entry; 0 for an empty chain. */
int seal_audit_head_is(Seal *p, int64_t *seq);
/* This transaction's number: one more than the audit chain was long when it was first asked for. A
** transaction that uses it also writes an audit entry, so no two that commit have the same. */
int seal_transaction_number(Seal *p, int64_t *txn);
/* The number of the audit entry that comes next: the act's own, from which ids are derived. */
int seal_audit_next(Seal *p, int64_t *seq);

/* Names: "seal_term:sla-7/identity-management/v2x". Appends one part, percent-encoded as a segment of a path is (RFC
** 3986 3.3): letters, digits and -._~!$&'()*+,;=:@ stay. */
void seal_name_append(sqlite3_str *out, SealText part);
/* A name of one part, the caller's (sqlite3_free); NULL: out of memory. */
char *seal_object_name(const char *prefix, const char *id);
/* The name of a configuration, the caller's (sqlite3_free): "seal_configuration:<val_server_id>/<conf_id>".
** NULL: out of memory. */
char *seal_configuration_name(SealText val_server_id, SealText conf_id);

/************************************************************************************************
** usage.c: chargeable events. One message is one invocation of every term that it touches; so are the rows
** that one transaction inserts for one VAL server and SEAL service.
*/
/* What is taken under a term: the account of a grant. */
typedef struct SealTally {
  int64_t term;
  int64_t identities, key_records; /* negative: given back */
} SealTally;

/* What was done, and for whom. */
typedef struct SealUse {
  int64_t time, val_server;
  const char *seal_service, *operation, *conf_id; /* conf_id may be NULL */
  int result;                                     /* HTTP status */
  int holds; /* what the units say is held from now on: the terms' counters get it */
  SealApi api;
  const SealNames *names; /* a message's VAL services; rows bring theirs one by one */
} SealUse;

/* One chargeable event: an invocation of each of the n terms, which counts it; and its charging records. */
int seal_usage_write(Seal *p, const SealUse *use, const SealTally *units, size_t n);
/* The same for rows, of a VAL service (p of NULL: none): later ones of the same transaction add to the event that there
** is. */
int seal_usage_rows(Seal *p, const SealUse *use, const SealTally *unit, SealText val_service_id);
/* 1 in *counted if this transaction's rows are an invocation of the term already. */
int seal_usage_counted(Seal *p, int64_t val_server, const char *seal_service, int64_t term,
                       int *counted);
/* The last usage entry. */
int seal_usage_last(Seal *p, int64_t *seq);

/************************************************************************************************
** occupancy.c: what is held, from when to when. `service` of 0: every VAL service of the configuration.
*/
/* What is held is so no longer, from `at` on: before the rows go. */
int seal_occupancy_close(Seal *p, int64_t configuration, int64_t service, int64_t at);
/* What a configuration has, all of it new, is held from `at` on: after the counts and the end are stored. */
int seal_occupancy_new(Seal *p, int64_t configuration, int64_t at);
/* The counts or the end were changed: what was held is so no longer, what is held now is so from `at` on. */
int seal_occupancy_change(Seal *p, int64_t configuration, int64_t service, int64_t at);
/* The terms of a configuration may be others: all of it is valid while all of them are, from `at` on. */
int seal_occupancy_terms(Seal *p, int64_t configuration, int64_t at);
/* The same where one VAL service under `term` came (1) or went (0): nothing where others are under it. */
int seal_occupancy_term(Seal *p, int64_t configuration, int64_t term, int came, int64_t at);

/* What the operator does to what it hangs on. */
typedef enum SealParent { SEAL_AGREEMENT = 1, SEAL_VAL_SERVER, SEAL_TERM } SealParent;
/* From `since` on it is as it is stored now: status and window. A new one: since SEAL_INSTANT_MIN. */
int seal_occupancy_state(Seal *p, SealParent kind, int64_t id, int64_t since);
/* From `since` on an identity-day of the term costs what is stored now. */
int seal_occupancy_price(Seal *p, int64_t term, int64_t since);
/* It is about to be removed: called before, while it is there. */
int seal_occupancy_gone(Seal *p, SealParent kind, int64_t id, int64_t at);

/************************************************************************************************
** audit_chain.c: the chain is verified, signed, and cut at its old end.
*/
/* *first_bad is 0, or the first entry that does not hold: changed, missing, or in another's place.
** `through` (SEAL_UNBOUNDED: the head) must be reached, and have `hash` (of SHA-256; NULL: any). A checkpoint must
** be reached too, have the entry's hash and a registrar's signature. One pass, in constant memory but for the longest
** entry. */
int seal_audit_verify(Seal *p, int64_t through, const unsigned char *hash, int64_t *first_bad);

#define SEAL_CHECKPOINT_TYP "seal-checkpoint"
/* Signs the head: *jws is a compact JWS (RFC 7515) over {seq, hash (hexadecimal), usage (the last
** usage entry), time}, the caller's (sqlite3_free). SEALED without an unlocked signing key. */
int seal_checkpoint(Seal *p, int64_t at, char **jws, SealError *err);
/* Notes that everything up to entry `seq` was exported; *marked is the checkpoint that this reaches. */
int seal_export_mark(Seal *p, int64_t seq, int64_t *marked, SealError *err);

typedef struct SealPruned {
  int64_t through;                                       /* the last audit entry that went */
  int64_t audit, usage, occupancy, charge, notification; /* how many rows went */
} SealPruned;
/* Removes from the ledgers what is older than `before`, was exported and check-pointed; of what was held what is
** charged, and of charging records what a charging system has taken. */
int seal_prune(Seal *p, int64_t before, SealPruned *out, SealError *err);

#endif
