/* Sealing what is stored: AES-256-GCM (SP 800-38D) with a random nonce, under a key for one
** purpose that HKDF-SHA256 (RFC 5869) derives from the key of the database.
**
**    unsigned char out[5 + SEAL_AEAD_OVERHEAD];
**    seal_aead_seal(c, key, "psk", "credential 7", 12, "hello", 5, out);
**
** A random nonce of 96 bits is good for 2^32 values per key and purpose (SP 800-38D 8.3).
*/
#include <assert.h>
#include <limits.h>
#include <string.h>
#include <openssl/core_names.h>
#include "base/text.h"
#include "crypto/crypto_int.h"

#define SEAL_AEAD_VERSION 1
#define SEAL_AEAD_NONCE   12
#define SEAL_AEAD_TAG     16

/* The key for one purpose. */
static SealReason aead_key(SealCrypto *c, const unsigned char key[32], const char *purpose,
                           unsigned char out[32], const SealMark *mark) {
  EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(c->shared->hkdf);
  OSSL_PARAM param[4] = {
      /* OpenSSL takes its input as if it could write there; it does not. */
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, SEAL_AEAD_KEY),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)purpose, strlen(purpose)),
      OSSL_PARAM_END};
  SealReason reason = SEAL_VALID;

  if (!ctx || EVP_KDF_derive(ctx, out, SEAL_AEAD_KEY, param) != 1) {
    reason = seal_failed(mark, SEAL_INTERNAL);
  }
  EVP_KDF_CTX_free(ctx);
  return reason;
}

/* Feeds what is authenticated and not encrypted: the version, so that a later one cannot be passed
** for this, and the caller's. */
static int aead_feed(EVP_CIPHER_CTX *ctx, const void *aad, size_t n_aad) {
  const unsigned char version = SEAL_AEAD_VERSION;
  int size;

  return EVP_CipherUpdate(ctx, NULL, &size, &version, 1) == 1 &&
         (n_aad == 0 || EVP_CipherUpdate(ctx, NULL, &size, aad, (int)n_aad) == 1);
}

SealReason seal_aead_seal(SealCrypto *c, const unsigned char key[32], const char *purpose,
                          const void *aad, size_t n_aad, const void *plain, size_t n,
                          unsigned char *out) {
  SealMark mark;
  unsigned char derived[SEAL_AEAD_KEY], *nonce = out + 1, *text = nonce + SEAL_AEAD_NONCE;
  EVP_CIPHER_CTX *ctx = NULL;
  int size = 0;
  SealReason reason;

  assert(purpose[0] != 0 && n <= INT_MAX && n_aad <= INT_MAX);
  seal_mark(&mark);
  out[0] = SEAL_AEAD_VERSION;
  reason = aead_key(c, key, purpose, derived, &mark);
  if (reason == SEAL_VALID) reason = seal_random(c, nonce, SEAL_AEAD_NONCE);
  if (reason == SEAL_VALID) {
    ctx = EVP_CIPHER_CTX_new();
    if (!ctx || EVP_EncryptInit_ex2(ctx, c->shared->gcm, derived, nonce, NULL) != 1 ||
        !aead_feed(ctx, aad, n_aad) ||
        (n > 0 && EVP_EncryptUpdate(ctx, text, &size, plain, (int)n) != 1) ||
        EVP_EncryptFinal_ex(ctx, text + n, &size) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_AEAD_TAG, text + n) != 1) {
      reason = seal_failed(&mark, SEAL_INTERNAL);
    }
  }
  EVP_CIPHER_CTX_free(ctx);
  seal_wipe(derived, sizeof derived);
  seal_unmark(&mark);
  return reason;
}

SealReason seal_aead_open(SealCrypto *c, const unsigned char key[32], const char *purpose,
                          const void *aad, size_t n_aad, const void *sealed, size_t n,
                          unsigned char *out) {
  SealMark mark;
  const unsigned char *nonce = (const unsigned char *)sealed + 1, *text = nonce + SEAL_AEAD_NONCE;
  unsigned char derived[SEAL_AEAD_KEY], tag[SEAL_AEAD_TAG], rest[SEAL_AEAD_TAG];
  EVP_CIPHER_CTX *ctx = NULL;
  int size = 0;
  SealReason reason;

  assert(n <= INT_MAX && n_aad <= INT_MAX);
  if (n < SEAL_AEAD_OVERHEAD || *(const unsigned char *)sealed != SEAL_AEAD_VERSION) {
    return SEAL_REASON_SEALED_INVALID;
  }
  seal_mark(&mark);
  n -= SEAL_AEAD_OVERHEAD;
  memcpy(tag, text + n, sizeof tag);
  reason = aead_key(c, key, purpose, derived, &mark);
  if (reason == SEAL_VALID) {
    ctx = EVP_CIPHER_CTX_new();
    if (!ctx || EVP_DecryptInit_ex2(ctx, c->shared->gcm, derived, nonce, NULL) != 1 ||
        !aead_feed(ctx, aad, n_aad) ||
        (n > 0 && EVP_DecryptUpdate(ctx, out, &size, text, (int)n) != 1) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1) {
      reason = seal_failed(&mark, SEAL_INTERNAL);
    } else if (EVP_DecryptFinal_ex(ctx, rest, &size) != 1) {
      reason = seal_failed(&mark, SEAL_REASON_SEALED_INVALID);
    }
    if (reason != SEAL_VALID) seal_wipe(out, n);
  }
  EVP_CIPHER_CTX_free(ctx);
  seal_wipe(derived, sizeof derived);
  seal_unmark(&mark);
  return reason;
}
