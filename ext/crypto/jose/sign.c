/* Private keys of our own: made, kept as PKCS#8, and signed with. ES256 alone: one algorithm, and
** every verifier has it.
**
**    SealKey *key;
**    char *token;
**    if (seal_key_generate(c, &key) == SEAL_VALID &&
**        seal_jws_sign(c, key, "at+jwt", claims, strlen(claims), &token) == SEAL_VALID) puts(token);
*/
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include "crypto/jose/jose_int.h"

#define SEAL_P256_SIZE 32

/* Writes the JWK of a key and its kid, from its public point. */
static SealReason key_describe(SealCrypto *c, SealKey *key, const SealMark *mark) {
  unsigned char point[1 + 2 * SEAL_P256_SIZE], hash[SEAL_SHA256_SIZE];
  char x[44], y[44], text[160];
  size_t n = 0;
  int length;
  SealReason reason;

  if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                      &n) != 1 ||
      n != sizeof point || point[0] != POINT_CONVERSION_UNCOMPRESSED) {
    return seal_failed(mark, SEAL_INTERNAL);
  }
  seal_b64url_encode(point + 1, SEAL_P256_SIZE, x);
  seal_b64url_encode(point + 1 + SEAL_P256_SIZE, SEAL_P256_SIZE, y);
  length = snprintf(text, sizeof text,
                    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
  reason = seal_digest(c, SEAL_MD_256, text, (size_t)length, hash);
  if (reason != SEAL_VALID) return seal_failed(mark, reason);
  seal_b64url_encode(hash, sizeof hash, key->kid);
  key->jwk = malloc(512);
  if (!key->jwk) return SEAL_NOMEM;
  snprintf(key->jwk, 512,
           "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\",\"alg\":\"ES256\","
           "\"use\":\"sig\",\"kid\":\"%s\"}",
           x, y, key->kid);
  return SEAL_VALID;
}

SealReason seal_key_generate(SealCrypto *c, SealKey **out) {
  SealMark mark;
  SealKey *key;
  EVP_PKEY_CTX *ctx = NULL;
  SealReason reason = SEAL_NOMEM;

  *out = NULL;
  seal_mark(&mark);
  key = calloc(1, sizeof *key);
  ctx = EVP_PKEY_CTX_new_from_name(c->shared->lib, "EC", NULL);
  if (key && ctx) {
    if (EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_CTX_set_group_name(ctx, "P-256") != 1 ||
        EVP_PKEY_generate(ctx, &key->pkey) != 1) {
      reason = seal_failed(&mark, SEAL_INTERNAL);
    } else {
      reason = key_describe(c, key, &mark);
    }
  }
  EVP_PKEY_CTX_free(ctx);
  if (reason == SEAL_VALID) {
    *out = key;
  } else {
    seal_key_free(key);
  }
  seal_unmark(&mark);
  return reason;
}

SealReason seal_key_export(SealCrypto *c, const SealKey *key, unsigned char **out, size_t *n) {
  SealMark mark;
  PKCS8_PRIV_KEY_INFO *info = NULL;
  unsigned char *der = NULL;
  int size = -1;
  SealReason reason = SEAL_VALID;

  (void)c;
  *out = NULL;
  *n = 0;
  seal_mark(&mark);
  info = EVP_PKEY2PKCS8(key->pkey);
  if (info) size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
  if (size <= 0) {
    reason = seal_failed(&mark, SEAL_INTERNAL);
  } else if (!(*out = seal_copy(der, (size_t)size))) {
    reason = SEAL_NOMEM;
  } else {
    *n = (size_t)size;
  }
  if (size > 0) seal_wipe(der, (size_t)size);
  OPENSSL_free(der);
  PKCS8_PRIV_KEY_INFO_free(info); /* wipes its octets */
  seal_unmark(&mark);
  return reason;
}

/* Judges a key that has been read: one of P-256, with both halves, which belong together. */
static SealReason key_judge(SealCrypto *c, EVP_PKEY *pkey, const SealMark *mark) {
  char group[32] = "";
  EVP_PKEY_CTX *check = NULL;
  SealReason reason = SEAL_VALID;

  if (!EVP_PKEY_is_a(pkey, "EC") || EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1 ||
      strcmp(group, "prime256v1") != 0) {
    return seal_failed(mark, SEAL_REASON_KEY_INVALID);
  }
  check = EVP_PKEY_CTX_new_from_pkey(c->shared->lib, pkey, NULL);
  if (!check) {
    reason = seal_failed(mark, SEAL_INTERNAL);
  } else if (EVP_PKEY_check(check) != 1) {
    reason = seal_failed(mark, SEAL_REASON_KEY_INVALID);
  }
  EVP_PKEY_CTX_free(check);
  return reason;
}

/* Reads a key once. On anything but SEAL_VALID nothing is left. */
static SealReason key_read(SealCrypto *c, const unsigned char *der, size_t n, SealKey **out) {
  SealMark mark;
  const unsigned char *p = der;
  PKCS8_PRIV_KEY_INFO *info = NULL;
  SealKey *key;
  SealReason reason = SEAL_REASON_KEY_INVALID;

  seal_mark(&mark);
  key = calloc(1, sizeof *key);
  info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)n);
  if (!key) {
    reason = SEAL_NOMEM;
  } else if (!info || p != der + n ||
             !(key->pkey = EVP_PKCS82PKEY_ex(info, c->shared->lib, NULL))) {
    reason = seal_failed(&mark, reason);
  } else {
    reason = key_judge(c, key->pkey, &mark);
    if (reason == SEAL_VALID) reason = key_describe(c, key, &mark);
  }
  PKCS8_PRIV_KEY_INFO_free(info);
  if (reason == SEAL_VALID) {
    *out = key;
  } else {
    seal_key_free(key);
  }
  seal_unmark(&mark);
  return reason;
}

SealReason seal_key_import(SealCrypto *c, const void *der, size_t n, SealKey **out) {
  SealReason reason = SEAL_REASON_KEY_INVALID;

  *out = NULL;
  if (n == 0 || n > 4096) return reason;
  /* OpenSSL's decoders call a key invalid, too, where memory ran out: so what is refused is read
  ** again, with memory that is there. */
  for (int attempt = 0; attempt < 2 && reason == SEAL_REASON_KEY_INVALID; attempt++) {
    reason = key_read(c, der, n, out);
  }
  if (reason == SEAL_REASON_KEY_INVALID) {
    void *probe = malloc(4096);

    if (!probe) reason = SEAL_NOMEM;
    free(probe);
  }
  return reason;
}

void seal_key_free(SealKey *key) {
  SealMark mark;

  if (!key) return;
  seal_mark(&mark);
  EVP_PKEY_free(key->pkey);
  free(key->jwk);
  free(key);
  seal_unmark(&mark);
}

const char *seal_key_public(const SealKey *key) {
  return key->jwk;
}

const char *seal_key_kid(const SealKey *key) {
  return key->kid;
}

/* Signs, and turns OpenSSL's DER into R || S (RFC 7518 3.4). */
static SealReason key_sign(SealCrypto *c, const SealKey *key, const void *data, size_t n,
                           unsigned char out[2 * SEAL_P256_SIZE], const SealMark *mark) {
  unsigned char der[80];
  const unsigned char *p = der;
  size_t size = sizeof der;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  ECDSA_SIG *sig = NULL;
  SealReason reason = SEAL_INTERNAL;

  if (ctx &&
      EVP_DigestSignInit_ex(ctx, NULL, "SHA256", c->shared->lib, NULL, key->pkey, NULL) == 1 &&
      EVP_DigestSign(ctx, der, &size, data, n) == 1 &&
      (sig = d2i_ECDSA_SIG(NULL, &p, (long)size)) != NULL &&
      BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, SEAL_P256_SIZE) == SEAL_P256_SIZE &&
      BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + SEAL_P256_SIZE, SEAL_P256_SIZE) == SEAL_P256_SIZE) {
    reason = SEAL_VALID;
  } else {
    reason = seal_failed(mark, reason);
  }
  ECDSA_SIG_free(sig);
  EVP_MD_CTX_free(ctx);
  return reason;
}

/* The header of a token as text: {"alg":"ES256","kid":...,"typ":...}. Its length, or 0 where it
** does not fit or memory ran out. */
static size_t jws_header(const SealKey *key, const char *typ, char *out, size_t size) {
  json_t *header = json_pack("{s:s,s:s,s:s*}", "alg", "ES256", "kid", key->kid, "typ", typ);
  size_t n = header ? json_dumpb(header, out, size, JSON_COMPACT) : 0;

  json_decref(header);
  return n <= size ? n : 0;
}

SealReason seal_jws_sign(SealCrypto *c, const SealKey *key, const char *typ, const void *payload,
                         size_t n, char **out) {
  unsigned char signature[2 * SEAL_P256_SIZE];
  char header[512], *token = NULL;
  size_t n_header, size = 0;
  SealMark mark;
  SealReason reason = SEAL_NOMEM;

  *out = NULL;
  n_header = jws_header(key, typ, header, sizeof header);
  if (n_header == 0 || n > SIZE_MAX / 2) return SEAL_NOMEM;
  seal_mark(&mark);
  token = malloc((n_header + n + sizeof signature) / 3 * 4 + 20);
  if (token) {
    size = seal_b64url_encode(header, n_header, token);
    token[size++] = '.';
    size += seal_b64url_encode(payload, n, token + size);
    reason = key_sign(c, key, token, size, signature, &mark);
    token[size++] = '.';
  }
  if (reason == SEAL_VALID) {
    seal_b64url_encode(signature, sizeof signature, token + size);
    *out = token;
  } else {
    free(token);
  }
  seal_unmark(&mark);
  return reason;
}
