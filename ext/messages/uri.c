/* The URI of a request (http.h): its path, its segments, and its query in each form that OpenAPI 3.0 writes
** parameters in. What is percent-encoded is decoded behind the separators (RFC 3986 2.4), never before;
** and '+' in the query is a space.
**
**    /ss-ipp/v1/configurations/a%2Fb?config-ids=x,y&config-ids=z      a/b; x,y,z
**    …?config-ids[]=x&config-ids[]=y                                  x,y, as clients in JavaScript write it
**    …?val-tgt-ue={"valUserId":"bob"}   …?valUserId=bob   …?val-tgt-ue[valUserId]=bob
*/
#include "messages/http.h"

#include <string.h>

/* Decodes %XX; the caller's (sqlite3_free). NULL: not decodable, or out of memory (*nomem is 1). */
char *seal_percent_decoded(const char *p, size_t n, int *nomem) {
  char *out = sqlite3_malloc64(n + 1);
  *nomem = out == NULL;
  if (out == NULL || seal_percent_decode(p, n, out) >= 0) return out;
  sqlite3_free(out);
  return NULL;
}

char *seal_form_decoded(const char *p, size_t n, int *nomem) {
  char *copy = sqlite3_malloc64(n + 1);
  *nomem = copy == NULL;
  if (copy == NULL) return NULL;
  for (size_t i = 0; i < n; i++) copy[i] = p[i] == '+' ? ' ' : p[i];
  char *out = seal_percent_decoded(copy, n, nomem);
  seal_wipe(copy, n);
  sqlite3_free(copy);
  return out;
}

int seal_uri_read(SealRequest *out, SealError *err) {
  const char *mark = strchr(out->uri, '?');
  size_t n = mark ? (size_t)(mark - out->uri) : strlen(out->uri);
  out->path = sqlite3_malloc64(n + 1);
  if (out->path == NULL) return SQLITE_NOMEM;
  if (seal_percent_normal(out->uri, n, out->path) < 0 || out->uri[0] != '/' ||
      strchr(out->uri, '#') != NULL) {
    out->path[0] = 0;
    return seal_refuse(err, SEAL_RESOURCE_URI_STRUCTURE_NOT_FOUND, "uri is not a path");
  }
  out->query = mark ? mark + 1 : NULL;
  return SQLITE_OK;
}

/* A parameter of the query. */
typedef struct Parameter {
  const char *at;    /* what is left of the query */
  char *name;        /* decoded; "" where it can't be */
  const char *value; /* as it came */
  size_t n_value;
} Parameter;

/* The next parameter; 0 at the end, and where memory ran out (*rc). The last name is freed by a call that gives 0. */
static int next(Parameter *q, int *rc) {
  int nomem = 0;
  sqlite3_free(q->name);
  q->name = NULL;
  while (q->at != NULL && *q->at == '&') q->at++;
  if (*rc != SQLITE_OK || q->at == NULL || *q->at == 0) return 0;
  size_t length = strcspn(q->at, "&"), n = strcspn(q->at, "=&");
  q->name = seal_form_decoded(q->at, n, &nomem);
  if (q->name == NULL && !nomem) q->name = sqlite3_mprintf("");
  if (q->name == NULL) *rc = SQLITE_NOMEM;
  q->value = q->at + n + (n < length);
  q->n_value = length - n - (n < length);
  q->at += length;
  return *rc == SQLITE_OK;
}

/* The value of a parameter, decoded. */
static int value_of(SealCause cause, const char *name, const char *p, size_t n, char **out,
                    SealError *err) {
  int nomem;
  *out = seal_form_decoded(p, n, &nomem);
  if (nomem) return SQLITE_NOMEM;
  if (*out != NULL && seal_is_utf8(*out, strlen(*out))) return SQLITE_OK;
  sqlite3_free(*out);
  *out = NULL;
  return seal_fault(err, cause, name, "can't be decoded");
}

static int twice(SealCause cause, const char *name, SealError *err) {
  return seal_fault(err, cause, name, "is given twice");
}

int seal_query(const SealRequest *request, SealCause cause, const char *name, char **out,
               SealError *err) {
  Parameter q = {.at = request->query};
  int rc = SQLITE_OK;
  *out = NULL;
  while (next(&q, &rc)) {
    if (strcmp(q.name, name) != 0) continue;
    rc = *out ? twice(cause, name, err) : value_of(cause, name, q.value, q.n_value, out, err);
  }
  if (rc == SQLITE_OK) return rc;
  sqlite3_free(*out);
  *out = NULL;
  return rc;
}

/* The rest of a parameter's name behind `object[`, as deepObject has it; NULL if it is another. */
static const char *deep(const char *parameter, const char *object) {
  size_t n = strlen(object);
  return strncmp(parameter, object, n) == 0 && parameter[n] == '[' ? parameter + n + 1 : NULL;
}

int seal_query_list(const SealRequest *request, const char *name, char **out, SealError *err) {
  Parameter q = {.at = request->query};
  sqlite3_str *all = sqlite3_str_new(NULL);
  int rc = SQLITE_OK, n = 0;
  *out = NULL;
  while (next(&q, &rc)) {
    char *value = NULL;
    const char *rest = deep(q.name, name);
    if (rest == NULL && strcmp(q.name, name) != 0) continue;
    if (rest != NULL && strcmp(rest, "]") != 0) {
      rc = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "is no object");
      continue;
    }
    rc = value_of(SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, q.value, q.n_value, &value, err);
    if (rc == SQLITE_OK) sqlite3_str_appendf(all, "%s%s", n++ ? "," : "", value);
    sqlite3_free(value);
  }
  if (rc == SQLITE_OK) rc = sqlite3_str_errcode(all);
  char *text = sqlite3_str_finish(all);
  if (rc != SQLITE_OK || n == 0) {
    sqlite3_free(text);
    return rc;
  }
  *out = text ? text : sqlite3_mprintf("");
  return *out ? SQLITE_OK : SQLITE_NOMEM;
}

/* Sets a member of the object, which is made with its first one. */
static int set_member(json_t **object, const char *name, const char *member, const char *p,
                      size_t n, SealError *err) {
  char *value = NULL;
  if (*object == NULL) *object = json_object();
  if (*object == NULL) return SQLITE_NOMEM;
  if (json_object_get(*object, member) != NULL)
    return twice(SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, err);
  int rc = value_of(SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, p, n, &value, err);
  if (rc == SQLITE_OK && json_object_set_new(*object, member, json_string(value)) != 0) {
    rc = SQLITE_NOMEM;
  }
  sqlite3_free(value);
  return rc;
}

/* The object as one value of JSON. */
static int set_whole(json_t **object, const char *name, const Parameter *q, SealError *err) {
  char *value = NULL;
  if (*object != NULL) return twice(SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, err);
  int rc = value_of(SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, q->value, q->n_value, &value, err);
  if (rc != SQLITE_OK) return rc;
  SealReason reason = seal_json_parse(value, strlen(value), 4, object);
  sqlite3_free(value);
  if (reason == SEAL_NOMEM) return SQLITE_NOMEM;
  if (reason == SEAL_VALID && json_is_object(*object)) return SQLITE_OK;
  return seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "is not a JSON object");
}

/* 1 if a parameter is the member, of `rest` if that isn't NULL. */
static int is_member(const char *parameter, const char *rest, const char *member) {
  size_t n = strlen(member);
  if (rest == NULL) return strcmp(parameter, member) == 0;
  return strncmp(rest, member, n) == 0 && strcmp(rest + n, "]") == 0;
}

int seal_query_object(const SealRequest *request, const char *name, const char *const *members,
                      json_t **out, SealError *err) {
  Parameter q = {.at = request->query};
  int rc = SQLITE_OK;
  *out = NULL;
  while (next(&q, &rc)) {
    const char *rest = deep(q.name, name);
    int i = 0;
    while (members[i] != NULL && !is_member(q.name, rest, members[i])) i++;
    if (strcmp(q.name, name) == 0) {
      rc = set_whole(out, name, &q, err);
    } else if (members[i] != NULL) {
      rc = set_member(out, name, members[i], q.value, q.n_value, err);
    } else if (rest != NULL) {
      rc = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "has no such member");
    }
  }
  return rc;
}

/* Appends what a parameter has of an array of objects: one, several with commas between, or an array. */
static int append_objects(json_t *array, const char *name, const Parameter *q, SealError *err) {
  char *value = NULL;
  json_t *outer = NULL, *element, *inner;
  size_t i, j;
  int rc = value_of(SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, q->value, q->n_value, &value, err);
  if (rc != SQLITE_OK) return rc;
  char *text = sqlite3_mprintf("[%s]", value);
  sqlite3_free(value);
  SealReason reason = text ? seal_json_parse(text, strlen(text), 4, &outer) : SEAL_NOMEM;
  sqlite3_free(text);
  if (reason == SEAL_NOMEM)
    rc = SQLITE_NOMEM;
  else if (reason != SEAL_VALID)
    rc = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "is not a JSON array");
  json_array_foreach(outer, i, element) {
    if (!json_is_array(element) && json_array_append(array, element) != 0) rc = SQLITE_NOMEM;
    json_array_foreach(element, j, inner) {
      if (json_array_append(array, inner) != 0) rc = SQLITE_NOMEM;
    }
  }
  json_decref(outer);
  return rc;
}

/* One member, name[0][member]=text, of the objects that are gathered by their index. */
static int set_indexed(json_t *by_index, const char *name, const char *rest, const Parameter *q,
                       const char *const *members, SealError *err) {
  char index[8];
  size_t n = strspn(rest, "0123456789");
  int i = 0, none = n == 0 || n >= sizeof index || strncmp(rest + n, "][", 2) != 0;
  while (!none && members[i] != NULL && !is_member("", rest + n + 2, members[i])) i++;
  if (none || members[i] == NULL)
    return seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "has no such member");
  sqlite3_snprintf((int)n + 1, index, "%s", rest);
  json_t *object = json_object_get(by_index, index), *made = object;
  int rc = set_member(&made, name, members[i], q->value, q->n_value, err);
  if (object == NULL && made != NULL && json_object_set_new(by_index, index, made) != 0)
    rc = SQLITE_NOMEM;
  return rc;
}

int seal_query_objects(const SealRequest *request, const char *name, const char *const *members,
                       json_t **out, SealError *err) {
  Parameter q = {.at = request->query};
  json_t *array = json_array(), *by_index = json_object(), *object;
  const char *index;
  int rc = array && by_index ? SQLITE_OK : SQLITE_NOMEM, n = 0;
  *out = NULL;
  while (next(&q, &rc)) {
    const char *rest = deep(q.name, name);
    if (rest == NULL && strcmp(q.name, name) != 0) continue;
    n++;
    rc = rest == NULL || strcmp(rest, "]") == 0
             ? append_objects(array, name, &q, err)
             : set_indexed(by_index, name, rest, &q, members, err);
  }
  json_object_foreach(by_index, index, object) {
    if (json_array_append(array, object) != 0) rc = SQLITE_NOMEM;
  }
  if (rc == SQLITE_OK && n > 0 && json_array_size(array) == 0)
    rc = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "has no element");
  if (rc == SQLITE_OK && n > 0) *out = json_incref(array);
  json_decref(array);
  json_decref(by_index);
  return rc;
}

/* 1 if a parameter has a name, or begins with it where that ends with '['. */
static int is_name(const char *parameter, const char *name) {
  size_t n = strlen(name);
  return n > 0 && name[n - 1] == '[' ? strncmp(parameter, name, n) == 0
                                     : strcmp(parameter, name) == 0;
}

int seal_query_only(const SealRequest *request, const char *const *names, SealError *err) {
  Parameter q = {.at = request->query};
  int rc = SQLITE_OK;
  while (next(&q, &rc)) {
    char quoted[SEAL_QUOTE_MAX + 8];
    int i = 0;
    while (names[i] != NULL && !is_name(q.name, names[i])) i++;
    if (names[i] == NULL) {
      rc = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT,
                      seal_quote(seal_text_from(q.name), quoted),
                      "is no parameter of this resource");
    }
  }
  return rc;
}
