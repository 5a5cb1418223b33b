/* Keys and sets of keys as JSON: RFC 7517, 7518 6, 8037 2, and thumbprints of RFC 7638.
**
**    SealKeySet *set;
**    if (seal_keyset_parse(c, text, n, SEAL_KEYSET_PUBLIC, &set) == SEAL_VALID) {
**      puts(seal_keyset_thumbprint(set, 0));
**      seal_keyset_free(set);
**    }
**
** A set with one key that is refused is refused whole: what an operator put there is wrong, and
** half of it would hide that.
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include "crypto/jose/jose_int.h"

#define SEAL_RSA_BYTES_MAX 1024
#define SEAL_OCT_BYTES_MAX 1024

static int kty_find(const char *name, SealKty *out) {
  static const char *const kty[] = {
      [SEAL_KTY_OCT] = "oct", [SEAL_KTY_RSA] = "RSA", [SEAL_KTY_EC] = "EC", [SEAL_KTY_OKP] = "OKP"};

  for (int i = 0; name && i <= SEAL_KTY_OKP; i++) {
    if (strcmp(name, kty[i]) == 0) {
      *out = (SealKty)i;
      return 1;
    }
  }
  return 0;
}

/* Decodes the base64url member `name` into at most `cap` bytes; its length, or -1. */
static ptrdiff_t jwk_bytes(const json_t *jwk, const char *name, unsigned char *out, size_t cap) {
  const char *text = seal_json_text(jwk, name);
  size_t n = text ? strlen(text) : 0;

  if (!text || n > (cap * 4 + 2) / 3) return -1;
  return seal_b64url_decode(text, n, out);
}

/* key_ops (RFC 7517 4.3): has "verify", nothing twice, and nothing that contradicts `use`. */
static SealReason jwk_judge_ops(const json_t *ops, int has_use) {
  int verify = 0;

  if (!json_is_array(ops)) return SEAL_REASON_KEY_USE;
  for (size_t i = 0; i < json_array_size(ops); i++) {
    const char *op = json_string_value(json_array_get(ops, i));

    if (!op) return SEAL_REASON_KEY_USE;
    if (strcmp(op, "verify") == 0) {
      verify = 1;
    } else if (has_use && strcmp(op, "sign") != 0) {
      return SEAL_REASON_KEY_USE;
    }
    for (size_t j = 0; j < i; j++) {
      if (json_equal(json_array_get(ops, i), json_array_get(ops, j))) return SEAL_REASON_KEY_USE;
    }
  }
  return verify ? SEAL_VALID : SEAL_REASON_KEY_USE;
}

/* What a key may be used for: to verify signatures, and no private half of it is here. */
static SealReason jwk_judge_use(const json_t *jwk, SealKty kty) {
  static const char *const secret[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
  const json_t *use = json_object_get(jwk, "use");
  const json_t *ops = json_object_get(jwk, "key_ops");

  for (size_t i = 0; kty != SEAL_KTY_OCT && i < sizeof secret / sizeof *secret; i++) {
    if (json_object_get(jwk, secret[i])) return SEAL_REASON_KEY_PRIVATE;
  }
  if (use && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0)) {
    return SEAL_REASON_KEY_USE;
  }
  return ops ? jwk_judge_ops(ops, use != NULL) : SEAL_VALID;
}

/* The one algorithm of the key (RFC 8725 3.1): what it says, or what its kind implies. */
static SealReason jwk_find_alg(const json_t *jwk, SealKty kty, const SealCurve *curve,
                               const SealAlg **out) {
  const json_t *member = json_object_get(jwk, "alg");
  const char *name = seal_json_text(jwk, "alg");
  const SealAlg *alg;

  if (member && !name) return SEAL_REASON_KEY_NOT_SUPPORTED;
  if (!member) name = curve ? curve->alg : kty == SEAL_KTY_RSA ? "RS256" : "HS256";
  alg = seal_alg_find(name);
  if (!alg) return SEAL_REASON_KEY_NOT_SUPPORTED;
  if (alg->kty != kty) return SEAL_REASON_KEY_ALG_MISMATCH;
  if (alg->ec && strcmp(alg->ec, curve->crv) != 0) return SEAL_REASON_KEY_ALG_MISMATCH;
  *out = alg;
  return SEAL_VALID;
}

/* Writes {"member":"value",...} of the members that identify a key, in order (RFC 7638 3.2), and
** digests it. The values are strings of base64url or names: nothing needs an escape. */
static SealReason jwk_thumbprint(SealCrypto *c, const json_t *jwk, SealKty kty, char out[44]) {
  static const char *const member[][5] = {[SEAL_KTY_OCT] = {"k", "kty", NULL},
                                          [SEAL_KTY_RSA] = {"e", "kty", "n", NULL},
                                          [SEAL_KTY_EC] = {"crv", "kty", "x", "y", NULL},
                                          [SEAL_KTY_OKP] = {"crv", "kty", "x", NULL}};
  unsigned char hash[SEAL_SHA256_SIZE];
  size_t size = 3, n = 0;
  SealReason reason;
  char *text;

  for (int i = 0; member[kty][i]; i++) {
    const char *value = seal_json_text(jwk, member[kty][i]);

    if (!value || strpbrk(value, "\"\\") != NULL) return SEAL_REASON_KEY_INVALID;
    size += strlen(member[kty][i]) + strlen(value) + 6;
  }
  text = malloc(size);
  if (!text) return SEAL_NOMEM;
  for (int i = 0; member[kty][i]; i++) {
    n += (size_t)snprintf(text + n, size - n, "%c\"%s\":\"%s\"", i ? ',' : '{', member[kty][i],
                          seal_json_text(jwk, member[kty][i]));
  }
  text[n++] = '}';
  reason = seal_sha256(c, text, n, hash);
  if (reason == SEAL_VALID) seal_b64url_encode(hash, sizeof hash, out);
  seal_wipe(text, size);
  free(text);
  return reason;
}

/* The coordinates of an EC key, each of the curve's exact length (RFC 7518 6.2.1.2). */
static SealReason jwk_ec(SealCrypto *c, const json_t *jwk, const SealCurve *curve, SealJwk *key) {
  unsigned char x[68], y[68];

  if (jwk_bytes(jwk, "x", x, curve->size) != (ptrdiff_t)curve->size ||
      jwk_bytes(jwk, "y", y, curve->size) != (ptrdiff_t)curve->size) {
    return SEAL_REASON_KEY_INVALID;
  }
  return seal_jwk_make_ec(c, key, curve, x, y);
}

static SealReason jwk_okp(SealCrypto *c, const json_t *jwk, const SealCurve *curve, SealJwk *key) {
  unsigned char x[68];

  if (jwk_bytes(jwk, "x", x, curve->size) != (ptrdiff_t)curve->size) {
    return SEAL_REASON_KEY_INVALID;
  }
  return seal_jwk_make_okp(c, key, curve, x);
}

static SealReason jwk_rsa(SealCrypto *c, const json_t *jwk, SealJwk *key) {
  unsigned char n[SEAL_RSA_BYTES_MAX + 3], e[16];
  const char *text = seal_json_text(jwk, "n");
  ptrdiff_t n_size, e_size;

  if (text && strlen(text) > (SEAL_RSA_BYTES_MAX * 4 + 2) / 3) return SEAL_REASON_KEY_SIZE;
  n_size = jwk_bytes(jwk, "n", n, SEAL_RSA_BYTES_MAX);
  e_size = jwk_bytes(jwk, "e", e, 9);
  if (n_size <= 0 || e_size <= 0) return SEAL_REASON_KEY_INVALID;
  return seal_jwk_make_rsa(c, key, n, (size_t)n_size, e, (size_t)e_size);
}

static SealReason jwk_oct(SealCrypto *c, const json_t *jwk, SealJwk *key) {
  unsigned char k[SEAL_OCT_BYTES_MAX + 3];
  const char *text = seal_json_text(jwk, "k");
  ptrdiff_t size;
  SealReason reason;

  if (text && strlen(text) > (SEAL_OCT_BYTES_MAX * 4 + 2) / 3) return SEAL_REASON_KEY_SIZE;
  size = jwk_bytes(jwk, "k", k, SEAL_OCT_BYTES_MAX);
  reason = size < 0 ? SEAL_REASON_KEY_INVALID : seal_jwk_make_oct(c, key, k, (size_t)size);
  seal_wipe(k, sizeof k);
  return reason;
}

/* Reads one key. On anything but SEAL_VALID the caller still clears it. */
static SealReason jwk_read(SealCrypto *c, const json_t *jwk, int what, SealJwk *key) {
  const json_t *kid = json_object_get(jwk, "kid");
  const char *crv = seal_json_text(jwk, "crv");
  const SealCurve *curve = NULL;
  SealKty kty;
  SealReason reason;

  if (!json_is_object(jwk)) return SEAL_REASON_KEYS_INVALID;
  if (!kty_find(seal_json_text(jwk, "kty"), &kty)) return SEAL_REASON_KEY_NOT_SUPPORTED;
  if (what != SEAL_KEYSET_ANY && (what == SEAL_KEYSET_SECRET) != (kty == SEAL_KTY_OCT)) {
    return SEAL_REASON_KEY_NOT_ALLOWED;
  }
  if (kty == SEAL_KTY_EC || kty == SEAL_KTY_OKP) {
    curve = crv ? seal_curve_find(kty, crv) : NULL;
    if (!curve) return SEAL_REASON_KEY_NOT_SUPPORTED;
  }
  reason = jwk_judge_use(jwk, kty);
  if (reason == SEAL_VALID) reason = jwk_find_alg(jwk, kty, curve, &key->alg);
  if (reason != SEAL_VALID) return reason;
  if (kid) {
    if (!seal_json_text(jwk, "kid")) return SEAL_REASON_KEYS_INVALID;
    key->kid = seal_copy(json_string_value(kid), json_string_length(kid));
    if (!key->kid) return SEAL_NOMEM;
  }
  switch (kty) {
  case SEAL_KTY_OCT:
    reason = jwk_oct(c, jwk, key);
    break;
  case SEAL_KTY_RSA:
    reason = jwk_rsa(c, jwk, key);
    break;
  case SEAL_KTY_EC:
    reason = jwk_ec(c, jwk, curve, key);
    break;
  case SEAL_KTY_OKP:
    reason = jwk_okp(c, jwk, curve, key);
    break;
  }
  /* Whoever checks a signature may use any key; nobody may be provisioned with this one. */
  if (reason == SEAL_VALID && key->zero && what != SEAL_KEYSET_ANY) reason = SEAL_REASON_KEY_WEAK;
  return reason == SEAL_VALID ? jwk_thumbprint(c, jwk, kty, key->thumbprint) : reason;
}

SealReason seal_jwk_p256(SealCrypto *c, const json_t *jwk, SealJwk *key) {
  const SealCurve *curve = seal_curve_find(SEAL_KTY_EC, "P-256");
  const char *kty = seal_json_text(jwk, "kty"), *crv = seal_json_text(jwk, "crv");
  SealReason reason;

  memset(key, 0, sizeof *key);
  if (!kty || strcmp(kty, "EC") != 0 || !crv || strcmp(crv, curve->crv) != 0) {
    return SEAL_REASON_KEY_NOT_SUPPORTED;
  }
  if (json_object_get(jwk, "d")) return SEAL_REASON_KEY_PRIVATE;
  key->alg = seal_alg_find(curve->alg);
  reason = jwk_ec(c, jwk, curve, key);
  return reason == SEAL_VALID ? jwk_thumbprint(c, jwk, SEAL_KTY_EC, key->thumbprint) : reason;
}

/* What holds among the keys of a set: no kid twice (also not as another's thumbprint), and never
** symmetric beside asymmetric, where a public key might pass for a secret. */
static SealReason keyset_judge(const SealKeySet *set) {
  for (size_t i = 0; i < set->count; i++) {
    for (size_t j = 0; j < i; j++) {
      const SealJwk *a = &set->key[i], *b = &set->key[j];

      if ((a->alg->kty == SEAL_KTY_OCT) != (b->alg->kty == SEAL_KTY_OCT)) {
        return SEAL_REASON_KEYS_MIXED;
      }
      if (strcmp(a->kid ? a->kid : a->thumbprint, b->kid ? b->kid : b->thumbprint) == 0) {
        return SEAL_REASON_KID_DUPLICATE;
      }
    }
  }
  return SEAL_VALID;
}

/* Wipes the secrets in a parsed set before jansson frees it. */
static void keyset_wipe_json(json_t *root) {
  const json_t *keys = json_object_get(root, "keys");

  for (size_t i = 0; i <= json_array_size(keys); i++) {
    const json_t *jwk = i < json_array_size(keys) ? json_array_get(keys, i) : root;
    const json_t *k = json_object_get(jwk, "k");

    /* jansson gives its own buffer out as const. */
    if (json_is_string(k)) seal_wipe((char *)json_string_value(k), json_string_length(k));
  }
  json_decref(root);
}

/* Reads the keys of `root`, a JWK or a JWK Set, into `set`. */
static SealReason keyset_read(SealCrypto *c, const json_t *root, int what, SealKeySet *set) {
  const json_t *keys = json_object_get(root, "keys");
  size_t count = keys ? json_array_size(keys) : 1;
  SealReason reason = SEAL_VALID;

  if (!json_is_object(root) || count == 0) return SEAL_REASON_KEYS_INVALID;
  if (keys && json_object_get(root, "kty")) return SEAL_REASON_KEYS_INVALID;
  if (count > SEAL_KEYS_COUNT) return SEAL_REASON_KEYS_TOO_LARGE;
  set->key = calloc(count, sizeof *set->key);
  if (!set->key) return SEAL_NOMEM;
  set->count = count;
  for (size_t i = 0; reason == SEAL_VALID && i < count; i++) {
    reason = jwk_read(c, keys ? json_array_get(keys, i) : root, what, &set->key[i]);
  }
  return reason == SEAL_VALID ? keyset_judge(set) : reason;
}

SealReason seal_keyset_parse(SealCrypto *c, const char *text, size_t n, int what,
                             SealKeySet **out) {
  json_t *root = NULL;
  SealKeySet *set = NULL;
  SealReason reason;

  *out = NULL;
  if (n > SEAL_KEYS_MAX) return SEAL_REASON_KEYS_TOO_LARGE;
  reason = seal_json_parse(text, n, SEAL_JSON_DEPTH, &root);
  if (reason != SEAL_VALID) return reason == SEAL_NOMEM ? reason : SEAL_REASON_KEYS_INVALID;
  set = calloc(1, sizeof *set);
  reason = set ? keyset_read(c, root, what, set) : SEAL_NOMEM;
  keyset_wipe_json(root);
  if (reason == SEAL_VALID) {
    *out = set;
  } else {
    seal_keyset_free(set);
  }
  return reason;
}

void seal_keyset_free(SealKeySet *set) {
  SealMark mark;

  if (!set) return;
  seal_mark(&mark);
  for (size_t i = 0; i < set->count; i++) seal_jwk_clear(&set->key[i]);
  free(set->key);
  free(set);
  seal_unmark(&mark);
}

size_t seal_keyset_count(const SealKeySet *set) {
  return set->count;
}

const char *seal_keyset_thumbprint(const SealKeySet *set, size_t i) {
  return i < set->count ? set->key[i].thumbprint : NULL;
}

SealReason seal_keyset_name(SealKeySet *set, size_t i, const char *name) {
  SealJwk *key = &set->key[i];
  char *copy;

  assert(i < set->count);
  if (key->name && strcmp(key->name, name) == 0) return SEAL_VALID;
  copy = seal_copy(name, strlen(name));
  if (!copy) return SEAL_NOMEM;
  free(key->name);
  key->name = copy;
  return SEAL_VALID;
}

/* The thumbprint of a JWK: public, private or symmetric, of any use. */
static SealReason thumbprint_jwk(SealCrypto *c, const char *text, size_t n, char out[44]) {
  json_t *jwk = NULL;
  SealKty kty;
  SealReason reason = seal_json_parse(text, n, SEAL_JSON_DEPTH, &jwk);

  if (reason == SEAL_NOMEM) return reason;
  if (reason != SEAL_VALID || !kty_find(seal_json_text(jwk, "kty"), &kty)) {
    reason = SEAL_REASON_NOT_KEY_OR_CERTIFICATE;
  } else {
    reason = jwk_thumbprint(c, jwk, kty, out);
    if (reason == SEAL_REASON_KEY_INVALID) reason = SEAL_REASON_NOT_KEY_OR_CERTIFICATE;
  }
  if (jwk) keyset_wipe_json(jwk);
  return reason;
}

/* x5t#S256 (RFC 7515 4.1.8) of DER that is exactly one certificate. */
static SealReason thumbprint_der(SealCrypto *c, const unsigned char *der, size_t n,
                                 const SealMark *mark, char out[44]) {
  const unsigned char *p = der;
  unsigned char *again = NULL, hash[SEAL_SHA256_SIZE];
  X509 *cert = X509_new_ex(c->shared->lib, NULL);
  SealReason reason = SEAL_REASON_NOT_KEY_OR_CERTIFICATE;
  int size = -1;

  if (!cert) {
    reason = SEAL_NOMEM;
  } else if (!d2i_X509(&cert, &p, (long)n) || p != der + n ||
             (size = i2d_X509(cert, &again)) != (int)n || memcmp(again, der, n) != 0) {
    reason = seal_failed(mark, reason);
  } else {
    reason = seal_digest(c, SEAL_MD_256, der, n, hash);
    if (reason == SEAL_VALID) seal_b64url_encode(hash, sizeof hash, out);
    if (reason != SEAL_VALID) reason = seal_failed(mark, reason);
  }
  OPENSSL_free(again);
  X509_free(cert);
  return reason;
}

static SealReason thumbprint_pem(SealCrypto *c, const void *text, size_t n, const SealMark *mark,
                                 char out[44]) {
  BIO *bio = BIO_new_mem_buf(text, (int)n);
  unsigned char *der = NULL;
  long size = 0;
  SealReason reason;

  if (!bio) {
    reason = SEAL_NOMEM;
  } else if (PEM_bytes_read_bio(&der, &size, NULL, PEM_STRING_X509, bio, NULL, NULL) != 1) {
    reason = seal_failed(mark, SEAL_REASON_NOT_KEY_OR_CERTIFICATE);
  } else {
    reason = thumbprint_der(c, der, (size_t)size, mark, out);
  }
  OPENSSL_free(der);
  BIO_free(bio);
  return reason;
}

SealReason seal_thumbprint(SealCrypto *c, const void *data, size_t n, char out[44]) {
  const char *text = data;
  size_t space = 0;
  SealMark mark;
  SealReason reason;

  out[0] = 0;
  if (n == 0 || n > SEAL_KEYS_MAX) return SEAL_REASON_NOT_KEY_OR_CERTIFICATE;
  while (space < n && memchr(" \t\r\n", text[space], 4)) space++;
  if (space < n && text[space] == '{') return thumbprint_jwk(c, text, n, out);
  seal_mark(&mark);
  /* DER is a SEQUENCE; PEM is text. */
  reason = text[0] == 0x30 ? thumbprint_der(c, data, n, &mark, out)
                           : thumbprint_pem(c, data, n, &mark, out);
  seal_unmark(&mark);
  return reason;
}
