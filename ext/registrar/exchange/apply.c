/* Applying bundles (exchange.h, bundle.c): a SEAL server's own database takes over what the registrar
** tells it.
**
**    verify --> form, addressee, age, order --> every object checked --> written --> how far we are now
**
** Nothing is written before everything is checked, references and key records included, so that a bundle
** which breaks a rule leaves the database as it was. The keys of the registrar stand in the one anchor of type
** `registrar`, and each bundle brings those to come; the addressee is this database's own identifier.
*/
#include "registrar/exchange/exchange_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int seal_refuse_form(SealApply *a, const char *what) {
  char where[48] = "";
  if (a->entry) sqlite3_snprintf(sizeof where, where, ", in object %lld", (long long)a->entry);
  return seal_refuse(a->err, SEAL_INVALID_MSG_FORMAT, "the bundle breaks a rule: %s%s", what,
                     where);
}

int seal_members_are(const json_t *object, const char *names) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name, value) {
    size_t n = strlen(name);
    const char *found = n > 0 ? strstr(names, name) : NULL;
    while (found != NULL && ((found != names && found[-1] != ' ') || (found[n] && found[n] != ' ')))
      found = strstr(found + 1, name);
    if (found == NULL) return 0;
  }
  return 1;
}

const char *seal_text_member(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

/************************************************************************************************
** Whether it is for us, and next.
*/
/* The signature, by the keys of the anchor. SQLITE_CONSTRAINT_VTAB: not by these. */
static int verify_by(SealApply *a, SealText bundle, sqlite3_stmt *row) {
  SealKeySet *set;
  SealJws jws;
  SealText value = seal_column_bytes(row, APPLY_ANCHOR_VALUE);
  int rc = seal_key_parse(a->p, 0x300000003u + (uint64_t)a->anchor, SEAL_KEYSET_PUBLIC, value.p,
                          value.n, &set);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_json_parse(value.p ? value.p : "", (size_t)value.n, 16, &a->keys));
  }
  if (rc != SQLITE_OK) return rc;
  rc = seal_reason_rc(seal_jws_verify_upto(seal_crypto(a->p), bundle.p, (size_t)bundle.n,
                                           SEAL_BUNDLE_JWS_MAX, set, NULL, &jws));
  const char *typ = seal_text_member(jws.header, "typ");
  if (rc == SQLITE_OK && (typ == NULL || strcmp(typ, SEAL_BUNDLE_TYPE) != 0)) {
    rc = SQLITE_CONSTRAINT_VTAB;
  }
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(
        seal_json_parse((const char *)jws.payload, jws.payload_size, 16, &a->payload));
  }
  SealText iss = seal_json_member(a->payload, "iss"), own = seal_column_text(row, APPLY_ANCHOR_ISS);
  if (rc == SQLITE_OK && own.p != NULL && (iss.p == NULL || strcmp(iss.p, own.p) != 0)) {
    rc = SQLITE_CONSTRAINT_VTAB;
  }
  seal_jws_clear(&jws);
  return rc;
}

static int verify(SealApply *a, SealText bundle) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_ANCHOR, &row, "i", a->at);
  if (rc == SQLITE_DONE) {
    return seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                       "this is no SEAL server's database: it has no anchor of type registrar");
  }
  if (rc == SQLITE_ROW) {
    a->anchor = sqlite3_column_int64(row, APPLY_ANCHOR_ID);
    a->anchor_id =
        sqlite3_mprintf("%s", (const char *)sqlite3_column_text(row, APPLY_ANCHOR_ANCHOR_ID));
    rc = a->anchor_id ? SQLITE_OK : SQLITE_NOMEM;
    if (rc == SQLITE_OK && !sqlite3_column_int(row, APPLY_ANCHOR_TRUSTED))
      rc = SQLITE_CONSTRAINT_VTAB;
    if (rc == SQLITE_OK) rc = verify_by(a, bundle, row);
  }
  seal_store_reset(row);
  if (rc != SQLITE_CONSTRAINT_VTAB) return rc;
  return seal_refuse(a->err, SEAL_CREDENTIAL_INVALID,
                     "no registrar that is trusted here signed the bundle");
}

/* A place in a bundle is kept, shown, and written to files: letters, digits and points. */
static int is_place(const char *text) {
  return text == NULL || (*text && strlen(text) < SEAL_PLACE &&
                          strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz.") == strlen(text));
}

static int is_number(const json_t *value, int64_t low, int64_t high) {
  return json_is_integer(value) && json_integer_value(value) >= low &&
         json_integer_value(value) <= high;
}

/* The form comes first: of another one nothing else is known. */
static int check_form(SealApply *a) {
  const json_t *form = json_object_get(a->payload, "form");
  if (form == NULL) {
    return seal_refuse(
        a->err, SEAL_INVALID_MSG_FORMAT,
        "the bundle has no form, as those of version 0.1.0: this version reads form %d",
        SEAL_BUNDLE_FORM);
  }
  if (!json_is_integer(form)) return seal_refuse_form(a, "form");
  if (json_integer_value(form) == SEAL_BUNDLE_FORM) return SQLITE_OK;
  return seal_refuse(a->err, SEAL_INVALID_MSG_FORMAT,
                     "the bundle has form %lld, and this version reads form %d",
                     (long long)json_integer_value(form), SEAL_BUNDLE_FORM);
}

static int read_head(SealApply *a) {
  static const char *const numbers[] = {"iat", "until", "epoch", "seq"};
  const json_t *from = json_object_get(a->payload, "from");
  const json_t *until = json_object_get(a->payload, "until");
  const json_t *more = json_object_get(a->payload, "more");
  SealText service = seal_json_member(a->payload, "seal_service");
  int rc = check_form(a);
  if (rc != SQLITE_OK) return rc;
  if (!seal_members_are(a->payload,
                        "form iss aud seal_service iat until epoch from to seq more keys "
                        "objects")) {
    return seal_refuse_form(a, "a member that is not known");
  }
  for (int i = 0; i < 4; i++) {
    const json_t *value = json_object_get(a->payload, numbers[i]);
    if ((i != 1 || value != NULL) &&
        !is_number(value, i < 2 ? SEAL_INSTANT_MIN : 0, i < 2 ? SEAL_INSTANT_MAX : INT64_MAX)) {
      return seal_refuse_form(a, numbers[i]);
    }
  }
  a->from = json_string_value(from);
  a->to = seal_text_member(a->payload, "to");
  if (from == NULL || (a->from == NULL && !json_is_null(from)) || !is_place(a->from)) {
    return seal_refuse_form(a, "from");
  }
  if (a->to == NULL || !is_place(a->to)) return seal_refuse_form(a, "to");
  if (!json_is_boolean(more)) return seal_refuse_form(a, "more");
  if (a->from != NULL && strcmp(a->from, a->to) == 0 &&
      json_array_size(json_object_get(a->payload, "objects")) > 0) {
    return seal_refuse_form(a, "objects between a place and itself");
  }
  a->seal_service = seal_service_name(service);
  if (a->seal_service == NULL) return seal_refuse_form(a, "seal_service");
  a->iat = json_integer_value(json_object_get(a->payload, "iat"));
  a->seq = json_integer_value(json_object_get(a->payload, "seq"));
  a->epoch = json_integer_value(json_object_get(a->payload, "epoch"));
  a->until = until ? json_integer_value(until) : SEAL_UNBOUNDED;
  a->more = json_is_true(more);
  a->identity = strcmp(a->seal_service, SEAL_IDM) == 0;
  a->key = strcmp(a->seal_service, SEAL_KM) == 0;
  return SQLITE_OK;
}

static int check_addressee(SealApply *a) {
  char identifier[SEAL_ID_MAX + 1];
  const char *aud = seal_text_member(a->payload, "aud");
  int rc = seal_identifier(a->p, identifier);
  if (rc != SQLITE_OK) return rc;
  if (aud == NULL || strcmp(aud, identifier) != 0) {
    return seal_refuse(a->err, SEAL_REQUESTER_MISMATCH, "the bundle is for another SEAL server");
  }
  if (a->iat > a->at + SEAL_LEEWAY) {
    return seal_refuse(a->err, SEAL_CREDENTIAL_INVALID, "the bundle is from the future");
  }
  return SQLITE_OK;
}

/* How far this database is. */
typedef struct State {
  const char *to; /* NULL: nothing was applied, or nothing that leads on */
  int64_t epoch, seq, time, until;
} State;

/* Why a bundle does not lead on from here. */
static int refuse_gap(SealApply *a, const State *is) {
  SealPlace here, there;
  if (is->to == NULL) {
    return seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                       "there is a gap before the bundle: ask for a full copy");
  }
  if (a->epoch != is->epoch ||
      (seal_place_read(is->to, &here) == 0 && seal_place_read(a->from, &there) == 0 &&
       here.last == there.last && strcmp(here.hash, there.hash) != 0)) {
    return seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                       "the bundle is of another history of the registrar's than what was applied: "
                       "ask for a full copy");
  }
  return seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "there is a gap before the bundle: ask since %s", is->to);
}

/* SQLITE_DONE: it was applied already. Of one history, what is older never follows on what is newer; a full copy
** may follow on anything that is older than it. */
static int check_place(SealApply *a, const State *is) {
  int here = is->to != NULL && strcmp(is->to, a->to) == 0;
  if (is->to == NULL) return a->from == NULL ? SQLITE_OK : refuse_gap(a, is);
  if (a->epoch < is->epoch) {
    return seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                       "the bundle is older than what was applied: it is of an earlier epoch");
  }
  if (a->epoch > is->epoch) return a->from == NULL ? SQLITE_OK : refuse_gap(a, is);
  /* Without a change, it moves the end. */
  int moves = a->iat > is->time || (a->iat == is->time && a->until != is->until);
  if (here && a->from != NULL && strcmp(a->from, a->to) == 0)
    return moves ? SQLITE_OK : SQLITE_DONE;
  /* A full copy may have fewer changes: of a database that lost some. */
  int newer = a->iat > is->time || (a->iat == is->time && a->seq > is->seq);
  if (here && (a->from != NULL || !newer)) return SQLITE_DONE;
  if (a->iat < is->time || (a->seq < is->seq && !(a->from == NULL && newer))) {
    return seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                       "the bundle is older than what was applied: ask since %s", is->to);
  }
  if (a->from == NULL) return newer ? SQLITE_OK : SQLITE_DONE;
  return strcmp(is->to, a->from) == 0 ? SQLITE_OK : refuse_gap(a, is);
}

static int check_order(SealApply *a) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_STATE, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  State is = {.to = (const char *)sqlite3_column_text(row, APPLY_STATE_BUNDLE_TO),
              .epoch = sqlite3_column_int64(row, APPLY_STATE_BUNDLE_EPOCH),
              .seq = sqlite3_column_int64(row, APPLY_STATE_BUNDLE_SEQ),
              .time = sqlite3_column_int64(row, APPLY_STATE_BUNDLE_TIME),
              .until = seal_column_until(row, APPLY_STATE_BUNDLE_UNTIL)};
  rc = check_place(a, &is);
  /* While there is more to hear, nobody is served longer than before. */
  if (rc == SQLITE_OK && a->more && is.to != NULL && is.until < a->until) a->until = is.until;
  seal_store_reset(row);
  return rc;
}

/* A configuration of which parts have come. */
static int find_part(SealApply *a) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_PART, &row, "");
  if (rc == SQLITE_ROW) {
    char *name = seal_configuration_name(seal_column_text(row, APPLY_PART_VAL_SERVER_ID),
                                         seal_column_text(row, APPLY_PART_CONF_ID));
    a->part.id = sqlite3_column_int64(row, APPLY_PART_ID);
    if (name != NULL) sqlite3_snprintf(sizeof a->part.name, a->part.name, "%s", name);
    rc = name ? SQLITE_ROW : SQLITE_NOMEM;
    sqlite3_free(name);
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Appends the names of what could not be told. */
static int append_untold(const SealApply *a, json_t *result) {
  const json_t *objects = json_object_get(a->payload, "objects");
  json_t *entry, *names = NULL;
  size_t i;
  json_array_foreach(objects, i, entry) {
    if (json_object_get(entry, "untold") == NULL) continue;
    if (names == NULL && (names = json_array()) == NULL) return SQLITE_NOMEM;
    if (json_array_append(names, json_object_get(entry, "object")) != 0) {
      json_decref(names);
      return SQLITE_NOMEM;
    }
  }
  if (names == NULL) return SQLITE_OK;
  return json_object_set_new(result, "untold", names) == 0 ? SQLITE_OK : SQLITE_NOMEM;
}

/* What the bundle did, as JSON. */
static int result_json(const SealApply *a, int repeated, char **result) {
  size_t n = repeated ? 0 : json_array_size(json_object_get(a->payload, "objects"));
  json_t *json = json_pack("{s:I,s:s,s:O,s:I}", "applied", (json_int_t)a->seq, "at", a->to, "more",
                           json_object_get(a->payload, "more"), "objects", (json_int_t)n);
  int rc = json ? SQLITE_OK : SQLITE_NOMEM;
  if (rc == SQLITE_OK && !repeated) rc = append_untold(a, json);
  if (rc == SQLITE_OK) *result = seal_json_dump(json);
  json_decref(json);
  return *result ? SQLITE_OK : SQLITE_NOMEM;
}

int seal_apply(Seal *p, SealText bundle, int64_t at, char **result, SealError *err) {
  SealApply a = {.p = p, .err = err, .at = at};
  *result = NULL;
  int rc = verify(&a, bundle);
  if (rc == SQLITE_OK) rc = read_head(&a);
  if (rc == SQLITE_OK) rc = check_addressee(&a);
  if (rc == SQLITE_OK) rc = check_order(&a);
  int repeated = rc == SQLITE_DONE;
  if (rc == SQLITE_OK) rc = find_part(&a);
  if (rc == SQLITE_OK) rc = seal_apply_check(&a);
  if (rc == SQLITE_OK) rc = seal_apply_write(&a);
  if (rc == SQLITE_OK || repeated) rc = result_json(&a, repeated, result);
  seal_key_free(a.own);
  sqlite3_free(a.anchor_id);
  json_decref(a.keys);
  json_decref(a.payload);
  return rc == SQLITE_OK && repeated ? SQLITE_DONE : rc;
}

int seal_apply_ready(Seal *p, SealError *err) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(p), SQL_APPLY_READY, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  rc = SQLITE_OK;
  if (sqlite3_column_type(row, APPLY_READY_ANCHOR_ID) != SQLITE_NULL) {
    rc = seal_refuse(err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "a SEAL server has one registrar: its anchor is %s",
                     (const char *)sqlite3_column_text(row, APPLY_READY_ANCHOR_ID));
  } else if (sqlite3_column_int(row, APPLY_READY_OWN)) {
    rc = seal_refuse(
        err, SEAL_MODIFICATION_NOT_ALLOWED,
        "this is a registrar's database, with agreements or policies of its own: a SEAL "
        "server needs one for itself");
  }
  seal_store_reset(row);
  return rc;
}
