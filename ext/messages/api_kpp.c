/* SS_KMParametersProvisioning of TS 29.549 V18.5.0 (http.h, api.h): the SEAL KP Request of TS 33.434 5.8, by which a VAL
** server brings one key.
**
**    POST /ss-kpp/v1/request    {"skmcUri":"sip:skmc@v2x.example","valServiceId":"v2x","payload":"a2V5"}
**
** The payload is the key_info of one key record, and its owner the target; the same target and payloadId again replace
** it. It needs an access token with SKeyProv, and an unlocked connection. It has no resource: the record lies in the VAL
** server's standing configuration.
*/
#include "messages/api.h"

#include <string.h>
#include "base/address.h"
#include "crypto/crypto.h"

/* What a VALKeyPpReq says. */
typedef struct KeyRequest {
  SealText skmc_uri, val_service_id, supp_feat;
  SealRecord record;
  unsigned char *payload; /* decoded; seal_secret_free */
  int n_payload;
} KeyRequest;

static int wrong(const char *name, const char *reason, int mandatory, SealError *err) {
  char where[64];
  sqlite3_snprintf(sizeof where, where, "/%s", name);
  return seal_fault(err, mandatory ? SEAL_MANDATORY_IE_INCORRECT : SEAL_OPTIONAL_IE_INCORRECT,
                    where, reason);
}

/* A member that is an identifier; *faulty is set if it is none, or is missing where it may not be. */
static SealText id_of(const json_t *body, const char *name, int mandatory, int *faulty,
                      SealError *err) {
  const json_t *value = json_object_get(body, name);
  SealText text = seal_json_member(body, name);
  if (value == NULL && !mandatory) return (SealText){NULL, 0};
  if (value != NULL && seal_is_id(text)) return text;
  *faulty = 1;
  if (value == NULL) {
    char where[64];
    sqlite3_snprintf(sizeof where, where, "/%s", name);
    seal_fault(err, SEAL_MANDATORY_IE_MISSING, where, "is missing");
  } else {
    wrong(name, "is not a string of 1 to 255 bytes without control characters", mandatory, err);
  }
  return (SealText){NULL, 0};
}

/* base64 with padding (RFC 4648 4), as Bytes of TS 29.571 has it: the length, or -1. `out` has room for all of it. */
static int decode(SealText text, char *copy, unsigned char *out) {
  int n = text.n;
  if (n == 0 || n % 4 != 0) return -1;
  for (int i = 0; i < 2 && text.p[n - 1] == '='; i++) n--;
  for (int i = 0; i < n; i++) {
    char c = text.p[i];
    if (c == '-' || c == '_') return -1;
    copy[i] = c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return (int)seal_b64url_decode(copy, (size_t)n, out);
}

static int read_payload(const json_t *body, KeyRequest *out, int *faulty, SealError *err) {
  SealText text = seal_json_member(body, "payload");
  if (json_object_get(body, "payload") == NULL) {
    *faulty = 1;
    seal_fault(err, SEAL_MANDATORY_IE_MISSING, "/payload",
               "is missing: nothing else brings the key");
    return SQLITE_OK;
  }
  char *copy = text.p ? sqlite3_malloc(text.n + 1) : NULL;
  out->payload = text.p ? sqlite3_malloc(text.n + 1) : NULL;
  if (text.p != NULL && (copy == NULL || out->payload == NULL)) {
    seal_secret_free(copy, 0);
    return SQLITE_NOMEM;
  }
  int n = text.p ? decode(text, copy, out->payload) : -1;
  out->n_payload = n > 0 ? n : 0;
  if (n < 1 || n > SEAL_KEY_INFO_MAX) {
    *faulty = 1;
    wrong("payload", "is not base64 of 1 to 65536 bytes", 1, err);
  }
  out->record.key_info = (SealText){(const char *)out->payload, out->n_payload};
  seal_secret_free(copy, copy ? text.n : 0);
  return SQLITE_OK;
}

static int read_request(const json_t *body, KeyRequest *out, SealError *err) {
  int faulty = 0;
  const json_t *target = json_object_get(body, "valTgtUe");
  const json_t *features = json_object_get(body, "suppFeat");
  if (!json_is_object(body)) {
    return seal_refuse(err, SEAL_INVALID_MSG_FORMAT, "the body is not a JSON object");
  }
  out->skmc_uri = seal_json_member(body, "skmcUri");
  if (json_object_get(body, "skmcUri") == NULL) {
    faulty = 1;
    seal_fault(err, SEAL_MANDATORY_IE_MISSING, "/skmcUri", "is missing");
  } else if (!seal_is_uri(out->skmc_uri)) {
    faulty = 1;
    wrong("skmcUri", "is not a URI of 1 to 2048 bytes", 1, err);
  }
  out->val_service_id = id_of(body, "valServiceId", 1, &faulty, err);
  if (target != NULL && !seal_target_read(target, &out->record)) {
    faulty = 1;
    wrong("valTgtUe", "is not a ValTargetUe with exactly one of valUserId and valUeId", 0, err);
  }
  out->record.payload_id = id_of(body, "payloadId", 0, &faulty, err);
  out->record.skmc_uri = out->skmc_uri;
  out->supp_feat = seal_json_member(body, "suppFeat");
  if (features != NULL &&
      (out->supp_feat.p == NULL || out->supp_feat.n > SEAL_ID_MAX ||
       strspn(out->supp_feat.p, "0123456789abcdefABCDEF") != (size_t)out->supp_feat.n)) {
    faulty = 1;
    wrong("suppFeat", "is not a string of hexadecimal digits", 0, err);
  }
  int rc = read_payload(body, out, &faulty, err);
  return rc == SQLITE_OK && faulty ? SQLITE_CONSTRAINT_VTAB : rc;
}

static void append(sqlite3_str *out, const char *name, SealText text) {
  if (text.p == NULL) return;
  sqlite3_str_appendf(out, ",\"%s\":", name);
  seal_json_append(out, text.p, (size_t)text.n);
}

/* A VALKeyPpResp. */
static int answer(const KeyRequest *asked, const char *skms_uri, SealAnswer *out) {
  sqlite3_str *text = sqlite3_str_new(NULL);
  const SealRecord *record = &asked->record;
  sqlite3_str_appendall(text, "{\"skmcUri\":");
  seal_json_append(text, asked->skmc_uri.p, (size_t)asked->skmc_uri.n);
  append(text, "valServiceId", asked->val_service_id);
  if (record->val_user_id.p != NULL || record->val_ue_id.p != NULL) {
    int user = record->val_user_id.p != NULL;
    const SealText *id = user ? &record->val_user_id : &record->val_ue_id;
    sqlite3_str_appendf(text, ",\"valTgtUe\":{\"%s\":", user ? "valUserId" : "valUeId");
    seal_json_append(text, id->p, (size_t)id->n);
    sqlite3_str_appendchar(text, 1, '}');
  }
  append(text, "payloadId", record->payload_id);
  append(text, "skmsId", seal_text_from(skms_uri));
  if (asked->supp_feat.p != NULL) append(text, "suppFeat", seal_text_from("0"));
  sqlite3_str_appendchar(text, 1, '}');
  int rc = sqlite3_str_errcode(text);
  out->body = sqlite3_str_finish(text);
  out->status = 200;
  return rc;
}

int seal_key_provision_post(Seal *p, SealRequest *request, const char *seal_service,
                            SealAnswer *out, SealError *err) {
  char conf_id[SEAL_ID_MAX + 1], *skms_uri = NULL;
  KeyRequest asked;
  SealAct act = seal_request_act(request);
  memset(&asked, 0, sizeof asked);
  int rc = seal_scope_check(&request->who, seal_service, 1, err);
  if (rc == SQLITE_OK) rc = read_request(request->body, &asked, err);
  if (rc == SQLITE_OK) rc = seal_unlocked(p, err);
  if (rc == SQLITE_OK) rc = seal_skms_uri(p, &skms_uri);
  if (rc == SQLITE_OK) {
    rc = seal_record_put(p, &act, asked.val_service_id, &asked.record, conf_id, err);
  }
  if (rc == SQLITE_OK) rc = answer(&asked, skms_uri, out);
  sqlite3_free(skms_uri);
  seal_secret_free(asked.payload, asked.n_payload);
  return rc;
}
