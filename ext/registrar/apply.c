/* Applying bundles (registrar.h, bundle.c): a SEAL server's own database takes over what the registrar
** tells it.
**
**    verify --> addressee, age, order --> every object checked --> written --> how far we are now
**
** Nothing is written before everything is checked, references included, so that a bundle which breaks a
** rule leaves the database as it was. The keys of the registrar stand in an `issuer` anchor; the addressee
** is this database's own identifier.
*/
#include "registrar/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUNDLE_MAX                                                                                 \
  (16 * SEAL_BUNDLE_MAX) /* bytes of a bundle: a record may be larger than its limit */

typedef struct Apply {
  Seal *p;
  SealError *err;
  int64_t at;
  json_t *payload;
  const char *from, *to; /* from: NULL for the start of a full copy */
  int64_t seq, iat;
  int identity, key; /* what the bundle's SEAL service may be told: ids, key records */
  json_t *known;     /* names of objects that the bundle has brought so far */
  SealKey *own;      /* the key that records are encrypted to; NULL until one is needed */
} Apply;

static int refuse_form(Apply *a, const char *what) {
  return seal_refuse(a->err, SEAL_INVALID_MSG_FORMAT, "the bundle breaks a rule: %s", what);
}

/************************************************************************************************
** Whether it is for us, and next.
*/
static const char *text_member(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

/* The signature, by the keys of one issuer anchor. SQLITE_CONSTRAINT_VTAB: not by these. */
static int verify_by(Apply *a, SealText bundle, sqlite3_stmt *row) {
  SealKeySet *set;
  SealJws jws;
  int rc = seal_key_parse(a->p, 0x300000003u + (uint64_t)sqlite3_column_int64(row, 2),
                          SEAL_KEYSET_PUBLIC, sqlite3_column_blob(row, 1),
                          sqlite3_column_bytes(row, 1), &set);
  if (rc != SQLITE_OK) return rc;
  rc = seal_reason_rc(
      seal_jws_verify_upto(a->p->crypto, bundle.p, (size_t)bundle.n, BUNDLE_MAX, set, NULL, &jws));
  const char *typ = text_member(jws.header, "typ");
  if (rc == SQLITE_OK && (typ == NULL || strcmp(typ, SEAL_BUNDLE_TYPE) != 0)) {
    rc = SQLITE_CONSTRAINT_VTAB;
  }
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(
        seal_json_parse((const char *)jws.payload, jws.payload_size, 16, &a->payload));
  }
  const char *iss = rc == SQLITE_OK ? text_member(a->payload, "iss") : NULL;
  if (rc == SQLITE_OK &&
      (iss == NULL || strcmp(iss, (const char *)sqlite3_column_text(row, 0)) != 0)) {
    rc = SQLITE_CONSTRAINT_VTAB;
  }
  seal_jws_clear(&jws);
  return rc;
}

static int verify(Apply *a, SealText bundle) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&a->p->store, SQL_APPLY_ISSUERS, &row, "i", a->at);
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

static int read_head(Apply *a) {
  const json_t *iat = json_object_get(a->payload, "iat"), *seq = json_object_get(a->payload, "seq");
  const char *service = text_member(a->payload, "seal_service");
  const json_t *from = json_object_get(a->payload, "from");
  SealText name = {service, service ? (int)strlen(service) : 0};
  a->from = json_string_value(from);
  a->to = text_member(a->payload, "to");
  a->iat = json_integer_value(iat);
  a->seq = json_integer_value(seq);
  if (!json_is_integer(iat) || !json_is_integer(seq) || a->to == NULL || from == NULL ||
      (a->from == NULL && !json_is_null(from)) || seal_service_name(name) == NULL) {
    return refuse_form(a, "iat, seq, from, to and seal_service are needed");
  }
  a->identity = strcmp(service, SEAL_IDM) == 0;
  a->key = strcmp(service, SEAL_KM) == 0;
  return SQLITE_OK;
}

static int check_addressee(Apply *a) {
  char identifier[SEAL_ID_MAX + 1];
  const char *aud = text_member(a->payload, "aud");
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

/* SQLITE_DONE: it was applied already. */
static int check_order(Apply *a) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&a->p->store, SQL_APPLY_STATE, &row, "");
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  const char *is_at = (const char *)sqlite3_column_text(row, 0);
  int64_t seq = sqlite3_column_int64(row, 1), time = sqlite3_column_int64(row, 2);
  rc = SQLITE_OK;
  if (is_at != NULL && strcmp(is_at, a->to) == 0) {
    rc = SQLITE_DONE;
  } else if (a->seq < seq || (a->iat < time && is_at != NULL)) {
    rc = seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "the bundle is older than what was applied: ask since %s",
                     is_at ? is_at : "NULL");
  } else if (a->from != NULL && (is_at == NULL || strcmp(is_at, a->from) != 0)) {
    rc = seal_refuse(a->err, SEAL_MODIFICATION_NOT_ALLOWED,
                     "there is a gap before the bundle: ask since %s", is_at ? is_at : "NULL");
  }
  seal_store_reset(row);
  return rc;
}

/************************************************************************************************
** Whether every object is what it has to be.
*/
/* The members of a state, by kind: i id, n id or NULL, t instant or NULL, c count or NULL, s status,
** w SEAL service, x text, o text or NULL. */
typedef struct Shape {
  const char *prefix;
  const char *members; /* "letter name", separated by spaces */
  enum SealSql apply, find;
  const enum SealSql *remove; /* NULL: a single statement */
  enum SealSql remove_one;
  int n_keys;
} Shape;

static const Shape shapes[] = {
    {"seal_agreement:",
     "i:agreement_id i:val_provider_id t:start_time t:stop_time s:status c:max_val_servers",
     SQL_APPLY_AGREEMENT, SQL_AGREEMENT_FIND, seal_remove_agreement, SQL_COUNT, 1},
    {"seal_term:",
     "i:agreement_id w:seal_service i:val_service_id c:max_identities c:max_key_records "
     "c:max_validity "
     "o:key_formats o:scopes t:start_time t:stop_time",
     SQL_APPLY_TERM, SQL_TERM_FIND, seal_remove_term, SQL_COUNT, 3},
    {"seal_val_server:", "i:val_server_id i:agreement_id t:exp_time s:status", SQL_APPLY_VAL_SERVER,
     SQL_VAL_SERVER_FIND, seal_remove_val_server, SQL_COUNT, 1},
    {"seal_policy:", "w:seal_service i:val_service_id i:name x:value t:start_time t:exp_time",
     SQL_APPLY_POLICY, SQL_POLICY_FIND, NULL, SQL_POLICY_REMOVE, 3},
    {"seal_configuration:",
     "i:conf_id i:val_server_id w:seal_service t:exp_time b:until t:created_time t:updated_time "
     "o:supp_feat",
     SQL_APPLY_CONFIGURATION, SQL_CONFIGURATION_BY_CONF_ID, NULL, SQL_COUNT, 1},
};
#define N_SHAPES (sizeof shapes / sizeof *shapes)

static const Shape *shape_of(const char *object) {
  for (size_t i = 0; object != NULL && i < N_SHAPES; i++) {
    if (strncmp(object, shapes[i].prefix, strlen(shapes[i].prefix)) == 0) return &shapes[i];
  }
  return NULL;
}

static int member_is(char letter, const json_t *value) {
  SealText text = {json_string_value(value), (int)json_string_length(value)};
  int64_t n = json_integer_value(value);
  switch (letter) {
  case 'i':
    return seal_is_id(text);
  case 't':
    return json_is_null(value) ||
           (json_is_integer(value) && n >= SEAL_INSTANT_MIN && n <= SEAL_INSTANT_MAX);
  case 'c':
    return json_is_null(value) || (json_is_integer(value) && n >= 0);
  case 'b':
    return json_is_integer(value);
  case 's':
    return text.p && (strcmp(text.p, "active") == 0 || strcmp(text.p, "suspended") == 0 ||
                      strcmp(text.p, "terminated") == 0);
  case 'w':
    return seal_service_name(text) != NULL;
  case 'o':
    return json_is_null(value) || text.p != NULL;
  default:
    return text.p != NULL;
  }
}

static int check_state(Apply *a, const Shape *shape, const json_t *state) {
  for (const char *at = shape->members; *at;) {
    char name[32];
    size_t n = strcspn(at + 2, " ");
    sqlite3_snprintf(sizeof name, name, "%.*s", (int)n, at + 2);
    if (!member_is(*at, json_object_get(state, name))) return refuse_form(a, name);
    at += 2 + n + (at[2 + n] == ' ');
  }
  return SQLITE_OK;
}

/* An object that another refers to: in the bundle before, or here already. */
static int check_there(Apply *a, const char *object, enum SealSql find, const char *x,
                       const char *y, const char *z) {
  sqlite3_stmt *row;
  if (json_is_true(json_object_get(a->known, object))) return SQLITE_OK;
  if (a->from == NULL || json_object_get(a->known, object)) {
    return refuse_form(a, "what an object refers to is missing");
  }
  int rc = seal_store_row(&a->p->store, find, &row, z ? "ttt" : "t", x, y, z);
  seal_store_reset(row);
  if (rc == SQLITE_DONE) return refuse_form(a, "what an object refers to is missing");
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int check_agreement(Apply *a, const json_t *state) {
  const char *id = text_member(state, "agreement_id");
  char *object = sqlite3_mprintf("seal_agreement:%s", id);
  int rc = object ? check_there(a, object, SQL_AGREEMENT_FIND, id, NULL, NULL) : SQLITE_NOMEM;
  sqlite3_free(object);
  return rc;
}

/* The services of a configuration: each names its term. */
static int check_services(Apply *a, const json_t *state) {
  const json_t *services = json_object_get(state, "services");
  size_t i;
  json_t *service;
  if (!json_is_array(services)) return refuse_form(a, "services");
  json_array_foreach(services, i, service) {
    if (!member_is('i', json_object_get(service, "val_service_id")) ||
        !member_is('i', json_object_get(service, "term")) ||
        !member_is('o', json_object_get(service, "key_format")) ||
        !member_is('o', json_object_get(service, "scope"))) {
      return refuse_form(a, "services");
    }
  }
  const char *id = text_member(state, "val_server_id");
  char *object = sqlite3_mprintf("seal_val_server:%s", id);
  int rc = object ? check_there(a, object, SQL_VAL_SERVER_FIND, id, NULL, NULL) : SQLITE_NOMEM;
  sqlite3_free(object);
  return rc;
}

/* [place, kind, text]: only kinds that this SEAL service is told. */
static int check_rows(Apply *a, const json_t *entry, const json_t *state, const char *conf_id) {
  const json_t *rows = json_object_get(entry, "rows");
  size_t i, n = json_array_size(json_object_get(state, "services"));
  json_t *row;
  if (!json_is_array(rows)) return refuse_form(a, "rows");
  if (state == NULL) {
    int rc = check_there(a, text_member(entry, "object"), SQL_CONFIGURATION_BY_CONF_ID, conf_id,
                         NULL, NULL);
    if (rc != SQLITE_OK) return rc;
  }
  json_array_foreach(rows, i, row) {
    const char *kind = json_string_value(json_array_get(row, 1));
    const json_t *place = json_array_get(row, 0), *text = json_array_get(row, 2);
    int allowed = kind != NULL && kind[0] && !kind[1] &&
                  strchr(a->identity ? "ue"
                         : a->key    ? "dr"
                                     : "d",
                         kind[0]) != NULL;
    if (!allowed || !json_is_integer(place) || json_integer_value(place) < 0 ||
        (state && json_integer_value(place) >= (json_int_t)n) || !json_is_string(text)) {
      return refuse_form(a, "rows");
    }
    if (a->identity && !member_is('i', text)) return refuse_form(a, "rows");
  }
  return SQLITE_OK;
}

static int check_object(Apply *a, const json_t *entry) {
  const char *object = text_member(entry, "object");
  const Shape *shape = shape_of(object);
  const json_t *state = json_object_get(entry, "state");
  if (shape == NULL) return refuse_form(a, "object");
  int configuration = shape->apply == SQL_APPLY_CONFIGURATION;
  const char *name = object + strlen(shape->prefix);
  int rc = SQLITE_OK;
  if (state == NULL && !configuration) return refuse_form(a, "state");
  if (state != NULL && !json_is_null(state)) {
    rc = check_state(a, shape, state);
    if (rc == SQLITE_OK &&
        (shape->apply == SQL_APPLY_TERM || shape->apply == SQL_APPLY_VAL_SERVER)) {
      rc = check_agreement(a, state);
    }
    if (rc == SQLITE_OK && configuration) rc = check_services(a, state);
  }
  if (rc == SQLITE_OK && configuration && !json_is_null(state)) {
    rc = check_rows(a, entry, state, name);
  }
  if (rc == SQLITE_OK &&
      json_object_set_new(a->known, object, json_boolean(!json_is_null(state))) != 0) {
    rc = SQLITE_NOMEM;
  }
  return rc;
}

static int check_objects(Apply *a) {
  const json_t *objects = json_object_get(a->payload, "objects");
  size_t i;
  json_t *entry;
  int rc = json_is_array(objects) ? SQLITE_OK : refuse_form(a, "objects");
  json_array_foreach(objects, i, entry) {
    if (rc == SQLITE_OK) rc = check_object(a, entry);
  }
  return rc;
}

/************************************************************************************************
** Writing.
*/
/* A service of the configuration that is written, and where its next row goes. */
typedef struct Target {
  int64_t id, term, next, identities, records;
  char val_service_id[SEAL_ID_MAX + 1], val_server_id[SEAL_ID_MAX + 1];
} Target;

static int own_key(Apply *a) {
  return a->own ? SQLITE_OK : seal_signing_key(a->p, &a->own, a->err);
}

static int write_record(Apply *a, Target *target, const char *conf_id, const json_t *text) {
  unsigned char *plain = NULL;
  size_t n = 0;
  json_t *json = NULL;
  int64_t rowid;
  int rc = own_key(a);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_jwe_decrypt(a->p->crypto, a->own, json_string_value(text),
                                         json_string_length(text), &plain, &n));
  }
  if (rc == SQLITE_OK) rc = seal_reason_rc(seal_json_parse((const char *)plain, n, 4, &json));
  if (rc == SQLITE_CONSTRAINT_VTAB && a->err->cause == SEAL_CAUSE_NONE) {
    rc = refuse_form(a, "a key record is not encrypted to this SEAL server");
  }
  if (rc == SQLITE_OK) {
    SealRecord record = {
        .val_user_id = seal_json_member(json, "val_user_id"),
        .val_ue_id = seal_json_member(json, "val_ue_id"),
        .client_id = seal_json_member(json, "client_id"),
        .key_format = seal_json_member(json, "key_format"),
        .key_info = seal_json_member(json, "key_info"),
        .user_uri = seal_json_member(json, "user_uri"),
    };
    SealRecordPlace place = {
        .val_server_id = {target->val_server_id, (int)strlen(target->val_server_id)},
        .conf_id = {conf_id, (int)strlen(conf_id)},
        .val_service_id = {target->val_service_id, (int)strlen(target->val_service_id)},
    };
    rc = seal_record_store(a->p, target->id, target->next, &place, &record, &rowid, a->err);
    target->records++;
  }
  json_decref(json);
  if (plain != NULL) seal_wipe(plain, n);
  free(plain);
  return rc;
}

static int write_row(Apply *a, Target *target, const char *conf_id, const json_t *row) {
  char kind = json_string_value(json_array_get(row, 1))[0];
  const json_t *value = json_array_get(row, 2);
  SealText none = {NULL, 0}, text = {json_string_value(value), (int)json_string_length(value)};
  int64_t id = (target->id << SEAL_ROW_BITS) + target->next;
  unsigned char digest[SEAL_SHA256_SIZE + 1];
  int rc;
  if (target->next >= SEAL_ROWS_MAX) return SQLITE_FULL;
  if (kind == 'r') {
    rc = write_record(a, target, conf_id, value);
  } else if (kind == 'd') {
    if (text.n != 43 || seal_b64url_decode(text.p, 43, digest) != SEAL_SHA256_SIZE) {
      return refuse_form(a, "rows");
    }
    rc = seal_store_run(&a->p->store, SQL_MEMBER_INSERT, "iib", id, target->id, digest,
                        SEAL_SHA256_SIZE);
  } else {
    rc = seal_store_run(&a->p->store, SQL_IDENTITY_INSERT, "iiss", id, target->id,
                        kind == 'u' ? &text : &none, kind == 'u' ? &none : &text);
    target->identities++;
  }
  target->next++;
  return rc;
}

/* Reads the services of a configuration, in their order. */
static int load_targets(Apply *a, int64_t id, Target **out, size_t *n) {
  sqlite3_stmt *row;
  *out = NULL;
  *n = 0;
  int rc = seal_store_row(&a->p->store, SQL_APPLY_SERVICES, &row, "i", id);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    Target *more = sqlite3_realloc64(*out, (*n + 1) * sizeof *more);
    if (more == NULL) {
      rc = SQLITE_NOMEM;
      break;
    }
    *out = more;
    Target *target = &more[(*n)++];
    memset(target, 0, sizeof *target);
    target->id = sqlite3_column_int64(row, 0);
    target->term = sqlite3_column_int64(row, 1);
    target->next = sqlite3_column_int64(row, 2);
    SealText name = seal_column_text(row, 3), server = seal_column_text(row, 4);
    sqlite3_snprintf(sizeof target->val_service_id, target->val_service_id, "%.*s", name.n,
                     name.p ? name.p : "");
    sqlite3_snprintf(sizeof target->val_server_id, target->val_server_id, "%.*s", server.n,
                     server.p ? server.p : "");
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Counts what was written. */
static int count_targets(Apply *a, int64_t id, const Target *targets, size_t n) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&a->p->store, SQL_CONFIGURATION_LOAD, &row, "i", id);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  int64_t val_server = sqlite3_column_int64(row, 1), until = sqlite3_column_int64(row, 4);
  seal_store_reset(row);
  rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
    rc = seal_store_run(&a->p->store, SQL_SERVICE_COUNT, "iiii", targets[i].id,
                        targets[i].identities, targets[i].records, targets[i].next);
    if (rc == SQLITE_OK) {
      rc = seal_hold(a->p, targets[i].term, until, val_server, targets[i].identities,
                     targets[i].records);
    }
  }
  return rc;
}

static int write_rows(Apply *a, int64_t id, const char *conf_id, const json_t *rows) {
  Target *targets;
  size_t n, i;
  json_t *row;
  int rc = load_targets(a, id, &targets, &n);
  json_array_foreach(rows, i, row) {
    size_t place = (size_t)json_integer_value(json_array_get(row, 0));
    if (rc == SQLITE_OK && place >= n) rc = refuse_form(a, "rows");
    if (rc == SQLITE_OK) rc = write_row(a, &targets[place], conf_id, row);
  }
  if (rc == SQLITE_OK) rc = count_targets(a, id, targets, n);
  sqlite3_free(targets);
  return rc;
}

static int find_configuration(Apply *a, const char *conf_id, int64_t *id) {
  sqlite3_stmt *row;
  int rc = seal_store_row(&a->p->store, SQL_CONFIGURATION_BY_CONF_ID, &row, "t", conf_id);
  *id = rc == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int remove_configuration(Apply *a, int64_t id) {
  int64_t removed = 0;
  if (id == 0) return SQLITE_OK;
  int rc = seal_configuration_clear(a->p, id, INT64_MAX, a->at, &removed);
  return rc == SQLITE_OK ? seal_store_run(&a->p->store, SQL_CONFIGURATION_DELETE, "i", id) : rc;
}

/* The services of a new configuration. */
static int write_services(Apply *a, int64_t id, const json_t *state) {
  const json_t *services = json_object_get(state, "services");
  sqlite3_stmt *row;
  size_t i;
  json_t *item;
  int64_t val_server = 0;
  int rc = seal_store_row(&a->p->store, SQL_CONFIGURATION_LOAD, &row, "i", id);
  if (rc == SQLITE_ROW) val_server = sqlite3_column_int64(row, 1);
  seal_store_reset(row);
  rc = rc == SQLITE_ROW ? SQLITE_OK : SQLITE_CORRUPT_VTAB;
  json_array_foreach(services, i, item) {
    SealService service = {.val_service_id = seal_json_member(item, "val_service_id"),
                           .key_format = seal_json_member(item, "key_format"),
                           .scope = seal_json_member(item, "scope")};
    int64_t service_id;
    if (rc != SQLITE_OK) break;
    rc = seal_store_row(&a->p->store, SQL_APPLY_FIND_TERM, &row, "itt", val_server,
                        text_member(state, "seal_service"), text_member(item, "term"));
    if (rc == SQLITE_ROW) service.grant.term = sqlite3_column_int64(row, 0);
    seal_store_reset(row);
    if (rc == SQLITE_DONE) return refuse_form(a, "a configuration's term is missing");
    if (rc == SQLITE_ROW) rc = seal_service_make(a->p, id, &service, &service_id);
  }
  return rc;
}

static int write_configuration(Apply *a, const char *conf_id, const json_t *entry) {
  const json_t *state = json_object_get(entry, "state");
  int64_t id;
  int rc = find_configuration(a, conf_id, &id);
  if (rc == SQLITE_OK && state != NULL) rc = remove_configuration(a, id);
  if (rc != SQLITE_OK || json_is_null(state)) return rc;
  if (state != NULL) {
    char *text = seal_json_dump(state);
    rc = text ? seal_store_run(&a->p->store, SQL_APPLY_CONFIGURATION, "t", text) : SQLITE_NOMEM;
    sqlite3_free(text);
    if (rc == SQLITE_OK) rc = find_configuration(a, conf_id, &id);
    if (rc == SQLITE_OK) rc = write_services(a, id, state);
  }
  return rc == SQLITE_OK ? write_rows(a, id, conf_id, json_object_get(entry, "rows")) : rc;
}

/* An object without rows: its state, or its end. */
static int write_state(Apply *a, const Shape *shape, const char *name, const json_t *state) {
  sqlite3_stmt *row;
  char *copy, *parts[3] = {NULL, NULL, NULL};
  int64_t id = 0;
  if (!json_is_null(state)) {
    char *text = seal_json_dump(state);
    int rc = text ? seal_store_run(&a->p->store, shape->apply, "t", text) : SQLITE_NOMEM;
    sqlite3_free(text);
    return rc;
  }
  copy = sqlite3_mprintf("%s", name);
  if (copy == NULL) return SQLITE_NOMEM;
  parts[0] = copy;
  if (shape->n_keys > 1) (void)seal_name_split(copy, parts);
  int rc = seal_store_row(&a->p->store, shape->find, &row, shape->n_keys > 1 ? "ttt" : "t",
                          parts[0], parts[1], parts[2]);
  if (rc == SQLITE_ROW) id = sqlite3_column_int64(row, 0);
  seal_store_reset(row);
  sqlite3_free(copy);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  if (shape->remove != NULL) return seal_remove(a->p, shape->remove, id);
  return seal_store_run(&a->p->store, shape->remove_one, "i", id);
}

/* A full copy starts from nothing. */
static int clear_all(Apply *a) {
  static const enum SealSql all[] = {
      SQL_APPLY_CLEAR_IDENTITIES, SQL_APPLY_CLEAR_MEMBERS,        SQL_APPLY_CLEAR_RECORDS,
      SQL_APPLY_CLEAR_SERVICES,   SQL_APPLY_CLEAR_CONFIGURATIONS, SQL_APPLY_CLEAR_HELD,
      SQL_APPLY_CLEAR_USE,        SQL_APPLY_CLEAR_TERMS,          SQL_APPLY_CLEAR_VAL_SERVERS,
      SQL_APPLY_CLEAR_AGREEMENTS, SQL_APPLY_CLEAR_POLICIES,
  };
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof all / sizeof *all; i++) {
    rc = seal_store_run(&a->p->store, all[i], "");
  }
  return rc;
}

static int write_objects(Apply *a) {
  const json_t *objects = json_object_get(a->payload, "objects");
  size_t i;
  json_t *entry;
  int rc = a->from == NULL ? clear_all(a) : SQLITE_OK;
  json_array_foreach(objects, i, entry) {
    const char *object = text_member(entry, "object");
    const Shape *shape = shape_of(object);
    if (rc != SQLITE_OK) break;
    const char *name = object + strlen(shape->prefix);
    rc = shape->apply == SQL_APPLY_CONFIGURATION
             ? write_configuration(a, name, entry)
             : write_state(a, shape, name, json_object_get(entry, "state"));
  }
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(&a->p->store, SQL_APPLY_STATE_SET, "tii", a->to, a->seq, a->iat);
}

int seal_apply(Seal *p, SealText bundle, int64_t at, char **result, SealError *err) {
  Apply a = {.p = p, .err = err, .at = at, .known = json_object()};
  size_t n = 0;
  *result = NULL;
  int rc = a.known ? seal_settle(p) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = verify(&a, bundle);
  if (rc == SQLITE_OK) rc = read_head(&a);
  if (rc == SQLITE_OK) rc = check_addressee(&a);
  if (rc == SQLITE_OK) rc = check_order(&a);
  if (rc == SQLITE_OK) rc = check_objects(&a);
  if (rc == SQLITE_OK) {
    n = json_array_size(json_object_get(a.payload, "objects"));
    rc = write_objects(&a);
  } else if (rc == SQLITE_DONE) {
    rc = SQLITE_OK;
  }
  if (rc == SQLITE_OK) {
    *result = sqlite3_mprintf(
        "{\"applied\":%lld,\"at\":\"%w\",\"more\":%s,\"objects\":%lld}", (long long)a.seq, a.to,
        json_is_true(json_object_get(a.payload, "more")) ? "true" : "false", (long long)n);
    if (*result == NULL) rc = SQLITE_NOMEM;
  }
  seal_key_free(a.own);
  json_decref(a.known);
  json_decref(a.payload);
  return rc;
}
