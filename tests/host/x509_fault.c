/* What all connections share for certificates, when memory runs out while it is made: it is whole, or there
** is none, and the next certificate makes it.
**
**    build/x509-fault STEP AT ANCHORS CHAIN [ANCHORS CHAIN]...    "ok NUMBER", or "FAIL ..."
**
** Every STEP-th allocation of OpenSSL fails, once. What was made is used for each pair of files, which hold
** at AT (seconds since 1970). Give one of each kind of key.
*/
#include <stdio.h>
#include <stdlib.h>
#include "crypto/x509/x509_int.h"

#define PAIRS_MAX 16

typedef struct Bytes {
  char p[65536];
  size_t n;
} Bytes;

static Bytes anchors[PAIRS_MAX], chain[PAIRS_MAX];
static int pairs;
static int64_t at;

/* The allocation that fails, counted from now, 0: none; and the blocks that OpenSSL has. */
static long fail_at, count, blocks;

static void *openssl_malloc(size_t n, const char *file, int line) {
  void *p = NULL;

  (void)file;
  (void)line;
  if (n > 0 && ++count != fail_at) p = malloc(n);
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
  return ++count == fail_at ? NULL : realloc(p, n);
}

static void read_file(const char *path, Bytes *bytes) {
  FILE *file = fopen(path, "rb");

  if (!file) exit(2);
  bytes->n = fread(bytes->p, 1, sizeof bytes->p, file);
  fclose(file);
}

/* Whether every chain holds in this context. */
static int whole(SealCrypto *c) {
  SealX509Policy policy = {.at = at};
  int good = 1;

  for (int i = 0; i < pairs && good; i++) {
    SealCertSet *set;
    SealX509 x;

    good = seal_certset_parse(c, anchors[i].p, anchors[i].n, NULL, 0, &set) == SEAL_VALID;
    if (!good) break;
    good = seal_x509_verify(c, chain[i].p, chain[i].n, set, &policy, &x) == SEAL_VALID;
    seal_x509_clear(&x);
    seal_certset_free(set);
  }
  return good;
}

int main(int argc, char **argv) {
  long step = argc > 1 ? atol(argv[1]) : 0, total = 0, bad = 0, left = 0;
  SealCrypto *c;
  OSSL_PROVIDER *provider;

  if (step < 1 || argc < 5 || argc > 3 + 2 * PAIRS_MAX) return 2;
  if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free)) return 2;
  at = atoll(argv[2]);
  for (int i = 3; i + 1 < argc; i += 2, pairs++) {
    read_file(argv[i], &anchors[pairs]);
    read_file(argv[i + 1], &chain[pairs]);
  }
  c = seal_crypto_new();
  if (!c) return 2;
  /* The first certificates of the process, for which there is no memory. */
  for (fail_at = 1; fail_at < 2000; fail_at += 97) {
    count = 0;
    (void)whole(c);
  }
  fail_at = 0;
  if (!whole(c)) bad++;
  for (int over = 0; !over; total++) {
    OSSL_LIB_CTX *lib;
    long before = blocks;

    fail_at = 1 + total * step;
    count = 0;
    lib = seal_x509_lib_new(&provider);
    over = count < fail_at;
    fail_at = 0;
    c->x509_lib = lib;
    if (lib ? !whole(c) : over) bad++;
    seal_x509_lib_free(lib, provider);
    if (blocks - before > 30) left++;
  }
  seal_crypto_free(c);
  printf("%s %ld: %ld not whole, %ld left something\n", bad || left ? "FAIL" : "ok", total, bad,
         left);
  return 0;
}
