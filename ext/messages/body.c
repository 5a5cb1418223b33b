/* Bodies (messages.h): VALServicesConfig of TS 29.549 with the project's extensions, and the merge patch
** of it. Every fault is found, each with its JSON Pointer.
**
**    {"valServerId":"v2x.acme.example",
**     "valSvcConf":[{"valServiceId":"v2x","idList":[{"valUserId":"alice@acme.example"}]}],
**     "expTime":"2026-11-30T00:00:00Z"}
*/
#include "messages/messages.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#define POINTER      96    /* bytes of a JSON Pointer into a body */
#define SERVICES_MAX 10000 /* VAL services of one message */
#define RECORDS_MAX  1000  /* key records of one VAL service in a message */

typedef struct Reader {
  const SealRequest *request;
  SealBody *out;
  SealError *err;
  int rc; /* SQLITE_OK, or the first error that is not a fault of the body's */
  int faulty;
  size_t next_cut; /* the cut that the next empty idList stands for */
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
  fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not a string of 1 to 255 bytes", "%s/%s", where, name);
  return 0;
}

/************************************************************************************************
** VALServiceParams
*/
/* One ValTargetUe: exactly one of valUserId and valUeId. */
static void read_target(Reader *r, const json_t *target, size_t service, size_t i, SealId *id) {
  const json_t *user = json_object_get(target, "valUserId");
  const json_t *ue = json_object_get(target, "valUeId");
  if (!json_is_object(target)) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not an object", "/valSvcConf/%d/idList/%d",
          (int)service, (int)i);
    return;
  }
  if ((user == NULL) == (ue == NULL)) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "exactly one of valUserId and valUeId is needed",
          "/valSvcConf/%d/idList/%d", (int)service, (int)i);
    return;
  }
  SealText text = text_of(user ? user : ue);
  if (!seal_is_id(text)) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not a string of 1 to 255 bytes",
          "/valSvcConf/%d/idList/%d/%s", (int)service, (int)i, user ? "valUserId" : "valUeId");
    return;
  }
  *id = (SealId){text.p, text.n, user == NULL};
}

/* The list that was cut out of the text, or the one in the JSON. */
static void read_id_list(Reader *r, const json_t *object, size_t i, SealService *out) {
  char where[POINTER];
  sqlite3_snprintf(sizeof where, where, "/valSvcConf/%d", (int)i);
  const json_t *list = needed(r, object, "idList", where);
  if (list == NULL) return;
  if (json_is_array(list) && json_array_size(list) == 0 && r->next_cut < r->request->n_cuts) {
    SealCut *cut = &r->request->cuts[r->next_cut++];
    out->ids = cut->ids;
    out->n_ids = cut->n;
    cut->ids = NULL; /* the body's now */
    return;
  }
  size_t n = json_array_size(list);
  if (n == 0) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not an array with at least one element", "%s/idList",
          where);
    return;
  }
  out->ids = sqlite3_malloc64(n * sizeof *out->ids);
  if (out->ids == NULL) {
    r->rc = SQLITE_NOMEM;
    return;
  }
  memset(out->ids, 0, n * sizeof *out->ids);
  out->n_ids = n;
  for (size_t k = 0; k < n; k++) read_target(r, json_array_get(list, k), i, k, &out->ids[k]);
}

/* An identifier that may be there. */
static SealText optional_id(Reader *r, const json_t *object, const char *name, const char *where) {
  const json_t *value = json_object_get(object, name);
  SealText text = text_of(value);
  if (value == NULL) return (SealText){NULL, 0};
  if (!seal_is_id(text)) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not a string of 1 to 255 bytes", "%s/%s", where, name);
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
  record->user_uri = optional_id(r, object, "userUri", where);
  record->key_format = out->key_format;
  const json_t *key_info = needed(r, object, "keyInfo", where);
  record->key_info = text_of(key_info);
  if (key_info != NULL && (record->key_info.p == NULL || record->key_info.n == 0)) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not a string with at least one byte", "%s/keyInfo",
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
  if (n == 0 || n > RECORDS_MAX) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not an array with 1 to 1000 elements",
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
  if (n == 0 || n > SERVICES_MAX) {
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
  } else if (t <= r->request->at) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not in the future", "/expTime");
  }
  r->out->conf.exp_time = t;
}

static int is_string_list(const json_t *list) {
  size_t i;
  json_t *item;
  if (json_array_size(list) == 0) return 0;
  json_array_foreach(list, i, item) {
    if (json_string_length(item) == 0) return 0;
  }
  return 1;
}

int seal_is_end_pt(const json_t *json) {
  const json_t *uri = json_object_get(json, "uri"), *fqdn = json_object_get(json, "fqdn");
  const json_t *v4 = json_object_get(json, "ipv4Addrs"), *v6 = json_object_get(json, "ipv6Addrs");
  if ((uri != NULL) + (fqdn != NULL) + (v4 != NULL) + (v6 != NULL) != 1) return 0;
  if (v4 != NULL || v6 != NULL) return is_string_list(v4 ? v4 : v6);
  return json_string_length(uri ? uri : fqdn) > 0;
}

static void read_contact(Reader *r, const json_t *body, int patch) {
  const json_t *end_pt = json_object_get(body, "endPt");
  const json_t *destination = json_object_get(body, "notificationDestination");
  r->out->has_end_pt = end_pt != NULL;
  r->out->has_destination = destination != NULL;
  if (patch && json_is_null(end_pt)) end_pt = NULL;
  if (patch && json_is_null(destination)) destination = NULL;
  if (end_pt != NULL && !seal_is_end_pt(end_pt)) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT,
          "is not an object with exactly one of uri, fqdn, ipv4Addrs, ipv6Addrs", "/endPt");
  } else if (end_pt != NULL) {
    r->out->end_pt = seal_json_dump(end_pt);
    if (r->out->end_pt == NULL) {
      r->rc = SQLITE_NOMEM;
    } else {
      r->out->conf.end_pt = (SealText){r->out->end_pt, (int)strlen(r->out->end_pt)};
    }
  }
  SealText text = text_of(destination);
  if (destination != NULL && (text.p == NULL || text.n == 0 || text.n > 2048)) {
    fault(r, SEAL_OPTIONAL_IE_INCORRECT, "is not a string of 1 to 2048 bytes",
          "/notificationDestination");
  } else if (destination != NULL) {
    r->out->conf.notification_destination = text;
  }
}

/* The requester identity: needed, and in a PATCH allowed, as long as it stays the same. */
static void read_val_server_id(Reader *r, const json_t *body, int patch) {
  const json_t *value = json_object_get(body, "valServerId");
  SealText id = text_of(value);
  if (value == NULL && patch) return;
  if (value == NULL) {
    fault(r, SEAL_MANDATORY_IE_MISSING, "is missing", "/valServerId");
  } else if (!seal_is_id(id)) {
    fault(r, SEAL_MANDATORY_IE_INCORRECT, "is not a string of 1 to 255 bytes", "/valServerId");
  }
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
  read_val_server_id(&r, body, patch);
  read_services(&r, body, seal_service, patch);
  read_supp_feat(&r, body, patch);
  read_exp_time(&r, body, patch);
  read_contact(&r, body, patch);
  if (r.rc != SQLITE_OK) return r.rc;
  return r.faulty ? SQLITE_CONSTRAINT_VTAB : check_requester(&r, body);
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
