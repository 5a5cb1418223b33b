/* Single rows and records of what is held (held.h): what is read back, what the operator does to single rows,
** key records, whom SEAL servers serve, and what goes.
*/
#ifndef SEAL_RECORDS_H
#define SEAL_RECORDS_H

#include "registrar/held/held.h"

/************************************************************************************************
** row_act.c: the operator's acts on single rows.
*/
/* The operator gives a row another identity, or other key parameters. SQLITE_CONSTRAINT_UNIQUE: the
** identity is there already. */
int seal_row_update(Seal *p, const SealRowAsk *ask, int64_t rowid);
/* The operator takes one row away; with a row of seal_key go its key records. */
typedef enum SealRowKind { SEAL_ROW_IDENTITY, SEAL_ROW_KEY, SEAL_ROW_RECORD } SealRowKind;
int seal_row_delete(Seal *p, SealRowKind kind, int64_t rowid, int64_t at);

/************************************************************************************************
** stored.c
*/
/* Reads a configuration that was found: the caller's (seal_configuration_free). */
typedef struct SealStored {
  SealConfiguration conf;
  char val_server_id[SEAL_ID_MAX + 1];
  void *memory; /* what the texts of conf point into */
} SealStored;
int seal_configuration_load(Seal *p, int64_t id, SealStored *out);
void seal_configuration_free(SealStored *stored);
/* The row ids of a VAL server's configurations that are valid at `at`; the caller's (sqlite3_free). */
int seal_configuration_list(Seal *p, int64_t val_server, const char *seal_service, int64_t at,
                            int64_t **ids, size_t *n);

/************************************************************************************************
** key_record.c: sealed at rest.
*/
typedef struct SealFoundRecord {
  void *key_info; /* opened; NUL-terminated beyond n_key_info */
  int n_key_info;
  char *user_uri; /* NULL where it has none */
} SealFoundRecord;
/* Finds the record of a VAL server for a VAL service and the id asked for; without an id, the service's own.
** Refuses with RESOURCE_CONTEXT_NOT_FOUND, or SEALED. */
int seal_record_find(Seal *p, const SealRequester *who, SealText val_service_id,
                     const SealRecord *asked, int64_t at, SealFoundRecord *out, SealError *err);
void seal_record_clear(SealFoundRecord *found);
/* The registrar's key management URI, the caller's (sqlite3_free); NULL: it has none. */
int seal_skms_uri(Seal *p, char **out);
/* Refuses a key management URI that is not the registrar's own; SQLITE_CONSTRAINT_VTAB also when *err
** holds faults already. */
int seal_skms_uri_check(Seal *p, SealText uri, SealError *err);
/* Where a record lies: its identity. */
typedef struct SealRecordPlace {
  SealText val_server_id, conf_id, val_service_id;
} SealRecordPlace;
/* Opens a stored one, row `id`, whose identity is given. A tag that does not hold is seal_lost. */
int seal_record_open(Seal *p, int64_t id, const SealRecordPlace *place, const SealRecord *record,
                     const void *sealed, int n, void **out, int *n_out, SealError *err);
/* Stores one, sealed, as row `number` of its service. SQLITE_CONSTRAINT_UNIQUE: its id has one already. */
int seal_record_store(Seal *p, int64_t service, int64_t number, const SealRecordPlace *place,
                      const SealRecord *record, int64_t *rowid, SealError *err);

/************************************************************************************************
** serves.c
*/
/* Until when a SEAL server must serve a user or UE. *until is INT64_MIN for "must not"; SEAL_UNBOUNDED for
** no end. */
int seal_serves(Seal *p, const char *seal_service, SealText val_service_id, SealText id, int64_t at,
                int64_t *until);
/* A VAL service that a user or UE has: from one VAL server, until when (SEAL_UNBOUNDED: no end). */
typedef struct SealServed {
  SealText val_user_id, val_ue_id, val_service_id, val_server_id, end_pt;
  int64_t until;
  int n; /* by how many of its configurations */
} SealServed;
/* Which VAL services somebody has, or everybody (asked of NULL), as a SEAL server for `seal_service` may know: valid at `at`,
** and granted for that SEAL service. `services` narrows it: each name between two U+001F; p of NULL: all. At most `limit`
** identities, by user, VAL service and VAL server; `row` gets each, and may end it with an error code. */
int seal_served(Seal *p, const char *seal_service, const SealRecord *asked, SealText services,
                int64_t at, int limit, int (*row)(void *arg, const SealServed *served), void *arg);
/* What stands for an identity at a SEAL server that may not see it: SHA-256 of VAL service and id. */
int seal_member_digest(Seal *p, SealText val_service_id, SealText id,
                       unsigned char out[SEAL_SHA256_SIZE]);

/************************************************************************************************
** sweep.c: what goes.
*/
#define SEAL_ANSWER_KEPT 86400 /* seconds that the outcome of a message is kept */
/* Removes at most `limit` rows of configurations that have ended at `at`, their configurations when those
** are empty, used token ids and answers that nobody may ask for again. An `at` that the host's clock has not reached
** is that clock: what is valid by it stays. */
int seal_sweep(Seal *p, int64_t limit, SealAt at, int64_t *removed);
/* Removes rows of one configuration; *removed counts up, at most to `limit`. */
int seal_configuration_clear(Seal *p, int64_t id, int64_t limit, int64_t at, int64_t *removed);
/* Runs what takes a row along that the operator removes: statements with ?1 row id, ended by SEAL_NO_SQL. */
int seal_remove(Seal *p, const enum SealSql *statements, int64_t id);

#endif
