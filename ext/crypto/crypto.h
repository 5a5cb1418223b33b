/* Cryptography: the context, and what both rooms of this floor, jose/ and x509/, stand on. This floor
** knows OpenSSL and nothing of SQLite: it can be built and tested alone.
**
**      jose/ (keys, tokens)     x509/ (certificates)      neither knows the other
**                  \               /
**                   crypto.h: digests, base64url, PEM, random bytes, sealing
**
**    SealCrypto *c = seal_crypto_new();
**    unsigned char hash[SEAL_SHA256_SIZE];
**    char text[44];
**    if (seal_sha256(c, "abc", 3, hash) == SEAL_VALID) seal_b64url_encode(hash, sizeof hash, text);
**    seal_crypto_free(c);
**
** Every function that judges something returns a SealReason: SEAL_VALID, a reason for refusal, or one
** of the two faults that are neither (out of memory, internal). Nothing here reads the environment, a
** file, the network or a clock; each call leaves the host's OpenSSL error queue as it was.
*/
#ifndef SEAL_CRYPTO_H
#define SEAL_CRYPTO_H

#include <stddef.h>
#include <stdint.h>
#include "base/reason.h"

/************************************************************************************************
** crypto.c: the context, one per connection. What is large in it, an OSSL_LIB_CTX of our own with every
** algorithm fetched, belongs to the process: the first context makes it, and it stays. Contexts may be
** made and used by several threads at once, each by one at a time, and also after a fork.
*/
typedef struct SealCrypto SealCrypto;

/* Makes a context, or gives NULL (out of memory, or an OpenSSL without what is needed): the next call tries
** again. */
SealCrypto *seal_crypto_new(void);
/* Frees it; NULL is allowed. All keys and sets of the context must be freed before. */
void seal_crypto_free(SealCrypto *c);

/************************************************************************************************
** digest.c: SHA-256, base64url, constant-time comparison, random bytes.
*/
#define SEAL_SHA256_SIZE 32

/* SHA-256 of n bytes, in one call (FIPS 180-4). SEAL_VALID, SEAL_NOMEM or SEAL_INTERNAL. */
SealReason seal_sha256(SealCrypto *c, const void *data, size_t n, unsigned char out[32]);

/* base64url without padding (RFC 4648 5, RFC 7515 2). Encoding writes 4*ceil(n/3)+1 bytes at
** most, with a NUL, and returns the length without it. Decoding is strict: alphabet only, no
** padding, no length of 1 mod 4, unused bits zero; it writes at most n*3/4 bytes and returns
** the length, or -1 if the text is anything else. */
size_t seal_b64url_encode(const void *data, size_t n, char *out);
ptrdiff_t seal_b64url_decode(const char *text, size_t n, unsigned char *out);

/* Returns 1 if the two are the same bytes, and 0 if not; takes the same time whatever they hold. How many
** they are is no secret: where the lengths differ, nothing is read. */
int seal_same(const void *a, size_t n_a, const void *b, size_t n_b);
/* Writes n random bytes that may be used as keys. SEAL_VALID, SEAL_NOMEM or SEAL_INTERNAL, and then
** what is in `out` is of no use. */
SealReason seal_random(SealCrypto *c, void *out, size_t n);

/************************************************************************************************
** pem.c: what certificates and CRLs come in: PEM text (RFC 7468), or DER one after another. Text around
** the blocks of PEM is ignored; what is not strictly a block of this label, or a value, is refused.
*/
typedef struct SealBlocks {
  const unsigned char *der; /* the value that came last, until the next one is asked for */
  size_t n;                 /* bytes of it */
  SealReason reason; /* why no other came: SEAL_VALID at the end, SEAL_NOMEM, or `malformed` */
  /* The reader's own. */
  const char *label, *p;
  size_t left, count;
  int is_pem;
  unsigned char *own;
  SealReason malformed;
} SealBlocks;

/* Begins to read n bytes, which have to stay where they are. `label` is that of PEM blocks, a literal.
** Nothing at all has no values, and is not malformed. Can't fail. */
void seal_blocks_begin(SealBlocks *blocks, const char *label, const void *data, size_t n,
                       SealReason malformed);
/* Returns 1 and gives the next value, or 0. Nothing that came may be believed before the end has: what
** follows may still be malformed. */
int seal_blocks_next(SealBlocks *blocks);
/* Frees what the reader needed. Always needed after seal_blocks_begin; after it `reason` is gone. */
void seal_blocks_end(SealBlocks *blocks);

/************************************************************************************************
** aead.c: sealing what is stored: AES-256-GCM (SP 800-38D) under a key for one purpose, derived
** from the key of the database by HKDF-SHA256 (RFC 5869).
*/
#define SEAL_AEAD_KEY      32
#define SEAL_AEAD_OVERHEAD 29 /* version, nonce of 12, tag of 16 */

/* Seals n bytes. `purpose` separates keys; `aad` is bound to it and not stored: what row it is. None is
** over INT_MAX bytes, as nothing of SQLite's is.
** `out` has room for n + SEAL_AEAD_OVERHEAD bytes: version || nonce || ciphertext || tag. */
SealReason seal_aead_seal(SealCrypto *c, const unsigned char key[32], const char *purpose,
                          const void *aad, size_t n_aad, const void *plain, size_t n,
                          unsigned char *out);
/* Opens what the former sealed, of n bytes, into n - SEAL_AEAD_OVERHEAD bytes at `out`. Under
** another key, purpose or aad, or changed: SEAL_REASON_SEALED_INVALID, and `out` is wiped. */
SealReason seal_aead_open(SealCrypto *c, const unsigned char key[32], const char *purpose,
                          const void *aad, size_t n_aad, const void *sealed, size_t n,
                          unsigned char *out);

#endif
