/* Cryptography when memory runs out: every allocation of every call fails, once and for good, and
** the answer must be the same as without, or one of the two that are no verdict: out of memory, or
** internal where OpenSSL does not say why it failed. And what all connections share is whole, or is not
** made, and is made the next time; nor does it suffer when memory runs out while it is first used.
**
**    build/crypto-fault STEP        prints "ok NAME" or "FAIL NAME" for each call
**
** Of the allocations that make what is shared, and of those at its first use, every STEP-th fails: there
** are some 5,000. The allocations of OpenSSL, jansson and this floor (by the linker's --wrap) are counted together.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/rsa.h>
#include "crypto/jose/jose_int.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

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

void *__wrap_realloc(void *p, size_t n) {
  return fails() ? NULL : __real_realloc(p, n);
}

/* Blocks that OpenSSL has now. */
static long blocks;

static void *openssl_malloc(size_t n, const char *file, int line) {
  void *p = NULL;

  (void)file;
  (void)line;
  if (n > 0 && !fails()) p = __real_malloc(n);
  blocks += p != NULL;
  return p;
}

static void openssl_free(void *p, const char *file, int line) {
  (void)file;
  (void)line;
  blocks -= p != NULL;
  free(p);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line) {
  if (!p) return openssl_malloc(n, file, line);
  if (n == 0) {
    openssl_free(p, file, line);
    return NULL;
  }
  return fails() ? NULL : realloc(p, n);
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
static char forged[2048];
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

/* More names than the parser has room for at first, and names and strings with escapes. */
#define JSON_MEMBERS                                                                               \
  "\"a\":1,\"b\":[],\"c\":2.5,\"d\":true,\"\\u0065\":\"\\u0066\",\"f\":null,\"g\":{\"a\":{"        \
  "\"\\u0061\":"                                                                                   \
  "\"x\"}},\"h\":8,\"i\":9,\"j\":10,\"k\":11,\"l\":12,\"m\":13,\"n\":14,\"\\u006f\":15,\"p\":16,"  \
  "\"q\":17,\"r\":{\"a\":18}"

static SealReason read_json(const char *text) {
  json_t *value;
  SealReason reason = seal_json_parse(text, strlen(text), 4, &value);

  json_decref(value);
  return reason;
}

static SealReason call_json(void) {
  return read_json("{" JSON_MEMBERS "}");
}

static SealReason call_json_twice(void) {
  return read_json("{" JSON_MEMBERS ",\"\\u0068\":19}");
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
  return verify(forged);
}

/* Tokens of keys that this floor does not sign with: RS256, EdDSA, HS256. */
typedef struct Other {
  const char *alg;
  char jwk[800], token[1200];
  SealKeySet *set;
} Other;
static Other others[3] = {{.alg = "RS256"}, {.alg = "EdDSA"}, {.alg = "HS256"}};

static SealReason verify_other(const Other *o) {
  SealJws jws;
  SealReason reason = seal_jws_verify(c, o->token, strlen(o->token), o->set, NULL, &jws);

  seal_jws_clear(&jws);
  return reason;
}

static SealReason call_parse_rsa(void) {
  return parse(others[0].jwk);
}

static SealReason call_verify_rsa(void) {
  return verify_other(&others[0]);
}

static SealReason call_verify_eddsa(void) {
  return verify_other(&others[1]);
}

static SealReason call_verify_eddsa_bad(void) {
  Other changed = others[1];

  changed.token[strlen(changed.token) - 20] ^= 1;
  return verify_other(&changed);
}

static SealReason call_verify_hmac(void) {
  return verify_other(&others[2]);
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

/* Fails each allocation of a call in turn, until none is left to fail. */
static void sweep(const char *name, SealReason (*call)(void), SealReason expected) {
  long total = 0, n_wrong = 0;
  SealReason wrong = SEAL_VALID;

  for (for_good = 0; for_good <= 1; for_good++) {
    fail_at = 0;
    do {
      SealReason reason;

      fail_at++;
      count = 0;
      reason = call();
      if (reason != expected && reason != SEAL_NOMEM && reason != SEAL_INTERNAL) {
        n_wrong++;
        wrong = reason;
      }
      total++;
    } while (count >= fail_at);
  }
  fail_at = 0;
  if (call() != expected) n_wrong++;
  printf("%s fault-%s (%ld)", n_wrong ? "FAIL" : "ok", name, total);
  if (n_wrong) printf(" %ld times %s", n_wrong, seal_reason_text(wrong));
  puts("");
}

/* Makes the key, its JWK, and a token; 1 on success. */
static int prepare_other(Other *o) {
  int is_rsa = o == &others[0], is_hmac = o == &others[2];
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
  snprintf(forged, sizeof forged, "%s", token);
  for (int i = 0; i < 3; i++) {
    if (!prepare_other(&others[i])) return 0;
  }
  forged[strlen(forged) - 20] = forged[strlen(forged) - 20] == 'A' ? 'B' : 'A';
  return 1;
}

/* Every call, and its answer; SEAL_REASON_COUNT: whatever it is without a fault. `fresh`: it needs no key
** that was read before, so that it may be the first use of a context. */
static const struct {
  const char *name;
  SealReason (*call)(void);
  SealReason expected;
  int fresh;
} calls[] = {
    {"json", call_json, SEAL_VALID, 0},
    {"json-twice", call_json_twice, SEAL_REASON_JSON_INVALID, 0},
    {"parse-ec", call_parse_ec, SEAL_VALID, 1},
    {"parse-rsa", call_parse_rsa, SEAL_VALID, 1},
    {"parse-okp", call_parse_okp, SEAL_VALID, 1},
    {"parse-oct", call_parse_oct, SEAL_VALID, 1},
    {"verify", call_verify, SEAL_VALID, 0},
    {"verify-bad", call_verify_bad, SEAL_REASON_SIGNATURE_INVALID, 0},
    {"verify-rsa", call_verify_rsa, SEAL_VALID, 0},
    {"verify-eddsa", call_verify_eddsa, SEAL_VALID, 0},
    {"verify-eddsa-bad", call_verify_eddsa_bad, SEAL_REASON_COUNT, 0},
    {"verify-hmac", call_verify_hmac, SEAL_VALID, 0},
    {"peek", call_peek, SEAL_VALID, 0},
    {"thumbprint", call_thumbprint, SEAL_VALID, 1},
    {"generate", call_generate, SEAL_VALID, 1},
    {"export", call_export, SEAL_VALID, 0},
    {"import", call_import, SEAL_VALID, 1},
    {"sign", call_sign, SEAL_VALID, 0},
    {"seal", call_seal, SEAL_VALID, 1},
    {"open", call_open, SEAL_VALID, 1},
    {"open-bad", call_open_bad, SEAL_REASON_SEALED_INVALID, 1},
    {"encrypt", call_encrypt, SEAL_VALID, 1},
    {"decrypt", call_decrypt, SEAL_VALID, 0},
};

#define CALLS (sizeof calls / sizeof *calls)

/* A connection that has something of its own to share; swapped with the one that all calls use. */
static SealCrypto *swap(const SealShared *shared) {
  static SealCrypto fresh;
  static SealCrypto *other_one = &fresh;
  SealCrypto *before = c;

  if (shared) fresh = (SealCrypto){.shared = shared};
  c = other_one;
  other_one = before;
  return before;
}

static void swap_back(void) {
  SealCrypto *fresh = swap(NULL);

  EVP_MD_CTX_free(fresh->digest);
  EVP_MD_CTX_free(fresh->message);
}

/* Whether every call gives what it should with what is shared, and keys that are read with it. */
static int whole(const SealShared *shared) {
  SealKey *key_before = key;
  SealKeySet *before[4] = {set, others[0].set, others[1].set, others[2].set}, *fresh[4] = {NULL};
  const char *jwk[4] = {seal_key_public(key), others[0].jwk, others[1].jwk, others[2].jwk};
  int good;

  swap(shared);
  key = NULL;
  good = seal_key_import(c, der, n_der, &key) == SEAL_VALID;
  for (int i = 0; i < 4; i++) {
    good = good &&
           seal_keyset_parse(c, jwk[i], strlen(jwk[i]), SEAL_KEYSET_ANY, &fresh[i]) == SEAL_VALID;
  }
  set = fresh[0];
  for (int i = 0; i < 3; i++) others[i].set = fresh[i + 1];
  for (size_t i = 0; good && i < CALLS; i++) {
    SealReason reason = calls[i].call();

    good = calls[i].expected == SEAL_REASON_COUNT || reason == calls[i].expected;
  }
  seal_key_free(key);
  for (int i = 0; i < 4; i++) seal_keyset_free(fresh[i]);
  key = key_before;
  set = before[0];
  for (int i = 0; i < 3; i++) others[i].set = before[i + 1];
  swap_back();
  return good;
}

/* While what is shared is made: it is whole, or there is none, and then nothing is left but what OpenSSL's
** own start of a context forgets where it fails: at most 22 blocks of the 5,000 that it makes. */
static void sweep_shared(long step) {
  long total = 0, bad = 0, left = 0;

  seal_shared_free(seal_shared_new());
  for (int over = 0; !over; total++) {
    SealShared *shared;
    long before = blocks;

    fail_at = 1 + total * step;
    count = 0;
    shared = seal_shared_new();
    over = count < fail_at;
    fail_at = 0;
    if (shared && !whole(shared)) bad++;
    if (over && !shared) bad++;
    seal_shared_free(shared);
    if (blocks - before > 30) left++;
  }
  printf("%s fault-shared (%ld) %ld not whole, %ld left something\n", bad || left ? "FAIL" : "ok",
         total, bad, left);
}

/* While what is shared is used for the first time: it is as good as before. */
static void sweep_first(long step) {
  long total = 0, bad = 0;

  for (size_t i = 0; i < CALLS; i++) {
    for (long at = 1, over = !calls[i].fresh; !over; at += step, total++) {
      SealShared *shared = seal_shared_new();

      swap(shared);
      fail_at = at;
      count = 0;
      (void)calls[i].call();
      over = count < fail_at;
      fail_at = 0;
      swap_back();
      if (!whole(shared)) bad++;
      seal_shared_free(shared);
    }
  }
  printf("%s fault-first-use (%ld) %ld worse for later use\n", bad ? "FAIL" : "ok", total, bad);
}

/* The first connections of a process, for which there is no memory, and then one for which there is. */
static int load_after_failures(long step) {
  SealCrypto *first = NULL;
  long total = 0;

  /* What OpenSSL itself makes once for a process stays undone where it failed; so the host has used it. */
  if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1) return 0;
  for (for_good = 1; !first; total++) {
    fail_at = 1 + total * step;
    count = 0;
    first = seal_crypto_new();
    if (first && count >= fail_at) return 0;
  }
  fail_at = for_good = 0;
  seal_crypto_free(first);
  printf("ok fault-load (%ld)\n", total);
  return 1;
}

int main(int argc, char **argv) {
  long step = argc > 1 ? atol(argv[1]) : 1;

  if (step < 1 || !CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
    return 1;
  json_set_alloc_funcs(json_malloc, free);
  if (!load_after_failures(step) || !prepare()) return 1;
  for (size_t i = 0; i < CALLS; i++) {
    SealReason expected = calls[i].expected;

    sweep(calls[i].name, calls[i].call, expected == SEAL_REASON_COUNT ? calls[i].call() : expected);
  }
  for_good = 0;
  sweep_shared(step);
  sweep_first(step);
  seal_keyset_free(set);
  for (int i = 0; i < 3; i++) seal_keyset_free(others[i].set);
  seal_key_free(key);
  seal_crypto_free(c);
  free(token);
  free(box);
  free(der);
  return 0;
}
