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

static const SealShape shapes[] = {
    {"seal_agreement:",
     "i:agreement_id i:val_provider_id t:start_time t:stop_time s:status c:max_val_servers", 1,
     SQL_APPLY_AGREEMENT, SQL_AGREEMENT_FIND, seal_remove_agreement, SQL_COUNT},
    {"seal_term:",
     "i:agreement_id w:seal_service i:val_service_id c:max_identities c:max_key_records "
     "c:max_validity a:key_formats a:scopes t:start_time t:stop_time",
     3, SQL_APPLY_TERM, SQL_TERM_FIND, seal_remove_term, SQL_COUNT},
    {"seal_val_server:", "i:val_server_id i:agreement_id t:exp_time s:status", 1,
     SQL_APPLY_VAL_SERVER, SQL_VAL_SERVER_FIND, seal_remove_val_server, SQL_COUNT},
    {"seal_policy:", "w:seal_service i:val_service_id i:name j:value t:start_time t:exp_time", 3,
     SQL_APPLY_POLICY, SQL_POLICY_FIND, NULL, SQL_POLICY_REMOVE},
    {"seal_configuration:",
     "i:val_server_id i:conf_id w:seal_service t:exp_time n:until T:created_time T:updated_time "
     "o:supp_feat",
     2, SQL_APPLY_CONFIGURATION, SQL_COUNT, NULL, SQL_COUNT},
};
#define N_SHAPES (sizeof shapes / sizeof *shapes)

const SealShape *seal_shape_of(const char *object) {
  for (size_t i = 0; object != NULL && i < N_SHAPES; i++) {
    if (strncmp(object, shapes[i].prefix, strlen(shapes[i].prefix)) == 0) return &shapes[i];
  }
  return NULL;
}

/************************************************************************************************
** The form of a state.
*/
static int is_instant(const json_t *value) {
  int64_t n = json_integer_value(value);
  return json_is_integer(value) && n >= SEAL_INSTANT_MIN && n <= SEAL_INSTANT_MAX;
}

static int is_status(const char *text) {
  return text != NULL && (strcmp(text, "active") == 0 || strcmp(text, "suspended") == 0 ||
                          strcmp(text, "terminated") == 0);
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

/* A member by the letter of its kind: i id, t instant or NULL, T instant, n number, c count or NULL,
** s status, w SEAL service, o text or NULL, j JSON, a array of words or NULL. -1: out of memory. */
static int member_is(char letter, const json_t *value) {
  SealText text = {json_string_value(value), (int)json_string_length(value)};
  switch (letter) {
  case 'i':
    return seal_is_id(text);
  case 't':
    return json_is_null(value) || is_instant(value);
  case 'T':
    return is_instant(value);
  case 'n':
    return json_is_integer(value);
  case 'c':
    return json_is_null(value) || (json_is_integer(value) && json_integer_value(value) >= 0);
  case 's':
    return is_status(text.p);
  case 'w':
    return seal_service_name(text) != NULL;
  case 'o':
    return json_is_null(value) || text.p != NULL;
  case 'j':
    return is_json(text, 0);
  default:
    assert(letter == 'a');
    return json_is_null(value) ? 1 : is_json(text, 1);
  }
}

/* The next "letter:name" of a shape: gives the letter, 0 at the end. */
static char next_member(const char **at, char name[32]) {
  if (**at == 0) return 0;
  char letter = **at;
  size_t n = strcspn(*at + 2, " ");
  sqlite3_snprintf(32, name, "%.*s", (int)n, *at + 2);
  *at += 2 + n + ((*at)[2 + n] == ' ');
  return letter;
}

/* A window that ends before it starts is none. */
static int is_window(const json_t *state) {
  const json_t *start = json_object_get(state, "start_time");
  const json_t *stop = json_object_get(state, "stop_time");
  if (stop == NULL) stop = json_object_get(state, "exp_time");
  return !json_is_integer(start) || !json_is_integer(stop) ||
         json_integer_value(start) < json_integer_value(stop);
}

static int check_state(SealApply *a, const SealShape *shape, const char *object,
                       const json_t *state) {
  const char *at = shape->members;
  char name[32];
  sqlite3_str *own = sqlite3_str_new(NULL);
  int rc = SQLITE_OK, n = 0;
  sqlite3_str_appendall(own, shape->prefix);
  for (char letter; rc == SQLITE_OK && (letter = next_member(&at, name)) != 0; n++) {
    int good = member_is(letter, json_object_get(state, name));
    if (good <= 0) rc = good < 0 ? SQLITE_NOMEM : seal_refuse_form(a, name);
    if (rc != SQLITE_OK || n >= shape->n_keys) continue;
    if (n) sqlite3_str_appendchar(own, 1, '/');
    seal_name_append(own, seal_json_member(state, name), shape->n_keys > 1);
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

static int check_agreement(Check *c, const char *id) {
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

static int check_val_server(Check *c, const char *id, const char *agreement) {
  const char *const key[3] = {id, NULL, NULL};
  char *object = sqlite3_mprintf("seal_val_server:%s", id);
  if (object == NULL) return SQLITE_NOMEM;
  int rc = check_there(c, object, agreement, SQL_VAL_SERVER_FIND, key);
  sqlite3_free(object);
  return rc;
}

static int check_term(Check *c, const char *agreement, const json_t *state, SealText term) {
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
    const json_t *id = json_object_get(service, "val_service_id");
    if (rc != SQLITE_OK) break;
    if (!member_is('i', id) || !member_is('i', json_object_get(service, "term")) ||
        !member_is('o', json_object_get(service, "key_format")) ||
        !member_is('o', json_object_get(service, "scope")) ||
        number_of(seen, json_string_value(id))) {
      rc = seal_refuse_form(c->a, "services");
    }
    if (rc == SQLITE_OK) rc = set_number(seen, json_string_value(id), 1);
    if (rc == SQLITE_OK) rc = check_term(c, agreement, state, seal_json_member(service, "term"));
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
    if (!json_is_null(id) && !member_is('i', id)) return 0;
    n += !json_is_null(id);
  }
  if (key_info.p == NULL) return 0;
  unsigned char *bytes = malloc((size_t)key_info.n + 1);
  if (bytes == NULL) return -1;
  int good = seal_b64url_decode(key_info.p, (size_t)key_info.n, bytes) >= 0;
  seal_wipe(bytes, (size_t)key_info.n + 1);
  free(bytes);
  return good && n <= 1 && member_is('o', json_object_get(record, "key_format")) &&
         member_is('o', json_object_get(record, "user_uri"));
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
  if (rc == SQLITE_OK) rc = check_val_server(c, val_server_id, agreement);
  if (rc == SQLITE_OK) rc = check_services(c, state, agreement);
  sqlite3_free(agreement);
  if (rc != SQLITE_OK) return rc;
  return check_rows(c->a, entry, json_object_get(state, "services"), seal_service);
}

/************************************************************************************************
** Objects.
*/
/* What an object that ends was called: as many parts as its kind has. */
static int check_end(Check *c, const SealShape *shape, const char *name) {
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  if (copy == NULL) return SQLITE_NOMEM;
  int n = shape->n_keys > 1 ? seal_name_split(copy, parts) : 1;
  sqlite3_free(copy);
  if (n != shape->n_keys) return seal_refuse_form(c->a, "object");
  return shape->apply == SQL_APPLY_AGREEMENT ? set_number(c->ends, name, c->entry) : SQLITE_OK;
}

static int check_found(Check *c, const SealShape *shape, const json_t *entry, const json_t *state) {
  int rc = check_state(c->a, shape, seal_text_member(entry, "object"), state);
  if (rc != SQLITE_OK) return rc;
  if (shape->apply == SQL_APPLY_CONFIGURATION) return check_configuration(c, entry, state);
  if (shape->apply == SQL_APPLY_POLICY) {
    return strcmp(seal_text_member(state, "seal_service"), c->a->seal_service) == 0
               ? SQLITE_OK
               : seal_refuse_form(c->a, "a policy of another SEAL service");
  }
  if (shape->apply == SQL_APPLY_AGREEMENT) return SQLITE_OK;
  rc = check_agreement(c, seal_text_member(state, "agreement_id"));
  if (rc != SQLITE_OK || shape->apply != SQL_APPLY_VAL_SERVER) return rc;
  return json_object_set(c->of, seal_text_member(state, "val_server_id"),
                         json_object_get(state, "agreement_id")) == 0
             ? SQLITE_OK
             : SQLITE_NOMEM;
}

static int check_object(Check *c, const json_t *entry) {
  const char *object = seal_text_member(entry, "object");
  const SealShape *shape = seal_shape_of(object);
  const json_t *state = json_object_get(entry, "state");
  if (shape == NULL) return seal_refuse_form(c->a, "object");
  const char *name = object + strlen(shape->prefix);
  int rc;
  if (state == NULL && shape->apply == SQL_APPLY_CONFIGURATION) {
    return check_more(c, entry, name);
  }
  if (json_is_null(state)) {
    rc = check_end(c, shape, name);
  } else {
    rc = check_found(c, shape, entry, state);
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
