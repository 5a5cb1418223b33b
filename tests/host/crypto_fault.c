/* Cryptography when memory runs out: every allocation of every call fails, once and for good, and
** the answer must be the same as without, or one of the two that are no verdict: out of memory, or
** internal where OpenSSL does not say why it failed.
**
**    build/crypto-fault             prints "ok NAME" or "FAIL NAME" for each call
**
** The allocations of OpenSSL, jansson and this floor (by the linker's --wrap) are counted together.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/rsa.h>
#include "crypto/jose/jose_int.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

/* The allocation that fails, counted from now; 0: none. `for_good`: all after it as well. */
static long fail_at, count;
static int for_good;

static int fails(void) {
  count++;
  return fail_at && (for_good ? count >= fail_at : count == fail_at);
}

void *__wrap_malloc(size_t n) {
  return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
  return fails() ? NULL : __real_calloc(n, size);
}

static void *openssl_malloc(size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  return fails() ? NULL : __real_malloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line) {
  (void)file;
  (void)line;
  return fails() ? NULL : realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line) {
  (void)file;
  (void)line;
  free(p);
}

static void *json_malloc(size_t n) {
  return fails() ? NULL : __real_malloc(n);
}

/* What the calls below work on. */
static SealCrypto *c;
static SealKey *key;
static char *token, *box;
static unsigned char *der, sealed[64], secret[32];
static size_t n_der;
static char bad[2048];
static SealKeySet *set;
static const char oct[] = "{\"kty\":\"oct\",\"k\":\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\"}";
static const char okp[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                          "\"gYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgSE\"}";
static const SealJwtPolicy policy = {.at = 1, .typ = "at+jwt"};

static SealReason parse(const char *text) {
  SealKeySet *out = NULL;
  SealReason reason = seal_keyset_parse(c, text, strlen(text), SEAL_KEYSET_ANY, &out);

  seal_keyset_free(out);
  return reason;
}

static SealReason call_parse_ec(void) {
  return parse(seal_key_public(key));
}

static SealReason call_parse_okp(void) {
  return parse(okp);
}

static SealReason call_parse_oct(void) {
  return parse(oct);
}

static SealReason verify(const char *text) {
  SealJwt jwt;
  SealReason reason = seal_jwt_verify(c, text, strlen(text), set, &policy, &jwt);

  seal_jwt_clear(&jwt);
  return reason;
}

static SealReason call_verify(void) {
  return verify(token);
}

static SealReason call_verify_bad(void) {
  return verify(bad);
}

/* Tokens of keys that this floor does not sign with: RS256, EdDSA, HS256. */
typedef struct Other {
  const char *alg;
  char jwk[800], token[1200];
  SealKeySet *set;
} Other;
static Other other[3] = {{.alg = "RS256"}, {.alg = "EdDSA"}, {.alg = "HS256"}};

static SealReason verify_other(const Other *o) {
  SealJws jws;
  SealReason reason = seal_jws_verify(c, o->token, strlen(o->token), o->set, NULL, &jws);

  seal_jws_clear(&jws);
  return reason;
}

static SealReason call_parse_rsa(void) {
  return parse(other[0].jwk);
}

static SealReason call_verify_rsa(void) {
  return verify_other(&other[0]);
}

static SealReason call_verify_eddsa(void) {
  return verify_other(&other[1]);
}

static SealReason call_verify_eddsa_bad(void) {
  Other changed = other[1];

  changed.token[strlen(changed.token) - 20] ^= 1;
  return verify_other(&changed);
}

static SealReason call_verify_hmac(void) {
  return verify_other(&other[2]);
}

static SealReason call_peek(void) {
  SealPeek peek;
  SealReason reason = seal_jwt_peek(token, strlen(token), &peek);

  seal_peek_clear(&peek);
  return reason;
}

static SealReason call_thumbprint(void) {
  char out[44];

  return seal_thumbprint(c, oct, strlen(oct), out);
}

static SealReason call_generate(void) {
  SealKey *out = NULL;
  SealReason reason = seal_key_generate(c, &out);

  seal_key_free(out);
  return reason;
}

static SealReason call_export(void) {
  unsigned char *out = NULL;
  size_t n = 0;
  SealReason reason = seal_key_export(c, key, &out, &n);

  free(out);
  return reason;
}

static SealReason call_import(void) {
  SealKey *out = NULL;
  SealReason reason = seal_key_import(c, der, n_der, &out);

  seal_key_free(out);
  return reason;
}

static SealReason call_sign(void) {
  char *out = NULL;
  SealReason reason = seal_jws_sign(c, key, "at+jwt", "{}", 2, &out);

  free(out);
  return reason;
}

static SealReason call_seal(void) {
  unsigned char out[64];

  return seal_aead_seal(c, secret, "psk", "row", 3, "value", 5, out);
}

static SealReason call_open(void) {
  unsigned char out[64];

  return seal_aead_open(c, secret, "psk", "row", 3, sealed, 5 + SEAL_AEAD_OVERHEAD, out);
}

static SealReason call_open_bad(void) {
  unsigned char out[64];

  return seal_aead_open(c, secret, "psk", "other", 5, sealed, 5 + SEAL_AEAD_OVERHEAD, out);
}

static SealReason call_encrypt(void) {
  char *out = NULL;
  const char *jwk = seal_key_public(key);
  SealReason reason = seal_jwe_encrypt(c, jwk, strlen(jwk), "record", 6, &out);

  free(out);
  return reason;
}

static SealReason call_decrypt(void) {
  unsigned char *out = NULL;
  size_t n = 0;
  SealReason reason = seal_jwe_decrypt(c, key, box, strlen(box), &out, &n);

  free(out);
  return reason;
}

static SealReason call_new(void) {
  SealCrypto *out = seal_crypto_new();
  SealReason reason = out ? SEAL_VALID : SEAL_NOMEM;

  seal_crypto_free(out);
  return reason;
}

/* Fails each allocation of a call in turn, until none is left to fail. */
static void sweep(const char *name, SealReason (*call)(void), SealReason expected) {
  long total = 0, others = 0;
  SealReason other = SEAL_VALID;

  for (for_good = 0; for_good <= 1; for_good++) {
    fail_at = 0;
    do {
      SealReason reason;

      fail_at++;
      count = 0;
      reason = call();
      if (reason != expected && reason != SEAL_NOMEM && reason != SEAL_INTERNAL) {
        others++;
        other = reason;
      }
      total++;
    } while (count >= fail_at);
  }
  fail_at = 0;
  if (call() != expected) others++;
  printf("%s fault-%s (%ld)", others ? "FAIL" : "ok", name, total);
  if (others) printf(" %ld times %s", others, seal_reason_text(other));
  puts("");
}

/* Makes the key, its JWK, and a token; 1 on success. */
static int prepare_other(Other *o) {
  int is_rsa = o == &other[0], is_hmac = o == &other[2];
  EVP_PKEY *pkey = is_hmac  ? EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, secret, 32)
                   : is_rsa ? EVP_RSA_gen(2048)
                            : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  unsigned char raw[512];
  char text[700], header[40];
  BIGNUM *n = NULL;
  size_t size = sizeof raw, length;

  if (is_hmac) {
    seal_b64url_encode(secret, 32, text);
    sprintf(o->jwk, "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"%s\"}", text);
  } else if (is_rsa) {
    if (EVP_PKEY_get_bn_param(pkey, "n", &n) != 1) return 0;
    seal_b64url_encode(raw, (size_t)BN_bn2bin(n, raw), text);
    sprintf(o->jwk, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}", text);
  } else {
    if (EVP_PKEY_get_raw_public_key(pkey, raw, &size) != 1) return 0;
    seal_b64url_encode(raw, size, text);
    sprintf(o->jwk, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", text);
  }
  length =
      seal_b64url_encode(header, (size_t)sprintf(header, "{\"alg\":\"%s\"}", o->alg), o->token);
  length += (size_t)sprintf(o->token + length, ".e30");
  size = sizeof raw;
  if (EVP_DigestSignInit(ctx, NULL, is_rsa || is_hmac ? EVP_sha256() : NULL, NULL, pkey) != 1 ||
      EVP_DigestSign(ctx, raw, &size, (unsigned char *)o->token, length) != 1) {
    return 0;
  }
  o->token[length++] = '.';
  seal_b64url_encode(raw, size, o->token + length);
  BN_free(n);
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(pkey);
  return seal_keyset_parse(c, o->jwk, strlen(o->jwk), SEAL_KEYSET_ANY, &o->set) == SEAL_VALID;
}

static int prepare(void) {
  const char *jwk;

  if (!(c = seal_crypto_new()) || seal_key_generate(c, &key) != SEAL_VALID) return 0;
  jwk = seal_key_public(key);
  if (seal_keyset_parse(c, jwk, strlen(jwk), SEAL_KEYSET_ANY, &set) != SEAL_VALID ||
      seal_key_export(c, key, &der, &n_der) != SEAL_VALID ||
      seal_jws_sign(c, key, "at+jwt", "{\"iss\":\"a\",\"exp\":2}", 19, &token) != SEAL_VALID ||
      seal_aead_seal(c, secret, "psk", "row", 3, "value", 5, sealed) != SEAL_VALID ||
      seal_jwe_encrypt(c, jwk, strlen(jwk), "record", 6, &box) != SEAL_VALID) {
    return 0;
  }
  snprintf(bad, sizeof bad, "%s", token);
  for (int i = 0; i < 3; i++) {
    if (!prepare_other(&other[i])) return 0;
  }
  bad[strlen(bad) - 20] = bad[strlen(bad) - 20] == 'A' ? 'B' : 'A';
  return 1;
}

int main(void) {
  if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free)) return 1;
  json_set_alloc_funcs(json_malloc, free);
  if (!prepare()) return 1;
  sweep("parse-ec", call_parse_ec, SEAL_VALID);
  sweep("parse-rsa", call_parse_rsa, SEAL_VALID);
  sweep("parse-okp", call_parse_okp, SEAL_VALID);
  sweep("parse-oct", call_parse_oct, SEAL_VALID);
  sweep("verify", call_verify, SEAL_VALID);
  sweep("verify-bad", call_verify_bad, SEAL_REASON_SIGNATURE_INVALID);
  sweep("verify-rsa", call_verify_rsa, SEAL_VALID);
  sweep("verify-eddsa", call_verify_eddsa, SEAL_VALID);
  sweep("verify-eddsa-bad", call_verify_eddsa_bad, call_verify_eddsa_bad());
  sweep("verify-hmac", call_verify_hmac, SEAL_VALID);
  sweep("peek", call_peek, SEAL_VALID);
  sweep("thumbprint", call_thumbprint, SEAL_VALID);
  sweep("generate", call_generate, SEAL_VALID);
  sweep("export", call_export, SEAL_VALID);
  sweep("import", call_import, SEAL_VALID);
  sweep("sign", call_sign, SEAL_VALID);
  sweep("seal", call_seal, SEAL_VALID);
  sweep("open", call_open, SEAL_VALID);
  sweep("open-bad", call_open_bad, SEAL_REASON_SEALED_INVALID);
  sweep("encrypt", call_encrypt, SEAL_VALID);
  sweep("decrypt", call_decrypt, SEAL_VALID);
  sweep("new", call_new, SEAL_VALID);
  seal_keyset_free(set);
  for (int i = 0; i < 3; i++) seal_keyset_free(other[i].set);
  seal_key_free(key);
  seal_crypto_free(c);
  free(token);
  free(box);
  free(der);
  return 0;
}
