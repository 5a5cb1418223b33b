/* Compact JWE (RFC 7516 7.1) with ECDH-ES+A256KW on P-256 (RFC 7518 4.6) and A256GCM (5.3): how a
** key record travels to the one server that may read it.
**
**    char *token;
**    if (seal_jwe_encrypt(c, jwk, strlen(jwk), record, n, &token) == SEAL_VALID) ...
**    if (seal_jwe_decrypt(c, key, token, strlen(token), &record, &n) == SEAL_VALID) ...
**
** One algorithm and one encryption, chosen here and not by the token.
*/
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/jose/jose_int.h"

#define SEAL_JWE_ALG  "ECDH-ES+A256KW"
#define SEAL_JWE_ENC  "A256GCM"
#define SEAL_JWE_MAX  16777216 /* bytes of a token */
#define SEAL_JWE_INFO 2048     /* bytes of OtherInfo, or of a header that we write */

enum { JWE_KEY = 32, JWE_WRAPPED = 40, JWE_NONCE = 12, JWE_TAG = 16 };
enum { PART_HEADER, PART_KEY, PART_NONCE, PART_TEXT, PART_TAG, PART_COUNT };

/* One part of a token, where it lies in it. */
typedef struct SealPart {
  const char *p;
  size_t n;
} SealPart;

static size_t jwe_put(unsigned char *out, const void *data, size_t n) {
  out[0] = (unsigned char)(n >> 24);
  out[1] = (unsigned char)(n >> 16);
  out[2] = (unsigned char)(n >> 8);
  out[3] = (unsigned char)n;
  if (n) memcpy(out + 4, data, n);
  return 4 + n;
}

/* Writes what the Concat KDF hashes (RFC 7518 4.6.2) behind the counter and the secret that are
** there: OtherInfo, with what the header says of the two parties (apu, apv), which is bytes of no
** more than 256 each. Its length, or 0. */
static size_t jwe_info(const json_t *header, unsigned char *out) {
  static const char *const party[] = {"apu", "apv"};
  static const unsigned char bits[4] = {0, 0, 1, 0}; /* SuppPubInfo: 256 */
  unsigned char data[260];
  size_t n = jwe_put(out, SEAL_JWE_ALG, strlen(SEAL_JWE_ALG));

  for (int i = 0; i < 2; i++) {
    const char *text = seal_json_text(header, party[i]);
    ptrdiff_t size = 0;

    if (!text && json_object_get(header, party[i])) return 0;
    if (text) size = strlen(text) <= 342 ? seal_b64url_decode(text, strlen(text), data) : -1;
    if (size < 0) return 0;
    n += jwe_put(out + n, data, (size_t)size);
  }
  memcpy(out + n, bits, sizeof bits);
  return n + sizeof bits;
}

/* The key that both sides agree on: ECDH, then the Concat KDF with SHA-256, which for 256 bits is
** one hash of counter 1, secret and OtherInfo (SP 800-56A 5.8.1). */
static SealReason jwe_agree(SealCrypto *c, EVP_PKEY *own, EVP_PKEY *peer, const json_t *header,
                            unsigned char out[JWE_KEY], const SealMark *mark) {
  unsigned char input[SEAL_JWE_INFO] = {0, 0, 0, 1};
  size_t n = JWE_KEY, n_info = jwe_info(header, input + 4 + JWE_KEY);
  EVP_PKEY_CTX *ctx = NULL;
  SealReason reason;

  if (n_info == 0) return SEAL_REASON_JWE_INVALID;
  ctx = EVP_PKEY_CTX_new_from_pkey(c->shared->lib, own, NULL);
  if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
      EVP_PKEY_derive(ctx, input + 4, &n) != 1 || n != JWE_KEY) {
    reason = SEAL_INTERNAL;
  } else {
    reason = seal_digest(c, SEAL_MD_256, input, 4 + JWE_KEY + n_info, out);
  }
  if (reason != SEAL_VALID) reason = seal_failed(mark, reason);
  seal_wipe(input, sizeof input);
  EVP_PKEY_CTX_free(ctx);
  return reason;
}

/* Wraps 32 bytes to 40, or unwraps 40 to 32 (RFC 3394). 1 on success, 0 where what is unwrapped was
** not wrapped with this key, -1 where OpenSSL failed. */
static int jwe_wrap(SealCrypto *c, int wrap, const unsigned char kek[JWE_KEY],
                    const unsigned char *in, unsigned char *out) {
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  int size = 0, last = 0, n_in = wrap ? JWE_KEY : JWE_WRAPPED, n_out = JWE_KEY + JWE_WRAPPED - n_in;
  int good = -1;

  if (ctx) {
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_CipherInit_ex2(ctx, c->shared->wrap, kek, NULL, wrap, NULL) == 1) {
      good = EVP_CipherUpdate(ctx, out, &size, in, n_in) == 1 &&
             EVP_CipherFinal_ex(ctx, out + size, &last) == 1 && size + last == n_out;
    }
  }
  EVP_CIPHER_CTX_free(ctx);
  return good;
}

/* Encrypts or decrypts n bytes with A256GCM; the header's base64url is authenticated with them.
** 1 on success; on decryption 0 where the tag does not hold; -1 where OpenSSL failed. */
static int jwe_gcm(SealCrypto *c, int encrypt, const unsigned char key[JWE_KEY],
                   const unsigned char nonce[JWE_NONCE], SealPart aad, const unsigned char *in,
                   size_t n, unsigned char *out, unsigned char tag[JWE_TAG]) {
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  unsigned char rest[JWE_TAG];
  int size = 0, good = -1;

  if (ctx && EVP_CipherInit_ex2(ctx, c->shared->gcm, key, nonce, encrypt, NULL) == 1 &&
      EVP_CipherUpdate(ctx, NULL, &size, (const unsigned char *)aad.p, (int)aad.n) == 1 &&
      (n == 0 || EVP_CipherUpdate(ctx, out, &size, in, (int)n) == 1)) {
    if (encrypt) {
      good = EVP_CipherFinal_ex(ctx, rest, &size) == 1 &&
                     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, JWE_TAG, tag) == 1
                 ? 1
                 : -1;
    } else if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, JWE_TAG, tag) == 1) {
      good = EVP_CipherFinal_ex(ctx, rest, &size) == 1;
    }
  }
  EVP_CIPHER_CTX_free(ctx);
  return good;
}

/* The header for an ephemeral key, as JSON and encoded; both the caller's. */
static SealReason jwe_header(const SealKey *ephemeral, const char *kid, json_t **header,
                             char **encoded) {
  json_error_t error;
  json_t *epk = json_loads(ephemeral->jwk, 0, &error);
  char text[SEAL_JWE_INFO];
  size_t n;

  *encoded = NULL;
  *header = NULL;
  if (epk) {
    *header = json_pack("{s:s,s:s,s:s,s:{s:O,s:O,s:O,s:O}}", "alg", SEAL_JWE_ALG, "enc",
                        SEAL_JWE_ENC, "kid", kid, "epk", "kty", json_object_get(epk, "kty"), "crv",
                        json_object_get(epk, "crv"), "x", json_object_get(epk, "x"), "y",
                        json_object_get(epk, "y"));
  }
  json_decref(epk);
  n = *header ? json_dumpb(*header, text, sizeof text, JSON_COMPACT) : 0;
  if (n == 0 || n > sizeof text) return SEAL_NOMEM;
  *encoded = malloc(n / 3 * 4 + 5);
  if (!*encoded) return SEAL_NOMEM;
  seal_b64url_encode(text, n, *encoded);
  return SEAL_VALID;
}

/* Encrypts, with everything agreed, and writes the token. */
static SealReason jwe_write(SealCrypto *c, const unsigned char kek[JWE_KEY], const char *encoded,
                            const void *plain, size_t n, char **out, const SealMark *mark) {
  unsigned char key[JWE_KEY], wrapped[JWE_WRAPPED], nonce[JWE_NONCE], tag[JWE_TAG];
  SealPart aad = {encoded, strlen(encoded)};
  unsigned char *text = malloc(n + 1);
  char *token = malloc(aad.n + (n / 3 + 1) * 4 + 128), *p = token;
  SealReason reason = text && token ? seal_random(c, key, sizeof key) : SEAL_NOMEM;

  if (reason == SEAL_VALID) reason = seal_random(c, nonce, sizeof nonce);
  if (reason == SEAL_VALID && (jwe_wrap(c, 1, kek, key, wrapped) != 1 ||
                               jwe_gcm(c, 1, key, nonce, aad, plain, n, text, tag) != 1)) {
    reason = seal_failed(mark, SEAL_INTERNAL);
  }
  if (reason == SEAL_VALID) {
    memcpy(p, encoded, aad.n);
    p += aad.n;
    *p++ = '.';
    p += seal_b64url_encode(wrapped, sizeof wrapped, p);
    *p++ = '.';
    p += seal_b64url_encode(nonce, sizeof nonce, p);
    *p++ = '.';
    p += seal_b64url_encode(text, n, p);
    *p++ = '.';
    seal_b64url_encode(tag, sizeof tag, p);
    *out = token;
    token = NULL;
  }
  seal_wipe(key, sizeof key);
  free(text);
  free(token);
  return reason;
}

SealReason seal_jwe_encrypt(SealCrypto *c, const char *jwk, size_t n_jwk, const void *plain,
                            size_t n, char **out) {
  SealMark mark;
  SealJwk peer = {.alg = NULL};
  SealKey *ephemeral = NULL;
  json_t *root = NULL, *header = NULL;
  char *encoded = NULL;
  unsigned char kek[JWE_KEY];
  SealReason reason;

  *out = NULL;
  if (n_jwk > SEAL_KEYS_MAX) return SEAL_REASON_KEYS_TOO_LARGE;
  if (n > SEAL_JWE_MAX / 2) return SEAL_REASON_TOKEN_TOO_LARGE;
  seal_mark(&mark);
  reason = seal_json_parse(jwk, n_jwk, SEAL_JSON_DEPTH, &root);
  if (reason == SEAL_VALID) reason = seal_jwk_p256(c, root, &peer);
  if (reason == SEAL_VALID) reason = seal_key_generate(c, &ephemeral);
  if (reason == SEAL_VALID) {
    const char *kid = seal_json_text(root, "kid");

    if (!kid || strlen(kid) > 256) kid = peer.thumbprint;
    reason = jwe_header(ephemeral, kid, &header, &encoded);
  }
  if (reason == SEAL_VALID) {
    reason = jwe_agree(c, ephemeral->pkey, peer.pkey, header, kek, &mark);
  }
  if (reason == SEAL_VALID) reason = jwe_write(c, kek, encoded, plain, n, out, &mark);
  seal_wipe(kek, sizeof kek);
  free(encoded);
  json_decref(header);
  json_decref(root);
  seal_key_free(ephemeral);
  seal_jwk_clear(&peer);
  seal_unmark(&mark);
  return reason;
}

/* Splits at exactly four dots. */
static SealReason jwe_split(const char *token, size_t n, SealPart part[PART_COUNT]) {
  const char *end = token + n;

  for (int i = 0; i < PART_COUNT; i++) {
    const char *dot = n ? memchr(token, '.', (size_t)(end - token)) : NULL;

    if ((dot == NULL) != (i == PART_COUNT - 1)) return SEAL_REASON_JWE_INVALID;
    part[i].p = token;
    part[i].n = (size_t)((dot ? dot : end) - token);
    if (dot) token = dot + 1;
  }
  return part[PART_HEADER].n <= SEAL_HEADER_MAX ? SEAL_VALID : SEAL_REASON_JWE_INVALID;
}

/* Reads the header, and the key that the sender made for this token. */
static SealReason jwe_read_header(SealCrypto *c, SealPart part, json_t **header, SealJwk *epk) {
  unsigned char text[SEAL_HEADER_MAX];
  ptrdiff_t n = seal_b64url_decode(part.p, part.n, text);
  const char *alg, *enc;
  SealReason reason;

  if (n < 0) return SEAL_REASON_JWE_INVALID;
  reason = seal_json_parse((const char *)text, (size_t)n, SEAL_JSON_DEPTH, header);
  if (reason != SEAL_VALID) return reason == SEAL_NOMEM ? reason : SEAL_REASON_JWE_INVALID;
  alg = seal_json_text(*header, "alg");
  enc = seal_json_text(*header, "enc");
  if (!alg || strcmp(alg, SEAL_JWE_ALG) != 0 || !enc || strcmp(enc, SEAL_JWE_ENC) != 0 ||
      json_object_get(*header, "zip") || json_object_get(*header, "crit")) {
    return SEAL_REASON_JWE_NOT_SUPPORTED;
  }
  reason = seal_jwk_p256(c, json_object_get(*header, "epk"), epk);
  return reason == SEAL_VALID || reason == SEAL_NOMEM || reason == SEAL_INTERNAL
             ? reason
             : SEAL_REASON_JWE_INVALID;
}

/* Unwraps the content's key and decrypts. */
static SealReason jwe_read_text(SealCrypto *c, const unsigned char kek[JWE_KEY],
                                const SealPart part[PART_COUNT], unsigned char **out, size_t *n_out,
                                const SealMark *mark) {
  unsigned char key[JWE_KEY + 8], wrapped[JWE_WRAPPED + 2], nonce[JWE_NONCE], tag[JWE_TAG + 2];
  unsigned char *text = NULL;
  ptrdiff_t n;
  SealReason reason = SEAL_REASON_JWE_INVALID;
  int good = 0;

  if (part[PART_KEY].n != 54 || part[PART_NONCE].n != 16 || part[PART_TAG].n != 22) return reason;
  if (seal_b64url_decode(part[PART_KEY].p, 54, wrapped) < 0 ||
      seal_b64url_decode(part[PART_NONCE].p, 16, nonce) < 0 ||
      seal_b64url_decode(part[PART_TAG].p, 22, tag) < 0) {
    return reason;
  }
  text = malloc(part[PART_TEXT].n / 4 * 3 + 4);
  if (!text) return SEAL_NOMEM;
  n = seal_b64url_decode(part[PART_TEXT].p, part[PART_TEXT].n, text);
  if (n >= 0) good = jwe_wrap(c, 0, kek, wrapped, key);
  if (good == 1) {
    /* In place: what was encrypted is not needed again. */
    good = jwe_gcm(c, 0, key, nonce, part[PART_HEADER], text, (size_t)n, text, tag);
  }
  if (good == 1) {
    text[n] = 0;
    *out = text;
    *n_out = (size_t)n;
    reason = SEAL_VALID;
  } else {
    reason = seal_failed(mark, good < 0 ? SEAL_INTERNAL : SEAL_REASON_JWE_INVALID);
    if (n > 0) seal_wipe(text, (size_t)n);
    free(text);
  }
  seal_wipe(key, sizeof key);
  return reason;
}

SealReason seal_jwe_decrypt(SealCrypto *c, const SealKey *key, const char *token, size_t n,
                            unsigned char **out, size_t *n_out) {
  SealMark mark;
  SealPart part[PART_COUNT];
  SealJwk epk = {.alg = NULL};
  json_t *header = NULL;
  unsigned char kek[JWE_KEY];
  SealReason reason;

  *out = NULL;
  *n_out = 0;
  if (n > SEAL_JWE_MAX) return SEAL_REASON_TOKEN_TOO_LARGE;
  seal_mark(&mark);
  reason = jwe_split(token, n, part);
  if (reason == SEAL_VALID) reason = jwe_read_header(c, part[PART_HEADER], &header, &epk);
  if (reason == SEAL_VALID) reason = jwe_agree(c, key->pkey, epk.pkey, header, kek, &mark);
  if (reason == SEAL_VALID) reason = jwe_read_text(c, kek, part, out, n_out, &mark);
  seal_wipe(kek, sizeof kek);
  json_decref(header);
  seal_jwk_clear(&epk);
  seal_unmark(&mark);
  return reason;
}
