/* What a SEAL server is told of an object (exchange.h, bundle.c): its present state as JSON.
**
**    {"object":"seal_agreement:sla-7", "state":{…}}
**    {"object":"seal_val_server:gone", "state":null}
**    {"object":"seal_configuration:v2x.acme.example/9f…", "state":{…}, "services":[
**      {"val_service_id":"v2x", "term":"*", "key_format":null, "scope":null, "rows":["ualice","ebob",…]}, …]}
**
** One that does not fit says "more": true, and goes on in the next bundle, where its last VAL service may go on too:
**
**    {"object":"seal_configuration:v2x.acme.example/9f…", "services":[
**      {"val_service_id":"v2x", "rows":["ucarol",…]}, …]}
**
** What is larger than a piece may be is left out: "untold" is how much. Of an object whose state is so large, or
** that refers to such a one, the state is null: nobody is served by what may have been changed since.
*/
#include "registrar/exchange/exchange_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int seal_tell_full(const SealTeller *t) {
  return sqlite3_str_length(t->out) >= SEAL_BUNDLE_MAX;
}

/* Opens an object's entry. */
static void open_entry(SealTeller *t, const char *object) {
  sqlite3_str_appendf(t->out, "%s{\"object\":", sqlite3_str_length(t->out) ? ",\n" : "");
  seal_json_append(t->out, object, strlen(object));
}

/* Remembers an object that is told: whether it could be. */
static int set_told(SealTeller *t, const char *object, int could) {
  return json_object_set_new(t->told, object, json_boolean(could)) == 0 ? SQLITE_OK : SQLITE_NOMEM;
}

/* The value of a hexadecimal digit as names have it, or -1. */
static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int seal_name_split(char *name, int max, char *parts[3]) {
  int n = 0;
  char *to = name;
  assert(max >= 1 && max <= 3);
  parts[n++] = to;
  for (const char *from = name; *from; from++) {
    int high = *from == '%' ? hex_digit(from[1]) : -1;
    int low = high >= 0 ? hex_digit(from[2]) : -1;
    if (*from == '/' && n < max) {
      *to++ = 0;
      parts[n++] = to;
    } else if (low >= 0 && high + low > 0) {
      *to++ = (char)(high * 16 + low);
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = 0;
  return n;
}

const SealDescription *seal_told_relation(const char *object) {
  for (int i = 0; object != NULL && seal_descriptions[i] != NULL; i++) {
    const SealDescription *is = seal_descriptions[i];
    if (is->members != NULL && strncmp(object, is->prefix, strlen(is->prefix)) == 0) return is;
  }
  return NULL;
}

/* The state of an object without rows, as its statement gives it; NULL when it is gone. The caller's
** (sqlite3_free). *large is 1 if it is larger than a piece, and not given. */
static int read_state(SealTeller *t, const SealDescription *is, const char *name, char **state,
                      int *large) {
  sqlite3_stmt *row;
  static const char types[] = "ttt";
  char *parts[3] = {NULL, NULL, NULL}, *copy = sqlite3_mprintf("%s", name);
  *state = NULL;
  *large = 0;
  if (copy == NULL) return SQLITE_NOMEM;
  int n = seal_name_split(copy, is->n_keys, parts);
  int rc = seal_store_row(seal_store(t->p), is->bundle, &row, types + 3 - n, parts[0],
                          n > 1 ? parts[1] : NULL, n > 2 ? parts[2] : NULL);
  if (rc == SQLITE_ROW) {
    SealText text = seal_column_text(row, 0);
    *large = text.n > SEAL_PIECE_MAX;
    if (!*large) *state = sqlite3_mprintf("%s", text.p);
    if (!*large && *state == NULL) rc = SQLITE_NOMEM;
  }
  seal_store_reset(row);
  sqlite3_free(copy);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* An object that can't be told: it ends at the SEAL server, and is named. */
static int tell_untold(SealTeller *t, const char *object) {
  open_entry(t, object);
  sqlite3_str_appendall(t->out, ",\"state\":null,\"untold\":1}");
  return set_told(t, object, 0);
}

/* An object without rows, once per bundle. Where its end is told of an object that is there again by now, what was
** told so far may have hung on the old one: then all of it counts as untold. *could is 0 where it can't be
** told, or what it refers to (`refers`) can't. */
static int tell(SealTeller *t, const SealDescription *is, const char *name, int ended, int refers,
                int *could) {
  char *object = sqlite3_mprintf("%s%s", is->prefix, name), *state = NULL;
  const json_t *told = object ? json_object_get(t->told, object) : NULL;
  int large = 0, rc = object ? SQLITE_OK : SQLITE_NOMEM;
  *could = told == NULL || json_is_true(told);
  if (rc == SQLITE_OK && (told == NULL || ended)) rc = read_state(t, is, name, &state, &large);
  if (rc == SQLITE_OK && ended && (state != NULL || large)) {
    open_entry(t, object);
    sqlite3_str_appendall(t->out, ",\"state\":null}");
    (void)json_object_clear(t->told);
  } else if (rc == SQLITE_OK && told == NULL && (large || (state != NULL && !refers))) {
    *could = 0;
    rc = tell_untold(t, object);
  } else if (rc == SQLITE_OK && told == NULL) {
    open_entry(t, object);
    sqlite3_str_appendf(t->out, ",\"state\":%s}", state ? state : "null");
    rc = set_told(t, object, 1);
  }
  sqlite3_free(object);
  sqlite3_free(state);
  return rc;
}

/* A VAL server or a term of an agreement. */
static int tell_of(SealTeller *t, const char *agreement_id, const SealDescription *is,
                   const char *name, int ended, int *could) {
  char *agreement = seal_object_name("", agreement_id);
  int rc = agreement ? tell(t, &seal_description_agreement, agreement, 0, 1, could) : SQLITE_NOMEM;
  sqlite3_free(agreement);
  return rc == SQLITE_OK ? tell(t, is, name, ended, *could, could) : rc;
}

/************************************************************************************************
** Rows.
*/
/* A configuration that is told: of which VAL service, under which name. */
typedef struct Telling {
  int64_t id, service;
  int identities;
  SealText val_server_id, conf_id, val_service_id;
  int64_t untold; /* pieces that are too large */
} Telling;

static void append_text(sqlite3_str *out, SealText text) {
  if (text.p == NULL) {
    sqlite3_str_appendall(out, "null");
  } else {
    seal_json_append(out, text.p, (size_t)text.n);
  }
}

/* "u" or "e" and the id, or "d" and a digest. */
static int append_identity(SealTeller *t, const Telling *of, sqlite3_stmt *row) {
  int is_ue = sqlite3_column_type(row, BUNDLE_IDENTITIES_VAL_USER_ID) == SQLITE_NULL;
  SealText id =
      seal_column_text(row, is_ue ? BUNDLE_IDENTITIES_VAL_UE_ID : BUNDLE_IDENTITIES_VAL_USER_ID);
  char text[SEAL_ID_MAX + 1];
  if (id.p == NULL || id.n > SEAL_ID_MAX) return SQLITE_CORRUPT_VTAB;
  if (t->identity) {
    text[0] = is_ue ? 'e' : 'u';
    memcpy(text + 1, id.p, (size_t)id.n);
    seal_json_append(t->out, text, (size_t)id.n + 1);
    return SQLITE_OK;
  }
  unsigned char digest[SEAL_SHA256_SIZE];
  int rc = seal_member_digest(t->p, of->val_service_id, id, digest);
  if (rc != SQLITE_OK) return rc;
  seal_b64url_encode(digest, sizeof digest, text);
  sqlite3_str_appendf(t->out, "\"d%s\"", text);
  return SQLITE_OK;
}

static void append_record_member(sqlite3_str *out, const char *name, SealText text) {
  sqlite3_str_appendf(out, "\"%s\":", name);
  append_text(out, text);
  sqlite3_str_appendchar(out, 1, ',');
}

/* A record's members as JSON; key_info is bytes, in base64url. *out is the caller's (seal_secret_free). */
static int record_json(const SealRecord *record, const void *key_info, int n, char **out,
                       int *n_out) {
  sqlite3_str *text = sqlite3_str_new(NULL);
  int size = n / 3 * 4 + 5;
  char *encoded = sqlite3_malloc(size);
  *out = NULL;
  if (encoded != NULL) {
    seal_b64url_encode(key_info, (size_t)n, encoded);
    sqlite3_str_appendchar(text, 1, '{');
    append_record_member(text, "val_user_id", record->val_user_id);
    append_record_member(text, "val_ue_id", record->val_ue_id);
    append_record_member(text, "client_id", record->client_id);
    append_record_member(text, "payload_id", record->payload_id);
    append_record_member(text, "key_format", record->key_format);
    append_record_member(text, "user_uri", record->user_uri);
    append_record_member(text, "skmc_uri", record->skmc_uri);
    sqlite3_str_appendf(text, "\"key_info\":\"%s\"}", encoded);
  }
  int rc = encoded ? sqlite3_str_errcode(text) : SQLITE_NOMEM;
  *n_out = sqlite3_str_length(text);
  *out = sqlite3_str_finish(text);
  seal_secret_free(encoded, encoded ? size : 0);
  return rc;
}

/* The record that `row` stands on, opened; *json is the caller's (seal_secret_free). */
static int read_record(SealTeller *t, const Telling *of, sqlite3_stmt *row, char **json,
                       int *n_json) {
  void *key_info = NULL;
  int n = 0;
  SealRecord record = {
      .val_user_id = seal_column_text(row, BUNDLE_RECORDS_VAL_USER_ID),
      .val_ue_id = seal_column_text(row, BUNDLE_RECORDS_VAL_UE_ID),
      .client_id = seal_column_text(row, BUNDLE_RECORDS_CLIENT_ID),
      .payload_id = seal_column_text(row, BUNDLE_RECORDS_PAYLOAD_ID),
      .key_format = seal_column_text(row, BUNDLE_RECORDS_KEY_FORMAT),
      .user_uri = seal_column_text(row, BUNDLE_RECORDS_USER_URI),
      .skmc_uri = seal_column_text(row, BUNDLE_RECORDS_SKMC_URI),
  };
  SealRecordPlace place = {of->val_server_id, of->conf_id, of->val_service_id};
  int rc =
      seal_record_open(t->p, sqlite3_column_int64(row, BUNDLE_RECORDS_ID), &place, &record,
                       sqlite3_column_blob(row, BUNDLE_RECORDS_KEY_INFO),
                       sqlite3_column_bytes(row, BUNDLE_RECORDS_KEY_INFO), &key_info, &n, t->err);
  if (rc == SQLITE_OK) rc = record_json(&record, key_info, n, json, n_json);
  seal_secret_free(key_info, n);
  return rc;
}

/* Bytes of a JWE over n bytes, and more than that. */
static int64_t jwe_size(int64_t n) {
  return n / 3 * 4 + 1000;
}

/* "r" and a JWE: the record's members, encrypted to the server's key. *comma goes before it. */
static int append_record(SealTeller *t, Telling *of, sqlite3_stmt *row, const char *comma) {
  char *jwe = NULL, *json = NULL;
  int n_json = 0;
  int rc = SQLITE_OK;
  if (t->jwk == NULL) {
    return seal_refuse(t->err, SEAL_MANDATORY_IE_MISSING,
                       "the SEAL server has no jwk to encrypt key records to");
  }
  int n = sqlite3_column_bytes(row, BUNDLE_RECORDS_KEY_INFO);
  int large = jwe_size(jwe_size(n)) > SEAL_PIECE_MAX + 4000;
  if (!large) rc = read_record(t, of, row, &json, &n_json);
  large |= rc == SQLITE_OK && jwe_size(n_json) > SEAL_PIECE_MAX;
  if (rc == SQLITE_OK && !large) {
    rc = seal_reason_rc(
        seal_jwe_encrypt(seal_crypto(t->p), t->jwk, strlen(t->jwk), json, (size_t)n_json, &jwe));
    if (rc == SQLITE_CONSTRAINT_VTAB) {
      rc = seal_refuse(t->err, SEAL_MANDATORY_IE_INCORRECT,
                       "the SEAL server's jwk is no P-256 key to encrypt key records to");
    }
  }
  if (rc == SQLITE_OK && !large) sqlite3_str_appendf(t->out, "%s\"r%s\"", comma, jwe);
  if (rc == SQLITE_OK && large) of->untold++;
  seal_secret_free(json, json ? n_json : 0);
  free(jwe);
  return rc;
}

/* The rows of the VAL service after a row id, as many as there is room for; of->service and the last row told
** in t->cut where there are more. */
static int append_rows(SealTeller *t, Telling *of, int64_t after) {
  sqlite3_stmt *row;
  sqlite3_str_appendall(t->out, "\"rows\":[");
  int empty = sqlite3_str_length(t->out);
  int rc =
      seal_store_row(seal_store(t->p), of->identities ? SQL_BUNDLE_IDENTITIES : SQL_BUNDLE_RECORDS,
                     &row, "ii", of->service, after);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(row)) {
    const char *comma = sqlite3_str_length(t->out) > empty ? "," : "";
    if (seal_tell_full(t)) {
      t->cut = (SealCut){'s', of->service, after};
      break;
    }
    int bad;
    if (of->identities) {
      sqlite3_str_appendall(t->out, comma);
      bad = append_identity(t, of, row);
    } else {
      bad = append_record(t, of, row, comma);
    }
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
    after = sqlite3_column_int64(row, BUNDLE_IDENTITIES_ID);
  }
  seal_store_reset(row);
  sqlite3_str_appendall(t->out, "]}");
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A VAL service with its key parameters and rows; of the one where the bundle before stopped only further rows. */
static int append_service(SealTeller *t, Telling *of, sqlite3_stmt *row, const SealCut *from,
                          const char *comma) {
  SealText key_format = seal_column_text(row, BUNDLE_SERVICES_KEY_FORMAT),
           scope = seal_column_text(row, BUNDLE_SERVICES_SCOPE);
  int goes_on = from->stage == 's' && from->a == of->service && from->b != 0;
  if (!goes_on && (int64_t)key_format.n + scope.n > SEAL_PIECE_MAX / 6) {
    of->untold++;
    return SQLITE_OK;
  }
  sqlite3_str_appendf(t->out, "%s{\"val_service_id\":", comma);
  append_text(t->out, of->val_service_id);
  if (!goes_on) {
    sqlite3_str_appendall(t->out, ",\"term\":");
    append_text(t->out, seal_column_text(row, BUNDLE_SERVICES_TERM));
    sqlite3_str_appendall(t->out, ",\"key_format\":");
    append_text(t->out, key_format);
    sqlite3_str_appendall(t->out, ",\"scope\":");
    append_text(t->out, scope);
  }
  sqlite3_str_appendchar(t->out, 1, ',');
  return append_rows(t, of, goes_on ? from->b : (of->service << SEAL_ROW_BITS) - 1);
}

/* The VAL services of a configuration, after what the bundle before told; closes the entry. */
static int append_services(SealTeller *t, Telling *of, const SealCut *from) {
  sqlite3_stmt *row;
  const SealCut none = {'s', 0, 0};
  if (from->stage != 's') from = &none;
  SealCut last = {'s', from->a, from->b};
  sqlite3_str_appendall(t->out, ",\"services\":[");
  int empty = sqlite3_str_length(t->out);
  int rc = seal_store_row(seal_store(t->p), SQL_BUNDLE_SERVICES, &row, "ii", of->id,
                          from->b != 0 ? from->a : from->a + 1);
  for (; rc == SQLITE_ROW && t->cut.stage == 0; rc = sqlite3_step(row)) {
    if (seal_tell_full(t)) {
      t->cut = last;
      break;
    }
    of->service = sqlite3_column_int64(row, BUNDLE_SERVICES_ID);
    of->val_service_id = seal_column_text(row, BUNDLE_SERVICES_VAL_SERVICE_ID);
    int bad = append_service(t, of, row, from, sqlite3_str_length(t->out) > empty ? "," : "");
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
    last = (SealCut){'s', of->service, 0};
  }
  seal_store_reset(row);
  sqlite3_str_appendall(t->out, t->cut.stage ? "],\"more\":true" : "]");
  if (of->untold) sqlite3_str_appendf(t->out, ",\"untold\":%lld", (long long)of->untold);
  sqlite3_str_appendchar(t->out, 1, '}');
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/************************************************************************************************
** Configurations.
*/
static int tell_term_of(SealTeller *t, sqlite3_stmt *row, int *could) {
  sqlite3_str *name = sqlite3_str_new(NULL);
  for (int i = 0; i < 3; i++) {
    if (i) sqlite3_str_appendchar(name, 1, '/');
    seal_name_append(name, seal_column_text(row, BUNDLE_CONFIGURATION_TERMS_AGREEMENT_ID + i));
  }
  char *text = sqlite3_str_finish(name);
  int rc = text ? tell(t, &seal_description_term, text, 0, 1, could) : SQLITE_NOMEM;
  sqlite3_free(text);
  return rc;
}

/* What a configuration refers to: agreement, VAL server, terms, as much as there is room for. *could is 0 where some
** of it can't be told. */
static int tell_parents(SealTeller *t, sqlite3_stmt *conf, const SealCut *from, int *could) {
  sqlite3_stmt *row;
  int64_t after = from->stage == 't' ? from->a : 0;
  int rc = SQLITE_OK;
  if (from->stage == 0) {
    char *name = seal_object_name(
        "", (const char *)sqlite3_column_text(conf, BUNDLE_CONFIGURATION_VAL_SERVER_ID));
    rc = name ? tell_of(t,
                        (const char *)sqlite3_column_text(conf, BUNDLE_CONFIGURATION_AGREEMENT_ID),
                        &seal_description_val_server, name, 0, could)
              : SQLITE_NOMEM;
    sqlite3_free(name);
  }
  if (rc != SQLITE_OK) return rc;
  rc = seal_store_row(seal_store(t->p), SQL_BUNDLE_CONFIGURATION_TERMS, &row, "ii",
                      sqlite3_column_int64(conf, BUNDLE_CONFIGURATION_ID), after);
  for (; rc == SQLITE_ROW && *could; rc = sqlite3_step(row)) {
    if (seal_tell_full(t)) {
      t->cut = (SealCut){'t', after, 0};
      break;
    }
    int bad = tell_term_of(t, row, could);
    if (bad != SQLITE_OK) {
      rc = bad;
      break;
    }
    after = sqlite3_column_int64(row, BUNDLE_CONFIGURATION_TERMS_ID);
  }
  seal_store_reset(row);
  return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* A configuration that is there: what it refers to, its state, its VAL services. */
static int tell_found(SealTeller *t, const char *object, sqlite3_stmt *row, const SealCut *from) {
  SealText service = seal_column_text(row, BUNDLE_CONFIGURATION_SEAL_SERVICE);
  Telling of = {.id = sqlite3_column_int64(row, BUNDLE_CONFIGURATION_ID),
                .identities = service.p != NULL && strcmp(service.p, SEAL_IDM) == 0,
                .val_server_id = seal_column_text(row, BUNDLE_CONFIGURATION_VAL_SERVER_ID),
                .conf_id = seal_column_text(row, BUNDLE_CONFIGURATION_CONF_ID)};
  SealText state = seal_column_text(row, BUNDLE_CONFIGURATION_STATE);
  int could = 1, rc = SQLITE_OK;
  /* Key parameters are for key management alone; of identities everyone is told something. */
  if (!of.identities && !t->key) return SQLITE_OK;
  if (from->stage != 's') rc = tell_parents(t, row, from, &could);
  if (rc != SQLITE_OK || t->cut.stage || json_object_get(t->told, object) != NULL) return rc;
  if (!could || state.n > SEAL_PIECE_MAX) return tell_untold(t, object);
  open_entry(t, object);
  if (from->stage != 's') sqlite3_str_appendf(t->out, ",\"state\":%s", state.p);
  rc = append_services(t, &of, from);
  return rc == SQLITE_OK ? set_told(t, object, 1) : rc;
}

static int tell_configuration(SealTeller *t, const SealTold *object, const char *name,
                              const SealCut *from) {
  sqlite3_stmt *row = NULL;
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  if (copy == NULL) return SQLITE_NOMEM;
  int rc = SQLITE_DONE;
  if (object->is_key && !t->key) {
    rc = SQLITE_OK;
  } else if (seal_name_split(copy, 2, parts) == 2) {
    rc = seal_store_row(seal_store(t->p), SQL_BUNDLE_CONFIGURATION, &row, "tt", parts[0], parts[1]);
  }
  if (rc == SQLITE_ROW) {
    rc = tell_found(t, object->name, row, from);
  } else if (rc == SQLITE_DONE) {
    rc = SQLITE_OK;
    if (json_object_get(t->told, object->name) == NULL) {
      open_entry(t, object->name);
      sqlite3_str_appendall(t->out, ",\"state\":null}");
      rc = set_told(t, object->name, 1);
    }
  }
  seal_store_reset(row);
  sqlite3_free(copy);
  return rc;
}

/* 1 in *changed if an object has changed after a change. */
static int changed_since(SealTeller *t, const char *object, int64_t last, int *changed) {
  sqlite3_stmt *row;
  int rc = seal_store_row(seal_store(t->p), SQL_CHANGE_SINCE, &row, "it", last, object);
  *changed = rc == SQLITE_ROW;
  seal_store_reset(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/************************************************************************************************
** Which objects.
*/
/* A term refers to its agreement, and so does a VAL server. */
static int tell_term(SealTeller *t, const char *name, int ended) {
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  int could;
  if (copy == NULL) return SQLITE_NOMEM;
  (void)seal_name_split(copy, 3, parts);
  int rc = tell_of(t, parts[0], &seal_description_term, name, ended, &could);
  sqlite3_free(copy);
  return rc;
}

static int tell_val_server(SealTeller *t, const char *name, int ended) {
  sqlite3_stmt *row;
  char *copy = sqlite3_mprintf("%s", name), *parts[3];
  int could;
  if (copy == NULL) return SQLITE_NOMEM;
  (void)seal_name_split(copy, 1, parts);
  int rc = seal_store_row(seal_store(t->p), SQL_BUNDLE_VAL_SERVER_AGREEMENT, &row, "t", parts[0]);
  if (rc == SQLITE_ROW) {
    rc =
        tell_of(t, (const char *)sqlite3_column_text(row, BUNDLE_VAL_SERVER_AGREEMENT_AGREEMENT_ID),
                &seal_description_val_server, name, ended, &could);
  } else if (rc == SQLITE_DONE) {
    rc = tell(t, &seal_description_val_server, name, ended, 1, &could);
  }
  seal_store_reset(row);
  sqlite3_free(copy);
  return rc;
}

/* 1 if a policy is one of the SEAL service that is told. */
static int is_own_policy(const SealTeller *t, const char *name) {
  size_t n = strlen(t->seal_service);
  return strncmp(name, t->seal_service, n) == 0 && name[n] == '/';
}

int seal_tell(SealTeller *t, const SealTold *object, const SealCut *from, int64_t last) {
  const SealDescription *is = seal_told_relation(object->name);
  const SealCut start = {0, 0, 0};
  int could, changed = 0, rc = SQLITE_OK;
  t->cut = start;
  if (is == NULL) return SQLITE_OK; /* credentials, anchors, SEAL servers: told to nobody */
  const char *name = object->name + strlen(is->prefix);
  if (is == &seal_description_configuration) {
    if (from->stage) rc = changed_since(t, object->name, last, &changed);
    return rc == SQLITE_OK ? tell_configuration(t, object, name, changed ? &start : from) : rc;
  }
  if (is == &seal_description_term) return tell_term(t, name, object->ended);
  if (is == &seal_description_val_server) return tell_val_server(t, name, object->ended);
  if (is == &seal_description_agreement) return tell(t, is, name, object->ended, 1, &could);
  assert(is == &seal_description_policy);
  return is_own_policy(t, name) ? tell(t, is, name, 0, 1, &could) : SQLITE_OK;
}
