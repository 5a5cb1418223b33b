/* What the files of this floor share among themselves, and no other floor sees.
**
**    SealMark mark;
**    seal_mark(&mark);
**    if (EVP_PKEY_public_check(ctx) != 1) reason = seal_failed(&mark, SEAL_REASON_KEY_INVALID);
**    seal_unmark(&mark);
*/
#ifndef SEAL_CRYPTO_INTERNAL_H
#define SEAL_CRYPTO_INTERNAL_H

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include "crypto/crypto.h"

/* Caps on what is looked at, before anything is copied. */
#define SEAL_TOKEN_MAX  65536 /* bytes of a compact JWS */
#define SEAL_HEADER_MAX 8192  /* bytes of its header, decoded */
#define SEAL_KEYS_MAX   65536 /* bytes of a JWK Set */
#define SEAL_KEYS_COUNT 64
#define SEAL_JSON_DEPTH 32

enum { SEAL_MD_256, SEAL_MD_384, SEAL_MD_512, SEAL_MD_COUNT };

#define SEAL_HELD_MAX 16

struct SealCrypto {
  OSSL_LIB_CTX *lib;
  OSSL_PROVIDER *provider;
  EVP_MD *md[SEAL_MD_COUNT];
  EVP_MAC *hmac;
  EVP_CIPHER *gcm, *wrap; /* AES-256-GCM; AES-256 key wrap, RFC 3394 */
  EVP_KDF *hkdf;          /* RFC 5869 */
  EVP_MD_CTX *digest;     /* scratch of one digest */
  EVP_MD_CTX *message;    /* scratch of one EdDSA verification; the two do not mix */
  /* Fetched only so that the library keeps them at hand. */
  EVP_SIGNATURE *signature[SEAL_HELD_MAX];
  EVP_KEYMGMT *keymgmt[SEAL_HELD_MAX];
  EVP_KEYEXCH *ecdh;
  /* For certificates, made by x509_warm.c when the first one is met. NULL until then. */
  OSSL_LIB_CTX *x509_lib;
  OSSL_PROVIDER *x509_provider;
};

/* OpenSSL's error queue: what was there before a call is there after it, and nothing else. `own`
** is 1 where the queue was empty, so that all of it is ours. */
typedef struct SealMark {
  int own;
} SealMark;
void seal_mark(SealMark *mark);
void seal_unmark(SealMark *mark);
/* Why an OpenSSL call failed: SEAL_NOMEM where memory ran out, `otherwise` where it did not. */
SealReason seal_failed(const SealMark *mark, SealReason otherwise);

/* x509_warm.c: makes c->x509_lib, once, and reads one key of each kind in it, so that it knows how to
** for good; SEAL_NOMEM when that fails, and then the next call begins anew. */
SealReason seal_x509_ready(SealCrypto *c);
void seal_x509_forget(SealCrypto *c);

/* Digest number md (SEAL_MD_256 ...) of n bytes. */
SealReason seal_digest(SealCrypto *c, int md, const void *data, size_t n, unsigned char *out);

/* Copies n bytes to fresh memory and adds a NUL; NULL when memory ran out. */
void *seal_copy(const void *data, size_t n);

/* The algorithms of RFC 7518 3.1 and RFC 8037 3.1. */
typedef enum SealKty { SEAL_KTY_OCT, SEAL_KTY_RSA, SEAL_KTY_EC, SEAL_KTY_OKP } SealKty;
typedef struct SealAlg {
  const char *name;
  SealKty kty;
  int md;         /* SEAL_MD_256 ..., or -1: the signature does its own hashing */
  int pss;        /* RSA: PSS, not PKCS#1 v1.5 */
  const char *ec; /* EC: the one curve */
} SealAlg;
const SealAlg *seal_alg_find(const char *name);

/* The curves of RFC 7518 6.2.1.1 and RFC 8037 2 that sign. */
typedef struct SealCurve {
  const char *crv;
  SealKty kty;
  size_t size;      /* bytes of a coordinate, or of an OKP public key */
  size_t signature; /* bytes of a signature */
  const char *alg;
} SealCurve;
const SealCurve *seal_curve_find(SealKty kty, const char *crv);

/* One key that verifies, with contexts that are set up once. */
typedef struct SealJwk {
  const SealAlg *alg;
  size_t signature; /* bytes of a signature, exactly */
  int zero;         /* oct: not a secret, but all zeros */
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

/* The public key of a JWK of P-256, whatever its use, into key->pkey and key->thumbprint; what is
** private in it is refused (jwk.c). The caller clears it, also on failure. */
SealReason seal_jwk_p256(SealCrypto *c, const json_t *jwk, SealJwk *key);

/* key.c: from numbers to a key. Each judges size and strength, and sets up the contexts. */
SealReason seal_jwk_make_rsa(SealCrypto *c, SealJwk *key, const unsigned char *n, size_t n_size,
                             const unsigned char *e, size_t e_size);
SealReason seal_jwk_make_ec(SealCrypto *c, SealJwk *key, const SealCurve *curve,
                            const unsigned char *x, const unsigned char *y);
SealReason seal_jwk_make_okp(SealCrypto *c, SealJwk *key, const SealCurve *curve,
                             const unsigned char *x);
SealReason seal_jwk_make_oct(SealCrypto *c, SealJwk *key, const unsigned char *k, size_t n);
void seal_jwk_clear(SealJwk *key);

/* Verifies a signature of n_sig bytes over n bytes. */
SealReason seal_jwk_verify(SealCrypto *c, const SealJwk *key, const void *data, size_t n,
                           const unsigned char *sig, size_t n_sig);

#endif
