/* Secrets: what is sealed under the key that seal_unlock gave to this connection, and the registrar's own
** signing keys, which are sealed too.
**
**    rc = seal_secret_seal(p, SEAL_FOR_RECORD, aad, key_info, n, &sealed, &n_sealed, err);
**
** May rely on: the transaction (a rekey that is rolled back is undone here, by duty). Who calls: ledger/ to
** sign the audit's head, who/ for symmetric keys, sla/ for tokens, held/ and exchange/ for key records, and
** the faces. The key never leaves this room.
*/
#ifndef SEAL_SECRET_H
#define SEAL_SECRET_H

#include "crypto/jose/jose.h"
#include "crypto/jose/sign.h"
#include "registrar/txn/txn.h"

/* A fault of crypto's as one of SQLite's; a refusal becomes SQLITE_CONSTRAINT_VTAB. */
int seal_reason_rc(SealReason reason);

/************************************************************************************************
** sealed.c: `aad` names the row that a value belongs to.
*/
/* This connection may from now on read and write sealed values. Refuses a key that is not 32 bytes, or
** not the database's. */
int seal_unlock(Seal *p, const unsigned char *key, int n, SealError *err);
/* SQLITE_OK while unlocked; otherwise the refusal SEALED. */
int seal_unlocked(Seal *p, SealError *err);
/* 1 while unlocked, as a fact for the relation seal_registrar. */
int seal_is_unlocked(Seal *p);
/* The same as seal_unlocked, and refuses a key that another connection has replaced since: before anything
** is written that will be sealed. */
int seal_key_current(Seal *p, SealError *err);
/* *out is the caller's: seal_wipe, sqlite3_free. */
int seal_secret_seal(Seal *p, const char *purpose, SealText aad, const void *plain, int n,
                     void **out, int *n_out, SealError *err);
/* *out is the caller's (seal_secret_free). A tag that does not hold is seal_lost, of row `id`; where the
** database has another key by now, SEALED. */
int seal_secret_open(Seal *p, const char *purpose, int64_t id, SealText aad, const void *sealed,
                     int n, void **out, int *n_out, SealError *err);
/* Purposes: each has a key of its own. They are what the storage is called, too. */
#define SEAL_FOR_PSK    "credential"
#define SEAL_FOR_RECORD "key_record"
#define SEAL_FOR_KEY    "registrar_key"
#define SEAL_FOR_ANSWER "message"

/* Wipes and frees what was opened; NULL is allowed. */
void seal_secret_free(void *secret, int n);
/* The same as a destructor of sqlite3_result_text: SQLite then keeps no copy of its own. */
void seal_secret_done(void *secret);

/* Seals everything again under another key; *count is how many values. The connection goes on with the
** new one, or, if the transaction is rolled back, with the old one. */
int seal_rekey(Seal *p, const unsigned char *key, int n, int64_t *count, SealError *err);
/* Counts the keys that this connection has had: what a secret key proved holds only under the same one. */
int64_t seal_key_generation(Seal *p);
SealRoomDuty seal_secret_duty;

/* A symmetric key of a VAL server: a JWK of kty oct, or the bytes themselves, for `alg` then. *out is
** the caller's (seal_keyset_free). */
SealReason seal_psk_parse(Seal *p, const void *value, int n, const char *alg, SealKeySet **out);
int seal_psk_open(Seal *p, int64_t id, SealText aad, const void *sealed, int n, const char *alg,
                  SealKeySet **out, SealError *err);
/* Seals the value of a psk credential for storage: *out is the caller's (sqlite3_free). */
int seal_credential_seal(Seal *p, SealText val_server_id, SealText credential_id, const void *value,
                         int n, void **out, int *n_out, SealError *err);
/* Seals an answer that holds a token or a key, and opens it; the name is the message's: whose it is, and
** under which id. *out is the caller's (sqlite3_free, seal_secret_free). */
char *seal_answer_name(int64_t val_server, SealText message_id);
int seal_answer_seal(Seal *p, SealText name, const char *response, void **out, int *n,
                     SealError *err);
int seal_answer_open(Seal *p, int64_t id, SealText name, const void *sealed, int n, void **out,
                     int *n_out, SealError *err);

/************************************************************************************************
** signing.c: the registrar's signing keys.
*/
/* The current one, the caller's (seal_key_free). SEALED where there is none, or no key to open it. */
int seal_signing_key(Seal *p, SealKey **out, SealError *err);
/* The one before `key` (not *out's own) that was rotated out no longer than 30 days ago: at a SEAL server it opens what was
** encrypted to it. The caller's (seal_key_free); NULL where there is none. */
int seal_signing_key_before(Seal *p, const SealKey *key, int64_t at, SealKey **out, SealError *err);
/* The one to sign what is for somebody who knows the registrar as of a change (-1: not known): the newest that he knows,
** so that a rotation reaches him with what he believes. A key that was rotated out signs so for 30 days. */
int seal_signing_key_known(Seal *p, int64_t change, int64_t at, SealKey **out, SealError *err);
/* Makes a new one, told by the last entry of the change feed; *jwk is its public half, the caller's (sqlite3_free).
** With `leaked`, nothing that was signed until now is believed any more. */
int seal_rotate_key(Seal *p, int64_t at, int leaked, char **jwk, SealError *err);
/* Forgets the private parts of keys that sign nothing any more. */
int seal_signing_forget(Seal *p, int64_t at);
/* The public keys whose tokens may be about at `at`, as a JWK Set, the caller's (sqlite3_free). */
int seal_signing_jwks(Seal *p, int64_t at, char **jwks);

#endif
