/* Credentials, verified as their standards say. This floor knows OpenSSL and jansson, and
** nothing of SQLite: it can be built and tested alone.
**
**    SealCrypto *c = seal_crypto_new();
**    SealKeySet *set;
**    SealJws jws;
**    if (seal_keyset_parse(c, text, n, SEAL_KEYSET_ANY, &set) == SEAL_VALID &&
**        seal_jws_verify(c, token, n, set, NULL, &jws) == SEAL_VALID) ...
**
** Every function that judges something returns a SealReason: SEAL_VALID, a reason for
** refusal, or one of the two faults that are neither (out of memory, internal). Nothing here
** reads the environment, a file, the network or a clock; nothing is global; each call leaves
** the host's OpenSSL error queue as it was.
*/
#ifndef SEAL_CRYPTO_H
#define SEAL_CRYPTO_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/json.h"
#include "base/reason.h"
#include "base/text.h"

/************************************************************************************************
** crypto.c: the context. One per connection: own OSSL_LIB_CTX, every algorithm fetched.
*/
typedef struct SealCrypto SealCrypto;

/* Makes a context, or gives NULL (out of memory, or an OpenSSL without what is needed). */
SealCrypto *seal_crypto_new(void);
/* Frees it; NULL is allowed. All keys and sets of the context must be freed before. */
void seal_crypto_free(SealCrypto *c);

/************************************************************************************************
** digest.c: SHA-256, base64url, constant-time comparison, random bytes.
*/
#define SEAL_SHA256_SIZE 32

/* SHA-256 of n bytes, in one call (FIPS 180-4). */
SealReason seal_sha256(SealCrypto *c, const void *data, size_t n, unsigned char out[32]);

/* base64url without padding (RFC 4648 5, RFC 7515 2). Encoding writes 4*ceil(n/3)+1 bytes at
** most, with a NUL, and returns the length without it. Decoding is strict: alphabet only, no
** padding, no length of 1 mod 4, unused bits zero; it writes at most n*3/4 bytes and returns
** the length, or -1. */
size_t seal_b64url_encode(const void *data, size_t n, char *out);
ptrdiff_t seal_b64url_decode(const char *text, size_t n, unsigned char *out);

/* 1 if the two are the same n bytes; takes the same time whatever they hold. */
int seal_same(const void *a, const void *b, size_t n);
SealReason seal_random(SealCrypto *c, void *out, size_t n);

/************************************************************************************************
** jwk.c: keys and sets of keys (RFC 7517, 7518, 8037), parsed once and kept.
*/
typedef struct SealKeySet SealKeySet;

#define SEAL_KEYSET_ANY    0 /* public keys, or symmetric ones, never both in one set */
#define SEAL_KEYSET_PUBLIC 1 /* public keys only */
#define SEAL_KEYSET_SECRET 2 /* symmetric keys only */

/* Parses a JWK or a JWK Set (text of n bytes). SECURITY: all rules of RFC 7517 and of the
** README's list; private members are refused; one bad key refuses the set. A key without alg has
** the one of its curve, RS256 or HS256. An all-zero secret is for SEAL_KEYSET_ANY and
** seal_jws_verify alone. On SEAL_VALID, *out is the caller's. */
SealReason seal_keyset_parse(SealCrypto *c, const char *text, size_t n, int what, SealKeySet **out);
void seal_keyset_free(SealKeySet *set);
size_t seal_keyset_count(const SealKeySet *set);
/* RFC 7638 thumbprint of key i, base64url, NUL-terminated, owned by the set; and its kid or NULL. */
const char *seal_keyset_thumbprint(const SealKeySet *set, size_t i);
const char *seal_keyset_kid(const SealKeySet *set, size_t i);
/* Calls key i `name` (NUL-terminated, copied): a token's kid may then be that, too, where the key has
** no kid of its own. SEAL_NOMEM, or SEAL_VALID. */
SealReason seal_keyset_name(SealKeySet *set, size_t i, const char *name);

/* RFC 7638 thumbprint of one JWK, or x5t#S256 of one certificate (PEM or DER): 43 characters
** and a NUL. */
SealReason seal_thumbprint(SealCrypto *c, const void *data, size_t n, char out[44]);

/************************************************************************************************
** jws.c: compact JWS (RFC 7515), verified with keys that the caller trusts, and made.
*/
typedef struct SealJws {
  char alg[8];
  size_t key;             /* index of the key in the set that verified it */
  char *kid;              /* the header's, or NULL */
  json_t *header;         /* the protected header */
  char *header_text;      /* its bytes; NUL-terminated */
  unsigned char *payload; /* its bytes; NUL-terminated beyond payload_size */
  size_t payload_size;
} SealJws;

/* Takes a token of n bytes and a set; `algs` is a NULL-terminated allow-list, or NULL for every
** algorithm that is supported. Judges the form, the header, the key and the signature; nothing of
** the payload. Fills *out on SEAL_VALID (for seal_jws_clear) and zeroes it otherwise, but for
** alg, kid and header where they could be read. */
SealReason seal_jws_verify(SealCrypto *c, const char *token, size_t n, const SealKeySet *set,
                           const char *const *algs, SealJws *out);
/* The same for a JWS of at most `max` bytes, where 64 KiB are not enough: a bundle. */
SealReason seal_jws_verify_upto(SealCrypto *c, const char *token, size_t n, size_t max,
                                const SealKeySet *set, const char *const *algs, SealJws *out);
void seal_jws_clear(SealJws *jws);

/************************************************************************************************
** jwt.c: claims against a policy (RFC 7519, RFC 9068, RFC 8705, BCP 8725).
*/
typedef struct SealJwtPolicy {
  const char *iss;         /* exact, or NULL: any */
  const char *aud;         /* a member, or NULL: any */
  int64_t at;              /* seconds since 1970 */
  int64_t leeway;          /* seconds, 0 to 30 */
  int64_t max_lifetime;    /* at most this from `at` to exp, or 0: any */
  const char *const *algs; /* allow-list, or NULL */
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

SealReason seal_jwt_verify(SealCrypto *c, const char *token, size_t n, const SealKeySet *set,
                           const SealJwtPolicy *policy, SealJwt *out);
/* Only the claims against the policy, for a token whose signature has been verified before:
** `jwt->jws` is filled. May be asked again, with another policy. */
SealReason seal_jwt_check(SealJwt *jwt, const SealJwtPolicy *policy);
void seal_jwt_clear(SealJwt *jwt);

/* What a token says that nobody has verified yet, only to look up whose keys to verify it with. Never a
** basis for anything else. */
typedef struct SealPeek {
  json_t *header, *claims; /* objects; NULL where they can't be read */
} SealPeek;
SealReason seal_jwt_peek(const char *token, size_t n, SealPeek *out);
void seal_peek_clear(SealPeek *peek);

/************************************************************************************************
** sign.c: private keys of our own: ES256 (P-256, RFC 7518 3.4) and nothing else.
**
**    SealKey *key;
**    char *token;
**    if (seal_key_generate(c, &key) == SEAL_VALID &&
**        seal_jws_sign(c, key, "at+jwt", claims, strlen(claims), &token) == SEAL_VALID) ...
*/
typedef struct SealKey SealKey;

/* Makes a new key; on SEAL_VALID it is the caller's. */
SealReason seal_key_generate(SealCrypto *c, SealKey **out);
/* Writes the private key as PKCS#8 DER (RFC 5958): memory of the caller's, who wipes it and frees
** it. */
SealReason seal_key_export(SealCrypto *c, const SealKey *key, unsigned char **out, size_t *n);
/* Reads what seal_key_export wrote, of n bytes; anything else is SEAL_REASON_KEY_INVALID. */
SealReason seal_key_import(SealCrypto *c, const void *der, size_t n, SealKey **out);
/* Frees a key, with its private half wiped; NULL is allowed. */
void seal_key_free(SealKey *key);
/* The public JWK as JSON text, with alg ES256, use sig and kid; and the kid, which is the RFC 7638
** thumbprint. Both are owned by the key. */
const char *seal_key_public(const SealKey *key);
const char *seal_key_kid(const SealKey *key);

/* Signs n bytes of payload. `typ` is the header's, or NULL for none. *out is a compact JWS, NUL-
** terminated, the caller's (free). */
SealReason seal_jws_sign(SealCrypto *c, const SealKey *key, const char *typ, const void *payload,
                         size_t n, char **out);

/************************************************************************************************
** aead.c: sealing what is stored: AES-256-GCM (SP 800-38D) under a key for one purpose, derived
** from the key of the database by HKDF-SHA256 (RFC 5869).
*/
#define SEAL_AEAD_KEY      32
#define SEAL_AEAD_OVERHEAD 29 /* version, nonce of 12, tag of 16 */

/* Seals n bytes. `purpose` separates keys; `aad` is bound to it and not stored: what row it is.
** `out` has room for n + SEAL_AEAD_OVERHEAD bytes: version || nonce || ciphertext || tag. */
SealReason seal_aead_seal(SealCrypto *c, const unsigned char key[32], const char *purpose,
                          const void *aad, size_t n_aad, const void *plain, size_t n,
                          unsigned char *out);
/* Opens what the former sealed, of n bytes, into n - SEAL_AEAD_OVERHEAD bytes at `out`. Under
** another key, purpose or aad, or changed: SEAL_REASON_SEALED_INVALID, and `out` is wiped. */
SealReason seal_aead_open(SealCrypto *c, const unsigned char key[32], const char *purpose,
                          const void *aad, size_t n_aad, const void *sealed, size_t n,
                          unsigned char *out);

/************************************************************************************************
** jwe.c: compact JWE (RFC 7516) with ECDH-ES+A256KW on P-256 (RFC 7518 4.6) and A256GCM (5.3).
*/
/* Encrypts n bytes to a public JWK of P-256 (text of n_jwk bytes; its use and alg do not matter).
** *out is NUL-terminated and the caller's (free). */
SealReason seal_jwe_encrypt(SealCrypto *c, const char *jwk, size_t n_jwk, const void *plain,
                            size_t n, char **out);
/* Decrypts a JWE of n bytes. *out is NUL-terminated beyond *n_out and the caller's, who wipes it
** and frees it. */
SealReason seal_jwe_decrypt(SealCrypto *c, const SealKey *key, const char *token, size_t n,
                            unsigned char **out, size_t *n_out);

/************************************************************************************************
** x509.c: certificate paths with CRLs (RFC 5280), and what a client certificate must be besides.
*/
typedef struct SealCertSet SealCertSet; /* anchors and CRLs, parsed once and kept */

typedef struct SealX509Policy {
  int64_t at; /* seconds since 1970 */
  enum { SEAL_X509_CLIENT, SEAL_X509_SERVER, SEAL_X509_PATH } purpose;
  enum { SEAL_SAN_NONE, SEAL_SAN_DNS, SEAL_SAN_URI, SEAL_SAN_IP } san; /* the identity asked for */
  const char *identity;
  const char *const *policies; /* OIDs, NULL-terminated, or NULL */
  int explicit_policy, inhibit_mapping, inhibit_any_policy;
} SealX509Policy;

typedef struct SealX509 {
  char *subject; /* RFC 2253 text */
  json_t *san;   /* array of {"dns"|"uri"|"ip"|"email": value} */
  int64_t not_before, not_after;
  char thumbprint[44]; /* x5t#S256 of the leaf */
} SealX509;

/* Anchors (PEM text, or DER one after another) and CRLs (PEM or DER, NULL = none are asked for).
** With CRLs given, be they 0 bytes, a certificate without a valid, complete, current CRL is refused;
** an anchor is not asked about. Both at most 16 MiB. A set serves one thread at a time. */
SealReason seal_certset_parse(SealCrypto *c, const void *anchors, size_t n_anchors,
                              const void *crls, size_t n_crls, SealCertSet **out);
void seal_certset_free(SealCertSet *set);

/* Validates a chain (leaf first, then intermediates in any order; PEM or DER) against the set: at
** most 64 KiB, 48 certificates, and 8 of them on a path between leaf and anchor. A certificate is valid
** from notBefore through notAfter, both included (RFC 5280 4.1.2.5), a CRL from thisUpdate until
** nextUpdate, not included. Fills *out on SEAL_VALID, and as far as the leaf could be read
** otherwise: a time that could not is INT64_MIN. */
SealReason seal_x509_verify(SealCrypto *c, const void *chain, size_t n, const SealCertSet *set,
                            const SealX509Policy *policy, SealX509 *out);
/* The leaf of a chain alone: strict parsing, key, times at policy->at and form of a client
** certificate, but no path: for a certificate that is itself registered. */
SealReason seal_x509_leaf(SealCrypto *c, const void *chain, size_t n, const SealX509Policy *policy,
                          SealX509 *out);
void seal_x509_clear(SealX509 *x);

/* Checks one CRL for import: its form, and its signature by one of the anchors. Gives its
** issuer (RFC 2253, the caller's), its CRL number as decimal text (the caller's) and nextUpdate. */
SealReason seal_crl_check(SealCrypto *c, const void *crl, size_t n, const SealCertSet *set,
                          char **issuer, char **number, int64_t *next_update);

#endif
