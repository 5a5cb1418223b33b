/* What the files of who/ share among themselves (who.h).
*/
#ifndef SEAL_WHO_INT_H
#define SEAL_WHO_INT_H

#include "registrar/who/who.h"

/* Slots of the key cache that no row id of seal_credential_data takes. */
#define SLOT_ISSUER 0x100000001u
#define SLOT_OWN    0x200000002u
#define SLOT_SERVER 0x300000003u

/* A token that is judged, and what it is judged by. */
typedef struct SealToken {
  SealText text;
  unsigned char hash[SEAL_SHA256_SIZE];
  int64_t at;
  SealWhom whom;
  int64_t restored;                 /* when the database was restored; INT64_MIN: never */
  char identifier[SEAL_ID_MAX + 1]; /* the registrar's: what `aud` must contain */
  const char *x5t_s256;             /* of the certificate that was presented too; "" = none */
} SealToken;

/* A VAL server as it is registered. */
typedef struct SealRegistered {
  int64_t id, exp_time;
  int64_t since; /* when it was registered; INT64_MIN: by a release that did not note it */
  int active;
} SealRegistered;

/************************************************************************************************
** token_cache.c: facts that can't turn false.
*/
/* Verifies a token's signature (hash: its SHA-256) by the keys of a set, or finds that this was done
** before; *out belongs to the cache. `name` and `value`: what the keys are called, and the text of them
** that is stored. SQLITE_CONSTRAINT_VTAB: by none of these keys. */
int seal_token_verify(Seal *p, SealText token, const unsigned char hash[SEAL_SHA256_SIZE],
                      const SealKeySet *set, SealText name, SealText value, SealJwt **out);
/* 1 if this token (hash: its SHA-256), presented alone to the same question, was believed before at out->at, by the same
** clock, of the database as it is now: *out is what it proved. Needs an open transaction. */
int seal_verdict_find(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE], SealWhom whom,
                      SealRequester *out);
/* Remembers that, if there is memory for it. */
void seal_verdict_keep(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE], SealWhom whom,
                       const SealRequester *who);
/* The token as it was verified before, by whatever key: a hint whose keys to take. NULL: unknown. */
const SealJwt *seal_token_cached(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE]);

/* The CAs, intermediates and CRLs that are active at an instant, parsed. `ids` tells which: they are parsed again when
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
/* Reads a VAL server: SQLITE_ROW, or SQLITE_DONE if there is none of that id. */
int seal_registered_read(Seal *p, SealText val_server_id, SealRegistered *out);
/* The requester is this VAL server, if it is active at `at`. */
int seal_requester_of(const SealRegistered *server, SealText val_server_id, int64_t at,
                      SealRequester *out, SealError *err);
/* The requester is this SEAL server, if it is active. SQLITE_DONE: there is none. */
int seal_server_is(Seal *p, SealText seal_server_id, SealRequester *out, SealError *err);
/* The refusal of a token that can't be believed, and that of its claims. */
int seal_disbelieve(SealError *err);
int seal_refuse_claims(SealReason reason, SealError *err);
/* Window and status of the credential in a row of authenticate_keys or authenticate_certificate. */
int seal_credential_valid(sqlite3_stmt *row, int64_t at, SealRequester *out, SealError *err);
int seal_authenticate_certificate(Seal *p, SealText pem, int64_t at, SealWhom whom,
                                  SealRequester *out, SealError *err);
/* x5t#S256 of a certificate that is presented beside a token, once its form is that of a client's, and it
** is neither revoked nor a registered one that has ended: a token bound to it ends with it. */
int seal_certificate_thumbprint(Seal *p, SealText pem, int64_t at, char out[44], SealError *err);

/************************************************************************************************
** issued.c: tokens that somebody else signed for a VAL server; iss is what they say, not believed yet.
*/
int seal_by_access_token(Seal *p, const SealToken *token, const char *iss, SealRequester *out,
                         SealError *err);
/* 1 if a scope is as CAPIF's core function writes it (TS 29.222 8.5.4.2.8). */
int seal_is_capif_scope(const char *scope);
int seal_by_capif(Seal *p, const SealToken *token, const char *iss, SealRequester *out,
                  SealError *err);
/* scope.c: the APIs that a CAPIF scope (what follows "3gpp#") has of the exposing function `aef_id`. */
unsigned seal_scopes_capif(SealText scope, const char *aef_id);

#endif
