/* Access tokens (sla.h): what the registrar signs for a VAL server.
**
** A token is a JWT of RFC 9068's shape, ES256; its scopes are those that the SLA has terms for, and it
** ends with the SLA at the latest. A VAL server that is suspended, or whose agreement has ended, is
** refused whatever token it holds: every use is judged anew.
*/
#include "registrar/sla/sla.h"

#include <stdlib.h>
#include <string.h>

#define TTL_MAX 86400 /* seconds */

/************************************************************************************************
** Issuing.
*/
/* Which of the scopes the SLA grants at `at`, and until when: every granted one's end counts. */
static int grant_scopes(Seal *p, const SealRequester *who, unsigned asked, int64_t at,
                        unsigned *granted, int64_t *until, SealError *first) {
  *granted = 0;
  for (unsigned scope = 1; scope <= SEAL_SCOPE_ALL; scope <<= 1) {
    SealError err;
    SealGrant grant;
    if ((asked & scope) == 0) continue;
    memset(&err, 0, sizeof err);
    int rc =
        seal_use_authorize(p, who->val_server, seal_scope_service(scope), at, NULL, &grant, &err);
    if (rc == SQLITE_OK) {
      *granted |= scope;
      if (grant.valid_until < *until) *until = grant.valid_until;
    } else if (rc == SQLITE_CONSTRAINT_VTAB && err.cause != SEAL_CAUSE_NONE) {
      rc = seal_refuse(first, err.cause, "%s", err.detail) == SQLITE_NOMEM ? SQLITE_NOMEM
                                                                           : SQLITE_OK;
    }
    seal_error_clear(&err);
    if (rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}

/* The claims: RFC 9068 2.2, cnf of RFC 8705 3.1, SKeyProv of TS 33.434 A.2.2.3; and which registration of the VAL
** server it is for. */
static char *claims_text(const char *identifier, const SealRequester *who, unsigned granted,
                         int64_t at, int64_t exp, const char *jti) {
  char scope[80];
  seal_scopes_write(granted, scope);
  json_t *claims = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:s,s:I}", "iss", identifier, "sub",
                             who->val_server_id, "aud", identifier, "client_id", who->val_server_id,
                             "scope", scope, "iat", (json_int_t)at, "exp", (json_int_t)exp, "jti",
                             jti, SEAL_REGISTRATION_CLAIM, (json_int_t)who->val_server);
  int bad = claims == NULL;
  if (!bad && granted & SEAL_SCOPE_PROV) {
    bad |= json_object_set_new(claims, "SKeyProv", json_true()) != 0;
  }
  if (!bad && who->x5t_s256[0]) {
    bad |= json_object_set_new(claims, "cnf", json_pack("{s:s}", "x5t#S256", who->x5t_s256)) != 0;
  }
  char *text = bad ? NULL : seal_json_dump(claims);
  json_decref(claims);
  return text;
}

/* Signs the claims and remembers until when the key's tokens are about. */
static int sign(Seal *p, const SealKey *key, const char *claims, int64_t exp, char **token) {
  int rc =
      seal_reason_rc(seal_jws_sign(seal_crypto(p), key, "at+jwt", claims, strlen(claims), token));
  if (rc != SQLITE_OK) return rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_ERROR : rc;
  return seal_store_run(seal_store(p), SQL_SIGNING_USED, "ti", seal_key_kid(key),
                        exp + SEAL_LEEWAY);
}

/* What was asked for and is not granted is refused, and so is a ttl that is none. */
static int judge_scopes(Seal *p, const SealRequester *who, unsigned *asked, int64_t at, int64_t ttl,
                        int64_t *exp, SealError *err) {
  unsigned granted;
  SealError first;
  memset(&first, 0, sizeof first);
  int64_t until = who->stands_until; /* an assertion's own end is not the token's */
  if (ttl < 1 || ttl > TTL_MAX) {
    return seal_refuse(err, SEAL_OPTIONAL_IE_INCORRECT, "ttl is not 1 to %d seconds", TTL_MAX);
  }
  int rc = grant_scopes(p, who, *asked ? *asked : SEAL_SCOPE_ALL, at, &granted, &until, &first);
  if (rc == SQLITE_OK && (granted == 0 || (*asked & ~granted) != 0)) {
    rc = seal_refuse(err, first.cause ? first.cause : SEAL_INSUFFICIENT_SCOPE, "%s",
                     first.detail ? first.detail : "no scope is granted");
  }
  seal_error_clear(&first);
  *asked = granted;
  *exp = at + ttl < until ? at + ttl : until;
  return rc;
}

/* The claims of a new token, and its id. */
static int make_claims(Seal *p, const SealRequester *who, unsigned granted, int64_t at, int64_t exp,
                       char jti[32], char **claims) {
  unsigned char nonce[16];
  char identifier[SEAL_ID_MAX + 1];
  *claims = NULL;
  int rc = seal_identifier(p, identifier);
  if (rc == SQLITE_OK) rc = seal_reason_rc(seal_random(seal_crypto(p), nonce, sizeof nonce));
  if (rc != SQLITE_OK) return rc;
  seal_b64url_encode(nonce, sizeof nonce, jti);
  *claims = claims_text(identifier, who, granted, at, exp, jti);
  return *claims ? SQLITE_OK : SQLITE_NOMEM;
}

/* The audit's entry. */
static int record_issue(Seal *p, const SealRequester *who, int64_t at, const char *actor,
                        const char *scope, const char *jti) {
  char *detail = sqlite3_mprintf("{\"scope\":\"%s\",\"jti\":\"%s\"}", scope, jti);
  char *object = seal_object_name("seal_val_server:", who->val_server_id);
  SealEvent event = {at, actor, "issue-token", object, "done", NULL, detail};
  int rc = detail && object ? seal_audit_traced(p, &event, who->traceparent) : SQLITE_NOMEM;
  sqlite3_free(detail);
  sqlite3_free(object);
  return rc;
}

int seal_token_issue(Seal *p, const SealRequester *who, unsigned asked, int64_t ttl, int64_t at,
                     SealTokenUse use, const char *actor, char **response, SealError *err) {
  char jti[32], scope[80], *token = NULL, *claims = NULL;
  int64_t exp = at;
  SealKey *key = NULL;
  *response = NULL;
  int rc = judge_scopes(p, who, &asked, at, ttl, &exp, err);
  if (rc == SQLITE_OK) rc = seal_key_current(p, err);
  if (rc == SQLITE_OK) rc = seal_signing_key(p, &key, err);
  if (rc == SQLITE_OK) rc = make_claims(p, who, asked, at, exp, jti, &claims);
  if (rc == SQLITE_OK) rc = seal_consume(p, who, use, err);
  if (rc == SQLITE_OK) rc = sign(p, key, claims, exp, &token);
  if (rc == SQLITE_OK) {
    seal_scopes_write(asked, scope);
    *response = sqlite3_mprintf("{\"access_token\":\"%s\",\"token_type\":\"Bearer\","
                                "\"expires_in\":%lld,\"scope\":\"%s\"}",
                                token, (long long)(exp - at), scope);
    rc = *response ? record_issue(p, who, at, actor, scope, jti) : SQLITE_NOMEM;
  }
  if (token != NULL) seal_wipe(token, strlen(token));
  free(token);
  sqlite3_free(claims);
  seal_key_free(key);
  return rc;
}

int seal_token_for(Seal *p, SealText val_server_id, unsigned scope, int64_t ttl, int64_t at,
                   char **response, SealError *err) {
  SealRequester who;
  memset(&who, 0, sizeof who);
  who.until = who.stands_until = SEAL_UNBOUNDED;
  int rc = seal_requester_is(p, val_server_id, at, &who, err);
  if (rc == SQLITE_DONE) {
    return seal_refuse(err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no such VAL server");
  }
  return rc == SQLITE_OK
             ? seal_token_issue(p, &who, scope, ttl, at, SEAL_USE_ROWS, "operator", response, err)
             : rc;
}
