/* Applying bundles (exchange.h, bundle.c): a SEAL server's own database takes over what the registrar
** tells it.
**
**    verify --> addressee, age, order --> every object checked --> written --> how far we are now
**
** Nothing is written before everything is checked, references and key records included, so that a bundle
** which breaks a rule leaves the database as it was. The keys of the registrar stand in an `issuer`
** anchor; the addressee is this database's own identifier.
*/
#include "registrar/exchange/exchange_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUNDLE_MAX (16 * 1024 * 1024) /* bytes: one record may be larger than a bundle should be */

int seal_refuse_form(SealApply *a, const char *what) {
  return seal_refuse(a->err, SEAL_INVALID_MSG_FORMAT, "the bundle breaks a rule: %s", what);
}

/************************************************************************************************
** Whether it is for us, and next.
*/
const char *seal_text_member(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

/* The signature, by the keys of one issuer anchor. SQLITE_CONSTRAINT_VTAB: not by these. */
static int verify_by(SealApply *a, SealText bundle, sqlite3_stmt *row) {
  SealKeySet *set;
  SealJws jws;
  SealText value = seal_column_bytes(row, APPLY_ISSUERS_VALUE);
  int rc =
      seal_key_parse(a->p, 0x300000003u + (uint64_t)sqlite3_column_int64(row, APPLY_ISSUERS_ID),
                     SEAL_KEYSET_PUBLIC, value.p, value.n, &set);
  if (rc != SQLITE_OK) return rc;
  rc = seal_reason_rc(seal_jws_verify_upto(seal_crypto(a->p), bundle.p, (size_t)bundle.n,
                                           BUNDLE_MAX, set, NULL, &jws));
  const char *typ = seal_text_member(jws.header, "typ");
  if (rc == SQLITE_OK && (typ == NULL || strcmp(typ, SEAL_BUNDLE_TYPE) != 0)) {
    rc = SQLITE_CONSTRAINT_VTAB;
  }
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(
        seal_json_parse((const char *)jws.payload, jws.payload_size, 16, &a->payload));
  }
  const char *iss = rc == SQLITE_OK ? seal_text_member(a->payload, "iss") : NULL;
  if (rc == SQLITE_OK && (iss == NULL || strcmp(iss, (const char *)sqlite3_column_text(
                                                         row, APPLY_ISSUERS_ISS)) != 0)) {
    rc = SQLITE_CONSTRAINT_VTAB;
  }
  seal_jws_clear(&jws);
  return rc;
}

static int verify(SealApply *a, SealText bundle) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_ISSUERS, &row, "i", a->at);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    int one = verify_by(a, bundle, row);
    if (one == SQLITE_CONSTRAINT_VTAB) {
      json_decref(a->payload);
      a->payload = NULL;
      continue;
    }
    rc = one;
    break;
  }
  seal_store_reset(row);
  if (rc != SQLITE_DONE) return rc;
  return seal_refuse(a->err, SEAL_CREDENTIAL_INVALID,
                     "no issuer that is trusted here signed the bundle");
}

static int read_head(SealApply *a) {
  const json_t *iat = json_object_get(a->payload, "iat"), *seq = json_object_get(a->payload, "seq");
  const char *service = seal_text_member(a->payload, "seal_service");
  const json_t *from = json_object_get(a->payload, "from");
  SealText name = {service, service ? (int)strlen(service) : 0};
  a->from = json_string_value(from);
  a->to = seal_text_member(a->payload, "to");
  a->iat = json_integer_value(iat);
  a->seq = json_integer_value(seq);
  if (!json_is_integer(iat) || !json_is_integer(seq) || a->to == NULL || from == NULL ||
      !json_is_boolean(json_object_get(a->payload, "more")) ||
      (a->from == NULL && !json_is_null(from)) || seal_service_name(name) == NULL) {
    return seal_refuse_form(a, "iat, seq, from, to, more and seal_service are needed");
  }
  a->seal_service = seal_service_name(name);
  a->identity = strcmp(service, SEAL_IDM) == 0;
  a->key = strcmp(service, SEAL_KM) == 0;
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

/* SQLITE_DONE: it was applied already. A full copy may follow on anything that is older than it. */
static int check_order(SealApply *a) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_STATE, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  const char *is_at = (const char *)sqlite3_column_text(row, APPLY_STATE_BUNDLE_TO);
  int64_t seq = sqlite3_column_int64(row, APPLY_STATE_BUNDLE_SEQ),
          time = sqlite3_column_int64(row, APPLY_STATE_BUNDLE_TIME);
  int newer = is_at == NULL || a->seq > seq || (a->seq == seq && a->iat > time);
  rc = SQLITE_OK;
  if (is_at != NULL && strcmp(is_at, a->to) == 0 && (a->from != NULL || !newer)) {
    rc = SQLITE_DONE;
  } else if (is_at != NULL && (a->seq < seq || a->iat < time)) {
    rc = seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "the bundle is older than what was applied: ask since %s", is_at);
  } else if (a->from == NULL) {
    rc = newer ? SQLITE_OK : SQLITE_DONE;
  } else if (is_at == NULL || strcmp(is_at, a->from) != 0) {
    rc = seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "there is a gap before the bundle: ask since %s", is_at ? is_at : "NULL");
  }
  seal_store_reset(row);
  return rc;
}

/* What the bundle did, as JSON. */
static int result_json(const SealApply *a, size_t objects, char **result) {
  json_t *json = json_pack("{s:I,s:s,s:O,s:I}", "applied", (json_int_t)a->seq, "at", a->to, "more",
                           json_object_get(a->payload, "more"), "objects", (json_int_t)objects);
  *result = json ? seal_json_dump(json) : NULL;
  json_decref(json);
  return *result ? SQLITE_OK : SQLITE_NOMEM;
}

int seal_apply(Seal *p, SealText bundle, int64_t at, char **result, SealError *err) {
  SealApply a = {.p = p, .err = err, .at = at};
  size_t n = 0;
  *result = NULL;
  int rc = verify(&a, bundle);
  if (rc == SQLITE_OK) rc = read_head(&a);
  if (rc == SQLITE_OK) rc = check_addressee(&a);
  if (rc == SQLITE_OK) rc = check_order(&a);
  int repeated = rc == SQLITE_DONE;
  if (rc == SQLITE_OK) rc = seal_apply_check(&a);
  if (rc == SQLITE_OK) {
    n = json_array_size(json_object_get(a.payload, "objects"));
    rc = seal_apply_write(&a);
  }
  if (rc == SQLITE_OK || repeated) rc = result_json(&a, n, result);
  seal_key_free(a.own);
  json_decref(a.payload);
  return rc == SQLITE_OK && repeated ? SQLITE_DONE : rc;
}
