/* A request as it comes (messages.h): in an envelope, or in parts.
**
**    {"method":"POST","uri":"/ss-ipp/v1/configurations","authorization":"Bearer …","body":{…}}
**
** Nobody knows yet who sent it. So an envelope is held against the grammar in one pass and in constant memory, and
** nothing is kept of the body but where it lies; of parts the body is not even looked at. What is copied has
** a bound.
*/
#include "base/json.h"
#include "messages/body.h"

#include <string.h>

/* The parts of a request, as the envelope names them. */
static const struct {
  const char *name;
  int max;   /* bytes */
  int whole; /* needed as a string of C's */
} parts[SEAL_PARTS] = {
    [SEAL_METHOD] = {"method", 32, 1},
    [SEAL_REQUEST_URI] = {"uri", SEAL_HEADER_TEXT_MAX, 1},
    [SEAL_AUTHORIZATION] = {"authorization", SEAL_TEXT_MAX + 16, 0},
    [SEAL_CLIENT_CERTIFICATE] = {"clientCertificate", SEAL_TEXT_MAX, 0},
    [SEAL_CONTENT_TYPE] = {"contentType", SEAL_HEADER_TEXT_MAX, 1},
    [SEAL_ACCEPT] = {"accept", SEAL_HEADER_TEXT_MAX, 1},
    [SEAL_TRACEPARENT] = {"traceparent", SEAL_HEADER_TEXT_MAX, 1},
};

static int refuse_json(SealReason reason, SealError *err) {
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "not JSON as it has to be: %s",
                     seal_reason_text(reason));
}

/* The text of a JSON string, decoded into memory of its own that ends with a NUL; NULL: out of memory. */
static char *decoded(SealText raw, int *n) {
  SealJson json = {.text = raw.p, .n = (size_t)raw.n};
  char *out = sqlite3_malloc64((sqlite3_uint64)raw.n + 1);
  if (out == NULL) return NULL;
  *n = (int)seal_json_decode(&json, out);
  out[*n] = 0;
  return out;
}

static int too_long(int i, SealError *err) {
  int credential = i == SEAL_AUTHORIZATION || i == SEAL_CLIENT_CERTIFICATE;
  return seal_refuse(err, credential ? SEAL_CREDENTIAL_INVALID : SEAL_INVALID_MSG_FORMAT,
                     "%s is over %d bytes", parts[i].name, parts[i].max);
}

/* Takes a part as it lies; with escapes, or where it has to be whole, a copy of it. */
static int take_part(SealRequest *out, int i, SealText text, int escapes, SealError *err) {
  /* The longest escape of a byte has six. */
  if (text.n > parts[i].max * (escapes ? 6 : 1)) return too_long(i, err);
  if (escapes || parts[i].whole) {
    sqlite3_free(out->part_memory[i]); /* of a second one: the envelope's end refuses it */
    out->part_memory[i] =
        escapes ? decoded(text, &text.n) : sqlite3_mprintf("%.*s", text.n, text.p);
    if (out->part_memory[i] == NULL) return SQLITE_NOMEM;
    text.p = out->part_memory[i];
  }
  if (text.n > parts[i].max) return too_long(i, err);
  out->part[i] = text;
  return SQLITE_OK;
}

/************************************************************************************************
** In an envelope.
*/
/* The body, which begins with `event`: notes where it lies. */
static void note_body(SealJson *json, SealJsonEvent event, SealRequest *out) {
  const char *start = json->start;
  seal_json_pass(json, event);
  if (json->reason != SEAL_VALID || event == SEAL_JSON_NULL) return;
  out->body_is_string = event == SEAL_JSON_STRING;
  out->body_escapes = out->body_is_string && json->escapes;
  out->body_text = out->body_is_string ? (SealText){json->text, (int)json->n}
                                       : (SealText){start, (int)(json->p - start)};
}

/* One member of the envelope, whose name came last. What is wrong with it is told when all of it is JSON; one
** that nobody reads is passed over. */
static int read_member(SealJson *json, SealRequest *out, SealError *err) {
  int is_body = seal_json_is(json, "body"), i = 0;
  while (i < SEAL_PARTS && !seal_json_is(json, parts[i].name)) i++;
  SealJsonEvent event = seal_json_next(json);
  if (is_body) {
    note_body(json, event, out);
    return SQLITE_OK;
  }
  seal_json_pass(json, event);
  if (i == SEAL_PARTS || event == SEAL_JSON_NULL || event == SEAL_JSON_FAILED) return SQLITE_OK;
  if (event != SEAL_JSON_STRING) {
    return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "%s is not a string", parts[i].name);
  }
  return take_part(out, i, (SealText){json->text, (int)json->n}, json->escapes, err);
}

/* Reads the whole text. */
static int read_envelope(SealText text, SealRequest *out, SealError *err) {
  SealJson json;
  int rc = SQLITE_OK, members = 0;
  if (text.n > SEAL_ENVELOPE_MAX) {
    return seal_refuse(err, SEAL_BODY_TOO_LARGE, "the request is over %d bytes", SEAL_ENVELOPE_MAX);
  }
  if (text.n == 0) return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "there is no request");
  seal_json_begin(&json, text.p, (size_t)text.n, SEAL_MESSAGE_DEPTH);
  SealJsonEvent first = seal_json_next(&json);
  if (first == SEAL_JSON_OBJECT) {
    while (rc == SQLITE_OK && seal_json_next(&json) == SEAL_JSON_NAME) {
      if (++members > SEAL_MEMBERS_MAX) {
        rc = seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the request has over %d members",
                         SEAL_MEMBERS_MAX);
      } else {
        rc = read_member(&json, out, err);
      }
    }
  } else {
    seal_json_pass(&json, first);
  }
  if (rc == SQLITE_OK) (void)seal_json_next(&json);
  seal_json_end(&json);
  if (rc != SQLITE_OK) return rc;
  if (json.reason != SEAL_VALID) return refuse_json(json.reason, err);
  if (first == SEAL_JSON_OBJECT) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the request is not a JSON object");
}

/************************************************************************************************
** In parts, as a host has them.
*/
static int read_parts(const SealGiven *given, SealRequest *out, SealError *err) {
  int rc = SQLITE_OK;
  for (int i = 0; rc == SQLITE_OK && i < SEAL_PARTS; i++) {
    SealText text = given->part[i];
    if (text.p == NULL) continue;
    if (text.n <= parts[i].max && text.n > 0 &&
        (memchr(text.p, 0, (size_t)text.n) != NULL || !seal_is_utf8(text.p, (size_t)text.n))) {
      return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "%s is not text in UTF-8", parts[i].name);
    }
    rc = take_part(out, i, text, 0, err);
  }
  out->body_value = given->body;
  return rc;
}

/************************************************************************************************
** What both say.
*/
static int read_credential(SealRequest *out, SealError *err) {
  SealText authorization = out->part[SEAL_AUTHORIZATION];
  SealText certificate = out->part[SEAL_CLIENT_CERTIFICATE];
  if (certificate.n > 0) out->credential.certificate = certificate;
  if (authorization.n == 0) return SQLITE_OK;
  if (authorization.n < 7 || sqlite3_strnicmp(authorization.p, "Bearer ", 7) != 0) {
    return seal_refuse(err, SEAL_CREDENTIAL_INVALID, "authorization is not a bearer token");
  }
  int n = 7; /* RFC 9110 11.4: one space or more */
  while (n < authorization.n && authorization.p[n] == ' ') n++;
  out->credential.token = (SealText){authorization.p + n, authorization.n - n};
  return SQLITE_OK;
}

/* 1 if it is a traceparent of version 00 (W3C Trace Context 3.2.2): lower case, and no id of zeros alone. */
static int is_traceparent(const char *text) {
  static const char form[] = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (text == NULL || strlen(text) != sizeof form - 1) return 0;
  for (size_t i = 0; i < sizeof form - 1; i++) {
    int fits = form[i] == 'x' ? strchr("0123456789abcdef", text[i]) != NULL : text[i] == form[i];
    if (!fits) return 0;
  }
  return strspn(text + 3, "0") < 32 && strspn(text + 36, "0") < 16;
}

int seal_request_read(const SealGiven *given, SealRequest *out, SealError *err) {
  memset(out, 0, sizeof *out);
  int rc =
      given->envelope.p ? read_envelope(given->envelope, out, err) : read_parts(given, out, err);
  if (rc != SQLITE_OK) return rc;
  out->method = out->part_memory[SEAL_METHOD];
  out->uri = out->part_memory[SEAL_REQUEST_URI];
  out->content_type = out->part_memory[SEAL_CONTENT_TYPE];
  out->accept = out->part_memory[SEAL_ACCEPT];
  const char *trace = out->part_memory[SEAL_TRACEPARENT];
  if (is_traceparent(trace)) out->traceparent = trace; /* what is malformed is ignored */
  if (out->method == NULL || out->uri == NULL) {
    return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "method and uri are needed");
  }
  rc = seal_uri_read(out, err);
  return rc == SQLITE_OK ? read_credential(out, err) : rc;
}

void seal_request_clear(SealRequest *request) {
  seal_invocation_clear(&request->touched);
  for (size_t i = 0; i < request->n_lists; i++) sqlite3_free(request->lists[i].ids);
  sqlite3_free(request->lists);
  sqlite3_free(request->ids_memory);
  sqlite3_free(request->path);
  sqlite3_free(request->conf_id_memory);
  json_decref(request->body);
  for (int i = 0; i < SEAL_PARTS; i++) {
    char *memory = request->part_memory[i];
    if (memory != NULL && i == SEAL_AUTHORIZATION) seal_wipe(memory, strlen(memory));
    sqlite3_free(memory);
  }
  /* It may have held a secret: an assertion, keys. */
  if (request->body_memory != NULL) seal_wipe(request->body_memory, (size_t)request->body_text.n);
  sqlite3_free(request->body_memory);
  memset(request, 0, sizeof *request);
}

/************************************************************************************************
** The body, once it may be looked at.
*/
/* Its bytes, decoded: request->body_text. At most `max` of them, and at least one. */
static int have_body(SealRequest *request, int max, SealError *err) {
  if (request->body_value != NULL) {
    request->body_text = seal_value_bytes(request->body_value);
    request->body_is_string = 1;
    if (request->body_text.p == NULL) return SQLITE_NOMEM;
  }
  SealText *text = &request->body_text;
  if (request->body_escapes && text->n <= 6 * max) {
    request->body_memory = decoded(*text, &text->n);
    if (request->body_memory == NULL) return SQLITE_NOMEM;
    text->p = request->body_memory;
    request->body_escapes = 0;
  }
  if (text->n > max) {
    return seal_refuse(err, SEAL_BODY_TOO_LARGE, "the body is over %d bytes", max);
  }
  if (text->n > 0) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "there is no body");
}

int seal_request_body(SealRequest *request, SealError *err) {
  int rc = have_body(request, SEAL_BODY_MAX, err);
  if (rc != SQLITE_OK) return rc;
  SealText text = request->body_text;
  if (!request->body_is_string && text.p[0] != '{' && text.p[0] != '[') {
    request->body = json_true(); /* a number or a word: whatever it is, it is not an object */
    return SQLITE_OK;
  }
  SealReason reason = seal_body_parse(request);
  return reason == SEAL_VALID ? SQLITE_OK : refuse_json(reason, err);
}

static int is_one_of(const char *name, size_t n, const char *const *names) {
  while (*names != NULL && (strlen(*names) != n || memcmp(*names, name, n) != 0)) names++;
  return *names != NULL;
}

/* Adds name=value if the name is asked for; 1: not a form, or a name twice. */
static int form_add(json_t *form, const char *at, size_t n, const char *const *names, int *nomem) {
  const char *mark = memchr(at, '=', n);
  if (mark == NULL) return 1;
  char *name = seal_form_decoded(at, (size_t)(mark - at), nomem);
  int known = name != NULL && is_one_of(name, strlen(name), names);
  char *value = known ? seal_form_decoded(mark + 1, n - (size_t)(mark - at) - 1, nomem) : NULL;
  int bad = name == NULL || (known && (value == NULL || !seal_is_utf8(value, strlen(value)) ||
                                       json_object_get(form, name) != NULL));
  if (!bad && known && json_object_set_new(form, name, json_string(value)) != 0) *nomem = 1;
  if (value != NULL) seal_wipe(value, strlen(value));
  sqlite3_free(name);
  sqlite3_free(value);
  return bad;
}

static int read_form(SealRequest *request, const char *const *names, SealError *err) {
  SealText body = request->body_text;
  int nomem = 0, bad = !request->body_is_string;
  const char *at = body.p, *end = body.p + (bad ? 0 : body.n);
  while (!bad && !nomem && at < end) {
    const char *mark = memchr(at, '&', (size_t)(end - at));
    size_t n = (size_t)((mark ? mark : end) - at);
    bad = n > 0 && form_add(request->body, at, n, names, &nomem);
    at += n + 1;
  }
  if (nomem) return SQLITE_NOMEM;
  if (!bad) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the body is not a form as it has to be");
}

/* Of an object the members that are asked for: texts; what is anything else is `true`. */
static int read_few(SealRequest *request, const char *const *names, SealError *err) {
  SealJson json;
  int nomem = 0, members = 0;
  seal_json_begin(&json, request->body_text.p, (size_t)request->body_text.n, SEAL_MESSAGE_DEPTH);
  SealJsonEvent event = seal_json_next(&json);
  int is_object = event == SEAL_JSON_OBJECT;
  while (is_object && !nomem && seal_json_next(&json) == SEAL_JSON_NAME &&
         ++members <= SEAL_MEMBERS_MAX) {
    char name[32];
    int known = is_one_of(json.text, json.n, names);
    if (known) sqlite3_snprintf(sizeof name, name, "%.*s", (int)json.n, json.text);
    event = seal_json_next(&json);
    if (!known || event != SEAL_JSON_STRING) seal_json_pass(&json, event);
    if (!known || json.reason != SEAL_VALID) continue;
    json_t *value = event == SEAL_JSON_STRING ? seal_json_build(&json, event) : json_true();
    nomem = value == NULL || json_object_set_new(request->body, name, value) != 0;
  }
  if (is_object && json.reason == SEAL_VALID) (void)seal_json_next(&json);
  seal_json_end(&json);
  if (nomem) return SQLITE_NOMEM;
  if (json.reason != SEAL_VALID) return refuse_json(json.reason, err);
  if (is_object && members <= SEAL_MEMBERS_MAX) return SQLITE_OK;
  return seal_refuse(err, SEAL_INVALID_MSG_FORMAT,
                     "the body is not an object of at most %d members", SEAL_MEMBERS_MAX);
}

int seal_request_few(SealRequest *request, int is_form, const char *const *names, SealError *err) {
  int rc = have_body(request, SEAL_TOKEN_BODY_MAX, err);
  if (rc != SQLITE_OK) return rc;
  request->body = json_object();
  if (request->body == NULL) return SQLITE_NOMEM;
  return is_form ? read_form(request, names, err) : read_few(request, names, err);
}
