/* Access tokens (registrar.h): the registrar's signing keys, and what it signs with them.
**
** A token is a JWT of RFC 9068's shape, ES256; its scopes are those that the SLA has terms for, and it
** ends with the SLA at the latest. A VAL server that is suspended, or whose agreement has ended, is
** refused whatever token it holds: every use is judged anew.
*/
#include "registrar/internal.h"

#include <stdlib.h>
#include <string.h>

#define TTL_MAX 86400 /* seconds */

static const struct {
  unsigned scope;
  const char *name, *seal_service;
} scopes[] = {
    {SEAL_SCOPE_IDM, "seal:identity-management", SEAL_IDM},
    {SEAL_SCOPE_KM, "seal:key-management", SEAL_KM},
    {SEAL_SCOPE_PROV, "seal:key-provisioning", SEAL_KM},
};
#define N_SCOPES (sizeof scopes / sizeof *scopes)

unsigned seal_scopes_read(SealText text, int *unknown) {
  unsigned found = 0;
  *unknown = 0;
  for (int at = 0; at < text.n;) {
    int n = 0;
    while (at + n < text.n && text.p[at + n] != ' ') n++;
    unsigned one = 0;
    for (size_t i = 0; i < N_SCOPES; i++) {
      if ((size_t)n == strlen(scopes[i].name) &&
          memcmp(text.p + at, scopes[i].name, (size_t)n) == 0) {
        one = scopes[i].scope;
      }
    }
    found |= one;
    *unknown |= n > 0 && one == 0;
    at += n + 1;
  }
  return found;
}

void seal_scopes_write(unsigned set, char out[80]) {
  out[0] = 0;
  for (size_t i = 0; i < N_SCOPES; i++) {
    if ((set & scopes[i].scope) == 0) continue;
    if (out[0]) strcat(out, " ");
    strcat(out, scopes[i].name);
  }
}

int seal_scope_check(const SealRequester *who, const char *seal_service, int records,
                     SealError *err) {
  unsigned needed =
      strcmp(seal_service, SEAL_IDM) == 0 ? SEAL_SCOPE_IDM : SEAL_SCOPE_KM | SEAL_SCOPE_PROV;
  if (records && !(who->by_token && who->skeyprov)) {
    return seal_refuse(err, SEAL_INSUFFICIENT_SCOPE,
                       "key records need an access token with SKeyProv");
  }
  if (!who->by_token || who->scopes & needed) return SQLITE_OK;
  return seal_refuse(err, SEAL_INSUFFICIENT_SCOPE, "the access token's scope is not for %s",
                     seal_service);
}

/************************************************************************************************
** Signing keys.
*/
int seal_signing_key(Seal *p, SealKey **out, SealError *err) {
  sqlite3_stmt *row;
  void *der = NULL;
  int n = 0;
  *out = NULL;
  int rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) rc = seal_store_row(&p->store, SQL_SIGNING_KEY, &row, "");
  if (rc == SQLITE_DONE) {
    seal_store_reset(row);
    return seal_refuse(err, SEAL_SEALED, "there is no signing key yet: command rotate-key");
  }
  if (rc != SQLITE_ROW) return rc;
  rc = seal_secret_open(p, SEAL_FOR_KEY, sqlite3_column_int64(row, 2), seal_column_text(row, 0),
                        sqlite3_column_blob(row, 1), sqlite3_column_bytes(row, 1), &der, &n, err);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_key_import(p->crypto, der, (size_t)n, out));
    if (rc == SQLITE_CONSTRAINT_VTAB) rc = SQLITE_CORRUPT_VTAB;
  }
  seal_secret_free(der, n);
  seal_store_reset(row);
  return rc;
}

/* Stores a new key, sealed. */
static int key_store(Seal *p, const SealKey *key, int64_t at, SealError *err) {
  unsigned char *der = NULL;
  void *sealed = NULL;
  size_t n = 0;
  int n_sealed = 0;
  const char *kid = seal_key_kid(key);
  int rc = seal_reason_rc(seal_key_export(p->crypto, key, &der, &n));
  if (rc == SQLITE_OK) {
    rc = seal_secret_seal(p, SEAL_FOR_KEY, (SealText){kid, (int)strlen(kid)}, der, (int)n, &sealed,
                          &n_sealed, err);
  }
  if (der != NULL) seal_wipe(der, n);
  free(der);
  if (rc == SQLITE_OK) rc = seal_store_run(&p->store, SQL_SIGNING_RETIRE, "i", at);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(&p->store, SQL_SIGNING_INSERT, "ttbi", kid, seal_key_public(key), sealed,
                        n_sealed, at);
  }
  if (rc == SQLITE_OK) rc = seal_store_run(&p->store, SQL_SIGNING_NAME, "t", kid);
  sqlite3_free(sealed);
  return rc;
}

int seal_rotate_key(Seal *p, int64_t at, char **jwk, SealError *err) {
  SealKey *key = NULL;
  *jwk = NULL;
  int rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) rc = seal_reason_rc(seal_key_generate(p->crypto, &key));
  if (rc == SQLITE_OK) rc = key_store(p, key, at, err);
  if (rc == SQLITE_OK) {
    *jwk = sqlite3_mprintf("%s", seal_key_public(key));
    if (*jwk == NULL) rc = SQLITE_NOMEM;
  }
  seal_key_free(key);
  return rc;
}

int seal_signing_jwks(Seal *p, int64_t at, char **jwks) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&p->store, SQL_SIGNING_JWKS, &row, "i", at);
  *jwks = NULL;
  if (rc == SQLITE_ROW) {
    const char *text = (const char *)sqlite3_column_text(row, 0);
    *jwks = sqlite3_mprintf("%s", text ? text : "{\"keys\":[]}");
    rc = *jwks ? SQLITE_OK : SQLITE_NOMEM;
  }
  seal_store_reset(row);
  return rc;
}

/************************************************************************************************
** Issuing.
*/
/* Which of the scopes the SLA grants at `at`, and until when: every granted one's end counts. */
static int grant_scopes(Seal *p, const SealRequester *who, unsigned asked, int64_t at,
                        unsigned *granted, int64_t *until, SealError *first) {
  *granted = 0;
  for (size_t i = 0; i < N_SCOPES; i++) {
    SealError err;
    SealGrant grant;
    SealAsk ask = {.val_server = who->val_server, .seal_service = scopes[i].seal_service, .at = at};
    if ((asked & scopes[i].scope) == 0) continue;
    memset(&err, 0, sizeof err);
    int rc = seal_authorize(p, &ask, &grant, &err);
    if (rc == SQLITE_OK) {
      *granted |= scopes[i].scope;
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

/* The claims: RFC 9068 2.2, cnf of RFC 8705 3.1, SKeyProv of TS 33.434 A.2.2.3. */
static char *claims_text(const char *identifier, const SealRequester *who, unsigned granted,
                         int64_t at, int64_t exp, const char *jti) {
  char scope[80];
  seal_scopes_write(granted, scope);
  json_t *claims =
      json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:s}", "iss", identifier, "sub", who->val_server_id,
                "aud", identifier, "client_id", who->val_server_id, "scope", scope, "iat",
                (json_int_t)at, "exp", (json_int_t)exp, "jti", jti);
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
  int rc = seal_reason_rc(seal_jws_sign(p->crypto, key, "at+jwt", claims, strlen(claims), token));
  if (rc != SQLITE_OK) return rc == SQLITE_CONSTRAINT_VTAB ? SQLITE_ERROR : rc;
  return seal_store_run(&p->store, SQL_SIGNING_USED, "ti", seal_key_kid(key), exp + SEAL_LEEWAY);
}

/* What was asked for and is not granted is refused, and so is a ttl that is none. */
static int judge(Seal *p, const SealRequester *who, unsigned *asked, int64_t at, int64_t ttl,
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
  if (rc == SQLITE_OK) rc = seal_reason_rc(seal_random(p->crypto, nonce, sizeof nonce));
  if (rc != SQLITE_OK) return rc;
  seal_b64url_encode(nonce, sizeof nonce, jti);
  *claims = claims_text(identifier, who, granted, at, exp, jti);
  return *claims ? SQLITE_OK : SQLITE_NOMEM;
}

/* The audit's entry. */
static int record_issue(Seal *p, const SealRequester *who, int64_t at, const char *actor,
                        const char *scope, const char *jti) {
  char *detail = sqlite3_mprintf("{\"scope\":\"%s\",\"jti\":\"%s\"}", scope, jti);
  char *object = sqlite3_mprintf("seal_val_server:%s", who->val_server_id);
  SealEvent event = {at, actor, "issue-token", object, "done", NULL, detail};
  int rc = detail && object ? seal_audit_write(p, &event) : SQLITE_NOMEM;
  sqlite3_free(detail);
  sqlite3_free(object);
  return rc;
}

int seal_token_issue(Seal *p, const SealRequester *who, unsigned asked, int64_t ttl, int64_t at,
                     const char *actor, char **response, SealError *err) {
  char jti[32], scope[80], *token = NULL, *claims = NULL;
  int64_t exp = at;
  SealKey *key = NULL;
  *response = NULL;
  int rc = judge(p, who, &asked, at, ttl, &exp, err);
  if (rc == SQLITE_OK) rc = seal_key_current(p, err);
  if (rc == SQLITE_OK) rc = seal_signing_key(p, &key, err);
  if (rc == SQLITE_OK) rc = make_claims(p, who, asked, at, exp, jti, &claims);
  if (rc == SQLITE_OK) rc = seal_consume(p, who, err);
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
  int rc = seal_settle(p);
  if (rc == SQLITE_OK) rc = seal_requester_is(p, val_server_id, at, &who, err);
  if (rc == SQLITE_DONE) {
    return seal_refuse(err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no such VAL server");
  }
  return rc == SQLITE_OK ? seal_token_issue(p, &who, scope, ttl, at, "operator", response, err)
                         : rc;
}
