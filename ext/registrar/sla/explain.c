/* Why (sla.h): what seal_authorize answers to a question, and each check on the way.
**
**    {"verdict":"refused","cause":"SLA_QUOTA_EXCEEDED","detail":"…","agreement_id":"sla-7",
**     "term":"*","valid_until":"2026-12-01T00:00:00Z","checks":[
**       {"check":"max_identities","limit":2,"use":2,"asked":1,"verdict":"refused","cause":"…"},…]}
**
** It is the same function that judges messages and rows, told to make every check and to say what it
** sees; so the two can't disagree.
*/
#include "registrar/sla/sla.h"

#include <string.h>

/* A member of the step that a check left in the trace; NULL where there is none. */
static json_t *said(const json_t *trace, const char *check, const char *member) {
  size_t i;
  json_t *step;
  json_array_foreach(trace, i, step) {
    if (strcmp(json_string_value(json_object_get(step, "check")), check) == 0) {
      return json_object_get(step, member);
    }
  }
  return NULL;
}

static int set(json_t *out, const char *name, json_t *value) {
  return json_object_set_new(out, name, value ? value : json_null());
}

static json_t *text_or_null(const char *text) {
  return text ? json_string(text) : json_null();
}

int seal_explain(Seal *p, const SealAsk *question, char **out) {
  SealAsk ask = *question;
  SealGrant grant;
  SealError err;
  char until[SEAL_INSTANT_SIZE];
  memset(&err, 0, sizeof err);
  json_t *object = json_object();
  *out = NULL;
  ask.trace = json_array();
  ask.invocation = SEAL_BY_MESSAGE;
  int rc = object && ask.trace ? SQLITE_OK : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = seal_authorize(p, &ask, &grant, &err);
  int refused = rc == SQLITE_CONSTRAINT_VTAB && err.cause != SEAL_CAUSE_NONE;
  if (rc == SQLITE_OK || refused) {
    rc = SQLITE_OK;
    seal_instant_text(grant.valid_until, until);
    int bad =
        set(object, "verdict", json_string(refused ? "refused" : "granted")) |
        set(object, "cause", text_or_null(refused ? seal_cause_text(err.cause) : NULL)) |
        set(object, "detail", text_or_null(err.detail)) |
        set(object, "agreement_id", json_incref(said(ask.trace, "agreement", "agreement_id"))) |
        set(object, "term", json_incref(said(ask.trace, "term", "val_service_id"))) |
        set(object, "valid_until",
            text_or_null(refused || grant.valid_until == SEAL_UNBOUNDED ? NULL : until)) |
        json_object_set(object, "checks", ask.trace);
    if (!bad) *out = seal_json_dump(object);
    if (*out == NULL) rc = SQLITE_NOMEM;
  }
  json_decref(ask.trace);
  json_decref(object);
  seal_error_clear(&err);
  return rc;
}
