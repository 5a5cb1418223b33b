/* What a connection remembers of keys and tokens (internal.h), so that a second time is cheap.
**
** All caches hold facts that can't turn false, so that none has to be told of a change:
**
**    the parsed form of a key                        found again by all its bytes
**    this token is rightly signed for these keys     by SHA-256 of the token and of the keys as they are
**                                                    stored: their kids and algorithms decide, too
**    this token was believed                         by its SHA-256, at the very instant (a second), of
**                                                    the very state of the database
**
** Where the last one does not fit, times, claims and every status are judged afresh.
*/
#include "registrar/internal.h"

#include <string.h>

#define CACHE_SIZE 256 /* keys, and tokens, that a connection remembers */

typedef struct CachedKey {
  void *value; /* the key as stored */
  int n;
  SealKeySet *set;
} CachedKey;

typedef struct CachedToken {
  int used;
  unsigned char hash[SEAL_SHA256_SIZE];
  unsigned char keys[SEAL_SHA256_SIZE]; /* whose signature it has */
  SealJwt jwt;
} CachedToken;

#define VERDICTS 64

typedef struct Verdict {
  int used;
  unsigned version; /* of the database */
  unsigned char hash[SEAL_SHA256_SIZE];
  SealRequester who;
} Verdict;

struct SealKeyCache {
  CachedKey keys[CACHE_SIZE];
  CachedToken tokens[CACHE_SIZE];
  Verdict verdicts[VERDICTS];
};

SealKeyCache *seal_keys_new(void) {
  SealKeyCache *cache = sqlite3_malloc(sizeof *cache);
  if (cache != NULL) memset(cache, 0, sizeof *cache);
  return cache;
}

static void key_clear(CachedKey *key) {
  seal_keyset_free(key->set);
  if (key->value != NULL) seal_wipe(key->value, (size_t)key->n);
  sqlite3_free(key->value);
  memset(key, 0, sizeof *key);
}

void seal_keys_forget(SealKeyCache *cache) {
  memset(cache->verdicts, 0, sizeof cache->verdicts);
  for (int i = 0; i < CACHE_SIZE; i++) {
    key_clear(&cache->keys[i]);
    if (cache->tokens[i].used) seal_jwt_clear(&cache->tokens[i].jwt);
    cache->tokens[i].used = 0;
  }
}

void seal_keys_free(SealKeyCache *cache) {
  if (cache == NULL) return;
  seal_keys_forget(cache);
  sqlite3_free(cache);
}

int seal_reason_rc(SealReason reason) {
  if (reason == SEAL_VALID) return SQLITE_OK;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  return reason == SEAL_INTERNAL ? SQLITE_ERROR : SQLITE_CONSTRAINT_VTAB;
}

int seal_key_parse(Seal *p, uint64_t slot, int what, const void *value, int n, SealKeySet **out) {
  CachedKey *key = &p->keys->keys[slot % CACHE_SIZE];
  if (key->set != NULL && key->n == n && seal_same(key->value, value, (size_t)n)) {
    *out = key->set;
    return SQLITE_OK;
  }
  key_clear(key);
  int rc = seal_reason_rc(seal_keyset_parse(p->crypto, value, (size_t)n, what, &key->set));
  if (rc != SQLITE_OK) return rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_CORRUPT_VTAB : rc;
  key->value = sqlite3_malloc(n);
  if (key->value == NULL) {
    key_clear(key);
    return SQLITE_NOMEM;
  }
  memcpy(key->value, value, (size_t)n);
  key->n = n;
  *out = key->set;
  return SQLITE_OK;
}

/* The cache's place for a token. */
static CachedToken *token_slot(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE]) {
  return &p->keys->tokens[hash[0] % CACHE_SIZE];
}

/* SHA-256 of keys as they are stored, and of what they are called. */
static int keys_hash(Seal *p, SealText name, SealText value, unsigned char out[SEAL_SHA256_SIZE]) {
  unsigned char text[SEAL_SHA256_SIZE + SEAL_ID_MAX];
  size_t n = name.p && name.n <= SEAL_ID_MAX ? (size_t)name.n : 0;
  SealReason reason = seal_sha256(p->crypto, value.p, (size_t)value.n, text);
  if (reason != SEAL_VALID) return seal_reason_rc(reason);
  if (n > 0) memcpy(text + SEAL_SHA256_SIZE, name.p, n);
  return seal_reason_rc(seal_sha256(p->crypto, text, SEAL_SHA256_SIZE + n, out));
}

int seal_token_verify(Seal *p, SealText token, const unsigned char hash[SEAL_SHA256_SIZE],
                      const SealKeySet *set, SealText name, SealText value, SealJwt **out) {
  CachedToken *cached = token_slot(p, hash);
  unsigned char keys[SEAL_SHA256_SIZE];
  int rc = keys_hash(p, name, value, keys);
  if (rc != SQLITE_OK) return rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_ERROR : rc;
  if (cached->used && memcmp(cached->hash, hash, SEAL_SHA256_SIZE) == 0 &&
      memcmp(cached->keys, keys, SEAL_SHA256_SIZE) == 0) {
    *out = &cached->jwt;
    return SQLITE_OK;
  }
  SealJwt jwt;
  memset(&jwt, 0, sizeof jwt);
  SealReason reason = seal_jws_verify(p->crypto, token.p, (size_t)token.n, set, NULL, &jwt.jws);
  if (reason != SEAL_VALID) {
    seal_jwt_clear(&jwt);
    return seal_reason_rc(reason);
  }
  if (cached->used) seal_jwt_clear(&cached->jwt);
  cached->jwt = jwt;
  cached->used = 1;
  memcpy(cached->hash, hash, SEAL_SHA256_SIZE);
  memcpy(cached->keys, keys, SEAL_SHA256_SIZE);
  *out = &cached->jwt;
  return SQLITE_OK;
}

const SealJwt *seal_token_cached(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE]) {
  CachedToken *cached = token_slot(p, hash);
  if (!cached->used || memcmp(cached->hash, hash, SEAL_SHA256_SIZE) != 0) return NULL;
  return cached->jwt.claims ? &cached->jwt : NULL;
}

/* SQLite's number for the state of the database, which every commit changes, this connection's or
** another's. What is written and not committed has no number: -1 then, and without a transaction. */
static int state_version(Seal *p, unsigned *out) {
  if (sqlite3_txn_state(p->store.db, "main") != SQLITE_TXN_READ) return -1;
  return sqlite3_file_control(p->store.db, "main", SQLITE_FCNTL_DATA_VERSION, out) == SQLITE_OK
             ? 0
             : -1;
}

int seal_verdict_find(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE], SealRequester *out) {
  const Verdict *verdict = &p->keys->verdicts[hash[0] % VERDICTS];
  unsigned version;
  if (!verdict->used || verdict->who.at != out->at || verdict->who.host_clock != out->host_clock ||
      memcmp(verdict->hash, hash, SEAL_SHA256_SIZE) != 0 || state_version(p, &version) != 0 ||
      verdict->version != version) {
    return 0;
  }
  *out = verdict->who;
  return 1;
}

void seal_verdict_keep(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE],
                       const SealRequester *who) {
  Verdict *verdict = &p->keys->verdicts[hash[0] % VERDICTS];
  const SealJwt *jwt = seal_token_cached(p, hash);
  /* What a secret key proved holds only while this connection is unlocked. */
  if (jwt == NULL || strncmp(jwt->jws.alg, "HS", 2) == 0) return;
  verdict->used = state_version(p, &verdict->version) == 0;
  memcpy(verdict->hash, hash, SEAL_SHA256_SIZE);
  verdict->who = *who;
}
