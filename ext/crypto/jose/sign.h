/* Private keys of our own, and what is done with them: signing, and letting others encrypt to us. ES256
** and ECDH-ES on P-256, and nothing else.
**
**    SealKey *key;
**    char *token;
**    if (seal_key_generate(c, &key) == SEAL_VALID &&
**        seal_jws_sign(c, key, "at+jwt", claims, strlen(claims), &token) == SEAL_VALID) ...
**    free(token);
**    seal_key_free(key);
*/
#ifndef SEAL_CRYPTO_SIGN_H
#define SEAL_CRYPTO_SIGN_H

#include "crypto/crypto.h"

/************************************************************************************************
** sign.c: keys of P-256 that sign by ES256 (RFC 7518 3.4).
*/
typedef struct SealKey SealKey;

/* Makes a new key; on SEAL_VALID it is the caller's. */
SealReason seal_key_generate(SealCrypto *c, SealKey **out);
/* Writes the private key as PKCS#8 DER (RFC 5958) of *n bytes: memory of the caller's, who wipes it and
** frees it. */
SealReason seal_key_export(SealCrypto *c, const SealKey *key, unsigned char **out, size_t *n);
/* Reads what seal_key_export wrote, of n bytes; anything else is SEAL_REASON_KEY_INVALID. On SEAL_VALID
** the key is the caller's. */
SealReason seal_key_import(SealCrypto *c, const void *der, size_t n, SealKey **out);
/* Frees a key, with its private half wiped; NULL is allowed. */
void seal_key_free(SealKey *key);
/* The public JWK as JSON text, with alg ES256, use sig and kid; and the kid, which is the RFC 7638
** thumbprint. Both are NUL-terminated and owned by the key. */
const char *seal_key_public(const SealKey *key);
const char *seal_key_kid(const SealKey *key);

/* Signs n bytes of payload. `typ` is the header's, or NULL for none. *out is a compact JWS (RFC 7515),
** NUL-terminated, the caller's (free). */
SealReason seal_jws_sign(SealCrypto *c, const SealKey *key, const char *typ, const void *payload,
                         size_t n, char **out);
/* The same with its payload left out (RFC 7515 appendix F), which who checks it has by other means: header, two dots,
** signature. `iat`, seconds since 1970, is in the header, where a payload has no place for it. */
SealReason seal_jws_detached(SealCrypto *c, const SealKey *key, const char *typ, int64_t iat,
                             const void *payload, size_t n, char **out);

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

#endif
