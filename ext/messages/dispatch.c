/* One message (messages.h): envelope, routing, requester, handler, answer.
**
**    request --> read --> route --> authenticate --> media type, body --> seen? --> handler --> answer, kept
**                  |        |            |                 |                |yes       |
**                  |        |            |                 |                +--> the first outcome, or 409
**                  +--------+------------+-----------------+---------------------------+--> problem details
**
** A refusal changes nothing and takes no name; only the audit hears of it, and it counts for the rate. A message_id is its
** requester's: it is looked up once he is known, and never among another's.
*/
#include "messages/api.h"

#include <assert.h>
#include <string.h>

/* What an API does with a resource; request->conf_id is set for a single one. */
typedef int Handler(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                    SealError *err);

/* How a refusal is told. */
typedef enum Style { PROBLEM, OAUTH, KM_RESPONSE } Style;

#define PUBLIC   1  /* no credential is asked for, and nothing charged */
#define OWN_AUTH 2  /* the body says who asks */
#define ANY_CRED 4  /* the handler judges the token's scope */
#define READS    8  /* the handler changes nothing: audit and charge are done here */
#define SERVER   16 /* for SEAL servers: nothing is charged */
#define JOSE     32 /* the answer's body is a JWS */

typedef struct Route {
  const char *path; /* a collection, or a single resource when `single` */
  int single;
  const char *seal_service;
  const char *method;
  const char *media_type; /* of the body; NULL: no body */
  Handler *handler;
  unsigned flags;
  Style style;
  SealApi api; /* as which it is charged */
} Route;

#define JSON_TYPE  "application/json"
#define PATCH_TYPE "application/merge-patch+json"
#define FORM_TYPE  "application/x-www-form-urlencoded"
#define IPP        "/ss-ipp/v1/configurations"
#define KMPP       "/ss-kmpp/v1/configurations"
#define KIR        "/ss-kir/v1/key-records"

static const Route routes[] = {
    {IPP, 0, SEAL_IDM, "POST", JSON_TYPE, seal_configurations_post, 0, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {IPP, 0, SEAL_IDM, "GET", NULL, seal_configurations_get, READS, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {IPP, 1, SEAL_IDM, "GET", NULL, seal_configuration_get_one, READS, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {IPP, 1, SEAL_IDM, "PUT", JSON_TYPE, seal_configuration_replace, 0, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {IPP, 1, SEAL_IDM, "PATCH", PATCH_TYPE, seal_configuration_patch, 0, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {IPP, 1, SEAL_IDM, "DELETE", NULL, seal_configuration_drop, 0, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {KMPP, 0, SEAL_KM, "POST", JSON_TYPE, seal_configurations_post, 0, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {KMPP, 0, SEAL_KM, "GET", NULL, seal_configurations_get, READS, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {KMPP, 1, SEAL_KM, "GET", NULL, seal_configuration_get_one, READS, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {KMPP, 1, SEAL_KM, "PUT", JSON_TYPE, seal_configuration_replace, 0, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {KMPP, 1, SEAL_KM, "PATCH", PATCH_TYPE, seal_configuration_patch, 0, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {KMPP, 1, SEAL_KM, "DELETE", NULL, seal_configuration_drop, 0, PROBLEM,
     SEAL_API_CONFIGURATIONS},
    {"/ss-kpp/v1/request", 0, SEAL_KM, "POST", JSON_TYPE, seal_key_provision_post, ANY_CRED,
     PROBLEM, SEAL_API_KEY_PROVISIONING},
    {KIR, 0, SEAL_KM, "GET", NULL, seal_key_records_get, READS | ANY_CRED, PROBLEM,
     SEAL_API_KEY_RETRIEVAL},
    {"/skm/v1/km-request", 0, SEAL_KM, "POST", JSON_TYPE, seal_km_request_post, READS | ANY_CRED,
     KM_RESPONSE, SEAL_API_KM_REQUEST},
    /* What follows is charged as nothing. */
    {"/ss-vsd/v1/val-servdata", 0, NULL, "GET", NULL, seal_val_servdata_get, READS | SERVER,
     PROBLEM, SEAL_API_CONFIGURATIONS},
    {"/seal-bundles/v1/bundles", 0, NULL, "GET", NULL, seal_bundles_get, READS | SERVER | JOSE,
     PROBLEM, SEAL_API_CONFIGURATIONS},
    {SEAL_TOKEN_PATH, 0, NULL, "POST", FORM_TYPE, seal_token_post, OWN_AUTH, OAUTH,
     SEAL_API_CONFIGURATIONS},
    {SEAL_JWKS_PATH, 0, NULL, "GET", NULL, seal_jwks_get, PUBLIC, PROBLEM, SEAL_API_CONFIGURATIONS},
    {"/.well-known/oauth-authorization-server", 0, NULL, "GET", NULL, seal_metadata_get, PUBLIC,
     PROBLEM, SEAL_API_CONFIGURATIONS},
};

#define N_ROUTES (sizeof routes / sizeof *routes)

/* 1 if the path is the route's resource. */
static int path_matches(const Route *route, const SealRequest *request) {
  size_t n = strlen(route->path);
  if (strncmp(request->path, route->path, n) != 0) return 0;
  if (!route->single) return request->path[n] == 0;
  return request->path[n] == '/' && request->path[n + 1] != 0 &&
         strchr(request->path + n + 1, '/') == NULL;
}

/* The last segment of the path of a single resource. */
static int take_segment(const Route *route, SealRequest *request) {
  const char *segment = strrchr(request->path, '/') + 1;
  int nomem;
  if (!route->single) return SQLITE_OK;
  request->conf_id = request->conf_id_memory =
      seal_percent_decoded(segment, strlen(segment), &nomem);
  return request->conf_id ? SQLITE_OK : SQLITE_NOMEM; /* it was looked at with the path */
}

/* HEAD is answered as GET, without a body (RFC 9110 9.3.2). */
static int is_method(const Route *route, const SealRequest *request) {
  return strcmp(route->method, request->head ? "GET" : request->method) == 0;
}

static int route_find(SealRequest *request, const Route **out, char **allow, SealError *err) {
  sqlite3_str *methods = sqlite3_str_new(NULL);
  *out = NULL;
  for (size_t i = 0; i < N_ROUTES; i++) {
    if (!path_matches(&routes[i], request)) continue;
    if (is_method(&routes[i], request)) *out = &routes[i];
    sqlite3_str_appendf(methods, "%s%s%s", sqlite3_str_length(methods) ? ", " : "",
                        routes[i].method, strcmp(routes[i].method, "GET") == 0 ? ", HEAD" : "");
  }
  int rc = sqlite3_str_errcode(methods), known = sqlite3_str_length(methods) > 0;
  *allow = sqlite3_str_finish(methods);
  if (rc != SQLITE_OK) return rc;
  if (*out != NULL) {
    request->seal_service = (*out)->seal_service;
    return take_segment(*out, request);
  }
  if (known) return seal_refuse(err, SEAL_METHOD_NOT_ALLOWED, "the resource has no such method");
  return seal_refuse(err, SEAL_RESOURCE_URI_STRUCTURE_NOT_FOUND, "there is no such resource");
}

/* 1 if the body is a form: where one may come, JSON may come too. */
static int is_form(const SealRequest *request, const Route *route) {
  return strcmp(route->media_type, FORM_TYPE) == 0 &&
         (request->content_type ? seal_media_type_is(request->content_type, FORM_TYPE)
                                : request->body_is_string || request->body_value);
}

static int check_media_type(const SealRequest *request, const Route *route, SealError *err) {
  if (route->media_type == NULL || request->content_type == NULL || is_form(request, route)) {
    return SQLITE_OK;
  }
  int form = strcmp(route->media_type, FORM_TYPE) == 0;
  if (seal_media_type_is(request->content_type, form ? JSON_TYPE : route->media_type))
    return SQLITE_OK;
  return seal_refuse(err, SEAL_UNSUPPORTED_MEDIA_TYPE, "the body has to be %s", route->media_type);
}

static int read_body(SealRequest *request, const Route *route, SealError *err) {
  if (route->media_type == NULL) return SQLITE_OK;
  if ((route->flags & OWN_AUTH) == 0) return seal_request_body(request, err);
  return seal_request_few(request, is_form(request, route), seal_token_members, err);
}

/* The media type of a success's body. */
static const char *answer_type(const Route *route) {
  return route->flags & JOSE ? "application/jose" : JSON_TYPE;
}

static int check_accept(const SealRequest *request, const Route *route, SealError *err) {
  const char *type = answer_type(route);
  if (seal_accepts(request->accept, type)) return SQLITE_OK;
  return seal_refuse(err, SEAL_NOT_ACCEPTABLE, "the answer is %s", type);
}

static int authenticate(Seal *p, SealRequest *request, const Route *route, SealError *err) {
  if (route->flags & PUBLIC) return SQLITE_OK;
  if (route->flags & OWN_AUTH) return seal_token_client(p, request, err);
  if (request->credential.token.p == NULL && request->credential.certificate.p == NULL) {
    return seal_refuse(err, SEAL_CREDENTIAL_MISSING, "there is no credential");
  }
  int rc =
      seal_authenticate(p, &request->credential, request->at,
                        route->flags & SERVER ? SEAL_WHO_SEAL : SEAL_WHO_VAL, &request->who, err);
  if (rc != SQLITE_OK || route->flags & (ANY_CRED | SERVER)) return rc;
  return seal_scope_check(&request->who, route->seal_service, 0, err);
}

SealAct seal_request_act(SealRequest *request) {
  return (SealAct){
      .who = &request->who,
      .at = request->at.t,
      .operation = request->method,
      .use = {request->use, 0},
      .touched = &request->touched,
      .message_id = request->message_id,
  };
}

/* Who asks, as the audit calls him. */
static const char *actor_of(const SealRequester *who, char out[SEAL_REQUESTER_SIZE]) {
  if (who->val_server_id[0]) return who->val_server_id;
  if (who->seal_server_id[0] == 0) return "unknown";
  return sqlite3_snprintf(SEAL_REQUESTER_SIZE, out, "seal:%s", who->seal_server_id);
}

/* What a handler has done was chargeable, and is audited, by itself; reading is so here. */
static int record_read(Seal *p, const SealRequest *request, const Route *route, SealError *err) {
  char actor[SEAL_REQUESTER_SIZE];
  SealEvent event = {
      request->at.t, actor_of(&request->who, actor), request->method, request->path, "done", NULL,
      NULL};
  SealUse use = {
      .time = request->at.t,
      .val_server = request->who.val_server,
      .seal_service = route->seal_service,
      .operation = route->method,
      .conf_id = request->conf_id,
      .result = 200,
      .api = route->api,
      .names = &request->touched.names,
  };
  if ((route->flags & READS) == 0) return SQLITE_OK;
  int rc = seal_consume(p, &request->who, (SealTokenUse){request->use, 1}, err);
  if (rc == SQLITE_OK) rc = seal_audit_traced(p, &event, request->traceparent);
  if (rc != SQLITE_OK || route->flags & SERVER) return rc;
  return seal_usage_write(p, &use, request->touched.terms, request->touched.n);
}

/* Who asks, and whether he has asked before: SQLITE_DONE if he has. */
static int prepare(Seal *p, SealRequest *request, const Route *route, SealOutcome *out,
                   SealError *err) {
  int rc = SQLITE_OK;
  if (!(route->flags & OWN_AUTH)) rc = authenticate(p, request, route, err);
  if (rc == SQLITE_OK) rc = check_accept(request, route, err);
  if (rc == SQLITE_OK) rc = check_media_type(request, route, err);
  if (rc == SQLITE_OK) rc = read_body(request, route, err);
  if (rc == SQLITE_OK && route->flags & OWN_AUTH) rc = authenticate(p, request, route, err);
  int is_server = request->who.seal_server != 0;
  if (rc != SQLITE_OK || (request->who.val_server == 0 && !is_server)) return rc;
  sqlite3_snprintf(SEAL_TRACEPARENT_SIZE, request->who.traceparent, "%s",
                   request->traceparent ? request->traceparent : "");
  sqlite3_snprintf(sizeof out->requester, out->requester, "%s:%s", is_server ? "seal" : "val",
                   is_server ? request->who.seal_server_id : request->who.val_server_id);
  if (route->media_type == NULL) request->body_text = (SealText){NULL, 0}; /* nobody reads it */
  rc = seal_outcome_digest(p, request, route->flags & OWN_AUTH ? seal_token_asked : NULL);
  /* A SEAL server's requests change nothing, so that nothing is kept of them. */
  return rc == SQLITE_OK && !is_server ? seal_outcome_find(p, request, out, err) : rc;
}

/* The answer of a success, as JSON text: what is longer than a value of this connection's may be is no answer,
** and nothing has been done yet where that is a reading's. */
static int success(Seal *p, const SealRequest *request, const SealAnswer *answer,
                   const char *headers, SealOutcome *out) {
  assert(answer->status >= 200 && answer->status < 300);
  out->status = answer->status;
  out->secret = answer->secret;
  out->response = seal_answer_text(answer->status, headers,
                                   seal_text_from(request->head ? NULL : answer->body));
  if (out->response == NULL) return SQLITE_NOMEM;
  int limit = sqlite3_limit(seal_db(p), SQLITE_LIMIT_LENGTH, -1);
  return strlen(out->response) > (size_t)limit ? SQLITE_TOOBIG : SQLITE_OK;
}

/* What the token endpoint says of its answers and errors (RFC 6749 5.1, 5.2): nobody keeps them. */
#define NOT_KEPT "\"Cache-Control\":\"no-store\",\"Pragma\":\"no-cache\""

/* The headers of a route's success, a JSON object, the caller's (sqlite3_free); NULL: out of memory. */
static char *success_headers(const SealAnswer *answer, const Route *route) {
  const char *comma = "";
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendchar(out, 1, '{');
  if (answer->location != NULL) {
    sqlite3_str_appendall(out, "\"Location\":");
    seal_json_append(out, answer->location, strlen(answer->location));
    comma = ",";
  }
  if (answer->secret) {
    sqlite3_str_appendall(out, comma);
    sqlite3_str_appendall(out, route->style == OAUTH ? NOT_KEPT : "\"Cache-Control\":\"no-store\"");
    comma = ",";
  }
  if (answer->body != NULL) {
    sqlite3_str_appendf(out, "%s\"Content-Type\":\"%s\"", comma, answer_type(route));
  }
  sqlite3_str_appendchar(out, 1, '}');
  return sqlite3_str_finish(out);
}

/* Refuses, answers anew, or, with SQLITE_DONE, leaves it at the outcome that there was. */
static int handle(Seal *p, SealRequest *request, const Route **route, SealAnswer *answer,
                  char **allow, SealOutcome *out, SealError *err) {
  char *headers = NULL;
  int rc = route_find(request, route, allow, err);
  if (rc == SQLITE_OK) request->reads = ((*route)->flags & (READS | PUBLIC)) != 0;
  if (rc == SQLITE_OK) rc = prepare(p, request, *route, out, err);
  if (rc == SQLITE_OK) rc = (*route)->handler(p, request, (*route)->seal_service, answer, err);
  if (rc == SQLITE_OK) {
    headers = success_headers(answer, *route);
    rc = headers ? success(p, request, answer, headers, out) : SQLITE_NOMEM;
  }
  if (rc == SQLITE_OK) {
    rc = request->reads ? record_read(p, request, *route, err)
                        : seal_outcome_keep(p, request, answer, headers, out, err);
  }
  sqlite3_free(headers);
  return rc;
}

/************************************************************************************************
** Answers.
*/
static void append_string(sqlite3_str *out, const char *text) {
  seal_json_append(out, text, strlen(text));
}

/* Appends the ProblemDetails of TS 29.122 5.2.1.2.12. */
static void append_problem(sqlite3_str *out, const SealError *err, const char *instance) {
  assert(err->cause != SEAL_CAUSE_NONE && err->detail != NULL);
  int status = seal_cause_status(err->cause);
  sqlite3_str_appendf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                      seal_status_title(status), status);
  append_string(out, err->detail);
  if (instance != NULL) {
    char quoted[SEAL_QUOTE_MAX + 8];
    SealText text = {instance, (int)strlen(instance)};
    sqlite3_str_appendall(out, ",\"instance\":");
    append_string(out, seal_quote(text, quoted));
  }
  sqlite3_str_appendf(out, ",\"cause\":\"%s\"", seal_cause_text(err->cause));
  for (int i = 0; i < err->n_faults; i++) {
    sqlite3_str_appendall(out, i ? ",{\"param\":" : ",\"invalidParams\":[{\"param\":");
    append_string(out, err->faults[i].param);
    sqlite3_str_appendall(out, ",\"reason\":");
    append_string(out, err->faults[i].reason);
    sqlite3_str_appendchar(out, 1, '}');
  }
  sqlite3_str_appendall(out, err->n_faults ? "]}" : "}");
}

/* 1 if RFC 6749 5.2 has a code for it: about the client, or about what it asks for. The other refusals of the token
** endpoint are problem details, as TS 29.510 has them. */
static int is_oauth_error(int status) {
  return status == 400 || status == 401 || status == 403 || status == 404 || status == 409;
}

/* Appends the body of a refusal in the style of its API, and gives its status. */
static int append_refusal(sqlite3_str *out, Style style, const SealRequest *request,
                          const SealError *err) {
  int status = seal_cause_status(err->cause);
  if (style == OAUTH && is_oauth_error(status)) {
    seal_token_error(out, err, &status);
  } else if (style == KM_RESPONSE && status != 405) {
    seal_km_error(out, request, err);
  } else {
    append_problem(out, err, request->path);
  }
  return status;
}

/* The answer of a refusal, as JSON text. */
static int problem(const SealError *err, const SealRequest *request, Style style, const char *allow,
                   int *status, char **response) {
  sqlite3_str *out = sqlite3_str_new(NULL), *body = sqlite3_str_new(NULL);
  *status = append_refusal(body, style, request, err);
  sqlite3_str_appendf(out, "{\"status\":%d,\"headers\":{", *status);
  const char *challenge = seal_challenge(*status, err->cause, style == OAUTH);
  if (challenge != NULL) sqlite3_str_appendf(out, "\"WWW-Authenticate\":\"%s\",", challenge);
  if (*status == 405 && allow != NULL) sqlite3_str_appendf(out, "\"Allow\":\"%s\",", allow);
  if (*status == 415 && strcmp(request->method, "PATCH") == 0) {
    sqlite3_str_appendall(out, "\"Accept-Patch\":\"" PATCH_TYPE "\",");
  }
  if (*status == 429) {
    sqlite3_str_appendf(out, "\"Retry-After\":\"%lld\",", (long long)err->retry_after);
  }
  int rc = sqlite3_str_errcode(body);
  char *text = sqlite3_str_finish(body);
  int is_problem = text != NULL && strncmp(text, "{\"type\"", 7) == 0;
  if (style == OAUTH && !is_problem) sqlite3_str_appendall(out, NOT_KEPT ",");
  sqlite3_str_appendf(out, "\"Content-Type\":\"application/%sjson\"}",
                      is_problem ? "problem+" : "");
  if (!request->head) sqlite3_str_appendf(out, ",\"body\":%s", text ? text : "null");
  sqlite3_str_appendchar(out, 1, '}');
  sqlite3_free(text);
  if (rc == SQLITE_OK) rc = sqlite3_str_errcode(out);
  *response = sqlite3_str_finish(out);
  return rc;
}

/* A refused message is audited: who asked for what, and the cause; and it counts for the rate. */
static int record_refusal(Seal *p, SealRequest *request, const SealError *err) {
  char method[SEAL_QUOTE_MAX + 8], path[SEAL_QUOTE_MAX + 8];
  assert(err->cause != SEAL_CAUSE_NONE);
  seal_quote(seal_text_from(request->method ? request->method : "message"), method);
  seal_quote(seal_text_from(request->path ? request->path : "seal_message"), path);
  char actor[SEAL_REQUESTER_SIZE];
  SealEvent event = {request->at.t, actor_of(&request->who, actor), method, path,
                     "refused",     seal_cause_text(err->cause),    NULL};
  int audited = 1;
  int rc = seal_invocation_refused(p, &request->touched, request->who.val_server,
                                   request->seal_service, request->at.t);
  if (rc == SQLITE_OK) rc = seal_refusal_count(p, event.cause, 1);
  if (rc == SQLITE_OK && request->who.val_server_id[0] == 0 && request->who.seal_server == 0) {
    rc = seal_refusal_note(p, request->at.t, event.cause, 1, &audited);
  }
  return rc == SQLITE_OK && audited ? seal_audit_traced(p, &event, request->traceparent) : rc;
}

static void answer_clear(SealAnswer *answer) {
  sqlite3_free(answer->location);
  if (answer->body != NULL && answer->secret) seal_wipe(answer->body, strlen(answer->body));
  sqlite3_free(answer->body);
}

int seal_message_handle(Seal *p, SealText message_id, const SealGiven *given, SealAt at,
                        SealOutcome *out) {
  SealRequest request;
  SealAnswer answer;
  SealError err;
  const Route *route = NULL;
  char *allow = NULL;
  memset(&err, 0, sizeof err);
  memset(&answer, 0, sizeof answer);
  memset(out, 0, sizeof *out);
  int rc = seal_request_read(given, &request, &err);
  request.message_id = message_id;
  request.at = at;
  request.head = request.method != NULL && strcmp(request.method, "HEAD") == 0;
  if (rc == SQLITE_OK) rc = handle(p, &request, &route, &answer, &allow, out, &err);
  if ((rc == SQLITE_CONSTRAINT_VTAB || rc == SQLITE_CORRUPT_VTAB) && err.cause != SEAL_CAUSE_NONE) {
    /* A sealed value that is lost is found by reading, before anything was written. */
    seal_secret_free(out->response, out->response ? (int)strlen(out->response) : 0);
    out->response = NULL;
    rc = record_refusal(p, &request, &err);
    if (rc == SQLITE_OK) {
      rc = problem(&err, &request, route ? route->style : PROBLEM, allow, &out->status,
                   &out->response);
    }
  }
  answer_clear(&answer);
  sqlite3_free(allow);
  seal_request_clear(&request);
  seal_error_clear(&err);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
