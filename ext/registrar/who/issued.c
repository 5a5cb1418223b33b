/* Tokens that somebody else signed for a VAL server (who_int.h).
**
**    access token (RFC 9068)      the registrar's own keys, or those of the `issuer` anchor that iss names --> client_id
**    CAPIF (TS 29.222)            the keys of a `capif` anchor --> iss, the API invoker
**
** A CAPIF core function's token names no audience but in its scope: "3gpp#aefId:apiName,apiName;aefId:apiName". What it
** says of an exposing function that is not this registrar is for others.
*/
#include "registrar/who/who_int.h"

#include <assert.h>
#include <string.h>

/* The claims of an access token: RFC 9068, with SKeyProv of TS 33.434 A.2.2.3. */
static int access_claims(SealJwt *jwt, const SealToken *token, const char *iss, SealRequester *out,
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
  if (reason != SEAL_VALID) return seal_refuse_claims(reason, err);
  if (jwt->client_id == NULL || jwt->scope == NULL) return seal_disbelieve(err);
  const json_t *skeyprov = json_object_get(jwt->claims, "SKeyProv");
  out->scopes = seal_scopes_read((SealText){jwt->scope, (int)strlen(jwt->scope)}, &unknown);
  out->skeyprov = skeyprov != NULL && !json_is_false(skeyprov) && !json_is_null(skeyprov);
  out->by_token = 1;
  out->until = jwt->exp + SEAL_LEEWAY;
  return SQLITE_OK;
}

/* Verifies a token by the keys of whoever issued it: ours, or an issuer anchor's. SQLITE_DONE: unknown. */
static int by_issuer_keys(Seal *p, const SealToken *token, const char *iss, SealJwt **out) {
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

/* 1 if a token of another issuer's is no older than the registration of the VAL server. Asked for an instant before
** the registration, which moves the clock and not the history, nothing can be said of that; nor of a token that
** does not say when it was issued, as CAPIF's need not. */
static int is_since(const SealJwt *jwt, const SealToken *token, const SealRegistered *server) {
  return jwt->iat == INT64_MIN || jwt->iat >= server->since || token->at < server->since;
}

/* 1 if an access token is for this registration of the VAL server, not for one before it of the same name: one of our own
** names it by its row id, which is never given again. Nothing can be said of a token and a registration of before this
** was noted. */
static int is_for(const SealJwt *jwt, const SealToken *token, const SealRegistered *server) {
  if (strcmp(jwt->iss, token->identifier) != 0) {
    return jwt->iat != INT64_MIN ? is_since(jwt, token, server) : token->at < server->since;
  }
  const json_t *registration = json_object_get(jwt->claims, SEAL_REGISTRATION_CLAIM);
  if (registration == NULL) return server->since == INT64_MIN;
  return json_is_integer(registration) && json_integer_value(registration) == server->id;
}

int seal_by_access_token(Seal *p, const SealToken *token, const char *iss, SealRequester *out,
                         SealError *err) {
  SealJwt *jwt = NULL;
  if (iss[0] == 0) return seal_disbelieve(err);
  int rc = by_issuer_keys(p, token, iss, &jwt);
  if (rc == SQLITE_DONE || rc == SQLITE_CONSTRAINT_VTAB) return seal_disbelieve(err);
  if (rc == SQLITE_OK) rc = access_claims(jwt, token, iss, out, err);
  if (rc != SQLITE_OK) return rc;
  SealText client_id = {jwt->client_id, (int)strlen(jwt->client_id)};
  SealRegistered server;
  rc = seal_is_id(client_id) ? seal_registered_read(p, client_id, &server) : SQLITE_DONE;
  if (rc == SQLITE_DONE || (rc == SQLITE_ROW && !is_for(jwt, token, &server)))
    return seal_disbelieve(err);
  return rc == SQLITE_ROW ? seal_requester_of(&server, client_id, token->at, out, err) : rc;
}

/************************************************************************************************
** CAPIF.
*/
#define CAPIF_SCOPE "3gpp#"

int seal_is_capif_scope(const char *scope) {
  return scope != NULL && strncmp(scope, CAPIF_SCOPE, sizeof CAPIF_SCOPE - 1) == 0;
}

#define CAPIF_TRIED 16 /* anchors, for one token */

/* Verifies a token by the keys of the CAPIF core functions that are trusted. SQLITE_DONE: by none of these. */
static int by_capif_keys(Seal *p, const SealToken *token, SealJwt **out) {
  sqlite3_stmt *row;
  int mine = 0;
  int rc = seal_store_row(seal_store(p), SQL_AUTHENTICATE_CAPIF, &row, "i", token->at);
  for (int i = 1; rc == SQLITE_ROW; i++) {
    SealKeySet *set;
    uint64_t slot = SLOT_ISSUER + (uint64_t)sqlite3_column_int64(row, AUTHENTICATE_CAPIF_ID);
    SealText value = seal_column_bytes(row, AUTHENTICATE_CAPIF_VALUE);
    rc = value.p ? seal_key_parse(p, slot, SEAL_KEYSET_PUBLIC, value.p, value.n, &set)
                 : SQLITE_CORRUPT_VTAB;
    if (rc == SQLITE_OK) {
      rc = seal_token_verify(p, token->text, token->hash, set, (SealText){NULL, 0}, value, out);
    }
    mine = rc == SQLITE_OK;
    if (rc != SQLITE_CONSTRAINT_VTAB) break;
    rc = i < CAPIF_TRIED ? sqlite3_step(row) : SQLITE_DONE;
  }
  seal_store_reset(row);
  assert(mine == (rc == SQLITE_OK));
  return rc;
}

/* The claims of AccessTokenClaims (TS 29.222 8.5.4.2.8): who, until when, and for which APIs of this registrar's. */
static int capif_claims(SealJwt *jwt, const SealToken *token, const char *iss, SealRequester *out,
                        SealError *err) {
  SealJwtPolicy policy = {
      .iss = iss,
      .at = token->at,
      .leeway = SEAL_LEEWAY,
      .any_typ = 1,
      .x5t_s256 = token->x5t_s256,
      .unbound_too = 1,
  };
  SealReason reason = seal_jwt_check(jwt, &policy);
  if (reason == SEAL_VALID && json_object_get(jwt->claims, "aud") != NULL) {
    policy.aud[0] = token->identifier;
    reason = seal_jwt_check(jwt, &policy);
  }
  if (reason != SEAL_VALID) return seal_refuse_claims(reason, err);
  /* TS 33.122 C.2.2 has client_id beside iss: of one invoker. */
  if (!seal_is_capif_scope(jwt->scope) || (jwt->client_id && strcmp(jwt->client_id, iss) != 0))
    return seal_disbelieve(err);
  SealText scope = seal_text_from(jwt->scope + sizeof CAPIF_SCOPE - 1);
  out->scopes = seal_scopes_capif(scope, token->identifier);
  out->skeyprov = (out->scopes & SEAL_SCOPE_KPP) != 0;
  out->by_token = 1;
  out->until = jwt->exp + SEAL_LEEWAY;
  if (out->scopes != 0) return SQLITE_OK;
  return seal_refuse(err, SEAL_INSUFFICIENT_SCOPE,
                     "the token's scope has no API of this registrar");
}

int seal_by_capif(Seal *p, const SealToken *token, const char *iss, SealRequester *out,
                  SealError *err) {
  SealJwt *jwt = NULL;
  SealRegistered server;
  SealText id = seal_text_from(iss);
  int rc = by_capif_keys(p, token, &jwt);
  if (rc == SQLITE_DONE) return seal_disbelieve(err);
  if (rc == SQLITE_OK) rc = capif_claims(jwt, token, iss, out, err);
  if (rc != SQLITE_OK) return rc;
  rc = seal_is_id(id) ? seal_registered_read(p, id, &server) : SQLITE_DONE;
  if (rc == SQLITE_DONE || (rc == SQLITE_ROW && !is_since(jwt, token, &server)))
    return seal_disbelieve(err);
  return rc == SQLITE_ROW ? seal_requester_of(&server, id, token->at, out, err) : rc;
}
