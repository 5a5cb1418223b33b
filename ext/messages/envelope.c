/* A request's envelope (messages.h): what stands around the body.
*/
#include "messages/messages.h"

#include <string.h>

#define ENVELOPE_MAX (4 * SEAL_BODY_MAX) /* bytes of a request: a body as a string has escapes */
#define DEPTH        32

/* How many VAL services of a body have an empty idList: where a list was cut out, or where there never
** was one. */
static size_t count_empty(const json_t *body) {
  size_t i, n = 0;
  json_t *service;
  json_array_foreach(json_object_get(body, "valSvcConf"), i, service) {
    const json_t *list = json_object_get(service, "idList");
    n += json_is_array(list) && json_array_size(list) == 0;
  }
  return n;
}

/* Parses a text, an envelope or a body, without its long lists. *out stays NULL where it has to be
** parsed whole: there were none, or one stood somewhere else than in a VAL service of the body. */
static int parse_cut(SealRequest *request, const char *text, size_t n, int envelope, json_t **out) {
  char *skeleton;
  size_t n_skeleton;
  SealReason reason = SEAL_VALID;
  seal_cuts_free(request->cuts, request->n_cuts);
  int rc = seal_cut_lists(text, n, &skeleton, &n_skeleton, &request->cuts, &request->n_cuts);
  if (rc != SQLITE_OK || skeleton == NULL) return rc;
  reason = seal_json_parse(skeleton, n_skeleton, DEPTH, out);
  sqlite3_free(skeleton);
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  size_t found = count_empty(envelope ? json_object_get(*out, "body") : *out);
  if (reason == SEAL_VALID && found == request->n_cuts) return SQLITE_OK;
  json_decref(*out);
  *out = NULL;
  seal_cuts_free(request->cuts, request->n_cuts);
  request->cuts = NULL;
  request->n_cuts = 0;
  return SQLITE_OK;
}

/* Parses JSON that came from outside. */
static int parse(SealRequest *request, const char *text, size_t n, int envelope, json_t **out,
                 SealError *err) {
  int rc = parse_cut(request, text, n, envelope, out);
  if (rc != SQLITE_OK || *out != NULL) return rc;
  SealReason reason = seal_json_parse(text, n, DEPTH, out);
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  if (reason == SEAL_VALID) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "not JSON as it has to be: %s",
                     seal_reason_text(reason));
}

/* A member that is a string, or absent. */
static int string_member(const SealRequest *request, const char *name, const char **out,
                         SealError *err) {
  json_t *value = json_object_get(request->json, name);
  *out = json_string_value(value);
  if (value == NULL || json_is_null(value) || *out != NULL) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "%s is not a string", name);
}

/* Decodes %XX; the caller's (sqlite3_free). NULL: not decodable, or out of memory (*nomem is 1). */
static char *percent_decoded(const char *p, size_t n, int *nomem) {
  char *out = sqlite3_malloc64(n + 1);
  *nomem = out == NULL;
  if (out == NULL || seal_percent_decode(p, n, out) >= 0) return out;
  sqlite3_free(out);
  return NULL;
}

static int read_uri(SealRequest *out, const char *uri, SealError *err) {
  int nomem;
  const char *mark = strchr(uri, '?');
  size_t n = mark ? (size_t)(mark - uri) : strlen(uri);
  out->path = percent_decoded(uri, n, &nomem);
  if (nomem) return SQLITE_NOMEM;
  if (out->path == NULL || uri[0] != '/' || strchr(uri, '#') != NULL) {
    return seal_refuse(err, SEAL_RESOURCE_URI_STRUCTURE_NOT_FOUND, "uri is not a path");
  }
  out->query = mark ? (char *)mark + 1 : NULL;
  return SQLITE_OK;
}

static int read_credential(SealRequest *out, SealError *err) {
  const char *authorization, *certificate;
  int rc = string_member(out, "authorization", &authorization, err);
  if (rc == SQLITE_OK) rc = string_member(out, "clientCertificate", &certificate, err);
  if (rc != SQLITE_OK) return rc;
  if (certificate != NULL && certificate[0] != 0) {
    out->credential.certificate = (SealText){certificate, (int)strlen(certificate)};
  }
  if (authorization == NULL || authorization[0] == 0) return SQLITE_OK;
  if (sqlite3_strnicmp(authorization, "Bearer ", 7) != 0) {
    return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "authorization is not a bearer token");
  }
  out->credential.token = (SealText){authorization + 7, (int)strlen(authorization + 7)};
  return SQLITE_OK;
}

int seal_request_read(SealText text, SealRequest *out, SealError *err) {
  const char *uri;
  memset(out, 0, sizeof *out);
  out->size = (size_t)text.n;
  if (text.p == NULL || text.n == 0) {
    return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "there is no request");
  }
  if (text.n > ENVELOPE_MAX) {
    return seal_refuse(err, SEAL_BODY_TOO_LARGE, "the request is over %d bytes", ENVELOPE_MAX);
  }
  int rc = parse(out, text.p, (size_t)text.n, 1, &out->json, err);
  if (rc == SQLITE_OK && !json_is_object(out->json)) {
    rc = seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the request is not a JSON object");
  }
  if (rc == SQLITE_OK) rc = string_member(out, "method", &out->method, err);
  if (rc == SQLITE_OK) rc = string_member(out, "uri", &uri, err);
  if (rc == SQLITE_OK && (out->method == NULL || uri == NULL)) {
    rc = seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "method and uri are needed");
  }
  if (rc == SQLITE_OK) rc = read_uri(out, uri, err);
  if (rc == SQLITE_OK) rc = string_member(out, "contentType", &out->content_type, err);
  if (rc == SQLITE_OK) rc = string_member(out, "accept", &out->accept, err);
  if (rc == SQLITE_OK) rc = read_credential(out, err);
  return rc;
}

/* A body as an object is measured only when the whole request could hold one that is too large. */
static int check_size(const SealRequest *request, const json_t *body, SealError *err) {
  size_t n = json_is_string(body) ? json_string_length(body) : 0;
  if (request->size <= SEAL_BODY_MAX) return SQLITE_OK;
  if (!json_is_string(body)) {
    n = json_dumpb(body, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    for (size_t i = 0; i < request->n_cuts; i++) {
      for (size_t k = 0; k < request->cuts[i].n; k++) {
        n += (size_t)request->cuts[i].ids[k].n + (request->cuts[i].ids[k].is_ue ? 15 : 17);
      }
      n -= request->cuts[i].n > 0; /* no comma after the last */
    }
  }
  if (n <= SEAL_BODY_MAX) return SQLITE_OK;
  return seal_refuse(err, SEAL_BODY_TOO_LARGE, "the body is over %d bytes", SEAL_BODY_MAX);
}

int seal_request_body(SealRequest *request, SealError *err) {
  json_t *body = json_object_get(request->json, "body");
  if (body == NULL || json_is_null(body)) {
    return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "there is no body");
  }
  int rc = check_size(request, body, err);
  if (rc != SQLITE_OK) return rc;
  request->body = body;
  if (!json_is_string(body)) return SQLITE_OK;
  rc = parse(request, json_string_value(body), json_string_length(body), 0, &request->body_json,
             err);
  request->body = request->body_json;
  return rc;
}

/* One part of a form, decoded: '+' is a space. */
static char *form_part(const char *p, size_t n, int *nomem) {
  char *copy = sqlite3_malloc64(n + 1);
  *nomem = copy == NULL;
  if (copy == NULL) return NULL;
  for (size_t i = 0; i < n; i++) copy[i] = p[i] == '+' ? ' ' : p[i];
  char *out = percent_decoded(copy, n, nomem);
  seal_wipe(copy, n);
  sqlite3_free(copy);
  return out;
}

/* Adds name=value; 1: not a form, or a name twice. */
static int form_add(json_t *form, const char *at, size_t n, int *nomem) {
  const char *mark = memchr(at, '=', n);
  if (mark == NULL) return 1;
  char *name = form_part(at, (size_t)(mark - at), nomem);
  char *value = *nomem ? NULL : form_part(mark + 1, n - (size_t)(mark - at) - 1, nomem);
  int bad = name == NULL || value == NULL || !seal_is_utf8(name, strlen(name)) ||
            !seal_is_utf8(value, strlen(value)) || json_object_get(form, name) != NULL;
  if (!bad && json_object_set_new(form, name, json_string(value)) != 0) *nomem = 1;
  if (value != NULL) seal_wipe(value, strlen(value));
  sqlite3_free(name);
  sqlite3_free(value);
  return bad;
}

int seal_request_form(SealRequest *request, SealError *err) {
  SealText body = seal_json_member(request->json, "body");
  int nomem = 0, bad = body.p == NULL || body.n > 65536;
  request->body_json = json_object();
  if (request->body_json == NULL) return SQLITE_NOMEM;
  request->body = request->body_json;
  for (const char *at = body.p; !bad && !nomem && at < body.p + body.n;) {
    size_t n = strcspn(at, "&");
    bad = form_add(request->body_json, at, n, &nomem);
    at += n + 1;
  }
  if (nomem) return SQLITE_NOMEM;
  if (!bad) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the body is not a form as it has to be");
}

void seal_request_clear(SealRequest *request) {
  seal_cuts_free(request->cuts, request->n_cuts);
  sqlite3_free(request->path);
  json_decref(request->body_json);
  json_decref(request->json);
  memset(request, 0, sizeof *request);
}

int seal_request_query(const SealRequest *request, const char *name, char **out, SealError *err) {
  size_t n = strlen(name);
  *out = NULL;
  for (const char *at = request->query; at != NULL && *at; at += *at == '&') {
    size_t length = strcspn(at, "&");
    if (length > n && at[n] == '=' && memcmp(at, name, n) == 0) {
      int nomem;
      if (*out != NULL) {
        sqlite3_free(*out);
        *out = NULL;
        return seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "is given twice");
      }
      *out = percent_decoded(at + n + 1, length - n - 1, &nomem);
      if (nomem) return SQLITE_NOMEM;
      if (*out == NULL || !seal_is_utf8(*out, strlen(*out))) {
        sqlite3_free(*out);
        *out = NULL;
        return seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "can't be decoded");
      }
    }
    at += length;
  }
  return SQLITE_OK;
}
