/* Tokens as an API (messages.h): the token endpoint of RFC 6749 and the registrar's public keys.
**
**    POST /oauth2/v1/token    grant_type=client_credentials&client_assertion_type=…&client_assertion=…
**    GET  /.well-known/jwks.json
**    GET  /.well-known/oauth-authorization-server    metadata (RFC 8414)
**
** The client authenticates by private_key_jwt (RFC 7523 2.2) or by its certificate (RFC 8705 2); a token
** that was got by certificate is bound to it (RFC 8705 3).
*/
#include "messages/api.h"

#include <string.h>

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define TTL            3600 /* seconds */

/* What an assertion may be signed with, as JSON. */
#define ALGORITHMS                                                                                 \
  "[\"ES256\",\"ES384\",\"ES512\",\"EdDSA\",\"Ed25519\",\"Ed448\",\"PS256\",\"PS384\",\"PS512\","  \
  "\"RS256\",\"RS384\",\"RS512\",\"HS256\",\"HS384\",\"HS512\"]"

const char *const seal_token_members[] = {
    "grant_type", "scope", "client_id", "client_assertion", "client_assertion_type", NULL};
const char *const seal_token_asked[] = {"grant_type", "scope", "client_id", NULL};

/* The client, by its assertion or its certificate, and never by an access token. */
static int authenticate_client(Seal *p, SealRequest *request, SealError *err) {
  SealText assertion = seal_json_member(request->body, "client_assertion");
  SealText client_id = seal_json_member(request->body, "client_id");
  SealCredential credential = {assertion, {NULL, 0}};
  if (assertion.p == NULL) credential.certificate = request->credential.certificate;
  if (assertion.p != NULL &&
      !seal_text_is(seal_json_member(request->body, "client_assertion_type"), ASSERTION_TYPE)) {
    return seal_fault(err, SEAL_MANDATORY_IE_INCORRECT, "client_assertion_type",
                      "is not " ASSERTION_TYPE);
  }
  if (credential.token.p == NULL && credential.certificate.p == NULL) {
    return seal_refuse(err, SEAL_CREDENTIAL_MISSING,
                       "there is no client_assertion and no certificate");
  }
  int rc = seal_authenticate(p, &credential, request->at, SEAL_WHO_VAL, &request->who, err);
  if (rc != SQLITE_OK) return rc;
  if (request->who.by_token) {
    return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "an access token is no client assertion");
  }
  if (client_id.p != NULL && !seal_text_is(client_id, request->who.val_server_id)) {
    return seal_refuse(err, SEAL_REQUESTER_MISMATCH, "client_id is not who the credential proves");
  }
  return SQLITE_OK;
}

/* The members of a token request are texts; one without a value counts as left out (RFC 6749 3.2). */
static int check_members(json_t *body, SealError *err) {
  for (const char *const *name = seal_token_members; *name != NULL; name++) {
    const json_t *value = json_object_get(body, *name);
    if (value == NULL) continue;
    if (json_is_string(value)) {
      if (json_string_length(value) == 0) json_object_del(body, *name);
      continue;
    }
    return seal_fault(err, SEAL_MANDATORY_IE_INCORRECT, *name, "is not a string");
  }
  return SQLITE_OK;
}

int seal_token_client(Seal *p, SealRequest *request, SealError *err) {
  int rc = check_members(request->body, err);
  if (rc != SQLITE_OK) return rc;
  SealText grant_type = seal_json_member(request->body, "grant_type");
  if (grant_type.p == NULL) {
    return seal_fault(err, SEAL_MANDATORY_IE_MISSING, "grant_type", "is missing");
  }
  if (!seal_text_is(grant_type, "client_credentials")) {
    return seal_refuse(err, SEAL_OPTIONAL_IE_INCORRECT, "grant_type is not client_credentials");
  }
  return authenticate_client(p, request, err);
}

int seal_token_post(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                    SealError *err) {
  (void)seal_service;
  int unknown = 0;
  SealText scope = seal_json_member(request->body, "scope");
  unsigned asked = scope.p ? seal_scopes_read(scope, &unknown) : 0;
  int allowed = seal_token_rate(p, request->who.val_server, request->at.t, err);
  if (allowed != SQLITE_OK) return allowed;
  if (scope.p != NULL && (unknown || asked == 0)) {
    return seal_refuse(err, SEAL_INSUFFICIENT_SCOPE, "scope names what there is not");
  }
  out->status = 200;
  out->secret = 1;
  int rc =
      seal_token_issue(p, &request->who, asked, TTL, request->at.t, (SealTokenUse){request->use, 0},
                       request->who.val_server_id, &out->body, err);
  return rc == SQLITE_OK ? seal_token_rate_take(p, request->who.val_server, request->at.t) : rc;
}

int seal_jwks_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                  SealError *err) {
  (void)seal_service;
  (void)err;
  out->status = 200;
  return seal_signing_jwks(p, request->at.t, &out->body);
}

int seal_metadata_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                      SealError *err) {
  (void)request;
  (void)seal_service;
  char root[SEAL_URI_MAX + 1], scopes[80], *at = scopes;
  int rc = seal_api_root(p, root);
  if (rc != SQLITE_OK) return rc;
  if (root[0] == 0) {
    return seal_refuse(err, SEAL_RESOURCE_URI_STRUCTURE_NOT_FOUND,
                       "there are no metadata until api_root is set");
  }
  seal_scopes_write(SEAL_SCOPE_IDM | SEAL_SCOPE_KM | SEAL_SCOPE_PROV, scopes);
  sqlite3_str *text = sqlite3_str_new(NULL);
  sqlite3_str_appendf(text,
                      "{\"issuer\":\"%s\",\"token_endpoint\":\"%s" SEAL_TOKEN_PATH
                      "\",\"jwks_uri\":\"%s" SEAL_JWKS_PATH "\",\"response_types_supported\":[],"
                      "\"grant_types_supported\":[\"client_credentials\"],\"token_endpoint_auth_"
                      "methods_supported\":"
                      "[\"private_key_jwt\",\"client_secret_jwt\",\"tls_client_auth\",\"self_"
                      "signed_tls_client_auth\"],"
                      "\"token_endpoint_auth_signing_alg_values_supported\":" ALGORITHMS
                      ",\"tls_client_certificate_bound_access_tokens\":true,\"scopes_supported\":[",
                      root, root, root);
  for (const char *comma = ""; *at; comma = ",") {
    char *end = at + strcspn(at, " ");
    sqlite3_str_appendf(text, "%s\"%.*s\"", comma, (int)(end - at), at);
    at = end + (*end == ' ');
  }
  sqlite3_str_appendall(text, "]}");
  rc = sqlite3_str_errcode(text);
  out->body = sqlite3_str_finish(text);
  out->status = 200;
  return rc;
}

/* The error code of RFC 6749 5.2, and the status that goes with it. */
static const char *oauth_code(SealCause cause, int *status) {
  *status = 400;
  switch (cause) {
  case SEAL_CREDENTIAL_INVALID:
  case SEAL_CREDENTIAL_EXPIRED:
  case SEAL_CREDENTIAL_REVOKED:
  case SEAL_CREDENTIAL_REPLAYED:
  case SEAL_CREDENTIAL_MISSING:
  case SEAL_REQUESTER_MISMATCH:
  case SEAL_REQUESTER_NOT_ACTIVE:
    *status = 401;
    return "invalid_client";
  case SEAL_INSUFFICIENT_SCOPE:
  case SEAL_SLA_SERVICE_NOT_GRANTED:
    return "invalid_scope";
  case SEAL_SLA_NOT_ACTIVE:
  case SEAL_SLA_EXPIRED:
    return "unauthorized_client";
  case SEAL_OPTIONAL_IE_INCORRECT:
    return "unsupported_grant_type";
  default:
    return "invalid_request";
  }
}

void seal_token_error(sqlite3_str *out, const SealError *err, int *status) {
  sqlite3_str_appendf(out,
                      "{\"error\":\"%s\",\"error_description\":", oauth_code(err->cause, status));
  seal_json_append(out, err->detail, strlen(err->detail));
  sqlite3_str_appendf(out, ",\"cause\":\"%s\"}", seal_cause_text(err->cause));
}
