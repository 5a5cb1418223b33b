/* Who is asking (registrar.h): a credential, and the VAL server that it proves.
**
**    token --> iss (unverified) --> that VAL server's keys --> signature --> claims --> status
**
** Two caches of this connection make the second time cheap. Both hold facts that can't turn false, so
** that neither has to be told of a change: the parsed form of a key (found again by all its bytes),
** and "this token's signature is right for this key" (found again by SHA-256 of the token and the
** key's thumbprint). Times, claims and every status are judged afresh each time.
*/
#include "registrar/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_SIZE 256 /* keys, and tokens, that a connection remembers */

typedef struct CachedKey {
  void *value; /* the credential's value as stored */
  int n;
  SealKeySet *set;
} CachedKey;

typedef struct CachedToken {
  int used;
  unsigned char hash[SEAL_SHA256_SIZE];
  char thumbprint[44];
  SealJwt jwt;
} CachedToken;

struct SealKeyCache {
  CachedKey keys[CACHE_SIZE];
  CachedToken tokens[CACHE_SIZE];
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

void seal_keys_free(SealKeyCache *cache) {
  if (cache == NULL) return;
  for (int i = 0; i < CACHE_SIZE; i++) {
    key_clear(&cache->keys[i]);
    if (cache->tokens[i].used) seal_jwt_clear(&cache->tokens[i].jwt);
  }
  sqlite3_free(cache);
}

/* A fault of crypto's as one of SQLite's; a refusal becomes SQLITE_CONSTRAINT_VTAB. */
static int reason_rc(SealReason reason) {
  if (reason == SEAL_VALID) return SQLITE_OK;
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  return reason == SEAL_INTERNAL ? SQLITE_ERROR : SQLITE_CONSTRAINT_VTAB;
}

int seal_credential_read(SealText text, SealCredential *out, json_t **json, SealError *err) {
  memset(out, 0, sizeof *out);
  *json = NULL;
  if (text.p == NULL || text.n == 0) {
    return seal_refuse(err, SEAL_CREDENTIAL_MISSING, "there is no credential");
  }
  if (text.p[0] == '-') {
    out->certificate = text;
    return SQLITE_OK;
  }
  if (text.p[0] != '{') {
    out->token = text;
    return SQLITE_OK;
  }
  SealReason reason = seal_json_parse(text.p, (size_t)text.n, 4, json);
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  json_t *token = json_object_get(*json, "authorization");
  json_t *certificate = json_object_get(*json, "clientCertificate");
  if (reason != SEAL_VALID || (token && !json_is_string(token)) ||
      (certificate && !json_is_string(certificate)) || (!token && !certificate)) {
    return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "the credential is not well-formed");
  }
  if (token != NULL) {
    out->token = (SealText){json_string_value(token), (int)json_string_length(token)};
    if (out->token.n >= 7 && sqlite3_strnicmp(out->token.p, "Bearer ", 7) == 0) {
      out->token.p += 7;
      out->token.n -= 7;
    }
  }
  if (certificate != NULL) {
    out->certificate =
        (SealText){json_string_value(certificate), (int)json_string_length(certificate)};
  }
  return SQLITE_OK;
}

/* What is said of a token that can't be believed: the same whether its key is unknown, its signature
** wrong or its form bad, so that a peer can't tell. */
static int disbelieve(SealError *err) {
  return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "the token proves no VAL server");
}

/* Gives the parsed form of a key, from the cache where its slot has these very bytes. */
static int key_parse(Seal *p, int64_t credential, const void *value, int n, SealKeySet **out) {
  CachedKey *key = &p->keys->keys[(uint64_t)credential % CACHE_SIZE];
  if (key->set != NULL && key->n == n && seal_same(key->value, value, (size_t)n)) {
    *out = key->set;
    return SQLITE_OK;
  }
  key_clear(key);
  int rc = reason_rc(seal_keyset_parse(p->crypto, value, (size_t)n, SEAL_KEYSET_PUBLIC, &key->set));
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

/* A VAL server's row. */
typedef struct Server {
  int64_t id, exp_time;
  int active;
} Server;

static int server_find(Seal *p, SealText val_server_id, Server *out) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_AUTHENTICATE_VAL_SERVER, &row, "s", &val_server_id);
  if (rc == SQLITE_ROW) {
    SealText status = seal_column_text(row, 1);
    out->id = sqlite3_column_int64(row, 0);
    out->active = status.p != NULL && strcmp(status.p, "active") == 0;
    out->exp_time = seal_column_until(row, 2);
  }
  seal_store_reset(row);
  return rc;
}

static int server_check(const Server *server, int64_t at, SealError *err) {
  if (at >= server->exp_time) {
    return seal_refuse(err, SEAL_REQUESTER_NOT_ACTIVE, "the VAL server's registration has ended");
  }
  if (!server->active) {
    return seal_refuse(err, SEAL_REQUESTER_NOT_ACTIVE, "the VAL server is not active");
  }
  return SQLITE_OK;
}

/* The window and status of the credential in `row` (columns as in authenticate_keys). */
static int credential_check(sqlite3_stmt *row, int64_t at, SealRequester *out, SealError *err) {
  SealText status = seal_column_text(row, 4);
  if (status.p == NULL) return seal_text_missing(row, 4);
  if (strcmp(status.p, "active") != 0) {
    return seal_refuse(err, SEAL_CREDENTIAL_REVOKED, "the credential is revoked");
  }
  if (sqlite3_column_type(row, 2) != SQLITE_NULL && at < sqlite3_column_int64(row, 2)) {
    return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "the credential is not valid yet");
  }
  int64_t until = seal_column_until(row, 3);
  if (at >= until) return seal_refuse(err, SEAL_CREDENTIAL_EXPIRED, "the credential has expired");
  if (until < out->until) out->until = until;
  return SQLITE_OK;
}

/* The registrar's identifier, which a token's audience must contain. */
static int registrar_identifier(Seal *p, char *out, int size) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_AUTHENTICATE_REGISTRAR, &row, "");
  if (rc == SQLITE_ROW) {
    SealText text = seal_column_text(row, 0);
    sqlite3_snprintf(size, out, "%.*s", text.n, text.p ? text.p : "");
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
}

/* The token in the cache, if its signature was right for some key before. */
static CachedToken *token_find(Seal *p, const unsigned char hash[SEAL_SHA256_SIZE]) {
  CachedToken *token = &p->keys->tokens[hash[0]];
  return token->used && memcmp(token->hash, hash, SEAL_SHA256_SIZE) == 0 ? token : NULL;
}

/* Verifies the token's signature with one key, from the cache or by computing; *out belongs to the
** cache. SQLITE_CONSTRAINT_VTAB: not this key. */
static int token_verify(Seal *p, SealText token, const unsigned char hash[SEAL_SHA256_SIZE],
                        const SealKeySet *set, SealJwt **out) {
  const char *thumbprint = seal_keyset_thumbprint(set, 0);
  CachedToken *cached = token_find(p, hash);
  if (cached != NULL && strcmp(cached->thumbprint, thumbprint) == 0) {
    *out = &cached->jwt;
    return SQLITE_OK;
  }
  cached = &p->keys->tokens[hash[0]];
  SealJwt jwt;
  memset(&jwt, 0, sizeof jwt);
  SealReason reason = seal_jws_verify(p->crypto, token.p, (size_t)token.n, set, NULL, &jwt.jws);
  if (reason != SEAL_VALID) {
    seal_jwt_clear(&jwt);
    return reason_rc(reason);
  }
  if (cached->used) seal_jwt_clear(&cached->jwt);
  cached->jwt = jwt;
  cached->used = 1;
  memcpy(cached->hash, hash, SEAL_SHA256_SIZE);
  memcpy(cached->thumbprint, thumbprint, sizeof cached->thumbprint);
  *out = &cached->jwt;
  return SQLITE_OK;
}

/* The claims of a VAL server's own token: INTERFACE.md 5. */
static int claims_check(Seal *p, SealJwt *jwt, const char *val_server_id, int64_t at,
                        SealRequester *out, SealError *err) {
  char identifier[1024];
  int rc = registrar_identifier(p, identifier, sizeof identifier);
  if (rc != SQLITE_OK) return rc;
  SealJwtPolicy policy = {
      .iss = val_server_id,
      .aud = identifier,
      .at = at,
      .leeway = SEAL_LEEWAY,
      .max_lifetime = SEAL_LIFETIME,
      .any_typ = 1,
  };
  SealReason reason = seal_jwt_check(jwt, &policy);
  if (reason == SEAL_REASON_EXPIRED) {
    return seal_refuse(err, SEAL_CREDENTIAL_EXPIRED, "the token has expired");
  }
  if (reason != SEAL_VALID) {
    rc = reason_rc(reason);
    return rc == SQLITE_CONSTRAINT_VTAB ? disbelieve(err) : rc;
  }
  if (jwt->sub == NULL || strcmp(jwt->sub, val_server_id) != 0 || jwt->jti == NULL ||
      jwt->jti[0] == 0 || strlen(jwt->jti) > SEAL_ID_MAX + 1) {
    return disbelieve(err);
  }
  sqlite3_snprintf(sizeof out->iss, out->iss, "%s", jwt->iss);
  sqlite3_snprintf(sizeof out->jti, out->jti, "%s", jwt->jti);
  out->until = jwt->exp + SEAL_LEEWAY;
  out->replay_until = jwt->exp + SEAL_LEEWAY;
  return SQLITE_OK;
}

/* Tries the VAL server's keys, the named one first; the first whose signature fits decides. */
static int token_by_keys(Seal *p, SealText token, const Server *server, const char *val_server_id,
                         const char *kid, int64_t at, SealRequester *out, SealError *err) {
  unsigned char hash[SEAL_SHA256_SIZE];
  int rc = reason_rc(seal_sha256(p->crypto, token.p, (size_t)token.n, hash));
  if (rc != SQLITE_OK) return rc;
  sqlite3_stmt *row;
  rc = seal_store_row(&p->store, SQL_AUTHENTICATE_KEYS, &row, "it", server->id, kid);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    SealKeySet *set;
    SealJwt *jwt;
    rc = key_parse(p, sqlite3_column_int64(row, 0), sqlite3_column_blob(row, 1),
                   sqlite3_column_bytes(row, 1), &set);
    if (rc == SQLITE_OK) rc = token_verify(p, token, hash, set, &jwt);
    if (rc == SQLITE_CONSTRAINT_VTAB) continue;
    if (rc == SQLITE_OK) rc = claims_check(p, jwt, val_server_id, at, out, err);
    if (rc == SQLITE_OK) rc = credential_check(row, at, out, err);
    break;
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? disbelieve(err) : rc;
}

/* A JWT that the VAL server signed with a registered key. */
static int authenticate_token(Seal *p, SealText token, int64_t at, SealRequester *out,
                              SealError *err) {
  char *iss = NULL, *client_id = NULL, *kid = NULL;
  Server server = {0, SEAL_UNBOUNDED, 0};
  SealReason reason = seal_jwt_peek(token.p, (size_t)token.n, &iss, &client_id, &kid);
  SealText val_server_id = {iss, iss ? (int)strlen(iss) : 0};
  int rc = reason_rc(reason);
  if (rc == SQLITE_CONSTRAINT_VTAB || (rc == SQLITE_OK && !seal_is_id(val_server_id))) {
    rc = disbelieve(err);
  }
  if (rc == SQLITE_OK) {
    rc = server_find(p, val_server_id, &server);
    rc = rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? disbelieve(err) : rc;
  }
  if (rc == SQLITE_OK) rc = token_by_keys(p, token, &server, iss, kid, at, out, err);
  if (rc == SQLITE_OK) rc = server_check(&server, at, err);
  if (rc == SQLITE_OK) {
    out->val_server = server.id;
    sqlite3_snprintf(sizeof out->val_server_id, out->val_server_id, "%s", iss);
    if (server.exp_time < out->until) out->until = server.exp_time;
  }
  free(iss);
  free(client_id);
  free(kid);
  return rc;
}

int seal_authenticate(Seal *p, const SealCredential *credential, int64_t at, SealRequester *out,
                      SealError *err) {
  memset(out, 0, sizeof *out);
  out->until = SEAL_UNBOUNDED;
  if (credential->token.p != NULL) return authenticate_token(p, credential->token, at, out, err);
  return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "the certificate proves no VAL server");
}

int seal_consume(Seal *p, const SealRequester *who, SealError *err) {
  int64_t txn, used = 0;
  if (who->jti[0] == 0) return SQLITE_OK;
  int rc = seal_transaction_number(p, &txn);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_REPLAY_INSERT, "ttii", who->iss, who->jti, who->replay_until,
                        txn);
  }
  if (rc != SQLITE_OK || sqlite3_changes(p->store.db) > 0) return rc;
  sqlite3_stmt *row;
  rc = seal_store_row(&p->store, SQL_REPLAY_FIND, &row, "tt", who->iss, who->jti);
  if (rc == SQLITE_ROW) used = sqlite3_column_int64(row, 0);
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  if (used == txn) return SQLITE_OK;
  return seal_refuse(err, SEAL_CREDENTIAL_REPLAYED, "the token was used before");
}

int seal_credential_check(Seal *p, SealText type, const void *value, int n, char thumbprint[44],
                          SealError *err) {
  if (type.n != 3 || memcmp(type.p, "jwk", 3) != 0) {
    return seal_refuse(err, SEAL_SEALED, "a credential of this type can't be stored");
  }
  SealKeySet *set = NULL;
  SealReason reason = seal_keyset_parse(p->crypto, value, (size_t)n, SEAL_KEYSET_PUBLIC, &set);
  int rc = reason_rc(reason);
  if (rc == SQLITE_OK && seal_keyset_count(set) != 1) {
    rc = seal_refuse(err, SEAL_CREDENTIAL_INVALID,
                     "seal_credential.value: one key is needed, not a set");
  }
  if (rc == SQLITE_CONSTRAINT_VTAB && err->cause == SEAL_CAUSE_NONE) {
    rc = seal_refuse(err, SEAL_CREDENTIAL_INVALID, "seal_credential.value: %s",
                     seal_reason_text(reason));
  }
  if (rc == SQLITE_OK) memcpy(thumbprint, seal_keyset_thumbprint(set, 0), 44);
  seal_keyset_free(set);
  return rc;
}
