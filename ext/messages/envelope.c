/* A request's envelope (messages.h): what stands around the body.
**
**    {"method":"POST","uri":"/ss-ipp/v1/configurations","authorization":"Bearer …","body":{…}}
**
** The envelope is read once, the body with it: held against the grammar, but not kept. What it is, only
** method and uri tell, which may come behind it; so what is kept is where it lies.
*/
#include "base/json.h"
#include "messages/body.h"

#include <string.h>

#define ENVELOPE_MAX (4 * SEAL_BODY_MAX) /* bytes of a request: a body as a string has escapes */
#define FORM_MAX     65536               /* bytes of a body that is a form */

static int refuse_json(SealReason reason, SealError *err) {
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "not JSON as it has to be: %s",
                     seal_reason_text(reason));
}

/* The body, which begins with `event`: notes where it lies. A string with escapes is decoded. */
static int note_body(SealJson *json, SealJsonEvent event, SealRequest *out) {
  const char *start = json->start;
  seal_json_skip(json, event);
  if (json->reason != SEAL_VALID || event == SEAL_JSON_NULL) return SQLITE_OK;
  out->body_is_string = event == SEAL_JSON_STRING;
  out->body_text = (SealText){start, (int)(json->p - start)};
  if (!out->body_is_string) return SQLITE_OK;
  out->body_text = (SealText){json->text, (int)json->n};
  if (!json->escapes) return SQLITE_OK;
  sqlite3_free(out->body_memory); /* a second body: the envelope's end refuses it */
  out->body_memory = sqlite3_malloc64(json->n);
  if (out->body_memory == NULL) return SQLITE_NOMEM;
  out->body_text.p = out->body_memory;
  out->body_text.n = (int)seal_json_decode(json, out->body_memory);
  return SQLITE_OK;
}

/* One member of the envelope, whose name came last. One that nobody reads is not kept. */
static int read_member(SealJson *json, SealRequest *out) {
  static const char *const names[] = {"method", "uri",        "authorization", "clientCertificate",
                                      "accept", "contentType"};
  int is_body = seal_json_is(json, "body");
  size_t i = 0, n = sizeof names / sizeof *names;
  while (i < n && !seal_json_is(json, names[i])) i++;
  SealJsonEvent event = seal_json_next(json);
  json_t *value;
  if (is_body) return note_body(json, event, out);
  if (i == n) {
    seal_json_skip(json, event);
    return SQLITE_OK;
  }
  if (event == SEAL_JSON_STRING) {
    value = seal_json_build(json, event);
  } else {
    seal_json_skip(json, event);
    value = event == SEAL_JSON_NULL ? json_null() : json_true();
  }
  if (value == NULL || json_object_set_new(out->json, names[i], value) != 0) return SQLITE_NOMEM;
  return SQLITE_OK;
}

/* Reads the whole text. */
static int read_envelope(SealText text, SealRequest *out, SealError *err) {
  SealJson json;
  int rc = SQLITE_OK;
  out->json = json_object();
  if (out->json == NULL) return SQLITE_NOMEM;
  seal_json_begin(&json, text.p, (size_t)text.n, SEAL_MESSAGE_DEPTH);
  SealJsonEvent first = seal_json_next(&json);
  if (first == SEAL_JSON_OBJECT) {
    while (rc == SQLITE_OK && seal_json_next(&json) == SEAL_JSON_NAME) rc = read_member(&json, out);
  } else {
    seal_json_skip(&json, first);
  }
  if (rc == SQLITE_OK) (void)seal_json_next(&json);
  seal_json_end(&json);
  if (rc != SQLITE_OK) return rc;
  if (json.reason != SEAL_VALID) return refuse_json(json.reason, err);
  if (first == SEAL_JSON_OBJECT) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the request is not a JSON object");
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
  const char *authorization = NULL, *certificate = NULL;
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
  const char *uri = NULL;
  memset(out, 0, sizeof *out);
  if (text.p == NULL || text.n == 0) {
    return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "there is no request");
  }
  if (text.n > ENVELOPE_MAX) {
    return seal_refuse(err, SEAL_BODY_TOO_LARGE, "the request is over %d bytes", ENVELOPE_MAX);
  }
  int rc = read_envelope(text, out, err);
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

int seal_request_body(SealRequest *request, SealError *err) {
  SealText text = request->body_text;
  if (text.p == NULL) {
    return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "there is no body");
  }
  if (text.n > SEAL_BODY_MAX) {
    return seal_refuse(err, SEAL_BODY_TOO_LARGE, "the body is over %d bytes", SEAL_BODY_MAX);
  }
  if (!request->body_is_string && text.p[0] != '{' && text.p[0] != '[') {
    request->body = json_true(); /* a number or a word: whatever it is, it is not an object */
    return SQLITE_OK;
  }
  SealReason reason = seal_body_parse(request);
  return reason == SEAL_VALID ? SQLITE_OK : refuse_json(reason, err);
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
  SealText body = request->body_text;
  int nomem = 0, bad = !request->body_is_string || body.n > FORM_MAX;
  request->body = json_object();
  if (request->body == NULL) return SQLITE_NOMEM;
  const char *at = body.p, *end = body.p + (bad ? 0 : body.n);
  while (!bad && !nomem && at < end) {
    const char *mark = memchr(at, '&', (size_t)(end - at));
    size_t n = (size_t)((mark ? mark : end) - at);
    bad = form_add(request->body, at, n, &nomem);
    at += n + 1;
  }
  if (nomem) return SQLITE_NOMEM;
  if (!bad) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the body is not a form as it has to be");
}

void seal_request_clear(SealRequest *request) {
  seal_invocation_clear(&request->touched);
  for (size_t i = 0; i < request->n_lists; i++) sqlite3_free(request->lists[i].ids);
  sqlite3_free(request->lists);
  sqlite3_free(request->ids_memory);
  sqlite3_free(request->path);
  json_decref(request->body);
  json_decref(request->json);
  /* It may have held a secret: an assertion, keys. */
  if (request->body_memory != NULL) seal_wipe(request->body_memory, (size_t)request->body_text.n);
  sqlite3_free(request->body_memory);
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
