/* Configurations as resources (messages.h): POST, GET, PUT, PATCH and DELETE of /ss-ipp/v1 and, with
** other members in a VAL service, of /ss-kmpp/v1 (TS 29.549, clauses 7.6 and 7.5).
*/
#include "messages/body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/************************************************************************************************
** Answers.
*/
static void append_ids(sqlite3_str *out, const SealService *service) {
  sqlite3_str_appendall(out, ",\"idList\":[");
  for (size_t i = 0; i < service->n_ids; i++) {
    const SealId *id = &service->ids[i];
    sqlite3_str_appendall(out, i ? "," : "");
    sqlite3_str_appendall(out, id->is_ue ? "{\"valUeId\":" : "{\"valUserId\":");
    seal_json_append(out, id->p, (size_t)id->n);
    sqlite3_str_appendchar(out, 1, '}');
  }
  sqlite3_str_appendchar(out, 1, ']');
}

static void append_member(sqlite3_str *out, const char *name, SealText text) {
  if (text.p == NULL) return;
  sqlite3_str_appendf(out, ",\"%s\":", name);
  seal_json_append(out, text.p, (size_t)text.n);
}

/* Appends a VALServicesConfig. */
static void append_configuration(sqlite3_str *out, const SealConfiguration *conf,
                                 const char *val_server_id) {
  char text[SEAL_INSTANT_SIZE];
  int identities = strcmp(conf->seal_service, SEAL_IDM) == 0;
  const char *comma = "";
  sqlite3_str_appendall(out, "{\"valServerId\":");
  seal_json_append(out, val_server_id, strlen(val_server_id));
  sqlite3_str_appendall(out, ",\"valSvcConf\":[");
  for (size_t i = 0; i < conf->n_services; i++) {
    const SealService *service = &conf->services[i];
    if (identities && service->n_ids == 0) continue; /* the operator took them */
    sqlite3_str_appendf(out, "%s{\"valServiceId\":", comma);
    comma = ",";
    seal_json_append(out, service->val_service_id.p, (size_t)service->val_service_id.n);
    if (identities) append_ids(out, service);
    append_member(out, "keyFormat", service->key_format);
    append_member(out, "scope", service->scope);
    sqlite3_str_appendchar(out, 1, '}');
  }
  sqlite3_str_appendchar(out, 1, ']');
  /* What both sides support (TS 29.500 6.6.2): these APIs have no optional features. */
  if (conf->supp_feat.p != NULL) append_member(out, "suppFeat", seal_text_from("0"));
  if (conf->valid_until != SEAL_UNBOUNDED) {
    seal_instant_text(conf->valid_until, text);
    append_member(out, "expTime", seal_text_from(text));
  }
  if (conf->end_pt.p != NULL) sqlite3_str_appendf(out, ",\"endPt\":%s", conf->end_pt.p);
  append_member(out, "notificationDestination", conf->notification_destination);
  sqlite3_str_appendchar(out, 1, '}');
}

static int finish(sqlite3_str *out, char **text) {
  int rc = sqlite3_str_errcode(out);
  *text = sqlite3_str_finish(out);
  return rc == SQLITE_OK && *text == NULL ? SQLITE_NOMEM : rc;
}

int seal_configuration_text(Seal *p, int64_t id, char **body) {
  SealStored stored;
  sqlite3_str *out = sqlite3_str_new(NULL);
  int rc = seal_configuration_load(p, id, &stored);
  if (rc == SQLITE_OK) {
    append_configuration(out, &stored.conf, stored.val_server_id);
  }
  seal_configuration_free(&stored);
  int bad = finish(out, body);
  return rc == SQLITE_OK ? bad : rc;
}

/* What was just put, as an answer's body: what the request said, and until when it holds. */
static int answer_put(const SealRequest *request, const SealBody *body, char **text) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  append_configuration(out, &body->conf, request->who.val_server_id);
  return finish(out, text);
}

#define ANSWER_ROOM  1024 /* bytes of an answer beside what is counted: names, status, headers */
#define SERVICE_ROOM 64   /* and of a VAL service in it */
#define ID_ROOM      18   /* and of an identity */

static size_t text_length(SealText text) {
  return text.p ? seal_json_length(text.p, (size_t)text.n) : 0;
}

/* How long the answer will be at most. */
static size_t answer_length(const SealRequest *request, const SealConfiguration *conf) {
  size_t n = ANSWER_ROOM + text_length(seal_text_from(request->who.val_server_id)) +
             text_length(conf->supp_feat) + (size_t)conf->end_pt.n +
             text_length(conf->notification_destination);
  for (size_t i = 0; i < conf->n_services; i++) {
    const SealService *service = &conf->services[i];
    n += SERVICE_ROOM + text_length(service->val_service_id) + text_length(service->key_format) +
         text_length(service->scope);
    for (size_t k = 0; k < service->n_ids; k++) {
      n += ID_ROOM + seal_json_length(service->ids[k].p, (size_t)service->ids[k].n);
    }
  }
  return n;
}

/* An answer that is longer than a value of this connection's may be could not be read: it is foreseen, before
** anything is written. Where the longest body fits with all that is added to it, nothing has to be counted. */
static int check_length(Seal *p, const SealRequest *request, const SealConfiguration *conf) {
  size_t limit = (size_t)sqlite3_limit(seal_db(p), SQLITE_LIMIT_LENGTH, -1);
  if (!conf->keep && limit / 16 > SEAL_BODY_MAX) return SQLITE_OK;
  return answer_length(request, conf) > limit ? SQLITE_TOOBIG : SQLITE_OK;
}

/************************************************************************************************
** Handlers.
*/
static const char *base_path(const char *seal_service) {
  return strcmp(seal_service, SEAL_IDM) == 0 ? "/ss-ipp/v1/configurations"
                                             : "/ss-kmpp/v1/configurations";
}

/* Finds the configuration that the path names. */
static int find(Seal *p, const SealRequest *request, const char *seal_service, int64_t *id,
                SealError *err) {
  SealGrant grant;
  int rc = seal_use_authorize(p, request->who.val_server, seal_service, request->at.t, NULL, &grant,
                              err);
  if (rc != SQLITE_OK) return rc;
  return seal_configuration_find(p, request->who.val_server, seal_service,
                                 seal_text_from(request->conf_id), request->at.t, id, err);
}

/* The same for a message that names no VAL service itself: judged by those of the configuration. */
static int find_and_judge(Seal *p, SealRequest *request, const char *seal_service, int64_t *id,
                          SealError *err) {
  SealAct act = seal_request_act(request);
  int rc = find(p, request, seal_service, id, err);
  return rc == SQLITE_OK ? seal_configuration_authorize(p, &act, seal_service, *id, err) : rc;
}

/* Stores what the body says; `replaces` is 0 for a new configuration, whose name is written to conf_id. */
static int put_body(Seal *p, SealRequest *request, SealBody *body, int64_t replaces,
                    char conf_id[SEAL_CONF_ID], char **text, SealError *err) {
  assert(replaces != 0 || conf_id != NULL);
  char *end_pt, *destination;
  SealAct act = seal_request_act(request);
  int rc = seal_contact(p, request->who.val_server, &end_pt, &destination);
  if (rc == SQLITE_OK) {
    rc = seal_body_complete(body, seal_text_from(end_pt), seal_text_from(destination), err);
  }
  if (rc == SQLITE_OK) rc = check_length(p, request, &body->conf);
  if (rc == SQLITE_OK) rc = seal_configuration_put(p, &act, &body->conf, replaces, conf_id, err);
  if (rc == SQLITE_OK) rc = answer_put(request, body, text);
  sqlite3_free(end_pt);
  sqlite3_free(destination);
  return rc;
}

int seal_configurations_post(Seal *p, SealRequest *request, const char *seal_service,
                             SealAnswer *out, SealError *err) {
  SealBody body;
  char *conf_id = out->new_conf_id;
  int rc = seal_body_read(request, seal_service, 0, &body, err);
  if (rc == SQLITE_OK) rc = put_body(p, request, &body, 0, conf_id, &out->body, err);
  char root[SEAL_URI_MAX + 1];
  if (rc == SQLITE_OK) rc = seal_api_root(p, root);
  if (rc == SQLITE_OK) {
    out->status = 201;
    out->conf_id = conf_id;
    out->location = sqlite3_mprintf("%s%s/%s", root, base_path(seal_service), conf_id);
    if (out->location == NULL) rc = SQLITE_NOMEM;
  }
  seal_body_clear(&body);
  return rc;
}

static int compare_row_ids(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The configurations of a comma-separated list of names, each looked up by its own; what is not there, or is
** another's, is left out. *ids is the caller's, as seal_configuration_list gives it: in order of storage, each once. */
static int find_named(Seal *p, const SealRequest *request, const char *seal_service,
                      const char *names, int64_t **ids, size_t *n) {
  size_t size = 1, found = 0;
  for (const char *at = names; *at; at++) size += *at == ',';
  assert(size <= SEAL_CONFIG_IDS_MAX);
  *n = 0;
  *ids = sqlite3_malloc64(size * sizeof **ids);
  if (*ids == NULL) return SQLITE_NOMEM;
  int rc = SQLITE_OK;
  for (const char *at = names; rc == SQLITE_OK && *at; at += *at == ',') {
    SealError none;
    SealText name = {at, (int)strcspn(at, ",")};
    memset(&none, 0, sizeof none);
    rc = seal_configuration_find(p, request->who.val_server, seal_service, name, request->at.t,
                                 &(*ids)[found], &none);
    if (rc == SQLITE_OK) found++;
    if (rc == SQLITE_CONSTRAINT_VTAB) rc = SQLITE_OK;
    seal_error_clear(&none);
    at += name.n;
  }
  qsort(*ids, found, sizeof **ids, compare_row_ids);
  for (size_t i = 0; i < found; i++) {
    if (*n == 0 || (*ids)[i] != (*ids)[*n - 1]) (*ids)[(*n)++] = (*ids)[i];
  }
  return rc;
}

/* The configurations that the query asks for, as a JSON array. */
static int answer_list(Seal *p, const SealRequest *request, const char *seal_service,
                       const char *conf_ids, char **body, SealError *err) {
  int64_t *ids;
  size_t n;
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendchar(out, 1, '[');
  int rc = conf_ids ? find_named(p, request, seal_service, conf_ids, &ids, &n)
                    : seal_configuration_list(p, request->who.val_server, seal_service,
                                              request->at.t, &ids, &n);
  for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
    SealStored stored;
    rc = seal_configuration_load(p, ids[i], &stored);
    if (rc == SQLITE_OK) {
      sqlite3_str_appendall(out, i ? "," : "");
      append_configuration(out, &stored.conf, stored.val_server_id);
    }
    seal_configuration_free(&stored);
    if (rc == SQLITE_OK && sqlite3_str_length(out) > SEAL_LIST_MAX) {
      rc = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, "config-ids",
                      "has to name fewer: the list is over 64 MiB");
    }
  }
  sqlite3_free(ids);
  sqlite3_str_appendchar(out, 1, ']');
  int bad = finish(out, body);
  return rc == SQLITE_OK ? bad : rc;
}

/* Reads a parameter of the query after another, which `rc` is of: every fault is found. */
static int read_parameter(const SealRequest *request, int rc, const char *name, int list,
                          char **value, SealError *err) {
  *value = NULL;
  if (rc != SQLITE_OK && rc != SQLITE_CONSTRAINT_VTAB) return rc;
  int bad = list ? seal_query_list(request, name, value, err)
                 : seal_query(request, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, value, err);
  if (bad == SQLITE_OK && *value != NULL && *value[0] == 0) {
    bad = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, "is empty");
  }
  return bad == SQLITE_OK ? rc : bad;
}

int seal_configurations_get(Seal *p, SealRequest *request, const char *seal_service,
                            SealAnswer *out, SealError *err) {
  char *val_server_id = NULL, *conf_ids = NULL;
  SealGrant grant;
  int rc = seal_use_authorize(p, request->who.val_server, seal_service, request->at.t,
                              &request->touched, &grant, err);
  if (rc == SQLITE_OK) {
    rc = read_parameter(request, rc, "val-server-id", 0, &val_server_id, err);
    rc = read_parameter(request, rc, "config-ids", 1, &conf_ids, err);
  }
  size_t commas = 0;
  for (const char *at = conf_ids; at != NULL && *at; at++) commas += *at == ',';
  if (rc == SQLITE_OK && commas >= SEAL_CONFIG_IDS_MAX) {
    rc = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, "config-ids", "has over 1000 names");
  }
  out->status = 200;
  if (rc == SQLITE_OK && val_server_id != NULL &&
      strcmp(val_server_id, request->who.val_server_id) != 0) {
    out->body = sqlite3_mprintf("[]"); /* another's configurations are none */
    if (out->body == NULL) rc = SQLITE_NOMEM;
  } else if (rc == SQLITE_OK) {
    rc = answer_list(p, request, seal_service, conf_ids, &out->body, err);
  }
  sqlite3_free(val_server_id);
  sqlite3_free(conf_ids);
  return rc;
}

int seal_configuration_get_one(Seal *p, SealRequest *request, const char *seal_service,
                               SealAnswer *out, SealError *err) {
  int64_t id;
  int rc = find_and_judge(p, request, seal_service, &id, err);
  out->status = 200;
  return rc == SQLITE_OK ? seal_configuration_text(p, id, &out->body) : rc;
}

int seal_configuration_replace(Seal *p, SealRequest *request, const char *seal_service,
                               SealAnswer *out, SealError *err) {
  int64_t id = 0;
  SealBody body;
  int rc = seal_body_read(request, seal_service, 0, &body, err);
  if (rc == SQLITE_OK) rc = find(p, request, seal_service, &id, err);
  if (rc == SQLITE_OK) {
    body.conf.conf_id = request->conf_id;
    rc = put_body(p, request, &body, id, NULL, &out->body, err);
  }
  out->conf_id = request->conf_id;
  out->status = 200;
  seal_body_clear(&body);
  return rc;
}

int seal_configuration_patch(Seal *p, SealRequest *request, const char *seal_service,
                             SealAnswer *out, SealError *err) {
  int64_t id = 0;
  SealBody body;
  SealStored stored;
  memset(&stored, 0, sizeof stored);
  int rc = seal_body_read(request, seal_service, 1, &body, err);
  if (rc == SQLITE_OK) rc = find(p, request, seal_service, &id, err);
  if (rc == SQLITE_OK) rc = seal_configuration_load(p, id, &stored);
  if (rc == SQLITE_OK) {
    SealBody merged = body;
    merged.conf.conf_id = request->conf_id;
    if (!body.has_services) {
      merged.conf.keep = 1;
      merged.conf.keep_end = !body.has_exp_time;
      merged.conf.services = stored.conf.services;
      merged.conf.n_services = stored.conf.n_services;
    }
    if (!body.has_exp_time) merged.conf.exp_time = stored.conf.exp_time;
    if (!body.has_supp_feat) merged.conf.supp_feat = stored.conf.supp_feat;
    rc = put_body(p, request, &merged, id, NULL, &out->body, err);
    body.end_pt = merged.end_pt; /* to be freed with the body */
  }
  out->conf_id = request->conf_id;
  out->status = 200;
  seal_configuration_free(&stored);
  seal_body_clear(&body);
  return rc;
}

int seal_configuration_drop(Seal *p, SealRequest *request, const char *seal_service,
                            SealAnswer *out, SealError *err) {
  int64_t id;
  int rc = find_and_judge(p, request, seal_service, &id, err);
  out->status = 204;
  if (rc != SQLITE_OK) return rc;
  SealAct act = seal_request_act(request);
  return seal_configuration_delete(p, &act, id, request->conf_id, seal_service, err);
}
