/* What the files of registrar/ share among themselves and show to no other floor.
*/
#ifndef SEAL_REGISTRAR_INTERNAL_H
#define SEAL_REGISTRAR_INTERNAL_H

#include "registrar/registrar.h"

/************************************************************************************************
** cache.c: keys that were parsed and tokens that were verified, for this connection.
*/
SealKeyCache *seal_keys_new(void);
void seal_keys_free(SealKeyCache *keys);
/* Forgets every key: another key seals now. */
void seal_keys_forget(SealKeyCache *keys);
/* A fault of crypto's as one of SQLite's; a refusal becomes SQLITE_CONSTRAINT_VTAB. */
int seal_reason_rc(SealReason reason);
/* Gives the parsed form of a stored key or set, which belongs to the cache until another one is parsed
** for the slot. SQLITE_CORRUPT_VTAB: it is none. */
int seal_key_parse(Seal *p, uint64_t slot, int what, const void *value, int n, SealKeySet **out);
/* Verifies a token's signature (hash: its SHA-256) by the keys of a set, or finds that this was done
** before; *out belongs to the cache. `name` and `value`: what the keys are called, and the text of them
** that is stored. SQLITE_CONSTRAINT_VTAB: by none of these keys. */
int seal_token_verify(Seal *p, SealText token, const unsigned char hash[SEAL_SHA256_SIZE],
                      const SealKeySet *set, SealText name, SealText value, SealJwt **out);
/* 1 if this token (hash: its SHA-256), presented alone, was believed before at out->at, by the same
** clock, of the database as it is now: *out is what it proved. Needs an open transaction. */
int seal_verdict_find(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE], SealRequester *out);
/* Remembers that. */
void seal_verdict_keep(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE],
                       const SealRequester *who);
/* The token as it was verified before, by whatever key: a hint whose keys to take. NULL: unknown. */
const SealJwt *seal_token_cached(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE]);

/************************************************************************************************
** authenticate.c, certificate.c
*/
void seal_anchors_free(SealAnchors *anchors);
/* The requester is this VAL server, if it is active at `at`. SQLITE_DONE: there is none. */
int seal_requester_is(Seal *p, SealText val_server_id, int64_t at, SealRequester *out,
                      SealError *err);
/* What stands behind the credential ends then. */
void seal_requester_ends(SealRequester *out, int64_t until);
int seal_val_server_exists(Seal *p, SealText val_server_id, int *there);
/* Window and status of the credential in a row of authenticate_keys or authenticate_certificate. */
int seal_credential_valid(sqlite3_stmt *row, int64_t at, SealRequester *out, SealError *err);
int seal_authenticate_certificate(Seal *p, SealText pem, int64_t at, SealRequester *out,
                                  SealError *err);
/* x5t#S256 of a certificate that is presented beside a token, once its form is that of a client's, and it
** is neither revoked nor a registered one that has ended: a token bound to it ends with it. */
int seal_certificate_thumbprint(Seal *p, SealText pem, int64_t at, char out[44], SealError *err);

/************************************************************************************************
** secret.c: what is sealed. `aad` names the row; the key is the one that seal_unlock gave.
*/
/* SQLITE_OK while unlocked; otherwise the refusal SEALED. */
int seal_unlocked(Seal *p, SealError *err);
/* The same, and refuses a key that another connection has replaced since: before anything is written
** that will be sealed. */
int seal_key_current(Seal *p, SealError *err);
/* *out is the caller's: seal_wipe, sqlite3_free. A tag that does not hold is seal_lost, of row `id`;
** where the database has another key by now, SEALED. */
int seal_secret_seal(Seal *p, const char *purpose, SealText aad, const void *plain, int n,
                     void **out, int *n_out, SealError *err);
int seal_secret_open(Seal *p, const char *purpose, int64_t id, SealText aad, const void *sealed,
                     int n, void **out, int *n_out, SealError *err);
/* A symmetric key of a VAL server: a JWK of kty oct, or the bytes themselves, for `alg` then. *out is
** the caller's. */
SealReason seal_psk_parse(Seal *p, const void *value, int n, const char *alg, SealKeySet **out);
int seal_psk_open(Seal *p, int64_t id, SealText aad, const void *sealed, int n, const char *alg,
                  SealKeySet **out, SealError *err);
/* Purposes: each has a key of its own. They are what the storage is called, too. */
#define SEAL_FOR_PSK    "credential"
#define SEAL_FOR_RECORD "key_record"
#define SEAL_FOR_KEY    "registrar_key"
#define SEAL_FOR_ANSWER "message"

/************************************************************************************************
** invocation.c
*/
/* Notes that the message at hand touches a term, and asks this much of it. */
int seal_invocation_note(Seal *p, int64_t term, int64_t identities, int64_t key_records);
/* Counts one answered invocation of a term. */
int seal_invocation_count(Seal *p, int64_t term, int64_t at);
void seal_invocation_free(Seal *p);
/* How many tokens a bucket has; at none *retry_after is the seconds until it has one again. */
int64_t seal_bucket_level(int64_t rate, int64_t bucket_time, int64_t spent, int64_t at,
                          int64_t *retry_after);

/************************************************************************************************
** ledger.c
*/
/* Reads the head of the audit chain into p, once per transaction. */
int seal_audit_head(Seal *p);
/* This transaction's number: one more than the audit chain was long when it was first asked for. A
** transaction that uses it also writes an audit entry, so no two that commit have the same. */
int seal_transaction_number(Seal *p, int64_t *txn);
/* What one transaction's row inserts for one VAL server and SEAL service add up to: one chargeable
** event, which later rows of the same transaction add to. */
int seal_usage_rows(Seal *p, int64_t time, int64_t val_server, const char *seal_service,
                    const char *conf_id, int64_t term, int64_t identities, int64_t key_records);
/* 1 in *counted if this transaction's rows are an invocation of the term already. */
int seal_usage_counted(Seal *p, int64_t val_server, const char *seal_service, int64_t term,
                       int *counted);

/************************************************************************************************
** authorize.c
*/
/* What stands for an identity at a SEAL server that may not see it: SHA-256 of VAL service and id. */
int seal_member_digest(Seal *p, SealText val_service_id, SealText id,
                       unsigned char out[SEAL_SHA256_SIZE]);

/************************************************************************************************
** record.c
*/
/* What a record is sealed to: *out is the caller's (sqlite3_free). */
int seal_record_aad(const SealRecordPlace *place, const SealRecord *record, char **out);
/* Stores one, sealed, as row `number` of its service. SQLITE_CONSTRAINT_UNIQUE: its id has one already. */
int seal_record_store(Seal *p, int64_t service, int64_t number, const SealRecordPlace *place,
                      const SealRecord *record, int64_t *rowid, SealError *err);

/************************************************************************************************
** provision.c
*/
/* Counts identities and key records as held by a VAL server under a term, until an instant. */
int seal_hold(Seal *p, int64_t term, int64_t until, int64_t val_server, int64_t identities,
              int64_t key_records);
/* Makes the storage rows of a configuration, and of a VAL service in it; gives their ids. */
int seal_configuration_make(Seal *p, const SealConfiguration *conf, int64_t val_server,
                            int64_t until, int64_t at, int64_t *id);
/* Removes the key records of a service; *removed is how many. Counters are the caller's. */
int seal_service_records_clear(Seal *p, int64_t service, int64_t *removed);
int seal_service_make(Seal *p, int64_t configuration, const SealService *service, int64_t *id);

/************************************************************************************************
** occupancy.c. `service` of 0: every VAL service of the configuration.
*/
/* What is held is so no longer, from `at` on: before the rows go. */
int seal_occupancy_close(Seal *p, int64_t configuration, int64_t service, int64_t at);
/* What is held now is so from `at` on: after the counts and the end are stored. */
int seal_occupancy_open(Seal *p, int64_t configuration, int64_t service, int64_t at);
/* Both: the counts or the end were changed. */
int seal_occupancy_change(Seal *p, int64_t configuration, int64_t service, int64_t at);
/* A VAL service under `term` came to the configuration or left it: where there are other terms, it is
** valid at other times from then on. */
int seal_occupancy_terms(Seal *p, int64_t configuration, int64_t term, int64_t at);

/************************************************************************************************
** batch.c: identities on their way into storage.
*/
/* What a VAL service holds, if all of it was stored by this transaction. */
typedef struct SealSeen {
  uint32_t *places;
  size_t size, n;
  int sure; /* set by the caller for a service that holds nothing */
} SealSeen;
void seal_seen_clear(SealSeen *seen);

SealBatch *seal_batch_new(void);
/* Forgets what waits. */
void seal_batch_drop(SealBatch *batch);
/* Stores n identities as rows with ids from `first` on. */
int seal_ids_insert(Seal *p, int64_t first, int64_t service, const SealId *ids, size_t n);
/* Stores one identity, now or with others; SQLITE_CONSTRAINT_UNIQUE if the service holds it already. */
int seal_batch_insert(Seal *p, SealSeen *seen, int64_t rowid, int64_t service, const SealId *id);

/************************************************************************************************
** row.c: what row inserts have yet to write to counters and ledgers.
*/
SealPending *seal_pending_new(void);
void seal_pending_free(SealPending *pending);
/* Forgets what is pending, and what was found out for later rows of the same transaction. */
void seal_pending_drop(SealPending *pending);

#endif
