/* Private keys of others (private.h). A JWK is read member by member into a key of OpenSSL, which says whether its halves
** belong together; what jansson held of it is wiped before it is freed.
*/
#include "crypto/jose/private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include "crypto/jose/jose_int.h"

#define RSA_BITS 2048
#define NUMBER   1024 /* bytes of the longest number, n or d of 8192 bits */
#define SECRETS  8

/* The members of a JWK that are numbers or bytes, by kind of key: public ones, and private ones. */
static const char *const rsa_public[] = {"n", "e", NULL};
static const char *const rsa_secret[] = {"d", "p", "q", "dp", "dq", "qi", NULL};
static const char *const rsa_params[] = {
    OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,
    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

/* Wipes what is secret in a JWK, and frees it. */
static void wipe_jwk(json_t *jwk) {
  static const char *const secret[] = {"d", "p", "q", "dp", "dq", "qi", "k"};
  for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
    const json_t *value = json_object_get(jwk, secret[i]);
    /* jansson gives its own buffer out as const. */
    if (json_is_string(value))
      seal_wipe((char *)json_string_value(value), json_string_length(value));
  }
  json_decref(jwk);
}

static const char *text_of(const json_t *jwk, const char *name) {
  return json_string_value(json_object_get(jwk, name));
}

/* Reads a member that is bytes in base64url; gives how many, or -1. */
static int bytes_of(const json_t *jwk, const char *name, unsigned char out[NUMBER]) {
  const json_t *value = json_object_get(jwk, name);
  size_t n = json_string_length(value);
  if (!json_is_string(value) || n == 0 || n > NUMBER / 3 * 4) return -1;
  return (int)seal_b64url_decode(json_string_value(value), n, out);
}

/* Sets a member to bytes. 0, or -1: out of memory. */
static int set_bytes(json_t *jwk, const char *name, const unsigned char *bytes, size_t n) {
  char text[NUMBER / 3 * 4 + 8];
  assert(n <= NUMBER);
  seal_b64url_encode(bytes, n, text);
  int bad = json_object_set_new(jwk, name, json_string(text));
  seal_wipe(text, sizeof text);
  return bad;
}

static int set_number(json_t *jwk, const char *name, const BIGNUM *number, int size) {
  unsigned char bytes[NUMBER];
  int n = size ? size : BN_num_bytes(number);
  if (n > NUMBER || BN_bn2binpad(number, bytes, n) != n) return -1;
  int bad = set_bytes(jwk, name, bytes, (size_t)n);
  seal_wipe(bytes, sizeof bytes);
  return bad;
}

/* A number of a key as a member of the JWK. */
static int set_param(json_t *jwk, const char *name, const EVP_PKEY *key, const char *param,
                     int size) {
  BIGNUM *number = NULL;
  int bad =
      EVP_PKEY_get_bn_param(key, param, &number) != 1 || set_number(jwk, name, number, size) != 0;
  BN_clear_free(number);
  return bad ? -1 : 0;
}

/************************************************************************************************
** What a JWK is.
*/
/* The algorithm of a JWK: its alg, or that of its kind. */
static SealReason alg_of(const json_t *jwk, const SealAlg **alg, const SealCurve **curve) {
  static const struct {
    const char *name, *alg;
    SealKty kty;
  } kinds[] = {{"EC", NULL, SEAL_KTY_EC},
               {"OKP", "EdDSA", SEAL_KTY_OKP},
               {"RSA", "RS256", SEAL_KTY_RSA},
               {"oct", "HS256", SEAL_KTY_OCT}};
  const char *kty = text_of(jwk, "kty"), *crv = text_of(jwk, "crv"), *given = text_of(jwk, "alg");
  size_t i = 0;
  *alg = NULL;
  *curve = NULL;
  while (i < 4 && (kty == NULL || strcmp(kty, kinds[i].name) != 0)) i++;
  if (i == 4) return SEAL_REASON_KEYS_INVALID;
  if (kinds[i].kty == SEAL_KTY_EC || kinds[i].kty == SEAL_KTY_OKP) {
    *curve = crv ? seal_curve_find(kinds[i].kty, crv) : NULL;
    if (*curve == NULL) return SEAL_REASON_KEYS_INVALID;
  }
  const char *name = given ? given : kinds[i].alg ? kinds[i].alg : (*curve)->alg;
  *alg = seal_alg_find(name);
  int fits = *alg != NULL && (*alg)->kty == kinds[i].kty &&
             ((*alg)->crv == NULL || strcmp((*alg)->crv, (*curve)->crv) == 0);
  return fits ? SEAL_VALID : SEAL_REASON_KEY_ALG_MISMATCH;
}

/* The members that make the public half. */
static SealReason half_of(const json_t *jwk, const SealAlg *alg, json_t **out) {
  static const char *const ec[] = {"x", "y", NULL}, *const okp[] = {"x", NULL};
  const char *const *members = alg->kty == SEAL_KTY_EC    ? ec
                               : alg->kty == SEAL_KTY_OKP ? okp
                                                          : rsa_public;
  int bad = 0;
  *out = json_object();
  if (*out == NULL) return SEAL_NOMEM;
  bad |= json_object_set(*out, "kty", json_object_get(jwk, "kty"));
  if (alg->kty != SEAL_KTY_RSA) bad |= json_object_set(*out, "crv", json_object_get(jwk, "crv"));
  for (; *members; members++) {
    json_t *value = json_object_get(jwk, *members);
    if (!json_is_string(value)) return SEAL_REASON_KEY_INVALID;
    bad |= json_object_set(*out, *members, value);
  }
  bad |= json_object_set_new(*out, "alg", json_string(alg->name));
  bad |= json_object_set_new(*out, "use", json_string("sig"));
  return bad ? SEAL_NOMEM : SEAL_VALID;
}

/* JSON as text, the caller's (free). */
static SealReason dump(const json_t *json, char **out) {
  size_t n = json_dumpb(json, NULL, 0, JSON_COMPACT);
  *out = n ? malloc(n + 1) : NULL;
  if (*out == NULL) return SEAL_NOMEM;
  if (json_dumpb(json, *out, n, JSON_COMPACT) == n) {
    (*out)[n] = 0;
    return SEAL_VALID;
  }
  seal_wipe(*out, n);
  free(*out);
  *out = NULL;
  return SEAL_NOMEM;
}

/* OpenSSL says of much that it is wrong where memory ran out: so what fails is done again, with memory that is there; and
** where there is none, that is why. */
static int is_sure(SealReason reason, int attempt) {
  return reason == SEAL_VALID || reason == SEAL_NOMEM || attempt == 2;
}
static SealReason settle(SealReason reason) {
  if (reason == SEAL_VALID || reason == SEAL_NOMEM) return reason;
  void *probe = OPENSSL_malloc(4096);
  if (probe == NULL) return SEAL_NOMEM;
  OPENSSL_free(probe);
  return reason;
}

/* Sets the kid of a JWK that has none: its thumbprint. */
static SealReason set_kid(SealCrypto *c, json_t *jwk, const json_t *own) {
  char thumbprint[44], *text;
  int bad;
  if (own != NULL) return json_object_set(jwk, "kid", (json_t *)own) ? SEAL_NOMEM : SEAL_VALID;
  SealReason reason = dump(jwk, &text);
  if (reason != SEAL_VALID) return reason;
  reason = seal_thumbprint(c, text, strlen(text), thumbprint);
  seal_wipe(text, strlen(text));
  free(text);
  if (reason != SEAL_VALID) return reason;
  bad = json_object_set_new(jwk, "kid", json_string(thumbprint));
  return bad ? SEAL_NOMEM : SEAL_VALID;
}

/* Parses a JWK, and says what it is for. Its public half is judged as any that is registered. */
static SealReason read_jwk(SealCrypto *c, const char *text, size_t n, json_t **jwk,
                           const SealAlg **alg, const SealCurve **curve) {
  SealKeySet *set = NULL;
  json_t *half = NULL;
  char *dumped = NULL;
  *jwk = NULL;
  if (n > SEAL_KEYS_MAX) return SEAL_REASON_KEYS_TOO_LARGE;
  SealReason reason = seal_json_parse(text, n, SEAL_JSON_DEPTH, jwk);
  if (reason == SEAL_VALID && !json_is_object(*jwk)) reason = SEAL_REASON_KEYS_INVALID;
  if (reason == SEAL_VALID) reason = alg_of(*jwk, alg, curve);
  if (reason == SEAL_VALID && (*alg)->kty == SEAL_KTY_OCT) {
    reason = seal_keyset_parse(c, text, n, SEAL_KEYSET_SECRET, &set);
    seal_keyset_free(set);
    return reason;
  }
  if (reason == SEAL_VALID) reason = half_of(*jwk, *alg, &half);
  if (reason == SEAL_VALID) reason = dump(half, &dumped);
  if (reason == SEAL_VALID)
    reason = seal_keyset_parse(c, dumped, strlen(dumped), SEAL_KEYSET_PUBLIC, &set);
  seal_keyset_free(set);
  free(dumped);
  json_decref(half);
  return reason;
}

static SealReason half_once(SealCrypto *c, const char *text, size_t n, char **out) {
  json_t *jwk, *half = NULL;
  const SealAlg *alg;
  const SealCurve *curve;
  *out = NULL;
  SealReason reason = read_jwk(c, text, n, &jwk, &alg, &curve);
  if (reason == SEAL_VALID && alg->kty == SEAL_KTY_OCT) reason = SEAL_REASON_KEY_INVALID;
  if (reason == SEAL_VALID) reason = half_of(jwk, alg, &half);
  if (reason == SEAL_VALID) reason = set_kid(c, half, json_object_get(jwk, "kid"));
  if (reason == SEAL_VALID) reason = dump(half, out);
  json_decref(half);
  wipe_jwk(jwk);
  return reason;
}

SealReason seal_private_half(SealCrypto *c, const char *text, size_t n, char **out) {
  SealReason reason = SEAL_INTERNAL;
  for (int i = 0; !is_sure(reason, i); i++) reason = half_once(c, text, n, out);
  return settle(reason);
}

/************************************************************************************************
** Making.
*/
static EVP_PKEY *generate(SealCrypto *c, const char *type, const char *group) {
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(c->shared->lib, type, NULL);
  EVP_PKEY *key = NULL;
  int good = ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1;
  if (good && group != NULL) good = EVP_PKEY_CTX_set_group_name(ctx, group) == 1;
  if (good && strcmp(type, "RSA") == 0) good = EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, RSA_BITS) == 1;
  if (good) good = EVP_PKEY_generate(ctx, &key) == 1;
  EVP_PKEY_CTX_free(ctx);
  return good ? key : NULL;
}

/* The members of a new key. 0, or -1: it failed. */
static int describe_ec(const EVP_PKEY *key, const SealCurve *curve, json_t *jwk) {
  unsigned char point[1 + 2 * 66];
  size_t n = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n) != 1 ||
      n != 1 + 2 * curve->size) {
    return -1;
  }
  return set_bytes(jwk, "x", point + 1, curve->size) ||
         set_bytes(jwk, "y", point + 1 + curve->size, curve->size) ||
         set_param(jwk, "d", key, OSSL_PKEY_PARAM_PRIV_KEY, (int)curve->size);
}

static int describe_okp(const EVP_PKEY *key, json_t *jwk) {
  unsigned char bytes[64];
  size_t n = sizeof bytes;
  int bad = EVP_PKEY_get_raw_public_key(key, bytes, &n) != 1 || set_bytes(jwk, "x", bytes, n);
  n = sizeof bytes;
  bad = bad || EVP_PKEY_get_raw_private_key(key, bytes, &n) != 1 || set_bytes(jwk, "d", bytes, n);
  seal_wipe(bytes, sizeof bytes);
  return bad;
}

static int describe_rsa(const EVP_PKEY *key, json_t *jwk) {
  int bad = set_param(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0) ||
            set_param(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
  for (int i = 0; !bad && rsa_secret[i] != NULL; i++)
    bad = set_param(jwk, rsa_secret[i], key, rsa_params[i], 0);
  return bad;
}

/* Makes a key of a kind and writes its members. */
static SealReason make(SealCrypto *c, const SealAlg *alg, json_t *jwk) {
  static const char *const kty[] = {
      [SEAL_KTY_OCT] = "oct", [SEAL_KTY_RSA] = "RSA", [SEAL_KTY_EC] = "EC", [SEAL_KTY_OKP] = "OKP"};
  const SealCurve *curve = NULL;
  const char *crv = alg->kty == SEAL_KTY_OKP ? "Ed25519" : alg->crv;
  unsigned char k[32];
  SealMark mark;
  EVP_PKEY *key = NULL;
  int bad = json_object_set_new(jwk, "kty", json_string(kty[alg->kty]));
  if (crv != NULL) {
    curve = seal_curve_find(alg->kty, crv);
    bad |= json_object_set_new(jwk, "crv", json_string(crv));
  }
  if (bad) return SEAL_NOMEM;
  seal_mark(&mark);
  if (alg->kty == SEAL_KTY_OCT) {
    bad = seal_random(c, k, sizeof k) != SEAL_VALID || set_bytes(jwk, "k", k, sizeof k);
    seal_wipe(k, sizeof k);
  } else if (alg->kty == SEAL_KTY_EC) {
    key = generate(c, "EC", crv);
    bad = key == NULL || describe_ec(key, curve, jwk);
  } else if (alg->kty == SEAL_KTY_OKP) {
    key = generate(c, "ED25519", NULL);
    bad = key == NULL || describe_okp(key, jwk);
  } else {
    key = generate(c, "RSA", NULL);
    bad = key == NULL || describe_rsa(key, jwk);
  }
  SealReason reason = bad ? seal_failed(&mark, SEAL_NOMEM) : SEAL_VALID;
  EVP_PKEY_free(key);
  seal_unmark(&mark);
  return reason;
}

static SealReason make_once(SealCrypto *c, const char *name, char **out) {
  static const char *const known[] = {"ES256", "ES384", "EdDSA", "RS256", "HS256", NULL};
  const SealAlg *alg = seal_alg_find(name);
  size_t i = 0;
  *out = NULL;
  while (known[i] != NULL && strcmp(known[i], name) != 0) i++;
  if (known[i] == NULL) return SEAL_REASON_ALG_NOT_SUPPORTED;
  json_t *jwk = json_object();
  SealReason reason = jwk ? make(c, alg, jwk) : SEAL_NOMEM;
  if (reason == SEAL_VALID && (json_object_set_new(jwk, "alg", json_string(name)) ||
                               json_object_set_new(jwk, "use", json_string("sig")))) {
    reason = SEAL_NOMEM;
  }
  if (reason == SEAL_VALID) reason = set_kid(c, jwk, NULL);
  if (reason == SEAL_VALID) reason = dump(jwk, out);
  wipe_jwk(jwk);
  return reason;
}

SealReason seal_private_make(SealCrypto *c, const char *alg, char **jwk) {
  SealReason reason = SEAL_INTERNAL;
  for (int i = 0; !is_sure(reason, i); i++) reason = make_once(c, alg, jwk);
  return settle(reason);
}

/************************************************************************************************
** Signing.
*/
/* Adds a number that is a member; 1 if it is one. */
static int push(OSSL_PARAM_BLD *build, const char *param, const json_t *jwk, const char *name,
                BIGNUM **keep) {
  unsigned char bytes[NUMBER];
  int n = bytes_of(jwk, name, bytes);
  *keep = n > 0 ? BN_bin2bn(bytes, n, NULL) : NULL;
  seal_wipe(bytes, sizeof bytes);
  return *keep != NULL && OSSL_PARAM_BLD_push_BN(build, param, *keep) == 1;
}

/* A key pair of a kind from its numbers; NULL: they make none. */
static EVP_PKEY *pair_of(SealCrypto *c, const char *type, OSSL_PARAM_BLD *build) {
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(c->shared->lib, type, NULL), *check = NULL;
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY *key = NULL;
  int good = ctx != NULL && params != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
             EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1 &&
             (check = EVP_PKEY_CTX_new_from_pkey(c->shared->lib, key, NULL)) != NULL &&
             EVP_PKEY_pairwise_check(check) == 1;
  EVP_PKEY_CTX_free(check);
  EVP_PKEY_CTX_free(ctx);
  OSSL_PARAM_free(params);
  if (good) return key;
  EVP_PKEY_free(key);
  return NULL;
}

static EVP_PKEY *load_ec(SealCrypto *c, const json_t *jwk, const SealCurve *curve) {
  unsigned char point[1 + 2 * NUMBER] = {POINT_CONVERSION_UNCOMPRESSED};
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  BIGNUM *d = NULL;
  EVP_PKEY *key = NULL;
  int size = (int)curve->size;
  int good =
      build != NULL && bytes_of(jwk, "x", point + 1) == size &&
      bytes_of(jwk, "y", point + 1 + size) == size &&
      OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->crv, 0) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                       1 + 2 * curve->size) == 1 &&
      push(build, OSSL_PKEY_PARAM_PRIV_KEY, jwk, "d", &d);
  if (good) key = pair_of(c, "EC", build);
  OSSL_PARAM_BLD_free(build);
  BN_clear_free(d);
  return key;
}

static EVP_PKEY *load_okp(SealCrypto *c, const json_t *jwk, const SealCurve *curve) {
  unsigned char d[NUMBER], x[NUMBER], own[64];
  size_t n = sizeof own;
  int size = (int)curve->size;
  EVP_PKEY *key = NULL;
  if (bytes_of(jwk, "d", d) == size && bytes_of(jwk, "x", x) == size)
    key = EVP_PKEY_new_raw_private_key_ex(c->shared->lib, curve->crv, NULL, d, curve->size);
  if (key != NULL &&
      (EVP_PKEY_get_raw_public_key(key, own, &n) != 1 || !seal_same(own, n, x, curve->size))) {
    EVP_PKEY_free(key);
    key = NULL;
  }
  seal_wipe(d, sizeof d);
  return key;
}

static EVP_PKEY *load_rsa(SealCrypto *c, const json_t *jwk) {
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  BIGNUM *numbers[SECRETS] = {NULL};
  EVP_PKEY *key = NULL;
  int good = build != NULL && push(build, OSSL_PKEY_PARAM_RSA_N, jwk, "n", &numbers[0]) &&
             push(build, OSSL_PKEY_PARAM_RSA_E, jwk, "e", &numbers[1]);
  for (int i = 0; good && rsa_secret[i] != NULL; i++)
    good = push(build, rsa_params[i], jwk, rsa_secret[i], &numbers[2 + i]);
  if (good) key = pair_of(c, "RSA", build);
  OSSL_PARAM_BLD_free(build);
  for (int i = 0; i < SECRETS; i++) BN_clear_free(numbers[i]);
  return key;
}

static const char *const md_name[] = {
    [SEAL_MD_256] = "SHA256", [SEAL_MD_384] = "SHA384", [SEAL_MD_512] = "SHA512"};

/* Signs with a key pair; gives how many bytes, or 0. */
static size_t sign_pair(SealCrypto *c, EVP_PKEY *key, const SealAlg *alg, const SealCurve *curve,
                        const char *data, size_t n_data, unsigned char out[NUMBER]) {
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *pkey = NULL;
  size_t n = NUMBER;
  int good = ctx != NULL && EVP_DigestSignInit_ex(ctx, &pkey, alg->md < 0 ? NULL : md_name[alg->md],
                                                  c->shared->lib, NULL, key, NULL) == 1;
  if (good && alg->pss) {
    good = EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  good = good && EVP_DigestSign(ctx, out, &n, (const unsigned char *)data, n_data) == 1;
  EVP_MD_CTX_free(ctx);
  if (!good) return 0;
  if (alg->kty != SEAL_KTY_EC) return n;
  return seal_ecdsa_raw(out, n, curve->size, out) ? 2 * curve->size : 0;
}

static SealReason sign_with(SealCrypto *c, const json_t *jwk, const SealAlg *alg,
                            const SealCurve *curve, const char *data, size_t n_data,
                            unsigned char out[NUMBER], size_t *n) {
  unsigned char k[NUMBER];
  SealMark mark;
  EVP_PKEY *key = NULL;
  SealReason reason = SEAL_VALID;
  *n = 0;
  seal_mark(&mark);
  if (alg->kty == SEAL_KTY_OCT) {
    int size = bytes_of(jwk, "k", k);
    if (size < 1 || EVP_Q_mac(c->shared->lib, "HMAC", NULL, md_name[alg->md], NULL, k, (size_t)size,
                              (const unsigned char *)data, n_data, out, NUMBER, n) == NULL) {
      reason = seal_failed(&mark, size < 1 ? SEAL_REASON_KEY_INVALID : SEAL_INTERNAL);
    }
    seal_wipe(k, sizeof k);
  } else {
    key = alg->kty == SEAL_KTY_EC    ? load_ec(c, jwk, curve)
          : alg->kty == SEAL_KTY_OKP ? load_okp(c, jwk, curve)
                                     : load_rsa(c, jwk);
    if (key == NULL) reason = seal_failed(&mark, SEAL_REASON_KEY_INVALID);
    if (reason == SEAL_VALID && (*n = sign_pair(c, key, alg, curve, data, n_data, out)) == 0)
      reason = seal_failed(&mark, SEAL_INTERNAL);
  }
  EVP_PKEY_free(key);
  seal_unmark(&mark);
  return reason;
}

/* The header: alg, typ, kid, and what the caller has besides. */
static SealReason make_header(SealCrypto *c, const json_t *jwk, const SealAlg *alg,
                              const char *text, size_t n, char **out) {
  json_t *header = json_pack("{s:s,s:s}", "alg", alg->name, "typ", "JWT"), *more = NULL, *named;
  SealReason reason = header ? SEAL_VALID : SEAL_NOMEM;
  named = json_copy((json_t *)jwk); /* its members alone: the values are shared */
  if (named == NULL) reason = SEAL_NOMEM;
  if (reason == SEAL_VALID) reason = set_kid(c, named, json_object_get(jwk, "kid"));
  if (reason == SEAL_VALID && json_object_set(header, "kid", json_object_get(named, "kid")) != 0)
    reason = SEAL_NOMEM;
  if (reason == SEAL_VALID && text != NULL) {
    reason = seal_json_parse(text, n, SEAL_JSON_DEPTH, &more);
    if (reason == SEAL_VALID && !json_is_object(more)) reason = SEAL_REASON_JSON_INVALID;
    if (reason == SEAL_VALID && json_object_get(more, "alg") != NULL &&
        !json_equal(json_object_get(more, "alg"), json_object_get(header, "alg"))) {
      reason = SEAL_REASON_ALG_MISMATCH;
    }
    if (reason == SEAL_VALID && json_object_update(header, more) != 0) reason = SEAL_NOMEM;
  }
  if (reason == SEAL_VALID) reason = dump(header, out);
  json_decref(named);
  json_decref(more);
  json_decref(header);
  return reason;
}

/* The compact JWS of a header and a payload. */
static SealReason compact(SealCrypto *c, const json_t *jwk, const SealAlg *alg,
                          const SealCurve *curve, const char *header, const char *payload, size_t n,
                          char **out) {
  unsigned char sig[NUMBER];
  size_t n_header = strlen(header), size, n_sig;
  if (n_header > SEAL_HEADER_MAX || n > SEAL_TOKEN_MAX) return SEAL_REASON_TOKEN_TOO_LARGE;
  char *token = malloc((n_header + n + sizeof sig) / 3 * 4 + 20);
  if (token == NULL) return SEAL_NOMEM;
  size = seal_b64url_encode(header, n_header, token);
  token[size++] = '.';
  size += seal_b64url_encode(payload, n, token + size);
  SealReason reason = sign_with(c, jwk, alg, curve, token, size, sig, &n_sig);
  token[size++] = '.';
  if (reason == SEAL_VALID) size += seal_b64url_encode(sig, n_sig, token + size);
  if (reason == SEAL_VALID && size > SEAL_TOKEN_MAX) reason = SEAL_REASON_TOKEN_TOO_LARGE;
  if (reason == SEAL_VALID) {
    *out = token;
  } else {
    free(token);
  }
  return reason;
}

static SealReason sign_once(SealCrypto *c, const char *text, size_t n_jwk, const char *header,
                            size_t n_header, const char *payload, size_t n, char **out) {
  json_t *jwk = NULL, *claims = NULL;
  const SealAlg *alg = NULL;
  const SealCurve *curve = NULL;
  char *all = NULL;
  *out = NULL;
  SealReason reason = n > SEAL_TOKEN_MAX || n_header > SEAL_HEADER_MAX
                          ? SEAL_REASON_TOKEN_TOO_LARGE
                          : seal_json_parse(payload, n, SEAL_JSON_DEPTH, &claims);
  if (reason == SEAL_VALID && !json_is_object(claims)) reason = SEAL_REASON_JSON_INVALID;
  if (reason == SEAL_VALID) reason = read_jwk(c, text, n_jwk, &jwk, &alg, &curve);
  if (reason == SEAL_VALID) reason = make_header(c, jwk, alg, header, n_header, &all);
  if (reason == SEAL_VALID) reason = compact(c, jwk, alg, curve, all, payload, n, out);
  free(all);
  json_decref(claims);
  wipe_jwk(jwk);
  return reason;
}

SealReason seal_private_sign(SealCrypto *c, const char *jwk, size_t n_jwk, const char *header,
                             size_t n_header, const char *payload, size_t n, char **out) {
  SealReason reason = SEAL_INTERNAL;
  for (int i = 0; !is_sure(reason, i); i++)
    reason = sign_once(c, jwk, n_jwk, header, n_header, payload, n, out);
  return settle(reason);
}
