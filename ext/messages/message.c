/* One message (messages.h): envelope, routing, requester, handler, answer.
**
**    request --> read --> route --> authenticate --> media type, body --> handler --> answer
**                  |        |            |                 |               |
**                  +--------+------------+-----------------+---------------+--> problem details
**
** A refusal has written nothing; only the audit hears of it.
*/
#include "messages/messages.h"

#include <string.h>

/* What an API does with a resource; request->conf_id is set for a single one. */
typedef int Handler(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                    SealError *err);

typedef struct Route {
  const char *path; /* a collection, or a single resource when `single` */
  int single;
  const char *seal_service;
  const char *method;
  const char *media_type; /* of the body; NULL: no body */
  Handler *handler;
} Route;

#define JSON_TYPE  "application/json"
#define PATCH_TYPE "application/merge-patch+json"
#define IPP        "/ss-ipp/v1/configurations"
#define KMPP       "/ss-kmpp/v1/configurations"

static const Route routes[] = {
    {IPP, 0, SEAL_IDM, "POST", JSON_TYPE, seal_configurations_post},
    {IPP, 0, SEAL_IDM, "GET", NULL, seal_configurations_get},
    {IPP, 1, SEAL_IDM, "GET", NULL, seal_configuration_get_one},
    {IPP, 1, SEAL_IDM, "PUT", JSON_TYPE, seal_configuration_replace},
    {IPP, 1, SEAL_IDM, "PATCH", PATCH_TYPE, seal_configuration_patch},
    {IPP, 1, SEAL_IDM, "DELETE", NULL, seal_configuration_drop},
    {KMPP, 0, SEAL_KM, "POST", JSON_TYPE, seal_configurations_post},
    {KMPP, 0, SEAL_KM, "GET", NULL, seal_configurations_get},
    {KMPP, 1, SEAL_KM, "GET", NULL, seal_configuration_get_one},
    {KMPP, 1, SEAL_KM, "PUT", JSON_TYPE, seal_configuration_replace},
    {KMPP, 1, SEAL_KM, "PATCH", PATCH_TYPE, seal_configuration_patch},
    {KMPP, 1, SEAL_KM, "DELETE", NULL, seal_configuration_drop},
};

#define N_ROUTES (sizeof routes / sizeof *routes)

/* 1 if the path is the route's resource; sets request->conf_id. */
static int path_matches(const Route *route, SealRequest *request) {
  size_t n = strlen(route->path);
  if (strncmp(request->path, route->path, n) != 0) return 0;
  if (!route->single) return request->path[n] == 0;
  if (request->path[n] != '/' || request->path[n + 1] == 0) return 0;
  if (strchr(request->path + n + 1, '/') != NULL) return 0;
  request->conf_id = request->path + n + 1;
  return 1;
}

static int route_find(SealRequest *request, const Route **out, char **allow, SealError *err) {
  sqlite3_str *methods = sqlite3_str_new(NULL);
  *out = NULL;
  for (size_t i = 0; i < N_ROUTES; i++) {
    if (!path_matches(&routes[i], request)) continue;
    if (strcmp(routes[i].method, request->method) == 0) *out = &routes[i];
    sqlite3_str_appendf(methods, "%s%s", sqlite3_str_length(methods) ? ", " : "", routes[i].method);
  }
  int known = sqlite3_str_length(methods) > 0;
  *allow = sqlite3_str_finish(methods);
  if (*out != NULL) {
    request->seal_service = (*out)->seal_service;
    return SQLITE_OK;
  }
  if (known) return seal_refuse(err, SEAL_METHOD_NOT_ALLOWED, "the resource has no such method");
  return seal_refuse(err, SEAL_RESOURCE_URI_STRUCTURE_NOT_FOUND, "there is no such resource");
}

/* 1 if a media type, without its parameters, is the one that is expected. */
static int media_type_is(const char *given, const char *expected) {
  size_t n = strlen(expected);
  while (*given == ' ') given++;
  if (sqlite3_strnicmp(given, expected, (int)n) != 0) return 0;
  given += n;
  while (*given == ' ') given++;
  return *given == 0 || *given == ';';
}

static int check_media_type(const SealRequest *request, const Route *route, SealError *err) {
  if (route->media_type == NULL || request->content_type == NULL ||
      media_type_is(request->content_type, route->media_type)) {
    return SQLITE_OK;
  }
  return seal_refuse(err, SEAL_UNSUPPORTED_MEDIA_TYPE, "the body has to be %s", route->media_type);
}

static int check_accept(const SealRequest *request, SealError *err) {
  const char *accept = request->accept;
  if (accept == NULL || accept[0] == 0 || strstr(accept, "*/*") ||
      strstr(accept, "application/*") || strstr(accept, JSON_TYPE)) {
    return SQLITE_OK;
  }
  return seal_refuse(err, SEAL_NOT_ACCEPTABLE, "the answer is " JSON_TYPE);
}

static int authenticate(Seal *p, SealRequest *request, SealError *err) {
  if (request->credential.token.p == NULL && request->credential.certificate.p == NULL) {
    return seal_refuse(err, SEAL_CREDENTIAL_MISSING, "there is no credential");
  }
  return seal_authenticate(p, &request->credential, request->at, &request->who, err);
}

/* What a handler has done was chargeable, and is audited, by itself; reading is so here. */
static int record_read(Seal *p, const SealRequest *request, const Route *route, SealError *err) {
  SealEvent event = {
      request->at, request->who.val_server_id, request->method, request->path, "done", NULL, NULL};
  if (p->repeats) return SQLITE_OK;
  int rc = seal_consume(p, &request->who, err);
  if (rc == SQLITE_OK) rc = seal_audit_write(p, &event);
  if (rc != SQLITE_OK) return rc;
  return seal_usage_write(p, request->at, request->who.val_server, route->seal_service,
                          request->method, 200, request->conf_id, 0, 0);
}

static int handle(Seal *p, SealRequest *request, SealAnswer *answer, char **allow, SealError *err) {
  const Route *route;
  int rc = route_find(request, &route, allow, err);
  if (rc == SQLITE_OK) rc = authenticate(p, request, err);
  if (rc == SQLITE_OK) rc = check_accept(request, err);
  if (rc == SQLITE_OK) rc = check_media_type(request, route, err);
  if (rc == SQLITE_OK && route->media_type != NULL) rc = seal_request_body(request, err);
  if (rc == SQLITE_OK) rc = route->handler(p, request, route->seal_service, answer, err);
  if (rc == SQLITE_OK && strcmp(request->method, "GET") == 0) {
    rc = record_read(p, request, route, err);
  }
  return rc;
}

/************************************************************************************************
** Answers.
*/
static const char *status_title(int status) {
  switch (status) {
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 406:
    return "Not Acceptable";
  case 409:
    return "Conflict";
  case 413:
    return "Content Too Large";
  case 415:
    return "Unsupported Media Type";
  case 429:
    return "Too Many Requests";
  case 503:
    return "Service Unavailable";
  default:
    return "Internal Server Error";
  }
}

static void append_string(sqlite3_str *out, const char *text) {
  seal_json_append(out, text, strlen(text));
}

/* Appends the ProblemDetails of TS 29.122 5.2.1.2.12. */
static void append_problem(sqlite3_str *out, const SealError *err, const char *instance) {
  int status = seal_cause_status(err->cause);
  sqlite3_str_appendf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                      status_title(status), status);
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

/* The answer of a refusal, as JSON text. */
static int problem(const SealError *err, const char *instance, const char *allow, char **response) {
  int status = seal_cause_status(err->cause);
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendf(out, "{\"status\":%d,\"headers\":{", status);
  if (status == 401) {
    sqlite3_str_appendall(out, "\"WWW-Authenticate\":\"Bearer error=\\\"invalid_token\\\"\",");
  }
  if (status == 405 && allow != NULL) sqlite3_str_appendf(out, "\"Allow\":\"%s\",", allow);
  if (status == 429) {
    sqlite3_str_appendf(out, "\"Retry-After\":\"%lld\",", (long long)err->retry_after);
  }
  sqlite3_str_appendall(out, "\"Content-Type\":\"application/problem+json\"},\"body\":");
  append_problem(out, err, instance);
  sqlite3_str_appendchar(out, 1, '}');
  int rc = sqlite3_str_errcode(out);
  *response = sqlite3_str_finish(out);
  return rc;
}

/* The answer of a success, as JSON text. */
static int success(const SealAnswer *answer, char **response) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendf(out, "{\"status\":%d,\"headers\":{", answer->status);
  if (answer->location != NULL) {
    sqlite3_str_appendall(out, "\"Location\":");
    append_string(out, answer->location);
    sqlite3_str_appendall(out, answer->body ? "," : "");
  }
  if (answer->body != NULL) sqlite3_str_appendall(out, "\"Content-Type\":\"" JSON_TYPE "\"");
  sqlite3_str_appendchar(out, 1, '}');
  if (answer->body != NULL) {
    sqlite3_str_appendall(out, ",\"body\":");
    sqlite3_str_appendall(out, answer->body);
  }
  sqlite3_str_appendchar(out, 1, '}');
  int rc = sqlite3_str_errcode(out);
  *response = sqlite3_str_finish(out);
  return rc;
}

/* A refused message is audited: who asked for what, and the cause; and it counts for the rate. */
static int record_refusal(Seal *p, const SealRequest *request, int64_t at, const SealError *err) {
  char method[SEAL_QUOTE_MAX + 8], path[SEAL_QUOTE_MAX + 8];
  const char *m = request->method ? request->method : "message";
  const char *uri = request->path ? request->path : "seal_message";
  seal_quote((SealText){m, (int)strlen(m)}, method);
  seal_quote((SealText){uri, (int)strlen(uri)}, path);
  const char *actor = request->who.val_server_id[0] ? request->who.val_server_id : "unknown";
  SealEvent event = {at, actor, method, path, "refused", seal_cause_text(err->cause), NULL};
  if (p->repeats) return SQLITE_OK;
  int rc = seal_settle(p);
  if (rc == SQLITE_OK) {
    rc = seal_invocation_refused(p, request->who.val_server, request->seal_service, at);
  }
  return rc == SQLITE_OK ? seal_audit_write(p, &event) : rc;
}

int seal_message_handle(Seal *p, SealText message_id, SealText request_text, int64_t at,
                        int *status, char **response, int *reads) {
  SealRequest request;
  SealAnswer answer = {0, NULL, NULL};
  SealError err;
  char *allow = NULL, *id = sqlite3_mprintf("%.*s", message_id.n, message_id.p);
  memset(&err, 0, sizeof err);
  int rc = id ? seal_request_read(request_text, &request, &err) : SQLITE_NOMEM;
  if (id == NULL) return rc;
  request.message_id = id;
  request.at = at;
  seal_invocation_begin(p);
  if (rc == SQLITE_OK) rc = handle(p, &request, &answer, &allow, &err);
  *reads = request.method != NULL && strcmp(request.method, "GET") == 0;
  *status = answer.status;
  if (rc == SQLITE_OK) {
    rc = success(&answer, response);
  } else if (rc == SQLITE_CONSTRAINT_VTAB && err.cause != SEAL_CAUSE_NONE) {
    *status = seal_cause_status(err.cause);
    rc = record_refusal(p, &request, at, &err);
    if (rc == SQLITE_OK) rc = problem(&err, request.path, allow, response);
  }
  sqlite3_free(answer.location);
  sqlite3_free(answer.body);
  sqlite3_free(allow);
  sqlite3_free(id);
  seal_request_clear(&request);
  seal_error_clear(&err);
  return rc;
}

int seal_message_reused(Seal *p, SealText message_id, int64_t at, char **response) {
  SealError err;
  SealRequest nobody;
  char quoted[SEAL_QUOTE_MAX + 8];
  memset(&err, 0, sizeof err);
  memset(&nobody, 0, sizeof nobody);
  int rc = seal_refuse(&err, SEAL_MESSAGE_ID_REUSED, "message \"%s\" was another request",
                       seal_quote(message_id, quoted));
  if (rc == SQLITE_CONSTRAINT_VTAB) rc = record_refusal(p, &nobody, at, &err);
  if (rc == SQLITE_OK) rc = problem(&err, NULL, NULL, response);
  seal_error_clear(&err);
  return rc;
}
