/* What the files of who/ share among themselves (who.h).
*/
#ifndef SEAL_WHO_INT_H
#define SEAL_WHO_INT_H

#include "registrar/who/who.h"

/************************************************************************************************
** token_cache.c: facts that can't turn false.
*/
/* Verifies a token's signature (hash: its SHA-256) by the keys of a set, or finds that this was done
** before; *out belongs to the cache. `name` and `value`: what the keys are called, and the text of them
** that is stored. SQLITE_CONSTRAINT_VTAB: by none of these keys. */
int seal_token_verify(Seal *p, SealText token, const unsigned char hash[SEAL_SHA256_SIZE],
                      const SealKeySet *set, SealText name, SealText value, SealJwt **out);
/* 1 if this token (hash: its SHA-256), presented alone, was believed before at out->at, by the same
** clock, of the database as it is now: *out is what it proved. Needs an open transaction. */
int seal_verdict_find(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE], SealRequester *out);
/* Remembers that, if there is memory for it. */
void seal_verdict_keep(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE],
                       const SealRequester *who);
/* The token as it was verified before, by whatever key: a hint whose keys to take. NULL: unknown. */
const SealJwt *seal_token_cached(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE]);

/* The CAs and CRLs that are active at an instant, parsed. `ids` tells which: they are parsed again when
** others are active, or one was written (its generation). */
typedef struct SealAnchors {
  char *ids; /* sqlite3_free; NULL: nothing is parsed */
  SealCertSet *set;
  int has_crls;
} SealAnchors;
/* What this connection keeps of them, or NULL: out of memory. */
SealAnchors *seal_anchors_kept(Seal *p);
void seal_anchors_clear(SealAnchors *anchors);

/************************************************************************************************
** authenticate.c, certificate.c
*/
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

#endif
