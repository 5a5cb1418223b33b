/* Compact JWS (RFC 7515 3.1, 5.2), verified with keys that the caller trusts.
**
**    SealJws jws;
**    if (seal_jws_verify(c, token, n, set, NULL, &jws) == SEAL_VALID)
**      fwrite(jws.payload, 1, jws.payload_size, stdout);
**    seal_jws_clear(&jws);
**
** Nothing in the token chooses a key but its kid, and nothing in it chooses an algorithm: the key
** has one, and the header must say the same (RFC 8725 3.1, 3.2).
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/jose/jose_int.h"

#define SEAL_SIGNATURE_MAX 1024 /* RSA of 8,192 bits */

/* The three parts of a token, where they lie in it. */
typedef struct SealParts {
  const char *header, *payload, *signature;
  size_t n_header, n_payload, n_signature;
} SealParts;

/* Splits at the dots, in one pass. There are exactly two. An empty payload is one like any other;
** of detached content (RFC 7515 appendix F) it is not what was signed. */
static SealReason jws_split(const char *token, size_t n, size_t max, SealParts *parts) {
  const char *end = token + n, *first, *second;

  if (n > max) return SEAL_REASON_TOKEN_TOO_LARGE;
  first = n ? memchr(token, '.', n) : NULL;
  second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
  if (!second || memchr(second + 1, '.', (size_t)(end - second - 1))) {
    return SEAL_REASON_TOKEN_MALFORMED;
  }
  parts->header = token;
  parts->n_header = (size_t)(first - token);
  parts->payload = first + 1;
  parts->n_payload = (size_t)(second - first - 1);
  parts->signature = second + 1;
  parts->n_signature = (size_t)(end - second - 1);
  return parts->n_header && parts->n_signature ? SEAL_VALID : SEAL_REASON_TOKEN_MALFORMED;
}

/* Decodes one part to fresh memory with a NUL. */
static SealReason jws_decode(const char *text, size_t n, unsigned char **out, size_t *n_out) {
  unsigned char *data = malloc(n / 4 * 3 + 4);
  ptrdiff_t size;

  *out = NULL;
  if (!data) return SEAL_NOMEM;
  size = seal_b64url_decode(text, n, data);
  if (size < 0) {
    free(data);
    return SEAL_REASON_BASE64_INVALID;
  }
  data[size] = 0;
  *out = data;
  *n_out = (size_t)size;
  return SEAL_VALID;
}

/* Judges a header by itself: what we do not do, and what would let the token choose its own trust
** (RFC 7515 4.1.2, 4.1.3, 4.1.5, 4.1.11; RFC 7797 3). Others are ignored (RFC 7515 4). */
static SealReason jws_judge_header(const json_t *header) {
  static const char *const refused[] = {"jwk", "jku", "x5u", "b64"};
  static const char *const text[] = {"kid", "typ", "cty"};

  if (!json_is_object(header)) return SEAL_REASON_HEADER_INVALID;
  if (json_object_get(header, "crit")) return SEAL_REASON_CRITICAL_HEADER;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    if (json_object_get(header, refused[i])) return SEAL_REASON_HEADER_NOT_ALLOWED;
  }
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
    if (json_object_get(header, text[i]) && !seal_json_text(header, text[i])) {
      return SEAL_REASON_HEADER_INVALID;
    }
  }
  return SEAL_VALID;
}

/* Reads the header into *out, as far as it can be read, and judges it. */
static SealReason jws_read_header(const SealParts *parts, SealJws *out, const SealAlg **alg) {
  unsigned char *text = NULL;
  size_t size = 0;
  const char *name, *kid;
  SealReason reason;

  if (parts->n_header > (SEAL_HEADER_MAX * 4 + 2) / 3) return SEAL_REASON_TOKEN_TOO_LARGE;
  reason = jws_decode(parts->header, parts->n_header, &text, &size);
  out->header_text = (char *)text;
  if (reason != SEAL_VALID) return reason;
  reason = seal_json_parse(out->header_text, size, SEAL_JSON_DEPTH, &out->header);
  if (reason != SEAL_VALID) return reason;
  name = seal_json_text(out->header, "alg");
  kid = seal_json_text(out->header, "kid");
  *alg = name ? seal_alg_find(name) : NULL;
  if (*alg) memcpy(out->alg, (*alg)->name, strlen((*alg)->name) + 1);
  if (kid && !(out->kid = seal_copy(kid, strlen(kid)))) return SEAL_NOMEM;
  return jws_judge_header(out->header);
}

/* The key that the header's kid names, byte by byte; without a kid, the only one of the set. A key
** that has no kid goes by its thumbprint, and by what the caller calls it. */
static SealReason jws_key(const SealKeySet *set, const char *kid, size_t *out) {
  assert(set->count > 0);
  if (!kid) {
    *out = 0;
    return set->count == 1 ? SEAL_VALID : SEAL_REASON_KID_MISSING;
  }
  for (size_t i = 0; i < set->count; i++) {
    const SealJwk *key = &set->key[i];

    if (strcmp(kid, key->kid ? key->kid : key->thumbprint) == 0 ||
        (!key->kid && key->name && strcmp(kid, key->name) == 0)) {
      *out = i;
      return SEAL_VALID;
    }
  }
  return SEAL_REASON_KEY_UNKNOWN;
}

/* Everything up to the signature itself. */
static SealReason jws_choose(const SealParts *parts, const SealKeySet *set, const char *const *algs,
                             SealJws *out) {
  const SealAlg *alg = NULL, *of_key;
  SealReason reason = jws_read_header(parts, out, &alg);

  if (reason != SEAL_VALID) return reason;
  if (!alg) return SEAL_REASON_ALG_NOT_SUPPORTED;
  if (!seal_alg_allowed(alg->name, NULL, algs)) return SEAL_REASON_ALG_NOT_ALLOWED;
  reason = jws_key(set, out->kid, &out->key);
  if (reason != SEAL_VALID) return reason;
  of_key = set->key[out->key].alg;
  if (!seal_alg_fits(alg, of_key)) return SEAL_REASON_ALG_MISMATCH;
  out->key_alg = of_key->name;
  return seal_alg_allowed(alg->name, of_key->name, algs) ? SEAL_VALID : SEAL_REASON_ALG_NOT_ALLOWED;
}

SealReason seal_jws_verify_upto(SealCrypto *c, const char *token, size_t n, size_t max,
                                const SealKeySet *set, const char *const *algs, SealJws *out) {
  unsigned char signature[SEAL_SIGNATURE_MAX + 3];
  SealParts parts;
  ptrdiff_t n_signature = -1;
  SealReason reason;

  memset(out, 0, sizeof *out);
  reason = jws_split(token, n, max, &parts);
  if (reason == SEAL_VALID) reason = jws_choose(&parts, set, algs, out);
  if (reason == SEAL_VALID) {
    reason = jws_decode(parts.payload, parts.n_payload, &out->payload, &out->payload_size);
  }
  if (reason == SEAL_VALID && parts.n_signature > SEAL_SIGNATURE_MAX * 4 / 3 + 1) {
    reason = SEAL_REASON_SIGNATURE_INVALID;
  }
  if (reason == SEAL_VALID) {
    n_signature = seal_b64url_decode(parts.signature, parts.n_signature, signature);
    if (n_signature < 0) reason = SEAL_REASON_BASE64_INVALID;
  }
  if (reason == SEAL_VALID) {
    reason = seal_jwk_verify(c, &set->key[out->key], token, n - parts.n_signature - 1, signature,
                             (size_t)n_signature);
  }
  if (reason != SEAL_VALID) {
    /* What nobody signed is not given out as a payload. */
    free(out->payload);
    out->payload = NULL;
    out->payload_size = 0;
    out->key = 0;
    out->key_alg = NULL;
  }
  assert(reason != SEAL_VALID || (out->header && out->payload && out->key < set->count));
  return reason;
}

SealReason seal_jws_verify(SealCrypto *c, const char *token, size_t n, const SealKeySet *set,
                           const char *const *algs, SealJws *out) {
  return seal_jws_verify_upto(c, token, n, SEAL_TOKEN_MAX, set, algs, out);
}

void seal_jws_clear(SealJws *jws) {
  free(jws->kid);
  free(jws->header_text);
  free(jws->payload);
  json_decref(jws->header);
  memset(jws, 0, sizeof *jws);
}
