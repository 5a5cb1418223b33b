/* SHA-2, base64url, constant-time comparison and random bytes.
**
**    unsigned char hash[SEAL_SHA256_SIZE];
**    char text[44];
**    if (seal_sha256(c, "abc", 3, hash) == SEAL_VALID) seal_b64url_encode(hash, 32, text);
*/
#include <assert.h>
#include <openssl/rand.h>
#include "crypto/crypto_int.h"

#include <string.h>

static const char b64url_digit[65] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of each base64url digit (RFC 4648, table 2) plus 1; 0 for every other byte. */
static const unsigned char b64url_value[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

SealReason seal_digest(SealCrypto *c, int md, const void *data, size_t n, unsigned char *out) {
  assert(md >= 0 && md < SEAL_MD_COUNT);
  EVP_MD_CTX *digest = seal_scratch(&c->digest);
  if (!digest) return SEAL_NOMEM;
  if (EVP_DigestInit_ex2(digest, c->shared->md[md], NULL) != 1 ||
      EVP_DigestUpdate(digest, data, n) != 1 || EVP_DigestFinal_ex(digest, out, NULL) != 1) {
    return SEAL_INTERNAL;
  }
  return SEAL_VALID;
}

SealReason seal_sha256(SealCrypto *c, const void *data, size_t n, unsigned char out[32]) {
  SealMark mark;
  SealReason reason;

  seal_mark(&mark);
  reason = seal_digest(c, SEAL_MD_256, data, n, out);
  if (reason != SEAL_VALID) reason = seal_failed(&mark, reason);
  seal_unmark(&mark);
  return reason;
}

size_t seal_b64url_encode(const void *data, size_t n, char *out) {
  const unsigned char *in = data;
  char *to = out;

  for (; n >= 3; n -= 3, in += 3) {
    uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

    *to++ = b64url_digit[v >> 18];
    *to++ = b64url_digit[v >> 12 & 63];
    *to++ = b64url_digit[v >> 6 & 63];
    *to++ = b64url_digit[v & 63];
  }
  if (n > 0) {
    uint32_t v = (uint32_t)in[0] << 16 | (n == 2 ? (uint32_t)in[1] << 8 : 0);

    *to++ = b64url_digit[v >> 18];
    *to++ = b64url_digit[v >> 12 & 63];
    if (n == 2) *to++ = b64url_digit[v >> 6 & 63];
  }
  *to = 0;
  return (size_t)(to - out);
}

ptrdiff_t seal_b64url_decode(const char *text, size_t n, unsigned char *out) {
  const unsigned char *in = (const unsigned char *)text;
  const unsigned char *value = b64url_value;
  unsigned char *to = out;
  uint32_t v;

  if (n % 4 == 1) return -1;
  for (; n >= 4; n -= 4, in += 4) {
    if (!value[in[0]] || !value[in[1]] || !value[in[2]] || !value[in[3]]) return -1;
    v = (uint32_t)(value[in[0]] - 1) << 18 | (uint32_t)(value[in[1]] - 1) << 12 |
        (uint32_t)(value[in[2]] - 1) << 6 | (uint32_t)(value[in[3]] - 1);
    *to++ = (unsigned char)(v >> 16);
    *to++ = (unsigned char)(v >> 8);
    *to++ = (unsigned char)v;
  }
  if (n > 0) {
    if (!value[in[0]] || !value[in[1]] || (n == 3 && !value[in[2]])) return -1;
    v = (uint32_t)(value[in[0]] - 1) << 18 | (uint32_t)(value[in[1]] - 1) << 12 |
        (n == 3 ? (uint32_t)(value[in[2]] - 1) << 6 : 0);
    /* Unused bits are zero, or two texts would give the same bytes (RFC 4648 3.5). */
    if (v & (n == 3 ? 0xffu : 0xffffu)) return -1;
    *to++ = (unsigned char)(v >> 16);
    if (n == 3) *to++ = (unsigned char)(v >> 8);
  }
  return to - out;
}

/* Eight bytes at a time, which CRYPTO_memcmp does not do; like there, every byte is looked at, and the
** empty assembly keeps a compiler from leaving the loop early. */
int seal_same(const void *a, size_t n_a, const void *b, size_t n_b) {
  const unsigned char *x = a, *y = b;
  uint64_t differs = 0, left, right;
  size_t n = n_a;
  if (n_a != n_b) return 0;
  for (; n >= sizeof left; n -= sizeof left, x += sizeof left, y += sizeof right) {
    memcpy(&left, x, sizeof left);
    memcpy(&right, y, sizeof right);
    differs |= left ^ right;
    __asm__("" : "+r"(differs));
  }
  return (differs | (uint64_t)CRYPTO_memcmp(x, y, n)) == 0;
}

SealReason seal_random(SealCrypto *c, void *out, size_t n) {
  SealMark mark;
  EVP_RAND_CTX *random;
  SealReason reason = SEAL_VALID;

  seal_mark(&mark);
  /* Not RAND_bytes_ex: an engine of the host's could stand in for our generator. */
  random = RAND_get0_private(c->shared->lib);
  if (!random || EVP_RAND_generate(random, out, n, 0, 0, NULL, 0) != 1) {
    reason = seal_failed(&mark, SEAL_INTERNAL);
  }
  seal_unmark(&mark);
  return reason;
}
