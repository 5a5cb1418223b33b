/* What the files of this floor share among themselves, both rooms included, and no other floor sees.
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

/* What all connections of a process share, so that one more costs next to nothing: an OSSL_LIB_CTX of
** our own with the default provider, and every algorithm fetched. The first seal_crypto_new() that
** succeeds makes it whole; nobody changes it afterwards, and nobody frees it: the library is linked
** nodelete, and threads of the host may end after the last connection was closed. What OpenSSL itself
** keeps behind these pointers (caches, counts of references) is under its locks, its random generators
** belong to a thread each, and they notice a fork. */
typedef struct SealShared {
  OSSL_LIB_CTX *lib;
  OSSL_PROVIDER *provider;
  EVP_MD *md[SEAL_MD_COUNT];
  EVP_MAC *hmac;
  EVP_CIPHER *gcm, *wrap; /* AES-256-GCM; AES-256 key wrap, RFC 3394 */
  EVP_KDF *hkdf;          /* RFC 5869 */
  /* Fetched only so that the library keeps them at hand. */
  EVP_MD *shake;
  EVP_SIGNATURE *signature[SEAL_HELD_MAX];
  EVP_KEYMGMT *keymgmt[SEAL_HELD_MAX];
  EVP_KEYEXCH *ecdh;
} SealShared;

/* Makes another one, or gives NULL and leaves nothing behind. Only for seal_crypto_new(), and for tests of
** what happens when memory runs out meanwhile. */
SealShared *seal_shared_new(void);
/* Frees one that nobody else has; NULL is allowed. */
void seal_shared_free(SealShared *shared);

/* One connection's: what changes. It serves one thread at a time. */
struct SealCrypto {
  const SealShared *shared; /* never NULL */
  EVP_MD_CTX *digest;       /* scratch of one digest; NULL until it is first needed */
  EVP_MD_CTX *message;      /* scratch of one EdDSA verification, likewise; the two do not mix */
  OSSL_LIB_CTX *x509_lib;   /* of all connections, for certificates; NULL until the first is met */
};

/* Gives the scratch at *scratch, which is made at the first use; NULL when memory ran out. */
EVP_MD_CTX *seal_scratch(EVP_MD_CTX **scratch);

/* OpenSSL's error queue: what was there before a call is there after it, and nothing else. `own`
** is 1 where the queue was empty, so that all of it is ours. */
typedef struct SealMark {
  int own;
} SealMark;
void seal_mark(SealMark *mark);
void seal_unmark(SealMark *mark);
/* Why an OpenSSL call failed: SEAL_NOMEM where memory ran out since the mark, `otherwise` where it did not. */
SealReason seal_failed(const SealMark *mark, SealReason otherwise);

/* Digest number md (SEAL_MD_256 ...) of n bytes. SEAL_VALID, SEAL_NOMEM, or SEAL_INTERNAL, which may
** still be a lack of memory: ask seal_failed(). */
SealReason seal_digest(SealCrypto *c, int md, const void *data, size_t n, unsigned char *out);

/* One value of DER: its tag, where its contents lie, and how long both and the whole are (pem.c). */
typedef struct SealTlv {
  unsigned char tag;
  const unsigned char *value;
  size_t n;    /* bytes of the value */
  size_t size; /* bytes of tag, length and value */
} SealTlv;
/* Reads the tag and length at p, of n bytes. 1, or 0 if it is not DER or does not fit. */
int seal_tlv_read(const unsigned char *p, size_t n, SealTlv *out);

/* Copies n bytes to fresh memory and adds a NUL; NULL when memory ran out. */
void *seal_copy(const void *data, size_t n);

#endif
