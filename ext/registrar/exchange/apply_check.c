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
  case SEAL_KIND_UNTIL:
    return is_instant(value);
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
    seal_name_append(own, seal_json_member(state, name));
  }
  if (rc == SQLITE_OK) rc = sqlite3_str_errcode(own);
  if (rc == SQLITE_OK && strcmp(sqlite3_str_value(own), object) != 0) {
    rc = seal_refuse_form(a, "an object is not what it is called");
  }
  if (rc == SQLITE_OK && !is_window(state)) rc = seal_refuse_form(a, "a window");
  if (rc == SQLITE_OK && json_object_size(state) != (size_t)is->n_members) {
    rc = seal_refuse_form(a, "a state with a member that is not known");
  }
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
  char *object = seal_object_name("seal_agreement:", id);
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
  char *object = seal_object_name("seal_val_server:", id);
  if (object == NULL) return SQLITE_NOMEM;
  int rc = check_there(c, object, agreement, SQL_VAL_SERVER_FIND, key);
  sqlite3_free(object);
  return rc;
}

static int check_term_object(Check *c, const char *agreement, const char *seal_service,
                             SealText term) {
  const char *const key[3] = {agreement, seal_service, term.p};
  sqlite3_str *text = sqlite3_str_new(NULL);
  sqlite3_str_appendall(text, "seal_term:");
  for (int i = 0; i < 3; i++) {
    if (i) sqlite3_str_appendchar(text, 1, '/');
    seal_name_append(text, seal_text_from(key[i]));
  }
  char *object = sqlite3_str_finish(text);
  if (object == NULL) return SQLITE_NOMEM;
  int rc = check_there(c, object, agreement, SQL_TERM_FIND, key);
  sqlite3_free(object);
  return rc;
}

/************************************************************************************************
** Rows.
*/
/* Decrypts a JWE by this SEAL server's key; one that was on its way when that was rotated, by the one before. A bundle is
** encrypted to one key: what opened a record opens those that follow. SQLITE_CONSTRAINT_VTAB: to none of them. */
static int decrypt_record(SealApply *a, const json_t *text, unsigned char **plain, size_t *n) {
  int rc = a->own ? SQLITE_OK : seal_signing_key(a->p, &a->own, a->err);
  while (rc == SQLITE_OK) {
    SealKey *before;
    SealReason reason = seal_jwe_decrypt(seal_crypto(a->p), a->own, json_string_value(text) + 1,
                                         json_string_length(text) - 1, plain, n);
    if (reason == SEAL_VALID) break;
    rc = seal_reason_rc(reason);
    if (rc != SQLITE_CONSTRAINT_VTAB) break;
    rc = seal_signing_key_before(a->p, a->own, a->at, &before, a->err);
    if (rc != SQLITE_OK) break;
    if (before == NULL) return SQLITE_CONSTRAINT_VTAB;
    seal_key_free(a->own);
    a->own = before;
  }
  return rc;
}

/* Opens a key record, which takes the place of the JWE that it came in. */
static int open_record(SealApply *a, json_t *rows, size_t i) {
  unsigned char *plain = NULL;
  size_t n = 0;
  json_t *json = NULL;
  int rc = decrypt_record(a, json_array_get(rows, i), &plain, &n);
  if (rc == SQLITE_OK) rc = seal_reason_rc(seal_json_parse((const char *)plain, n, 4, &json));
  if (plain != NULL) seal_wipe(plain, n);
  free(plain);
  if (rc == SQLITE_CONSTRAINT_VTAB && a->err->cause == SEAL_CAUSE_NONE) {
    rc = seal_refuse_form(a, "a key record is not encrypted to this SEAL server");
  }
  if (rc == SQLITE_OK && json_array_set_new(rows, i, json) != 0) rc = SQLITE_NOMEM;
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
  const json_t *payload_id = json_object_get(record, "payload_id");
  if (key_info.p == NULL ||
      !seal_members_are(record, "val_user_id val_ue_id client_id payload_id key_format user_uri "
                                "skmc_uri key_info") ||
      (!json_is_null(payload_id) && !seal_is_id(seal_json_member(record, "payload_id")))) {
    return 0;
  }
  unsigned char *bytes = malloc((size_t)key_info.n + 1);
  if (bytes == NULL) return -1;
  int good = seal_b64url_decode(key_info.p, (size_t)key_info.n, bytes) >= 0;
  seal_wipe(bytes, (size_t)key_info.n + 1);
  free(bytes);
  return good && n <= 1 && is_text_or_null(json_object_get(record, "key_format")) &&
         is_text_or_null(json_object_get(record, "user_uri")) &&
         is_text_or_null(json_object_get(record, "skmc_uri"));
}

/* The rows of a VAL service that were seen, in a table with open addressing whose size is a power of two. */
typedef struct Seen {
  const json_t **rows;
  size_t size;
} Seen;

static int seen_begin(Seen *seen, size_t n) {
  seen->size = 16;
  while (seen->size < 2 * n) seen->size *= 2;
  seen->rows = sqlite3_malloc64(seen->size * sizeof *seen->rows);
  if (seen->rows == NULL) return SQLITE_NOMEM;
  memset(seen->rows, 0, seen->size * sizeof *seen->rows);
  return SQLITE_OK;
}

/* 1 if the text was there already; remembers it. */
static int seen_before(Seen *seen, const json_t *row) {
  const char *text = json_string_value(row);
  size_t n = json_string_length(row);
  uint64_t hash = n, word;
  for (size_t i = 0; i < n; i += 8) {
    word = 0;
    memcpy(&word, text + i, n - i < 8 ? n - i : 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  for (size_t k = (size_t)hash & (seen->size - 1);; k = (k + 1) & (seen->size - 1)) {
    if (seen->rows[k] == NULL) {
      seen->rows[k] = row;
      return 0;
    }
    if (json_string_length(seen->rows[k]) == n &&
        memcmp(json_string_value(seen->rows[k]), text, n) == 0) {
      return 1;
    }
  }
}

/* A kind that this SEAL service is told of such a configuration, and what it says. */
static int check_row(SealApply *a, json_t *rows, size_t i, const char *kinds) {
  const json_t *row = json_array_get(rows, i);
  SealText text = {json_string_value(row), (int)json_string_length(row)};
  unsigned char digest[SEAL_SHA256_SIZE + 1];
  int good = text.p != NULL && text.n > 0 && text.p[0] && strchr(kinds, text.p[0]) != NULL;
  char kind = good ? text.p[0] : 0;
  if (good) text = (SealText){text.p + 1, text.n - 1};
  if (kind == 'd') {
    good = text.n == 43 && seal_b64url_decode(text.p, 43, digest) == SEAL_SHA256_SIZE;
  } else if (kind == 'r') {
    int rc = open_record(a, rows, i);
    if (rc != SQLITE_OK) return rc;
    good = is_record(json_array_get(rows, i));
  } else if (good) {
    good = seal_is_id(text);
  }
  if (good < 0) return SQLITE_NOMEM;
  return good ? SQLITE_OK : seal_refuse_form(a, "rows");
}

/* Rows of one VAL service; identities each once, but for digests: a user and a UE of one name have the same. */
static int check_rows(SealApply *a, json_t *rows, int identities) {
  const char *kinds = !identities ? "r" : a->identity ? "ue" : "d";
  Seen seen = {NULL, 0};
  size_t n = json_array_size(rows);
  int rc = json_is_array(rows) ? SQLITE_OK : seal_refuse_form(a, "rows");
  int once = identities && a->identity;
  if (rc == SQLITE_OK && once) rc = seen_begin(&seen, n);
  for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
    rc = check_row(a, rows, i, kinds);
    if (rc == SQLITE_OK && once && seen_before(&seen, json_array_get(rows, i))) {
      rc = seal_refuse_form(a, "rows: one that is there twice");
    }
  }
  sqlite3_free(seen.rows);
  return rc;
}

/************************************************************************************************
** Configurations.
*/
/* Whether the part that is here already has a VAL service. */
static int in_part(SealApply *a, const char *val_service_id, int *found) {
  sqlite3_stmt *row;
  int rc =
      seal_store_row(seal_store(a->p), SQL_SERVICE_FIND, &row, "it", a->part.id, val_service_id);
  *found = rc == SQLITE_ROW;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A configuration's entry: what its VAL services are told under. */
typedef struct Services {
  const char *agreement, *seal_service;
  int goes_on; /* it is further parts of the configuration in a->part */
  json_t *seen;
} Services;

/* One VAL service: with its term and key parameters, or, first in a part that goes on, more rows of the last. */
static int check_service(Check *c, const Services *s, json_t *service, size_t i) {
  SealText id = seal_json_member(service, "val_service_id"),
           term = seal_json_member(service, "term");
  int goes_on = s->goes_on && i == 0 && json_object_get(service, "term") == NULL, there = 0;
  if (!seal_is_id(id) || number_of(s->seen, id.p) ||
      !seal_members_are(service, goes_on ? "val_service_id rows"
                                         : "val_service_id term key_format scope rows") ||
      (!goes_on && (!seal_is_id(term) || !is_text_or_null(json_object_get(service, "key_format")) ||
                    !is_text_or_null(json_object_get(service, "scope"))))) {
    return seal_refuse_form(c->a, "services");
  }
  int rc = set_number(s->seen, id.p, 1);
  if (rc == SQLITE_OK && s->goes_on) rc = in_part(c->a, id.p, &there);
  if (rc == SQLITE_OK && there != goes_on) rc = seal_refuse_form(c->a, "services");
  if (rc == SQLITE_OK && !goes_on) {
    rc = check_term_object(c, s->agreement, s->seal_service, term);
  }
  return rc == SQLITE_OK ? check_rows(c->a, json_object_get(service, "rows"),
                                      strcmp(s->seal_service, SEAL_IDM) == 0)
                         : rc;
}

/* The VAL services of a configuration: each once. Of one that is told in parts the entry is the bundle's last. */
static int check_services(Check *c, const json_t *entry, const char *agreement,
                          const char *seal_service, int goes_on) {
  const json_t *services = json_object_get(entry, "services");
  const json_t *more = json_object_get(entry, "more");
  size_t i, n = json_array_size(json_object_get(c->a->payload, "objects"));
  json_t *service;
  Services s = {agreement, seal_service, goes_on, json_object()};
  int rc = s.seen ? SQLITE_OK : SQLITE_NOMEM;
  if (rc == SQLITE_OK && !json_is_array(services)) rc = seal_refuse_form(c->a, "services");
  if (rc == SQLITE_OK && more != NULL &&
      (!json_is_true(more) || (size_t)c->entry != n || !c->a->more)) {
    rc = seal_refuse_form(c->a, "more");
  }
  json_array_foreach(services, i, service) {
    if (rc == SQLITE_OK) rc = check_service(c, &s, service, i);
  }
  json_decref(s.seen);
  return rc;
}

/* A further part: the bundle's first entry, so that nothing before it can have taken away what it goes on with. */
static int check_more(Check *c, const json_t *entry) {
  sqlite3_stmt *row;
  char *agreement = NULL;
  const char *seal_service = NULL;
  if (c->entry != 1 || c->a->from == NULL || c->a->part.id == 0 ||
      strcmp(c->a->part.name, seal_text_member(entry, "object")) != 0) {
    return seal_refuse_form(c->a, "state");
  }
  int rc = seal_store_row(seal_store(c->a->p), SQL_APPLY_LOAD, &row, "i", c->a->part.id);
  if (rc == SQLITE_ROW) {
    const char *id = (const char *)sqlite3_column_text(row, APPLY_LOAD_VAL_SERVER_ID);
    seal_service = seal_service_name(seal_column_text(row, APPLY_LOAD_SEAL_SERVICE));
    rc = id ? agreement_of(c, id, &agreement) : SQLITE_CORRUPT_VTAB;
  }
  seal_store_reset(row);
  if (rc == SQLITE_DONE) return refuse_missing(c);
  if (rc == SQLITE_OK && (agreement == NULL || seal_service == NULL)) rc = SQLITE_CORRUPT_VTAB;
  if (rc == SQLITE_OK) rc = check_services(c, entry, agreement, seal_service, 1);
  sqlite3_free(agreement);
  return rc;
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
  if (rc == SQLITE_OK) rc = check_services(c, entry, agreement, seal_service, 0);
  sqlite3_free(agreement);
  return rc;
}

/************************************************************************************************
** Objects.
*/
/* What an object that ends was called: as many parts as its kind has. */
static int check_end(Check *c, const SealDescription *is, const char *name) {
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  if (copy == NULL) return SQLITE_NOMEM;
  int rc = SQLITE_OK, n = seal_name_split(copy, is->n_keys, parts);
  if (n != is->n_keys) rc = seal_refuse_form(c->a, "object");
  if (rc == SQLITE_OK && is == &seal_description_agreement)
    rc = set_number(c->ends, parts[0], c->entry);
  sqlite3_free(copy);
  return rc;
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
  const json_t *state = json_object_get(entry, "state"), *untold = json_object_get(entry, "untold");
  int of_services = is == &seal_description_configuration && !json_is_null(state), rc;
  if (is == NULL) return seal_refuse_form(c->a, "object");
  if (!seal_members_are(entry, of_services ? "object state services more untold"
                                           : "object state untold") ||
      (untold != NULL && (!json_is_integer(untold) || json_integer_value(untold) < 1))) {
    return seal_refuse_form(c->a, "an object with a member that is not known");
  }
  const char *name = object + strlen(is->prefix);
  if (state == NULL && of_services) return check_more(c, entry);
  if (json_is_null(state)) {
    rc = check_end(c, is, name);
  } else {
    rc = check_found(c, is, entry, state);
  }
  if (rc != SQLITE_OK) return rc;
  return set_number(c->known, object, json_is_null(state) ? -c->entry : c->entry);
}

/* The keys to come: a set like any that is an anchor's. */
static int check_keys(SealApply *a) {
  const json_t *keys = json_object_get(a->payload, "keys");
  SealError err;
  char *subject = NULL, number[64];
  if (!json_is_object(keys)) return seal_refuse_form(a, "keys");
  if (json_equal(keys, a->keys)) return SQLITE_OK; /* those that signed it */
  char *text = seal_json_dump(keys);
  if (text == NULL) return SQLITE_NOMEM;
  memset(&err, 0, sizeof err);
  int rc = seal_anchor_check(a->p, seal_text_from("registrar"), text, (int)strlen(text), a->at,
                             &subject, number, &err);
  if (rc == SQLITE_CONSTRAINT_VTAB) rc = seal_refuse_form(a, "keys");
  seal_error_clear(&err);
  sqlite3_free(subject);
  sqlite3_free(text);
  return rc;
}

int seal_apply_check(SealApply *a) {
  const json_t *objects = json_object_get(a->payload, "objects");
  Check c = {.a = a, .known = json_object(), .ends = json_object(), .of = json_object()};
  size_t i;
  json_t *entry;
  int rc = c.known && c.ends && c.of ? check_keys(a) : SQLITE_NOMEM;
  if (rc == SQLITE_OK && !json_is_array(objects)) rc = seal_refuse_form(a, "objects");
  json_array_foreach(objects, i, entry) {
    if (rc != SQLITE_OK) break;
    a->entry = ++c.entry;
    rc = check_object(&c, entry);
  }
  json_decref(c.known);
  json_decref(c.ends);
  json_decref(c.of);
  return rc;
}
