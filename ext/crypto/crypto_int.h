/* What the files of this floor share among themselves, and no other floor sees.
**
**    SealMark mark;
**    seal_mark(&mark);
**    if (EVP_PKEY_public_check(ctx) != 1) reason = seal_failed(&mark, SEAL_REASON_KEY_INVALID);
**    seal_unmark(&mark);
*/
#ifndef SEAL_CRYPTO_INT_H
#define SEAL_CRYPTO_INT_H

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include "crypto/crypto.h"

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

#endif
