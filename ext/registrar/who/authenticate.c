/* Who is asking (who.h): a credential, and the VAL server that it proves.
**
**    token, typ at+jwt   --> iss: this registrar's own keys, or an `issuer` anchor's --> client_id
**    token, any other    --> iss (unverified) --> that VAL server's registered keys
**    certificate         --> registered itself, or a path to a `ca` anchor (certificate.c)
**
** then: signature, claims, the credential's and the VAL server's window and status. What is said of a
** token that can't be believed is the same whether its key is unknown, its signature wrong or its form
** bad, so that a peer can't tell.
*/
#include "base/address.h"
#include "registrar/who/who_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Slots of the key cache that no row id of seal_credential_data takes. */
#define SLOT_ISSUER 0x100000001u
#define SLOT_OWN    0x200000002u

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

static int disbelieve(SealError *err) {
  return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "the token proves no VAL server");
}

/************************************************************************************************
** The VAL server, and its credential.
*/
int seal_val_server_exists(Seal *p, SealText val_server_id, int *there) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_VAL_SERVER, &row, "s", &val_server_id);
  *there = rc == SQLITE_ROW;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

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

/* A VAL server as it is registered. */
typedef struct Registered {
  int64_t id, exp_time;
  int64_t since; /* when it was registered; INT64_MIN: by a release that did not note it */
  int active;
} Registered;

/* SQLITE_ROW, or SQLITE_DONE if there is none of that id. */
static int read_val_server(Seal *p, SealText val_server_id, Registered *out) {
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

/* The requester is this VAL server, if it is active at `at`. */
static int requester_of(const Registered *server, SealText val_server_id, int64_t at,
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
  Registered server;
  int rc = read_val_server(p, val_server_id, &server);
  return rc == SQLITE_ROW ? requester_of(&server, val_server_id, at, out, err) : rc;
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
typedef struct Token {
  SealText text;
  unsigned char hash[SEAL_SHA256_SIZE];
  int64_t at;
  char identifier[SEAL_ID_MAX + 1]; /* the registrar's: what `aud` must contain */
  const char *x5t_s256;             /* of the certificate that was presented too; "" = none */
} Token;

static int refuse_claims(SealReason reason, SealError *err) {
  if (reason == SEAL_REASON_EXPIRED) {
    return seal_refuse(err, SEAL_CREDENTIAL_EXPIRED, "the token has expired");
  }
  int rc = seal_reason_rc(reason);
  return rc == SQLITE_CONSTRAINT_VTAB ? disbelieve(err) : rc;
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

/* What a VAL server's own token may be for besides the registrar's identifier: where its APIs are, or the token endpoint
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

/* The claims of a VAL server's own token: iss = sub = it, one use, at most an hour ahead. */
static int own_claims(Seal *p, SealJwt *jwt, const Token *token, const char *val_server_id,
                      SealRequester *out, SealError *err) {
  SealJwtPolicy policy = {
      .iss = val_server_id,
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
  if (reason != SEAL_VALID) return refuse_claims(reason, err);
  if (jwt->sub == NULL || strcmp(jwt->sub, val_server_id) != 0 || jwt->jti == NULL ||
      strlen(jwt->jti) >= sizeof out->jti) {
    return disbelieve(err);
  }
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
static int try_key(Seal *p, const Token *token, sqlite3_stmt *row, const char *val_server_id,
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
static int by_keys(Seal *p, const Token *token, int64_t val_server, const char *val_server_id,
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
  if (!mine && rc == SQLITE_DONE) rc = rc_lost ? rc_lost : disbelieve(err);
  if (!mine && lost.cause != SEAL_CAUSE_NONE &&
      seal_refuse(err, lost.cause, "%s", lost.detail) == SQLITE_NOMEM) {
    rc = SQLITE_NOMEM;
  }
  seal_error_clear(&lost);
  return rc;
}

/* A JWT that the VAL server signed with a registered key. */
static int by_own_token(Seal *p, const Token *token, const char *iss, const char *kid,
                        const char *alg, SealRequester *out, SealError *err) {
  SealText val_server_id = seal_text_from(iss);
  Registered server;
  if (!seal_is_id(val_server_id)) return disbelieve(err);
  int rc = read_val_server(p, val_server_id, &server);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? disbelieve(err) : rc;
  rc = by_keys(p, token, server.id, iss, kid, alg, out, err);
  return rc == SQLITE_OK ? requester_of(&server, val_server_id, token->at, out, err) : rc;
}

/* The claims of an access token: RFC 9068, with SKeyProv of TS 33.434 A.2.2.3. */
static int access_claims(SealJwt *jwt, const Token *token, const char *iss, SealRequester *out,
                         SealError *err) {
  SealJwtPolicy policy = {
      .iss = iss,
      .aud = {token->identifier},
      .at = token->at,
      .leeway = SEAL_LEEWAY,
      .x5t_s256 = token->x5t_s256,
      .unbound_too = 1,
  };
  int unknown;
  SealReason reason = seal_jwt_check(jwt, &policy);
  if (reason != SEAL_VALID) return refuse_claims(reason, err);
  if (jwt->client_id == NULL || jwt->scope == NULL) return disbelieve(err);
  const json_t *skeyprov = json_object_get(jwt->claims, "SKeyProv");
  out->scopes = seal_scopes_read((SealText){jwt->scope, (int)strlen(jwt->scope)}, &unknown);
  out->skeyprov = skeyprov != NULL && !json_is_false(skeyprov) && !json_is_null(skeyprov);
  out->by_token = 1;
  out->until = jwt->exp + SEAL_LEEWAY;
  return SQLITE_OK;
}

/* Verifies a token by the keys of whoever issued it: ours, or an issuer anchor's. SQLITE_DONE: unknown. */
static int by_issuer_keys(Seal *p, const Token *token, const char *iss, SealJwt **out) {
  sqlite3_stmt *row;
  SealKeySet *set;
  int own = strcmp(iss, token->identifier) == 0;
  /* Of our own keys also those whose tokens have ended: such a token is told that it has. */
  int rc = own ? seal_store_row(seal_store(p), SQL_SIGNING_JWKS, &row, "i", INT64_MIN)
               : seal_store_row(seal_store(p), SQL_AUTHENTICATE_ISSUER, &row, "it", token->at, iss);
  if (rc == SQLITE_ROW && sqlite3_column_type(row, AUTHENTICATE_ISSUER_VALUE) == SQLITE_NULL)
    rc = SQLITE_DONE;
  if (rc == SQLITE_ROW) {
    uint64_t slot =
        own ? SLOT_OWN : SLOT_ISSUER + (uint64_t)sqlite3_column_int64(row, AUTHENTICATE_ISSUER_ID);
    SealText value = seal_column_bytes(row, AUTHENTICATE_ISSUER_VALUE);
    rc = seal_key_parse(p, slot, SEAL_KEYSET_PUBLIC, value.p, value.n, &set);
    if (rc == SQLITE_OK) {
      rc = seal_token_verify(p, token->text, token->hash, set, (SealText){NULL, 0}, value, out);
    }
  }
  seal_store_reset(row);
  return rc;
}

/* 1 if a token is for this registration of the VAL server, not for one before it of the same name: one of our own
** names it by its row id, which is never given again; another issuer's is no older. Asked for an instant before
** the registration, which moves the clock and not the history, nothing can be said of that; nor of a token and a
** registration of before this was noted. */
static int is_for(const SealJwt *jwt, const Token *token, const Registered *server) {
  if (strcmp(jwt->iss, token->identifier) != 0) {
    return jwt->iat >= server->since || token->at < server->since;
  }
  const json_t *registration = json_object_get(jwt->claims, SEAL_REGISTRATION_CLAIM);
  if (registration == NULL) return server->since == INT64_MIN;
  return json_is_integer(registration) && json_integer_value(registration) == server->id;
}

static int by_access_token(Seal *p, const Token *token, const char *iss, SealRequester *out,
                           SealError *err) {
  SealJwt *jwt = NULL;
  if (iss[0] == 0) return disbelieve(err);
  int rc = by_issuer_keys(p, token, iss, &jwt);
  if (rc == SQLITE_DONE || rc == SQLITE_CONSTRAINT_VTAB) return disbelieve(err);
  if (rc == SQLITE_OK) rc = access_claims(jwt, token, iss, out, err);
  if (rc != SQLITE_OK) return rc;
  SealText client_id = {jwt->client_id, (int)strlen(jwt->client_id)};
  Registered server;
  rc = seal_is_id(client_id) ? read_val_server(p, client_id, &server) : SQLITE_DONE;
  if (rc == SQLITE_DONE || (rc == SQLITE_ROW && !is_for(jwt, token, &server)))
    return disbelieve(err);
  return rc == SQLITE_ROW ? requester_of(&server, client_id, token->at, out, err) : rc;
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
static int by_hint(Seal *p, const Token *token, const json_t *header, const json_t *claims,
                   SealRequester *out, SealError *err) {
  const char *alg = member(header, "alg");
  if (alg == NULL) return disbelieve(err);
  /* Copies: verifying may put another token in the place of the cached one that these are from. */
  char iss[SEAL_ID_MAX + 1], kid[SEAL_ID_MAX + 1], name[16];
  sqlite3_snprintf(sizeof iss, iss, "%s", member(claims, "iss") ? member(claims, "iss") : "");
  sqlite3_snprintf(sizeof kid, kid, "%s", member(header, "kid") ? member(header, "kid") : "");
  sqlite3_snprintf(sizeof name, name, "%s", alg);
  if (is_access_token(member(header, "typ"))) return by_access_token(p, token, iss, out, err);
  return by_own_token(p, token, iss, kid, name, out, err);
}

static int authenticate_token(Seal *p, const Token *token, SealRequester *out, SealError *err) {
  SealPeek peek;
  const SealJwt *cached = seal_token_cached(p, token->hash);
  if (cached != NULL) return by_hint(p, token, cached->jws.header, cached->claims, out, err);
  int rc = seal_reason_rc(seal_jwt_peek(token->text.p, (size_t)token->text.n, &peek));
  if (rc == SQLITE_CONSTRAINT_VTAB) rc = disbelieve(err);
  if (rc == SQLITE_OK) rc = by_hint(p, token, peek.header, peek.claims, out, err);
  seal_peek_clear(&peek);
  return rc;
}

/* Reads the registrar's identifier and the high-water mark of its clock. */
static int read_registrar(Seal *p, char identifier[SEAL_ID_MAX + 1], int64_t *clock_mark) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_REGISTRAR, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  SealText text = seal_column_text(row, AUTHENTICATE_REGISTRAR_IDENTIFIER);
  sqlite3_snprintf(SEAL_ID_MAX + 1, identifier, "%.*s", text.n, text.p ? text.p : "");
  *clock_mark = sqlite3_column_int64(row, AUTHENTICATE_REGISTRAR_CLOCK_TIME);
  seal_store_reset(row);
  return SQLITE_OK;
}

int seal_identifier(Seal *p, char out[SEAL_ID_MAX + 1]) {
  int64_t clock_mark;
  return read_registrar(p, out, &clock_mark);
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
static int judge_token(Seal *p, const SealCredential *credential, Token *token, SealRequester *out,
                       SealError *err) {
  char x5t_s256[44];
  int rc = read_registrar(p, token->identifier, &out->clock_mark);
  if (rc == SQLITE_OK) rc = check_clock(out->at, out->clock_mark, err);
  if (rc != SQLITE_OK) return rc;
  if (credential->token.p == NULL) {
    return seal_authenticate_certificate(p, credential->certificate, token->at, out, err);
  }
  if (credential->certificate.p != NULL) {
    rc = seal_certificate_thumbprint(p, credential->certificate, token->at, x5t_s256, err);
    token->x5t_s256 = x5t_s256;
  }
  return rc == SQLITE_OK ? authenticate_token(p, token, out, err) : rc;
}

int seal_authenticate(Seal *p, const SealCredential *credential, SealAt at, SealRequester *out,
                      SealError *err) {
  Token token = {.text = credential->token, .at = at.t, .x5t_s256 = ""};
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
  if (rc == SQLITE_OK && !(alone && seal_verdict_find(p, token.hash, out))) {
    rc = judge_token(p, credential, &token, out, err);
    if (rc == SQLITE_OK && alone) seal_verdict_keep(p, token.hash, out);
  }
  seal_store_reset(snapshot);
  return rc;
}

/************************************************************************************************
** What one use leaves behind.
*/
/* The clock's high-water mark moves in steps below the leeway, so that few transactions write it. */
#define CLOCK_STEP 10

int seal_clock_mark(Seal *p, SealAt at, int64_t *mark) {
  char identifier[SEAL_ID_MAX + 1];
  int rc = read_registrar(p, identifier, mark);
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
  if (who->jti[0] == 0) return SQLITE_OK;
  int rc = check_use(p, who, use, 0, err);
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
