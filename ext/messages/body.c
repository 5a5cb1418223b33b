/* Bodies (messages.h): VALServicesConfig of TS 29.549 with the project's extensions, and the merge patch
** of it. Every fault is found, each with its JSON Pointer.
**
**    {"valServerId":"v2x.acme.example",
**     "valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"alice@acme.example"}]}],
**     "expTime":"2026-11-30T00:00:00Z"}
*/
#include "base/address.h"
#include "base/json.h"
#include "messages/body.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#define POINTER 96 /* bytes of a JSON Pointer into a body */

/************************************************************************************************
** From text: lists of identities go into arrays, anything else into jansson's values.
**
**    "idList":[{"valUserId":"a"},{"valUeId":"b"}]   -->   "idList":0   and   lists[0] = a, b
**
** A body of 100,000 identities is nearly all list, and as jansson's values it would take forty times its
** size. A list that is wrong is found here, but told below, in its turn.
*/
enum { NOT_OBJECT = 1, NOT_ONE, NOT_ID }; /* n of a SealId that is wrong */

/* The string that came last as an id: where it lies in the body, or decoded in the request's memory. */
static SealId read_id(SealRequest *request, SealJson *json, SealJsonEvent event, int is_ue) {
  SealId id = {NULL, NOT_ID, is_ue};
  size_t n = json->n;
  if (event != SEAL_JSON_STRING || n == 0 || n > 6 * SEAL_ID_MAX) return id; /* 6: \uXXXX */
  const char *p = json->text;
  if (json->escapes) {
    if (request->ids_memory == NULL) {
      request->ids_memory = sqlite3_malloc64((sqlite3_uint64)request->body_text.n);
    }
    if (request->ids_memory == NULL) {
      json->reason = SEAL_NOMEM;
      return id;
    }
    char *own = request->ids_memory + request->n_ids_memory;
    n = seal_json_decode(json, own);
    request->n_ids_memory += n;
    p = own;
  }
  return seal_is_id((SealText){p, (int)n}) ? (SealId){p, (int)n, is_ue} : id;
}

/* One ValTargetUe, which begins with `event`: exactly one of valUserId and valUeId. */
static SealId read_element(SealRequest *request, SealJson *json, SealJsonEvent event) {
  SealId id = {NULL, NOT_ONE, 0};
  int found = 0;
  if (event != SEAL_JSON_OBJECT) {
    seal_json_skip(json, event);
    return (SealId){NULL, NOT_OBJECT, 0};
  }
  while (seal_json_next(json) == SEAL_JSON_NAME) {
    int is_user = seal_json_is(json, "valUserId");
    int is_ue = !is_user && seal_json_is(json, "valUeId");
    event = seal_json_next(json);
    if (is_user || is_ue) {
      found++;
      id = read_id(request, json, event, is_ue);
    }
    seal_json_skip(json, event);
  }
  return found == 1 ? id : (SealId){NULL, NOT_ONE, 0};
}

/* Adds an element. Those behind the last fault that would be told are not kept. 0: out of memory. */
static int add_target(SealIdList *list, SealId id) {
  if (list->wrong >= SEAL_FAULTS_MAX) return 1;
  if (list->n == list->size) {
    size_t size = list->size ? 2 * list->size : 16;
    SealId *ids = sqlite3_realloc64(list->ids, size * sizeof *ids);
    if (ids == NULL) return 0;
    list->ids = ids;
    list->size = size;
  }
  list->ids[list->n++] = id;
  list->wrong += id.p == NULL;
  return 1;
}

/* An idList, whose bracket was read: as one more list of the request. Gives its number as a value. */
static json_t *parse_list(SealRequest *request, SealJson *json) {
  size_t k = request->n_lists;
  SealJsonEvent event;
  if ((k & (k - 1)) == 0) {
    SealIdList *lists = sqlite3_realloc64(request->lists, (k ? 2 * k : 1) * sizeof *lists);
    if (lists == NULL) return NULL;
    request->lists = lists;
  }
  SealIdList *list = &request->lists[k];
  *list = (SealIdList){NULL, 0, 0, 0};
  request->n_lists++;
  while ((event = seal_json_next(json)) > SEAL_JSON_END && event != SEAL_JSON_ARRAY_END) {
    SealId id = read_element(request, json, event);
    if (json->reason == SEAL_VALID && !add_target(list, id)) return NULL;
  }
  return json_integer((json_int_t)k);
}

/* A value of a body, which begins with `event`. `level` says where it stands: 0 the body, 1 one of its
** members called valSvcConf, 2 an element there, 3 a member called idList there; -1 elsewhere. */
static json_t *parse_value(SealRequest *request, SealJson *json, SealJsonEvent event, int level);

static json_t *parse_object(SealRequest *request, SealJson *json, int level) {
  json_t *object = json_object();
  int good = object != NULL;
  while (good && seal_json_next(json) == SEAL_JSON_NAME) {
    const char *name = json->text;
    size_t n = json->n;
    int inner = seal_json_is(json, level == 0 ? "valSvcConf" : "idList") ? level + 1 : -1;
    json_t *value = parse_value(request, json, seal_json_next(json), inner);
    good = value != NULL && json_object_setn_new_nocheck(object, name, n, value) == 0;
  }
  if (good && json->reason == SEAL_VALID) return object;
  json_decref(object);
  return NULL;
}

static json_t *parse_services(SealRequest *request, SealJson *json) {
  json_t *array = json_array();
  int good = array != NULL;
  SealJsonEvent event;
  while (good && (event = seal_json_next(json)) > SEAL_JSON_END && event != SEAL_JSON_ARRAY_END) {
    json_t *value = parse_value(request, json, event, 2);
    good = value != NULL && json_array_append_new(array, value) == 0;
  }
  if (good && json->reason == SEAL_VALID) return array;
  json_decref(array);
  return NULL;
}

static json_t *parse_value(SealRequest *request, SealJson *json, SealJsonEvent event, int level) {
  if (event == SEAL_JSON_OBJECT && (level == 0 || level == 2)) {
    return parse_object(request, json, level);
  }
  if (event == SEAL_JSON_ARRAY && level == 1) return parse_services(request, json);
  if (event == SEAL_JSON_ARRAY && level == 3) return parse_list(request, json);
  if (level != 3) return seal_json_build(json, event);
  seal_json_skip(json, event); /* an idList that is not a list: no number says so */
  return json_null();
}

SealReason seal_body_parse(SealRequest *request) {
  SealJson json;
  seal_json_begin(&json, request->body_text.p, (size_t)request->body_text.n, SEAL_MESSAGE_DEPTH);
  request->body = parse_value(request, &json, seal_json_next(&json), 0);
  if (request->body != NULL) (void)seal_json_next(&json);
  seal_json_end(&json);
  /* What fails and is not the text's fault is memory. */
  return request->body == NULL && json.reason == SEAL_VALID ? SEAL_NOMEM : json.reason;
}

/************************************************************************************************
** Faults.
*/

typedef struct Reader {
  const SealRequest *request;
  SealBody *out;
  SealError *err;
  int rc; /* SQLITE_OK, or the first error that is not a fault of the body's */
  int faulty;
  size_t n_records; /* so far, of all VAL services */
} Reader;

/* Notes a fault at a place of the body. */
static void fault(Reader *r, SealCause cause, const char *reason, const char *pointer, ...) {
  char text[POINTER];
  va_list ap;
  va_start(ap, pointer);
  sqlite3_vsnprintf(sizeof text, text, pointer, ap);
  va_end(ap);
  r->faulty = 1;
  if (seal_fault(r->err, cause, text, reason) == SQLITE_NOMEM) r->rc = SQLITE_NOMEM;
}

/* A member that must be there; NULL and a fault when it is not. */
static json_t *needed(Reader *r, const json_t *object, const char *name, const char *where) {
  json_t *value = json_object_get(object, name);
  if (value == NULL) fault(r, SEAL_MANDATORY_IE_MISSING, "is missing", "%s/%s", where, name);
  return value;
}

static SealText text_of(const json_t *json) {
  SealText text = {json_string_value(json), (int)json_string_length(json)};
  return text;
}

/* An identifier that must be there. */
static int needed_id(Reader *r, const json_t *object, const char *name, const char *where,
                     SealText *out) {
  json_t *value = needed(r, object, name, where);
  *out = (SealText){NULL, 0};
  if (value == NULL) return 0;
  *out = text_of(value);
  if (seal_is_id(*out)) return 1;
  fault(r, SEAL_MANDATORY_IE_INCORRECT,
        "is not a string of 1 to 255 bytes without control characters", "%s/%s", where, name);
  return 0;
}

/************************************************************************************************
** VALServiceParams
*/
/* Tells what is wrong with an element of an idList. */
static void fault_target(Reader *r, const SealId *id, size_t service, size_t i) {
  int s = (int)service, k = (int)i;
  assert(id->p == NULL);
  switch (id->n) {
  case NOT_OBJECT:
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not an object", "/valSvcConf/%d/idList/%d", s, k);
    return;
  case NOT_ONE:
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "exactly one of valUserId and valUeId is needed",
          "/valSvcConf/%d/idList/%d", s, k);
    return;
  default:
    fault(r, SEAL_MANDATORY_IE_INCORRECT,
          "is not a string of 1 to 255 bytes without control characters",
          "/valSvcConf/%d/idList/%d/%s", s, k, id->is_ue ? "valUeId" : "valUserId");
  }
}

/* The list that the body's parsing made, whose number stands in its place. */
static void read_id_list(Reader *r, const json_t *object, size_t i, SealService *out) {
  char where[POINTER];
  sqlite3_snprintf(sizeof where, where, "/valSvcConf/%d", (int)i);
  const json_t *number = needed(r, object, "idList", where);
  if (number == NULL) return;
  SealIdList *list =
      json_is_integer(number) ? &r->request->lists[json_integer_value(number)] : NULL;
  if (list == NULL || list->n == 0) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not an array with at least one element", "%s/idList",
          where);
    return;
  }
  for (size_t k = 0; list->wrong > 0 && k < list->n; k++) {
    if (list->ids[k].p == NULL) fault_target(r, &list->ids[k], i, k);
  }
  out->ids = list->ids;
  out->n_ids = list->n;
  list->ids = NULL; /* the body's now */
  list->n = 0;
}

/* An identifier that may be there. */
static SealText optional_id(Reader *r, const json_t *object, const char *name, const char *where) {
  const json_t *value = json_object_get(object, name);
  SealText text = text_of(value);
  if (value == NULL) return (SealText){NULL, 0};
  if (!seal_is_id(text)) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT,
          "is not a string of 1 to 255 bytes without control characters", "%s/%s", where, name);
  }
  return text;
}

/* The same id as a record before? */
static int same_record(const SealRecord *a, const SealRecord *b) {
  const SealText *x[] = {&a->val_user_id, &a->val_ue_id, &a->client_id};
  const SealText *y[] = {&b->val_user_id, &b->val_ue_id, &b->client_id};
  for (int i = 0; i < 3; i++) {
    if ((x[i]->p == NULL) != (y[i]->p == NULL)) return 0;
    if (x[i]->p != NULL && (x[i]->n != y[i]->n || memcmp(x[i]->p, y[i]->p, (size_t)x[i]->n) != 0)) {
      return 0;
    }
  }
  return 1;
}

/* One key record: at most one of valUserId, valUeId and clientId; keyInfo; userUri. */
static void read_record(Reader *r, const json_t *object, const char *where, SealService *out) {
  SealRecord *record = &out->records[out->n_records];
  record->val_user_id = optional_id(r, object, "valUserId", where);
  record->val_ue_id = optional_id(r, object, "valUeId", where);
  record->client_id = optional_id(r, object, "clientId", where);
  record->user_uri = text_of(json_object_get(object, "userUri"));
  if (json_object_get(object, "userUri") != NULL && !seal_is_uri(record->user_uri)) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not a URI of 1 to 2048 bytes", "%s/userUri", where);
  }
  record->key_format = out->key_format;
  const json_t *key_info = needed(r, object, "keyInfo", where);
  record->key_info = text_of(key_info);
  if (key_info != NULL && (record->key_info.p == NULL || record->key_info.n == 0 ||
                           record->key_info.n > SEAL_KEY_INFO_MAX)) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not a string of 1 to 65536 bytes", "%s/keyInfo",
          where);
  }
  if ((record->val_user_id.p != NULL) + (record->val_ue_id.p != NULL) +
          (record->client_id.p != NULL) >
      1) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "at most one of valUserId, valUeId and clientId", "%s",
          where);
  }
  for (size_t i = 0; i < out->n_records; i++) {
    if (!same_record(&out->records[i], record)) continue;
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "has the id of a record before", "%s", where);
    break;
  }
  out->n_records++;
}

static void read_records(Reader *r, const json_t *object, size_t i, SealService *out) {
  const json_t *list = json_object_get(object, "keyRecords");
  size_t n = json_array_size(list);
  char where[POINTER];
  if (list == NULL) return;
  r->n_records += n;
  if (n == 0 || r->n_records > SEAL_RECORDS_MAX) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT,
          "is not an array with 1 to 1000 elements, of all VAL services together",
          "/valSvcConf/%d/keyRecords", (int)i);
    return;
  }
  out->records = sqlite3_malloc64(n * sizeof *out->records);
  if (out->records == NULL) {
    r->rc = SQLITE_NOMEM;
    return;
  }
  memset(out->records, 0, n * sizeof *out->records);
  for (size_t k = 0; k < n; k++) {
    sqlite3_snprintf(sizeof where, where, "/valSvcConf/%d/keyRecords/%d", (int)i, (int)k);
    read_record(r, json_array_get(list, k), where, out);
  }
}

static void read_key_parameters(Reader *r, const json_t *object, size_t i, SealService *out) {
  char where[POINTER];
  sqlite3_snprintf(sizeof where, where, "/valSvcConf/%d", (int)i);
  (void)needed_id(r, object, "keyFormat", where, &out->key_format);
  read_records(r, object, i, out);
  const json_t *scope = needed(r, object, "scope", where);
  if (scope == NULL) return;
  out->scope = text_of(scope);
  if (seal_is_scope(out->scope)) return;
  fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not words with single spaces between them", "%s/scope",
        where);
}

static void read_service(Reader *r, const json_t *object, size_t i, const char *seal_service) {
  SealService *out = &r->out->conf.services[i];
  char where[POINTER];
  if (!json_is_object(object)) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not an object", "/valSvcConf/%d", (int)i);
    return;
  }
  sqlite3_snprintf(sizeof where, where, "/valSvcConf/%d", (int)i);
  (void)needed_id(r, object, "valServiceId", where, &out->val_service_id);
  if (strcmp(seal_service, SEAL_IDM) == 0) {
    read_id_list(r, object, i, out);
  } else {
    read_key_parameters(r, object, i, out);
  }
}

/* A VAL service may stand in a configuration once. */
static void check_repeated(Reader *r) {
  json_t *seen = json_object();
  for (size_t i = 0; i < r->out->conf.n_services; i++) {
    SealText id = r->out->conf.services[i].val_service_id;
    if (id.p == NULL) continue;
    if (json_object_get(seen, id.p) != NULL) {
      fault(r, SEAL_MANDATORY_IE_INCORRECT, "stands in the list before",
            "/valSvcConf/%d/valServiceId", (int)i);
    }
    if (json_object_set_new(seen, id.p, json_true()) != 0) r->rc = SQLITE_NOMEM;
  }
  json_decref(seen);
}

static void read_services(Reader *r, const json_t *body, const char *seal_service, int patch) {
  const json_t *list = json_object_get(body, "valSvcConf");
  if (list == NULL && patch) return;
  if (list == NULL) {
    fault(r, SEAL_MANDATORY_IE_MISSING, "is missing", "/valSvcConf");
    return;
  }
  size_t n = json_array_size(list);
  if (n == 0 || n > SEAL_SERVICES_MAX) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not an array with 1 to 10000 elements",
          "/valSvcConf");
    return;
  }
  SealConfiguration *conf = &r->out->conf;
  conf->services = sqlite3_malloc64(n * sizeof *conf->services);
  if (conf->services == NULL) {
    r->rc = SQLITE_NOMEM;
    return;
  }
  memset(conf->services, 0, n * sizeof *conf->services);
  conf->n_services = n;
  r->out->has_services = 1;
  for (size_t i = 0; i < n; i++) read_service(r, json_array_get(list, i), i, seal_service);
  check_repeated(r);
}

/************************************************************************************************
** What stands beside it.
*/
static void read_supp_feat(Reader *r, const json_t *body, int patch) {
  const json_t *value = json_object_get(body, "suppFeat");
  if (value == NULL) return;
  SealText text = text_of(value);
  r->out->has_supp_feat = 1;
  if (patch && json_is_null(value)) return;
  if (text.p != NULL && text.n <= SEAL_ID_MAX &&
      strspn(text.p, "0123456789abcdefABCDEF") == (size_t)text.n) {
    r->out->conf.supp_feat = text;
    return;
  }
  fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not a string of hexadecimal digits", "/suppFeat");
}

/* In a PATCH, null takes the end away (RFC 7396). */
static void read_exp_time(Reader *r, const json_t *body, int patch) {
  const json_t *value = json_object_get(body, "expTime");
  int64_t t = 0;
  r->out->conf.exp_time = SEAL_UNBOUNDED;
  if (value == NULL) return;
  r->out->has_exp_time = 1;
  if (patch && json_is_null(value)) return;
  SealText text = text_of(value);
  if (text.p == NULL || text.n < 20 || seal_instant_parse(text.p, (size_t)text.n, &t) != 0) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not a date and time of RFC 3339", "/expTime");
  } else if (t <= r->request->at.t) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not in the future", "/expTime");
  }
  r->out->conf.exp_time = t;
}

static void set_end_pt(Reader *r, const json_t *end_pt) {
  if (!seal_is_end_pt(end_pt)) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT,
          "is not an EndPoint with exactly one of uri, fqdn, ipv4Addrs, ipv6Addrs", "/endPt");
    return;
  }
  r->out->end_pt = seal_json_dump(end_pt);
  if (r->out->end_pt == NULL) {
    r->rc = SQLITE_NOMEM;
  } else if (strlen(r->out->end_pt) > SEAL_END_PT_MAX) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is over 2048 bytes", "/endPt");
  } else {
    r->out->conf.end_pt = (SealText){r->out->end_pt, (int)strlen(r->out->end_pt)};
  }
}

static void read_contact(Reader *r, const json_t *body, int patch) {
  const json_t *end_pt = json_object_get(body, "endPt");
  const json_t *destination = json_object_get(body, "notificationDestination");
  r->out->has_end_pt = end_pt != NULL;
  r->out->has_destination = destination != NULL;
  r->out->conf.contact = end_pt != NULL || destination != NULL;
  if (patch && json_is_null(end_pt)) end_pt = NULL;
  if (patch && json_is_null(destination)) destination = NULL;
  if (patch && json_is_object(end_pt)) {
    r->out->end_pt_patch = end_pt;
  } else if (end_pt != NULL) {
    set_end_pt(r, end_pt);
  }
  SealText text = text_of(destination);
  if (destination != NULL && !seal_is_http_uri(text)) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not an http or https URI of at most 2048 bytes",
          "/notificationDestination");
  } else if (destination != NULL) {
    r->out->conf.notification_destination = text;
  }
}

/* The requester identity: of TS 29.549 V18.4.0, where it has to be there; V18.5.0 has none, as the credential says it. */
static void read_val_server_id(Reader *r, const json_t *body) {
  const json_t *value = json_object_get(body, "valServerId");
  if (value == NULL || seal_is_id(text_of(value))) return;
  fault(r, SEAL_OPTIONAL_IE_INCORRECT,
        "is not a string of 1 to 255 bytes without control characters", "/valServerId");
}

/* Not the body's fault, but not for this requester. */
static int check_requester(Reader *r, const json_t *body) {
  SealText id = text_of(json_object_get(body, "valServerId"));
  const char *who = r->request->who.val_server_id;
  if (id.p == NULL || strcmp(id.p, who) == 0) return SQLITE_OK;
  return seal_refuse(r->err, SEAL_REQUESTER_MISMATCH,
                     "valServerId is not the VAL server that the credential proves");
}

int seal_body_read(const SealRequest *request, const char *seal_service, int patch, SealBody *out,
                   SealError *err) {
  Reader r = {.request = request, .out = out, .err = err};
  const json_t *body = request->body;
  memset(out, 0, sizeof *out);
  out->conf.seal_service = seal_service;
  out->conf.exp_time = SEAL_UNBOUNDED;
  if (!json_is_object(body)) {
    return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the body is not a JSON object");
  }
  read_val_server_id(&r, body);
  read_services(&r, body, seal_service, patch);
  read_supp_feat(&r, body, patch);
  read_exp_time(&r, body, patch);
  read_contact(&r, body, patch);
  if (r.rc != SQLITE_OK) return r.rc;
  return r.faulty ? SQLITE_CONSTRAINT_VTAB : check_requester(&r, body);
}

/* RFC 7396 2: what `patch`, an object, makes of the target, which is the caller's, or NULL for none. 0: out of memory.
** Recursion ends where the body's depth does. */
static int merge(json_t *target, const json_t *patch) {
  const char *name;
  json_t *value;
  int bad = 0;
  json_object_foreach((json_t *)patch, name, value) {
    if (json_is_null(value)) {
      (void)json_object_del(target, name); /* which may not be there */
    } else if (json_is_object(value)) {
      json_t *inner = json_object_get(target, name);
      if (!json_is_object(inner)) bad |= json_object_set_new(target, name, inner = json_object());
      bad |= inner == NULL || !merge(inner, value);
    } else {
      bad |= json_object_set(target, name, value);
    }
  }
  return bad == 0;
}

int seal_body_complete(SealBody *body, SealText end_pt, SealText destination, SealError *err) {
  Reader r = {.out = body, .err = err};
  if (!body->has_end_pt) body->conf.end_pt = end_pt;
  if (!body->has_destination) body->conf.notification_destination = destination;
  if (body->end_pt_patch == NULL) return SQLITE_OK;
  json_t *target = NULL;
  if (end_pt.p != NULL) {
    SealReason reason = seal_json_parse(end_pt.p, (size_t)end_pt.n, SEAL_MESSAGE_DEPTH, &target);
    if (reason != SEAL_VALID) return reason == SEAL_NOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT_VTAB;
  }
  if (target == NULL) target = json_object();
  if (target == NULL || !merge(target, body->end_pt_patch)) {
    r.rc = SQLITE_NOMEM;
  } else {
    set_end_pt(&r, target);
  }
  json_decref(target);
  if (r.rc != SQLITE_OK) return r.rc;
  return r.faulty ? SQLITE_CONSTRAINT_VTAB : SQLITE_OK;
}

void seal_body_clear(SealBody *body) {
  for (size_t i = 0; i < body->conf.n_services; i++) {
    sqlite3_free(body->conf.services[i].ids);
    sqlite3_free(body->conf.services[i].records);
  }
  sqlite3_free(body->conf.services);
  sqlite3_free(body->end_pt);
  memset(body, 0, sizeof *body);
}
