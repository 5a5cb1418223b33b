/* OpenSSL finds the decoders for a kind of key when it first reads one, and keeps what it found in
** the OSSL_LIB_CTX. What it could not find then for lack of memory it never finds again: every later
** key of that kind would be refused as if it were none. So certificates have an OSSL_LIB_CTX of their
** own, in which one key of each kind is read, and each algorithm looked for, before the first
** certificate is judged. Where that fails it is thrown away, which is "out of memory" and no verdict, and
** the next call makes a new one. Once made it is the one of the process, like what crypto_int.h says is
** shared: not while the extension is loaded, because it takes half as long again as all the rest, which
** a process without certificates need not spend. It has no random generator, whose making fails for the whole
** process when memory runs out: nothing here needs one.
**
**    reason = seal_x509_ready(c);
**    if (reason != SEAL_VALID) return reason;
*/
#include <stdatomic.h>
#include "crypto/x509/x509_int.h"

/* SubjectPublicKeyInfo of each kind (RFC 5480, RFC 8410, RFC 8017 A.1, RFC 4055 1.2); the numbers in
** them mean nothing but for the point of P-256, which must be one: the generator. */
static const unsigned char spki_p256[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1,
    0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
    0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
    0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b,
    0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
static const unsigned char spki_ed25519[44] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                               0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const unsigned char spki_ed448[69] = {0x30, 0x43, 0x30, 0x05, 0x06, 0x03,
                                             0x2b, 0x65, 0x71, 0x03, 0x3a, 0x00};
static const unsigned char spki_rsa[] = {0x30, 0x24, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x13, 0x00,
                                         0x30, 0x10, 0x02, 0x09, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xc5, 0x02, 0x03, 0x01, 0x00, 0x01};
static const unsigned char spki_pss[] = {0x30, 0x22, 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                         0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x03, 0x13, 0x00,
                                         0x30, 0x10, 0x02, 0x09, 0x00, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xc5, 0x02, 0x03, 0x01, 0x00, 0x01};

static int warm_key(OSSL_LIB_CTX *lib, const unsigned char *spki, size_t n) {
  const unsigned char *p = spki;
  EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &p, (long)n, lib, NULL);
  int good = key && EVP_PKEY_get_bits(key) > 0;

  EVP_PKEY_free(key);
  return good;
}

/* What verifying fetches by name: OpenSSL looks for all of one kind of algorithm at once, the first
** time that one of them is asked for. SHA-1 is how it compares certificates, no matter of trust. */
static int warm_algorithms(OSSL_LIB_CTX *lib) {
  static const char *const digest[] = {"SHA1", "SHA256", "SHA384", "SHA512", "SHAKE256"};
  static const char *const signature[] = {"RSA", "ECDSA", "ED25519", "ED448"};
  int good = 1;

  for (size_t i = 0; i < sizeof digest / sizeof digest[0]; i++) {
    EVP_MD *md = EVP_MD_fetch(lib, digest[i], NULL);

    good = good && md;
    EVP_MD_free(md);
  }
  for (size_t i = 0; i < sizeof signature / sizeof signature[0]; i++) {
    EVP_SIGNATURE *method = EVP_SIGNATURE_fetch(lib, signature[i], NULL);

    good = good && method;
    EVP_SIGNATURE_free(method);
  }
  return good;
}

void seal_x509_lib_free(OSSL_LIB_CTX *lib, OSSL_PROVIDER *provider) {
  if (provider) OSSL_PROVIDER_unload(provider);
  OSSL_LIB_CTX_free(lib);
}

OSSL_LIB_CTX *seal_x509_lib_new(OSSL_PROVIDER **provider) {
  SealMark mark;
  OSSL_LIB_CTX *lib;

  seal_mark(&mark);
  lib = OSSL_LIB_CTX_new();
  *provider = lib ? OSSL_PROVIDER_load(lib, "default") : NULL;
  /* What OpenSSL's queue tells of memory that ran out is a reason not to take it for whole, too. */
  if (!*provider || !warm_key(lib, spki_p256, sizeof spki_p256) ||
      !warm_key(lib, spki_ed25519, sizeof spki_ed25519) ||
      !warm_key(lib, spki_ed448, sizeof spki_ed448) || !warm_key(lib, spki_rsa, sizeof spki_rsa) ||
      !warm_key(lib, spki_pss, sizeof spki_pss) || !warm_algorithms(lib) ||
      seal_failed(&mark, SEAL_VALID) != SEAL_VALID) {
    seal_x509_lib_free(lib, *provider);
    lib = NULL;
    *provider = NULL;
  }
  seal_unmark(&mark);
  return lib;
}

/* The one of the process, or NULL; without a lock, as in crypto.c. */
static OSSL_LIB_CTX *lib_share(void) {
  static _Atomic(OSSL_LIB_CTX *) process;
  OSSL_LIB_CTX *lib = atomic_load(&process), *made;
  OSSL_PROVIDER *provider;

  if (lib) return lib;
  made = seal_x509_lib_new(&provider);
  if (!made) return NULL;
  if (atomic_compare_exchange_strong(&process, &lib, made)) return made;
  seal_x509_lib_free(made, provider);
  return lib;
}

SealReason seal_x509_ready(SealCrypto *c) {
  if (!c->x509_lib) c->x509_lib = lib_share();
  return c->x509_lib ? SEAL_VALID : SEAL_NOMEM;
}
