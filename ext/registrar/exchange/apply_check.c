/* Whether every object of a bundle is what it has to be (exchange.h), before anything is written.
**
** A bundle is by the registrar, whose key signed it, and yet is judged as any input: by the form of each
** object, by what may be told to this SEAL service, and by what it refers to. That is either in the
** bundle, earlier, or here already; and it has not ended since, nor has what it hangs on in turn:
**
**    agreement 1--n term
**    agreement 1--n val_server 1--n configuration n--n term
*/
#include "registrar/exchange/exchange_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct Check {
  SealApply *a;
  json_t
      *known; /* of an object: the number of the entry that said it is there, negative: it is not */
  json_t *ends;  /* of an agreement: the number of the entry in which it last ended */
  json_t *of;    /* of a VAL server: its agreement */
  int64_t entry; /* number of the entry that is checked, from 1 on */
} Check;

/************************************************************************************************
** The form of a state.
*/
static int is_instant(const json_t *value) {
  int64_t n = json_integer_value(value);
  return json_is_integer(value) && n >= SEAL_INSTANT_MIN && n <= SEAL_INSTANT_MAX;
}

/* 1 if a text is JSON; with `words`, an array of strings. -1: out of memory. A scalar is looked at in an
** array. */
static int is_json(SealText text, int words) {
  json_t *json = NULL, *item;
  size_t i;
  if (text.p == NULL) return 0;
  char *array = sqlite3_mprintf("[%.*s]", text.n, text.p);
  SealReason reason = array ? seal_json_parse(array, strlen(array), 32, &json) : SEAL_NOMEM;
  int good = reason == SEAL_VALID && json_array_size(json) == 1;
  const json_t *value = json_array_get(json, 0);
  if (good && words) good = json_is_array(value);
  if (good && words) {
    json_array_foreach(value, i, item) good = good && json_is_string(item);
  }
  json_decref(json);
  sqlite3_free(array);
  return reason == SEAL_NOMEM ? -1 : good;
}

static int is_text_or_null(const json_t *value) {
  return json_is_null(value) || json_is_string(value);
}

/* 1 if a member of a state has the form of its column. -1: out of memory. */
static int member_is(const SealColumn *member, const json_t *value) {
  SealText text = {json_string_value(value), (int)json_string_length(value)};
  if (json_is_null(value)) return (member->flags & SEAL_COL_NOT_NULL) == 0;
  switch (member->kind) {
  case SEAL_KIND_ID:
    return seal_is_id(text);
  case SEAL_KIND_INSTANT:
    return is_instant(value);
  case SEAL_KIND_INTEGER:
    return json_is_integer(value);
  case SEAL_KIND_COUNT:
    return json_is_integer(value) && json_integer_value(value) >= 0;
  case SEAL_KIND_WORD:
    return seal_is_word(text, member->words);
  case SEAL_KIND_SERVICE:
    return seal_service_name(text) != NULL;
  case SEAL_KIND_WORDS:
    return is_json(text, 1);
  case SEAL_KIND_RANGES:
  case SEAL_KIND_ENDPOINT:
  case SEAL_KIND_JSON:
    return is_json(text, 0);
  default:
    assert(member->kind != SEAL_KIND_VALUE); /* the build tells no bytes */
    return text.p != NULL;
  }
}

/* A window that ends before it starts is none. */
static int is_window(const json_t *state) {
  const json_t *start = json_object_get(state, "start_time");
  const json_t *stop = json_object_get(state, "stop_time");
  if (stop == NULL) stop = json_object_get(state, "exp_time");
  return !json_is_integer(start) || !json_is_integer(stop) ||
         json_integer_value(start) < json_integer_value(stop);
}

static int check_state(SealApply *a, const SealDescription *is, const char *object,
                       const json_t *state) {
  sqlite3_str *own = sqlite3_str_new(NULL);
  int rc = SQLITE_OK;
  sqlite3_str_appendall(own, is->prefix);
  for (int i = 0; rc == SQLITE_OK && i < is->n_members; i++) {
    const char *name = is->members[i].name;
    int good = member_is(&is->members[i], json_object_get(state, name));
    if (good <= 0) rc = good < 0 ? SQLITE_NOMEM : seal_refuse_form(a, name);
    if (rc != SQLITE_OK || i >= is->n_keys) continue;
    if (i) sqlite3_str_appendchar(own, 1, '/');
    seal_name_append(own, seal_json_member(state, name), is->n_keys > 1);
  }
  if (rc == SQLITE_OK) rc = sqlite3_str_errcode(own);
  if (rc == SQLITE_OK && strcmp(sqlite3_str_value(own), object) != 0) {
    rc = seal_refuse_form(a, "an object is not what it is called");
  }
  if (rc == SQLITE_OK && !is_window(state)) rc = seal_refuse_form(a, "a window");
  sqlite3_free(sqlite3_str_finish(own));
  return rc;
}

/************************************************************************************************
** What an object refers to.
*/
static int set_number(json_t *map, const char *name, int64_t n) {
  return json_object_set_new(map, name, json_integer(n)) == 0 ? SQLITE_OK : SQLITE_NOMEM;
}

static int64_t number_of(const json_t *map, const char *name) {
  return json_integer_value(json_object_get(map, name));
}

static int refuse_missing(Check *c) {
  return seal_refuse_form(c->a, "what an object refers to is missing");
}

/* Whether an object that hangs on an agreement (or is it) is there. */
static int check_there(Check *c, const char *object, const char *agreement, enum SealSql find,
                       const char *const key[3]) {
  sqlite3_stmt *row;
  int64_t said = number_of(c->known, object), end = number_of(c->ends, agreement);
  if (said != 0) return said > end ? SQLITE_OK : refuse_missing(c);
  if (c->a->from == NULL || end != 0) return refuse_missing(c);
  int rc =
      seal_store_row(seal_store(c->a->p), find, &row, key[1] ? "ttt" : "t", key[0], key[1], key[2]);
  seal_store_reset(row);
  return rc == SQLITE_DONE ? refuse_missing(c) : rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int check_agreement_object(Check *c, const char *id) {
  const char *const key[3] = {id, NULL, NULL};
  char *object = sqlite3_mprintf("seal_agreement:%s", id);
  if (object == NULL) return SQLITE_NOMEM;
  int rc = check_there(c, object, id, SQL_AGREEMENT_FIND, key);
  sqlite3_free(object);
  return rc;
}

/* The agreement of a VAL server, as the bundle says or as it is here; the caller's (sqlite3_free). NULL:
** there is no such VAL server. */
static int agreement_of(Check *c, const char *val_server_id, char **out) {
  sqlite3_stmt *row = NULL;
  const char *id = json_string_value(json_object_get(c->of, val_server_id));
  int rc = SQLITE_DONE;
  *out = NULL;
  if (id == NULL && c->a->from != NULL) {
    rc = seal_store_row(seal_store(c->a->p), SQL_BUNDLE_VAL_SERVER_AGREEMENT, &row, "t",
                        val_server_id);
    if (rc == SQLITE_ROW)
      id = (const char *)sqlite3_column_text(row, BUNDLE_VAL_SERVER_AGREEMENT_AGREEMENT_ID);
  }
  if (id != NULL) *out = sqlite3_mprintf("%s", id);
  if (id != NULL && *out == NULL) rc = SQLITE_NOMEM;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int check_val_server_object(Check *c, const char *id, const char *agreement) {
  const char *const key[3] = {id, NULL, NULL};
  char *object = sqlite3_mprintf("seal_val_server:%s", id);
  if (object == NULL) return SQLITE_NOMEM;
  int rc = check_there(c, object, agreement, SQL_VAL_SERVER_FIND, key);
  sqlite3_free(object);
  return rc;
}

static int check_term_object(Check *c, const char *agreement, const json_t *state, SealText term) {
  const char *const key[3] = {agreement, seal_text_member(state, "seal_service"), term.p};
  sqlite3_str *text = sqlite3_str_new(NULL);
  sqlite3_str_appendall(text, "seal_term:");
  for (int i = 0; i < 3; i++) {
    if (i) sqlite3_str_appendchar(text, 1, '/');
    seal_name_append(text, (SealText){key[i], (int)strlen(key[i])}, 1);
  }
  char *object = sqlite3_str_finish(text);
  if (object == NULL) return SQLITE_NOMEM;
  int rc = check_there(c, object, agreement, SQL_TERM_FIND, key);
  sqlite3_free(object);
  return rc;
}

/* The VAL services of a configuration: each once, each under its term. */
static int check_services(Check *c, const json_t *state, const char *agreement) {
  const json_t *services = json_object_get(state, "services");
  json_t *service, *seen = json_object();
  size_t i;
  int rc = seen == NULL              ? SQLITE_NOMEM
           : json_is_array(services) ? SQLITE_OK
                                     : seal_refuse_form(c->a, "services");
  json_array_foreach(services, i, service) {
    SealText id = seal_json_member(service, "val_service_id");
    if (rc != SQLITE_OK) break;
    if (!seal_is_id(id) || !seal_is_id(seal_json_member(service, "term")) ||
        !is_text_or_null(json_object_get(service, "key_format")) ||
        !is_text_or_null(json_object_get(service, "scope")) || number_of(seen, id.p)) {
      rc = seal_refuse_form(c->a, "services");
    }
    if (rc == SQLITE_OK) rc = set_number(seen, id.p, 1);
    if (rc == SQLITE_OK)
      rc = check_term_object(c, agreement, state, seal_json_member(service, "term"));
  }
  json_decref(seen);
  return rc;
}

/************************************************************************************************
** Rows.
*/
/* Opens a key record, which takes the place of the JWE that it came in. */
static int open_record(SealApply *a, json_t *row) {
  const json_t *text = json_array_get(row, 2);
  unsigned char *plain = NULL;
  size_t n = 0;
  json_t *json = NULL;
  int rc = a->own ? SQLITE_OK : seal_signing_key(a->p, &a->own, a->err);
  if (rc == SQLITE_OK) {
    rc = seal_reason_rc(seal_jwe_decrypt(seal_crypto(a->p), a->own, json_string_value(text),
                                         json_string_length(text), &plain, &n));
  }
  if (rc == SQLITE_OK) rc = seal_reason_rc(seal_json_parse((const char *)plain, n, 4, &json));
  if (plain != NULL) seal_wipe(plain, n);
  free(plain);
  if (rc == SQLITE_CONSTRAINT_VTAB && a->err->cause == SEAL_CAUSE_NONE) {
    rc = seal_refuse_form(a, "a key record is not encrypted to this SEAL server");
  }
  if (rc == SQLITE_OK && json_array_set_new(row, 2, json) != 0) rc = SQLITE_NOMEM;
  return rc;
}

/* At most one id, and bytes in base64url. -1: out of memory. */
static int is_record(const json_t *record) {
  static const char *const ids[] = {"val_user_id", "val_ue_id", "client_id"};
  SealText key_info = seal_json_member(record, "key_info");
  int n = 0;
  for (int i = 0; i < 3; i++) {
    const json_t *id = json_object_get(record, ids[i]);
    if (!json_is_null(id) && !seal_is_id(seal_json_member(record, ids[i]))) return 0;
    n += !json_is_null(id);
  }
  if (key_info.p == NULL) return 0;
  unsigned char *bytes = malloc((size_t)key_info.n + 1);
  if (bytes == NULL) return -1;
  int good = seal_b64url_decode(key_info.p, (size_t)key_info.n, bytes) >= 0;
  seal_wipe(bytes, (size_t)key_info.n + 1);
  free(bytes);
  return good && n <= 1 && is_text_or_null(json_object_get(record, "key_format")) &&
         is_text_or_null(json_object_get(record, "user_uri"));
}

/* [place, kind, text]: one of n places, a kind that this SEAL service is told of such a configuration. */
static int check_row(SealApply *a, json_t *row, int identities, size_t n) {
  const char *kind = json_string_value(json_array_get(row, 1));
  const json_t *place = json_array_get(row, 0), *value = json_array_get(row, 2);
  const char *kinds = !identities ? "r" : a->identity ? "ue" : "d";
  SealText text = {json_string_value(value), (int)json_string_length(value)};
  unsigned char digest[SEAL_SHA256_SIZE + 1];
  int good = kind != NULL && kind[0] && !kind[1] && strchr(kinds, kind[0]) != NULL &&
             json_is_integer(place) && json_integer_value(place) >= 0 &&
             (uint64_t)json_integer_value(place) < n && text.p != NULL;
  if (good && kind[0] == 'd') {
    good = text.n == 43 && seal_b64url_decode(text.p, 43, digest) == SEAL_SHA256_SIZE;
  } else if (good && kind[0] == 'r') {
    int rc = open_record(a, row);
    if (rc != SQLITE_OK) return rc;
    good = is_record(json_array_get(row, 2));
  } else if (good) {
    good = seal_is_id(text);
  }
  if (good < 0) return SQLITE_NOMEM;
  return good ? SQLITE_OK : seal_refuse_form(a, "rows");
}

static int check_rows(SealApply *a, const json_t *entry, const json_t *services,
                      const char *seal_service) {
  const json_t *rows = json_object_get(entry, "rows");
  size_t i, n = json_array_size(services);
  json_t *row;
  int identities = seal_service != NULL && strcmp(seal_service, SEAL_IDM) == 0;
  int rc = json_is_array(rows) ? SQLITE_OK : seal_refuse_form(a, "rows");
  json_array_foreach(rows, i, row) {
    if (rc == SQLITE_OK) rc = check_row(a, row, identities, n);
  }
  return rc;
}

/* More rows of a configuration that is here already, with all the VAL services that they name: the first
** entry, so that nothing before it can have taken it away. */
static int check_more(Check *c, const json_t *entry, const char *name) {
  const json_t *services = json_object_get(entry, "services");
  sqlite3_stmt *row;
  json_t *service, *here = NULL;
  size_t i, found = 0;
  const char *seal_service = NULL;
  if (c->entry != 1 || c->a->from == NULL || !json_is_array(services)) {
    return seal_refuse_form(c->a, "state");
  }
  char *copy;
  int rc = seal_told_configuration(c->a->p, name, &copy, NULL, &row);
  sqlite3_free(copy);
  if (rc == SQLITE_ROW) {
    SealText names = seal_column_text(row, BUNDLE_CONFIGURATION_SERVICES);
    seal_service = seal_service_name(seal_column_text(row, BUNDLE_CONFIGURATION_SEAL_SERVICE));
    rc = seal_reason_rc(seal_json_parse(names.p ? names.p : "", (size_t)names.n, 2, &here));
  }
  seal_store_reset(row);
  if (rc == SQLITE_DONE) return refuse_missing(c);
  json_array_foreach(services, i, service) {
    size_t k = 0;
    while (k < json_array_size(here) && !json_equal(service, json_array_get(here, k))) k++;
    found += k < json_array_size(here);
  }
  json_decref(here);
  if (rc != SQLITE_OK) return rc;
  if (found < json_array_size(services)) return refuse_missing(c);
  return check_rows(c->a, entry, services, seal_service);
}

static int check_configuration(Check *c, const json_t *entry, const json_t *state) {
  const char *val_server_id = seal_text_member(state, "val_server_id");
  const char *seal_service = seal_text_member(state, "seal_service");
  char *agreement = NULL;
  int is_key = strcmp(seal_service, SEAL_KM) == 0;
  if (is_key ? !c->a->key : strcmp(seal_service, SEAL_IDM) != 0) {
    return seal_refuse_form(c->a, "a configuration of another SEAL service");
  }
  int rc = agreement_of(c, val_server_id, &agreement);
  if (rc == SQLITE_OK && agreement == NULL) rc = refuse_missing(c);
  if (rc == SQLITE_OK) rc = check_val_server_object(c, val_server_id, agreement);
  if (rc == SQLITE_OK) rc = check_services(c, state, agreement);
  sqlite3_free(agreement);
  if (rc != SQLITE_OK) return rc;
  return check_rows(c->a, entry, json_object_get(state, "services"), seal_service);
}

/************************************************************************************************
** Objects.
*/
/* What an object that ends was called: as many parts as its kind has. */
static int check_end(Check *c, const SealDescription *is, const char *name) {
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  if (copy == NULL) return SQLITE_NOMEM;
  int n = is->n_keys > 1 ? seal_name_split(copy, parts) : 1;
  sqlite3_free(copy);
  if (n != is->n_keys) return seal_refuse_form(c->a, "object");
  return is == &seal_description_agreement ? set_number(c->ends, name, c->entry) : SQLITE_OK;
}

static int check_found(Check *c, const SealDescription *is, const json_t *entry,
                       const json_t *state) {
  int rc = check_state(c->a, is, seal_text_member(entry, "object"), state);
  if (rc != SQLITE_OK) return rc;
  if (is == &seal_description_configuration) return check_configuration(c, entry, state);
  if (is == &seal_description_policy) {
    return strcmp(seal_text_member(state, "seal_service"), c->a->seal_service) == 0
               ? SQLITE_OK
               : seal_refuse_form(c->a, "a policy of another SEAL service");
  }
  if (is == &seal_description_agreement) return SQLITE_OK;
  rc = check_agreement_object(c, seal_text_member(state, "agreement_id"));
  if (rc != SQLITE_OK || is != &seal_description_val_server) return rc;
  return json_object_set(c->of, seal_text_member(state, "val_server_id"),
                         json_object_get(state, "agreement_id")) == 0
             ? SQLITE_OK
             : SQLITE_NOMEM;
}

static int check_object(Check *c, const json_t *entry) {
  const char *object = seal_text_member(entry, "object");
  const SealDescription *is = seal_told_relation(object);
  const json_t *state = json_object_get(entry, "state");
  if (is == NULL) return seal_refuse_form(c->a, "object");
  const char *name = object + strlen(is->prefix);
  int rc;
  if (state == NULL && is == &seal_description_configuration) {
    return check_more(c, entry, name);
  }
  if (json_is_null(state)) {
    rc = check_end(c, is, name);
  } else {
    rc = check_found(c, is, entry, state);
  }
  if (rc != SQLITE_OK) return rc;
  return set_number(c->known, object, json_is_null(state) ? -c->entry : c->entry);
}

int seal_apply_check(SealApply *a) {
  const json_t *objects = json_object_get(a->payload, "objects");
  Check c = {.a = a, .known = json_object(), .ends = json_object(), .of = json_object()};
  size_t i;
  json_t *entry;
  int rc = c.known && c.ends && c.of ? SQLITE_OK : SQLITE_NOMEM;
  if (rc == SQLITE_OK && !json_is_array(objects)) rc = seal_refuse_form(a, "objects");
  json_array_foreach(objects, i, entry) {
    c.entry++;
    if (rc == SQLITE_OK) rc = check_object(&c, entry);
  }
  json_decref(c.known);
  json_decref(c.ends);
  json_decref(c.of);
  return rc;
}
