/* What SEAL servers ask (api.h): whom they serve, and what they are to know.
**
**    GET /ss-vsd/v1/val-servdata?val-tgt-ues=[{"valUserId":"alice"}]      SS_VALServiceData (TS 29.549 7.3.2)
**    GET /seal-bundles/v1/bundles?since=1794268800.42.9f…                 the project's own: the next bundle
**
** Both need the credential of a SEAL server; nothing is charged, and each is in the audit. Who may see what is as in a
** bundle (exchange/bundle.c): identity management sees everybody by name; the others may ask of whom they name.
**
** The mapping of TS 33.434 5.2.3 has no end and no VAL server: valServSpecInfo brings them, as JSON text:
**    {"valServices":[{"valServiceId":"v2x","valServerId":"v2x.acme.example","endPt":{…},"expTime":"2026-…"}]}
*/
#include "base/instant.h"
#include "messages/api.h"
#include "registrar/exchange/exchange.h"

#include <string.h>

#define SERVED_MAX 10000 /* identities of one answer */

static int wrong_parameter(SealError *err, const char *name, const char *why) {
  return seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, name, why);
}

/************************************************************************************************
** SS_VALServiceData.
*/
/* The answer while it is made: a ValServiceData is open as long as rows are of one user or UE. */
typedef struct Data {
  sqlite3_str *out;        /* what is done */
  sqlite3_str *ids, *info; /* valServIds and valServSpecInfo of the one that is open */
  char user[SEAL_ID_MAX + 1], ue[SEAL_ID_MAX + 1], service[SEAL_ID_MAX + 1];
  int open, n;
} Data;

static void append_text(sqlite3_str *out, const char *name, const char *text) {
  sqlite3_str_appendf(out, "\"%s\":", name);
  seal_json_append(out, text, strlen(text));
}

/* Ends the ValServiceData that is open. */
static void close_one(Data *data) {
  if (!data->open) return;
  sqlite3_str_appendall(data->info, "]}");
  const char *ids = sqlite3_str_value(data->ids), *info = sqlite3_str_value(data->info);
  sqlite3_str_appendall(data->out,
                        sqlite3_str_length(data->out) ? ",{\"valTgtUe\":{" : "{\"valTgtUe\":{");
  append_text(data->out, data->user[0] ? "valUserId" : "valUeId",
              data->user[0] ? data->user : data->ue);
  sqlite3_str_appendf(data->out, "},\"valServIds\":[%s],", ids ? ids : "");
  append_text(data->out, "valServSpecInfo", info ? info : "");
  sqlite3_str_appendchar(data->out, 1, '}');
  sqlite3_str_reset(data->ids);
  sqlite3_str_reset(data->info);
  data->open = 0;
}

static void open_one(Data *data, const SealServed *served) {
  sqlite3_snprintf(sizeof data->user, data->user, "%.*s", served->val_user_id.n,
                   served->val_user_id.p ? served->val_user_id.p : "");
  sqlite3_snprintf(sizeof data->ue, data->ue, "%.*s", served->val_ue_id.n,
                   served->val_ue_id.p ? served->val_ue_id.p : "");
  sqlite3_str_appendall(data->info, "{\"valServices\":[");
  data->service[0] = 0;
  data->open = 1;
}

static int same(SealText text, const char *known) {
  return text.p ? seal_text_is(text, known) : known[0] == 0;
}

/* One VAL service that somebody has from one VAL server. */
static int append_served(void *arg, const SealServed *served) {
  Data *data = arg;
  if (!data->open || !same(served->val_user_id, data->user) || !same(served->val_ue_id, data->ue)) {
    close_one(data);
    open_one(data, served);
  }
  int first = data->service[0] == 0;
  if (!seal_text_is(served->val_service_id, data->service)) {
    if (!first) sqlite3_str_appendchar(data->ids, 1, ',');
    seal_json_append(data->ids, served->val_service_id.p, (size_t)served->val_service_id.n);
    sqlite3_snprintf(sizeof data->service, data->service, "%.*s", served->val_service_id.n,
                     served->val_service_id.p);
  }
  sqlite3_str_appendall(data->info, first ? "{\"valServiceId\":" : ",{\"valServiceId\":");
  seal_json_append(data->info, served->val_service_id.p, (size_t)served->val_service_id.n);
  sqlite3_str_appendall(data->info, ",\"valServerId\":");
  seal_json_append(data->info, served->val_server_id.p, (size_t)served->val_server_id.n);
  if (served->end_pt.p != NULL)
    sqlite3_str_appendf(data->info, ",\"endPt\":%.*s", served->end_pt.n, served->end_pt.p);
  if (served->until != SEAL_UNBOUNDED) {
    char until[SEAL_INSTANT_SIZE];
    seal_instant_text(served->until, until);
    sqlite3_str_appendf(data->info, ",\"expTime\":\"%s\"", until);
  }
  sqlite3_str_appendchar(data->info, 1, '}');
  data->n += served->n;
  return SQLITE_OK;
}

/* The parameter val-tgt-ues, an array of ValTargetUe; *out is NULL where there is none. */
static int read_targets(const SealRequest *request, json_t **out, SealError *err) {
  static const char *const members[] = {"valUserId", "valUeId", NULL};
  size_t i;
  json_t *target;
  int rc = seal_query_objects(request, "val-tgt-ues", members, out, err);
  json_array_foreach(*out, i, target) {
    SealRecord record;
    memset(&record, 0, sizeof record);
    if (rc == SQLITE_OK && !seal_target_read(target, &record))
      rc =
          wrong_parameter(err, "val-tgt-ues",
                          "has an element that is no ValTargetUe with exactly one of valUserId and "
                          "valUeId");
  }
  return rc;
}

/* The parameter val-service-ids, as seal_served() takes it. */
static int read_service_ids(const SealRequest *request, char **out, SealError *err) {
  char *list = NULL;
  *out = NULL;
  int rc = seal_query_list(request, "val-service-ids", &list, err);
  if (rc != SQLITE_OK || list == NULL) return rc;
  for (char *c = list; *c; c++)
    if (*c == ',') *c = 31;
  if (list[0] == 0) rc = wrong_parameter(err, "val-service-ids", "has no element");
  if (rc == SQLITE_OK && (*out = sqlite3_mprintf("\x1f%s\x1f", list)) == NULL) rc = SQLITE_NOMEM;
  sqlite3_free(list);
  return rc;
}

static int check_features(const SealRequest *request, int *asked, SealError *err) {
  char *text = NULL;
  int rc = seal_query(request, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, "supp-feats", &text, err);
  *asked = text != NULL;
  if (rc == SQLITE_OK && text != NULL && strspn(text, "0123456789abcdefABCDEF") != strlen(text)) {
    rc = wrong_parameter(err, "supp-feats", "is not a string of hexadecimal digits");
  }
  sqlite3_free(text);
  return rc;
}

/* Appends what a user or UE has, once: *seen says who was asked for before. */
static int find_one(Seal *p, const SealRequest *request, const json_t *target, json_t *seen,
                    SealText services, Data *data) {
  SealRecord asked;
  memset(&asked, 0, sizeof asked);
  (void)seal_target_read(target, &asked); /* as it was before */
  const char *id = asked.val_user_id.p ? asked.val_user_id.p : asked.val_ue_id.p;
  char *name = sqlite3_mprintf("%c%s", asked.val_user_id.p ? 'u' : 'e', id);
  int rc = name ? SQLITE_OK : SQLITE_NOMEM, again = name && json_object_get(seen, name) != NULL;
  if (rc == SQLITE_OK && !again && json_object_set_new(seen, name, json_true()) != 0)
    rc = SQLITE_NOMEM;
  sqlite3_free(name);
  if (rc != SQLITE_OK || again) return rc;
  return seal_served(p, request->who.seal_service, &asked, services, request->at.t,
                     SERVED_MAX + 1 - data->n, append_served, data);
}

/* Finds what was asked for, and appends it. */
static int find_data(Seal *p, const SealRequest *request, const json_t *targets, SealText services,
                     Data *data, SealError *err) {
  size_t i;
  json_t *target, *seen = json_object();
  int rc = seen ? SQLITE_OK : SQLITE_NOMEM;
  if (rc == SQLITE_OK && targets == NULL) {
    rc = strcmp(request->who.seal_service, SEAL_IDM) == 0
             ? seal_served(p, request->who.seal_service, NULL, services, request->at.t,
                           SERVED_MAX + 1, append_served, data)
             : seal_fault(err, SEAL_MANDATORY_QUERY_PARAM_MISSING, "val-tgt-ues",
                          "is missing: only identity management may ask for everybody");
  }
  json_array_foreach(targets, i, target) {
    if (rc == SQLITE_OK && data->n <= SERVED_MAX)
      rc = find_one(p, request, target, seen, services, data);
  }
  json_decref(seen);
  close_one(data);
  if (rc == SQLITE_OK && data->n > SERVED_MAX) {
    rc = wrong_parameter(err, "val-tgt-ues", "asks for more than 10000 identities: name fewer");
  }
  return rc;
}

int seal_val_servdata_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                          SealError *err) {
  static const char *const names[] = {"val-tgt-ues",      "val-tgt-ues[", "val-service-ids",
                                      "val-service-ids[", "supp-feats",   NULL};
  Data data = {
      .out = sqlite3_str_new(NULL), .ids = sqlite3_str_new(NULL), .info = sqlite3_str_new(NULL)};
  json_t *targets = NULL;
  char *services = NULL;
  int features = 0;
  (void)seal_service;
  int rc = seal_query_only(request, names, err);
  if (rc == SQLITE_OK) rc = read_targets(request, &targets, err);
  if (rc == SQLITE_OK) rc = read_service_ids(request, &services, err);
  if (rc == SQLITE_OK) rc = check_features(request, &features, err);
  if (rc == SQLITE_OK) rc = find_data(p, request, targets, seal_text_from(services), &data, err);
  if (rc == SQLITE_OK) {
    const char *all = sqlite3_str_value(data.out);
    /* Of a part that memory ran out for nothing shows in the whole. */
    rc = sqlite3_str_errcode(data.out);
    if (rc == SQLITE_OK) rc = sqlite3_str_errcode(data.ids);
    if (rc == SQLITE_OK) rc = sqlite3_str_errcode(data.info);
    if (rc == SQLITE_OK) {
      out->body = sqlite3_mprintf("{\"valServData\":[%s]%s}", all ? all : "",
                                  features ? ",\"suppFeats\":\"0\"" : "");
      rc = out->body ? SQLITE_OK : SQLITE_NOMEM;
    }
    out->status = 200;
    out->secret = 1; /* users' names: nobody on the way keeps them */
  }
  sqlite3_free(sqlite3_str_finish(data.info));
  sqlite3_free(sqlite3_str_finish(data.ids));
  sqlite3_free(sqlite3_str_finish(data.out));
  sqlite3_free(services);
  json_decref(targets);
  return rc;
}

/************************************************************************************************
** Bundles.
*/
#define OF_SINCE "since " /* how the registrar begins what it says of it */

/* What is wrong with `since` is wrong with a parameter of the query here; what is wrong with the SEAL server's key is not. */
static int refuse_since(SealError *err) {
  size_t n = sizeof OF_SINCE - 1;
  if (strncmp(err->detail, OF_SINCE, n) != 0) return SQLITE_CONSTRAINT_VTAB;
  char *detail = sqlite3_mprintf("%s", err->detail + n);
  if (detail == NULL) return SQLITE_NOMEM;
  seal_error_clear(err);
  int rc = seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, "since", detail);
  sqlite3_free(detail);
  return rc;
}

int seal_bundles_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                     SealError *err) {
  static const char *const names[] = {"since", NULL};
  char *since = NULL;
  SealBundle bundle = {.jws = NULL};
  (void)seal_service;
  int rc = seal_query_only(request, names, err);
  if (rc == SQLITE_OK)
    rc = seal_query(request, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, "since", &since, err);
  if (rc == SQLITE_OK) {
    rc = seal_bundle(p, seal_text_from(request->who.seal_server_id), seal_text_from(since),
                     request->at.t, &bundle, err);
    if (rc == SQLITE_CONSTRAINT_VTAB && err->cause == SEAL_MANDATORY_IE_INCORRECT)
      rc = refuse_since(err);
  }
  /* The one thing that is written before the token is used up: not by one that was used before. */
  if (rc == SQLITE_OK) rc = seal_use_check(p, &request->who, (SealTokenUse){request->use, 1}, err);
  if (rc == SQLITE_OK && bundle.acked >= 0)
    rc = seal_bundle_acked(p, request->who.seal_server, bundle.acked);
  if (rc == SQLITE_OK && bundle.news) {
    out->body = sqlite3_mprintf("\"%s\"", bundle.jws);
    if (out->body == NULL) rc = SQLITE_NOMEM;
  }
  out->status = bundle.news ? 200 : 204;
  out->secret = 1;
  sqlite3_free(bundle.jws);
  sqlite3_free(since);
  return rc;
}
