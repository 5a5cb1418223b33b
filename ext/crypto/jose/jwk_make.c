/* One key that verifies: from numbers to a key of OpenSSL, its size and strength, and contexts
** that are set up once, so that a verification is little more than OpenSSL's own call.
**
**    SealJwk key = {.alg = seal_alg_find("ES256")};
**    if (seal_jwk_make_ec(c, &key, seal_curve_find(SEAL_KTY_EC, "P-256"), x, y) == SEAL_VALID)
**      reason = seal_jwk_verify(c, &key, data, n, sig, n_sig);
**    seal_jwk_clear(&key);
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include "crypto/jose/jose_int.h"

#define SEAL_RSA_BITS_MIN  2048
#define SEAL_RSA_BITS_MAX  8192
#define SEAL_RSA_E_MIN     65537
#define SEAL_OKP_MAX       57
#define SEAL_EC_MAX        66
#define SEAL_ECDSA_DER_MAX (3 + 2 * (3 + SEAL_EC_MAX))

static const SealAlg all_algs[] = {
    {"HS256", SEAL_KTY_OCT, SEAL_MD_256, 0, NULL},
    {"HS384", SEAL_KTY_OCT, SEAL_MD_384, 0, NULL},
    {"HS512", SEAL_KTY_OCT, SEAL_MD_512, 0, NULL},
    {"RS256", SEAL_KTY_RSA, SEAL_MD_256, 0, NULL},
    {"RS384", SEAL_KTY_RSA, SEAL_MD_384, 0, NULL},
    {"RS512", SEAL_KTY_RSA, SEAL_MD_512, 0, NULL},
    {"PS256", SEAL_KTY_RSA, SEAL_MD_256, 1, NULL},
    {"PS384", SEAL_KTY_RSA, SEAL_MD_384, 1, NULL},
    {"PS512", SEAL_KTY_RSA, SEAL_MD_512, 1, NULL},
    {"ES256", SEAL_KTY_EC, SEAL_MD_256, 0, "P-256"},
    {"ES384", SEAL_KTY_EC, SEAL_MD_384, 0, "P-384"},
    {"ES512", SEAL_KTY_EC, SEAL_MD_512, 0, "P-521"},
    {"EdDSA", SEAL_KTY_OKP, -1, 0, NULL},
    {"Ed25519", SEAL_KTY_OKP, -1, 0, "Ed25519"},
    {"Ed448", SEAL_KTY_OKP, -1, 0, "Ed448"},
};

static const SealCurve all_curves[] = {
    {"P-256", SEAL_KTY_EC, 32, 64, "ES256"},   {"P-384", SEAL_KTY_EC, 48, 96, "ES384"},
    {"P-521", SEAL_KTY_EC, 66, 132, "ES512"},  {"Ed25519", SEAL_KTY_OKP, 32, 64, "Ed25519"},
    {"Ed448", SEAL_KTY_OKP, 57, 114, "Ed448"},
};

static const size_t md_size[SEAL_MD_COUNT] = {32, 48, 64};

const SealAlg *seal_alg_find(const char *name) {
  for (size_t i = 0; i < sizeof all_algs / sizeof *all_algs; i++) {
    if (strcmp(all_algs[i].name, name) == 0) return &all_algs[i];
  }
  return NULL;
}

int seal_alg_known(const char *name) {
  return seal_alg_find(name) != NULL;
}

int seal_alg_fits(const SealAlg *alg, const SealAlg *key) {
  return alg == key || (alg->kty == SEAL_KTY_OKP && key->kty == SEAL_KTY_OKP && !alg->crv);
}

int seal_alg_allowed(const char *name, const char *key_alg, const char *const *algs) {
  const SealAlg *alg = seal_alg_find(name), *key = key_alg ? seal_alg_find(key_alg) : NULL;

  if (!algs) return 1;
  for (; *algs; algs++) {
    const SealAlg *listed = seal_alg_find(*algs);

    if (strcmp(*algs, name) == 0) return 1;
    if (!alg || !listed || listed->kty != SEAL_KTY_OKP || alg->kty != SEAL_KTY_OKP) continue;
    /* "EdDSA" of the list is any curve; a curve's name is that of the key, or may yet be. */
    if (!listed->crv || (key ? listed == key : !alg->crv)) return 1;
  }
  return 0;
}

const SealCurve *seal_curve_find(SealKty kty, const char *crv) {
  for (size_t i = 0; i < sizeof all_curves / sizeof *all_curves; i++) {
    if (all_curves[i].kty == kty && strcmp(all_curves[i].crv, crv) == 0) return &all_curves[i];
  }
  return NULL;
}

/* Why a point could not be set: it is none of the curve, or OpenSSL failed, which it does not
** always say. */
static SealReason jwk_point_failed(const SealMark *mark) {
  unsigned long code = ERR_peek_last_error();
  int none =
      ERR_GET_LIB(code) == ERR_LIB_EC && (ERR_GET_REASON(code) == EC_R_POINT_IS_NOT_ON_CURVE ||
                                          ERR_GET_REASON(code) == EC_R_INVALID_ENCODING);

  return seal_failed(mark, none ? SEAL_REASON_KEY_INVALID : SEAL_INTERNAL);
}

/* Makes key->pkey from parameters that `build` holds, which have been judged but for a point: it
** must be one of the curve, and of the group (SP 800-56A 5.6.2.3.3). */
static SealReason jwk_build(SealCrypto *c, SealJwk *key, const char *type, OSSL_PARAM_BLD *build,
                            const SealMark *mark) {
  SealReason reason = SEAL_VALID;
  OSSL_PARAM *param = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(c->shared->lib, type, NULL);
  EVP_PKEY_CTX *check = NULL;

  if (!param || !ctx || EVP_PKEY_fromdata_init(ctx) != 1) {
    reason = seal_failed(mark, SEAL_INTERNAL);
  } else if (EVP_PKEY_fromdata(ctx, &key->pkey, EVP_PKEY_PUBLIC_KEY, param) != 1) {
    reason = jwk_point_failed(mark);
  } else if (key->alg->kty == SEAL_KTY_EC) {
    check = EVP_PKEY_CTX_new_from_pkey(c->shared->lib, key->pkey, NULL);
    if (!check || EVP_PKEY_public_check(check) != 1) reason = seal_failed(mark, SEAL_INTERNAL);
  }
  EVP_PKEY_CTX_free(check);
  EVP_PKEY_CTX_free(ctx);
  OSSL_PARAM_free(param);
  return reason;
}

/* Sets up the context that verifies with an RSA or EC key; it serves any number of calls. */
static SealReason jwk_prepare(SealCrypto *c, SealJwk *key, const SealMark *mark) {
  const EVP_MD *md;
  int good;

  assert(key->pkey && !key->verify && key->alg->md >= 0 && key->alg->md < SEAL_MD_COUNT);
  md = c->shared->md[key->alg->md];
  key->verify = EVP_PKEY_CTX_new_from_pkey(c->shared->lib, key->pkey, NULL);
  good = key->verify && EVP_PKEY_verify_init(key->verify) == 1;
  if (good && key->alg->kty == SEAL_KTY_RSA) {
    int padding = key->alg->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;

    good = EVP_PKEY_CTX_set_rsa_padding(key->verify, padding) == 1;
  }
  good = good && EVP_PKEY_CTX_set_signature_md(key->verify, md) == 1;
  if (good && key->alg->pss) {
    good = EVP_PKEY_CTX_set_rsa_pss_saltlen(key->verify, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(key->verify, md) == 1;
  }
  return good ? SEAL_VALID : seal_failed(mark, SEAL_INTERNAL);
}

/* The first odd primes: those that the flawed generator of CVE-2017-15361 is known by. */
static const unsigned char small_prime[] = {
    3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
    73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};

/* Refuses a modulus with a small factor, and one with the fingerprint of CVE-2017-15361: modulo
** each of the primes it is a power of 65537. For another modulus that happens once in 2^27.
** Whether it is the product of two primes is not asked: that takes a hundred times as long as a
** verification, and is for its owner to know. */
static SealReason rsa_judge_modulus(const BIGNUM *n) {
  int powers = 0, count = sizeof small_prime;

  for (int i = 0; i < count; i++) {
    unsigned p = small_prime[i], rest = (unsigned)BN_mod_word(n, p), power = 1;

    if (rest == 0) return SEAL_REASON_KEY_INVALID;
    do {
      power = power * (65537 % p) % p;
    } while (power != rest && power != 1);
    powers += power == rest;
  }
  return powers == count ? SEAL_REASON_KEY_WEAK : SEAL_VALID;
}

/* Judges n and e by themselves (RFC 7518 6.3.1: no leading zero; the rest is RFC 8017 and ours). */
static SealReason rsa_judge(const BIGNUM *n, const BIGNUM *e, const unsigned char *n_bytes,
                            const unsigned char *e_bytes) {
  int bits = BN_num_bits(n);

  if (n_bytes[0] == 0 || e_bytes[0] == 0) return SEAL_REASON_KEY_INVALID;
  if (bits < SEAL_RSA_BITS_MIN || bits > SEAL_RSA_BITS_MAX) return SEAL_REASON_KEY_SIZE;
  if (!BN_is_odd(n) || !BN_is_odd(e)) return SEAL_REASON_KEY_INVALID;
  if (BN_num_bits(e) > 64 || BN_num_bits(e) < 17) return SEAL_REASON_KEY_WEAK;
  if (BN_get_word(e) < SEAL_RSA_E_MIN) return SEAL_REASON_KEY_WEAK;
  return rsa_judge_modulus(n);
}

SealReason seal_jwk_make_rsa(SealCrypto *c, SealJwk *key, const unsigned char *n, size_t n_size,
                             const unsigned char *e, size_t e_size) {
  SealMark mark;
  SealReason reason;
  BIGNUM *bn_n = NULL, *bn_e = NULL;
  OSSL_PARAM_BLD *build = NULL;

  assert(n_size > 0 && n_size <= SEAL_RSA_BITS_MAX / 8 && e_size > 0);
  seal_mark(&mark);
  bn_n = BN_bin2bn(n, (int)n_size, NULL);
  bn_e = BN_bin2bn(e, (int)e_size, NULL);
  build = OSSL_PARAM_BLD_new();
  if (!bn_n || !bn_e || !build) {
    reason = seal_failed(&mark, SEAL_NOMEM);
  } else if ((reason = rsa_judge(bn_n, bn_e, n, e)) == SEAL_VALID) {
    if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn_n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, bn_e) != 1) {
      reason = seal_failed(&mark, SEAL_INTERNAL);
    } else {
      reason = jwk_build(c, key, "RSA", build, &mark);
    }
  }
  if (reason == SEAL_VALID) reason = jwk_prepare(c, key, &mark);
  key->signature = n_size;
  OSSL_PARAM_BLD_free(build);
  BN_free(bn_e);
  BN_free(bn_n);
  seal_unmark(&mark);
  return reason;
}

SealReason seal_jwk_make_ec(SealCrypto *c, SealJwk *key, const SealCurve *curve,
                            const unsigned char *x, const unsigned char *y) {
  SealMark mark;
  SealReason reason;
  unsigned char point[1 + 2 * SEAL_EC_MAX] = {4}; /* uncompressed */
  OSSL_PARAM_BLD *build = NULL;

  assert(curve->kty == SEAL_KTY_EC && curve->size <= SEAL_EC_MAX);
  seal_mark(&mark);
  memcpy(point + 1, x, curve->size);
  memcpy(point + 1 + curve->size, y, curve->size);
  build = OSSL_PARAM_BLD_new();
  if (!build ||
      OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->crv, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                       1 + 2 * curve->size) != 1) {
    reason = seal_failed(&mark, SEAL_NOMEM);
  } else {
    reason = jwk_build(c, key, "EC", build, &mark);
  }
  if (reason == SEAL_VALID) reason = jwk_prepare(c, key, &mark);
  key->signature = curve->signature;
  OSSL_PARAM_BLD_free(build);
  seal_unmark(&mark);
  return reason;
}

/* y of the points of order 8 of edwards25519, little-endian: the two with d*y^4 + 2*y^2 = 1. */
static const unsigned char ed25519_order_8[2][32] = {
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}};

/* Refuses an encoding that is not canonical, and the points of small order, with which signatures
** can be made that hold for any message (RFC 8032 5.1.3, 5.2.3): y = 0 is of order 4, y = 1 and
** y = p - 1 are of order 1 and 2, and edwards25519 has two more y of order 8. */
static SealReason okp_judge(const SealCurve *curve, const unsigned char *x) {
  int is_25519 = curve->size == 32;
  size_t low = is_25519 ? 0 : 28; /* p is all ones but for this byte; 2^448 - 2^224 - 1 */
  size_t top = is_25519 ? 31 : 55;
  unsigned char y[SEAL_OKP_MAX], ones = 0xff, rest = 0;

  memcpy(y, x, curve->size);
  y[curve->size - 1] &= 0x7f; /* the other bit is the sign of the other coordinate */
  if (!is_25519 && y[56] != 0) return SEAL_REASON_KEY_INVALID;
  if (is_25519) y[top] |= (unsigned char)(y[top] == 0x7f ? 0x80 : 0);
  for (size_t i = low + 1; i <= top; i++) ones &= y[i];
  if (ones == 0xff) {
    /* y >= p - 1, or close below it: p's low part decides. */
    unsigned char lowest = is_25519 ? 0xec : 0xfe;

    if (y[low] >= lowest) return SEAL_REASON_KEY_WEAK;
  }
  for (size_t i = 1; i <= top; i++) rest |= y[i];
  if (rest == 0 && y[0] <= 1) return SEAL_REASON_KEY_WEAK;
  for (size_t i = 0; is_25519 && i < 2; i++) {
    if (memcmp(y, ed25519_order_8[i], 32) == 0) return SEAL_REASON_KEY_WEAK;
  }
  return SEAL_VALID;
}

SealReason seal_jwk_make_okp(SealCrypto *c, SealJwk *key, const SealCurve *curve,
                             const unsigned char *x) {
  SealMark mark;
  SealReason reason;

  assert(curve->kty == SEAL_KTY_OKP && curve->size <= SEAL_OKP_MAX);
  reason = okp_judge(curve, x);
  if (reason != SEAL_VALID) return reason;
  seal_mark(&mark);
  key->signature = curve->signature;
  key->pkey = EVP_PKEY_new_raw_public_key_ex(c->shared->lib, curve->crv, NULL, x, curve->size);
  if (!key->pkey) {
    reason = seal_failed(&mark, SEAL_INTERNAL);
  } else {
    key->message = EVP_MD_CTX_new();
    if (!key->message || EVP_DigestVerifyInit_ex(key->message, NULL, NULL, c->shared->lib, NULL,
                                                 key->pkey, NULL) != 1) {
      reason = seal_failed(&mark, SEAL_INTERNAL);
    }
  }
  seal_unmark(&mark);
  return reason;
}

SealReason seal_jwk_make_oct(SealCrypto *c, SealJwk *key, const unsigned char *k, size_t n) {
  static const char *const md[SEAL_MD_COUNT] = {"SHA256", "SHA384", "SHA512"};
  OSSL_PARAM param[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
  SealMark mark;
  SealReason reason = SEAL_VALID;
  unsigned char any = 0;

  assert(key->alg->kty == SEAL_KTY_OCT);
  if (n < md_size[key->alg->md]) return SEAL_REASON_KEY_SIZE; /* RFC 7518 3.2 */
  for (size_t i = 0; i < n; i++) any |= k[i];
  key->zero = any == 0;
  seal_mark(&mark);
  /* OpenSSL reads the name and keeps no pointer to it. */
  param[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)md[key->alg->md], 0);
  key->signature = md_size[key->alg->md];
  key->mac = EVP_MAC_CTX_new(c->shared->hmac);
  if (!key->mac || EVP_MAC_init(key->mac, k, n, param) != 1) {
    reason = seal_failed(&mark, SEAL_INTERNAL);
  }
  seal_unmark(&mark);
  return reason;
}

void seal_jwk_clear(SealJwk *key) {
  EVP_PKEY_CTX_free(key->verify);
  EVP_MD_CTX_free(key->message);
  EVP_MAC_CTX_free(key->mac); /* wipes what came of the secret */
  EVP_PKEY_free(key->pkey);
  free(key->kid);
  free(key->name);
  memset(key, 0, sizeof *key);
}

/* Writes the n bytes of a big-endian number as a DER INTEGER of at most 127 bytes; its length. */
static size_t der_integer(const unsigned char *number, size_t n, unsigned char *out) {
  size_t pad;

  while (n > 1 && number[0] == 0) number++, n--;
  pad = number[0] >> 7;
  out[0] = 0x02;
  out[1] = (unsigned char)(n + pad);
  out[2] = 0;
  memcpy(out + 2 + pad, number, n);
  return 2 + pad + n;
}

/* R || S (RFC 7518 3.4) as the DER that OpenSSL takes; its length. */
static size_t der_ecdsa(const unsigned char *sig, size_t n_sig, unsigned char *out) {
  unsigned char body[SEAL_ECDSA_DER_MAX];
  size_t n = der_integer(sig, n_sig / 2, body);
  size_t head = 0;

  n += der_integer(sig + n_sig / 2, n_sig / 2, body + n);
  out[head++] = 0x30;
  if (n > 127) out[head++] = 0x81;
  out[head++] = (unsigned char)n;
  memcpy(out + head, body, n);
  return head + n;
}

/* Verifies by EdDSA. OpenSSL gives 0 where the signature is wrong, and also, without a word, where
** it could not make a digest: so what is refused is asked again, with memory that is there. */
static int jwk_verify_message(SealCrypto *c, const SealJwk *key, const void *data, size_t n,
                              const unsigned char *sig, size_t n_sig) {
  EVP_MD_CTX *message = seal_scratch(&c->message);
  int good = message ? 0 : -1;

  for (int attempt = 0; attempt < 2 && good == 0; attempt++) {
    good = EVP_MD_CTX_copy_ex(message, key->message) == 1
               ? EVP_DigestVerify(message, sig, n_sig, data, n)
               : -1;
  }
  if (good == 0) {
    EVP_MD_CTX *probe = EVP_MD_CTX_new();

    if (!probe || EVP_DigestInit_ex2(probe, c->shared->md[SEAL_MD_512], NULL) != 1) good = -1;
    EVP_MD_CTX_free(probe);
  }
  return good;
}

/* Verifies with a public key. For EC OpenSSL gives 0 where the signature is wrong, and less where
** it failed; for RSA it gives 0 for both, and its queue tells them apart. */
static SealReason jwk_verify_pkey(SealCrypto *c, const SealJwk *key, const void *data, size_t n,
                                  const unsigned char *sig, size_t n_sig) {
  unsigned char hash[EVP_MAX_MD_SIZE], der[SEAL_ECDSA_DER_MAX];
  SealReason reason;
  int good;

  if (key->message) {
    good = jwk_verify_message(c, key, data, n, sig, n_sig);
  } else {
    reason = seal_digest(c, key->alg->md, data, n, hash);
    if (reason != SEAL_VALID) return reason;
    if (key->alg->kty == SEAL_KTY_EC) {
      n_sig = der_ecdsa(sig, n_sig, der);
      sig = der;
    }
    good = EVP_PKEY_verify(key->verify, sig, n_sig, hash, md_size[key->alg->md]);
  }
  if (good < 0) return SEAL_INTERNAL;
  return good == 1 ? SEAL_VALID : SEAL_REASON_SIGNATURE_INVALID;
}

static SealReason jwk_verify_mac(const SealJwk *key, const void *data, size_t n,
                                 const unsigned char *sig, size_t n_sig) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  size_t n_mac = 0;
  SealReason reason = SEAL_INTERNAL;

  if (EVP_MAC_init(key->mac, NULL, 0, NULL) == 1 && EVP_MAC_update(key->mac, data, n) == 1 &&
      EVP_MAC_final(key->mac, mac, &n_mac, sizeof mac) == 1) {
    reason = seal_same(mac, n_mac, sig, n_sig) ? SEAL_VALID : SEAL_REASON_SIGNATURE_INVALID;
  }
  seal_wipe(mac, sizeof mac);
  return reason;
}

SealReason seal_jwk_verify(SealCrypto *c, const SealJwk *key, const void *data, size_t n,
                           const unsigned char *sig, size_t n_sig) {
  SealMark mark;
  SealReason reason;

  assert(key->mac || key->message || key->verify);
  /* The length is the algorithm's and the key's alone, before any secret is looked at. */
  if (n_sig != key->signature) return SEAL_REASON_SIGNATURE_INVALID;
  seal_mark(&mark);
  reason = key->mac ? jwk_verify_mac(key, data, n, sig, n_sig)
                    : jwk_verify_pkey(c, key, data, n, sig, n_sig);
  if (reason != SEAL_VALID) reason = seal_failed(&mark, reason);
  seal_unmark(&mark);
  return reason;
}
