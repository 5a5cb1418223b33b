/* Who is asking (who.h): a credential, and the VAL server or SEAL server that it proves.
**
**    token, typ at+jwt         --> iss: this registrar's own keys, or an `issuer` anchor's --> client_id (issued.c)
**    token, scope 3gpp#…       --> a `capif` anchor's keys --> iss (issued.c)
**    token, any other          --> iss (unverified) --> that VAL server's registered keys, or that SEAL server's key
**    certificate               --> registered itself, or a path to a `ca` anchor (certificate.c)
**
** then: signature, claims, the credential's and the server's window and status. What is said of a
** token that can't be believed is the same whether its key is unknown, its signature wrong or its form
** bad, so that a peer can't tell. An id may be a VAL server's and a SEAL server's: who asks for one of them says which.
*/
#include "base/address.h"
#include "registrar/who/who_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A token as a file or a command may give it: one line break at its end is not part of it. */
static void trim_token(SealText *token) {
  if (token->n > 0 && token->p[token->n - 1] == '\n') {
    token->n--;
    if (token->n > 0 && token->p[token->n - 1] == '\r') token->n--;
  }
}

/* 1 if a text holds PEM: no token does, and text may come before a block. */
static int holds_pem(SealText text) {
  static const char begin[] = "-----BEGIN ";
  return memmem(text.p, (size_t)text.n, begin, sizeof begin - 1) != NULL;
}

int seal_credential_read(SealText text, SealCredential *out, json_t **json, SealError *err) {
  memset(out, 0, sizeof *out);
  *json = NULL;
  if (text.p == NULL || text.n == 0) {
    return seal_refuse(err, SEAL_CREDENTIAL_MISSING, "there is no credential");
  }
  if (text.p[0] != '{') {
    if (holds_pem(text)) {
      out->certificate = text;
    } else {
      out->token = text;
      trim_token(&out->token);
    }
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
    trim_token(&out->token);
  }
  if (certificate != NULL) {
    out->certificate =
        (SealText){json_string_value(certificate), (int)json_string_length(certificate)};
  }
  return SQLITE_OK;
}

int seal_disbelieve(SealError *err) {
  return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "the token proves no VAL server");
}

/************************************************************************************************
** The VAL server, and its credential.
*/
int seal_val_server_find(Seal *p, SealText val_server_id, int64_t *id, SealError *err) {
  sqlite3_stmt *row;
  char quoted[SEAL_QUOTE_MAX + 8];
  int rc = seal_store_row(seal_store(p), SQL_VAL_SERVER_FIND, &row, "s", &val_server_id);
  *id = rc == SQLITE_ROW ? sqlite3_column_int64(row, VAL_SERVER_FIND_ID) : 0;
  seal_store_reset(row);
  if (rc != SQLITE_DONE) return rc == SQLITE_ROW ? SQLITE_OK : rc;
  return seal_refuse(err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no VAL server \"%s\"",
                     seal_quote(val_server_id, quoted));
}

void seal_requester_ends(SealRequester *out, int64_t until) {
  if (until < out->until) out->until = until;
  if (until < out->stands_until) out->stands_until = until;
}

int seal_registered_read(Seal *p, SealText val_server_id, SealRegistered *out) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_VAL_SERVER, &row, "s", &val_server_id);
  if (rc != SQLITE_ROW) return rc;
  SealText status = seal_column_text(row, AUTHENTICATE_VAL_SERVER_STATUS);
  if (status.p == NULL) rc = seal_text_missing(row, AUTHENTICATE_VAL_SERVER_STATUS);
  out->id = sqlite3_column_int64(row, AUTHENTICATE_VAL_SERVER_ID);
  out->exp_time = seal_column_until(row, AUTHENTICATE_VAL_SERVER_EXP_TIME);
  out->active = seal_text_is(status, "active");
  out->since = INT64_MIN;
  if (sqlite3_column_type(row, AUTHENTICATE_VAL_SERVER_REGISTERED) != SQLITE_NULL) {
    out->since = sqlite3_column_int64(row, AUTHENTICATE_VAL_SERVER_REGISTERED);
  }
  seal_store_reset(row);
  return rc;
}

int seal_requester_of(const SealRegistered *server, SealText val_server_id, int64_t at,
                      SealRequester *out, SealError *err) {
  out->val_server = server->id;
  sqlite3_snprintf(sizeof out->val_server_id, out->val_server_id, "%.*s", val_server_id.n,
                   val_server_id.p);
  seal_requester_ends(out, server->exp_time);
  if (at >= server->exp_time) {
    return seal_refuse(err, SEAL_REQUESTER_NOT_ACTIVE, "the VAL server's registration has ended");
  }
  if (server->active) return SQLITE_OK;
  return seal_refuse(err, SEAL_REQUESTER_NOT_ACTIVE, "the VAL server is not active");
}

int seal_requester_is(Seal *p, SealText val_server_id, int64_t at, SealRequester *out,
                      SealError *err) {
  SealRegistered server;
  int rc = seal_registered_read(p, val_server_id, &server);
  return rc == SQLITE_ROW ? seal_requester_of(&server, val_server_id, at, out, err) : rc;
}

int seal_server_is(Seal *p, SealText seal_server_id, SealRequester *out, SealError *err) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_SEAL_SERVER, &row, "s", &seal_server_id);
  if (rc == SQLITE_ROW) {
    SealText service = seal_column_text(row, AUTHENTICATE_SEAL_SERVER_SEAL_SERVICE),
             status = seal_column_text(row, AUTHENTICATE_SEAL_SERVER_STATUS);
    rc = service.p && status.p ? SQLITE_OK : SQLITE_CORRUPT_VTAB;
    out->seal_server = sqlite3_column_int64(row, AUTHENTICATE_SEAL_SERVER_ID);
    sqlite3_snprintf(sizeof out->seal_server_id, out->seal_server_id, "%.*s", seal_server_id.n,
                     seal_server_id.p);
    sqlite3_snprintf(sizeof out->seal_service, out->seal_service, "%.*s", service.n,
                     service.p ? service.p : "");
    if (rc == SQLITE_OK && !seal_text_is(status, "active")) {
      rc = seal_refuse(err, SEAL_REQUESTER_NOT_ACTIVE, "the SEAL server is not active");
    }
  }
  seal_store_reset(row);
  return rc;
}

int seal_credential_valid(sqlite3_stmt *row, int64_t at, SealRequester *out, SealError *err) {
  SealText status = seal_column_text(row, AUTHENTICATE_KEYS_STATUS);
  if (status.p == NULL) return seal_text_missing(row, AUTHENTICATE_KEYS_STATUS);
  if (strcmp(status.p, "active") != 0) {
    return seal_refuse(err, SEAL_CREDENTIAL_REVOKED, "the credential is revoked");
  }
  if (sqlite3_column_type(row, AUTHENTICATE_KEYS_START_TIME) != SQLITE_NULL &&
      at < sqlite3_column_int64(row, AUTHENTICATE_KEYS_START_TIME)) {
    return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "the credential is not valid yet");
  }
  int64_t until = seal_column_until(row, AUTHENTICATE_KEYS_EXP_TIME);
  if (at >= until) return seal_refuse(err, SEAL_CREDENTIAL_EXPIRED, "the credential has expired");
  seal_requester_ends(out, until);
  return SQLITE_OK;
}

/************************************************************************************************
** Tokens.
*/
int seal_refuse_claims(SealReason reason, SealError *err) {
  if (reason == SEAL_REASON_EXPIRED) {
    return seal_refuse(err, SEAL_CREDENTIAL_EXPIRED, "the token has expired");
  }
  int rc = seal_reason_rc(reason);
  return rc == SQLITE_CONSTRAINT_VTAB ? seal_disbelieve(err) : rc;
}

int seal_api_root(Seal *p, char out[SEAL_URI_MAX + 1]) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_REGISTRAR_API_ROOT, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText text = seal_column_text(row, REGISTRAR_API_ROOT_API_ROOT);
  if (text.p != NULL && !seal_is_http_uri(text)) rc = SQLITE_CORRUPT_VTAB;
  sqlite3_snprintf(SEAL_URI_MAX + 1, out, "%.*s", text.n, text.p ? text.p : "");
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* What a server's own token may be for besides the registrar's identifier: where its APIs are, or the token endpoint
** there. Asked only of a token that is not for the identifier. */
static SealReason judge_by_api_root(Seal *p, SealJwt *jwt, SealJwtPolicy *policy, int *rc) {
  char root[SEAL_URI_MAX + 1], endpoint[SEAL_URI_MAX + sizeof SEAL_TOKEN_PATH];
  *rc = seal_api_root(p, root);
  if (*rc != SQLITE_OK || root[0] == 0) return SEAL_REASON_AUD_MISMATCH;
  sqlite3_snprintf(sizeof endpoint, endpoint, "%s" SEAL_TOKEN_PATH, root);
  policy->aud[0] = root;
  policy->aud[1] = endpoint;
  return seal_jwt_check(jwt, policy);
}

/* A token of one use that may have been used before this database was restored: nothing here would know. It could be
** used since an hour before its end at the earliest. */
static int check_restored(const SealJwt *jwt, const SealToken *token, SealError *err) {
  if (token->restored == INT64_MIN) return SQLITE_OK;
  if (jwt->iat != INT64_MIN ? jwt->iat >= token->restored
                            : jwt->exp > token->restored + SEAL_LIFETIME + SEAL_LEEWAY) {
    return SQLITE_OK;
  }
  return seal_refuse(err, SEAL_CREDENTIAL_REPLAYED,
                     "the token was made before the database was restored: it may have been used");
}

/* The claims of a server's own token: iss = sub = it, one use, at most an hour ahead. */
static int own_claims(Seal *p, SealJwt *jwt, const SealToken *token, const char *id,
                      SealRequester *out, SealError *err) {
  SealJwtPolicy policy = {
      .iss = id,
      .aud = {token->identifier},
      .at = token->at,
      .leeway = SEAL_LEEWAY,
      .max_lifetime = SEAL_LIFETIME,
      .any_typ = 1,
      .x5t_s256 = token->x5t_s256,
      .unbound_too = 1,
  };
  int rc = SQLITE_OK;
  SealReason reason = seal_jwt_check(jwt, &policy);
  if (reason == SEAL_REASON_AUD_MISMATCH) reason = judge_by_api_root(p, jwt, &policy, &rc);
  if (rc != SQLITE_OK) return rc;
  if (reason != SEAL_VALID) return seal_refuse_claims(reason, err);
  if (jwt->sub == NULL || strcmp(jwt->sub, id) != 0 || jwt->jti == NULL ||
      strlen(jwt->jti) >= sizeof out->jti) {
    return seal_disbelieve(err);
  }
  rc = check_restored(jwt, token, err);
  if (rc != SQLITE_OK) return rc;
  sqlite3_snprintf(sizeof out->iss, out->iss, "%s", jwt->iss);
  sqlite3_snprintf(sizeof out->jti, out->jti, "%s", jwt->jti);
  out->until = out->replay_until = jwt->exp + SEAL_LEEWAY;
  out->scopes = SEAL_SCOPE_ALL;
  return SQLITE_OK;
}

/* A stored key of a VAL server, parsed: a JWK, which its credential_id names too, or a sealed secret. */
static int stored_key(Seal *p, sqlite3_stmt *row, const char *alg, SealKeySet **out,
                      SealKeySet **owned, SealError *err) {
  int64_t id = sqlite3_column_int64(row, AUTHENTICATE_KEYS_ID);
  SealText type = seal_column_text(row, AUTHENTICATE_KEYS_TYPE),
           name = seal_column_text(row, AUTHENTICATE_KEYS_CREDENTIAL_ID);
  SealText value = seal_column_bytes(row, AUTHENTICATE_KEYS_VALUE);
  int rc;
  *owned = NULL;
  if (type.p == NULL || name.p == NULL || value.p == NULL) return SQLITE_CORRUPT_VTAB;
  if (strcmp(type.p, "jwk") == 0) {
    rc = seal_key_parse(p, (uint64_t)id, SEAL_KEYSET_PUBLIC, value.p, value.n, out);
  } else {
    rc = seal_psk_open(p, id, seal_column_text(row, AUTHENTICATE_KEYS_IDENTITY), value.p, value.n,
                       alg, owned, err);
    *out = *owned;
  }
  if (rc == SQLITE_OK && seal_keyset_count(*out) != 1) rc = SQLITE_CORRUPT_VTAB;
  return rc == SQLITE_OK ? seal_reason_rc(seal_keyset_name(*out, 0, name.p)) : rc;
}

/* Tries one key; *mine is 1 when the token's signature fits it, and it decides. A value that is lost is
** told in *lost: another key may fit. */
static int try_key(Seal *p, const SealToken *token, sqlite3_stmt *row, const char *val_server_id,
                   const char *alg, int *mine, SealRequester *out, SealError *lost,
                   SealError *err) {
  SealKeySet *set, *owned;
  SealJwt *jwt = NULL;
  SealText value = seal_column_bytes(row, AUTHENTICATE_KEYS_VALUE);
  int rc = stored_key(p, row, alg, &set, &owned, lost);
  if (rc == SQLITE_OK) {
    rc = seal_token_verify(p, token->text, token->hash, set,
                           seal_column_text(row, AUTHENTICATE_KEYS_CREDENTIAL_ID), value, &jwt);
  }
  *mine = rc == SQLITE_OK;
  if (rc == SQLITE_CONSTRAINT_VTAB && lost->cause == SEAL_CAUSE_NONE) rc = SQLITE_OK;
  if (*mine) rc = own_claims(p, jwt, token, val_server_id, out, err);
  if (*mine && rc == SQLITE_OK) rc = seal_credential_valid(row, token->at, out, err);
  seal_keyset_free(owned);
  return rc;
}

#define KEYS_TRIED 16 /* of one VAL server, for one token */

/* Tries the VAL server's keys, the named one first; the first whose signature fits decides. */
static int by_keys(Seal *p, const SealToken *token, int64_t val_server, const char *val_server_id,
                   const char *kid, const char *alg, SealRequester *out, SealError *err) {
  sqlite3_stmt *row;
  SealError lost;
  int secret = strncmp(alg, "HS", 2) == 0, mine = 0, rc_lost = SQLITE_OK;
  memset(&lost, 0, sizeof lost);
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_KEYS, &row, "iti", val_server, kid,
                          (int64_t)secret);
  for (int i = 1; rc == SQLITE_ROW; i++) {
    rc = try_key(p, token, row, val_server_id, alg, &mine, out, &lost, err);
    if (!mine && rc == SQLITE_CORRUPT_VTAB) rc_lost = rc, rc = SQLITE_OK;
    if (mine || rc != SQLITE_OK) break;
    rc = i < KEYS_TRIED ? sqlite3_step(row) : SQLITE_DONE;
  }
  seal_store_reset(row);
  if (!mine && rc == SQLITE_DONE) rc = rc_lost ? rc_lost : seal_disbelieve(err);
  if (!mine && lost.cause != SEAL_CAUSE_NONE &&
      seal_refuse(err, lost.cause, "%s", lost.detail) == SQLITE_NOMEM) {
    rc = SQLITE_NOMEM;
  }
  seal_error_clear(&lost);
  return rc;
}

/* A JWT that the VAL server signed with a registered key. SQLITE_DONE: there is no such VAL server. */
static int by_own_token(Seal *p, const SealToken *token, const char *iss, const char *kid,
                        const char *alg, SealRequester *out, SealError *err) {
  SealText val_server_id = seal_text_from(iss);
  SealRegistered server;
  int rc = seal_registered_read(p, val_server_id, &server);
  if (rc != SQLITE_ROW) return rc;
  rc = by_keys(p, token, server.id, iss, kid, alg, out, err);
  return rc == SQLITE_OK ? seal_requester_of(&server, val_server_id, token->at, out, err) : rc;
}

/* A JWT that a SEAL server signed with its key. SQLITE_DONE: there is no such SEAL server, or it has no key. */
static int by_server_token(Seal *p, const SealToken *token, const char *iss, SealRequester *out,
                           SealError *err) {
  sqlite3_stmt *row;
  SealKeySet *set;
  SealJwt *jwt = NULL;
  SealText id = seal_text_from(iss);
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_SEAL_SERVER, &row, "s", &id);
  if (rc == SQLITE_ROW && sqlite3_column_type(row, AUTHENTICATE_SEAL_SERVER_JWK) == SQLITE_NULL)
    rc = SQLITE_DONE;
  if (rc == SQLITE_ROW) {
    uint64_t slot = SLOT_SERVER + (uint64_t)sqlite3_column_int64(row, AUTHENTICATE_SEAL_SERVER_ID);
    SealText value = seal_column_bytes(row, AUTHENTICATE_SEAL_SERVER_JWK);
    rc = seal_key_parse(p, slot, SEAL_KEYSET_PUBLIC, value.p, value.n, &set);
    if (rc == SQLITE_OK) {
      rc = seal_token_verify(p, token->text, token->hash, set, (SealText){NULL, 0}, value, &jwt);
    }
    if (rc == SQLITE_CONSTRAINT_VTAB) rc = seal_disbelieve(err);
  }
  seal_store_reset(row);
  if (rc == SQLITE_OK) rc = own_claims(p, jwt, token, iss, out, err);
  if (rc != SQLITE_OK) return rc;
  /* What it used is not confused with what a VAL server of the same id did: no id holds such a character. */
  sqlite3_snprintf(sizeof out->iss, out->iss, "\x1f%s", iss);
  return seal_server_is(p, id, out, err);
}

/* A JWT of whoever `iss` names; where both a VAL server and a SEAL server have that id, of the one who is asked for. */
static int by_iss(Seal *p, const SealToken *token, const char *iss, const char *kid,
                  const char *alg, SealRequester *out, SealError *err) {
  int rc = SQLITE_DONE, server = token->whom == SEAL_WHO_SEAL;
  if (!seal_is_id(seal_text_from(iss))) return seal_disbelieve(err);
  for (int i = 0; i < 2 && rc == SQLITE_DONE; i++, server = !server) {
    rc = server ? by_server_token(p, token, iss, out, err)
                : by_own_token(p, token, iss, kid, alg, out, err);
  }
  return rc == SQLITE_DONE ? seal_disbelieve(err) : rc;
}

/* 1 if the header says that this is an access token (RFC 9068 2.1). */
static int is_access_token(const char *typ) {
  return typ != NULL &&
         (sqlite3_stricmp(typ, "at+jwt") == 0 || sqlite3_stricmp(typ, "application/at+jwt") == 0);
}

static const char *member(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

/* Chooses whose keys to take by what the token says of itself. */
static int by_hint(Seal *p, const SealToken *token, const json_t *header, const json_t *claims,
                   SealRequester *out, SealError *err) {
  const char *alg = member(header, "alg");
  if (alg == NULL) return seal_disbelieve(err);
  /* Copies: verifying may put another token in the place of the cached one that these are from. */
  char iss[SEAL_ID_MAX + 1], kid[SEAL_ID_MAX + 1], name[16];
  sqlite3_snprintf(sizeof iss, iss, "%s", member(claims, "iss") ? member(claims, "iss") : "");
  sqlite3_snprintf(sizeof kid, kid, "%s", member(header, "kid") ? member(header, "kid") : "");
  sqlite3_snprintf(sizeof name, name, "%s", alg);
  if (seal_is_capif_scope(member(claims, "scope"))) return seal_by_capif(p, token, iss, out, err);
  if (is_access_token(member(header, "typ"))) return seal_by_access_token(p, token, iss, out, err);
  return by_iss(p, token, iss, kid, name, out, err);
}

static int authenticate_token(Seal *p, const SealToken *token, SealRequester *out, SealError *err) {
  SealPeek peek;
  const SealJwt *cached = seal_token_cached(p, token->hash);
  if (cached != NULL) return by_hint(p, token, cached->jws.header, cached->claims, out, err);
  int rc = seal_reason_rc(seal_jwt_peek(token->text.p, (size_t)token->text.n, &peek));
  if (rc == SQLITE_CONSTRAINT_VTAB) rc = seal_disbelieve(err);
  if (rc == SQLITE_OK) rc = by_hint(p, token, peek.header, peek.claims, out, err);
  seal_peek_clear(&peek);
  return rc;
}

/* Reads the registrar's identifier, the high-water mark of its clock and when it was restored (INT64_MIN: never). */
static int read_registrar(Seal *p, char identifier[SEAL_ID_MAX + 1], int64_t *clock_mark,
                          int64_t *restored) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_REGISTRAR, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText text = seal_column_text(row, AUTHENTICATE_REGISTRAR_IDENTIFIER);
  sqlite3_snprintf(SEAL_ID_MAX + 1, identifier, "%.*s", text.n, text.p ? text.p : "");
  *clock_mark = sqlite3_column_int64(row, AUTHENTICATE_REGISTRAR_CLOCK_TIME);
  *restored = INT64_MIN;
  if (sqlite3_column_type(row, AUTHENTICATE_REGISTRAR_RESTORED_TIME) != SQLITE_NULL) {
    *restored = sqlite3_column_int64(row, AUTHENTICATE_REGISTRAR_RESTORED_TIME);
  }
  seal_store_reset(row);
  return SQLITE_OK;
}

int seal_identifier(Seal *p, char out[SEAL_ID_MAX + 1]) {
  int64_t clock_mark, restored;
  return read_registrar(p, out, &clock_mark, &restored);
}

/* Refuses a clock that went back. */
static int check_clock(SealAt at, int64_t clock_mark, SealError *err) {
  if (!at.by_host || at.t + SEAL_LEEWAY >= clock_mark) return SQLITE_OK;
  char was[SEAL_INSTANT_SIZE], is[SEAL_INSTANT_SIZE];
  seal_instant_text(clock_mark, was);
  seal_instant_text(at.t, is);
  return seal_refuse(err, SEAL_SYSTEM_FAILURE, "the host's clock went back from %s to %s", was, is);
}

/* Judges what is presented; token->hash is set where there is a token. */
static int judge_token(Seal *p, const SealCredential *credential, SealToken *token,
                       SealRequester *out, SealError *err) {
  char x5t_s256[44];
  int rc = read_registrar(p, token->identifier, &out->clock_mark, &token->restored);
  if (rc == SQLITE_OK) rc = check_clock(out->at, out->clock_mark, err);
  if (rc != SQLITE_OK) return rc;
  if (credential->token.p == NULL) {
    return seal_authenticate_certificate(p, credential->certificate, token->at, token->whom, out,
                                         err);
  }
  if (credential->certificate.p != NULL) {
    rc = seal_certificate_thumbprint(p, credential->certificate, token->at, x5t_s256, err);
    token->x5t_s256 = x5t_s256;
  }
  return rc == SQLITE_OK ? authenticate_token(p, token, out, err) : rc;
}

/* The requester is one of those who are asked for. */
static int check_whom(SealWhom whom, const SealRequester *who, SealError *err) {
  if (whom == SEAL_WHO_ANY || (whom == SEAL_WHO_SEAL) == (who->seal_server != 0)) return SQLITE_OK;
  return seal_refuse(err, SEAL_REQUESTER_MISMATCH,
                     "the credential is a %s server's, not a %s server's",
                     who->seal_server ? "SEAL" : "VAL", who->seal_server ? "VAL" : "SEAL");
}

int seal_authenticate(Seal *p, const SealCredential *credential, SealAt at, SealWhom whom,
                      SealRequester *out, SealError *err) {
  SealToken token = {.text = credential->token, .at = at.t, .whom = whom, .x5t_s256 = ""};
  int alone = credential->token.p != NULL && credential->certificate.p == NULL, rc = SQLITE_OK;
  sqlite3_stmt *snapshot = NULL;
  memset(out, 0, sizeof *out);
  out->until = out->stands_until = SEAL_UNBOUNDED;
  out->at = at;
  out->scopes = SEAL_SCOPE_ALL;
  if (token.text.p != NULL) {
    rc =
        seal_reason_rc(seal_sha256(seal_crypto(p), token.text.p, (size_t)token.text.n, token.hash));
  }
  /* One snapshot for all that is asked: it is consistent, and SQLite takes its locks only once. */
  if (rc == SQLITE_OK && sqlite3_txn_state(seal_db(p), "main") == SQLITE_TXN_NONE) {
    rc = seal_store_row(seal_store(p), SQL_SNAPSHOT, &snapshot, "");
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) rc = SQLITE_OK;
  }
  if (rc == SQLITE_OK && !(alone && seal_verdict_find(p, token.hash, whom, out))) {
    rc = judge_token(p, credential, &token, out, err);
    if (rc == SQLITE_OK && alone) seal_verdict_keep(p, token.hash, whom, out);
  }
  seal_store_reset(snapshot);
  return rc == SQLITE_OK ? check_whom(whom, out, err) : rc;
}

/************************************************************************************************
** What one use leaves behind.
*/
/* The clock's high-water mark moves in steps below the leeway, so that few transactions write it. */
#define CLOCK_STEP 10

int seal_clock_mark(Seal *p, SealAt at, int64_t *mark) {
  char identifier[SEAL_ID_MAX + 1];
  int64_t restored;
  int rc = read_registrar(p, identifier, mark, &restored);
  if (rc != SQLITE_OK || !at.by_host || at.t <= *mark) return rc;
  *mark = at.t;
  return seal_store_run(seal_store(p), SQL_CLOCK_ADVANCE, "i", at.t);
}

/* What a token id was used for: rows of this transaction, or a message by its digest. */
static int same_use(sqlite3_stmt *row, int64_t txn, SealTokenUse use) {
  int message = sqlite3_column_bytes(row, REPLAY_FIND_MESSAGE) == SEAL_SHA256_SIZE;
  if (use.message == NULL) return !message && sqlite3_column_int64(row, REPLAY_FIND_TXN) == txn;
  return use.again && message &&
         memcmp(sqlite3_column_blob(row, REPLAY_FIND_MESSAGE), use.message, SEAL_SHA256_SIZE) == 0;
}

/* Looks at what used the token's id; SQLITE_DONE: nothing. */
static int check_use(Seal *p, const SealRequester *who, SealTokenUse use, int64_t txn,
                     SealError *err) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_REPLAY_FIND, &row, "tt", who->iss, who->jti);
  if (rc != SQLITE_ROW) return rc;
  int same = same_use(row, txn, use);
  seal_store_reset(row);
  if (same) return SQLITE_OK;
  return seal_refuse(err, SEAL_CREDENTIAL_REPLAYED, "the token was used before");
}

int seal_use_check(Seal *p, const SealRequester *who, SealTokenUse use, SealError *err) {
  int64_t txn = 0;
  int rc = SQLITE_OK;
  if (who->jti[0] == 0) return SQLITE_OK;
  if (use.message == NULL) rc = seal_transaction_number(p, &txn);
  if (rc == SQLITE_OK) rc = check_use(p, who, use, txn, err);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int seal_consume(Seal *p, const SealRequester *who, SealTokenUse use, SealError *err) {
  int64_t txn;
  int rc = SQLITE_OK;
  if (who->at.by_host && who->at.t >= who->clock_mark + CLOCK_STEP) {
    rc = seal_store_run(seal_store(p), SQL_CLOCK_ADVANCE, "i", who->at.t);
  }
  if (rc != SQLITE_OK || who->jti[0] == 0) return rc;
  rc = seal_transaction_number(p, &txn);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(p), SQL_REPLAY_INSERT, "ttiib", who->iss, who->jti,
                        who->replay_until, txn, use.message, SEAL_SHA256_SIZE);
  }
  if (rc != SQLITE_OK || sqlite3_changes(seal_db(p)) > 0) return rc;
  rc = check_use(p, who, use, txn, err);
  return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
}

/************************************************************************************************
** Credentials, before they are stored.
*/
static int refuse_value(SealReason reason, SealError *err) {
  int rc = seal_reason_rc(reason);
  if (rc != SQLITE_CONSTRAINT_VTAB) return rc;
  return seal_refuse(err, SEAL_MANDATORY_IE_INCORRECT, "seal_credential.value: %s",
                     seal_reason_text(reason));
}

/* One key, with its thumbprint. */
static int check_keyset(SealReason reason, SealKeySet *set, char thumbprint[44], SealError *err) {
  int rc = refuse_value(reason, err);
  if (rc == SQLITE_OK && seal_keyset_count(set) != 1) {
    rc = seal_refuse(err, SEAL_MANDATORY_IE_INCORRECT,
                     "seal_credential.value: one key is needed, not a set");
  }
  if (rc == SQLITE_OK) memcpy(thumbprint, seal_keyset_thumbprint(set, 0), 44);
  seal_keyset_free(set);
  return rc;
}

int seal_credential_check(Seal *p, SealText type, const void *value, int n, char thumbprint[44],
                          SealError *err) {
  SealKeySet *set = NULL;
  if (type.n == 3 && memcmp(type.p, "jwk", 3) == 0) {
    if (holds_pem((SealText){value, n})) {
      return seal_refuse(
          err, SEAL_MANDATORY_IE_INCORRECT,
          "seal_credential.value: keys_invalid: this is PEM; a certificate is of type x509, and a "
          "public key is needed as a JWK (RFC 7517)");
    }
    SealReason reason =
        seal_keyset_parse(seal_crypto(p), value, (size_t)n, SEAL_KEYSET_PUBLIC, &set);
    return check_keyset(reason, set, thumbprint, err);
  }
  if (type.n == 3) {
    int rc = seal_unlocked(p, err);
    if (rc != SQLITE_OK) return rc;
    SealReason reason = seal_psk_parse(p, value, n, "HS256", &set);
    return check_keyset(reason, set, thumbprint, err);
  }
  /* Judged at the start of its own validity: its time is judged when it is presented. */
  SealX509 leaf;
  SealX509Policy policy = {.at = 0, .purpose = SEAL_X509_CLIENT};
  SealReason reason = seal_x509_leaf(seal_crypto(p), value, (size_t)n, &policy, &leaf);
  if (reason == SEAL_REASON_CERT_NOT_YET_VALID) {
    policy.at = leaf.not_before;
    seal_x509_clear(&leaf);
    reason = seal_x509_leaf(seal_crypto(p), value, (size_t)n, &policy, &leaf);
  }
  int rc = refuse_value(reason, err);
  if (rc == SQLITE_OK) memcpy(thumbprint, leaf.thumbprint, 44);
  seal_x509_clear(&leaf);
  return rc;
}
