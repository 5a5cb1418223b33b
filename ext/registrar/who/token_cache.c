/* What a connection remembers of keys and tokens (who.h), so that a second time is cheap.
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
#include "registrar/who/who_int.h"

#include <string.h>

#define CACHE_SIZE 256 /* keys, and tokens, that a connection remembers */

typedef struct CachedKey {
  void *value; /* the key as stored */
  int n;
  SealKeySet *set;
} CachedKey;

typedef struct CachedToken {
  unsigned char hash[SEAL_SHA256_SIZE];
  unsigned char keys[SEAL_SHA256_SIZE]; /* whose signature it has */
  SealJwt jwt;
} CachedToken;

#define VERDICTS 64

typedef struct Verdict {
  int used;
  SealWhom whom;
  unsigned version; /* of the database */
  unsigned char hash[SEAL_SHA256_SIZE];
  SealRequester who;
} Verdict;

/* What this room keeps for a connection: little at first, the large parts when they are first needed. */
typedef struct Cache {
  CachedKey keys[CACHE_SIZE];
  CachedToken *tokens[CACHE_SIZE];
  Verdict *verdicts[VERDICTS];
  SealAnchors anchors;
  int64_t generation; /* of the key that secrets were opened with */
} Cache;

static void key_clear(CachedKey *key) {
  seal_keyset_free(key->set);
  if (key->value != NULL) seal_wipe(key->value, (size_t)key->n);
  sqlite3_free(key->value);
  memset(key, 0, sizeof *key);
}

static void token_clear(CachedToken **token) {
  if (*token == NULL) return;
  seal_jwt_clear(&(*token)->jwt);
  sqlite3_free(*token);
  *token = NULL;
}

static void empty_cache(Cache *cache) {
  for (int i = 0; i < VERDICTS; i++) {
    sqlite3_free(cache->verdicts[i]);
    cache->verdicts[i] = NULL;
  }
  for (int i = 0; i < CACHE_SIZE; i++) {
    key_clear(&cache->keys[i]);
    token_clear(&cache->tokens[i]);
  }
}

static void cache_clear(void *state) {
  Cache *cache = state;
  empty_cache(cache);
  seal_anchors_clear(&cache->anchors);
}

/* The cache, or NULL: out of memory. What was proved under another key is forgotten. */
static Cache *cache_of(Seal *p) {
  Cache *cache = seal_room(p, SEAL_ROOM_WHO, sizeof *cache, cache_clear);
  if (cache != NULL && cache->generation != seal_key_generation(p)) {
    empty_cache(cache);
    cache->generation = seal_key_generation(p);
  }
  return cache;
}

SealAnchors *seal_anchors_kept(Seal *p) {
  Cache *cache = cache_of(p);
  return cache ? &cache->anchors : NULL;
}

int seal_key_parse(Seal *p, uint64_t slot, int what, const void *value, int n, SealKeySet **out) {
  Cache *cache = cache_of(p);
  if (cache == NULL) return SQLITE_NOMEM;
  CachedKey *key = &cache->keys[slot % CACHE_SIZE];
  if (key->set != NULL && seal_same(key->value, (size_t)key->n, value, (size_t)n)) {
    *out = key->set;
    return SQLITE_OK;
  }
  key_clear(key);
  int rc = seal_reason_rc(seal_keyset_parse(seal_crypto(p), value, (size_t)n, what, &key->set));
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

/* SHA-256 of keys as they are stored, and of what they are called. */
static int keys_hash(Seal *p, SealText name, SealText value, unsigned char out[SEAL_SHA256_SIZE]) {
  unsigned char text[SEAL_SHA256_SIZE + SEAL_ID_MAX];
  size_t n = name.p && name.n <= SEAL_ID_MAX ? (size_t)name.n : 0;
  SealReason reason = seal_sha256(seal_crypto(p), value.p, (size_t)value.n, text);
  if (reason != SEAL_VALID) return seal_reason_rc(reason);
  if (n > 0) memcpy(text + SEAL_SHA256_SIZE, name.p, n);
  return seal_reason_rc(seal_sha256(seal_crypto(p), text, SEAL_SHA256_SIZE + n, out));
}

int seal_token_verify(Seal *p, SealText token, const unsigned char hash[SEAL_SHA256_SIZE],
                      const SealKeySet *set, SealText name, SealText value, SealJwt **out) {
  Cache *cache = cache_of(p);
  unsigned char keys[SEAL_SHA256_SIZE];
  if (cache == NULL) return SQLITE_NOMEM;
  CachedToken **place = &cache->tokens[hash[0] % CACHE_SIZE], *cached = *place;
  int rc = keys_hash(p, name, value, keys);
  if (rc != SQLITE_OK) return rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_ERROR : rc;
  if (cached != NULL && memcmp(cached->hash, hash, SEAL_SHA256_SIZE) == 0 &&
      memcmp(cached->keys, keys, SEAL_SHA256_SIZE) == 0) {
    *out = &cached->jwt;
    return SQLITE_OK;
  }
  SealJwt jwt;
  memset(&jwt, 0, sizeof jwt);
  SealReason reason =
      seal_jws_verify(seal_crypto(p), token.p, (size_t)token.n, set, NULL, &jwt.jws);
  if (reason == SEAL_VALID && (cached = sqlite3_malloc(sizeof *cached)) == NULL) {
    reason = SEAL_NOMEM;
  }
  if (reason != SEAL_VALID) {
    seal_jwt_clear(&jwt);
    return seal_reason_rc(reason);
  }
  token_clear(place);
  *place = cached;
  cached->jwt = jwt;
  memcpy(cached->hash, hash, SEAL_SHA256_SIZE);
  memcpy(cached->keys, keys, SEAL_SHA256_SIZE);
  *out = &cached->jwt;
  return SQLITE_OK;
}

const SealJwt *seal_token_cached(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE]) {
  Cache *cache = cache_of(p);
  const CachedToken *cached = cache ? cache->tokens[hash[0] % CACHE_SIZE] : NULL;
  if (cached == NULL || memcmp(cached->hash, hash, SEAL_SHA256_SIZE) != 0) return NULL;
  return cached->jwt.claims ? &cached->jwt : NULL;
}

/* SQLite's number for the state of the database, which every commit changes, this connection's or
** another's. What is written and not committed has no number: -1 then, and without a transaction. */
static int state_version(Seal *p, unsigned *out) {
  if (sqlite3_txn_state(seal_db(p), "main") != SQLITE_TXN_READ) return -1;
  return sqlite3_file_control(seal_db(p), "main", SQLITE_FCNTL_DATA_VERSION, out) == SQLITE_OK ? 0
                                                                                               : -1;
}

int seal_verdict_find(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE], SealWhom whom,
                      SealRequester *out) {
  Cache *cache = cache_of(p);
  const Verdict *verdict = cache ? cache->verdicts[hash[0] % VERDICTS] : NULL;
  unsigned version;
  if (verdict == NULL || !verdict->used || verdict->whom != whom ||
      verdict->who.at.t != out->at.t || verdict->who.at.by_host != out->at.by_host ||
      memcmp(verdict->hash, hash, SEAL_SHA256_SIZE) != 0 || state_version(p, &version) != 0 ||
      verdict->version != version) {
    return 0;
  }
  *out = verdict->who;
  return 1;
}

void seal_verdict_keep(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE], SealWhom whom,
                       const SealRequester *who) {
  Cache *cache = cache_of(p);
  const SealJwt *jwt = seal_token_cached(p, hash);
  /* What a secret key proved holds only while this connection is unlocked. */
  if (cache == NULL || jwt == NULL || strncmp(jwt->jws.alg, "HS", 2) == 0) return;
  Verdict **place = &cache->verdicts[hash[0] % VERDICTS], *verdict = *place;
  if (verdict == NULL) verdict = *place = sqlite3_malloc(sizeof *verdict);
  if (verdict == NULL) return;
  verdict->used = state_version(p, &verdict->version) == 0;
  verdict->whom = whom;
  memcpy(verdict->hash, hash, SEAL_SHA256_SIZE);
  verdict->who = *who;
}
