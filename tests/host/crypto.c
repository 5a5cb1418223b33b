/* Cryptography without SQL: what has no SQL function of its own, and bare primitives.
**
**    build/crypto unit           prints "ok NAME" or "FAIL NAME" for each test
**    build/crypto primitives     reads lines JWK <tab> message <tab> signature (hex); prints the
**                                reason for each, by the key and the verifier that tokens have
**    build/crypto wipe           the same: looks for a key on the stack that sealing leaves
**    build/crypto json DEPTH     reads one JSON text and prints the reason
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <openssl/core_names.h>
#include "crypto/jose/jose_int.h"
#include "crypto/x509/x509.h"

static void check(const char *name, int ok) {
  printf("%s %s\n", ok ? "ok" : "FAIL", name);
}

/* Flips one bit of each byte in turn; 1 if the opener refused all of them and gave nothing. */
static int every_flip_is_refused(SealCrypto *c, const unsigned char key[32], unsigned char *sealed,
                                 size_t n) {
  unsigned char out[64];
  int all = 1;

  for (size_t i = 0; i < n; i++) {
    memset(out, 'x', sizeof out);
    sealed[i] ^= 1;
    all = all &&
          seal_aead_open(c, key, "psk", "row 7", 5, sealed, n, out) == SEAL_REASON_SEALED_INVALID;
    all = all && !memchr(out, 's', sizeof out);
    sealed[i] ^= 1;
  }
  return all;
}

static void test_aead(SealCrypto *c) {
  unsigned char key[32], other[32], out[64], back[64], again[64];
  const char *plain = "secret of acme";
  size_t n = strlen(plain), size = n + SEAL_AEAD_OVERHEAD;

  memset(key, 1, sizeof key);
  memset(other, 2, sizeof other);
  check("aead-seal", seal_aead_seal(c, key, "psk", "row 7", 5, plain, n, out) == SEAL_VALID);
  check("aead-open", seal_aead_open(c, key, "psk", "row 7", 5, out, size, back) == SEAL_VALID &&
                         memcmp(back, plain, n) == 0);
  check("aead-version", out[0] == 1);
  check("aead-nonce-is-random",
        seal_aead_seal(c, key, "psk", "row 7", 5, plain, n, again) == SEAL_VALID &&
            memcmp(out + 1, again + 1, 12) != 0);
  check("aead-other-key",
        seal_aead_open(c, other, "psk", "row 7", 5, out, size, back) == SEAL_REASON_SEALED_INVALID);
  check("aead-other-purpose",
        seal_aead_open(c, key, "key", "row 7", 5, out, size, back) == SEAL_REASON_SEALED_INVALID);
  check("aead-other-row",
        seal_aead_open(c, key, "psk", "row 8", 5, out, size, back) == SEAL_REASON_SEALED_INVALID);
  check("aead-cut",
        seal_aead_open(c, key, "psk", "row 7", 5, out, size - 1, back) ==
                SEAL_REASON_SEALED_INVALID &&
            seal_aead_open(c, key, "psk", "row 7", 5, out, 28, back) == SEAL_REASON_SEALED_INVALID);
  check("aead-every-flip", every_flip_is_refused(c, key, out, size));
  check("aead-empty",
        seal_aead_seal(c, key, "psk", NULL, 0, NULL, 0, out) == SEAL_VALID &&
            seal_aead_open(c, key, "psk", NULL, 0, out, SEAL_AEAD_OVERHEAD, back) == SEAL_VALID);
}

#define STACK_SIZE (1 << 20)

/* What is sealed or opened on a stack of our own, which a thread's is not: its end gives it back. */
typedef struct OnStack {
  SealCrypto *c;
  int open;
  unsigned char key[32], in[64], out[64];
  SealReason reason;
} OnStack;
static OnStack *now;

static void on_stack(void) {
  now->reason = now->open ? seal_aead_open(now->c, now->key, "psk", NULL, 0, now->in,
                                           sizeof now->in, now->out)
                          : seal_aead_seal(now->c, now->key, "psk", NULL, 0, now->in, 16, now->out);
}

/* Runs it, and looks for the derived key, or half of it, on the stack that is left: 1 if it is gone. */
static int leaves_nothing(OnStack *a, const unsigned char derived[32]) {
  static unsigned char stack[STACK_SIZE];
  ucontext_t here, there;
  int found = getcontext(&there) != 0;

  memset(stack, 0, sizeof stack);
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = sizeof stack;
  there.uc_link = &here;
  now = a;
  makecontext(&there, on_stack, 0);
  found = found || swapcontext(&here, &there) != 0;
  for (size_t i = 0; !found && i + 16 <= sizeof stack; i++) {
    found = memcmp(stack + i, derived, 16) == 0 || memcmp(stack + i, derived + 16, 16) == 0;
  }
  return !found;
}

/* The key for one purpose, which a value is sealed with, is wiped after each use. */
static void test_aead_wipe(SealCrypto *c) {
  OnStack seal = {.c = c}, open = {.c = c, .open = 1};
  unsigned char derived[32], plain[sizeof open.in - SEAL_AEAD_OVERHEAD] = {0};
  EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(c->shared->hkdf);
  OSSL_PARAM param[4] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, seal.key, sizeof seal.key),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (char *)"psk", 3), OSSL_PARAM_END};

  memset(seal.key, 7, sizeof seal.key);
  memset(open.key, 7, sizeof open.key);
  check("aead-derived", ctx && EVP_KDF_derive(ctx, derived, sizeof derived, param) == 1);
  EVP_KDF_CTX_free(ctx);
  check("aead-seal-wipes", leaves_nothing(&seal, derived) && seal.reason == SEAL_VALID);
  check("aead-to-open",
        seal_aead_seal(c, open.key, "psk", NULL, 0, plain, sizeof plain, open.in) == SEAL_VALID);
  check("aead-open-wipes", leaves_nothing(&open, derived) && open.reason == SEAL_VALID);
}

static void test_sign(SealCrypto *c) {
  SealKey *key = NULL, *copy = NULL;
  SealKeySet *set = NULL;
  SealJws jws;
  unsigned char *der = NULL;
  char *token = NULL, *other = NULL, print[44];
  size_t n = 0;

  check("sign-generate", seal_key_generate(c, &key) == SEAL_VALID);
  check("sign-export", seal_key_export(c, key, &der, &n) == SEAL_VALID && n > 100);
  check("sign-import", seal_key_import(c, der, n, &copy) == SEAL_VALID);
  check("sign-same-kid", copy && strcmp(seal_key_kid(key), seal_key_kid(copy)) == 0);
  check("sign-same-jwk", copy && strcmp(seal_key_public(key), seal_key_public(copy)) == 0);
  check("sign-kid-is-thumbprint",
        seal_thumbprint(c, seal_key_public(key), strlen(seal_key_public(key)), print) ==
                SEAL_VALID &&
            strcmp(print, seal_key_kid(key)) == 0);
  check("sign-jwk-is-a-key",
        seal_keyset_parse(c, seal_key_public(key), strlen(seal_key_public(key)), SEAL_KEYSET_PUBLIC,
                          &set) == SEAL_VALID);
  check("sign-jws", seal_jws_sign(c, copy, "at+jwt", "{\"a\":1}", 7, &token) == SEAL_VALID);
  check("sign-jws-verifies",
        seal_jws_verify(c, token, strlen(token), set, NULL, &jws) == SEAL_VALID &&
            jws.payload_size == 7 && strcmp(seal_json_text(jws.header, "typ"), "at+jwt") == 0);
  seal_jws_clear(&jws);
  check("sign-jws-without-typ",
        seal_jws_sign(c, key, NULL, "", 0, &other) == SEAL_VALID &&
            seal_jws_verify(c, other, strlen(other), set, NULL, &jws) == SEAL_VALID &&
            json_object_size(jws.header) == 2);
  seal_jws_clear(&jws);
  seal_key_free(copy);
  if (!der) return;
  check("sign-import-cut", seal_key_import(c, der, n - 1, &copy) == SEAL_REASON_KEY_INVALID);
  der[n - 1] ^= 1; /* the public half no longer belongs to the private one */
  check("sign-import-changed", seal_key_import(c, der, n, &copy) == SEAL_REASON_KEY_INVALID);
  check("sign-import-garbage", seal_key_import(c, "x", 1, &copy) == SEAL_REASON_KEY_INVALID);
  seal_wipe(der, n);
  free(der);
  free(token);
  free(other);
  seal_keyset_free(set);
  seal_key_free(key);
}

/* Changes one letter of each part in turn; 1 if all of them were refused. */
static int every_change_is_refused(SealCrypto *c, const SealKey *key, char *token) {
  unsigned char *out = NULL;
  size_t n = 0, length = strlen(token);
  int all = 1;

  for (size_t i = 0; i < length; i += 7) {
    char letter = token[i];

    if (letter == '.') continue;
    token[i] = letter == 'B' ? 'C' : 'B';
    all = all && seal_jwe_decrypt(c, key, token, length, &out, &n) > SEAL_INTERNAL && !out;
    token[i] = letter;
  }
  return all;
}

static void test_jwe(SealCrypto *c) {
  SealKey *key = NULL, *other = NULL;
  const char *jwk;
  static char long_jwk[SEAL_KEYS_MAX + 1];
  char *token = NULL, *empty = NULL, *nothing = NULL, *wide = NULL;
  unsigned char *plain = NULL, *none = NULL;
  size_t n = 0;

  check("jwe-keys",
        seal_key_generate(c, &key) == SEAL_VALID && seal_key_generate(c, &other) == SEAL_VALID);
  jwk = seal_key_public(key);
  check("jwe-encrypt", seal_jwe_encrypt(c, jwk, strlen(jwk), "record", 6, &token) == SEAL_VALID);
  check("jwe-decrypt", seal_jwe_decrypt(c, key, token, strlen(token), &plain, &n) == SEAL_VALID &&
                           n == 6 && memcmp(plain, "record", 7) == 0);
  free(plain);
  check("jwe-empty", seal_jwe_encrypt(c, jwk, strlen(jwk), "", 0, &empty) == SEAL_VALID &&
                         seal_jwe_decrypt(c, key, empty, strlen(empty), &none, &n) == SEAL_VALID &&
                         n == 0);
  free(none);
  check("jwe-other-key",
        seal_jwe_decrypt(c, other, token, strlen(token), &plain, &n) == SEAL_REASON_JWE_INVALID);
  check("jwe-every-change", every_change_is_refused(c, key, token));
  check("jwe-cut",
        seal_jwe_decrypt(c, key, token, strlen(token) - 23, &plain, &n) == SEAL_REASON_JWE_INVALID);
  check("jwe-to-nobody",
        seal_jwe_encrypt(c, "{}", 2, "x", 1, &nothing) == SEAL_REASON_KEY_NOT_SUPPORTED);
  memset(long_jwk, ' ', sizeof long_jwk);
  memcpy(long_jwk, jwk, strlen(jwk));
  check("jwe-longest-jwk",
        seal_jwe_encrypt(c, long_jwk, SEAL_KEYS_MAX, "x", 1, &wide) == SEAL_VALID);
  check("jwe-longer-jwk", seal_jwe_encrypt(c, long_jwk, SEAL_KEYS_MAX + 1, "x", 1, &nothing) ==
                              SEAL_REASON_KEYS_TOO_LARGE);
  free(wide);
  free(token);
  free(empty);
  seal_key_free(key);
  seal_key_free(other);
}

/* A token made by another implementation decrypts: given as the private key (PKCS#8, hex), the
** token, and what is in it. */
static void test_jwe_of(SealCrypto *c, const char *hex, const char *token, const char *plain) {
  unsigned char der[512], *out = NULL;
  size_t n = strlen(hex) / 2, n_out = 0;
  SealKey *key = NULL;

  for (size_t i = 0; i < n && i < sizeof der; i++) sscanf(hex + 2 * i, "%2hhx", &der[i]);
  check("jwe-of-another",
        seal_key_import(c, der, n, &key) == SEAL_VALID &&
            seal_jwe_decrypt(c, key, token, strlen(token), &out, &n_out) == SEAL_VALID &&
            strcmp((char *)out, plain) == 0);
  free(out);
  seal_key_free(key);
}

/* A block ends where the text does, whatever lies in memory behind it. */
static void test_pem(void) {
  static const char text[] = "-----BEGIN X-----\nAAAA\n-----END X-----\n";
  SealBlocks blocks;

  seal_blocks_begin(&blocks, "X", text, strlen(text), SEAL_REASON_CHAIN_MALFORMED);
  check("pem-block", seal_blocks_next(&blocks) == 1 && blocks.n == 3 &&
                         seal_blocks_next(&blocks) == 0 && blocks.reason == SEAL_VALID);
  seal_blocks_end(&blocks);
  seal_blocks_begin(&blocks, "X", text, (size_t)(strstr(text, "-----END") - text),
                    SEAL_REASON_CHAIN_MALFORMED);
  check("pem-cut-before-its-end",
        seal_blocks_next(&blocks) == 0 && blocks.reason == SEAL_REASON_CHAIN_MALFORMED);
  seal_blocks_end(&blocks);
}

static void test_base64url(void) {
  unsigned char bytes[256], back[260];
  char text[400];
  int all = 1;

  for (int i = 0; i < 256; i++) bytes[i] = (unsigned char)(i * 7);
  for (size_t n = 0; n <= 256; n++) {
    size_t length = seal_b64url_encode(bytes, n, text);

    all = all && length == (n * 8 + 5) / 6 && text[length] == 0 &&
          seal_b64url_decode(text, length, back) == (ptrdiff_t)n && memcmp(bytes, back, n) == 0;
  }
  check("base64url-round", all);
  check("base64url-length-1", seal_b64url_decode("A", 1, back) == -1);
  check("base64url-unused-bits",
        seal_b64url_decode("AB", 2, back) == -1 && seal_b64url_decode("AAB", 3, back) == -1);
  check("base64url-alphabet", seal_b64url_decode("AA+A", 4, back) == -1 &&
                                  seal_b64url_decode("AA==", 4, back) == -1 &&
                                  seal_b64url_decode("AA\nA", 4, back) == -1);
}

/* OpenSSL's error queue of the host is the same before and after calls that fail inside. */
static void test_queue(SealCrypto *c) {
  static const char weak[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                             "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
                             "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
  SealKeySet *set = NULL;
  SealKey *key = NULL;
  char print[44];

  ERR_clear_error();
  seal_keyset_parse(c, weak, strlen(weak), SEAL_KEYSET_ANY, &set);
  seal_key_import(c, "0", 1, &key);
  check("queue-stays-empty", ERR_peek_error() == 0);
  ERR_raise(ERR_LIB_USER, 42);
  seal_keyset_parse(c, weak, strlen(weak), SEAL_KEYSET_ANY, &set);
  seal_thumbprint(c, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 60, print);
  seal_key_import(c, "0", 1, &key);
  check("queue-keeps-the-hosts", ERR_GET_REASON(ERR_get_error()) == 42 && ERR_peek_error() == 0);
}

/* What a call does to the queue of a host that has an error of its own there, and then sets a mark: 1 if the host
** finds its own error alone, its own mark, and no other one below it. */
static int leaves_no_mark(void) {
  int own, none, kept;

  kept = ERR_GET_REASON(ERR_peek_error()) == 42 && ERR_GET_REASON(ERR_peek_last_error()) == 42;
  ERR_raise(ERR_LIB_USER, 43);
  own = ERR_GET_REASON(ERR_peek_last_error()) == 43;
  /* Goes back to a mark that somebody left on the first error; without one it empties the queue. */
  none = ERR_pop_to_mark() == 0 && ERR_peek_error() == 0;
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 42);
  return kept && own && none;
}

/* A mark of ours that stayed would be taken for one of the host's. */
static void test_marks(SealCrypto *c) {
  unsigned char key[32] = {1}, sealed[3 + SEAL_AEAD_OVERHEAD], out[32];
  SealKey *signer = NULL, *again = NULL;
  SealKeySet *set = NULL;
  char *jws = NULL, *jwe = NULL, print[44];
  unsigned char *der = NULL, *plain = NULL;
  static const char no_anchor[] = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
  SealCertSet *anchors = NULL;
  const char *jwk;
  size_t n = 0;
  SealJws read;

  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 42);
  check("mark-seal",
        seal_aead_seal(c, key, "psk", "", 0, "abc", 3, sealed) == SEAL_VALID && leaves_no_mark());
  check("mark-open",
        seal_aead_open(c, key, "psk", "", 0, sealed, sizeof sealed, out) == SEAL_VALID &&
            leaves_no_mark());
  check("mark-digest", seal_sha256(c, "abc", 3, out) == SEAL_VALID && leaves_no_mark());
  check("mark-random", seal_random(c, out, sizeof out) == SEAL_VALID && leaves_no_mark());
  check("mark-generate", seal_key_generate(c, &signer) == SEAL_VALID && leaves_no_mark());
  jwk = seal_key_public(signer);
  check("mark-export", seal_key_export(c, signer, &der, &n) == SEAL_VALID && leaves_no_mark());
  check("mark-import", seal_key_import(c, der, n, &again) == SEAL_VALID && leaves_no_mark());
  check("mark-keys", seal_keyset_parse(c, jwk, strlen(jwk), SEAL_KEYSET_ANY, &set) == SEAL_VALID &&
                         leaves_no_mark());
  check("mark-sign",
        seal_jws_sign(c, signer, NULL, "{}", 2, &jws) == SEAL_VALID && leaves_no_mark());
  check("mark-verify",
        seal_jws_verify(c, jws, strlen(jws), set, NULL, &read) == SEAL_VALID && leaves_no_mark());
  seal_jws_clear(&read);
  check("mark-encrypt",
        seal_jwe_encrypt(c, jwk, strlen(jwk), "abc", 3, &jwe) == SEAL_VALID && leaves_no_mark());
  check("mark-decrypt", seal_jwe_decrypt(c, signer, jwe, strlen(jwe), &plain, &n) == SEAL_VALID &&
                            leaves_no_mark());
  check("mark-thumbprint",
        seal_thumbprint(c, jwk, strlen(jwk), print) == SEAL_VALID && leaves_no_mark());
  check("mark-anchors", seal_certset_parse(c, no_anchor, strlen(no_anchor), NULL, 0, &anchors) ==
                                SEAL_REASON_ANCHORS_MALFORMED &&
                            leaves_no_mark());
  seal_keyset_free(set);
  check("mark-keys-free", leaves_no_mark());
  seal_key_free(again);
  seal_key_free(signer);
  check("mark-key-free", leaves_no_mark());
  seal_wipe(der, n);
  free(der);
  free(plain);
  free(jws);
  free(jwe);
  ERR_clear_error();
}

/* That the host once had no memory, which its queue still tells, is no reason for us. */
static void test_queue_memory(SealCrypto *c) {
  SealKey *signer = NULL;
  SealKeySet *set = NULL;
  char *token = NULL;
  SealJws read;
  size_t n;

  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
  check("queue-memory-keys",
        seal_key_generate(c, &signer) == SEAL_VALID &&
            seal_keyset_parse(c, seal_key_public(signer), strlen(seal_key_public(signer)),
                              SEAL_KEYSET_ANY, &set) == SEAL_VALID &&
            seal_jws_sign(c, signer, NULL, "{}", 2, &token) == SEAL_VALID);
  n = strlen(token);
  check("queue-memory-verify", seal_jws_verify(c, token, n, set, NULL, &read) == SEAL_VALID);
  seal_jws_clear(&read);
  token[n - 20] = token[n - 20] == 'B' ? 'C' : 'B';
  check("queue-memory-refuse",
        seal_jws_verify(c, token, n, set, NULL, &read) == SEAL_REASON_SIGNATURE_INVALID);
  seal_jws_clear(&read);
  seal_keyset_free(set);
  seal_key_free(signer);
  free(token);
  ERR_clear_error();
}

/* One policy after another for a token that was verified once. */
static void test_check_again(SealCrypto *c) {
  static const char claims[] = "{\"iss\":\"a\",\"exp\":1000}";
  SealJwtPolicy policy = {.at = 999, .typ = "at+jwt"};
  SealKey *key = NULL;
  SealKeySet *set = NULL;
  char *token = NULL;
  SealJwt jwt;

  if (seal_key_generate(c, &key) != SEAL_VALID ||
      seal_keyset_parse(c, seal_key_public(key), strlen(seal_key_public(key)), 0, &set) !=
          SEAL_VALID ||
      seal_jws_sign(c, key, "at+jwt", claims, strlen(claims), &token) != SEAL_VALID) {
    check("check-again", 0);
  } else {
    SealReason first = seal_jwt_verify(c, token, strlen(token), set, &policy, &jwt);
    SealReason second;

    policy.at = 1000;
    second = seal_jwt_check(&jwt, &policy);
    policy.at = 0;
    policy.iss = "b";
    check("check-again", first == SEAL_VALID && second == SEAL_REASON_EXPIRED &&
                             seal_jwt_check(&jwt, &policy) == SEAL_REASON_ISS_MISMATCH);
    seal_jwt_clear(&jwt);
  }
  free(token);
  seal_keyset_free(set);
  seal_key_free(key);
}

/* Reads bytes from hexadecimal digits; their number. */
static size_t from_hex(const char *hex, unsigned char *out) {
  size_t n = strlen(hex) / 2;

  for (size_t i = 0; i < n; i++) sscanf(hex + 2 * i, "%2hhx", &out[i]);
  return n;
}

static void primitives(SealCrypto *c) {
  static char line[1 << 20], last[1 << 16];
  static unsigned char message[1 << 19], signature[1 << 16];
  SealKeySet *set = NULL;
  SealReason key = SEAL_INTERNAL;

  while (fgets(line, sizeof line, stdin)) {
    char *jwk = strtok(line, "\t\n"), *m = strtok(NULL, "\t\n"), *s = strtok(NULL, "\t\n");
    SealReason reason;

    if (strcmp(jwk, last) != 0) {
      seal_keyset_free(set);
      key = seal_keyset_parse(c, jwk, strlen(jwk), SEAL_KEYSET_ANY, &set);
      snprintf(last, sizeof last, "%s", jwk);
    }
    reason = key;
    if (key == SEAL_VALID) {
      /* The first character of both is a mark, so that neither is empty. */
      size_t n = from_hex(m + 1, message), n_signature = from_hex(s + 1, signature);

      reason = seal_jwk_verify(c, &set->key[0], message, n, signature, n_signature);
    }
    puts(seal_reason_text(reason));
  }
  seal_keyset_free(set);
}

static void json(int depth) {
  static char text[1 << 24];
  json_t *value = NULL;

  puts(seal_reason_text(seal_json_parse(text, fread(text, 1, sizeof text, stdin), depth, &value)));
  json_decref(value);
}

int main(int argc, char **argv) {
  SealCrypto *c = seal_crypto_new();

  if (!c || argc < 2) return 1;
  if (strcmp(argv[1], "unit") == 0) {
    test_base64url();
    test_pem();
    test_aead(c);
    test_sign(c);
    test_jwe(c);
    if (argc == 5) test_jwe_of(c, argv[2], argv[3], argv[4]);
    test_queue(c);
    test_marks(c);
    test_queue_memory(c);
    test_check_again(c);
  } else if (strcmp(argv[1], "wipe") == 0) {
    test_aead_wipe(c);
  } else if (strcmp(argv[1], "primitives") == 0) {
    primitives(c);
  } else if (strcmp(argv[1], "json") == 0 && argc == 3) {
    json(atoi(argv[2]));
  }
  seal_crypto_free(c);
  return 0;
}
