/* The context: of each connection a small one, and of the process one OSSL_LIB_CTX of our own, with the
** default provider and every algorithm fetched, so that no later call reads a configuration, loads a
** provider or meets a host's choices.
**
**    SealCrypto *c = seal_crypto_new();   // the first of a process: milliseconds; then microseconds
**    ...
**    seal_crypto_free(c);
**
** OpenSSL's first use of an algorithm is where it copes worst with a lack of memory; here is the
** one place where that happens. There OpenSSL 3.0 also reads its configuration, if the process has
** not done so yet, into the context of the host; none of it reaches ours. To forbid that would take
** the host's own settings from it (OPENSSL_INIT_NO_LOAD_CONFIG holds for the whole process).
*/
#include <stdatomic.h>
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
  /* A lack of memory that was told before is not to be taken for ours: one more error, of nothing, is above it. */
  if (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE) ERR_raise(ERR_LIB_USER, 0);
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

EVP_MD_CTX *seal_scratch(EVP_MD_CTX **scratch) {
  if (!*scratch) *scratch = EVP_MD_CTX_new();
  return *scratch;
}

/************************************************************************************************
** What is shared
*/
/* Keeps a reference to what every later call will look up by name. */
static int fetch_held(SealShared *shared) {
  int good = 1;

  for (size_t i = 0; i < COUNT(signature_name); i++) {
    shared->signature[i] = EVP_SIGNATURE_fetch(shared->lib, signature_name[i], NULL);
    good = good && shared->signature[i];
  }
  for (size_t i = 0; i < COUNT(keymgmt_name); i++) {
    shared->keymgmt[i] = EVP_KEYMGMT_fetch(shared->lib, keymgmt_name[i], NULL);
    good = good && shared->keymgmt[i];
  }
  shared->ecdh = EVP_KEYEXCH_fetch(shared->lib, "ECDH", NULL);
  return good && shared->ecdh;
}

/* Lets OpenSSL start, which it does once for a process: where it failed, it fails for ever, and not all
** of it says so. */
static int start(void) {
  return OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1;
}

static int fetch_all(SealShared *shared) {
  static const char *const md[SEAL_MD_COUNT] = {"SHA256", "SHA384", "SHA512"};
  int good = 1;

  shared->lib = OSSL_LIB_CTX_new();
  if (!shared->lib) return 0;
  shared->provider = OSSL_PROVIDER_load(shared->lib, "default");
  if (!shared->provider) return 0;
  for (int i = 0; i < SEAL_MD_COUNT; i++) {
    shared->md[i] = EVP_MD_fetch(shared->lib, md[i], NULL);
    good = good && shared->md[i];
  }
  shared->shake = EVP_MD_fetch(shared->lib, "SHAKE256", NULL); /* of Ed448 */
  shared->hmac = EVP_MAC_fetch(shared->lib, "HMAC", NULL);
  shared->gcm = EVP_CIPHER_fetch(shared->lib, "AES-256-GCM", NULL);
  shared->wrap = EVP_CIPHER_fetch(shared->lib, "AES-256-WRAP", NULL);
  shared->hkdf = EVP_KDF_fetch(shared->lib, "HKDF", NULL);
  return good && shared->shake && shared->hmac && shared->gcm && shared->wrap && shared->hkdf &&
         fetch_held(shared);
}

/* Draws random bytes and digests them: the generators are made at their first use, so make them now. */
static int try_out(const SealShared *shared) {
  SealCrypto c = {.shared = shared}; /* for this only: no connection has it yet */
  unsigned char first[SEAL_SHA256_SIZE];
  int good = seal_random(&c, first, sizeof first) == SEAL_VALID &&
             seal_sha256(&c, first, sizeof first, first) == SEAL_VALID;

  EVP_MD_CTX_free(c.digest);
  return good;
}

SealShared *seal_shared_new(void) {
  SealMark mark;
  SealShared *shared;

  seal_mark(&mark);
  shared = calloc(1, sizeof *shared);
  /* Where memory ran out and OpenSSL went on, it may have done so without one of the algorithms, and for
  ** good: what its queue tells of that is not taken for whole, either. */
  if (shared && (!start() || !fetch_all(shared) || !try_out(shared) ||
                 seal_failed(&mark, SEAL_VALID) != SEAL_VALID)) {
    seal_shared_free(shared);
    shared = NULL;
  }
  seal_unmark(&mark);
  return shared;
}

void seal_shared_free(SealShared *shared) {
  SealMark mark;

  if (!shared) return;
  seal_mark(&mark);
  for (int i = 0; i < SEAL_MD_COUNT; i++) EVP_MD_free(shared->md[i]);
  EVP_MD_free(shared->shake);
  EVP_MAC_free(shared->hmac);
  EVP_CIPHER_free(shared->gcm);
  EVP_CIPHER_free(shared->wrap);
  EVP_KDF_free(shared->hkdf);
  for (int i = 0; i < SEAL_HELD_MAX; i++) EVP_SIGNATURE_free(shared->signature[i]);
  for (int i = 0; i < SEAL_HELD_MAX; i++) EVP_KEYMGMT_free(shared->keymgmt[i]);
  EVP_KEYEXCH_free(shared->ecdh);
  if (shared->provider) OSSL_PROVIDER_unload(shared->provider);
  OSSL_LIB_CTX_free(shared->lib);
  free(shared);
  seal_unmark(&mark);
}

/* The one of the process; NULL if it could not be made: the next call tries again. Without a lock, which
** a fork might leave locked for ever: of two threads that make one at the same time, the second throws
** its own away. */
static const SealShared *share(void) {
  static _Atomic(SealShared *) process;
  SealShared *shared = atomic_load(&process), *made;

  if (shared) return shared;
  made = seal_shared_new();
  if (!made) return NULL;
  if (atomic_compare_exchange_strong(&process, &shared, made)) return made;
  seal_shared_free(made);
  return shared;
}

/************************************************************************************************
** One connection's
*/
SealCrypto *seal_crypto_new(void) {
  const SealShared *shared = share();
  SealCrypto *c = shared ? calloc(1, sizeof *c) : NULL;

  if (c) c->shared = shared;
  return c;
}

void seal_crypto_free(SealCrypto *c) {
  SealMark mark;

  if (!c) return;
  seal_mark(&mark);
  EVP_MD_CTX_free(c->digest);
  EVP_MD_CTX_free(c->message);
  free(c);
  seal_unmark(&mark);
}
