/* Private keys of somebody else, as JWKs (RFC 7517; RFC 7518 6; RFC 8037 2): made, halved and signed with, for whoever has none
** yet. Nothing of them is kept. Our own keys are in sign.h.
**
**    char *jwk, *half, *token;
**    if (seal_private_make(c, "ES256", &jwk) == SEAL_VALID &&
**        seal_private_half(c, jwk, strlen(jwk), &half) == SEAL_VALID) ...
**    reason = seal_private_sign(c, jwk, strlen(jwk), NULL, 0, claims, strlen(claims), &token);
*/
#ifndef SEAL_CRYPTO_PRIVATE_H
#define SEAL_CRYPTO_PRIVATE_H

#include "crypto/crypto.h"

/* Makes a key for an algorithm: ES256, ES384, EdDSA (Ed25519), RS256 (2048 bits) or HS256 (32 bytes); another one is
** SEAL_REASON_ALG_NOT_SUPPORTED. *jwk has alg, use sig and kid, the RFC 7638 thumbprint; NUL-terminated, the caller's, who
** wipes it and frees it (free), as with all that is given here. */
SealReason seal_private_make(SealCrypto *c, const char *alg, char **jwk);
/* The public half of a JWK, with alg, use sig and kid: its own, or the thumbprint. A symmetric key has none:
** SEAL_REASON_KEY_INVALID. Of a key that is public already it is what there is of it. */
SealReason seal_private_half(SealCrypto *c, const char *jwk, size_t n, char **out);
/* Signs n bytes, a JSON object, as a compact JWS (RFC 7515) with the key's alg and kid and typ JWT in its header; `header`
** (a JSON object; NULL: none) adds members or replaces them, but for alg. The two halves of the key have to
** belong together. SEAL_REASON_JSON_INVALID: header or payload is no object. */
SealReason seal_private_sign(SealCrypto *c, const char *jwk, size_t n_jwk, const char *header,
                             size_t n_header, const char *payload, size_t n, char **out);

#endif
