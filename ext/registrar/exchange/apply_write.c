/* Writing what a bundle says (exchange.h), once apply_check.c has nothing against it.
**
** An object's state takes the place of the one that is here; a configuration's rows with it. An
** agreement, a term or a VAL server that ends takes along what hangs on it, as at the registrar.
**
** A configuration that comes in several bundles is written as a part, which hangs on nothing (sql/statements/exchange.sql),
** while the one that is here goes on to be served; with the last of them it takes its place.
*/
#include "registrar/exchange/exchange_int.h"

#include <assert.h>
#include <string.h>

/* A configuration that is written. */
typedef struct Target {
  int64_t id, val_server, until;
  int part;
  char conf_id[SEAL_ID_MAX + 1], val_server_id[SEAL_ID_MAX + 1];
  const char *seal_service;
} Target;

/* The VAL service in it, and where its next row goes. */
typedef struct Place {
  int64_t service, term, next, identities, records;
  SealText val_service_id;
} Place;

/* A record, opened by apply_check.c, is sealed again. One whose id has a record already is stored once. */
static int write_record(SealApply *a, const Target *target, Place *at, const json_t *json) {
  sqlite3_stmt *row;
  int64_t rowid;
  SealText key_info = seal_json_member(json, "key_info");
  unsigned char *bytes = sqlite3_malloc(key_info.n + 1);
  if (bytes == NULL) return SQLITE_NOMEM;
  ptrdiff_t n = seal_b64url_decode(key_info.p, (size_t)key_info.n, bytes);
  SealRecordPlace place = {
      .val_server_id = seal_text_from(target->val_server_id),
      .conf_id = seal_text_from(target->conf_id),
      .val_service_id = at->val_service_id,
  };
  SealRecord record = {
      .val_user_id = seal_json_member(json, "val_user_id"),
      .val_ue_id = seal_json_member(json, "val_ue_id"),
      .client_id = seal_json_member(json, "client_id"),
      .payload_id = seal_json_member(json, "payload_id"),
      .key_format = seal_json_member(json, "key_format"),
      .key_info = {(const char *)bytes, (int)n},
      .user_uri = seal_json_member(json, "user_uri"),
      .skmc_uri = seal_json_member(json, "skmc_uri"),
  };
  assert(n >= 0);
  int rc =
      seal_store_row(seal_store(a->p), SQL_RECORD_THERE, &row, "issss", at->service,
                     &record.val_user_id, &record.val_ue_id, &record.client_id, &record.payload_id);
  seal_store_reset(row);
  if (rc == SQLITE_DONE) {
    rc = seal_record_store(a->p, at->service, at->next++, &place, &record, &rowid, a->err);
    at->records++;
  }
  seal_secret_free(bytes, key_info.n + 1);
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int write_records(SealApply *a, const Target *target, Place *at, const json_t *rows) {
  size_t i;
  json_t *row;
  int rc = SQLITE_OK;
  json_array_foreach(rows, i, row) {
    if (rc == SQLITE_OK) rc = write_record(a, target, at, row);
  }
  return rc;
}

/* A digest counts as the identity that it stands for. */
static int write_members(SealApply *a, Place *at, const json_t *rows) {
  unsigned char digest[SEAL_SHA256_SIZE + 1];
  size_t i;
  json_t *row;
  int rc = SQLITE_OK;
  json_array_foreach(rows, i, row) {
    ptrdiff_t n = seal_b64url_decode(json_string_value(row) + 1, 43, digest);
    if (rc != SQLITE_OK) break;
    assert(n == SEAL_SHA256_SIZE);
    rc = seal_store_run(seal_store(a->p), SQL_MEMBER_INSERT, "iib",
                        (at->service << SEAL_ROW_BITS) + at->next, at->service, digest, (int)n);
    at->next++;
    at->identities++;
  }
  return rc;
}

static int write_identities(SealApply *a, Place *at, const json_t *rows) {
  size_t i, n = json_array_size(rows);
  json_t *row;
  SealId *ids = sqlite3_malloc64((n + 1) * sizeof *ids);
  if (ids == NULL) return SQLITE_NOMEM;
  json_array_foreach(rows, i, row) {
    const char *text = json_string_value(row);
    ids[i] = (SealId){text + 1, (int)json_string_length(row) - 1, text[0] == 'e'};
  }
  int rc = seal_ids_insert(a->p, (at->service << SEAL_ROW_BITS) + at->next, at->service, ids, n);
  sqlite3_free(ids);
  at->next += (int64_t)n;
  at->identities += (int64_t)n;
  return rc;
}

/* The rows of a VAL service, behind those that are there. */
static int write_rows(SealApply *a, const Target *target, Place *at, const json_t *rows) {
  if (at->next + (int64_t)json_array_size(rows) > SEAL_ROWS_MAX) return SQLITE_FULL;
  if (strcmp(target->seal_service, SEAL_IDM) != 0) return write_records(a, target, at, rows);
  return a->identity ? write_identities(a, at, rows) : write_members(a, at, rows);
}

/* A VAL service of the part that goes on. */
static int find_service(SealApply *a, const Target *target, Place *at) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(a->p), SQL_SERVICE_FIND, &row, "is", target->id,
                          &at->val_service_id);
  if (rc == SQLITE_ROW) {
    at->service = sqlite3_column_int64(row, SERVICE_FIND_ID);
    at->term = sqlite3_column_int64(row, SERVICE_FIND_TERM);
    at->next = sqlite3_column_int64(row, SERVICE_FIND_NEXT);
  }
  seal_store_reset(row);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
}

/* A new one, under its term. */
static int make_service(SealApply *a, const Target *target, const json_t *json, Place *at) {
  sqlite3_stmt *row;
  SealService service = {.val_service_id = at->val_service_id,
                         .key_format = seal_json_member(json, "key_format"),
                         .scope = seal_json_member(json, "scope")};
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_FIND_TERM, &row, "itt", target->val_server,
                          target->seal_service, seal_text_member(json, "term"));
  if (rc == SQLITE_ROW) at->term = sqlite3_column_int64(row, APPLY_FIND_TERM_ID);
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  service.grant.term = target->part ? -at->term : at->term;
  return seal_service_make(a->p, target->id, &service, (SealCount){0, 0, 0}, &at->service);
}

static int write_service(SealApply *a, const Target *target, const json_t *json) {
  Place at = {.val_service_id = seal_json_member(json, "val_service_id")};
  int rc = json_object_get(json, "term") ? make_service(a, target, json, &at)
                                         : find_service(a, target, &at);
  if (rc == SQLITE_OK) rc = write_rows(a, target, &at, json_object_get(json, "rows"));
  if (rc == SQLITE_OK && at.identities + at.records > 0) {
    rc = seal_store_run(seal_store(a->p), SQL_SERVICE_COUNT, "iiii", at.service, at.identities,
                        at.records, at.next);
  }
  if (rc != SQLITE_OK || target->part) return rc;
  SealTally more = {at.term, at.identities, at.records};
  return seal_hold(a->p, &more, target->until, target->val_server);
}

/************************************************************************************************
** Configurations.
*/
static int load_target(SealApply *a, int64_t id, Target *out) {
  sqlite3_stmt *row;
  memset(out, 0, sizeof *out);
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_LOAD, &row, "i", id);
  if (rc == SQLITE_ROW) {
    SealText conf_id = seal_column_text(row, APPLY_LOAD_CONF_ID),
             server = seal_column_text(row, APPLY_LOAD_VAL_SERVER_ID);
    out->id = id;
    out->val_server = sqlite3_column_int64(row, APPLY_LOAD_VAL_SERVER);
    out->until = sqlite3_column_int64(row, APPLY_LOAD_UNTIL);
    out->part = sqlite3_column_int(row, APPLY_LOAD_PART);
    out->seal_service = seal_service_name(seal_column_text(row, APPLY_LOAD_SEAL_SERVICE));
    sqlite3_snprintf(sizeof out->conf_id, out->conf_id, "%.*s", conf_id.n,
                     conf_id.p ? conf_id.p : "");
    sqlite3_snprintf(sizeof out->val_server_id, out->val_server_id, "%.*s", server.n,
                     server.p ? server.p : "");
  }
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_CORRUPT_VTAB : rc;
  return out->seal_service ? SQLITE_OK : SQLITE_CORRUPT_VTAB;
}

/* The row id of the configuration that a VAL server has under a name; 0: none. */
static int find_configuration(SealApply *a, const char *val_server_id, const char *conf_id,
                              int64_t *id) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_FIND_CONFIGURATION, &row, "tt", val_server_id,
                          conf_id);
  *id = rc == SQLITE_ROW ? sqlite3_column_int64(row, APPLY_FIND_CONFIGURATION_ID) : 0;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int remove_configuration(SealApply *a, const char *val_server_id, const char *conf_id) {
  int64_t removed = 0, id;
  int rc = find_configuration(a, val_server_id, conf_id, &id);
  if (rc != SQLITE_OK || id == 0) return rc;
  rc = seal_configuration_clear(a->p, id, INT64_MAX, a->at, &removed);
  return rc == SQLITE_OK ? seal_store_run(seal_store(a->p), SQL_CONFIGURATION_DELETE, "i", id) : rc;
}

/* Stores the state of a configuration, as a part or not. A part is stored beside the one that is here: at first under
** a name that no configuration has. */
static int make_configuration(SealApply *a, const json_t *state, int part, Target *target) {
  const char *conf_id = seal_text_member(state, "conf_id");
  json_t *own = json_copy((json_t *)state);
  /* Where memory runs out, jansson leaves members out of a copy without a word. */
  int whole = own != NULL && json_object_size(own) == json_object_size(state);
  int rc = whole ? SQLITE_OK : SQLITE_NOMEM;
  int64_t id = 0;
  if (rc == SQLITE_OK && part && json_object_set_new(own, "conf_id", json_string("")) != 0) {
    rc = SQLITE_NOMEM;
  }
  char *text = rc == SQLITE_OK ? seal_json_dump(own) : NULL;
  if (rc == SQLITE_OK) {
    rc = text ? seal_store_run(seal_store(a->p), SQL_APPLY_CONFIGURATION, "t", text) : SQLITE_NOMEM;
  }
  if (rc == SQLITE_OK) id = sqlite3_last_insert_rowid(seal_db(a->p));
  if (rc == SQLITE_OK && part) {
    rc = seal_store_run(seal_store(a->p), SQL_APPLY_PART_BEGIN, "it", id, conf_id);
  }
  sqlite3_free(text);
  json_decref(own);
  return rc == SQLITE_OK ? load_target(a, id, target) : rc;
}

/* All parts are here: it takes the place of the one that is. */
static int end_part(SealApply *a, const Target *target) {
  sqlite3_stmt *row;
  int rc = remove_configuration(a, target->val_server_id, target->conf_id);
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(a->p), SQL_APPLY_PART_END, "i", target->id);
  if (rc == SQLITE_OK) {
    rc = seal_store_run(seal_store(a->p), SQL_APPLY_PART_END_SERVICES, "i", target->id);
  }
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(seal_store(a->p), SQL_CONFIGURATION_TALLY, &row, "i", target->id);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    SealTally more = {sqlite3_column_int64(row, CONFIGURATION_TALLY_TERM),
                      sqlite3_column_int64(row, CONFIGURATION_TALLY_IDENTITIES),
                      sqlite3_column_int64(row, CONFIGURATION_TALLY_KEY_RECORDS)};
    int bad = seal_hold(a->p, &more, target->until, target->val_server);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The state of a configuration, or further parts of one, and its VAL services. */
static int write_services(SealApply *a, const json_t *entry, const json_t *state) {
  const json_t *services = json_object_get(entry, "services");
  int part = state == NULL || json_is_true(json_object_get(entry, "more"));
  size_t i;
  json_t *service;
  Target target;
  int rc =
      state ? make_configuration(a, state, part, &target) : load_target(a, a->part.id, &target);
  json_array_foreach(services, i, service) {
    if (rc == SQLITE_OK) rc = write_service(a, &target, service);
  }
  if (rc != SQLITE_OK || !target.part || json_object_get(entry, "more")) return rc;
  return end_part(a, &target);
}

static int write_configuration(SealApply *a, const char *name, const json_t *entry) {
  const json_t *state = json_object_get(entry, "state");
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  if (copy == NULL) return SQLITE_NOMEM;
  int n = seal_name_split(copy, 2, parts), rc = SQLITE_OK;
  assert(n == 2); /* apply_check.c has seen it */
  (void)n;
  if (state != NULL && json_object_get(entry, "more") == NULL) {
    rc = remove_configuration(a, parts[0], parts[1]);
  }
  if (rc == SQLITE_OK && !json_is_null(state)) rc = write_services(a, entry, state);
  sqlite3_free(copy);
  return rc;
}

/************************************************************************************************
** Objects without rows.
*/
/* Takes away an object without rows, and what hangs on it. */
static int end_state(SealApply *a, const SealDescription *is, const char *name) {
  sqlite3_stmt *row;
  char *copy = sqlite3_mprintf("%s", name), *parts[3] = {NULL, NULL, NULL};
  int64_t id = 0;
  if (copy == NULL) return SQLITE_NOMEM;
  (void)seal_name_split(copy, is->n_keys, parts);
  int rc = seal_store_row(seal_store(a->p), is->find, &row, is->n_keys > 1 ? "ttt" : "t", parts[0],
                          parts[1], parts[2]);
  if (rc == SQLITE_ROW) id = sqlite3_column_int64(row, 0);
  seal_store_reset(row);
  sqlite3_free(copy);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  return seal_remove(a->p, is->remove, id);
}

/* A VAL server's agreement never changes: one of another agreement is another VAL server. */
static int end_other(SealApply *a, const SealDescription *is, const char *name,
                     const json_t *state) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(a->p), SQL_BUNDLE_VAL_SERVER_AGREEMENT, &row, "t", name);
  int other =
      rc == SQLITE_ROW &&
      strcmp((const char *)sqlite3_column_text(row, BUNDLE_VAL_SERVER_AGREEMENT_AGREEMENT_ID),
             seal_text_member(state, "agreement_id")) != 0;
  seal_store_reset(row);
  if (rc != SQLITE_ROW) return rc == SQLITE_DONE ? SQLITE_OK : rc;
  return other ? end_state(a, is, name) : SQLITE_OK;
}

/* An object without rows: its state, or its end. */
static int write_state(SealApply *a, const SealDescription *is, const char *name,
                       const json_t *state) {
  if (json_is_null(state)) return end_state(a, is, name);
  int rc = is == &seal_description_val_server ? end_other(a, is, name, state) : SQLITE_OK;
  char *text = rc == SQLITE_OK ? seal_json_dump(state) : NULL;
  if (rc == SQLITE_OK) {
    rc = text ? seal_store_run(seal_store(a->p), is->apply, "t", text) : SQLITE_NOMEM;
  }
  sqlite3_free(text);
  return rc;
}

/* A full copy starts from nothing. */
static int clear_all(SealApply *a) {
  static const enum SealSql all[] = {
      SQL_APPLY_CLEAR_IDENTITIES, SQL_APPLY_CLEAR_MEMBERS,        SQL_APPLY_CLEAR_RECORDS,
      SQL_APPLY_CLEAR_SERVICES,   SQL_APPLY_CLEAR_CONFIGURATIONS, SQL_APPLY_CLEAR_HELD,
      SQL_APPLY_CLEAR_USE,        SQL_APPLY_CLEAR_TERMS,          SQL_APPLY_CLEAR_VAL_SERVERS,
      SQL_APPLY_CLEAR_AGREEMENTS, SQL_APPLY_CLEAR_POLICIES,
  };
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof all / sizeof *all; i++) {
    rc = seal_store_run(seal_store(a->p), all[i], "");
  }
  return rc;
}

/* Forgets a part whose rest does not come: this bundle does not go on with it. */
static int clear_part(SealApply *a) {
  static const enum SealSql all[] = {SQL_APPLY_PART_DROP_IDENTITIES, SQL_APPLY_PART_DROP_MEMBERS,
                                     SQL_APPLY_PART_DROP_RECORDS, SQL_APPLY_PART_DROP_SERVICES,
                                     SQL_APPLY_PART_DROP};
  const json_t *first = json_array_get(json_object_get(a->payload, "objects"), 0);
  int rc = SQLITE_OK;
  if (a->part.id == 0 || (first != NULL && json_object_get(first, "state") == NULL))
    return SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof all / sizeof *all; i++) {
    rc = seal_store_run(seal_store(a->p), all[i], "");
  }
  return rc;
}

/* The keys that the next bundles are signed by. */
static int write_keys(SealApply *a) {
  const json_t *keys = json_object_get(a->payload, "keys");
  if (json_equal(keys, a->keys)) return SQLITE_OK;
  char *text = seal_json_dump(keys);
  char *object = seal_object_name("seal_anchor:", a->anchor_id);
  int rc = text && object ? SQLITE_OK : SQLITE_NOMEM;
  SealEvent event = {a->at, "registrar", "update", object, "done", NULL, NULL};
  if (rc == SQLITE_OK) rc = seal_store_run(seal_store(a->p), SQL_APPLY_KEYS, "it", a->anchor, text);
  if (rc == SQLITE_OK) rc = seal_audit_write(a->p, &event);
  sqlite3_free(text);
  sqlite3_free(object);
  return rc;
}

int seal_apply_write(SealApply *a) {
  const json_t *objects = json_object_get(a->payload, "objects");
  size_t i;
  json_t *entry;
  int rc = a->from == NULL ? clear_all(a) : clear_part(a);
  json_array_foreach(objects, i, entry) {
    const char *object = seal_text_member(entry, "object");
    const SealDescription *is = seal_told_relation(object);
    if (rc != SQLITE_OK) break;
    const char *name = object + strlen(is->prefix);
    rc = is == &seal_description_configuration
             ? write_configuration(a, name, entry)
             : write_state(a, is, name, json_object_get(entry, "state"));
  }
  if (rc == SQLITE_OK) rc = write_keys(a);
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(a->p), SQL_APPLY_STATE_SET, "tiiiu", a->to, a->epoch, a->seq,
                        a->iat, a->until);
}
