/* Key retrieval (messages.h): SS_KeyInfoRetrieval of TS 29.549, and the KM Request of TS 33.434 5.3.2.
**
**    GET  /ss-kir/v1/key-records?val-service-id=v2x&val-tgt-ue={"valUserId":"alice"}
**    POST /skm/v1/km-request    {"version":"1.0.0","sKmsUri":…,"serviceId":"v2x","userId":"alice",…}
**
** Both need an access token with the scope seal:key-management; what it retrieves is what its own VAL
** server provisioned.
*/
#include "messages/api.h"

#include <assert.h>
#include <string.h>
#include "base/address.h"
#include "crypto/crypto.h"

#define KM_WINDOW 5 /* seconds around the clock (TS 33.434 5.3.2) */

/* An access token with the scope; no other credential will do. */
static int check_token(const SealRequest *request, SealError *err) {
  if (request->who.by_token && request->who.scopes & (SEAL_SCOPE_KM | SEAL_SCOPE_KIR))
    return SQLITE_OK;
  return seal_refuse(err, SEAL_INSUFFICIENT_SCOPE,
                     "an access token with the scope seal:key-management is needed");
}

/* Whether the SLA lets the requester retrieve keys of the VAL service. */
static int authorize_retrieval(Seal *p, SealRequest *request, SealText val_service_id,
                               SealError *err) {
  SealGrant grant;
  SealAsk ask = {
      .val_server = request->who.val_server,
      .seal_service = SEAL_KM,
      .val_service_id = val_service_id,
      .at = request->at.t,
      .exp_time = SEAL_UNBOUNDED,
      .invocation = SEAL_BY_MESSAGE,
      .touched = &request->touched,
  };
  return seal_authorize(p, &ask, &grant, err);
}

/* 1 where a member would be the first of its object. Of what ran out of memory nothing is left. */
static int is_first(sqlite3_str *out) {
  int n = sqlite3_str_length(out);
  return n == 0 || sqlite3_str_value(out)[n - 1] == '{';
}

static void append_key_member(sqlite3_str *out, const char *name, SealText text) {
  if (text.p == NULL) return;
  sqlite3_str_appendf(out, "%s\"%s\":", is_first(out) ? "" : ",", name);
  seal_json_append(out, text.p, (size_t)text.n);
}

/* Appends the key: JSON has no bytes, so that one which is no text is base64 (RFC 4648 4), as it came to /ss-kpp. */
static int append_key(sqlite3_str *out, const char *name, const SealFoundRecord *found) {
  if (seal_is_utf8(found->key_info, (size_t)found->n_key_info)) {
    append_key_member(out, name, (SealText){found->key_info, found->n_key_info});
    return SQLITE_OK;
  }
  int size = (found->n_key_info + 2) / 3 * 4 + 1;
  char *text = sqlite3_malloc(size);
  if (text == NULL) return SQLITE_NOMEM;
  int n = (int)seal_b64url_encode(found->key_info, (size_t)found->n_key_info, text);
  for (int i = 0; i < n; i++)
    text[i] = (char)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
  while (n % 4 != 0) text[n++] = '=';
  append_key_member(out, name, (SealText){text, n});
  seal_secret_free(text, size);
  return SQLITE_OK;
}

static int finish_keys(sqlite3_str *out, SealAnswer *answer) {
  int rc = sqlite3_str_errcode(out);
  answer->body = sqlite3_str_finish(out);
  answer->status = 200;
  answer->secret = 1;
  return rc;
}

/* Whose the keys are, as a URI: what the record says, else the id, or the VAL service where none is asked for; what is no
** URI becomes one below urn:seal. */
static void append_user_uri(sqlite3_str *out, const SealFoundRecord *found, const SealRecord *asked,
                            SealText service) {
  SealText id = asked->val_user_id.p ? asked->val_user_id
                : asked->val_ue_id.p ? asked->val_ue_id
                : asked->client_id.p ? asked->client_id
                                     : service;
  char encoded[3 * SEAL_ID_MAX + 1];
  if (found->user_uri != NULL) id = seal_text_from(found->user_uri);
  if (found->user_uri != NULL || seal_is_uri(id)) {
    append_key_member(out, "userUri", id);
    return;
  }
  assert(id.n <= SEAL_ID_MAX);
  seal_percent_encode(id.p, (size_t)id.n, encoded);
  sqlite3_str_appendf(out, "%s\"userUri\":\"urn:seal:%s\"", is_first(out) ? "" : ",", encoded);
}

/************************************************************************************************
** SS_KeyInfoRetrieval.
*/
int seal_target_read(const json_t *json, SealRecord *record) {
  record->val_user_id = seal_json_member(json, "valUserId");
  record->val_ue_id = seal_json_member(json, "valUeId");
  int both = json_object_get(json, "valUserId") && json_object_get(json, "valUeId");
  return !both && seal_is_id(record->val_user_id.p ? record->val_user_id : record->val_ue_id);
}

/* Reads the parameter val-tgt-ue, a ValTargetUe; *json owns what *asked points to. Who names somebody in a way that
** we don't know must not get the VAL service's own key: so other parameters are refused. */
static int read_target(const SealRequest *request, json_t **json, SealRecord *asked,
                       SealError *err) {
  static const char *const members[] = {"valUserId", "valUeId", NULL};
  static const char *const names[] = {"val-service-id", "val-tgt-ue", "val-tgt-ue[",
                                      "valUserId",      "valUeId",    NULL};
  int rc = seal_query_only(request, names, err);
  if (rc == SQLITE_OK) rc = seal_query_object(request, "val-tgt-ue", members, json, err);
  if (rc != SQLITE_OK || *json == NULL) return rc;
  if (seal_target_read(*json, asked)) return SQLITE_OK;
  return seal_fault(err, SEAL_OPTIONAL_QUERY_PARAM_INCORRECT, "val-tgt-ue",
                    "is not a ValTargetUe with exactly one of valUserId and valUeId");
}

static int answer_key_info(const SealFoundRecord *found, const SealRecord *asked, SealText service,
                           SealAnswer *answer) {
  sqlite3_str *out = sqlite3_str_new(NULL);
  sqlite3_str_appendall(out, "{");
  append_user_uri(out, found, asked, service);
  append_key_member(out, "valService", service);
  if (asked->val_user_id.p != NULL || asked->val_ue_id.p != NULL) {
    sqlite3_str_appendall(out, ",\"valTgtUe\":{");
    append_key_member(out, "valUserId", asked->val_user_id);
    append_key_member(out, "valUeId", asked->val_ue_id);
    sqlite3_str_appendall(out, "}");
  }
  int rc = append_key(out, "keyInfo", found);
  sqlite3_str_appendall(out, "}");
  int bad = finish_keys(out, answer);
  return rc == SQLITE_OK ? bad : rc;
}

int seal_key_records_get(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                         SealError *err) {
  (void)seal_service;
  char *service = NULL;
  json_t *json = NULL;
  SealRecord asked;
  SealFoundRecord found;
  memset(&asked, 0, sizeof asked);
  memset(&found, 0, sizeof found);
  int rc = check_token(request, err);
  if (rc == SQLITE_OK)
    rc = seal_query(request, SEAL_MANDATORY_QUERY_PARAM_INCORRECT, "val-service-id", &service, err);
  if (rc == SQLITE_OK && service == NULL) {
    rc = seal_fault(err, SEAL_MANDATORY_QUERY_PARAM_MISSING, "val-service-id", "is missing");
  }
  if (rc == SQLITE_OK && !seal_is_id(seal_text_from(service))) {
    rc = seal_fault(err, SEAL_MANDATORY_QUERY_PARAM_INCORRECT, "val-service-id",
                    "is not 1 to 255 bytes without control characters");
  }
  if (rc == SQLITE_OK) rc = read_target(request, &json, &asked, err);
  if (rc == SQLITE_OK) rc = authorize_retrieval(p, request, seal_text_from(service), err);
  if (rc == SQLITE_OK) {
    rc = seal_record_find(p, &request->who, seal_text_from(service), &asked, request->at.t, &found,
                          err);
  }
  if (rc == SQLITE_OK) rc = answer_key_info(&found, &asked, seal_text_from(service), out);
  seal_record_clear(&found);
  json_decref(json);
  sqlite3_free(service);
  return rc;
}

/************************************************************************************************
** KM Request.
*/
/* Who names somebody by a member that we don't know must not get the VAL service's own key. */
static void check_names(const json_t *body, SealError *err) {
  static const char *const known[] = {"version",  "sKmsUri", "serviceId", "clientId",
                                      "deviceId", "userId",  "dateTime",  NULL};
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)body, name, value) {
    char quoted[SEAL_QUOTE_MAX + 8], where[SEAL_QUOTE_MAX + 9];
    int i = 0;
    while (known[i] != NULL && strcmp(known[i], name) != 0) i++;
    if (known[i] != NULL) continue;
    sqlite3_snprintf(sizeof where, where, "/%s", seal_quote(seal_text_from(name), quoted));
    (void)seal_fault(err, SEAL_OPTIONAL_IE_INCORRECT, where, "is no member of a KM Request");
  }
}

/* What a KM Request asks for, checked as far as TS 33.434 5.3.2 says. */
static int read_km(Seal *p, const SealRequest *request, SealText *service, SealRecord *asked,
                   SealError *err) {
  const json_t *body = request->body, *date_time = json_object_get(body, "dateTime");
  static const char *const names[] = {"clientId", "deviceId", "userId"};
  SealText *ids[] = {&asked->client_id, &asked->val_ue_id, &asked->val_user_id};
  SealText version = seal_json_member(body, "version");
  int n = 0;
  if (version.p == NULL || strcmp(version.p, "1.0.0") != 0) {
    (void)seal_fault(err, SEAL_MANDATORY_IE_INCORRECT, "/version", "is not 1.0.0");
  }
  *service = seal_json_member(body, "serviceId");
  if (!seal_is_id(*service)) {
    (void)seal_fault(err, SEAL_MANDATORY_IE_INCORRECT, "/serviceId",
                     "is not 1 to 255 bytes without control characters");
  }
  for (int i = 0; i < 3; i++) {
    *ids[i] = seal_json_member(body, names[i]);
    n += json_object_get(body, names[i]) != NULL;
    if (json_object_get(body, names[i]) && !seal_is_id(*ids[i])) {
      (void)seal_fault(err, SEAL_OPTIONAL_IE_INCORRECT, names[i],
                       "is not 1 to 255 bytes without control characters");
    }
  }
  if (n > 1) (void)seal_fault(err, SEAL_OPTIONAL_IE_INCORRECT, "", "more than one id");
  int64_t t = json_integer_value(date_time);
  if (!json_is_integer(date_time) || t < request->at.t - KM_WINDOW ||
      t > request->at.t + KM_WINDOW) {
    (void)seal_fault(err, SEAL_MANDATORY_IE_INCORRECT, "/dateTime",
                     "is not within 5 seconds of now");
  }
  check_names(body, err);
  return seal_skms_uri_check(p, seal_json_member(body, "sKmsUri"), err);
}

/* Appends the members that a KM Response takes over from the request. */
static void append_echo(sqlite3_str *out, const SealRequest *request) {
  static const char *const names[] = {"sKmsUri", "serviceId", "clientId", "deviceId", "userId"};
  for (int i = 0; i < 5; i++)
    append_key_member(out, names[i], seal_json_member(request->body, names[i]));
  sqlite3_str_appendf(out, "%s\"dateTime\":%lld", is_first(out) ? "" : ",",
                      (long long)request->at.t);
}

int seal_km_request_post(Seal *p, SealRequest *request, const char *seal_service, SealAnswer *out,
                         SealError *err) {
  (void)seal_service;
  SealText service = {NULL, 0};
  SealRecord asked;
  SealFoundRecord found;
  memset(&asked, 0, sizeof asked);
  memset(&found, 0, sizeof found);
  int rc = check_token(request, err);
  if (rc == SQLITE_OK) rc = read_km(p, request, &service, &asked, err);
  if (rc == SQLITE_OK) rc = authorize_retrieval(p, request, service, err);
  if (rc == SQLITE_CONSTRAINT_VTAB && err->cause == SEAL_SLA_SERVICE_NOT_GRANTED) {
    /* Of another's VAL service there is no key information, like of none. */
    seal_error_clear(err);
    rc = seal_refuse(err, SEAL_RESOURCE_CONTEXT_NOT_FOUND, "there is no such key record");
  }
  if (rc == SQLITE_OK) {
    rc = seal_record_find(p, &request->who, service, &asked, request->at.t, &found, err);
  }
  if (rc == SQLITE_OK) {
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "{");
    append_user_uri(text, &found, &asked, service);
    append_echo(text, request);
    rc = append_key(text, "payload", &found);
    sqlite3_str_appendall(text, "}");
    int bad = finish_keys(text, out);
    rc = rc == SQLITE_OK ? bad : rc;
  }
  seal_record_clear(&found);
  return rc;
}

/* ErrorCode of TS 33.434 5.3.3: 01 unspecified, 02 no such key, 03 rejected, 04 can't validate. */
static const char *error_code(int status) {
  switch (status) {
  case 400:
  case 403:
  case 415:
    return "04";
  case 401:
    return "03";
  case 404:
    return "02";
  default:
    return "01";
  }
}

void seal_km_error(sqlite3_str *out, const SealRequest *request, const SealError *err) {
  sqlite3_str_appendall(out, "{");
  append_echo(out, request);
  sqlite3_str_appendf(out, ",\"errorCode\":\"%s\",\"cause\":\"%s\",\"detail\":",
                      error_code(seal_cause_status(err->cause)), seal_cause_text(err->cause));
  seal_json_append(out, err->detail, strlen(err->detail));
  sqlite3_str_appendall(out, "}");
}
