/* Keys and sets of keys as JSON: RFC 7517, 7518 6, 8037 2, and thumbprints of RFC 7638.
**
**    SealKeySet *set;
**    if (seal_keyset_parse(c, text, n, SEAL_KEYSET_PUBLIC, &set) == SEAL_VALID) {
**      puts(seal_keyset_thumbprint(set, 0));
**      seal_keyset_free(set);
**    }
**
** Of a set, keys that are for something else than signatures, or of a kind that is not known here, are
** left out, as RFC 7517 5 has it: issuers publish their keys for encryption beside those for signatures.
** But a set with one key that is malformed is refused whole: what an operator put there is wrong, and half
** of it would hide that.
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/x509.h>
#include "crypto/jose/jose_int.h"

#define SEAL_RSA_BYTES_MAX 1024
#define SEAL_OCT_BYTES_MAX 1024
#define SEAL_KEY_OPS_MAX   16 /* members of key_ops; RFC 7517 4.3 names 8 */

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

/* What was found of a key besides the reason to refuse it. */
typedef struct JwkKind {
  int known; /* kty is */
  SealKty kty;
  int foreign; /* nothing is wrong with it, but it is none of ours: a set may have it */
} JwkKind;

/* 1 if two members of key_ops are the same. */
static int jwk_ops_repeat(const json_t *ops) {
  for (size_t i = 0; i < json_array_size(ops); i++) {
    for (size_t j = 0; j < i; j++) {
      if (json_equal(json_array_get(ops, i), json_array_get(ops, j))) return 1;
    }
  }
  return 0;
}

/* use and key_ops (RFC 7517 4.2, 4.3): for signatures, and key_ops has "verify". What is no such member,
** has something twice, or contradicts the other one is malformed; the rest is *foreign. */
static SealReason jwk_judge_use(const json_t *jwk, int *foreign) {
  const json_t *use = json_object_get(jwk, "use"), *ops = json_object_get(jwk, "key_ops");
  const char *purpose = seal_json_text(jwk, "use");
  int sig = !use || (purpose && strcmp(purpose, "sig") == 0), verify = 0, others = 0;

  if ((use && !purpose) || (ops && !json_is_array(ops))) return SEAL_REASON_KEY_USE;
  if (json_array_size(ops) > SEAL_KEY_OPS_MAX || jwk_ops_repeat(ops)) return SEAL_REASON_KEY_USE;
  for (size_t i = 0; i < json_array_size(ops); i++) {
    const char *op = json_string_value(json_array_get(ops, i));

    if (!op) return SEAL_REASON_KEY_USE;
    verify |= strcmp(op, "verify") == 0;
    others |= strcmp(op, "verify") != 0 && strcmp(op, "sign") != 0;
  }
  if (use && (sig ? others : verify)) return SEAL_REASON_KEY_USE;
  if (sig && (!ops || verify)) return SEAL_VALID;
  *foreign = 1;
  return SEAL_REASON_KEY_USE;
}

/* Whether something of the private half of a public key is here (RFC 7518 6.2.2, 6.3.2; RFC 8037 2). */
static int jwk_is_private(const json_t *jwk) {
  static const char *const secret[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

  for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
    if (json_object_get(jwk, secret[i])) return 1;
  }
  return 0;
}

/* The one algorithm of the key (RFC 8725 3.1): what it says, or what its kind implies; for EdDSA that of its
** curve. One that is no signature's is *foreign. */
static SealReason jwk_find_alg(const json_t *jwk, SealKty kty, const SealCurve *curve,
                               const SealAlg **out, int *foreign) {
  const json_t *member = json_object_get(jwk, "alg");
  const char *name = seal_json_text(jwk, "alg");
  const SealAlg *alg;

  if (member && !name) return SEAL_REASON_KEY_NOT_SUPPORTED;
  if (!member) name = curve ? curve->alg : kty == SEAL_KTY_RSA ? "RS256" : "HS256";
  alg = seal_alg_find(name);
  *foreign = alg == NULL;
  if (!alg) return SEAL_REASON_KEY_NOT_SUPPORTED;
  if (alg->kty != kty) return SEAL_REASON_KEY_ALG_MISMATCH;
  if (alg->crv && strcmp(alg->crv, curve->crv) != 0) return SEAL_REASON_KEY_ALG_MISMATCH;
  *out = curve ? seal_alg_find(curve->alg) : alg;
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

/* What a key says that it is, before its numbers are looked at: its kind, its curve and its algorithm. */
static SealReason jwk_judge(const json_t *jwk, int what, JwkKind *kind, const SealCurve **curve,
                            const SealAlg **alg) {
  const char *kty = seal_json_text(jwk, "kty"), *crv = seal_json_text(jwk, "crv");
  SealReason reason;

  if (!json_is_object(jwk)) return SEAL_REASON_KEYS_INVALID;
  if (json_object_get(jwk, "kid") && !seal_json_text(jwk, "kid")) return SEAL_REASON_KEYS_INVALID;
  kind->known = kty_find(kty, &kind->kty);
  kind->foreign = kty && !kind->known;
  if (!kind->known) return SEAL_REASON_KEY_NOT_SUPPORTED;
  if (what != SEAL_KEYSET_ANY && (what == SEAL_KEYSET_SECRET) != (kind->kty == SEAL_KTY_OCT)) {
    return SEAL_REASON_KEY_NOT_ALLOWED;
  }
  if (kind->kty != SEAL_KTY_OCT && jwk_is_private(jwk)) return SEAL_REASON_KEY_PRIVATE;
  if (kind->kty == SEAL_KTY_EC || kind->kty == SEAL_KTY_OKP) {
    *curve = crv ? seal_curve_find(kind->kty, crv) : NULL;
    kind->foreign = crv && !*curve;
    if (!*curve) return SEAL_REASON_KEY_NOT_SUPPORTED;
  }
  reason = jwk_judge_use(jwk, &kind->foreign);
  if (reason != SEAL_VALID) return reason;
  return jwk_find_alg(jwk, kind->kty, *curve, alg, &kind->foreign);
}

/* Reads one key. On anything but SEAL_VALID the caller still clears it. */
static SealReason jwk_read(SealCrypto *c, const json_t *jwk, int what, SealJwk *key,
                           JwkKind *kind) {
  const json_t *kid = json_object_get(jwk, "kid");
  const SealCurve *curve = NULL;
  SealReason reason;

  memset(kind, 0, sizeof *kind);
  reason = jwk_judge(jwk, what, kind, &curve, &key->alg);
  if (reason != SEAL_VALID) return reason;
  if (kid) {
    key->kid = seal_copy(json_string_value(kid), json_string_length(kid));
    if (!key->kid) return SEAL_NOMEM;
  }
  switch (kind->kty) {
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
  return reason == SEAL_VALID ? jwk_thumbprint(c, jwk, kind->kty, key->thumbprint) : reason;
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

/* What holds among the keys of a set: no kid twice, also not as another's thumbprint. */
static SealReason keyset_judge(const SealKeySet *set) {
  for (size_t i = 0; i < set->count; i++) {
    for (size_t j = 0; j < i; j++) {
      const SealJwk *a = &set->key[i], *b = &set->key[j];

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

/* Reads the keys of `root`, a JWK or a JWK Set, into `set`. Symmetric keys never lie beside asymmetric ones,
** for whatever they are: a public key might pass for a secret there. */
static SealReason keyset_read(SealCrypto *c, const json_t *root, int what, SealKeySet *set) {
  const json_t *keys = json_object_get(root, "keys");
  size_t count = keys ? json_array_size(keys) : 1;
  SealReason reason = SEAL_VALID, foreign = SEAL_VALID;
  int symmetric = 0, asymmetric = 0;

  if (!json_is_object(root) || count == 0) return SEAL_REASON_KEYS_INVALID;
  if (keys && json_object_get(root, "kty")) return SEAL_REASON_KEYS_INVALID;
  if (count > SEAL_KEYS_COUNT) return SEAL_REASON_KEYS_TOO_LARGE;
  set->key = calloc(count, sizeof *set->key);
  if (!set->key) return SEAL_NOMEM;
  for (size_t i = 0; reason == SEAL_VALID && i < count; i++) {
    SealJwk *key = &set->key[set->count++];
    JwkKind kind;

    reason = jwk_read(c, keys ? json_array_get(keys, i) : root, what, key, &kind);
    symmetric |= kind.known && kind.kty == SEAL_KTY_OCT;
    asymmetric |= kind.known && kind.kty != SEAL_KTY_OCT;
    if (!kind.foreign) continue;
    if (foreign == SEAL_VALID) foreign = reason;
    reason = SEAL_VALID;
    seal_jwk_clear(key);
    set->count--;
  }
  if (reason == SEAL_VALID && symmetric && asymmetric) reason = SEAL_REASON_KEYS_MIXED;
  if (reason == SEAL_VALID && set->count == 0) reason = foreign;
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

/* x5t#S256 (RFC 7515 4.1.8) of one certificate. */
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

SealReason seal_thumbprint(SealCrypto *c, const void *data, size_t n, char out[44]) {
  const char *text = data;
  char rest[44];
  size_t space = 0;
  SealBlocks blocks;
  SealMark mark;
  SealReason reason = SEAL_REASON_NOT_KEY_OR_CERTIFICATE;

  if (n == 0 || n > SEAL_KEYS_MAX) return reason;
  while (space < n && memchr(" \t\r\n", text[space], 4)) space++;
  if (space < n && text[space] == '{') return thumbprint_jwk(c, text, n, out);
  seal_mark(&mark);
  seal_blocks_begin(&blocks, "CERTIFICATE", data, n, reason);
  /* Of a chain it is the leaf's, but what follows has to be certificates as well. */
  for (char *to = out; seal_blocks_next(&blocks); to = rest) {
    reason = thumbprint_der(c, blocks.der, blocks.n, &mark, to);
    if (reason != SEAL_VALID) break;
  }
  if (blocks.reason != SEAL_VALID) reason = blocks.reason;
  seal_blocks_end(&blocks);
  seal_unmark(&mark);
  return reason;
}
