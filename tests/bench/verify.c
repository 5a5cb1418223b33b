/* How much a token costs beside OpenSSL's own call on the same bytes, as ratios of medians of
** interleaved rounds.
**
**    build/bench-verify [ROUNDS]
**    ES256  bare 61.9 us  seen 1.02  parsed each time 4.41
**
** bare: EVP_DigestVerifyInit_ex and EVP_DigestVerify (HS256: EVP_MAC_init, update, final) with the
** key and the context at hand. seen: seal_jws_verify with a set that was parsed before. parsed each
** time: with seal_keyset_parse and seal_keyset_free around it.
*/
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/ec.h>
#include <openssl/bn.h>
#include "crypto/jose/jose_int.h"

enum { BATCH = 20, ROUNDS = 200, KINDS = 3 };

/* One algorithm: a key, a token signed with it, and what the bare call needs. */
typedef struct Bench {
  const char *alg, *digest;
  EVP_PKEY *pkey;
  EVP_MD_CTX *ctx;
  EVP_MAC_CTX *mac;
  char *jwk;
  char token[2048];
  size_t n, n_signed;
  unsigned char signature[512];
  size_t n_signature;
} Bench;

static const unsigned char secret[32] = "a secret of exactly 32 bytes ...";

static double now(void) {
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static char *jwk_of(const Bench *b) {
  unsigned char raw[600];
  char text[2][1000], *jwk = malloc(2400);
  BIGNUM *n = NULL, *e = NULL;
  size_t size = sizeof raw;

  if (strcmp(b->alg, "HS256") == 0) {
    seal_b64url_encode(secret, sizeof secret, text[0]);
    sprintf(jwk, "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"k\",\"k\":\"%s\"}", text[0]);
  } else if (strcmp(b->alg, "EdDSA") == 0) {
    assert(EVP_PKEY_get_raw_public_key(b->pkey, raw, &size) == 1);
    seal_b64url_encode(raw, size, text[0]);
    sprintf(jwk, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":\"%s\"}", text[0]);
  } else if (strcmp(b->alg, "ES256") == 0) {
    assert(EVP_PKEY_get_octet_string_param(b->pkey, OSSL_PKEY_PARAM_PUB_KEY, raw, sizeof raw,
                                           &size) == 1);
    seal_b64url_encode(raw + 1, 32, text[0]);
    seal_b64url_encode(raw + 33, 32, text[1]);
    sprintf(jwk, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\",\"x\":\"%s\",\"y\":\"%s\"}",
            text[0], text[1]);
  } else {
    assert(EVP_PKEY_get_bn_param(b->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1);
    assert(EVP_PKEY_get_bn_param(b->pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1);
    seal_b64url_encode(raw, (size_t)BN_bn2bin(n, raw), text[0]);
    seal_b64url_encode(raw, (size_t)BN_bn2bin(e, raw), text[1]);
    sprintf(jwk, "{\"kty\":\"RSA\",\"alg\":\"RS256\",\"kid\":\"k\",\"n\":\"%s\",\"e\":\"%s\"}",
            text[0], text[1]);
    BN_free(n);
    BN_free(e);
  }
  return jwk;
}

/* Signs, keeps OpenSSL's form of the signature for the bare call, and writes the token. */
static void sign(Bench *b) {
  static const char claims[] =
      "{\"iss\":\"https://as.example.com\",\"aud\":\"urn:seal:registrar\",\"sub\":\"v2x.acme.exa"
      "mple\",\"iat\":1799999990,\"exp\":1800000300,\"jti\":\"01234567-89ab-cdef\"}";
  char header[100];
  unsigned char raw[64], *p = b->signature;
  size_t n;

  snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k\",\"typ\":\"at+jwt\"}", b->alg);
  n = seal_b64url_encode(header, strlen(header), b->token);
  b->token[n++] = '.';
  n += seal_b64url_encode(claims, strlen(claims), b->token + n);
  b->n_signed = n;
  b->n_signature = sizeof b->signature;
  if (b->mac) {
    assert(EVP_MAC_init(b->mac, NULL, 0, NULL) == 1);
    assert(EVP_MAC_update(b->mac, (unsigned char *)b->token, n) == 1);
    assert(EVP_MAC_final(b->mac, b->signature, &b->n_signature, sizeof b->signature) == 1);
  } else {
    assert(EVP_DigestSignInit_ex(b->ctx, NULL, b->digest, NULL, NULL, b->pkey, NULL) == 1);
    assert(EVP_DigestSign(b->ctx, b->signature, &b->n_signature, (unsigned char *)b->token, n) ==
           1);
  }
  b->token[n++] = '.';
  if (strcmp(b->alg, "ES256") == 0) {
    const unsigned char *der = b->signature;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)b->n_signature);

    assert(sig);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);
    n += seal_b64url_encode(raw, sizeof raw, b->token + n);
  } else {
    n += seal_b64url_encode(p, b->n_signature, b->token + n);
  }
  b->n = n;
}

static void bare(const Bench *b) {
  unsigned char mac[64];
  size_t n = 0;

  if (b->mac) {
    EVP_MAC_init(b->mac, secret, sizeof secret, NULL);
    EVP_MAC_update(b->mac, (const unsigned char *)b->token, b->n_signed);
    EVP_MAC_final(b->mac, mac, &n, sizeof mac);
    assert(CRYPTO_memcmp(mac, b->signature, n) == 0);
  } else {
    EVP_MD_CTX_reset(b->ctx);
    EVP_DigestVerifyInit_ex(b->ctx, NULL, b->digest, NULL, NULL, b->pkey, NULL);
    n = (size_t)EVP_DigestVerify(b->ctx, b->signature, b->n_signature,
                                 (const unsigned char *)b->token, b->n_signed);
    assert(n == 1);
  }
}

static void verify(SealCrypto *c, const Bench *b, const SealKeySet *set) {
  SealJws jws;
  SealReason reason = seal_jws_verify(c, b->token, b->n, set, NULL, &jws);

  assert(reason == SEAL_VALID);
  (void)reason;
  seal_jws_clear(&jws);
}

static void run(SealCrypto *c, Bench *b, int rounds) {
  SealKeySet *seen = NULL, *parsed = NULL;
  double *time[KINDS];

  b->jwk = jwk_of(b);
  sign(b);
  assert(seal_keyset_parse(c, b->jwk, strlen(b->jwk), SEAL_KEYSET_ANY, &seen) == SEAL_VALID);
  for (int kind = 0; kind < KINDS; kind++) time[kind] = calloc((size_t)rounds, sizeof(double));
  for (int round = 0; round < rounds; round++) {
    double start = now();

    for (int i = 0; i < BATCH; i++) bare(b);
    time[0][round] = now() - start;
    start = now();
    for (int i = 0; i < BATCH; i++) verify(c, b, seen);
    time[1][round] = now() - start;
    start = now();
    for (int i = 0; i < BATCH; i++) {
      assert(seal_keyset_parse(c, b->jwk, strlen(b->jwk), SEAL_KEYSET_ANY, &parsed) == SEAL_VALID);
      verify(c, b, parsed);
      seal_keyset_free(parsed);
    }
    time[2][round] = now() - start;
  }
  for (int kind = 0; kind < KINDS; kind++) {
    qsort(time[kind], (size_t)rounds, sizeof(double), by_value);
  }
  printf("%s  bare %.2f us  seen %.2f (+%.2f us)  parsed each time %.2f\n", b->alg,
         time[0][rounds / 2] / BATCH, time[1][rounds / 2] / time[0][rounds / 2],
         (time[1][rounds / 2] - time[0][rounds / 2]) / BATCH,
         time[2][rounds / 2] / time[0][rounds / 2]);
  for (int kind = 0; kind < KINDS; kind++) free(time[kind]);
  seal_keyset_free(seen);
  free(b->jwk);
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
  SealCrypto *c = seal_crypto_new();
  EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  OSSL_PARAM digest[2] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0), OSSL_PARAM_END};
  Bench bench[] = {{.alg = "ES256", .digest = "SHA256", .pkey = EVP_EC_gen("P-256")},
                   {.alg = "RS256", .digest = "SHA256", .pkey = EVP_RSA_gen(2048)},
                   {.alg = "EdDSA", .pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")},
                   {.alg = "HS256", .mac = EVP_MAC_CTX_new(hmac)}};

  if (!c || rounds <= 0) return 1;
  assert(EVP_MAC_init(bench[3].mac, secret, sizeof secret, digest) == 1);
  for (size_t i = 0; i < sizeof bench / sizeof *bench; i++) {
    bench[i].ctx = EVP_MD_CTX_new();
    run(c, &bench[i], rounds);
    EVP_MD_CTX_free(bench[i].ctx);
    EVP_MAC_CTX_free(bench[i].mac);
    EVP_PKEY_free(bench[i].pkey);
  }
  EVP_MAC_free(hmac);
  seal_crypto_free(c);
  return 0;
}
