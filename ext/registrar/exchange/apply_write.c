/* Writing what a bundle says (exchange.h), once apply_check.c has nothing against it.
**
** An object's state takes the place of the one that is here; a configuration's rows with it. An
** agreement, a term or a VAL server that ends takes along what hangs on it, as at the registrar.
*/
#include "registrar/exchange/exchange_int.h"

#include <assert.h>
#include <string.h>

/* A service of the configuration that is written, and where its next row goes. */
typedef struct Target {
  int64_t id, term, next, identities, records;
  char val_service_id[SEAL_ID_MAX + 1], val_server_id[SEAL_ID_MAX + 1];
} Target;

/* A record, opened by apply_check.c, is sealed again. One whose id has a record already is stored once. */
static int write_record(SealApply *a, Target *target, const char *conf_id, const json_t *json) {
  sqlite3_stmt *row;
  int64_t rowid;
  SealText key_info = seal_json_member(json, "key_info");
  unsigned char *bytes = sqlite3_malloc(key_info.n + 1);
  if (bytes == NULL) return SQLITE_NOMEM;
  ptrdiff_t n = seal_b64url_decode(key_info.p, (size_t)key_info.n, bytes);
  SealRecordPlace place = {
      .val_server_id = {target->val_server_id, (int)strlen(target->val_server_id)},
      .conf_id = {conf_id, (int)strlen(conf_id)},
      .val_service_id = {target->val_service_id, (int)strlen(target->val_service_id)},
  };
  SealRecord record = {
      .val_user_id = seal_json_member(json, "val_user_id"),
      .val_ue_id = seal_json_member(json, "val_ue_id"),
      .client_id = seal_json_member(json, "client_id"),
      .key_format = seal_json_member(json, "key_format"),
      .key_info = {(const char *)bytes, (int)n},
      .user_uri = seal_json_member(json, "user_uri"),
  };
  assert(n >= 0);
  int rc = seal_store_row(seal_store(a->p), SQL_RECORD_THERE, &row, "isss", target->id,
                          &record.val_user_id, &record.val_ue_id, &record.client_id);
  seal_store_reset(row);
  if (rc == SQLITE_DONE) {
    rc = seal_record_store(a->p, target->id, target->next, &place, &record, &rowid, a->err);
    target->records++;
  }
  seal_secret_free(bytes, key_info.n + 1);
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* An identity that is there already is stored once. */
static int write_identity(SealApply *a, Target *target, int64_t id, int is_ue, SealText text) {
  SealText none = {NULL, 0};
  int rc = seal_store_run(seal_store(a->p), SQL_APPLY_IDENTITY, "iiss", id, target->id,
                          is_ue ? &none : &text, is_ue ? &text : &none);
  target->identities += sqlite3_changes64(seal_db(a->p));
  return rc;
}

/* A digest counts as the identity that it stands for. */
static int write_member(SealApply *a, Target *target, int64_t id, SealText text) {
  unsigned char digest[SEAL_SHA256_SIZE + 1];
  ptrdiff_t n = seal_b64url_decode(text.p, (size_t)text.n, digest);
  assert(n == SEAL_SHA256_SIZE);
  target->identities++;
  return seal_store_run(seal_store(a->p), SQL_MEMBER_INSERT, "iib", id, target->id, digest, (int)n);
}

static int write_row(SealApply *a, Target *target, const char *conf_id, const json_t *row) {
  char kind = json_string_value(json_array_get(row, 1))[0];
  const json_t *value = json_array_get(row, 2);
  SealText text = {json_string_value(value), (int)json_string_length(value)};
  int64_t id = (target->id << SEAL_ROW_BITS) + target->next;
  int rc;
  if (target->next >= SEAL_ROWS_MAX) return SQLITE_FULL;
  if (kind == 'r') {
    rc = write_record(a, target, conf_id, value);
  } else if (kind == 'd') {
    rc = write_member(a, target, id, text);
  } else {
    rc = write_identity(a, target, id, kind == 'e', text);
  }
  target->next++;
  return rc;
}

/* Reads the services of a configuration, in their order. */
static int load_targets(SealApply *a, int64_t id, Target **out, size_t *n) {
  sqlite3_stmt *row;
  *out = NULL;
  *n = 0;
  int rc = seal_store_row(seal_store(a->p), SQL_APPLY_SERVICES, &row, "i", id);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    Target *more = sqlite3_realloc64(*out, (*n + 1) * sizeof *more);
    if (more == NULL) {
      rc = SQLITE_NOMEM;
      break;
    }
    *out = more;
    Target *target = &more[(*n)++];
    memset(target, 0, sizeof *target);
    target->id = sqlite3_column_int64(row, APPLY_SERVICES_ID);
    target->term = sqlite3_column_int64(row, APPLY_SERVICES_TERM);
    target->next = sqlite3_column_int64(row, APPLY_SERVICES_NEXT);
    SealText name = seal_column_text(row, APPLY_SERVICES_VAL_SERVICE_ID),
             server = seal_column_text(row, APPLY_SERVICES_VAL_SERVER_ID);
    sqlite3_snprintf(sizeof target->val_service_id, target->val_service_id, "%.*s", name.n,
                     name.p ? name.p : "");
    sqlite3_snprintf(sizeof target->val_server_id, target->val_server_id, "%.*s", server.n,
                     server.p ? server.p : "");
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Counts what was written. */
static int count_targets(SealApply *a, int64_t id, const Target *targets, size_t n) {
  SealHead head;
  int rc = seal_head_load(a->p, id, &head);
  for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
    rc = seal_store_run(seal_store(a->p), SQL_SERVICE_COUNT, "iiii", targets[i].id,
                        targets[i].identities, targets[i].records, targets[i].next);
    if (rc == SQLITE_OK) {
      SealTally more = {targets[i].term, targets[i].identities, targets[i].records};
      rc = seal_hold(a->p, &more, head.until, head.val_server);
    }
  }
  return rc;
}

/* Where each place of `services` is among the targets. The caller's (sqlite3_free). */
static int map_places(const json_t *services, const Target *targets, size_t n, size_t **out) {
  size_t i;
  json_t *service, *index = json_object();
  int rc = index ? SQLITE_OK : SQLITE_NOMEM;
  *out = sqlite3_malloc64((json_array_size(services) + 1) * sizeof **out);
  if (*out == NULL) rc = SQLITE_NOMEM;
  for (i = 0; rc == SQLITE_OK && i < n; i++) {
    json_t *place = json_integer((json_int_t)i);
    if (json_object_set_new(index, targets[i].val_service_id, place) != 0) rc = SQLITE_NOMEM;
  }
  json_array_foreach(services, i, service) {
    const char *name = json_is_string(service) ? json_string_value(service)
                                               : seal_text_member(service, "val_service_id");
    if (rc == SQLITE_OK) (*out)[i] = (size_t)json_integer_value(json_object_get(index, name));
  }
  json_decref(index);
  return rc;
}

/* Writes rows behind those that are there. */
static int write_rows(SealApply *a, int64_t id, const char *conf_id, const json_t *services,
                      const json_t *rows) {
  Target *targets;
  size_t n, i, *places = NULL;
  json_t *row;
  int rc = load_targets(a, id, &targets, &n);
  if (rc == SQLITE_OK) rc = map_places(services, targets, n, &places);
  json_array_foreach(rows, i, row) {
    size_t place = (size_t)json_integer_value(json_array_get(row, 0));
    if (rc != SQLITE_OK) break;
    assert(place < json_array_size(services));
    rc = places[place] < n ? write_row(a, &targets[places[place]], conf_id, row)
                           : SQLITE_CORRUPT_VTAB;
  }
  if (rc == SQLITE_OK) rc = count_targets(a, id, targets, n);
  sqlite3_free(targets);
  sqlite3_free(places);
  return rc;
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

static int remove_configuration(SealApply *a, int64_t id) {
  int64_t removed = 0;
  if (id == 0) return SQLITE_OK;
  int rc = seal_configuration_clear(a->p, id, INT64_MAX, a->at, &removed);
  return rc == SQLITE_OK ? seal_store_run(seal_store(a->p), SQL_CONFIGURATION_DELETE, "i", id) : rc;
}

/* The services of a new configuration. */
static int write_services(SealApply *a, int64_t id, const json_t *state) {
  const json_t *services = json_object_get(state, "services");
  sqlite3_stmt *row;
  size_t i;
  json_t *item;
  SealHead head;
  int rc = seal_head_load(a->p, id, &head);
  json_array_foreach(services, i, item) {
    SealService service = {.val_service_id = seal_json_member(item, "val_service_id"),
                           .key_format = seal_json_member(item, "key_format"),
                           .scope = seal_json_member(item, "scope")};
    int64_t service_id;
    if (rc != SQLITE_OK) break;
    rc = seal_store_row(seal_store(a->p), SQL_APPLY_FIND_TERM, &row, "itt", head.val_server,
                        seal_text_member(state, "seal_service"), seal_text_member(item, "term"));
    if (rc == SQLITE_ROW) service.grant.term = sqlite3_column_int64(row, APPLY_FIND_TERM_ID);
    seal_store_reset(row);
    if (rc == SQLITE_DONE) return SQLITE_CORRUPT_VTAB; /* apply_check.c has seen it */
    if (rc == SQLITE_ROW)
      rc = seal_service_make(a->p, id, &service, (SealCount){0, 0, 0}, &service_id);
  }
  return rc;
}

/* The state of a configuration: it takes the place of the one that is here, rows and all. */
static int write_state_of(SealApply *a, char *const parts[3], const json_t *state, int64_t *id) {
  char *text = seal_json_dump(state);
  int rc =
      text ? seal_store_run(seal_store(a->p), SQL_APPLY_CONFIGURATION, "t", text) : SQLITE_NOMEM;
  sqlite3_free(text);
  if (rc == SQLITE_OK) rc = find_configuration(a, parts[0], parts[1], id);
  return rc == SQLITE_OK ? write_services(a, *id, state) : rc;
}

static int write_configuration(SealApply *a, const char *name, const json_t *entry) {
  const json_t *state = json_object_get(entry, "state");
  int64_t id;
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  if (copy == NULL) return SQLITE_NOMEM;
  int n = seal_name_split(copy, parts);
  assert(n == 2); /* apply_check.c has seen it */
  (void)n;
  int rc = find_configuration(a, parts[0], parts[1], &id);
  if (rc == SQLITE_OK && state != NULL) rc = remove_configuration(a, id);
  if (rc == SQLITE_OK && !json_is_null(state)) {
    if (state != NULL) rc = write_state_of(a, parts, state, &id);
    const json_t *services = json_object_get(state ? state : entry, "services");
    if (rc == SQLITE_OK) {
      rc = write_rows(a, id, parts[1], services, json_object_get(entry, "rows"));
    }
  }
  sqlite3_free(copy);
  return rc;
}

/* Takes away an object without rows, and what hangs on it. */
static int end_state(SealApply *a, const SealDescription *is, const char *name) {
  sqlite3_stmt *row;
  char *copy = sqlite3_mprintf("%s", name), *parts[3] = {copy, NULL, NULL};
  int64_t id = 0;
  if (copy == NULL) return SQLITE_NOMEM;
  if (is->n_keys > 1) (void)seal_name_split(copy, parts);
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

int seal_apply_write(SealApply *a) {
  const json_t *objects = json_object_get(a->payload, "objects");
  size_t i;
  json_t *entry;
  int rc = a->from == NULL ? clear_all(a) : SQLITE_OK;
  json_array_foreach(objects, i, entry) {
    const char *object = seal_text_member(entry, "object");
    const SealDescription *is = seal_told_relation(object);
    if (rc != SQLITE_OK) break;
    const char *name = object + strlen(is->prefix);
    rc = is == &seal_description_configuration
             ? write_configuration(a, name, entry)
             : write_state(a, is, name, json_object_get(entry, "state"));
  }
  if (rc != SQLITE_OK) return rc;
  return seal_store_run(seal_store(a->p), SQL_APPLY_STATE_SET, "tii", a->to, a->seq, a->iat);
}
