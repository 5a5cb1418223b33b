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
#define POINT_SIZE     (1 + 2 * SEAL_P256_SIZE)

/* The public point of a key, uncompressed. */
static SealReason key_point(const EVP_PKEY *pkey, unsigned char point[POINT_SIZE],
                            const SealMark *mark) {
  size_t n = 0;

  if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_SIZE, &n) != 1 ||
      n != POINT_SIZE || point[0] != POINT_CONVERSION_UNCOMPRESSED) {
    return seal_failed(mark, SEAL_INTERNAL);
  }
  return SEAL_VALID;
}

/* Writes the JWK of a key and its kid, from its public point. */
static SealReason key_describe(SealCrypto *c, SealKey *key, const SealMark *mark) {
  unsigned char point[POINT_SIZE], hash[SEAL_SHA256_SIZE];
  char x[44], y[44], text[160];
  int length;
  SealReason reason;

  reason = key_point(key->pkey, point, mark);
  if (reason != SEAL_VALID) return reason;
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

/* The PKCS#8 of a key of P-256 (RFC 5958, RFC 5915 3) is always of this form. We write and read it
** ourselves: OpenSSL would look for encoders and decoders at the first key, and one that it can't find
** then for lack of memory it never finds again, in a context that is there for good. */
typedef struct Pkcs8 {
  unsigned char head[36]; /* version, ecPublicKey, prime256v1; ECPrivateKey: version */
  unsigned char secret[SEAL_P256_SIZE];
  unsigned char middle[5]; /* [1], BIT STRING */
  unsigned char point[POINT_SIZE];
} Pkcs8;

static const unsigned char pkcs8_head[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06,
                                           0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                           0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
                                           0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
static const unsigned char pkcs8_middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00};

_Static_assert(sizeof(Pkcs8) == 138, "a struct of bytes has no padding");

SealReason seal_key_export(SealCrypto *c, const SealKey *key, unsigned char **out, size_t *n) {
  SealMark mark;
  Pkcs8 der;
  BIGNUM *secret = NULL;
  SealReason reason;

  (void)c;
  *out = NULL;
  *n = 0;
  seal_mark(&mark);
  memcpy(der.head, pkcs8_head, sizeof der.head);
  memcpy(der.middle, pkcs8_middle, sizeof der.middle);
  reason = key_point(key->pkey, der.point, &mark);
  if (reason == SEAL_VALID &&
      (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_PRIV_KEY, &secret) != 1 ||
       BN_bn2binpad(secret, der.secret, sizeof der.secret) != sizeof der.secret)) {
    reason = seal_failed(&mark, SEAL_INTERNAL);
  }
  if (reason == SEAL_VALID) {
    *out = seal_copy(&der, sizeof der);
    reason = *out ? SEAL_VALID : SEAL_NOMEM;
  }
  if (reason == SEAL_VALID) *n = sizeof der;
  BN_clear_free(secret);
  seal_wipe(&der, sizeof der);
  seal_unmark(&mark);
  return reason;
}

/* Makes the key of what has the form of one: a point of the curve, and the secret that belongs to it. */
static SealReason key_build(SealCrypto *c, const Pkcs8 *der, SealKey *key, const SealMark *mark) {
  unsigned char secret[SEAL_P256_SIZE], point[POINT_SIZE];
  BIGNUM *number = BN_bin2bn(der->secret, sizeof der->secret, NULL);
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(c->shared->lib, "EC", NULL), *check = NULL;
  OSSL_PARAM param[] = {
      /* OpenSSL takes its input as if it could write there; it does not. */
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, secret, sizeof secret),
      OSSL_PARAM_construct_end(),
  };
  SealReason reason = SEAL_VALID;

  memcpy(point, der->point, sizeof point);
  if (!number || BN_bn2nativepad(number, secret, sizeof secret) != sizeof secret || !ctx ||
      EVP_PKEY_fromdata_init(ctx) != 1) {
    reason = seal_failed(mark, SEAL_INTERNAL);
  } else if (EVP_PKEY_fromdata(ctx, &key->pkey, EVP_PKEY_KEYPAIR, param) != 1) {
    reason = seal_failed(mark, SEAL_REASON_KEY_INVALID);
  } else if (!(check = EVP_PKEY_CTX_new_from_pkey(c->shared->lib, key->pkey, NULL))) {
    reason = seal_failed(mark, SEAL_INTERNAL);
  } else if (EVP_PKEY_check(check) != 1) {
    reason = seal_failed(mark, SEAL_REASON_KEY_INVALID);
  }
  EVP_PKEY_CTX_free(check);
  EVP_PKEY_CTX_free(ctx);
  BN_clear_free(number);
  seal_wipe(secret, sizeof secret);
  return reason;
}

/* Reads a key once. On anything but SEAL_VALID nothing is left. */
static SealReason key_read(SealCrypto *c, const Pkcs8 *der, SealKey **out) {
  SealMark mark;
  SealKey *key = calloc(1, sizeof *key);
  SealReason reason;

  if (!key) return SEAL_NOMEM;
  seal_mark(&mark);
  reason = key_build(c, der, key, &mark);
  if (reason == SEAL_VALID) reason = key_describe(c, key, &mark);
  if (reason == SEAL_VALID) {
    *out = key;
  } else {
    seal_key_free(key);
  }
  seal_unmark(&mark);
  return reason;
}

SealReason seal_key_import(SealCrypto *c, const void *der, size_t n, SealKey **out) {
  const Pkcs8 *key = der;
  SealReason reason = SEAL_REASON_KEY_INVALID;

  *out = NULL;
  if (n != sizeof *key || memcmp(key->head, pkcs8_head, sizeof key->head) != 0 ||
      memcmp(key->middle, pkcs8_middle, sizeof key->middle) != 0 ||
      key->point[0] != POINT_CONVERSION_UNCOMPRESSED) {
    return reason;
  }
  /* OpenSSL calls a key invalid, too, where memory ran out: so what is refused is read again, with memory
  ** that is there. */
  for (int attempt = 0; attempt < 2 && reason == SEAL_REASON_KEY_INVALID; attempt++) {
    reason = key_read(c, key, out);
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

int seal_ecdsa_raw(const unsigned char *der, size_t n, size_t size, unsigned char *out) {
  ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
  int part = (int)size;
  int good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, part) == part &&
             BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + size, part) == part;

  ECDSA_SIG_free(sig);
  return good;
}

/* Signs, as R || S. */
static SealReason key_sign(SealCrypto *c, const SealKey *key, const void *data, size_t n,
                           unsigned char out[2 * SEAL_P256_SIZE], const SealMark *mark) {
  unsigned char der[80];
  size_t size = sizeof der;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  SealReason reason = SEAL_INTERNAL;

  if (ctx &&
      EVP_DigestSignInit_ex(ctx, NULL, "SHA256", c->shared->lib, NULL, key->pkey, NULL) == 1 &&
      EVP_DigestSign(ctx, der, &size, data, n) == 1 &&
      seal_ecdsa_raw(der, size, SEAL_P256_SIZE, out)) {
    reason = SEAL_VALID;
  } else {
    reason = seal_failed(mark, reason);
  }
  EVP_MD_CTX_free(ctx);
  return reason;
}

/* The header of a token as text: {"alg":"ES256","kid":...,"typ":...}, and iat unless that is NULL. Its length, or 0
** where it does not fit or memory ran out. */
static size_t jws_header(const SealKey *key, const char *typ, const int64_t *iat, char *out,
                         size_t size) {
  json_t *header = json_pack("{s:s,s:s,s:s*}", "alg", "ES256", "kid", key->kid, "typ", typ);
  int bad = !header || (iat && json_object_set_new(header, "iat", json_integer(*iat)) != 0);
  size_t n = bad ? 0 : json_dumpb(header, out, size, JSON_COMPACT);

  json_decref(header);
  return n <= size ? n : 0;
}

/* Signs n bytes under a header of n_header bytes. */
static SealReason jws_make(SealCrypto *c, const SealKey *key, const char *header, size_t n_header,
                           const void *payload, size_t n, char **out) {
  unsigned char signature[2 * SEAL_P256_SIZE];
  char *token = NULL;
  size_t size = 0;
  SealMark mark;
  SealReason reason = SEAL_NOMEM;

  *out = NULL;
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

SealReason seal_jws_sign(SealCrypto *c, const SealKey *key, const char *typ, const void *payload,
                         size_t n, char **out) {
  char header[512];
  size_t n_header = jws_header(key, typ, NULL, header, sizeof header);

  return jws_make(c, key, header, n_header, payload, n, out);
}

SealReason seal_jws_detached(SealCrypto *c, const SealKey *key, const char *typ, int64_t iat,
                             const void *payload, size_t n, char **out) {
  char header[512];
  size_t n_header = jws_header(key, typ, &iat, header, sizeof header);
  SealReason reason = jws_make(c, key, header, n_header, payload, n, out);

  if (reason == SEAL_VALID) {
    char *first = strchr(*out, '.') + 1, *last = strrchr(*out, '.');

    memmove(first, last, strlen(last) + 1);
  }
  return reason;
}
