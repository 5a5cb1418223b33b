/* JOSE: what others signed, verified as the standards say. Keys, JWS and JWT; our own keys, and what is
** done with them, are in sign.h. Stands on crypto.h alone; knows nothing of x509/.
**
**    SealKeySet *set;
**    SealJws jws;
**    if (seal_keyset_parse(c, text, n_text, SEAL_KEYSET_ANY, &set) == SEAL_VALID) {
**      if (seal_jws_verify(c, token, n, set, NULL, &jws) == SEAL_VALID) ...
**      seal_jws_clear(&jws);
**      seal_keyset_free(set);
**    }
**
** A set, and what was read with it, belong to one context, and so to one thread at a time.
*/
#ifndef SEAL_CRYPTO_JOSE_H
#define SEAL_CRYPTO_JOSE_H

#include <jansson.h>
#include "crypto/crypto.h"

/************************************************************************************************
** jwk.c: keys and sets of keys (RFC 7517, 7518, 8037), parsed once and kept.
*/
typedef struct SealKeySet SealKeySet;

#define SEAL_KEYSET_ANY    0 /* public keys, or symmetric ones, never both in one set */
#define SEAL_KEYSET_PUBLIC 1 /* public keys only */
#define SEAL_KEYSET_SECRET 2 /* symmetric keys only */

/* Parses a JWK or a JWK Set (text of n bytes, 64 KiB at most, 64 keys). All rules of RFC 7517 and of the
** list in sql/README.md; private members are refused; one malformed key refuses the set. Keys of a set that are not
** for signatures, or of an unknown kty, crv or alg, are left out (RFC 7517 5); one has to be left. A key
** without alg has the one of its curve, RS256 or HS256. An all-zero secret is for SEAL_KEYSET_ANY and
** seal_jws_verify alone. On SEAL_VALID, *out is the caller's; otherwise it is NULL. */
SealReason seal_keyset_parse(SealCrypto *c, const char *text, size_t n, int what, SealKeySet **out);
/* Frees a set; NULL is allowed. */
void seal_keyset_free(SealKeySet *set);
/* How many keys a set has that are used: 1 at least. */
size_t seal_keyset_count(const SealKeySet *set);
/* RFC 7638 thumbprint of key i, base64url, NUL-terminated, owned by the set; NULL where there is no
** key i. */
const char *seal_keyset_thumbprint(const SealKeySet *set, size_t i);
/* Calls key i `name` (NUL-terminated, copied): a token's kid may then be that, too, where the key has
** no kid of its own. SEAL_NOMEM, or SEAL_VALID. */
SealReason seal_keyset_name(SealKeySet *set, size_t i, const char *name);

/* RFC 7638 thumbprint of one JWK, or x5t#S256 of one certificate (PEM or DER): 43 characters
** and a NUL. Where it is not SEAL_VALID, `out` means nothing. */
SealReason seal_thumbprint(SealCrypto *c, const void *data, size_t n, char out[44]);

/* Returns 1 if a signature by the algorithm of this name can be verified. */
int seal_alg_known(const char *name);

/************************************************************************************************
** jws.c: compact JWS (RFC 7515), verified with keys that the caller trusts.
*/
typedef struct SealJws {
  char alg[8];            /* the header's */
  const char *key_alg;    /* that of the key that verified it, static: for EdDSA its curve's name */
  size_t key;             /* index of the key in the set that verified it */
  char *kid;              /* the header's, or NULL */
  json_t *header;         /* the protected header */
  char *header_text;      /* its bytes; NUL-terminated */
  unsigned char *payload; /* its bytes; NUL-terminated beyond payload_size */
  size_t payload_size;
} SealJws;

/* Takes a token of n bytes and a set; `algs` is a NULL-terminated allow-list, or NULL for every
** algorithm that is supported. "EdDSA" there stands for both of its curves; "Ed25519" and "Ed448" (RFC 9864)
** for one, whichever of the two names the header has. Judges the form, the header, the key and the signature; nothing of
** the payload. Fills *out on SEAL_VALID (for seal_jws_clear) and zeroes it otherwise, but for
** alg, kid and header where they could be read. */
SealReason seal_jws_verify(SealCrypto *c, const char *token, size_t n, const SealKeySet *set,
                           const char *const *algs, SealJws *out);
/* The same for a JWS of at most `max` bytes, where 64 KiB are not enough: a bundle. */
SealReason seal_jws_verify_upto(SealCrypto *c, const char *token, size_t n, size_t max,
                                const SealKeySet *set, const char *const *algs, SealJws *out);
/* Frees what *jws owns and zeroes it; needed after a refusal, too. */
void seal_jws_clear(SealJws *jws);

/************************************************************************************************
** jwt.c: claims against a policy (RFC 7519, RFC 9068, RFC 8705, BCP 8725).
*/
typedef struct SealJwtPolicy {
  const char *iss;         /* exact, or NULL: any */
  const char *aud[2];      /* one of them is a member; NULL from the first on: any */
  int64_t at;              /* seconds since 1970 */
  int64_t leeway;          /* seconds, 0 to 30 */
  int64_t max_lifetime;    /* at most this from `at` to exp, leeway apart, or 0: any */
  const char *const *algs; /* allow-list as for seal_jws_verify, or NULL */
  const char *typ;         /* expected; NULL with any_typ: any but those made for something else */
  int any_typ;
  const char *x5t_s256; /* of the certificate presented; "" = none; NULL = not judged */
  int unbound_too;      /* with a certificate, a token without cnf is taken as well */
} SealJwtPolicy;

/* The claims that a caller asks for, read and checked. Strings live in `claims`. */
typedef struct SealJwt {
  SealJws jws;
  json_t *claims;
  const char *iss, *sub, *jti, *client_id, *scope, *x5t_s256; /* NULL where absent */
  int64_t exp, iat, nbf;                                      /* INT64_MIN where absent */
} SealJwt;

/* Verifies the signature as seal_jws_verify, and then the claims. *out is for seal_jwt_clear, also
** after a refusal. */
SealReason seal_jwt_verify(SealCrypto *c, const char *token, size_t n, const SealKeySet *set,
                           const SealJwtPolicy *policy, SealJwt *out);
/* Only the claims against the policy, for a token whose signature has been verified before:
** `jwt->jws` is filled. May be asked again, with another policy. */
SealReason seal_jwt_check(SealJwt *jwt, const SealJwtPolicy *policy);
/* Frees what *jwt owns and zeroes it. */
void seal_jwt_clear(SealJwt *jwt);

/* What a token says that nobody has verified yet, only to look up whose keys to verify it with. Never a
** basis for anything else. */
typedef struct SealPeek {
  json_t *header, *claims; /* objects; NULL where they can't be read */
} SealPeek;
/* Reads it. *out is for seal_peek_clear, also after a refusal. */
SealReason seal_jwt_peek(const char *token, size_t n, SealPeek *out);
void seal_peek_clear(SealPeek *peek);

#endif
