/* What of X.509 has no SQL function: the check of a CRL that is imported, a leaf without a path, and
** that the host's OpenSSL errors stay.
**
**    x509 crl ANCHORS CRL            "REASON ISSUER|NUMBER|NEXT" of seal_crl_check()
**    x509 leaf CERTIFICATE AT DNS    "REASON THUMBPRINT" of seal_x509_leaf()
**    x509 queue ANCHORS CHAIN AT     "REASON", or what became of the host's error
**
** Arguments in capitals are files, but for AT (seconds since 1970) and DNS (an identity, or "").
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include "crypto/x509/x509.h"

typedef struct Bytes {
  char *p;
  size_t n;
} Bytes;

static Bytes read_file(const char *path) {
  Bytes bytes = {malloc(1 << 20), 0};
  FILE *file = fopen(path, "rb");

  if (!file || !bytes.p) exit(2);
  bytes.n = fread(bytes.p, 1, 1 << 20, file);
  fclose(file);
  return bytes;
}

static void run_crl(SealCrypto *c, const Bytes *anchors, const Bytes *crl) {
  SealCertSet *set;
  char *issuer = NULL, *number = NULL;
  int64_t next = 0;
  SealReason reason = seal_certset_parse(c, anchors->p, anchors->n, NULL, 0, &set);

  if (reason == SEAL_VALID) {
    reason = seal_crl_check(c, crl->p, crl->n, set, &issuer, &number, &next);
  }
  printf("%s %s|%s|%lld\n", seal_reason_text(reason), issuer ? issuer : "", number ? number : "",
         (long long)next);
  free(issuer);
  free(number);
  seal_certset_free(set);
}

static void run_leaf(SealCrypto *c, const Bytes *leaf, const char *at, const char *dns) {
  SealX509Policy policy = {.at = atoll(at), .identity = dns};
  SealX509 x;
  SealReason reason;

  if (dns[0]) policy.san = SEAL_SAN_DNS;
  reason = seal_x509_leaf(c, leaf->p, leaf->n, &policy, &x);
  printf("%s %s\n", seal_reason_text(reason), x.thumbprint);
  seal_x509_clear(&x);
}

/* The host has one error in its queue, which is a ring of 16. */
static void run_queue(SealCrypto *c, const Bytes *anchors, const Bytes *chain, const char *at) {
  SealX509Policy policy = {.at = atoll(at)};
  SealCertSet *set;
  SealX509 x;
  SealReason reason;
  unsigned long mine;

  ERR_raise(ERR_LIB_USER, 1234);
  mine = ERR_peek_last_error();
  reason = seal_certset_parse(c, anchors->p, anchors->n, NULL, 0, &set);
  if (reason == SEAL_VALID) {
    reason = seal_x509_verify(c, chain->p, chain->n, set, &policy, &x);
    seal_x509_clear(&x);
  }
  seal_certset_free(set);
  if (ERR_get_error() != mine) {
    printf("the host's error is lost\n");
  } else if (ERR_get_error() != 0) {
    printf("an error was left\n");
  } else {
    printf("%s\n", seal_reason_text(reason));
  }
}

int main(int argc, char **argv) {
  SealCrypto *c = seal_crypto_new();
  Bytes a = {NULL, 0}, b = {NULL, 0};

  if (!c || argc < 4) return 2;
  a = read_file(argv[2]);
  if (strcmp(argv[1], "leaf") != 0) b = read_file(argv[3]);
  if (strcmp(argv[1], "crl") == 0) run_crl(c, &a, &b);
  if (strcmp(argv[1], "leaf") == 0 && argc > 4) run_leaf(c, &a, argv[3], argv[4]);
  if (strcmp(argv[1], "queue") == 0 && argc > 4) run_queue(c, &a, &b, argv[4]);
  free(a.p);
  free(b.p);
  seal_crypto_free(c);
  return 0;
}
