/* Who is asking: a credential, and the VAL server or SEAL server that it proves.
**
**    SealRequester who;
**    rc = seal_authenticate(p, &credential, at, SEAL_WHO_VAL, &who, err);
**    …                                      judged, and not yet written
**    rc = seal_consume(p, &who, &use, err);
**
** May rely on: secret/ for symmetric keys, ledger/ for the transaction's number. Who calls: both faces, sla/
** for tokens, held/ for rows. Nothing here judges an SLA.
*/
#ifndef SEAL_WHO_H
#define SEAL_WHO_H

#include "crypto/x509/x509.h"
#include "registrar/ledger/ledger.h"

#define SEAL_LEEWAY   30   /* seconds, TS 33.434 A.2.1.3 */
#define SEAL_LIFETIME 3600 /* seconds ahead that a VAL server's own token may end */

/************************************************************************************************
** scope.c: scopes of access tokens, the project's own.
*/
#define SEAL_SCOPE_IDM  1 /* seal:identity-management */
#define SEAL_SCOPE_KM   2 /* seal:key-management */
#define SEAL_SCOPE_PROV 4 /* seal:key-provisioning */
#define SEAL_SCOPE_ALL  7
/* Of a CAPIF token, which names APIs: what of the two last ones it may be used for. */
#define SEAL_SCOPE_KPP 8  /* /ss-kpp */
#define SEAL_SCOPE_KIR 16 /* /ss-kir */
/* The scopes in a space-separated list; *unknown is 1 where there is another word. */
unsigned seal_scopes_read(SealText text, int *unknown);
/* Writes scopes as such a list. */
void seal_scopes_write(unsigned scopes, char out[80]);
/* The SEAL service that one scope is for. */
const char *seal_scope_service(unsigned scope);

/************************************************************************************************
** authenticate.c
*/
#define SEAL_SERVICE_SIZE     32 /* bytes of a SEAL service's name, NUL included */
#define SEAL_TRACEPARENT_SIZE 56 /* 00-, 32, 16 and 2 hexadecimal digits with - between, NUL */
typedef struct SealRequester {
  int64_t val_server; /* row id; 0: it is a SEAL server */
  char val_server_id[SEAL_ID_MAX + 1];
  int64_t seal_server; /* row id; 0: it is a VAL server */
  char seal_server_id[SEAL_ID_MAX + 1];
  char seal_service[SEAL_SERVICE_SIZE]; /* of a SEAL server: what it is for */
  int64_t until;                        /* the credential itself proves nothing from here on */
  int64_t stands_until;                 /* when what is behind it ends: a token's own end apart */
  SealAt at;                            /* when it was judged */
  int64_t clock_mark;                   /* the high-water mark of the host's clock then */
  int by_token;                         /* with an access token: only its scopes count */
  unsigned scopes;                      /* SEAL_SCOPE_...; all of them without an access token */
  int skeyprov;                         /* an access token with SKeyProv (TS 33.434 A.2.2.3) */
  char x5t_s256[44];                    /* of the certificate that proved it; empty: none did */
  char iss[SEAL_ID_MAX + 2],
      jti[SEAL_ID_MAX + 2];                /* whose token; jti is empty: nothing to consume */
  int64_t replay_until;                    /* how long the token's id is remembered */
  char traceparent[SEAL_TRACEPARENT_SIZE]; /* of its message (W3C Trace Context); empty: none */
} SealRequester;

/* Of the registrar's own access tokens: the registration that it is for. */
#define SEAL_REGISTRATION_CLAIM "seal_registration"

/* What is presented: `token` without "Bearer ", `certificate` PEM, leaf first; p of NULL where there is
** none. */
typedef struct SealCredential {
  SealText token;
  SealText certificate;
} SealCredential;

/* Reads the SQL form: a token, a PEM chain, or JSON with authorization and clientCertificate; *json
** owns what *out points to and is the caller's, json_decref. */
int seal_credential_read(SealText text, SealCredential *out, json_t **json, SealError *err);
/* Whom a credential has to prove. Anybody else whom it proves is refused with REQUESTER_MISMATCH. */
typedef enum SealWhom { SEAL_WHO_VAL, SEAL_WHO_SEAL, SEAL_WHO_ANY } SealWhom;
/* Judges a credential at `at`; the host's clock is refused when it has gone back behind what it was by more
** than the leeway. Consumes no jti. */
int seal_authenticate(Seal *p, const SealCredential *credential, SealAt at, SealWhom whom,
                      SealRequester *out, SealError *err);

/* What a one-time token is used for: one message, or the rows of one transaction. */
typedef struct SealTokenUse {
  const unsigned char *message; /* digest of who, what and under which id; NULL: rows */
  int again;                    /* a message that changes nothing: the same one may use it again */
} SealTokenUse;
#define SEAL_USE_ROWS ((SealTokenUse){NULL, 0})
/* Consumes the token's jti in this transaction, as the last check before the effect: refused when
** something else has used it. */
int seal_consume(Seal *p, const SealRequester *who, SealTokenUse use, SealError *err);
/* Whether the token's jti is still free for this use, or was used for it: refused when something else has used it.
** Consumes nothing. */
int seal_use_check(Seal *p, const SealRequester *who, SealTokenUse use, SealError *err);
/* The high-water mark of the host's clock, as last read; with by_host it is moved to at.t first. */
int seal_clock_mark(Seal *p, SealAt at, int64_t *mark);

/* Whether an access token's scopes allow this; any other credential does. */
int seal_scope_check(const SealRequester *who, const char *seal_service, int records,
                     SealError *err);
/* The requester is this VAL server, if it is active at `at`. SQLITE_DONE: there is none. */
int seal_requester_is(Seal *p, SealText val_server_id, int64_t at, SealRequester *out,
                      SealError *err);
/* The row id of a VAL server; SQLITE_CONSTRAINT_VTAB with RESOURCE_CONTEXT_NOT_FOUND for none. */
int seal_val_server_find(Seal *p, SealText val_server_id, int64_t *id, SealError *err);
/* The registrar's identifier: what a token's audience must contain. */
int seal_identifier(Seal *p, char out[SEAL_ID_MAX + 1]);
/* Where its APIs are reached, without a slash at the end; "" where the operator has not said. */
int seal_api_root(Seal *p, char out[SEAL_URI_MAX + 1]);
#define SEAL_TOKEN_PATH "/oauth2/v1/token"

/************************************************************************************************
** authenticate.c, certificate.c: what is checked before it is stored.
*/
/* The value of a credential: gives its thumbprint (44 bytes). */
int seal_credential_check(Seal *p, SealText type, const void *value, int n, char thumbprint[44],
                          SealError *err);
/* The value of an anchor: certificates, a CRL by one of the CAs that are stored, a JWK Set. Of a CRL it
** gives the issuer (*subject, sqlite3_free) and number, which must be above the one that is stored. */
int seal_anchor_check(Seal *p, SealText type, const void *value, int n, int64_t at, char **subject,
                      char number[64], SealError *err);

/************************************************************************************************
** token_cache.c
*/
/* Gives the parsed form of a stored key or set, which belongs to the cache until another one is parsed
** for the slot. SQLITE_CORRUPT_VTAB: it is none. */
int seal_key_parse(Seal *p, uint64_t slot, int what, const void *value, int n, SealKeySet **out);

#endif
