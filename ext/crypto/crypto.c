/* The context: an OSSL_LIB_CTX of our own, with the default provider and every algorithm fetched,
** so that no later call reads a configuration, loads a provider or meets a host's choices.
**
**    SealCrypto *c = seal_crypto_new();
**    ...
**    seal_crypto_free(c);
**
** OpenSSL's first use of an algorithm is where it copes worst with a lack of memory; here is the
** one place where that happens. There OpenSSL 3.0 also reads its configuration, if the process has
** not done so yet, into the context of the host; none of it reaches ours. To forbid that would take
** the host's own settings from it (OPENSSL_INIT_NO_LOAD_CONFIG holds for the whole process).
*/
#include <stdlib.h>
#include <string.h>
#include "crypto/crypto_int.h"

static const char *const signature_name[] = {"RSA", "ECDSA", "ED25519", "ED448"};
static const char *const keymgmt_name[] = {"RSA", "EC", "ED25519", "ED448", "HMAC"};

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

void seal_mark(SealMark *mark) {
  mark->own = ERR_peek_error() == 0;
  /* On an empty queue there is nothing to mark, and seal_unmark() empties all of it. */
  (void)ERR_set_mark();
}

void seal_unmark(SealMark *mark) {
  (void)mark;
  (void)ERR_pop_to_mark();
}

SealReason seal_failed(const SealMark *mark, SealReason otherwise) {
  unsigned long code = ERR_peek_last_error();

  /* The last error may only say that something below failed; all of the queue can be read, and
  ** emptied, where none of it is the host's. */
  while (code != 0 && ERR_GET_REASON(code) != ERR_R_MALLOC_FAILURE) {
    code = mark->own ? ERR_get_error() : 0;
  }
  return code != 0 ? SEAL_NOMEM : otherwise;
}

void *seal_copy(const void *data, size_t n) {
  char *copy = malloc(n + 1);

  if (copy) {
    if (n) memcpy(copy, data, n);
    copy[n] = 0;
  }
  return copy;
}

/* Keeps a reference to what every later call will look up by name. */
static int fetch_held(SealCrypto *c) {
  int good = 1;

  for (size_t i = 0; i < COUNT(signature_name); i++) {
    c->signature[i] = EVP_SIGNATURE_fetch(c->lib, signature_name[i], NULL);
    good = good && c->signature[i];
  }
  for (size_t i = 0; i < COUNT(keymgmt_name); i++) {
    c->keymgmt[i] = EVP_KEYMGMT_fetch(c->lib, keymgmt_name[i], NULL);
    good = good && c->keymgmt[i];
  }
  c->ecdh = EVP_KEYEXCH_fetch(c->lib, "ECDH", NULL);
  return good && c->ecdh;
}

static int fetch_all(SealCrypto *c) {
  static const char *const md[SEAL_MD_COUNT] = {"SHA256", "SHA384", "SHA512"};
  int good = 1;

  c->lib = OSSL_LIB_CTX_new();
  if (!c->lib) return 0;
  c->provider = OSSL_PROVIDER_load(c->lib, "default");
  if (!c->provider) return 0;
  for (int i = 0; i < SEAL_MD_COUNT; i++) {
    c->md[i] = EVP_MD_fetch(c->lib, md[i], NULL);
    good = good && c->md[i];
  }
  c->hmac = EVP_MAC_fetch(c->lib, "HMAC", NULL);
  c->gcm = EVP_CIPHER_fetch(c->lib, "AES-256-GCM", NULL);
  c->wrap = EVP_CIPHER_fetch(c->lib, "AES-256-WRAP", NULL);
  c->hkdf = EVP_KDF_fetch(c->lib, "HKDF", NULL);
  c->digest = EVP_MD_CTX_new();
  c->message = EVP_MD_CTX_new();
  return good && c->hmac && c->gcm && c->wrap && c->hkdf && c->digest && c->message &&
         fetch_held(c);
}

SealCrypto *seal_crypto_new(void) {
  SealMark mark;
  SealCrypto *c;
  unsigned char first[SEAL_SHA256_SIZE];

  seal_mark(&mark);
  c = calloc(1, sizeof *c);
  /* The random generator is made at its first use: make it now. */
  if (c && (!fetch_all(c) || seal_random(c, first, sizeof first) != SEAL_VALID ||
            seal_sha256(c, first, sizeof first, first) != SEAL_VALID)) {
    seal_crypto_free(c);
    c = NULL;
  }
  seal_unmark(&mark);
  return c;
}

void seal_crypto_free(SealCrypto *c) {
  SealMark mark;

  if (!c) return;
  seal_mark(&mark);
  EVP_MD_CTX_free(c->digest);
  EVP_MD_CTX_free(c->message);
  for (int i = 0; i < SEAL_MD_COUNT; i++) EVP_MD_free(c->md[i]);
  EVP_MAC_free(c->hmac);
  EVP_CIPHER_free(c->gcm);
  EVP_CIPHER_free(c->wrap);
  EVP_KDF_free(c->hkdf);
  for (int i = 0; i < SEAL_HELD_MAX; i++) EVP_SIGNATURE_free(c->signature[i]);
  for (int i = 0; i < SEAL_HELD_MAX; i++) EVP_KEYMGMT_free(c->keymgmt[i]);
  EVP_KEYEXCH_free(c->ecdh);
  seal_x509_forget(c);
  if (c->provider) OSSL_PROVIDER_unload(c->provider);
  OSSL_LIB_CTX_free(c->lib);
  free(c);
  seal_unmark(&mark);
}
