/* What the files of jose/ share among themselves, and nobody else sees: algorithms, curves, and one key.
**
**    SealJwk key = {.alg = seal_alg_find("ES256")};
**    if (seal_jwk_make_ec(c, &key, seal_curve_find(SEAL_KTY_EC, "P-256"), x, y) == SEAL_VALID)
**      reason = seal_jwk_verify(c, &key, data, n, sig, n_sig);
**    seal_jwk_clear(&key);
*/
#ifndef SEAL_CRYPTO_JOSE_INT_H
#define SEAL_CRYPTO_JOSE_INT_H

#include "base/json.h"
#include "base/text.h"
#include "crypto/crypto_int.h"
#include "crypto/jose/jose.h"
#include "crypto/jose/sign.h"

/* Caps on what is looked at, before anything is copied. */
#define SEAL_TOKEN_MAX  65536 /* bytes of a compact JWS */
#define SEAL_HEADER_MAX 8192  /* bytes of its header, decoded */
#define SEAL_KEYS_MAX   65536 /* bytes of a JWK Set */
#define SEAL_KEYS_COUNT 64
#define SEAL_JSON_DEPTH 32

/* The algorithms of RFC 7518 3.1, RFC 8037 3.1 and RFC 9864 2.2. */
typedef enum SealKty { SEAL_KTY_OCT, SEAL_KTY_RSA, SEAL_KTY_EC, SEAL_KTY_OKP } SealKty;
typedef struct SealAlg {
  const char *name;
  SealKty kty;
  int md;          /* SEAL_MD_256 ..., or -1: the signature does its own hashing */
  int pss;         /* RSA: PSS, not PKCS#1 v1.5 */
  const char *crv; /* EC, OKP: the one curve; NULL: any, which only EdDSA has */
} SealAlg;
/* Finds an algorithm by its name; NULL if it is not supported. Static. */
const SealAlg *seal_alg_find(const char *name);
/* Returns 1 if the NULL-terminated list has the name, or for EdDSA one of its other names that fits the
** key, or the list is NULL; 0 if not. `key_alg` is the algorithm of the key, NULL where none is chosen yet:
** then 1 if it may fit one. */
int seal_alg_allowed(const char *name, const char *key_alg, const char *const *algs);
/* Returns 1 if a key of algorithm `key` verifies what a header calls `alg`: the same, or EdDSA for a key of
** either of its curves. */
int seal_alg_fits(const SealAlg *alg, const SealAlg *key);

/* The curves of RFC 7518 6.2.1.1 and RFC 8037 2 that sign. */
typedef struct SealCurve {
  const char *crv;
  SealKty kty;
  size_t size;      /* bytes of a coordinate, or of an OKP public key */
  size_t signature; /* bytes of a signature */
  const char *alg;
} SealCurve;
/* Finds a curve of that kind of key; NULL if it is not supported. Static. */
const SealCurve *seal_curve_find(SealKty kty, const char *crv);

/* One key that verifies, with contexts that are set up once. */
typedef struct SealJwk {
  const SealAlg *alg; /* of OKP that of its curve */
  size_t signature;   /* bytes of a signature, exactly */
  int zero;           /* oct: not a secret, but all zeros */
  EVP_PKEY *pkey;
  EVP_PKEY_CTX *verify; /* RSA, EC */
  EVP_MD_CTX *message;  /* OKP: a template that each verification copies */
  EVP_MAC_CTX *mac;     /* oct */
  char *kid;            /* or NULL */
  char *name;           /* what its owner calls it, or NULL */
  char thumbprint[44];
} SealJwk;

struct SealKeySet {
  size_t count;
  SealJwk *key;
};

/* A private key (sign.c). */
struct SealKey {
  EVP_PKEY *pkey;
  char kid[44];
  char *jwk;
};

/* Turns OpenSSL's ECDSA signature, DER of n bytes, into R || S of `size` bytes each (RFC 7518 3.4); `out` may be where the DER
** lies. 1, or 0 where it is none or memory ran out. (sign.c) */
int seal_ecdsa_raw(const unsigned char *der, size_t n, size_t size, unsigned char *out);

/* The public key of a JWK of P-256, whatever its use, into key->pkey and key->thumbprint; what is
** private in it is refused (jwk.c). The caller clears it, also on failure. */
SealReason seal_jwk_p256(SealCrypto *c, const json_t *jwk, SealJwk *key);

/* jwk_make.c: from numbers to a key. Each judges size and strength, and sets up the contexts; key->alg
** is set before. The caller clears the key, also on failure. Neither number of RSA is empty, and n has at
** most SEAL_RSA_BYTES_MAX bytes: jwk.c refuses others. */
SealReason seal_jwk_make_rsa(SealCrypto *c, SealJwk *key, const unsigned char *n, size_t n_size,
                             const unsigned char *e, size_t e_size);
SealReason seal_jwk_make_ec(SealCrypto *c, SealJwk *key, const SealCurve *curve,
                            const unsigned char *x, const unsigned char *y);
SealReason seal_jwk_make_okp(SealCrypto *c, SealJwk *key, const SealCurve *curve,
                             const unsigned char *x);
SealReason seal_jwk_make_oct(SealCrypto *c, SealJwk *key, const unsigned char *k, size_t n);
/* Frees what *key owns and zeroes it. */
void seal_jwk_clear(SealJwk *key);

/* Verifies a signature of n_sig bytes over n bytes. */
SealReason seal_jwk_verify(SealCrypto *c, const SealJwk *key, const void *data, size_t n,
                           const unsigned char *sig, size_t n_sig);

#endif
